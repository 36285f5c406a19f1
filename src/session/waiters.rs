//! Those who wait for replies.

use std::time::Instant;

use tokio::sync::oneshot;

use super::{Outcome, Permit, burst::Join};
use crate::{Error, RequestId};

/// Who waits for one reply: whoever made the request, and those whose earlier
/// requests it took the place of.
#[derive(Debug)]
pub(crate) struct Waiters {
    /// `None` after it gave up while the others still wait.
    pub(super) own: Option<Waiter>,
    pub(super) earlier: Vec<(RequestId, Waiter)>,
}

impl From<Waiter> for Waiters {
    fn from(own: Waiter) -> Self {
        Self {
            own: Some(own),
            earlier: Vec::new(),
        }
    }
}

impl Join for Waiters {
    fn join(&mut self, id: RequestId, mut earlier: Self) {
        self.earlier.append(&mut earlier.earlier);
        self.earlier.extend(earlier.own.map(|own| (id, own)));
    }
}

impl Waiters {
    /// Takes out whoever made the request, if others wait for the same reply.
    pub(super) fn part(&mut self) -> Option<Waiter> {
        self.own.take_if(|_| !self.earlier.is_empty())
    }
}

/// Someone who waits for a reply, and the place in flight that it holds.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) reply: oneshot::Sender<Result<Outcome, Error>>,
    pub(crate) permit: Permit,
    pub(crate) since: Instant,
    /// Open from the call to the reply; holds the request's ID.
    pub(crate) span: tracing::Span,
}
