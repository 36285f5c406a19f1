//! Several servers as one.

mod config;
mod health;
mod run;
mod shared;
mod stats;
mod supervisor;

use std::sync::Arc;

pub use config::{PoolBuilder, PoolStart};
pub use run::{PoolResults, Rerun};
pub use shared::Lease;
use shared::Shared;
pub use stats::{PoolStats, ServerState, ServerStats};
use tokio::task::AbortHandle;

use crate::Error;

/// Connections to several servers, used as one. Cloning is cheap; when the last
/// clone is dropped the connections end in the background.
///
/// Each server has a supervisor that connects it again after a backoff of its
/// own, so a server that returns at its address is used again. [`run`](Self::run)
/// spreads jobs over all servers; [`acquire`](Self::acquire) lends one out for
/// anything else.
///
/// Servers differ: a camera made on one is not on the others, and moments and
/// ticks of two servers cannot be compared.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let server = synthcap_sim::serve(synthcap_sim::SimConfig::small()).await?;
/// use synthcap::Pool;
///
/// let pool = Pool::builder().server(server.url()).connect().await?;
/// let lease = pool.acquire().await?;
/// let image = lease.default_camera().rgb().await?;
/// assert_eq!(pool.stats().in_flight(), 1);
/// drop(lease);
/// assert_eq!(pool.stats().in_flight(), 0);
/// # pool.close().await;
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Pool {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    supervisors: Vec<AbortHandle>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Inner {
    fn stop(&self) -> Vec<crate::Client> {
        self.supervisors.iter().for_each(AbortHandle::abort);
        self.shared.close()
    }
}

impl Pool {
    /// Settings for a pool.
    pub fn builder() -> PoolBuilder {
        PoolBuilder::new()
    }

    /// Takes a place on the server with the most room, waiting for one while all
    /// are full. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`Unreachable`](crate::ErrorKind::Unreachable) when no server was up for
    /// as long as [`max_outage`](PoolBuilder::max_outage) allows, and
    /// [`Closed`](crate::ErrorKind::Closed) after the pool was closed.
    pub async fn acquire(&self) -> Result<Lease, Error> {
        self.inner.shared.acquire().await
    }

    /// As [`acquire`](Self::acquire), but never waits.
    ///
    /// # Errors
    ///
    /// Those too, and [`InFlightLimit`](crate::ErrorKind::InFlightLimit) when
    /// every server that is up is full.
    pub fn try_acquire(&self) -> Result<Lease, Error> {
        self.inner.shared.try_acquire()
    }

    /// Waits until this many servers are up, at most all of them. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) when the pool is closed.
    pub async fn wait_for(&self, servers: usize) -> Result<(), Error> {
        self.inner.shared.wait_for(servers).await
    }

    /// What each server has done and how it is.
    pub fn stats(&self) -> PoolStats {
        self.inner.shared.stats()
    }

    /// Ends all connections, also those of leases and of other clones, and waits
    /// until that is done. Jobs that still run end with an error that says
    /// whether they were sent.
    pub async fn close(self) {
        for client in self.inner.stop() {
            // One that was lost before has nothing left to close.
            let _ = client.close().await;
        }
    }
}
