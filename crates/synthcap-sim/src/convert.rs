//! The border between the wire and the simulator.
//!
//! Inside, the simulator keeps the wire's axes (X forward, Y right, Z up,
//! left-handed) and its turning directions; only the unit differs: metres here,
//! centimetres there. Everything that crosses does so through this file.

use glam::{Affine3A, DMat3, DQuat, DVec3, Quat, Vec3, Vec3A};
use synthcap::{Rotator, Transform};

const CM_PER_M: f64 = 100.0;

/// Wire centimetres to metres.
pub(crate) fn point(p: synthcap::Vec3) -> Vec3 {
    let metres = |cm: f32| (f64::from(cm) / CM_PER_M) as f32;
    Vec3::new(metres(p.x), metres(p.y), metres(p.z))
}

/// Metres to wire centimetres.
pub(crate) fn wire_point(p: Vec3) -> synthcap::Vec3 {
    let cm = |m: f32| (f64::from(m) * CM_PER_M) as f32;
    synthcap::Vec3::new(cm(p.x), cm(p.y), cm(p.z))
}

/// A colour or a scale, which has no unit.
pub(crate) fn plain(v: synthcap::Vec3) -> Vec3 {
    Vec3::new(v.x, v.y, v.z)
}

/// A scale, which has no unit, back to the wire.
pub(crate) fn wire_plain(v: Vec3) -> synthcap::Vec3 {
    synthcap::Vec3::new(v.x, v.y, v.z)
}

/// Wire degrees to a quaternion.
pub(crate) fn rotation(r: Rotator) -> Quat {
    let [x, y, z] = r.axes();
    let axes = DMat3::from_cols(DVec3::from(x), DVec3::from(y), DVec3::from(z));
    DQuat::from_mat3(&axes).normalize().as_quat()
}

/// A quaternion to wire degrees.
pub(crate) fn rotator(q: Quat) -> Rotator {
    let axes = DMat3::from_quat(q.as_dquat().normalize());
    Rotator::from_axes([
        axes.x_axis.to_array(),
        axes.y_axis.to_array(),
        axes.z_axis.to_array(),
    ])
}

/// A wire transform from metres, a rotation and a scale.
pub(crate) fn transform(position: Vec3, turn: Quat, scale: Vec3) -> Transform {
    Transform {
        location: wire_point(position),
        rotation: rotator(turn),
        scale: wire_plain(scale),
    }
}

/// Local metres to world metres.
pub(crate) fn affine(t: &Transform) -> Affine3A {
    Affine3A::from_scale_rotation_translation(
        plain(t.scale),
        rotation(t.rotation),
        point(t.location),
    )
}

/// A camera's centre and its forward, right and up directions.
pub(crate) fn camera_frame(pose: &Transform) -> (Vec3A, [Vec3A; 3]) {
    let axes = pose.rotation.axes();
    let axis = |a: [f64; 3]| DVec3::from(a).as_vec3a();
    (point(pose.location).into(), axes.map(axis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotations_survive_the_way_in_and_out() {
        for (pitch, yaw, roll) in [
            (10.0, 20.0, 30.0),
            (-80.0, 170.0, -15.0),
            (0.0, -90.0, 45.0),
        ] {
            let back = rotator(rotation(Rotator::new(pitch, yaw, roll)));
            let off =
                (back.pitch - pitch).abs() + (back.yaw - yaw).abs() + (back.roll - roll).abs();
            assert!(off < 1e-3, "{back:?}");
        }
    }

    #[test]
    fn an_affine_agrees_with_the_axes_of_the_wire() {
        let pose = Transform {
            location: synthcap::Vec3::new(100.0, -200.0, 50.0),
            rotation: Rotator::new(0.0, 90.0, 0.0),
            scale: synthcap::Vec3::new(2.0, 1.0, 1.0),
        };
        // Yaw turns X towards Y, so a point one metre ahead lies to the right.
        let p = affine(&pose).transform_point3(Vec3::X);
        assert!((p - Vec3::new(1.0, 0.0, 0.5)).length() < 1e-6, "{p}");
    }
}
