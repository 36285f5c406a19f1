//! Jobs that go to whichever server has room, and to another when that is lost.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{Stream, StreamExt, stream};

use super::{
    Pool,
    health::{self, Verdict},
    shared::{Lease, Shared},
};
use crate::{Client, Error, ErrorKind, Request};

/// Whether a job of several requests may run again after the server that ran it
/// was lost. A job that is one [`Request`] knows that by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rerun {
    /// Not again: it ends with [`ErrorKind::OutcomeUnknown`]. For jobs that
    /// spawn, destroy, step or reset.
    Never,
    /// From its beginning, on another server. For jobs that leave the same behind
    /// when run twice or in part: captures, queries, absolute setters, or work
    /// that begins with a reset.
    FromStart,
}

/// The results of jobs, in the order of the jobs.
#[must_use = "jobs run only while their results are read"]
pub struct PoolResults<T> {
    results: Pin<Box<dyn Stream<Item = Result<T, Error>> + Send>>,
}

impl<T> std::fmt::Debug for PoolResults<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoolResults").finish_non_exhaustive()
    }
}

impl<T> PoolResults<T> {
    /// The next result; `None` after the last. Cancel safe.
    ///
    /// # Errors
    ///
    /// The job's own error; the others go on.
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        self.results.next().await
    }

    /// All results, one per job.
    pub async fn all(self) -> Vec<Result<T, Error>> {
        self.results.collect().await
    }
}

impl<T> Stream for PoolResults<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.results.as_mut().poll_next(cx)
    }
}

impl Pool {
    /// Runs jobs that are one request each, spread over all servers, and gives
    /// their results in order. `pool.run(jobs).all().await` waits for everything;
    /// reading one by one holds back the jobs to come, so that memory stays
    /// bounded however many there are.
    ///
    /// Each job ends exactly once. When its server is lost it goes to another one
    /// if it was not sent or does no harm twice; otherwise it ends with
    /// [`ErrorKind::OutcomeUnknown`]. That makes a job a function of the client:
    /// it may be called more than once. While no server is up, jobs wait as long
    /// as [`max_outage`](super::PoolBuilder::max_outage) says.
    ///
    /// Jobs of one server run side by side, so a job must not rely on what
    /// another one set; put such things into one batch.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let first = synthcap_sim::serve(synthcap_sim::SimConfig::small()).await?;
    /// # let second = synthcap_sim::serve(synthcap_sim::SimConfig::small()).await?;
    /// use synthcap::{Client, Pool};
    ///
    /// let pool = Pool::builder()
    ///     .server(first.url())
    ///     .server(second.url())
    ///     .connect()
    ///     .await?;
    /// let jobs = (0..20).map(|_| |client: &Client| client.default_camera().rgb());
    /// let images = pool.run(jobs).all().await;
    /// assert_eq!(images.len(), 20);
    /// assert!(images.iter().all(Result::is_ok));
    /// assert!(pool.stats().servers.iter().all(|server| server.done > 0));
    /// # pool.close().await;
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn run<J, F, T>(&self, jobs: J) -> PoolResults<T>
    where
        J: IntoIterator<Item = F, IntoIter: Send + 'static>,
        F: Fn(&Client) -> Request<T> + Send + 'static,
        T: Send + 'static,
    {
        self.spread(jobs, |shared, job| async move {
            let attempt = move |lease: Lease| {
                let request = job(&lease);
                async move {
                    let result = request_on(request).await;
                    (lease, result)
                }
            };
            run_one(&shared, attempt).await
        })
    }

    /// As [`run`](Self::run), for jobs that are more than one request. What is
    /// lost with a server is run again only if `rerun` allows it.
    pub fn run_tasks<J, F, R, T>(&self, rerun: Rerun, jobs: J) -> PoolResults<T>
    where
        J: IntoIterator<Item = F, IntoIter: Send + 'static>,
        F: Fn(Client) -> R + Send + 'static,
        R: Future<Output = Result<T, Error>> + Send + 'static,
        T: Send + 'static,
    {
        self.spread(jobs, move |shared, job| async move {
            let attempt = move |lease: Lease| {
                let task = job(Client::clone(&lease));
                async move {
                    let result = task.await.map_err(|error| {
                        let again = rerun == Rerun::FromStart;
                        let verdict = health::of_task(error.kind(), again);
                        (verdict, error)
                    });
                    (lease, result)
                }
            };
            run_one(&shared, attempt).await
        })
    }

    fn spread<J, F, R, T>(
        &self,
        jobs: J,
        run: impl Fn(Arc<Shared>, F) -> R + Send + 'static,
    ) -> PoolResults<T>
    where
        J: IntoIterator<Item = F, IntoIter: Send + 'static>,
        F: Send + 'static,
        R: Future<Output = Result<T, Error>> + Send + 'static,
        T: Send + 'static,
    {
        let shared = self.inner.shared.clone();
        // Twice the places, so that a slow job at the front does not leave
        // servers idle at once.
        let ahead = 2 * shared.total_places();
        let started = stream::iter(jobs).map(move |job| run(shared.clone(), job));
        PoolResults {
            results: Box::pin(started.buffered(ahead)),
        }
    }
}

async fn request_on<T>(request: Request<T>) -> Result<T, (Verdict, Error)> {
    let idempotent = request.is_idempotent();
    let judge = |asked| {
        move |error: Error| {
            let verdict = health::of_request(error.kind(), asked, idempotent);
            (verdict, error)
        }
    };
    let ticket = request.queue().await.map_err(judge(false))?;
    ticket.await.map_err(judge(true))
}

/// Runs attempts, each on a server of its own, until one decides.
async fn run_one<T, R>(shared: &Arc<Shared>, attempt: impl Fn(Lease) -> R) -> Result<T, Error>
where
    R: Future<Output = (Lease, Result<T, (Verdict, Error)>)>,
{
    let mut sends = 0;
    loop {
        let lease = shared.acquire().await;
        let lease = lease.map_err(|error| without_server(sends, error))?;
        let (lease, result) = attempt(lease).await;
        let (verdict, error) = match result {
            Ok(value) => {
                lease.ended(true);
                return Ok(value);
            }
            Err(failure) => failure,
        };
        match verdict {
            Verdict::Final => {}
            Verdict::Overdue => lease.report_overdue(&error),
            Verdict::Unknown | Verdict::MoveSent | Verdict::MoveUnsent => lease.report_lost(&error),
        }
        sends += u32::from(verdict == Verdict::MoveSent);
        match verdict {
            Verdict::MoveUnsent => lease.moved(),
            // A job that takes every server down with it must end some time.
            Verdict::MoveSent if sends < shared.max_sends => lease.moved(),
            Verdict::Unknown | Verdict::MoveSent => {
                lease.ended(false);
                return Err(unknown(error));
            }
            Verdict::Final | Verdict::Overdue => {
                lease.ended(false);
                return Err(error);
            }
        }
    }
}

fn unknown(error: Error) -> Error {
    if error.kind() == ErrorKind::OutcomeUnknown {
        return error;
    }
    let message = "the server was lost while the job ran; it may have taken effect or not";
    Error::with_source(ErrorKind::OutcomeUnknown, message, error)
}

/// The pool gave up while the job waited for a server.
fn without_server(sends: u32, error: Error) -> Error {
    let (kind, message) = if sends > 0 {
        let message = "its server was lost, and no other could be had";
        (ErrorKind::OutcomeUnknown, message)
    } else {
        (ErrorKind::NotSent, "no server could be had")
    };
    Error::with_source(kind, message, error)
}
