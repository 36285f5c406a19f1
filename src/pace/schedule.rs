//! When the next beat is due. Pure: `now` is passed in.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::{Beat, MissedBeats, PaceStats};

/// An absolute schedule: beat n is due at the anchor plus n periods, whatever the
/// beats before it took.
#[derive(Debug)]
pub(super) struct Schedule {
    rate_hz: f64,
    policy: MissedBeats,
    /// When beat 0 was due, and which of its successors is next; `None` before
    /// the first beat, which is due at once.
    next: Option<(Instant, u64)>,
    begun: u64,
    missed: u64,
    first_and_last: Option<(Instant, Instant)>,
    /// In microseconds.
    lateness: Histogram<u64>,
}

/// An hour; what is later counts as this late.
const LATEST_US: u64 = 3_600_000_000;

impl Schedule {
    pub(super) fn new(rate_hz: f64, policy: MissedBeats) -> Self {
        Self {
            rate_hz,
            policy,
            next: None,
            begun: 0,
            missed: 0,
            first_and_last: None,
            lateness: Histogram::new_with_max(LATEST_US, 2).expect("these bounds are valid"),
        }
    }

    pub(super) fn set_policy(&mut self, policy: MissedBeats) {
        self.policy = policy;
    }

    /// When the next beat is due; `None`: at once.
    pub(super) fn due(&self) -> Option<Instant> {
        self.next.map(|(anchor, index)| anchor + self.after(index))
    }

    /// The next beat begins now.
    pub(super) fn begin(&mut self, now: Instant) -> Beat {
        let (anchor, index) = self.next.unwrap_or((now, 0));
        let due = anchor + self.after(index);
        let lateness = now.saturating_duration_since(due);
        // How many more beats have come due since this one did.
        let passed = (lateness.as_secs_f64() * self.rate_hz) as u64;
        let missed = match self.policy {
            MissedBeats::Skip | MissedBeats::Delay => passed,
            // They all still come; one counts as missed when it is so late that
            // the next was due before it.
            MissedBeats::Burst => passed.min(1),
        };
        self.next = Some(match self.policy {
            MissedBeats::Skip => (anchor, index + passed + 1),
            MissedBeats::Burst => (anchor, index + 1),
            MissedBeats::Delay if passed == 0 => (anchor, index + 1),
            MissedBeats::Delay => (now, 1),
        });
        self.record(now, lateness, missed);
        Beat {
            number: self.begun - 1,
            due,
            lateness,
            missed,
        }
    }

    fn record(&mut self, now: Instant, lateness: Duration, missed: u64) {
        self.begun += 1;
        self.missed += missed;
        let first = self.first_and_last.map_or(now, |(first, _)| first);
        self.first_and_last = Some((first, now));
        let micros = u64::try_from(lateness.as_micros()).unwrap_or(LATEST_US);
        self.lateness.saturating_record(micros.min(LATEST_US));
    }

    /// From the number of periods, not by adding up one period, whose rounding
    /// would add up too.
    fn after(&self, periods: u64) -> Duration {
        Duration::from_secs_f64(periods as f64 / self.rate_hz)
    }

    pub(super) fn stats(&self) -> PaceStats {
        let at = |quantile| Duration::from_micros(self.lateness.value_at_quantile(quantile));
        let span = self
            .first_and_last
            .map(|(first, last)| last.saturating_duration_since(first))
            .filter(|span| !span.is_zero());
        PaceStats {
            beats: self.begun,
            missed: self.missed,
            achieved_hz: span.map(|span| (self.begun - 1) as f64 / span.as_secs_f64()),
            lateness_p50: at(0.5),
            lateness_p95: at(0.95),
            lateness_p99: at(0.99),
            lateness_max: Duration::from_micros(self.lateness.max()),
            jitter: Duration::from_secs_f64(self.lateness.stdev().max(0.0) / 1e6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_HZ: f64 = 10.0;

    /// Begins beats with a piece of work of these milliseconds after each, in
    /// virtual time; gives when each began, in milliseconds.
    fn run(policy: MissedBeats, work_ms: &[u64]) -> (Vec<u64>, Vec<u64>, PaceStats) {
        let start = Instant::now();
        let mut schedule = Schedule::new(TEN_HZ, policy);
        let mut now = start;
        let (mut began, mut missed) = (Vec::new(), Vec::new());
        for work in work_ms {
            now = now.max(schedule.due().unwrap_or(now));
            let beat = schedule.begin(now);
            began.push((now - start).as_millis() as u64);
            missed.push(beat.missed);
            now += Duration::from_millis(*work);
        }
        (began, missed, schedule.stats())
    }

    #[test]
    fn work_within_the_period_does_not_move_the_schedule() {
        let (began, missed, stats) = run(MissedBeats::Skip, &[30, 99, 0, 70, 10]);
        assert_eq!(began, [0, 100, 200, 300, 400]);
        assert_eq!(missed, [0; 5]);
        assert_eq!((stats.beats, stats.missed), (5, 0));
        assert_eq!(stats.achieved_hz, Some(10.0));
        assert_eq!(stats.lateness_max, Duration::ZERO);
    }

    #[test]
    fn skip_leaves_out_what_was_missed_and_keeps_the_grid() {
        let (began, missed, stats) = run(MissedBeats::Skip, &[350, 10, 10]);
        assert_eq!(began, [0, 350, 400]);
        assert_eq!(missed, [0, 2, 0]);
        assert_eq!(stats.missed, 2);
        assert!(stats.lateness_max >= Duration::from_millis(248));
    }

    #[test]
    fn burst_catches_up_beat_by_beat() {
        let (began, missed, _) = run(MissedBeats::Burst, &[350, 10, 10, 10, 10]);
        assert_eq!(began, [0, 350, 360, 370, 400]);
        assert_eq!(missed, [0, 1, 1, 0, 0]);
    }

    #[test]
    fn delay_starts_a_new_grid_only_after_a_miss() {
        let (began, missed, _) = run(MissedBeats::Delay, &[350, 10, 130, 10]);
        assert_eq!(began, [0, 350, 450, 580]);
        assert_eq!(missed, [0, 2, 0, 0]);
        let (began, ..) = run(MissedBeats::Delay, &[150, 10, 10]);
        assert_eq!(began, [0, 150, 200]);
    }

    #[test]
    fn a_million_beats_do_not_drift() {
        let start = Instant::now();
        // A period that is no whole number of nanoseconds.
        let mut schedule = Schedule::new(30.0, MissedBeats::Skip);
        schedule.begin(start);
        for _ in 0..999_999 {
            let due = schedule.due().expect("it has begun");
            // A little late each time, as timers are.
            schedule.begin(due + Duration::from_micros(900));
        }
        let expected = Duration::from_secs_f64(1_000_000.0 / 30.0);
        let due = schedule.due().expect("it has begun") - start;
        assert!(due.abs_diff(expected) < Duration::from_micros(1));
        assert_eq!(schedule.stats().missed, 0);
    }
}
