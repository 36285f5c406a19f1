//! The engine thread: one queue in, answers out.

use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    Engine, EngineError,
    clock::wall_clock,
    executor::{Executor, Ran},
};
use crate::{ErrorCode, ServerInfo, ServerLimits, wire::request::Asked};

/// Where the outcome of a request goes.
pub(super) trait Reply: Send + 'static {
    /// False when nobody is there to read it any more.
    fn is_wanted(&self) -> bool;
    /// Hands the outcome over; never blocks.
    fn send(self: Box<Self>, ran: Ran);
}

enum Job {
    Run {
        asked: Asked,
        received: Duration,
        reply: Box<dyn Reply>,
    },
    Describe(oneshot::Sender<ServerInfo>),
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
        asked: Asked,
        reply: Box<dyn Reply>,
    ) -> Result<(), (EngineError, Box<dyn Reply>)> {
        let job = Job::Run {
            asked,
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
            Job::Describe(_) | Job::Stop => Ok(()),
        }
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
                asked,
                received,
                reply,
            }) => {
                // A picture for nobody is work for nothing; commands still count.
                if reply.is_wanted() || !is_only_reading(&asked) {
                    reply.send(executor.run(asked, received));
                }
            }
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

fn is_only_reading(asked: &Asked) -> bool {
    match asked {
        Asked::One(command) => command.is_capture(),
        Asked::Batch(_) => false,
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
};
