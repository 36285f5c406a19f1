//! How long to wait before connecting again.

use std::time::Duration;

/// Exponential backoff with jitter; a plain value, the randomness is passed in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// The first wait. Default 1 s.
    pub initial: Duration,
    /// By how much each wait is longer than the one before. Default 1.6.
    pub multiplier: f64,
    /// The longest wait. Default 120 s.
    pub max: Duration,
    /// The part of a wait that is random, either way: 0.2 means 80 % to 120 %.
    /// Default 0.2.
    pub jitter: f64,
}

impl Backoff {
    /// What gRPC itself prescribes: 1 s, times 1.6, at most 120 s, jitter 20 %.
    pub const GRPC: Self = Self {
        initial: Duration::from_secs(1),
        multiplier: 1.6,
        max: Duration::from_secs(120),
        jitter: 0.2,
    };

    /// 1, 2, 4, ... 30 s with 25 % jitter, the usual advice for UESynth.
    pub const DOUBLING: Self = Self {
        initial: Duration::from_secs(1),
        multiplier: 2.0,
        max: Duration::from_secs(30),
        jitter: 0.25,
    };

    /// The wait before attempt number `attempt` (from 0), with `random` in 0..1.
    pub fn delay(&self, attempt: u32, random: f64) -> Duration {
        let exponent = i32::try_from(attempt).unwrap_or(i32::MAX);
        let grown = self.initial.as_secs_f64() * self.multiplier.powi(exponent);
        let base = grown.min(self.max.as_secs_f64());
        let factor = 1.0 + self.jitter * (2.0 * random - 1.0);
        Duration::from_secs_f64((base * factor).max(0.0))
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::GRPC
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_the_maximum_within_its_jitter() {
        let middle: Vec<_> = (0..7)
            .map(|attempt| Backoff::DOUBLING.delay(attempt, 0.5).as_secs())
            .collect();
        assert_eq!(middle, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(Backoff::GRPC.delay(0, 0.0), Duration::from_millis(800));
        assert_eq!(Backoff::GRPC.delay(u32::MAX, 1.0), Duration::from_secs(144));
    }
}
