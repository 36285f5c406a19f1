//! Loops at a steady rate.

mod schedule;

use std::time::{Duration, Instant};

use schedule::Schedule;

use crate::{Error, ErrorKind};

/// What happens to beats whose time passed while the loop was busy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MissedBeats {
    /// They are left out; the rest keep their times. For loops that want the
    /// present, such as control. The default.
    #[default]
    Skip,
    /// They come at once, one after the other, until the loop has caught up. For
    /// loops where each beat counts, such as a recording with a fixed number of
    /// frames.
    Burst,
    /// They are left out, and the times of the rest start anew from here. For
    /// loops where two beats must never follow each other closely.
    Delay,
}

/// One turn of a paced loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Counts the beats that began, from 0.
    pub number: u64,
    /// When it should have begun.
    pub due: Instant,
    /// How much later than that it began.
    pub lateness: Duration,
    /// How many beats were missed just before it: left out with
    /// [`Skip`](MissedBeats::Skip) and [`Delay`](MissedBeats::Delay); with
    /// [`Burst`](MissedBeats::Burst) 1 when this one is late by a whole period.
    pub missed: u64,
}

/// How well a loop has kept its rate.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct PaceStats {
    /// Beats that began.
    pub beats: u64,
    /// Beats missed, as in [`Beat::missed`].
    pub missed: u64,
    /// Beats per second from the first beat to the last; `None` before the
    /// second.
    pub achieved_hz: Option<f64>,
    /// Half of the beats began no later than this after their time. Percentiles
    /// are exact to two digits.
    pub lateness_p50: Duration,
    /// 95 % of the beats.
    pub lateness_p95: Duration,
    /// 99 % of the beats.
    pub lateness_p99: Duration,
    /// The latest beat.
    pub lateness_max: Duration,
    /// Standard deviation of the lateness.
    pub jitter: Duration,
}

/// Paces a loop at a rate that does not drift: the time of each beat follows from
/// the first one's, not from when the work before it ended.
///
/// Times are those of the runtime's timer, which is exact to about a
/// millisecond; a beat never comes early.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use synthcap::{MissedBeats, Pacer};
///
/// let mut pacer = Pacer::new(200.0)?.missed(MissedBeats::Burst);
/// for expected in 0..5 {
///     let beat = pacer.beat().await;
///     assert_eq!(beat.number, expected);
///     // ... the work of one turn
/// }
/// let stats = pacer.stats();
/// assert_eq!(stats.beats, 5);
/// println!("{stats:?}");
/// # Ok::<_, synthcap::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Pacer {
    schedule: Schedule,
}

impl Pacer {
    /// Beats at this rate per second; the first is due when it is first asked
    /// for.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a rate outside 0.001 to 100,000 Hz.
    pub fn new(rate_hz: f64) -> Result<Self, Error> {
        if !(0.001..=100_000.0).contains(&rate_hz) {
            let message = format!("the rate is {rate_hz} Hz; it must be 0.001 to 100000");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        Ok(Self {
            schedule: Schedule::new(rate_hz, MissedBeats::default()),
        })
    }

    /// What happens to missed beats. Default: they are skipped.
    #[must_use]
    pub fn missed(mut self, policy: MissedBeats) -> Self {
        self.schedule.set_policy(policy);
        self
    }

    /// Waits for the next beat.
    ///
    /// Cancel safe: a beat that was not returned is not used up.
    pub async fn beat(&mut self) -> Beat {
        if let Some(due) = self.schedule.due() {
            tokio::time::sleep_until(due.into()).await;
        }
        self.schedule.begin(tokio::time::Instant::now().into_std())
    }

    /// How well the rate was kept so far.
    pub fn stats(&self) -> PaceStats {
        self.schedule.stats()
    }
}
