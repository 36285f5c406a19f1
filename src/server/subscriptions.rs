//! Captures that the server makes by itself, after ticks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use super::{EngineError, PixelBuffers, outbox::Place};
use crate::{Answer, CaptureSet, Subscription, wire::reply::Meta};

/// What a client can still change about a request that it has made. Set from the
/// stream's task, read by the engine thread.
#[derive(Debug, Default)]
pub(super) struct Control {
    cancelled: AtomicBool,
    credits: AtomicU32,
}

impl Control {
    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// More pushes are welcome. Saturates, so that a client cannot wrap it.
    pub(super) fn add_credits(&self, credits: u32) {
        let add = |present: u32| Some(present.saturating_add(credits));
        // Never fails: `add` always gives a value.
        let _ = self
            .credits
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Only the engine thread takes any, so what it sees here it can take.
    fn has_credit(&self) -> bool {
        self.credits.load(Ordering::Relaxed) > 0
    }

    fn take_credit(&self) -> bool {
        let take = |present: u32| present.checked_sub(1);
        self.credits
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }
}

/// Where the captures of a subscription go.
pub(super) trait Sink: Send + 'static {
    /// False when nobody is there any more.
    fn is_open(&self) -> bool;
    /// Room for one more capture; `None` while too much has not been sent yet.
    fn place(&self) -> Option<Place>;
    /// Where the images for it are made.
    fn buffers(&self) -> PixelBuffers;
    /// Hands a capture over; never blocks. The number is its place among those
    /// that were due.
    fn push(&self, number: u64, captured: Result<Answer, EngineError>, meta: Meta, place: Place);
}

/// All subscriptions of a server. Owned by the engine thread.
#[derive(Default)]
pub(super) struct Subscriptions {
    open: Vec<Open>,
}

struct Open {
    set: CaptureSet,
    /// A nanosecond for every tick: they are longer than that.
    period: Duration,
    /// Simulation time of the next capture.
    next_due: Duration,
    number: u64,
    /// A capture was due and has not been made.
    owed: bool,
    control: Arc<Control>,
    sink: Box<dyn Sink>,
}

impl Open {
    fn is_alive(&self) -> bool {
        self.sink.is_open() && !self.control.is_cancelled()
    }

    /// Notes whether a capture is due at this time, and when the next one is.
    fn note_due(&mut self, now: Duration) {
        if now < self.next_due {
            return;
        }
        // What a tick longer than the period leaves out is not caught up.
        let since = remainder(now - self.next_due, self.period);
        self.next_due = (now - since).saturating_add(self.period);
        self.number += 1;
        self.owed = true;
    }
}

/// The time between captures at so many per second, which was checked; 0 for every tick.
fn period(rate_hz: f64) -> Duration {
    const SHORTEST: Duration = Duration::from_nanos(1);
    if rate_hz == 0.0 {
        return SHORTEST;
    }
    // So seldom that it does not fit is never again.
    let period = Duration::try_from_secs_f64(1.0 / rate_hz).unwrap_or(Duration::MAX);
    period.max(SHORTEST)
}

/// What is left of a time after as many whole periods as fit.
fn remainder(time: Duration, period: Duration) -> Duration {
    const SECOND: u128 = 1_000_000_000;
    let nanos = time.as_nanos() % period.as_nanos();
    // Both fit: they are of no more than `time`.
    Duration::new((nanos / SECOND) as u64, (nanos % SECOND) as u32)
}

impl Subscriptions {
    pub(super) fn len(&mut self) -> usize {
        self.open.retain(Open::is_alive);
        self.open.len()
    }

    /// Adds a checked subscription, whose first capture is due at once.
    pub(super) fn add(
        &mut self,
        subscription: Subscription,
        control: Arc<Control>,
        sink: Box<dyn Sink>,
    ) {
        control.add_credits(subscription.credits);
        self.open.push(Open {
            set: subscription.set,
            period: period(subscription.rate_hz),
            next_due: Duration::ZERO,
            number: 0,
            owed: false,
            control,
            sink,
        });
    }

    /// Simulation time starts over.
    pub(super) fn restart(&mut self) {
        for open in &mut self.open {
            open.next_due = Duration::ZERO;
        }
    }

    /// Captures what is owed, has credit and has room on the way to its client. One
    /// that fails ends its subscription.
    pub(super) fn serve(
        &mut self,
        now: Duration,
        mut capture: impl FnMut(&CaptureSet, PixelBuffers) -> (Result<Answer, EngineError>, Meta),
    ) {
        self.open.retain_mut(|open| {
            if !open.is_alive() {
                return false;
            }
            open.note_due(now);
            if open.owed
                && open.control.has_credit()
                && let Some(place) = open.sink.place()
                && open.control.take_credit()
            {
                open.owed = false;
                let (captured, meta) = capture(&open.set, open.sink.buffers());
                let failed = captured.is_err();
                open.sink.push(open.number, captured, meta, place);
                return !failed;
            }
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::server::outbox::{Writer, outbox};

    #[derive(Clone)]
    struct Log {
        numbers: Arc<Mutex<Vec<u64>>>,
        /// What was pushed and not sent.
        unsent: Arc<Mutex<Vec<Place>>>,
        outbox: Writer,
    }

    impl Log {
        fn new(places: usize) -> Self {
            Self {
                numbers: Arc::default(),
                unsent: Arc::default(),
                outbox: outbox(places).0,
            }
        }

        fn numbers(&self) -> Vec<u64> {
            self.numbers.lock().expect("no panic").clone()
        }
    }

    impl Sink for Log {
        fn is_open(&self) -> bool {
            true
        }
        fn buffers(&self) -> PixelBuffers {
            PixelBuffers::heap()
        }
        fn place(&self) -> Option<Place> {
            self.outbox.place()
        }
        fn push(&self, number: u64, _: Result<Answer, EngineError>, _: Meta, place: Place) {
            self.numbers.lock().expect("no panic").push(number);
            self.unsent.lock().expect("no panic").push(place);
        }
    }

    fn subscriptions(rate_hz: f64, credits: u32, log: &Log) -> (Subscriptions, Arc<Control>) {
        let control = Arc::new(Control::default());
        let mut subscriptions = Subscriptions::default();
        let subscription = Subscription {
            rate_hz,
            credits,
            ..Subscription::default()
        };
        subscriptions.add(subscription, control.clone(), Box::new(log.clone()));
        (subscriptions, control)
    }

    fn serve(subscriptions: &mut Subscriptions, now: Duration) {
        subscriptions.serve(now, |_, _| {
            (Ok(Answer::Done(String::new())), Meta::default())
        });
    }

    fn run(rate_hz: f64, credits: u32, ticks: u32, more: impl Fn(u32, &Control)) -> Vec<u64> {
        let log = Log::new(99);
        let (mut subscriptions, control) = subscriptions(rate_hz, credits, &log);
        for tick in 0..ticks {
            more(tick, &control);
            serve(&mut subscriptions, Duration::from_millis(10) * tick);
        }
        log.numbers()
    }

    #[test]
    fn pushes_at_the_rate_and_no_faster_than_the_ticks() {
        assert_eq!(run(50.0, 99, 6, |_, _| ()), [1, 2, 3]);
        assert_eq!(run(1000.0, 99, 3, |_, _| ()), [1, 2, 3]);
        assert_eq!(run(0.0, 99, 3, |_, _| ()), [1, 2, 3]);
    }

    #[test]
    fn any_rate_is_kept_at_any_time() {
        let hour = Duration::from_secs(3600);
        let cases = [
            (1e-300, 1),
            (1e-20, 1),
            (f64::MIN_POSITIVE, 1),
            (50.0, 2),
            (1e9, 4),
            (f64::MAX, 4),
        ];
        for (rate_hz, pushes) in cases {
            let log = Log::new(99);
            let (mut subscriptions, _) = subscriptions(rate_hz, 99, &log);
            for tick in 0..4 {
                serve(&mut subscriptions, hour + Duration::from_millis(10) * tick);
            }
            assert_eq!(log.numbers().len(), pushes, "{rate_hz}");
        }
        let log = Log::new(99);
        let (mut subscriptions, _) = subscriptions(1.0, 99, &log);
        for now in [Duration::ZERO, Duration::MAX] {
            serve(&mut subscriptions, now);
        }
        assert_eq!(log.numbers(), [1, 2]);
    }

    #[test]
    fn skips_what_has_no_credit_and_says_so_by_the_number() {
        let late_credit = |tick, control: &Control| {
            if tick == 5 {
                control.add_credits(1);
            }
        };
        assert_eq!(run(0.0, 2, 8, late_credit), [1, 2, 6]);
        assert_eq!(run(0.0, 0, 8, |_, _| ()), [0; 0]);
    }

    #[test]
    fn waits_while_too_much_is_unsent_and_keeps_its_credit() {
        let log = Log::new(2);
        let (mut subscriptions, _) = subscriptions(0.0, u32::MAX, &log);
        for tick in 0..6 {
            serve(&mut subscriptions, Duration::from_millis(10) * tick);
        }
        assert_eq!(log.numbers(), [1, 2]);
        log.unsent.lock().expect("no panic").clear();
        serve(&mut subscriptions, Duration::from_millis(60));
        assert_eq!(log.numbers(), [1, 2, 7]);
    }

    #[test]
    fn a_cancelled_one_is_forgotten() {
        let cancel = |tick, control: &Control| {
            if tick == 2 {
                control.cancel();
            }
        };
        assert_eq!(run(0.0, 9, 5, cancel), [1, 2]);
    }
}
