//! Settings of a pool, validated once.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::join_all;

use super::{Inner, Pool, health::Health, shared::Shared, supervisor::supervise};
use crate::{Backoff, Client, ClientBuilder, Error, ErrorKind, ReconnectPolicy, session::LONGEST};

/// How many servers must answer for a pool to start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolStart {
    /// One; the others are tried again in the background.
    #[default]
    Any,
    /// All of them.
    All,
}

/// Settings of a pool, before it connects.
#[must_use = "a builder does nothing until connect() is awaited"]
pub struct PoolBuilder {
    urls: Vec<String>,
    settings: Box<dyn Fn(ClientBuilder) -> ClientBuilder + Send>,
    start: PoolStart,
    jobs_per_server: usize,
    backoff: Backoff,
    max_outage: Duration,
    max_sends: u32,
}

impl PoolBuilder {
    pub(super) fn new() -> Self {
        Self {
            urls: Vec::new(),
            settings: Box::new(|client| client),
            start: PoolStart::default(),
            jobs_per_server: 4,
            backoff: Backoff::default(),
            max_outage: Duration::from_secs(30),
            max_sends: 3,
        }
    }

    /// Adds a server, such as `http://127.0.0.1:50051`.
    pub fn server(mut self, url: impl Into<String>) -> Self {
        self.urls.push(url.into());
        self
    }

    /// Settings of the clients, applied to each server's. Default: those of
    /// [`Client::builder`]. What happens when a connection is lost is up to the
    /// pool, whatever is set here: waiting for one server would keep its work
    /// from the others.
    pub fn client(
        mut self,
        settings: impl Fn(ClientBuilder) -> ClientBuilder + Send + 'static,
    ) -> Self {
        self.settings = Box::new(settings);
        self
    }

    /// How many servers must answer at the start. Default: one.
    pub fn start(mut self, start: PoolStart) -> Self {
        self.start = start;
        self
    }

    /// How many jobs and leases a server has at once. Default 4: enough to keep
    /// its engine busy while frames are on their way.
    pub fn jobs_per_server(mut self, jobs: usize) -> Self {
        self.jobs_per_server = jobs;
        self
    }

    /// The waits before a lost server is tried again, counted for each by itself.
    /// Default [`Backoff::GRPC`]. They start over after a connection that lasted.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// How long a job waits for a server while none is up. Default 30 s; zero
    /// fails at once; beyond 34 years (2^30 s) it makes no difference.
    pub fn max_outage(mut self, limit: Duration) -> Self {
        self.max_outage = limit.min(LONGEST);
        self
    }

    /// How often a job is sent that may have run before, counting the first time.
    /// Default 3. It keeps a job that breaks servers from breaking all of them
    /// for ever.
    pub fn max_sends(mut self, sends: u32) -> Self {
        self.max_sends = sends;
        self
    }

    /// Connects to all servers at once, and returns when each has answered or
    /// failed to.
    ///
    /// Must be called within a tokio runtime. Cancel safe: dropping the future
    /// drops the attempts.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a setting that cannot work, and the error
    /// of the first server that failed when fewer are up than
    /// [`PoolStart`] demands.
    pub async fn connect(self) -> Result<Pool, Error> {
        self.validate()?;
        let settings: Vec<_> = self.urls.iter().map(|url| self.client_of(url)).collect();
        let attempts = settings.iter().cloned().map(ClientBuilder::connect);
        let attempts = join_all(attempts).await;
        self.check_start(&attempts)?;
        let shared = Arc::new(Shared::new(
            &self.urls,
            self.jobs_per_server,
            self.max_outage,
            self.max_sends,
        ));
        let supervisors = attempts.into_iter().zip(settings).enumerate();
        let supervisors = supervisors.map(|(index, (first, settings))| {
            // Known before the first job, not only when the task has run.
            shared.connected(index, &first);
            let health = Health::new(self.backoff);
            let task = supervise(shared.clone(), index, settings, health, first);
            tokio::spawn(task).abort_handle()
        });
        let supervisors = supervisors.collect();
        Ok(Pool {
            inner: Arc::new(Inner {
                shared,
                supervisors,
            }),
        })
    }

    fn client_of(&self, url: &str) -> ClientBuilder {
        (self.settings)(Client::builder(url)).reconnect(ReconnectPolicy::Never)
    }

    fn check_start(&self, attempts: &[Result<Client, Error>]) -> Result<(), Error> {
        let enough = match self.start {
            PoolStart::Any => attempts.iter().any(Result::is_ok),
            PoolStart::All => attempts.iter().all(Result::is_ok),
        };
        if enough {
            return Ok(());
        }
        let failed = attempts.iter().find_map(|attempt| attempt.as_ref().err());
        Err(failed.cloned().unwrap_or_else(no_server))
    }

    fn validate(&self) -> Result<(), Error> {
        let invalid = |message: &str| Err(Error::new(ErrorKind::InvalidInput, message));
        if self.urls.is_empty() {
            return Err(no_server());
        }
        if !(1..=1 << 16).contains(&self.jobs_per_server) {
            return invalid("jobs_per_server must be 1 to 65536");
        }
        if self.max_sends == 0 {
            return invalid("max_sends must be at least 1");
        }
        match self.backoff.unusable() {
            Some(why) => invalid(&why),
            None => Ok(()),
        }
    }
}

fn no_server() -> Error {
    let message = "the pool has no server; name at least one with server()";
    Error::new(ErrorKind::InvalidInput, message)
}

impl fmt::Debug for PoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBuilder")
            .field("urls", &self.urls)
            .field("start", &self.start)
            .field("jobs_per_server", &self.jobs_per_server)
            .field("backoff", &self.backoff)
            .field("max_outage", &self.max_outage)
            .field("max_sends", &self.max_sends)
            .finish_non_exhaustive()
    }
}
