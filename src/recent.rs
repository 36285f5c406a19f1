//! The last few frames by their request, for those who only have its ID.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use event_listener::Event;

use crate::{Error, Frame, RequestId};

/// The frames of one request, or why there are none.
pub(crate) type Frames = Result<Vec<Arc<Frame>>, Error>;

/// What the last captures brought.
#[derive(Debug)]
pub(crate) struct Recent {
    capacity: usize,
    state: Mutex<State>,
    changed: Event,
}

#[derive(Debug, Default)]
struct State {
    /// Oldest first.
    kept: VecDeque<(RequestId, Frames)>,
    closed: Option<Error>,
}

impl Recent {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            state: Mutex::default(),
            changed: Event::new(),
        }
    }

    /// Keeps what a capture brought, and lets the oldest go.
    pub(crate) fn keep(&self, id: RequestId, frames: impl FnOnce() -> Frames) {
        if self.capacity == 0 {
            return;
        }
        let mut state = self.lock();
        if state.kept.len() == self.capacity {
            state.kept.pop_front();
        }
        state.kept.push_back((id, frames()));
        drop(state);
        self.changed.notify(usize::MAX);
    }

    /// Waits for what a request brings. Without end for an ID that never comes,
    /// or has gone already.
    pub(crate) async fn wait(&self, id: RequestId) -> Frames {
        loop {
            // Listen first: what is kept between look and wait is not missed.
            let changed = self.changed.listen();
            {
                let state = self.lock();
                let mut kept = state.kept.iter();
                if let Some((_, frames)) = kept.find(|(kept, _)| *kept == id) {
                    return frames.clone();
                }
                if let Some(error) = &state.closed {
                    return Err(error.clone());
                }
            }
            changed.await;
        }
    }

    /// Ends every wait with this error.
    pub(crate) fn close(&self, error: &Error) {
        self.lock().closed = Some(error.clone());
        self.changed.notify(usize::MAX);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
