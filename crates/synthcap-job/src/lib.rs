//! Capture jobs of synthcap.
//!
//! A [`Job`] says what a data set is to hold. It is read from a file, flags or both
//! by a [`JobSource`], and [`Job::expand`] tells of each sample which scene it is of,
//! from which seed and in which split. Once a scene stands, a [`Director`] says what
//! is asked of the server for a sample; all of it is a pure function of the job, the
//! sample's number and the objects of the scene. Nothing here knows a network, a
//! clock or a file, but for reading the job itself.
//!
//! ```
//! use synthcap_job::JobSource;
//!
//! let text = "seed = 7\nsamples = 100\nsamples_per_scene = 10\nsplit = { train = 8, val = 2 }\n";
//! let job = JobSource::from_text("job.toml", text)?.job()?;
//! let (a, b) = (job.expand(41), job.expand(49));
//! assert_eq!((a.scene, a.step, b.step), (4, 1, 9));
//! assert_eq!((a.scene_seed, a.split), (b.scene_seed, b.split), "they share a scene");
//! # Ok::<_, synthcap_job::JobError>(())
//! ```

mod camera;
mod classes;
mod direct;
mod draw;
mod error;
mod expand;
mod job;
pub mod noise;
mod shard;

pub use camera::Stage;
pub use classes::ClassTable;
pub use direct::{CameraShot, Director, Look, SceneChange, Shot, missing_class};
pub use draw::Draw;
pub use error::{JobError, Result};
pub use expand::{SampleSpec, Split};
pub use job::{
    CameraJob, Count, DepthNoise, Distractors, Drop, Jitter, Job, JobSource, Lamp, Light, LookAt,
    Materials, Modalities, Objects, Per, Poses, Randomize, Range, Sensor, Shares, Size, Spherical,
    Volume,
};
pub use shard::Shard;
