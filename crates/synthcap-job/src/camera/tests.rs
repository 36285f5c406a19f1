use super::*;
use crate::Job;

/// A way with a fixed stage, asked by number.
#[derive(Debug)]
struct Way {
    path: CameraPath,
    seed: u64,
}

impl Way {
    fn spec(k: u64) -> SampleSpec {
        let job = Job {
            samples: Some(10_000),
            ..Job::default()
        };
        job.expand(k)
    }

    fn draws(&self, sample: u64) -> Draws {
        Draws {
            seed: self.seed,
            sample,
            camera: 0,
            attempt: 0,
        }
    }

    fn pose(&self, k: u64) -> Transform {
        self.path.pose(&stage(), &Self::spec(k), &self.draws(k))
    }

    fn before(&self, k: u64, pose: Transform) -> Option<Transform> {
        self.path
            .before(&stage(), &Self::spec(k), &self.draws(k), pose)
    }
}

fn orbit_of(samples: u64) -> Way {
    Way {
        path: CameraPath::Orbit { samples },
        seed: 0,
    }
}

fn random_of(seed: u64) -> Way {
    Way {
        path: CameraPath::Spherical(Spherical::default()),
        seed,
    }
}

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
    let path = orbit_of(48);
    let poses: Vec<_> = (0..=48).map(|k| path.pose(k)).collect();
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
    let path = random_of;
    assert_eq!(path(1).pose(5), path(1).pose(5));
    assert_ne!(path(1).pose(5), path(1).pose(6));
    assert_ne!(path(1).pose(5), path(2).pose(5));
}

#[test]
fn random_views_surround_the_stage_and_see_it() {
    let path = random_of(3);
    let mut quadrants = [0; 4];
    for k in 0..400 {
        let pose = path.pose(k);
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
fn another_try_is_another_place() {
    let way = random_of(3);
    let spec = Way::spec(5);
    let at = |attempt| {
        let draws = Draws {
            attempt,
            ..way.draws(5)
        };
        way.path.pose(&stage(), &spec, &draws)
    };
    assert_eq!(at(0), way.pose(5));
    assert_ne!(at(0), at(1));
    assert_ne!(at(1), at(2));
    assert_eq!(at(2), at(2));
}

#[test]
fn places_in_a_box_are_in_it() {
    let volume = Volume {
        min_cm: [0.0, -10.0, 100.0],
        max_cm: [50.0, 10.0, 100.0],
    };
    let way = Way {
        path: CameraPath::Volume(volume),
        seed: 9,
    };
    for k in 0..100 {
        let l = way.pose(k).location;
        assert!((0.0..=50.0).contains(&l.x) && (-10.0..=10.0).contains(&l.y));
        assert_eq!(l.z, 100.0);
    }
}

#[test]
fn the_camera_never_jumps_between_a_frame_and_the_tick_before() {
    let poses = vec![Transform::new(Vec3::ONE, Rotator::ZERO); 40];
    let poses = Way {
        path: CameraPath::Poses(poses),
        seed: 0,
    };
    for way in [orbit_of(40), random_of(3), poses] {
        for k in 0..40 {
            let pose = way.pose(k);
            let before = way.before(k, pose).unwrap_or_else(|| way.pose(k - 1));
            let (a, b) = (pose.location, before.location);
            let moved = (a.x - b.x).hypot(a.y - b.y).hypot(a.z - b.z);
            // A fortieth of the circle is 31 cm long.
            assert!(moved < 35.0, "{way:?} {k}: {moved}");
        }
    }
}
