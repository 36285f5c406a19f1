//! Captures that the server makes by itself, after ticks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use super::{EngineError, PixelBuffers};
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
    /// Where the images for it are made.
    fn buffers(&self) -> PixelBuffers;
    /// Hands a capture over; never blocks. The number is its place among those
    /// that were due.
    fn push(&self, number: u64, captured: Result<Answer, EngineError>, meta: Meta);
}

/// All subscriptions of a server. Owned by the engine thread.
#[derive(Default)]
pub(super) struct Subscriptions {
    open: Vec<Open>,
}

struct Open {
    set: CaptureSet,
    /// `None`: every tick.
    period: Option<Duration>,
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
        match self.period {
            // Any later time will do: ticks are longer than that.
            None => self.next_due = now + Duration::from_nanos(1),
            // What a tick longer than the period leaves out is not caught up.
            Some(period) => {
                while self.next_due <= now {
                    self.next_due += period;
                }
            }
        }
        self.number += 1;
        self.owed = true;
    }
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
        let rate = subscription.rate_hz;
        self.open.push(Open {
            set: subscription.set,
            // Shorter than a nanosecond counts as that; the rate was checked.
            period: (rate > 0.0)
                .then(|| Duration::from_secs_f64(1.0 / rate).max(Duration::from_nanos(1))),
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

    /// Captures what is owed and has credit. One that fails ends its
    /// subscription.
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
            if open.owed && open.control.take_credit() {
                open.owed = false;
                let (captured, meta) = capture(&open.set, open.sink.buffers());
                let failed = captured.is_err();
                open.sink.push(open.number, captured, meta);
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

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u64>>>);

    impl Sink for Log {
        fn is_open(&self) -> bool {
            true
        }
        fn buffers(&self) -> PixelBuffers {
            PixelBuffers::heap()
        }
        fn push(&self, number: u64, _: Result<Answer, EngineError>, _: Meta) {
            self.0.lock().expect("no panic").push(number);
        }
    }

    fn run(rate_hz: f64, credits: u32, ticks: u32, more: impl Fn(u32, &Control)) -> Vec<u64> {
        let (log, control) = (Log::default(), Arc::new(Control::default()));
        let mut subscriptions = Subscriptions::default();
        let subscription = Subscription {
            rate_hz,
            credits,
            ..Subscription::default()
        };
        subscriptions.add(subscription, control.clone(), Box::new(log.clone()));
        for tick in 0..ticks {
            more(tick, &control);
            let now = Duration::from_millis(10) * tick;
            subscriptions.serve(now, |_, _| {
                (Ok(Answer::Done(String::new())), Meta::default())
            });
        }
        log.0.lock().expect("no panic").clone()
    }

    #[test]
    fn pushes_at_the_rate_and_no_faster_than_the_ticks() {
        assert_eq!(run(50.0, 99, 6, |_, _| ()), [1, 2, 3]);
        assert_eq!(run(1000.0, 99, 3, |_, _| ()), [1, 2, 3]);
        assert_eq!(run(0.0, 99, 3, |_, _| ()), [1, 2, 3]);
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
    fn a_cancelled_one_is_forgotten() {
        let cancel = |tick, control: &Control| {
            if tick == 2 {
                control.cancel();
            }
        };
        assert_eq!(run(0.0, 9, 5, cancel), [1, 2]);
    }
}
