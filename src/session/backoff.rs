//! How long to wait before connecting again.

use std::time::Duration;

use super::LONGEST;

/// Exponential backoff with jitter; a plain value, the randomness is passed in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// The first wait, longer than zero. Default 1 s.
    pub initial: Duration,
    /// By how much each wait is longer than the one before, at least 1. Default 1.6.
    pub multiplier: f64,
    /// The longest wait, longer than zero. Default 120 s.
    pub max: Duration,
    /// The part of a wait that is random, either way, 0 to 1: 0.2 means 80 % to
    /// 120 %. Default 0.2.
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
        let delay = Duration::try_from_secs_f64((base * factor).max(0.0));
        delay.unwrap_or(LONGEST).min(LONGEST)
    }

    /// Why these waits cannot be kept, in one line.
    pub(crate) fn unusable(&self) -> Option<String> {
        for (name, wait) in [("first", self.initial), ("longest", self.max)] {
            if wait.is_zero() || wait > LONGEST {
                return Some(format!(
                    "the {name} wait of the backoff is {wait:?}; \
                     it must be longer than zero and at most 2^30 seconds"
                ));
            }
        }
        // Said so that NaN is neither.
        let grows = self.multiplier >= 1.0 && self.multiplier.is_finite();
        if !grows {
            let multiplier = self.multiplier;
            return Some(format!(
                "the multiplier of the backoff is {multiplier}; it must be at least 1"
            ));
        }
        (!(0.0..=1.0).contains(&self.jitter)).then(|| {
            let jitter = self.jitter;
            format!("the jitter of the backoff is {jitter}; it must be 0 to 1")
        })
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

    /// When each of many clients that lost the same server comes back, attempt by
    /// attempt.
    fn arrivals(backoff: Backoff, clients: u32, attempts: u32) -> Vec<Vec<f64>> {
        let mut random = fastrand::Rng::with_seed(4);
        let mut now = vec![0.0; clients as usize];
        (0..attempts)
            .map(|attempt| {
                for at in &mut now {
                    *at += backoff.delay(attempt, random.f64()).as_secs_f64();
                }
                now.clone()
            })
            .collect()
    }

    #[test]
    fn a_hundred_clients_do_not_come_back_in_one_instant() {
        for backoff in [Backoff::GRPC, Backoff::DOUBLING] {
            for (attempt, arrivals) in arrivals(backoff, 100, 5).iter().enumerate() {
                let first = arrivals.iter().copied().fold(f64::INFINITY, f64::min);
                let last = arrivals.iter().copied().fold(0.0, f64::max);
                let base = backoff.delay(attempt as u32, 0.5).as_secs_f64();
                // Over nearly the whole jitter of this wait, at the least.
                let spread = last - first;
                assert!(spread > 1.8 * backoff.jitter * base, "{attempt}: {spread}");
                // Cut into ten parts, none holds more than 40 of them.
                let fullest = (0..10).map(|part| {
                    let from = first + spread * f64::from(part) / 10.0;
                    let within = from..from + spread / 10.0;
                    arrivals.iter().filter(|at| within.contains(at)).count()
                });
                let fullest = fullest.max().unwrap_or(0);
                assert!(
                    fullest <= 40,
                    "{attempt}: {fullest} in a tenth of {spread} s"
                );
            }
        }
    }
}
