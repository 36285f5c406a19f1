//! Conversions of poses hold for every rotation, straight up and down included.

use proptest::prelude::*;
use synthcap::{Convention, Intrinsics, Rotator, Transform, Vec3};

const CONVENTIONS: [Convention; 3] = [Convention::OpenCv, Convention::OpenGl, Convention::Ros];

fn rotators() -> impl Strategy<Value = Rotator> {
    // Straight up and down, where yaw and roll turn about the same axis, would
    // never be drawn from a range.
    let pitch = prop_oneof![
        4 => -90.0_f32..90.0,
        1 => Just(90.0_f32),
        1 => Just(-90.0_f32),
        1 => 89.99_f32..90.0,
    ];
    (pitch, -180.0_f32..180.0, -180.0_f32..180.0)
        .prop_map(|(pitch, yaw, roll)| Rotator::new(pitch, yaw, roll))
}

fn locations() -> impl Strategy<Value = Vec3> {
    let metre = || -1000.0_f32..1000.0;
    (metre(), metre(), metre()).prop_map(|(x, y, z)| Vec3::new(x, y, z))
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The largest difference between two sets of axes.
fn distance(a: [[f64; 3]; 3], b: [[f64; 3]; 3]) -> f64 {
    let differences = a.iter().flatten().zip(b.iter().flatten());
    differences.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

proptest! {
    #[test]
    fn a_rotation_survives_its_axes(rotator in rotators()) {
        let axes = rotator.axes();
        let again = Rotator::from_axes(axes).axes();
        prop_assert!(distance(axes, again) < 1e-5, "{axes:?} {again:?}");
    }

    #[test]
    fn axes_are_of_unit_length_and_at_right_angles(rotator in rotators()) {
        let axes = rotator.axes();
        for (i, a) in axes.iter().enumerate() {
            for (j, b) in axes.iter().enumerate() {
                let expected = f64::from(u8::from(i == j));
                prop_assert!((dot(*a, *b) - expected).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn a_pose_survives_every_convention(rotator in rotators(), location in locations()) {
        let pose = Transform::new(location, rotator);
        for convention in CONVENTIONS {
            let matrix = pose.camera_to_world(convention);
            let again = Transform::from_camera_to_world(matrix, convention);
            prop_assert!(distance(pose.rotation.axes(), again.rotation.axes()) < 1e-5);
            for (a, b) in [
                (pose.location.x, again.location.x),
                (pose.location.y, again.location.y),
                (pose.location.z, again.location.z),
            ] {
                prop_assert!((a - b).abs() < 1e-3, "{a} {b}");
            }
        }
    }

    #[test]
    fn converted_poses_are_rotations_and_not_mirrored(rotator in rotators()) {
        let pose = Transform::new(Vec3::ZERO, rotator);
        for convention in CONVENTIONS {
            let m = pose.camera_to_world(convention);
            let column = |c: usize| [m[0][c], m[1][c], m[2][c]];
            let [x, y, z] = [column(0), column(1), column(2)];
            let cross = [
                x[1] * y[2] - x[2] * y[1],
                x[2] * y[0] - x[0] * y[2],
                x[0] * y[1] - x[1] * y[0],
            ];
            prop_assert!((dot(cross, z) - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn conventions_name_the_same_directions(rotator in rotators()) {
        let pose = Transform::new(Vec3::ZERO, rotator);
        let column = |convention, c: usize, sign: f64| {
            let m: [[f64; 4]; 4] = pose.camera_to_world(convention);
            [sign * m[0][c], sign * m[1][c], sign * m[2][c]]
        };
        let forward = column(Convention::OpenCv, 2, 1.0);
        prop_assert_eq!(forward, column(Convention::OpenGl, 2, -1.0));
        prop_assert_eq!(forward, column(Convention::Ros, 0, 1.0));
        let up = column(Convention::OpenCv, 1, -1.0);
        prop_assert_eq!(up, column(Convention::OpenGl, 1, 1.0));
        prop_assert_eq!(up, column(Convention::Ros, 2, 1.0));
    }

    #[test]
    fn looking_at_a_point_looks_at_it_upright(from in locations(), target in locations()) {
        let ways = [target.x - from.x, target.y - from.y, target.z - from.z];
        let ways = ways.map(f64::from);
        let length = dot(ways, ways).sqrt();
        prop_assume!(length > 1.0);
        let pose = Transform::look_at(from, target);
        prop_assert_eq!(pose.location, from);
        let [forward, right, up] = pose.rotation.axes();
        prop_assert!((dot(forward, ways) / length - 1.0).abs() < 1e-6);
        prop_assert!(right[2].abs() < 1e-9 && up[2] >= -1e-9);
    }
}

#[test]
fn a_camera_of_the_size_that_it_has_is_the_same_to_the_last_bit() {
    for height in 1..2000 {
        let lens = Intrinsics {
            cy: f64::from(height) * 0.37,
            ..Intrinsics::from_horizontal_fov(61.0, 640, height)
        };
        assert_eq!(lens.resized(640, height), lens);
    }
}

#[test]
fn looking_straight_up_and_down_is_defined() {
    for (z, pitch) in [(500.0, 90.0), (-500.0, -90.0)] {
        let pose = Transform::look_at(Vec3::ZERO, Vec3::new(0.0, 0.0, z));
        assert_eq!(pose.rotation, Rotator::new(pitch, 0.0, 0.0));
    }
}
