//! How many requests may wait for their reply at once.
//!
//! Captures and commands are counted apart, so that frames in flight never keep a
//! camera from moving.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Error, ErrorKind};

/// A place among the requests in flight; given back when dropped.
pub(crate) type Permit = OwnedSemaphorePermit;

/// The places for one kind of request.
#[derive(Clone, Debug)]
pub(crate) struct InFlight {
    places: Arc<Semaphore>,
    limit: usize,
    what: &'static str,
}

impl InFlight {
    pub(crate) fn new(limit: usize, what: &'static str) -> Self {
        Self {
            places: Arc::new(Semaphore::new(limit)),
            limit,
            what,
        }
    }

    /// Takes a place if one is free.
    pub(crate) fn try_take(&self) -> Result<Permit, Error> {
        let place = self.places.clone().try_acquire_owned();
        place.map_err(|_| {
            let message = format!(
                "{} {} wait for their reply already; await one, use queue(), or raise the limit",
                self.limit, self.what
            );
            Error::new(ErrorKind::InFlightLimit, message)
        })
    }

    /// Waits for a place. Cancel safe.
    pub(crate) async fn take(&self) -> Result<Permit, Error> {
        let place = self.places.clone().acquire_owned().await;
        place.map_err(|_| Error::new(ErrorKind::Closed, "the client was closed"))
    }

    /// How many places are taken.
    pub(crate) fn taken(&self) -> usize {
        self.limit - self.places.available_permits()
    }

    /// Ends all waiting for places.
    pub(crate) fn close(&self) {
        self.places.close();
    }
}
