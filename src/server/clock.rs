//! Simulation time as the kit counts it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{Tick, wire::reply::Meta};

/// Counts ticks, simulation time and executions. Owned by the engine thread.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    pub(super) tick: u64,
    pub(super) sim_time: Duration,
    order: u64,
}

impl Clock {
    /// One tick has passed.
    pub(super) fn advance(&mut self, by: Duration) {
        self.tick += 1;
        self.sim_time += by;
    }

    /// Back to tick 0. The order of execution goes on.
    pub(super) fn restart(&mut self) {
        self.tick = 0;
        self.sim_time = Duration::ZERO;
    }

    /// The circumstances of one more execution.
    pub(super) fn stamp(&mut self, received: Duration) -> Meta {
        self.order += 1;
        Meta {
            tick: Tick::new(self.tick),
            sim_time: self.sim_time,
            order: self.order,
            received,
            sent: wall_clock(),
        }
    }
}

/// Time since the Unix epoch.
pub(super) fn wall_clock() -> Duration {
    // A clock before 1970 is as good as none.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
