//! From a job to its samples, by number alone.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Draw, Job};

/// Which part of the set a sample is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Training.
    Train,
    /// Choosing among models.
    Val,
    /// The last word.
    Test,
}

impl Split {
    /// The name that data sets use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What is known of a sample before its scene stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleSpec {
    /// Its number.
    pub index: u64,
    /// The number of its scene.
    pub scene: u64,
    /// Its place in the scene: so many samples come before it there.
    pub step: u64,
    /// What the scene starts over from.
    pub scene_seed: u64,
    /// Which split it is for, if the job has any.
    pub split: Option<Split>,
}

impl Job {
    /// Sample `index`: a pure function of the job and that number.
    pub fn expand(&self, index: u64) -> SampleSpec {
        let scene = index / self.samples_per_scene();
        SampleSpec {
            index,
            scene,
            step: index % self.samples_per_scene(),
            scene_seed: self.scene_seed(scene),
            split: self.split_of(scene),
        }
    }

    /// The seed of a scene: that of the job for the first, drawn from it for the
    /// others.
    pub fn scene_seed(&self, scene: u64) -> u64 {
        match scene {
            0 => self.seed,
            _ => Draw::new(self.seed, scene, "scene").seed(),
        }
    }

    /// Which split the samples of a scene are for. The shares are met to the scene;
    /// which scene goes where depends on the seed.
    fn split_of(&self, scene: u64) -> Option<Split> {
        let shares = self.split?;
        let total = shares.train + shares.val + shares.test;
        // The middle of its slot, so that rounding is fair to all.
        let place = shuffled(self.seed, scene, self.scenes()) as f64 + 0.5;
        let at = place / self.scenes() as f64 * total;
        let split = if at < shares.train {
            Split::Train
        } else if at < shares.train + shares.val || shares.test == 0.0 {
            Split::Val
        } else {
            Split::Test
        };
        Some(match (split, shares.val > 0.0) {
            (Split::Val, false) => Split::Train,
            (split, _) => split,
        })
    }
}

/// Where `x` goes in a permutation of the numbers below `count`, found without the
/// rest of it: a Feistel network over the next power of four, walked until it lands
/// below `count`.
fn shuffled(seed: u64, x: u64, count: u64) -> u64 {
    let bits = (64 - count.saturating_sub(1).leading_zeros())
        .div_ceil(2)
        .max(1);
    let mask = (1_u64 << bits) - 1;
    let mut at = x;
    loop {
        let (mut left, mut right) = (at >> bits, at & mask);
        for round in ROUNDS {
            let mixed = Draw::new(seed, right, round).seed() & mask;
            (left, right) = (right, left ^ mixed);
        }
        at = left << bits | right;
        if at < count {
            return at;
        }
    }
}

const ROUNDS: [&str; 6] = [
    "split 0", "split 1", "split 2", "split 3", "split 4", "split 5",
];

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::Shares;

    fn job(samples: u64, per_scene: u64, shares: [f64; 3]) -> Job {
        let [train, val, test] = shares;
        Job {
            samples: Some(samples),
            samples_per_scene: Some(per_scene),
            split: Some(Shares { train, val, test }),
            ..Job::default()
        }
    }

    proptest! {
        #[test]
        fn a_shuffle_hits_every_number_once(seed: u64, count in 1_u64..400) {
            let hit: BTreeSet<_> = (0..count).map(|x| shuffled(seed, x, count)).collect();
            prop_assert_eq!(hit.len() as u64, count);
            prop_assert_eq!(hit.last().copied(), Some(count - 1));
        }

        #[test]
        fn shares_are_met_and_no_scene_leaks(seed: u64, scenes in 3_u64..200) {
            let mut job = job(scenes * 4, 4, [0.7, 0.2, 0.1]);
            job.seed = seed;
            let mut of_scene = BTreeMap::new();
            let mut counts = [0_f64; 3];
            for k in 0..job.samples() {
                let spec = job.expand(k);
                let split = spec.split.expect("split");
                prop_assert_eq!(*of_scene.entry(spec.scene_seed).or_insert(split), split);
                counts[split as usize] += 0.25;
            }
            for (count, share) in counts.iter().zip([0.7, 0.2, 0.1]) {
                prop_assert!((count - share * scenes as f64).abs() <= 1.0, "{:?}", counts);
            }
        }
    }

    #[test]
    fn a_share_of_nothing_gets_nothing() {
        for (shares, never) in [
            ([1.0, 0.0, 1.0], Split::Val),
            ([0.0, 1.0, 1.0], Split::Train),
            ([3.0, 1.0, 0.0], Split::Test),
        ] {
            let job = job(90, 1, shares);
            assert!(
                (0..90).all(|k| job.expand(k).split != Some(never)),
                "{never}"
            );
        }
    }

    #[test]
    fn the_first_scene_has_the_seed_of_the_job() {
        let job = Job {
            seed: 99,
            ..job(20, 5, [1.0, 0.0, 0.0])
        };
        assert_eq!(job.expand(4).scene_seed, 99);
        let seeds: BTreeSet<_> = (0..20).map(|k| job.expand(k).scene_seed).collect();
        assert_eq!(seeds.len(), 4);
    }
}
