//! Parts of a job, for machines that know nothing of each other.

use std::{ops, str::FromStr};

use crate::{Job, JobError, Result};

/// One of several disjoint parts of a job.
///
/// ```
/// use synthcap_job::{JobSource, Shard};
///
/// let job = JobSource::from_text("job.toml", "samples = 100\nsamples_per_scene = 10\n")?.job()?;
/// let shard: Shard = "1/4".parse()?;
/// assert_eq!(shard.range(&job, 1), 20..50, "whole scenes");
/// # Ok::<_, synthcap_job::JobError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    /// Part `index`, from 0, of `count`.
    ///
    /// # Errors
    ///
    /// When there is no such part.
    pub fn new(index: u64, count: u64) -> Result<Self> {
        if index < count {
            return Ok(Self { index, count });
        }
        Err(JobError::new(format!(
            "there is no shard {index} of {count}; shards are 0/N to (N-1)/N"
        )))
    }

    /// What a cluster's environment says: `SLURM_ARRAY_TASK_ID` with
    /// `SLURM_ARRAY_TASK_COUNT` (and `_MIN` and `_STEP`, for arrays that do not begin
    /// at 0), or `JOB_COMPLETION_INDEX` of Kubernetes with `SYNTHCAP_SHARDS`, the
    /// number of completions. `None` when it says nothing.
    ///
    /// # Errors
    ///
    /// When a variable is no number, or the count is missing.
    pub fn from_environment(get: impl Fn(&str) -> Option<String>) -> Result<Option<Self>> {
        let number = |name: &str| {
            let text = get(name).filter(|text| !text.is_empty());
            text.map(|text| {
                text.trim().parse::<u64>().map_err(|_| {
                    JobError::new(format!(
                        "{name} is {text:?}, not a number; give --shard I/N"
                    ))
                })
            })
            .transpose()
        };
        if let Some(id) = number("SLURM_ARRAY_TASK_ID")? {
            let count = number("SLURM_ARRAY_TASK_COUNT")?.ok_or_else(|| {
                JobError::new(
                    "SLURM_ARRAY_TASK_ID is set, but not SLURM_ARRAY_TASK_COUNT; give --shard I/N",
                )
            })?;
            let first = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
            let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
            return Self::new(id.saturating_sub(first) / step, count).map(Some);
        }
        if let Some(index) = number("JOB_COMPLETION_INDEX")? {
            let count = number("SYNTHCAP_SHARDS")?.ok_or_else(|| {
                JobError::new(
                    "JOB_COMPLETION_INDEX is set, but not SYNTHCAP_SHARDS; set it to the job's \
                     completions, or give --shard I/N",
                )
            })?;
            return Self::new(index, count).map(Some);
        }
        Ok(None)
    }

    /// Which part it is, from 0.
    pub fn index(self) -> u64 {
        self.index
    }

    /// How many parts there are.
    pub fn count(self) -> u64 {
        self.count
    }

    /// Its samples. They begin and end where `samples_per_file` divides the indices,
    /// and where scenes begin if there are enough of them. With more shards than
    /// such places some are empty.
    pub fn range(self, job: &Job, samples_per_file: u64) -> ops::Range<u64> {
        let samples = job.samples();
        let file = samples_per_file.max(1);
        let scene = lcm(file, job.samples_per_scene());
        let unit = match samples.div_ceil(scene) >= self.count {
            true => scene,
            false => file,
        };
        let units = samples.div_ceil(unit);
        let border = |i: u64| {
            let units_before = u128::from(units) * u128::from(i) / u128::from(self.count);
            (units_before as u64 * unit).min(samples)
        };
        border(self.index)..border(self.index + 1)
    }
}

impl FromStr for Shard {
    type Err = JobError;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.split_once('/');
        let parsed =
            parts.and_then(|(i, n)| Some((i.trim().parse().ok()?, n.trim().parse().ok()?)));
        let (index, count) = parsed
            .ok_or_else(|| JobError::new("a shard is I/N, from 0/N to (N-1)/N, such as 0/4"))?;
        Self::new(index, count)
    }
}

fn lcm(a: u64, b: u64) -> u64 {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x.max(1) * b
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn job(samples: u64, per_scene: u64) -> Job {
        Job {
            samples: Some(samples),
            samples_per_scene: Some(per_scene),
            ..Job::default()
        }
    }

    proptest! {
        #[test]
        fn shards_cover_every_sample_once(
            samples in 1_u64..500, per_scene in 1_u64..60, file in 1_u64..40, count in 1_u64..20,
        ) {
            let job = job(samples, per_scene);
            let mut next = 0;
            for i in 0..count {
                let range = Shard::new(i, count).expect("sound").range(&job, file);
                prop_assert_eq!(range.start, next);
                prop_assert!(range.start.is_multiple_of(file) || range.is_empty());
                next = range.end;
            }
            prop_assert_eq!(next, samples);
        }
    }

    #[test]
    fn clusters_say_which_shard_it_is() {
        let of = |pairs: &[(&str, &str)]| {
            let pairs: Vec<_> = pairs
                .iter()
                .map(|(k, v)| (k.to_string(), v.to_string()))
                .collect();
            Shard::from_environment(|name| {
                pairs
                    .iter()
                    .find(|(k, _)| k == name)
                    .map(|(_, v)| v.clone())
            })
        };
        assert_eq!(of(&[]), Ok(None));
        let slurm = [
            ("SLURM_ARRAY_TASK_ID", "3"),
            ("SLURM_ARRAY_TASK_COUNT", "4"),
        ];
        assert_eq!(of(&slurm), Ok(Some(Shard { index: 3, count: 4 })));
        let from_1 = [slurm[0], slurm[1], ("SLURM_ARRAY_TASK_MIN", "1")];
        assert_eq!(of(&from_1), Ok(Some(Shard { index: 2, count: 4 })));
        let kubernetes = [("JOB_COMPLETION_INDEX", "0"), ("SYNTHCAP_SHARDS", "8")];
        assert_eq!(of(&kubernetes), Ok(Some(Shard { index: 0, count: 8 })));
        for (wrong, word) in [
            (&kubernetes[..1], "SYNTHCAP_SHARDS"),
            (&slurm[..1], "SLURM_ARRAY_TASK_COUNT"),
            (&[("SLURM_ARRAY_TASK_ID", "x")][..], "\"x\""),
        ] {
            let error = of(wrong).expect_err("incomplete").to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn what_is_no_shard_is_said() {
        for text in ["4/4", "1", "a/b", "-1/3", "1/0"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
