//! The way to the engine: one queue and a thread that drains it, or, for those
//! who need everything in one thread, the engine itself.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    Engine, EngineError, PixelBuffers,
    clock::wall_clock,
    executor::{Executor, Ran, Runnable},
    faults::{self, FaultPlan, Wire},
    subscriptions::{Control, Sink},
};
use crate::{
    Command, ErrorCode, ServerInfo, ServerLimits, Subscription,
    wire::reply::{Failure, Meta},
};

/// Where the outcome of a request goes.
pub(super) trait Reply: Send + 'static {
    /// Whether the request should still be run.
    fn interest(&self) -> Interest;
    /// Where the images for it are best made.
    fn buffers(&self) -> PixelBuffers {
        PixelBuffers::heap()
    }
    /// Hands the outcome over; never blocks.
    fn send(self: Box<Self>, ran: Ran);
    /// The connection it goes over, where faults can be done to that.
    fn wire(&self) -> Option<&Arc<Wire>> {
        None
    }
    /// Never hands anything over. Whoever waits is left waiting.
    fn silence(self: Box<Self>);
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
    /// What it would run; a subscription as the capture set that it asks for.
    pub(super) fn commands(&self) -> Box<dyn Iterator<Item = Command> + '_> {
        match self {
            Self::Run(Runnable::One(command)) => Box::new(std::iter::once(command.clone())),
            Self::Run(Runnable::Batch(commands)) => Box::new(commands.iter().cloned()),
            Self::Subscribe(subscription, ..) => Box::new(std::iter::once(Command::CaptureSet(
                subscription.set.clone(),
            ))),
        }
    }

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

/// The way to the engine. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Host {
    way: Way,
    faults: Option<Arc<FaultPlan>>,
    pub(super) limits: ServerLimits,
}

#[derive(Clone)]
enum Way {
    Queue(SyncSender<Job>),
    /// Whoever asks runs the engine.
    Inline(Arc<Mutex<dyn Take>>),
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Queue(_) => "Queue",
            Self::Inline(_) => "Inline",
        })
    }
}

/// What an executor does for its host, whatever its engine.
trait Take: Send {
    /// Does a job; false when it was the last.
    fn take(&mut self, job: Job) -> bool;
}

impl<E: Engine> Take for Executor<E> {
    fn take(&mut self, job: Job) -> bool {
        match job {
            Job::Stop => return false,
            Job::Describe(reply) => {
                // Whoever asked may be gone.
                let _ = reply.send(self.describe());
            }
            Job::Run {
                work,
                received,
                reply,
            } => {
                if work.is_for(reply.interest()) {
                    perform(self, work, received, reply);
                }
            }
            Job::Credits => self.push_due(),
        }
        true
    }
}

fn lock(engine: &Mutex<dyn Take>) -> MutexGuard<'_, dyn Take + 'static> {
    // The executor catches the engine's panics by itself.
    engine.lock().unwrap_or_else(PoisonError::into_inner)
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

/// The thread of an engine; `None` where it has none.
#[derive(Debug)]
pub(super) struct EngineThread(Option<JoinHandle<()>>);

/// How an engine is run.
#[derive(Debug)]
pub(super) struct Hosting {
    pub(super) limits: ServerLimits,
    /// Room for waiting requests.
    pub(super) queue: usize,
    pub(super) paused: bool,
    /// Without a thread of its own.
    pub(super) inline: bool,
    pub(super) faults: Option<super::faults::Faults>,
}

impl Host {
    /// Starts running an engine.
    pub(super) fn start<E: Engine>(
        engine: E,
        hosting: Hosting,
    ) -> std::io::Result<(Self, EngineThread)> {
        let Hosting {
            limits,
            queue,
            paused,
            inline,
            faults,
        } = hosting;
        let faults = faults.map(|faults| Arc::new(FaultPlan::new(faults)));
        let make = move || Executor::new(engine, limits, paused, inline);
        let (way, thread) = if inline {
            (Way::Inline(Arc::new(Mutex::new(make()))), None)
        } else {
            let (jobs, waiting) = mpsc::sync_channel(queue);
            let thread = std::thread::Builder::new()
                .name("synthcap-engine".to_owned())
                .spawn(move || run(make(), &waiting))?;
            (Way::Queue(jobs), Some(thread))
        };
        let host = Self {
            way,
            faults,
            limits,
        };
        Ok((host, EngineThread(thread)))
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
        mut reply: Box<dyn Reply>,
    ) -> Result<(), (EngineError, Box<dyn Reply>)> {
        if let Some(plan) = &self.faults {
            match faults::strike(plan, &work, reply) {
                Some(left) => reply = left,
                None => return Ok(()),
            }
        }
        let job = Job::Run {
            work,
            received: wall_clock(),
            reply,
        };
        let (code, message, job) = match self.hand_over(job) {
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

    #[expect(
        clippy::result_large_err,
        reason = "a job that finds no place is given back whole"
    )]
    fn hand_over(&self, job: Job) -> Result<(), TrySendError<Job>> {
        match &self.way {
            Way::Queue(jobs) => jobs.try_send(job),
            Way::Inline(engine) => {
                lock(engine).take(job);
                Ok(())
            }
        }
    }

    /// A subscription has got credits, so that a capture may be owed to it.
    pub(super) fn credits_came(&self) {
        // A full queue will be looked through anyway, and subscriptions with it.
        let _ = self.hand_over(Job::Credits);
    }

    /// What the server says of itself; `None` while it stops or its queue is full.
    pub(super) async fn describe(&self) -> Option<ServerInfo> {
        let (sender, info) = oneshot::channel();
        self.hand_over(Job::Describe(sender)).ok()?;
        info.await.ok()
    }

    /// Asks the thread to end once the queue is empty.
    pub(super) fn stop(&self) {
        if let Way::Queue(jobs) = &self.way {
            // On a full queue this waits for the engine, so it must not be called
            // from a runtime's thread; a thread that is gone has stopped already.
            let _ = jobs.send(Job::Stop);
        }
    }
}

/// What is told of an error of the engine.
pub(super) fn failure(error: EngineError) -> Failure {
    Failure {
        code: error.code,
        message: error.message,
        batch_index: None,
    }
}

/// The circumstances of a request that never reached the engine.
pub(super) fn unexecuted() -> Meta {
    Meta {
        received: wall_clock(),
        sent: wall_clock(),
        ..Meta::default()
    }
}

impl EngineThread {
    /// Waits until the thread has ended.
    pub(super) fn join(self) {
        if let Some(thread) = self.0 {
            // A panic of the engine was caught and reported before.
            let _ = thread.join();
        }
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
            Ok(job) => {
                if !executor.take(job) {
                    return;
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
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
        Work::Run(runnable) => {
            let buffers = reply.buffers();
            reply.send(executor.run(runnable, received, buffers));
        }
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
