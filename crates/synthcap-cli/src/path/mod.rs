//! Where the camera goes. Every pose is a pure function of the seed, the frame's
//! number and the stage.

mod file;
mod stage;

use std::f64::consts::TAU;

use synthcap::{Rotator, Transform, Vec3};

pub(crate) use self::{file::read as read_poses, stage::Stage};
use crate::draw::Draw;

/// A camera path over so many frames.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CameraPath {
    /// Once around the stage.
    Orbit {
        /// What to look at, and from how far.
        stage: Stage,
        /// Frames of the whole turn.
        frames: u64,
    },
    /// A view of the stage from anywhere on a shell around it, each its own.
    Random {
        /// What to look at, and from how far.
        stage: Stage,
        /// What the views are drawn from.
        seed: u64,
    },
    /// Poses from a file.
    Poses(Vec<Transform>),
}

/// Elevations that show the tops and the sides of things, degrees.
const LOWEST_DEG: f64 = 14.0;
const HIGHEST_DEG: f64 = 62.0;

impl CameraPath {
    /// The camera's pose in a frame; `None` past the end of the poses.
    pub(crate) fn pose(&self, frame: u64) -> Option<Transform> {
        match self {
            Self::Orbit { stage, frames } => Some(orbit(stage, frame, *frames)),
            Self::Random { stage, seed } => Some(random(stage, *seed, frame)),
            Self::Poses(poses) => poses.get(usize::try_from(frame).ok()?).copied(),
        }
    }
}

impl CameraPath {
    /// Where the camera is to be at the tick before a frame, when that is not
    /// where the frame before has left it. Optical flow shows the motion between
    /// the two, which must be one that a camera could make.
    pub(crate) fn before(&self, frame: u64, pose: Transform) -> Option<Transform> {
        match self {
            // As if the circle had begun a frame earlier.
            Self::Orbit { stage, frames } if frame == 0 => {
                Some(orbit(stage, frames.saturating_sub(1), *frames))
            }
            Self::Random { seed, .. } => Some(drifting(*seed, frame, pose)),
            Self::Poses(_) if frame == 0 => Some(pose),
            _ => None,
        }
    }
}

/// A little before the pose, for a camera that passes through it.
fn drifting(seed: u64, frame: u64, pose: Transform) -> Transform {
    let mut draw = Draw::new(seed, frame, "drift");
    let (l, r) = (pose.location, pose.rotation);
    let mut near = |value: f32, most: f64| value + draw.around_zero(most) as f32;
    Transform::new(
        Vec3::new(near(l.x, 1.5), near(l.y, 1.5), near(l.z, 1.5)),
        Rotator::new(near(r.pitch, 0.8), near(r.yaw, 0.8), near(r.roll, 0.8)),
    )
}

/// A circle that rises and sinks a little, from where the stage is seen at first.
fn orbit(stage: &Stage, frame: u64, frames: u64) -> Transform {
    const SWING_DEG: f64 = 5.0;
    let turn = frame as f64 / frames.max(1) as f64 * TAU;
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

fn random(stage: &Stage, seed: u64, frame: u64) -> Transform {
    let mut draw = Draw::new(seed, frame, "path");
    let azimuth_deg = draw.range(0.0, 360.0);
    // Even over the shell's surface, whose rings get smaller towards the top.
    let rise = draw.range(
        LOWEST_DEG.to_radians().sin(),
        HIGHEST_DEG.to_radians().sin(),
    );
    let distance_cm = stage.distance_cm * draw.range(0.6, 1.05);
    let from = stage.around(azimuth_deg, rise.asin().to_degrees(), distance_cm);
    let aside = 0.3 * stage.radius_cm;
    let target = Vec3::new(
        stage.center.x + draw.around_zero(aside) as f32,
        stage.center.y + draw.around_zero(aside) as f32,
        stage.center.z,
    );
    Transform::look_at(from, target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage() -> Stage {
        Stage {
            center: Vec3::new(100.0, -50.0, 80.0),
            radius_cm: 60.0,
            distance_cm: 200.0,
            azimuth_deg: 30.0,
            elevation_deg: 35.0,
        }
    }

    fn away(pose: &Transform, stage: &Stage) -> [f64; 3] {
        let (l, c) = (pose.location, stage.center);
        [l.x - c.x, l.y - c.y, l.z - c.z].map(f64::from)
    }

    /// How far the optical axis passes the centre of the stage, centimetres.
    fn miss(pose: &Transform, stage: &Stage) -> f64 {
        let [forward, ..] = pose.rotation.axes();
        let d = away(pose, stage);
        let along: f64 = (0..3).map(|i| -d[i] * forward[i]).sum();
        let off = (0..3).map(|i| (d[i] + along * forward[i]).powi(2));
        off.sum::<f64>().sqrt()
    }

    #[test]
    fn an_orbit_goes_once_around_and_looks_at_the_centre() {
        let path = CameraPath::Orbit {
            stage: stage(),
            frames: 48,
        };
        let poses: Vec<_> = (0..=48).map(|k| path.pose(k).expect("endless")).collect();
        for pose in &poses {
            let [x, y, z] = away(pose, &stage());
            let distance = (x * x + y * y + z * z).sqrt();
            assert!((distance - 200.0).abs() < 0.01, "{distance}");
            assert!(miss(pose, &stage()) < 0.01);
            assert!(z > 0.0, "from above");
        }
        let azimuth = |pose: &Transform| {
            let [x, y, _] = away(pose, &stage());
            y.atan2(x).to_degrees()
        };
        assert!((azimuth(&poses[0]) - 30.0).abs() < 1e-3);
        assert!((azimuth(&poses[12]) - 120.0).abs() < 1e-3);
        let (first, last) = (poses[0].location, poses[48].location);
        assert!((first.x - last.x).abs() < 0.01 && (first.y - last.y).abs() < 0.01);
    }

    #[test]
    fn random_views_differ_by_frame_and_seed_and_repeat() {
        let path = |seed| CameraPath::Random {
            stage: stage(),
            seed,
        };
        assert_eq!(path(1).pose(5), path(1).pose(5));
        assert_ne!(path(1).pose(5), path(1).pose(6));
        assert_ne!(path(1).pose(5), path(2).pose(5));
    }

    #[test]
    fn random_views_surround_the_stage_and_see_it() {
        let path = CameraPath::Random {
            stage: stage(),
            seed: 3,
        };
        let mut quadrants = [0; 4];
        for k in 0..400 {
            let pose = path.pose(k).expect("endless");
            let [x, y, z] = away(&pose, &stage());
            let distance = (x * x + y * y + z * z).sqrt();
            assert!((119.9..210.1).contains(&distance), "{distance}");
            let elevation = (z / distance).asin().to_degrees();
            assert!((13.9..62.1).contains(&elevation), "{elevation}");
            assert!(miss(&pose, &stage()) < 0.3 * 60.0 * 1.5);
            assert_eq!(pose.rotation.roll, 0.0);
            quadrants[usize::from(x > 0.0) * 2 + usize::from(y > 0.0)] += 1;
        }
        assert!(quadrants.iter().all(|count| *count > 60), "{quadrants:?}");
    }

    #[test]
    fn the_camera_never_jumps_between_a_frame_and_the_tick_before() {
        let poses = vec![Transform::new(Vec3::ONE, Rotator::ZERO); 40];
        let paths = [
            CameraPath::Orbit {
                stage: stage(),
                frames: 40,
            },
            CameraPath::Random {
                stage: stage(),
                seed: 3,
            },
            CameraPath::Poses(poses),
        ];
        for path in paths {
            for frame in 0..40 {
                let pose = path.pose(frame).expect("in range");
                let before = path
                    .before(frame, pose)
                    .or_else(|| path.pose(frame - 1))
                    .expect("some place");
                let (a, b) = (pose.location, before.location);
                let moved = (a.x - b.x).hypot(a.y - b.y).hypot(a.z - b.z);
                // A fortieth of the circle is 31 cm long.
                assert!(moved < 35.0, "{path:?} {frame}: {moved}");
            }
        }
    }

    #[test]
    fn poses_end_with_the_file() {
        let pose = Transform::new(Vec3::ONE, Rotator::ZERO);
        let path = CameraPath::Poses(vec![pose]);
        assert_eq!(path.pose(0), Some(pose));
        assert_eq!(path.pose(1), None);
    }
}
