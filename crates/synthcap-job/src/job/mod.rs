//! The job file: every key, its meaning, unit and default.

mod cameras;
mod check;
mod place;
mod randomize;
mod range;
mod source;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use synthcap::{Modality, ModalitySet};

pub use self::{
    cameras::{CameraJob, DepthNoise, Jitter, LookAt, Sensor, Spherical, Volume},
    randomize::{Distractors, Drop, Lamp, Light, Materials, Objects, Per, Poses, Randomize},
    range::{Count, Range},
    source::JobSource,
};

/// What a data set is to hold. Every sample is a pure function of it, its own number
/// and the simulator.
///
/// ```
/// use synthcap_job::JobSource;
///
/// let job = JobSource::from_text("job.toml", "samples = 20\nsamples_per_scene = 5\n")?.job()?;
/// assert_eq!(job.scenes(), 4);
/// let wrong = JobSource::from_text("job.toml", "seed = 1\nsamplez = 20\n");
/// let line = wrong.expect_err("no such key").to_string();
/// assert!(line.starts_with("job.toml:2: unknown field `samplez`"), "{line}");
/// # Ok::<_, synthcap_job::JobError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Job {
    /// The scene. The embedded simulator makes it; a server must have it. Default:
    /// the simulator's first, or whichever the server has.
    pub scene: Option<String>,
    /// What everything is drawn from. Default: 0.
    pub seed: u64,
    /// How many samples the set has. Default: 48, or as many as the pose file has.
    pub samples: Option<u64>,
    /// Samples that share a scene: each scene starts over from a seed of its own,
    /// and time goes on by a tick from sample to sample. Default: all of them.
    pub samples_per_scene: Option<u64>,
    /// Image size, `WIDTHxHEIGHT` in pixels. Default: `640x480`.
    pub size: Size,
    /// The images of each view: `rgb`, `depth`, `segmentation`, `normals`, `flow`.
    /// Default: all that the formats can carry.
    pub modalities: Option<Modalities>,
    /// The formats of the data set, each as `--format` takes it. Default: `frames`.
    pub formats: Vec<String>,
    /// Shares of train, val and test, by scenes: no scene is in two of them.
    /// Default: not split.
    pub split: Option<Shares>,
    /// The classes, whose IDs are their places from 1 on. Default: the server's own
    /// IDs; with several scenes, the classes of the first ones in the order of
    /// their IDs.
    pub classes: Vec<String>,
    /// The highest instance ID that can occur; up to 65535 lets formats store 16-bit
    /// masks. Default: that of the scene; with several scenes, or objects that come
    /// and go, 65535.
    pub max_instance_id: Option<u32>,
    /// The licence of the set. Default: not stated.
    pub license: String,
    /// The cameras. Default: the scene's first, on its orbit.
    pub cameras: Vec<CameraJob>,
    /// What varies from sample to sample, or from scene to scene. Default: nothing.
    pub randomize: Randomize,
}

impl Default for Job {
    fn default() -> Self {
        Self {
            scene: None,
            seed: 0,
            samples: None,
            samples_per_scene: None,
            size: Size::default(),
            modalities: None,
            formats: vec!["frames".to_owned()],
            split: None,
            classes: Vec::new(),
            max_instance_id: None,
            license: String::new(),
            cameras: vec![CameraJob::default()],
            randomize: Randomize::default(),
        }
    }
}

/// Samples of a job that does not say.
const DEFAULT_SAMPLES: u64 = 48;

impl Job {
    /// How many samples the set has.
    pub fn samples(&self) -> u64 {
        self.samples.unwrap_or(DEFAULT_SAMPLES)
    }

    /// How many samples share a scene.
    pub fn samples_per_scene(&self) -> u64 {
        let all = self.samples().max(1);
        self.samples_per_scene.unwrap_or(all).clamp(1, all)
    }

    /// How many scenes there are.
    pub fn scenes(&self) -> u64 {
        self.samples().div_ceil(self.samples_per_scene())
    }

    /// Whether objects come or go, so that a scene's own instance IDs are not all.
    pub fn changes_objects(&self) -> bool {
        self.randomize.drop.is_some()
            || self.randomize.distractors.is_some()
            || self.randomize.objects.is_some()
    }

    /// The job as it is recorded with its data set: equal for equal jobs, whatever
    /// machine, folder or servers they run on.
    pub fn record(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Tells jobs apart: SHA-256 of the record, as hexadecimal text.
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.record().to_string());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// An image size in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            width: 640,
            height: 480,
        }
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl std::str::FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        /// Far beyond any sensor; larger numbers are typing errors. What a server makes
        /// is its own limit, and mostly less.
        const MOST: u32 = 16_384;
        let sides = text.split_once(['x', 'X']);
        let number = |side: &str| side.parse::<u32>().ok();
        match sides.and_then(|(w, h)| Some((number(w)?, number(h)?))) {
            Some((width, height))
                if (1..=MOST).contains(&width) && (1..=MOST).contains(&height) =>
            {
                Ok(Self { width, height })
            }
            Some(_) => Err(format!("each side must be from 1 to {MOST} pixels")),
            None => Err("give width and height, such as 640x480".to_owned()),
        }
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// The images of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Modalities(pub ModalitySet);

impl TryFrom<Vec<String>> for Modalities {
    type Error = String;

    fn try_from(names: Vec<String>) -> Result<Self, String> {
        let set = names
            .iter()
            .map(|name| name.trim().parse::<Modality>().map_err(|e| e.to_string()))
            .collect::<Result<ModalitySet, _>>()?;
        if set.is_empty() {
            return Err("name at least one modality".to_owned());
        }
        Ok(Self(set))
    }
}

impl From<Modalities> for Vec<String> {
    fn from(set: Modalities) -> Self {
        set.0.iter().map(|m| m.name().to_owned()).collect()
    }
}

/// How the scenes are divided. Only the ratios count.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shares {
    /// For training.
    pub train: f64,
    /// For choosing among models. Default: 0.
    #[serde(default)]
    pub val: f64,
    /// For the last word. Default: 0.
    #[serde(default)]
    pub test: f64,
}
