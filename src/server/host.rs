//! The way to the engine: one queue and a thread that drains it, or, for those
//! who need everything in one thread, the engine itself.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    Engine, EngineError, PixelBuffers,
    clock::wall_clock,
    encode::Encoders,
    executor::{Executor, Ran, Runnable},
    faults::{self, FaultPlan, Wire},
    outbox::Writer,
    queue::{Receiver, Refusal, Sender, queue},
    subscriptions::{Control, Sink},
};
use crate::{
    Capability, Command, ErrorCode, ServerInfo, ServerLimits, Subscription, wire::reply::Meta,
};

/// Where the outcome of a request goes.
pub(super) trait Reply: Send + 'static {
    /// Whether the request should still be run.
    fn interest(&self) -> Interest;
    /// Where the images for it are best made.
    fn buffers(&self) -> PixelBuffers {
        PixelBuffers::heap()
    }
    /// Hands the outcome over; never blocks. What is given back is to be flushed:
    /// at once before anything that takes time, else with what follows.
    fn send(self: Box<Self>, ran: Ran) -> Option<Writer>;
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

    /// Whether an engine may be busy with it for a while.
    fn takes_time(&self) -> bool {
        match self {
            Self::Run(Runnable::One(command)) => {
                command.is_capture() || matches!(command, Command::Step { .. })
            }
            Self::Run(Runnable::Batch(_)) | Self::Subscribe(..) => true,
        }
    }
}

/// Something to do for the engine.
pub(super) enum Job {
    Run {
        work: Work,
        received: Duration,
        reply: Box<dyn Reply>,
    },
    Describe(oneshot::Sender<Result<ServerInfo, EngineError>>),
    /// Only wakes the engine's thread, which looks whether pushes are wanted.
    Wake,
    Stop,
}

/// The way to the engine. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Host {
    way: Way,
    faults: Option<Arc<FaultPlan>>,
    pub(super) limits: ServerLimits,
    pub(super) encoders: Encoders,
}

#[derive(Clone)]
enum Way {
    /// And whether the engine is to look for pushes when it has emptied the queue.
    Queue(Sender<Job>, Arc<AtomicBool>),
    /// Whoever asks runs the engine.
    Inline(Arc<Mutex<dyn Take>>),
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Queue(..) => "Queue",
            Self::Inline(_) => "Inline",
        })
    }
}

/// What an executor does for its host, whatever its engine.
trait Take: Send {
    /// Does a job; false when it was the last.
    fn take(&mut self, job: Job, held: &mut Held) -> bool;
    /// Makes the pushes that are owed and possible now.
    fn push(&mut self);
}

impl<E: Engine> Take for Executor<E> {
    fn push(&mut self) {
        self.push_due();
    }

    fn take(&mut self, job: Job, held: &mut Held) -> bool {
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
                    perform(self, work, received, reply, held);
                }
            }
            Job::Wake => {}
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
            Self::Wake => "Wake",
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
            queue: capacity,
            paused,
            inline,
            faults,
        } = hosting;
        let faults = faults.map(|faults| Arc::new(FaultPlan::new(faults)));
        let make = move || Executor::new(engine, limits, paused, inline);
        let (way, thread) = if inline {
            (Way::Inline(Arc::new(Mutex::new(make()))), None)
        } else {
            let (jobs, waiting) = queue(capacity);
            let pushes = Arc::new(AtomicBool::new(false));
            let wanted = pushes.clone();
            let thread = std::thread::Builder::new()
                .name("synthcap-engine".to_owned())
                .spawn(move || run(make(), &waiting, &wanted))?;
            (Way::Queue(jobs, pushes), Some(thread))
        };
        let host = Self {
            way,
            faults,
            limits,
            encoders: Encoders::default(),
        };
        Ok((host, EngineThread(thread)))
    }

    /// Queues a request.
    ///
    /// # Errors
    ///
    /// When the queue is full or the server is stopping.
    pub(super) fn submit(&self, work: Work, reply: Box<dyn Reply>) -> Result<(), EngineError> {
        let mut jobs = self.job(work, reply).into_iter().collect();
        self.submit_all(&mut jobs)
    }

    /// A request as a job; `None` when a fault has dealt with it.
    pub(super) fn job(&self, work: Work, mut reply: Box<dyn Reply>) -> Option<Job> {
        if let Some(plan) = &self.faults {
            reply = faults::strike(plan, &work, reply)?;
        }
        Some(Job::Run {
            work,
            received: wall_clock(),
            reply,
        })
    }

    /// Queues requests, in order.
    ///
    /// # Errors
    ///
    /// When the queue is full or the server is stopping; then `jobs` keeps those
    /// that were refused.
    pub(super) fn submit_all(&self, jobs: &mut Vec<Job>) -> Result<(), EngineError> {
        self.hand_over(jobs).map_err(|refusal| match refusal {
            Refusal::Full => {
                let message = "the server's queue is full; try again later";
                EngineError::new(ErrorCode::ResourceExhausted, message)
            }
            Refusal::Closed => EngineError::new(ErrorCode::Unavailable, "the server is stopping"),
        })
    }

    fn hand_over(&self, jobs: &mut Vec<Job>) -> Result<(), Refusal> {
        match &self.way {
            Way::Queue(queue, _) => queue.push_all(jobs),
            Way::Inline(engine) => {
                let (mut engine, mut held) = (lock(engine), Held::default());
                for job in jobs.drain(..) {
                    engine.take(job, &mut held);
                }
                held.flush();
                Ok(())
            }
        }
    }

    /// A subscription has got credits or a place, so that a capture may be owed to it.
    pub(super) fn look_for_pushes(&self) {
        match &self.way {
            Way::Queue(queue, wanted) => {
                if !wanted.swap(true, Ordering::AcqRel) {
                    // A full queue keeps the engine awake just as well.
                    let _ = queue.push_all(&mut vec![Job::Wake]);
                }
            }
            Way::Inline(engine) => lock(engine).push(),
        }
    }

    /// What the server says of itself.
    ///
    /// # Errors
    ///
    /// When it stops, its queue is full, or the engine panics.
    pub(super) async fn describe(&self) -> Result<ServerInfo, EngineError> {
        let (sender, info) = oneshot::channel();
        let unavailable = || {
            let message = "the server is stopping or full";
            EngineError::new(ErrorCode::Unavailable, message)
        };
        let asked = self.hand_over(&mut vec![Job::Describe(sender)]);
        asked.map_err(|_| unavailable())?;
        let mut info = info.await.unwrap_or_else(|_| Err(unavailable()))?;
        if self.separates_replies() {
            info.capabilities.push(Capability::SeparateReplies);
        }
        Ok(info)
    }

    /// Whether replies to commands may go over connections of their own. Not where
    /// faults are done: they strike the connection of the request.
    pub(super) fn separates_replies(&self) -> bool {
        self.faults.is_none()
    }

    /// Asks the thread to end once the queue is empty.
    pub(super) fn stop(&self) {
        if let Way::Queue(jobs, _) = &self.way {
            // A thread that is gone has stopped already.
            jobs.force(Job::Stop);
        }
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

/// How many replies to commands may wait to go out together.
const HELD_REPLIES: u32 = 32;

/// Replies that go out together, for as long as one stream's follow each other.
#[derive(Default)]
struct Held {
    writer: Option<Writer>,
    count: u32,
}

impl Held {
    fn add(&mut self, writer: Option<Writer>) {
        let Some(writer) = writer else { return };
        let same = self.writer.as_ref();
        if same.is_some_and(|held| !held.is_same(&writer)) || self.count >= HELD_REPLIES {
            self.flush();
        }
        self.writer = Some(writer);
        self.count += 1;
    }

    fn flush(&mut self) {
        self.count = 0;
        if let Some(writer) = self.writer.take() {
            writer.flush();
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.flush();
    }
}

fn run<E: Engine>(mut executor: Executor<E>, queue: &Receiver<Job>, pushes: &AtomicBool) {
    let mut due = Instant::now();
    let mut jobs = Vec::new();
    let mut held = Held::default();
    loop {
        let until = executor.tick_interval().map(|_| due);
        if !queue.take_all(&mut jobs, until) {
            return;
        }
        for job in jobs.drain(..) {
            queue.begun();
            if !executor.take(job, &mut held) {
                return;
            }
            tick_if_due(&mut executor, &mut due, &mut held);
        }
        held.flush();
        if pushes.swap(false, Ordering::AcqRel) {
            executor.push_due();
        }
        tick_if_due(&mut executor, &mut due, &mut held);
    }
}

fn tick_if_due<E: Engine>(executor: &mut Executor<E>, due: &mut Instant, held: &mut Held) {
    let Some(interval) = executor.tick_interval() else {
        // When time runs again, the first tick is due at once.
        *due = Instant::now();
        return;
    };
    if Instant::now() < *due {
        return;
    }
    held.flush();
    // An engine that panics pauses itself; there is nobody to tell here.
    let _ = executor.tick();
    // Without bursts: ticks that came too late are not caught up.
    *due = (*due + interval).max(Instant::now());
}

fn perform<E: Engine>(
    executor: &mut Executor<E>,
    work: Work,
    received: Duration,
    reply: Box<dyn Reply>,
    held: &mut Held,
) {
    let takes_time = work.takes_time();
    if takes_time {
        held.flush();
    }
    match work {
        Work::Run(runnable) => {
            let buffers = reply.buffers();
            held.add(reply.send(executor.run(runnable, received, buffers)));
        }
        Work::Subscribe(subscription, control, sink) => {
            held.add(reply.send(executor.subscribe(subscription, control, sink, received)));
            held.flush();
            // The first capture comes after the reply.
            executor.push_due();
        }
    }
    if takes_time {
        held.flush();
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
