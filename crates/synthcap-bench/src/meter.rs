//! Clocks, counters and what they say of a run.

use std::{
    fs,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::{Error, alloc};

/// The longest latency that is told apart: a minute.
const LONGEST_NS: u64 = 60_000_000_000;

/// A run that is under way.
#[derive(Debug)]
pub(crate) struct Meter {
    started: Instant,
    cpu: Duration,
    allocations: u64,
    until: Duration,
    requests: u64,
    latency: Histogram<u64>,
}

impl Meter {
    /// Begins a run of this length.
    pub(crate) fn start(until: Duration) -> Result<Self, Error> {
        Ok(Self {
            latency: Histogram::new_with_max(LONGEST_NS, 3)?,
            cpu: cpu_time(),
            allocations: alloc::count(),
            started: Instant::now(),
            until,
            requests: 0,
        })
    }

    /// Whether more is to be asked.
    pub(crate) fn goes_on(&self) -> bool {
        self.started.elapsed() < self.until
    }

    /// A request that was made then has been answered.
    pub(crate) fn done(&mut self, since: Instant) {
        self.requests += 1;
        let ns = u64::try_from(since.elapsed().as_nanos()).unwrap_or(LONGEST_NS);
        self.latency.saturating_record(ns.clamp(1, LONGEST_NS));
    }

    /// Ends the run.
    pub(crate) fn finish(self) -> Measure {
        Measure::new(
            self.requests,
            self.started.elapsed(),
            cpu_time().saturating_sub(self.cpu),
            alloc::count() - self.allocations,
            &self.latency,
        )
    }
}

/// What a run came to. Of a run in one process, CPU time and allocations are
/// those of both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Measure {
    /// Requests that were answered.
    pub requests: u64,
    /// How long that took, in seconds.
    pub seconds: f64,
    /// Requests per second.
    pub per_second: f64,
    /// CPU time of the process per request, in microseconds.
    pub cpu_us: f64,
    /// Allocations of the process per request; 0 where they are not counted.
    pub allocations: f64,
    /// Latency that half of the requests did not exceed, in microseconds.
    pub p50_us: f64,
    /// Latency that nine of ten requests did not exceed, in microseconds.
    pub p90_us: f64,
    /// Latency that 99 of 100 requests did not exceed, in microseconds.
    pub p99_us: f64,
    /// The longest latency, in microseconds.
    pub max_us: f64,
}

impl Measure {
    fn new(
        requests: u64,
        wall: Duration,
        cpu: Duration,
        allocations: u64,
        latency: &Histogram<u64>,
    ) -> Self {
        let count = requests.max(1) as f64;
        let quantile = |q| latency.value_at_quantile(q) as f64 / 1e3;
        Self {
            requests,
            seconds: wall.as_secs_f64(),
            per_second: requests as f64 / wall.as_secs_f64(),
            cpu_us: cpu.as_secs_f64() * 1e6 / count,
            allocations: allocations as f64 / count,
            p50_us: quantile(0.5),
            p90_us: quantile(0.9),
            p99_us: quantile(0.99),
            max_us: latency.max() as f64 / 1e3,
        }
    }

    /// Of another process only the number of requests is known.
    pub(crate) fn counted(requests: u64, wall: Duration) -> Self {
        Self {
            requests,
            seconds: wall.as_secs_f64(),
            per_second: requests as f64 / wall.as_secs_f64(),
            ..Self::default()
        }
    }

    /// Several runs at the same time, as one.
    pub(crate) fn together(runs: &[Self]) -> Self {
        let total: u64 = runs.iter().map(|run| run.requests).sum();
        let worst = |of: fn(&Self) -> f64| runs.iter().map(of).fold(0.0, f64::max);
        // Each of them counted the whole process.
        let share = |of: fn(&Self) -> f64| {
            let all = runs.iter().map(|run| of(run) * run.requests as f64);
            all.fold(0.0, f64::max) / total.max(1) as f64
        };
        Self {
            requests: total,
            seconds: worst(|run| run.seconds),
            per_second: runs.iter().map(|run| run.per_second).sum(),
            cpu_us: share(|run| run.cpu_us),
            allocations: share(|run| run.allocations),
            p50_us: worst(|run| run.p50_us),
            p90_us: worst(|run| run.p90_us),
            p99_us: worst(|run| run.p99_us),
            max_us: worst(|run| run.max_us),
        }
    }
}

/// CPU time of this process so far.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs() as u32,
    )
}

/// The most memory that the process has had so far, in bytes, where the system
/// tells.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib << 10)
}

/// Forgets the peak so far, where the system lets us.
pub(crate) fn reset_peak_memory() {
    // Without it the peak is that of the whole run, which is no less true.
    let _ = fs::write("/proc/self/clear_refs", "5");
}
