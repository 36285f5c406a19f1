//! The end of a session, however it comes.

use std::sync::Arc;

use tokio::sync::watch;

use super::{InFlight, hub::Hub};
use crate::{Error, ErrorKind};

/// Ends all waiting, whatever it was that ended the session: dropping it does so,
/// also when the task is stopped with its runtime, or by a panic.
pub(super) struct Ending {
    hub: Arc<Hub>,
    limits: [InFlight; 2],
    ended: watch::Sender<Option<Error>>,
    /// `None` for an end that nobody planned.
    reason: Option<Error>,
}

impl Ending {
    pub(super) fn new(
        hub: Arc<Hub>,
        limits: [InFlight; 2],
        ended: watch::Sender<Option<Error>>,
    ) -> Self {
        Self {
            hub,
            limits,
            ended,
            reason: None,
        }
    }

    /// The end that comes is meant to.
    pub(super) fn plan(&mut self, reason: Error) {
        self.reason = Some(reason);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let reason = self.reason.take();
        // First, so that whoever is woken finds the reason. Receivers may all be
        // gone; then nobody needs to know.
        if reason.is_some() {
            let _ = self.ended.send(reason.clone());
        }
        let stopped = || Error::new(ErrorKind::Closed, "the session's task was stopped");
        self.hub.close(&reason.unwrap_or_else(stopped));
        self.limits.iter().for_each(InFlight::close);
    }
}
