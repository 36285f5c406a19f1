//! Which servers are up, and who may use them.

use std::{
    fmt,
    ops::Deref,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::stats::{PoolStats, ServerState, ServerStats};
use crate::{Client, Error, ErrorKind};

/// What all handles, leases and supervisors of a pool share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Somebody who waits for a place may find one now.
    changed: Notify,
    /// Per server: its supervisor should look at the state.
    pub(super) look: Vec<Notify>,
    places: usize,
    max_outage: Duration,
    pub(super) max_sends: u32,
}

#[derive(Debug)]
struct State {
    servers: Vec<Server>,
    closed: bool,
}

#[derive(Debug)]
struct Server {
    client: Option<Client>,
    /// Tells reports about this connection from those about an older one.
    connection: u64,
    last_error: Option<Error>,
    stats: ServerStats,
}

enum Picked {
    Lease(Lease),
    /// Servers are up, but full.
    Full,
    Down(Error),
    Closed,
}

impl Shared {
    pub(super) fn new(
        urls: &[String],
        places: usize,
        max_outage: Duration,
        max_sends: u32,
    ) -> Self {
        let servers = urls.iter().map(|url| Server {
            client: None,
            connection: 0,
            last_error: None,
            stats: ServerStats::new(url),
        });
        Self {
            state: Mutex::new(State {
                servers: servers.collect(),
                closed: false,
            }),
            changed: Notify::new(),
            look: urls.iter().map(|_| Notify::new()).collect(),
            places,
            max_outage,
            max_sends,
        }
    }

    /// Most jobs that can run at once.
    pub(super) fn total_places(&self) -> usize {
        self.places * self.look.len()
    }

    /// Takes a place on the server with the most room, waiting for one. Cancel
    /// safe.
    pub(super) async fn acquire(self: &Arc<Self>) -> Result<Lease, Error> {
        let mut give_up = None;
        loop {
            // Listen first: what changes between look and wait is not missed.
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            match self.pick() {
                Picked::Lease(lease) => return Ok(lease),
                Picked::Closed => return Err(closed()),
                Picked::Full => {
                    give_up = None;
                    changed.await;
                }
                Picked::Down(error) => {
                    let limit = *give_up.get_or_insert(Instant::now() + self.max_outage);
                    if timeout_at(limit, changed).await.is_err() {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Takes a place if one is free.
    pub(super) fn try_acquire(self: &Arc<Self>) -> Result<Lease, Error> {
        match self.pick() {
            Picked::Lease(lease) => Ok(lease),
            Picked::Closed => Err(closed()),
            Picked::Down(error) => Err(error),
            Picked::Full => {
                let message = "every server of the pool has as many jobs as allowed; \
                               use acquire() to wait, or raise the limit";
                Err(Error::new(ErrorKind::InFlightLimit, message))
            }
        }
    }

    fn pick(self: &Arc<Self>) -> Picked {
        let mut state = self.lock();
        if state.closed {
            return Picked::Closed;
        }
        let mut up = false;
        let mut best = None;
        for (index, server) in state.servers.iter().enumerate() {
            up |= server.stats.state != ServerState::Down;
            let (busy, ended) = (server.stats.in_flight, server.stats.ended());
            let room = server.stats.state == ServerState::Up && busy < self.places;
            if room && best.is_none_or(|(least, _)| (busy, ended) < least) {
                best = Some(((busy, ended), index));
            }
        }
        let Some((_, index)) = best else {
            return if up {
                Picked::Full
            } else {
                Picked::Down(all_down(&state.servers))
            };
        };
        let server = &mut state.servers[index];
        let Some(client) = server.client.clone() else {
            return Picked::Full;
        };
        server.stats.in_flight += 1;
        Picked::Lease(Lease {
            shared: self.clone(),
            index,
            connection: server.connection,
            client,
        })
    }

    /// An attempt to connect has ended.
    pub(super) fn connected(&self, index: usize, attempt: &Result<Client, Error>) {
        match attempt {
            Ok(client) => self.up(index, client.clone()),
            Err(error) => self.down(index, error.clone()),
        }
    }

    fn up(&self, index: usize, client: Client) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let server = &mut state.servers[index];
        server.connection += 1;
        server.client = Some(client);
        server.stats.state = ServerState::Up;
        server.stats.connections += 1;
        drop(state);
        self.changed.notify_waiters();
    }

    /// A server is lost, or could not be reached.
    pub(super) fn down(&self, index: usize, error: Error) {
        let mut state = self.lock();
        let server = &mut state.servers[index];
        tracing::debug!(url = server.stats.url, %error, "a server of the pool is down");
        server.client = None;
        server.stats.state = ServerState::Down;
        server.last_error = Some(error);
        drop(state);
        // Those who wait for a place now wait for a server.
        self.changed.notify_waiters();
    }

    pub(super) fn state_of(&self, index: usize) -> ServerState {
        self.lock().servers[index].stats.state
    }

    /// Waits until this many servers are up. Cancel safe.
    pub(super) async fn wait_for(&self, count: usize) -> Result<(), Error> {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let stats = self.stats();
            if self.lock().closed {
                return Err(closed());
            }
            if stats.up() >= count.min(stats.servers.len()) {
                // A place that was announced to this waiter is for another.
                self.changed.notify_one();
                return Ok(());
            }
            changed.await;
        }
    }

    pub(super) fn stats(&self) -> PoolStats {
        let state = self.lock();
        let servers = state.servers.iter();
        PoolStats {
            servers: servers.map(|server| server.stats.clone()).collect(),
        }
    }

    /// Ends all waiting; the clients, to be closed.
    pub(super) fn close(&self) -> Vec<Client> {
        let mut state = self.lock();
        state.closed = true;
        let servers = state.servers.iter_mut();
        let clients = servers.filter_map(|server| {
            server.stats.state = ServerState::Down;
            server.client.take()
        });
        let clients = clients.collect();
        drop(state);
        self.changed.notify_waiters();
        clients
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the pool was closed")
}

fn all_down(servers: &[Server]) -> Error {
    let message = format!("none of the {} servers of the pool is up", servers.len());
    let last = servers.iter().rev().find_map(|s| s.last_error.clone());
    match last {
        Some(last) => Error::with_source(ErrorKind::Unreachable, message, last),
        None => Error::new(ErrorKind::Unreachable, message),
    }
}

/// A place on one server of a [`Pool`](super::Pool), and the [`Client`] to use it
/// with. Dropping it gives the place back.
pub struct Lease {
    shared: Arc<Shared>,
    index: usize,
    connection: u64,
    client: Client,
}

impl Lease {
    /// Which server this is: its place in the order in which they were named.
    pub fn server(&self) -> usize {
        self.index
    }

    /// A job ended here.
    pub(super) fn ended(self, success: bool) {
        let mut state = self.shared.lock();
        let stats = &mut state.servers[self.index].stats;
        if success {
            stats.done += 1;
        } else {
            stats.failed += 1;
        }
    }

    /// A job was taken away from here, because the server is lost.
    pub(super) fn moved(self) {
        self.shared.lock().servers[self.index].stats.moved += 1;
    }

    /// The server failed this job as only a lost one does. No other job should
    /// find it in the moment before its supervisor notices.
    pub(super) fn report_lost(&self, error: &Error) {
        self.set_aside(ServerState::Down, error);
    }

    /// The server did not answer in time. It gets no other job until it has shown
    /// that it answers at all.
    pub(super) fn report_overdue(&self, error: &Error) {
        self.set_aside(ServerState::Checking, error);
    }

    fn set_aside(&self, how: ServerState, error: &Error) {
        let mut state = self.shared.lock();
        let server = &mut state.servers[self.index];
        if server.connection != self.connection || server.stats.state == ServerState::Down {
            return;
        }
        server.stats.state = how;
        server.last_error = Some(error.clone());
        drop(state);
        self.shared.look[self.index].notify_one();
        self.shared.changed.notify_waiters();
    }
}

impl Deref for Lease {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.shared.lock().servers[self.index].stats.in_flight -= 1;
        self.shared.changed.notify_one();
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("server", &self.index)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
