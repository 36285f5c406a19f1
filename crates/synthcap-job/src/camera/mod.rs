//! Where a camera goes. Every pose is a pure function of the job, the sample and the
//! stage.

mod file;
mod stage;

use std::f64::consts::TAU;

use synthcap::{Rotator, Transform, Vec3};

pub(crate) use self::file::read as read_poses;
pub use self::stage::Stage;
use crate::{CameraJob, Draw, Jitter, SampleSpec, Spherical, Volume};

/// A camera's way through a scene.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CameraPath {
    /// Once around the stage.
    Orbit {
        /// Samples of the whole turn.
        samples: u64,
    },
    /// A view from anywhere on a shell around the stage, each its own.
    Spherical(Spherical),
    /// A view from anywhere in a box, each its own.
    Volume(Volume),
    /// Poses from a file, by the sample's number.
    Poses(Vec<Transform>),
}

/// An orbit stays where it shows the tops and the sides of things, degrees.
const LOWEST_DEG: f64 = 14.0;
const HIGHEST_DEG: f64 = 62.0;

impl CameraPath {
    /// The way of a camera through a scene of so many samples.
    pub(crate) fn of(camera: &CameraJob, samples: u64) -> Self {
        if !camera.poses.is_empty() {
            return Self::Poses(camera.poses.clone());
        }
        match (&camera.spherical, &camera.volume, camera.path.as_deref()) {
            (Some(spherical), _, _) => Self::Spherical(*spherical),
            (None, Some(volume), _) => Self::Volume(*volume),
            (None, None, Some("random")) => Self::Spherical(Spherical::default()),
            _ => Self::Orbit { samples },
        }
    }

    /// Whether each sample's place is drawn on its own.
    pub(crate) fn is_drawn(&self) -> bool {
        matches!(self, Self::Spherical(_) | Self::Volume(_))
    }

    /// The pose in a sample; for places that are drawn, that of the given try.
    pub(crate) fn pose(&self, stage: &Stage, spec: &SampleSpec, draws: &Draws) -> Transform {
        match self {
            Self::Orbit { samples } => orbit(stage, spec.step, *samples),
            Self::Spherical(shell) => spherical(stage, shell, draws.draw("path")),
            Self::Volume(volume) => within(stage, volume, draws.draw("path")),
            Self::Poses(poses) => {
                let place = usize::try_from(spec.index).unwrap_or(usize::MAX);
                // A job has a pose for each sample; that was checked.
                poses.get(place).copied().unwrap_or(Transform::IDENTITY)
            }
        }
    }

    /// Where the camera is to be at the tick before a sample, when that is not
    /// where the sample before has left it. Optical flow shows the motion between
    /// the two, which must be one that a camera could make.
    pub(crate) fn before(
        &self,
        stage: &Stage,
        spec: &SampleSpec,
        draws: &Draws,
        pose: Transform,
    ) -> Option<Transform> {
        match self {
            // As if the circle had begun a sample earlier.
            Self::Orbit { samples } if spec.step == 0 => {
                Some(orbit(stage, samples.saturating_sub(1), *samples))
            }
            Self::Spherical(_) | Self::Volume(_) => Some(drifting(draws.draw("drift"), pose)),
            Self::Poses(_) if spec.step == 0 => Some(pose),
            _ => None,
        }
    }
}

/// The random numbers of one camera in one sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draws {
    pub(crate) seed: u64,
    pub(crate) sample: u64,
    /// Which camera of the job.
    pub(crate) camera: usize,
    /// Which try.
    pub(crate) attempt: u32,
}

impl Draws {
    pub(crate) fn draw(&self, purpose: &str) -> Draw {
        match (self.camera, self.attempt) {
            (0, 0) => Draw::new(self.seed, self.sample, purpose),
            (camera, attempt) => {
                let purpose = format!("{purpose} of camera {camera}, try {attempt}");
                Draw::new(self.seed, self.sample, &purpose)
            }
        }
    }
}

/// A pose with its jitter, and the jitter.
pub(crate) fn jittered(
    jitter: &Jitter,
    mut draw: Draw,
    pose: Transform,
) -> (Transform, ([f32; 3], Rotator)) {
    let [x, y, z] = std::array::from_fn(|_| draw.around_zero(jitter.location_cm) as f32);
    let [pitch, yaw, roll] = std::array::from_fn(|_| draw.around_zero(jitter.rotation_deg) as f32);
    let (l, r) = (pose.location, pose.rotation);
    let moved = Transform::new(
        Vec3::new(l.x + x, l.y + y, l.z + z),
        Rotator::new(r.pitch + pitch, r.yaw + yaw, r.roll + roll),
    );
    (moved, ([x, y, z], Rotator::new(pitch, yaw, roll)))
}

/// A little before the pose, for a camera that passes through it.
fn drifting(mut draw: Draw, pose: Transform) -> Transform {
    let (l, r) = (pose.location, pose.rotation);
    let mut near = |value: f32, most: f64| value + draw.around_zero(most) as f32;
    Transform::new(
        Vec3::new(near(l.x, 1.5), near(l.y, 1.5), near(l.z, 1.5)),
        Rotator::new(near(r.pitch, 0.8), near(r.yaw, 0.8), near(r.roll, 0.8)),
    )
}

/// A circle that rises and sinks a little, from where the stage is seen at first.
fn orbit(stage: &Stage, step: u64, samples: u64) -> Transform {
    const SWING_DEG: f64 = 5.0;
    let turn = step as f64 / samples.max(1) as f64 * TAU;
    let elevation = stage
        .elevation_deg
        .clamp(LOWEST_DEG + SWING_DEG, HIGHEST_DEG);
    let elevation_deg = elevation + SWING_DEG * (2.0 * turn).sin();
    let from = stage.around(
        stage.azimuth_deg + turn.to_degrees(),
        elevation_deg,
        stage.distance_cm,
    );
    Transform::look_at(from, stage.center)
}

fn spherical(stage: &Stage, shell: &Spherical, mut draw: Draw) -> Transform {
    let azimuth_deg = shell.azimuth_deg.draw(&mut draw);
    // Even over the shell's surface, whose rings get smaller towards the top.
    let sine = |deg: f64| deg.to_radians().sin();
    let rise = draw.range(
        sine(shell.elevation_deg.low()),
        sine(shell.elevation_deg.high()),
    );
    let distance_cm = stage.distance_cm * shell.distance.draw(&mut draw);
    let from = stage.around(azimuth_deg, rise.asin().to_degrees(), distance_cm);
    Transform::look_at(from, beside(stage, shell.aside, &mut draw))
}

fn within(stage: &Stage, volume: &Volume, mut draw: Draw) -> Transform {
    let mut at = |axis: usize| draw.range(volume.min_cm[axis], volume.max_cm[axis]) as f32;
    let from = Vec3::new(at(0), at(1), at(2));
    Transform::look_at(from, beside(stage, Spherical::default().aside, &mut draw))
}

/// A point near the middle of the stage, so many of its radii off at the most.
fn beside(stage: &Stage, aside: f64, draw: &mut Draw) -> Vec3 {
    let aside = aside * stage.radius_cm;
    Vec3::new(
        stage.center.x + draw.around_zero(aside) as f32,
        stage.center.y + draw.around_zero(aside) as f32,
        stage.center.z,
    )
}

#[cfg(test)]
mod tests;
