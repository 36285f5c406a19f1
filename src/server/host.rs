//! The engine thread: one queue in, answers out.

use std::{
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    Engine, EngineError,
    clock::wall_clock,
    executor::{Executor, Ran, Runnable},
    subscriptions::{Control, Sink},
};
use crate::{ErrorCode, ServerInfo, ServerLimits, Subscription};

/// Where the outcome of a request goes.
pub(super) trait Reply: Send + 'static {
    /// Whether the request should still be run.
    fn interest(&self) -> Interest;
    /// Hands the outcome over; never blocks.
    fn send(self: Box<Self>, ran: Ran);
}

/// Whether anybody wants a request's outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    Wanted,
    /// The client has left. What it commanded still counts, but a picture for
    /// nobody is work for nothing.
    Left,
    /// The client gave this request up.
    Cancelled,
}

/// Work for the engine thread.
pub(super) enum Work {
    Run(Runnable),
    Subscribe(Subscription, Arc<Control>, Box<dyn Sink>),
}

impl Work {
    fn is_for(&self, interest: Interest) -> bool {
        match interest {
            Interest::Wanted => true,
            Interest::Cancelled => false,
            Interest::Left => match self {
                Self::Run(Runnable::One(command)) => !command.is_capture(),
                Self::Run(Runnable::Batch(_)) => true,
                Self::Subscribe(..) => false,
            },
        }
    }
}

enum Job {
    Run {
        work: Work,
        received: Duration,
        reply: Box<dyn Reply>,
    },
    Describe(oneshot::Sender<ServerInfo>),
    /// A subscription has got credits.
    Credits,
    Stop,
}

/// The way to the engine thread. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Host {
    jobs: SyncSender<Job>,
    pub(super) limits: ServerLimits,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Run { .. } => "Run",
            Self::Describe(_) => "Describe",
            Self::Credits => "Credits",
            Self::Stop => "Stop",
        })
    }
}

/// The thread of an engine.
#[derive(Debug)]
pub(super) struct EngineThread(JoinHandle<()>);

impl Host {
    /// Starts the thread of an engine, with room for this many waiting requests.
    pub(super) fn start<E: Engine>(
        engine: E,
        limits: ServerLimits,
        queue: usize,
        paused: bool,
    ) -> std::io::Result<(Self, EngineThread)> {
        let (jobs, waiting) = mpsc::sync_channel(queue);
        let thread = std::thread::Builder::new()
            .name("synthcap-engine".to_owned())
            .spawn(move || run(Executor::new(engine, limits, paused), &waiting))?;
        Ok((Self { jobs, limits }, EngineThread(thread)))
    }

    /// Queues a request.
    ///
    /// # Errors
    ///
    /// When the queue is full or the server is stopping; then the reply is given
    /// back.
    pub(super) fn submit(
        &self,
        work: Work,
        reply: Box<dyn Reply>,
    ) -> Result<(), (EngineError, Box<dyn Reply>)> {
        let job = Job::Run {
            work,
            received: wall_clock(),
            reply,
        };
        let (code, message, job) = match self.jobs.try_send(job) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(job)) => {
                let message = "the server's queue is full; try again later";
                (ErrorCode::ResourceExhausted, message, job)
            }
            Err(TrySendError::Disconnected(job)) => {
                (ErrorCode::Unavailable, "the server is stopping", job)
            }
        };
        match job {
            Job::Run { reply, .. } => Err((EngineError::new(code, message), reply)),
            Job::Describe(_) | Job::Credits | Job::Stop => Ok(()),
        }
    }

    /// A subscription has got credits, so that a capture may be owed to it.
    pub(super) fn credits_came(&self) {
        // A full queue will be looked through anyway, and subscriptions with it.
        let _ = self.jobs.try_send(Job::Credits);
    }

    /// What the server says of itself; `None` while it stops or its queue is full.
    pub(super) async fn describe(&self) -> Option<ServerInfo> {
        let (sender, info) = oneshot::channel();
        self.jobs.try_send(Job::Describe(sender)).ok()?;
        info.await.ok()
    }

    /// Asks the thread to end once the queue is empty.
    pub(super) fn stop(&self) {
        // On a full queue this waits for the engine, so it must not be called
        // from a runtime's thread; a thread that is gone has stopped already.
        let _ = self.jobs.send(Job::Stop);
    }
}

impl EngineThread {
    /// Waits until the thread has ended.
    pub(super) fn join(self) {
        // A panic of the engine was caught and reported before.
        let _ = self.0.join();
    }
}

fn run<E: Engine>(mut executor: Executor<E>, jobs: &Receiver<Job>) {
    let mut due = Instant::now();
    loop {
        let interval = executor.tick_interval();
        let job = match interval {
            None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(_) => jobs.recv_timeout(due.saturating_duration_since(Instant::now())),
        };
        match job {
            Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(Job::Describe(reply)) => {
                // Whoever asked may be gone.
                let _ = reply.send(executor.describe());
            }
            Ok(Job::Run {
                work,
                received,
                reply,
            }) => {
                if work.is_for(reply.interest()) {
                    perform(&mut executor, work, received, reply);
                }
            }
            Ok(Job::Credits) => executor.push_due(),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(interval) = interval
            && Instant::now() >= due
        {
            // An engine that panics pauses itself; there is nobody to tell here.
            let _ = executor.tick();
            // Without bursts: ticks that came too late are not caught up.
            due = (due + interval).max(Instant::now());
        } else if interval.is_none() {
            due = Instant::now();
        }
    }
}

fn perform<E: Engine>(
    executor: &mut Executor<E>,
    work: Work,
    received: Duration,
    reply: Box<dyn Reply>,
) {
    match work {
        Work::Run(runnable) => reply.send(executor.run(runnable, received)),
        Work::Subscribe(subscription, control, sink) => {
            reply.send(executor.subscribe(subscription, control, sink, received));
            // The first capture comes after the reply.
            executor.push_due();
        }
    }
}

/// The limits of a server that says nothing else.
pub(super) const DEFAULT_LIMITS: ServerLimits = ServerLimits {
    max_width: 8192,
    max_height: 8192,
    max_message_bytes: 4 << 20,
    max_in_flight: 1024,
    max_batch_items: 1024,
    max_set_images: 64,
    max_subscriptions: 256,
};
