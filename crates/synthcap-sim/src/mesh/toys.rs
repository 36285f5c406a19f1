//! Toys at their natural size, in metres.

use std::f32::consts::{FRAC_PI_2, TAU};

use glam::{Affine3A, Quat, Vec3, vec3};

use super::{
    Collider, MeshBuilder,
    builder::{at, box_collider},
    lathe::{around, lathe},
    solids,
};
use crate::{material::Material, texture::Pattern};

pub(super) fn block() -> MeshBuilder {
    let half = Vec3::splat(0.022);
    MeshBuilder::new()
        .part(Material::hex(0xd8a860, 0.45).patterned(Pattern::Wood, 0xa8733a))
        .solid(&solids::block(half, 0.003), at(0.0, 0.0, half.z))
        .collider(box_collider(vec3(0.0, 0.0, half.z), half))
}

pub(super) fn ball() -> MeshBuilder {
    MeshBuilder::new()
        .part(Material::hex(0xd43a2f, 0.3).patterned(Pattern::Stripes, 0xf4f1e8))
        .solid(&solids::ball(0.045, around(0.045)), Affine3A::IDENTITY)
        .collider(Collider::Ball { radius: 0.045 })
}

fn wheels(mut builder: MeshBuilder, places: &[(f32, f32)], track: f32) -> MeshBuilder {
    let lying = Quat::from_rotation_x(FRAC_PI_2);
    for &(x, radius) in places {
        for side in [-track, track] {
            let place = Affine3A::from_rotation_translation(lying, vec3(x, side, radius));
            builder = builder.solid(
                &solids::cylinder(radius, 0.004, 0.0015, around(radius)),
                place,
            );
        }
    }
    builder
}

pub(super) fn locomotive() -> MeshBuilder {
    let along = Quat::from_rotation_y(FRAC_PI_2);
    let body = MeshBuilder::new()
        .part(Material::hex(0x1f5f3f, 0.25))
        .solid(
            &solids::block(vec3(0.062, 0.020, 0.006), 0.002),
            at(0.0, 0.0, 0.020),
        )
        .solid(
            &solids::cylinder(0.0185, 0.040, 0.004, around(0.0185)),
            Affine3A::from_rotation_translation(along, vec3(0.018, 0.0, 0.044)),
        )
        .solid(
            &solids::block(vec3(0.019, 0.021, 0.026), 0.002),
            at(-0.040, 0.0, 0.051),
        )
        .part(Material::hex(0xb5282a, 0.3))
        .solid(
            &solids::block(vec3(0.023, 0.025, 0.0025), 0.002),
            at(-0.040, 0.0, 0.079),
        )
        .part(Material::metal(0xd8ac4a, 0.25))
        .solid(
            &lathe(
                &[(0.007, 0.055), (0.006, 0.075), (0.011, 0.086), (0.0, 0.086)],
                around(0.011),
            ),
            at(0.045, 0.0, 0.0),
        )
        .solid(&solids::ball(0.008, around(0.008)), at(0.010, 0.0, 0.064))
        .part(Material::hex(0x26211e, 0.4));
    wheels(
        body,
        &[(-0.042, 0.016), (0.0, 0.013), (0.036, 0.013)],
        0.021,
    )
    .collider(box_collider(
        vec3(0.0, 0.0, 0.042),
        vec3(0.064, 0.025, 0.042),
    ))
}

pub(super) fn wagon() -> MeshBuilder {
    let body = MeshBuilder::new()
        .part(Material::hex(0x2d5d9f, 0.35))
        .solid(
            &solids::block(vec3(0.048, 0.020, 0.004), 0.002),
            at(0.0, 0.0, 0.020),
        )
        .solid(
            &solids::block(vec3(0.048, 0.002, 0.014), 0.001),
            at(0.0, 0.020, 0.034),
        )
        .solid(
            &solids::block(vec3(0.048, 0.002, 0.014), 0.001),
            at(0.0, -0.020, 0.034),
        )
        .solid(
            &solids::block(vec3(0.002, 0.020, 0.014), 0.001),
            at(0.047, 0.0, 0.034),
        )
        .solid(
            &solids::block(vec3(0.002, 0.020, 0.014), 0.001),
            at(-0.047, 0.0, 0.034),
        )
        .part(Material::hex(0xc99a5b, 0.6).patterned(Pattern::Wood, 0x8d6236))
        .solid(
            &solids::block(vec3(0.017, 0.012, 0.012), 0.001),
            at(0.022, 0.001, 0.036),
        )
        .solid(
            &solids::block(vec3(0.019, 0.014, 0.015), 0.001),
            at(-0.020, -0.001, 0.039),
        )
        .part(Material::hex(0x26211e, 0.4));
    wheels(body, &[(-0.030, 0.012), (0.030, 0.012)], 0.019).collider(box_collider(
        vec3(0.0, 0.0, 0.028),
        vec3(0.050, 0.023, 0.028),
    ))
}

/// A wheel of coloured vanes that turns around X; centred on the origin.
pub(super) fn pinwheel() -> MeshBuilder {
    let along = Quat::from_rotation_y(FRAC_PI_2);
    let mut builder = MeshBuilder::new()
        .part(Material::metal(0xd8ac4a, 0.25))
        .solid(&solids::ball(0.008, around(0.008)), at(0.004, 0.0, 0.0))
        .solid(
            &solids::cylinder(0.003, 0.012, 0.0, around(0.003)),
            Affine3A::from_rotation_translation(along, vec3(-0.008, 0.0, 0.0)),
        );
    for (i, color) in [0xd7352c, 0xf0b92d, 0x2f7fc1, 0x3e9a4d, 0xe57e25, 0x7a4fa3]
        .into_iter()
        .enumerate()
    {
        let turn = Quat::from_rotation_x(i as f32 / 6.0 * TAU);
        let vane = Affine3A::from_rotation_translation(
            turn * Quat::from_rotation_z(0.5),
            turn * vec3(0.0, 0.0, 0.042),
        );
        builder = builder
            .part(Material::hex(color, 0.35))
            .solid(&solids::block(vec3(0.0015, 0.018, 0.036), 0.001), vane);
    }
    builder.collider(box_collider(Vec3::ZERO, vec3(0.015, 0.08, 0.08)))
}
