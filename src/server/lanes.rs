//! Streams by the names that their clients gave them, so that a second call can
//! take over the replies to commands.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::outbox::{WeakWriter, Writer};

/// The longest name that is kept.
const LONGEST: usize = 64;

/// The named streams of a server. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Lanes(Arc<Mutex<HashMap<String, WeakWriter>>>);

impl Lanes {
    /// Remembers a stream for as long as it lives.
    pub(super) fn name(&self, name: &str, writer: &WeakWriter) {
        if name.is_empty() || name.len() > LONGEST {
            return;
        }
        let mut named = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        named.retain(|_, writer| writer.upgrade().is_some());
        named.insert(name.to_owned(), writer.clone());
    }

    /// The stream with this name. A name serves once.
    pub(super) fn take(&self, name: &str) -> Option<Writer> {
        let mut named = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        named.remove(name)?.upgrade()
    }
}
