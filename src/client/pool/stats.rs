//! What the servers of a pool have done.

/// Whether a server of a pool can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerState {
    /// It answers.
    Up,
    /// It let a deadline pass and is asked whether it still answers; meanwhile it
    /// gets no new jobs.
    Checking,
    /// It is lost or was never reached, and is tried again after its backoff.
    Down,
}

/// One server of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStats {
    /// Its address as it was given.
    pub url: String,
    /// Whether it can be used.
    pub state: ServerState,
    /// Places taken, by jobs and by leases.
    pub in_flight: usize,
    /// Jobs that succeeded here.
    pub done: u64,
    /// Jobs that ended here with an error.
    pub failed: u64,
    /// Jobs that it lost and that went to another server.
    pub moved: u64,
    /// How often it was connected; more than once means that it was lost.
    pub connections: u64,
}

impl ServerStats {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            state: ServerState::Down,
            in_flight: 0,
            done: 0,
            failed: 0,
            moved: 0,
            connections: 0,
        }
    }

    pub(super) fn ended(&self) -> u64 {
        self.done + self.failed
    }
}

/// All servers of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// One per server, in the order in which they were named.
    pub servers: Vec<ServerStats>,
}

impl PoolStats {
    /// How many servers are up.
    pub fn up(&self) -> usize {
        let servers = self.servers.iter();
        servers.filter(|s| s.state == ServerState::Up).count()
    }

    /// Jobs that succeeded.
    pub fn done(&self) -> u64 {
        self.servers.iter().map(|s| s.done).sum()
    }

    /// Jobs that ended with an error on a server.
    pub fn failed(&self) -> u64 {
        self.servers.iter().map(|s| s.failed).sum()
    }

    /// Places taken.
    pub fn in_flight(&self) -> usize {
        self.servers.iter().map(|s| s.in_flight).sum()
    }
}
