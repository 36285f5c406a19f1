//! What the table's scene stands in: table, floor, wall, lawn.

use std::f32::consts::{FRAC_PI_2, TAU};

use glam::{Affine3A, Quat, Vec3, vec3};

use super::{
    Collider, MeshBuilder,
    builder::at,
    lathe::{around, lathe},
    solids,
};
use crate::{material::Material, texture::Pattern};

/// Height of the table's top, metres.
pub(crate) const TABLE_TOP_M: f32 = 0.75;
/// Height of the rails above what they lie on, metres.
pub(crate) const RAIL_HEIGHT_M: f32 = 0.006;
/// Height of the stand's upper end, metres.
pub(crate) const STAND_HEIGHT_M: f32 = 0.20;

/// Half of the table's top, metres.
const TABLE_HALF: Vec3 = vec3(0.60, 0.92, 0.018);

/// Adds a block to look at and to collide with.
fn block(builder: MeshBuilder, center: Vec3, half_extent: Vec3, round: f32) -> MeshBuilder {
    builder
        .solid(
            &solids::block(half_extent, round),
            Affine3A::from_translation(center),
        )
        .collider(Collider::Block {
            center,
            half_extent,
        })
}

/// A table whose boards run across, centred on the origin.
pub(crate) fn table(wood: Material) -> MeshBuilder {
    let plain = Material {
        texture: crate::texture::Texture::Pattern(Pattern::Wood),
        ..wood.clone()
    };
    let top = vec3(0.0, 0.0, TABLE_TOP_M - TABLE_HALF.z);
    let mut builder = block(MeshBuilder::new().part(wood), top, TABLE_HALF, 0.005).part(plain);
    let under = TABLE_TOP_M - 2.0 * TABLE_HALF.z;
    for (x, y) in [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)] {
        let leg = vec3(
            x * (TABLE_HALF.x - 0.07),
            y * (TABLE_HALF.y - 0.07),
            under / 2.0,
        );
        builder = block(builder, leg, vec3(0.032, 0.032, under / 2.0), 0.004);
    }
    for side in [-1.0, 1.0] {
        let long = vec3(side * (TABLE_HALF.x - 0.07), 0.0, under - 0.045);
        builder = block(builder, long, vec3(0.012, TABLE_HALF.y - 0.1, 0.045), 0.002);
        let short = vec3(0.0, side * (TABLE_HALF.y - 0.07), under - 0.045);
        builder = block(
            builder,
            short,
            vec3(TABLE_HALF.x - 0.1, 0.012, 0.045),
            0.002,
        );
    }
    builder
}

/// The terrace's slabs, with their top at height 0.
pub(crate) fn floor() -> MeshBuilder {
    let stone = Material::hex(0xb39f86, 0.72).patterned(Pattern::Tiles, 0x5f574c);
    let half = vec3(4.2, 4.6, 0.1);
    block(
        MeshBuilder::new().part(stone),
        vec3(-1.5, 0.0, -0.1),
        half,
        0.0,
    )
}

/// Grass as far as one sees, with its top at height 0.
pub(crate) fn lawn() -> MeshBuilder {
    let grass = Material::hex(0x5f7f38, 0.95).patterned(Pattern::Noise, 0x3f5a26);
    block(
        MeshBuilder::new().part(grass),
        vec3(0.0, 0.0, -0.5),
        vec3(60.0, 60.0, 0.5),
        0.0,
    )
}

/// A low garden wall of bricks along Y, with a coping.
pub(crate) fn wall() -> MeshBuilder {
    let brick = Material::hex(0xa9573a, 0.85).patterned(Pattern::Brick, 0xb5aa98);
    let stone = Material::hex(0xc2b59e, 0.7).patterned(Pattern::Noise, 0x9d9180);
    let body = block(
        MeshBuilder::new().part(brick),
        vec3(0.0, 0.0, 0.26),
        vec3(0.11, 4.6, 0.26),
        0.0,
    );
    block(
        body.part(stone),
        vec3(0.0, 0.0, 0.55),
        vec3(0.16, 4.65, 0.03),
        0.008,
    )
}

/// A circle of track with sleepers, lying on the origin.
pub(crate) fn rails(radius: f32) -> MeshBuilder {
    const GAUGE_HALF: f32 = 0.0205;
    const SLEEPERS: usize = 30;
    let mut builder = MeshBuilder::new().part(Material::metal(0xb9bcc2, 0.32));
    for r in [radius - GAUGE_HALF, radius + GAUGE_HALF] {
        let (inner, outer) = (r - 0.002, r + 0.002);
        let profile = [
            (inner, RAIL_HEIGHT_M),
            (inner, 0.0015),
            (outer, 0.0015),
            (outer, RAIL_HEIGHT_M),
            (inner, RAIL_HEIGHT_M),
        ];
        builder = builder.solid(&lathe(&profile, around(outer)), Affine3A::IDENTITY);
    }
    builder = builder.part(Material::hex(0x6b4a2f, 0.7).patterned(Pattern::Wood, 0x3f2a18));
    for i in 0..SLEEPERS {
        let turn = Quat::from_rotation_z(i as f32 / SLEEPERS as f32 * TAU);
        let place = Affine3A::from_rotation_translation(turn, turn * vec3(radius, 0.0, 0.002));
        builder = builder.solid(&solids::block(vec3(0.032, 0.006, 0.002), 0.0005), place);
        let half = vec3(0.03, radius * TAU / SLEEPERS as f32 / 2.0, 0.003);
        let corners = (0..8).map(|c| {
            let sign = |bit: usize| if c >> bit & 1 == 0 { -1.0 } else { 1.0 };
            place.transform_point3(vec3(sign(0), sign(1), sign(2)) * half)
        });
        builder = builder.collider(Collider::Hull(corners.collect()));
    }
    builder
}

/// A post on a foot, for the pinwheel.
pub(crate) fn stand() -> MeshBuilder {
    let wood = Material::hex(0xc99a5b, 0.55).patterned(Pattern::Wood, 0x8d6236);
    let axle = Affine3A::from_rotation_translation(
        Quat::from_rotation_y(FRAC_PI_2),
        vec3(-0.004, 0.0, STAND_HEIGHT_M),
    );
    MeshBuilder::new()
        .part(wood)
        .solid(
            &solids::cylinder(0.034, 0.007, 0.002, around(0.034)),
            at(0.0, 0.0, 0.007),
        )
        .solid(
            &solids::cylinder(0.005, STAND_HEIGHT_M / 2.0, 0.001, around(0.005)),
            at(0.0, 0.0, STAND_HEIGHT_M / 2.0),
        )
        .solid(&solids::cylinder(0.003, 0.010, 0.0, around(0.003)), axle)
        .collider(Collider::Block {
            center: vec3(0.0, 0.0, 0.007),
            half_extent: vec3(0.034, 0.034, 0.007),
        })
        .collider(Collider::Block {
            center: vec3(0.0, 0.0, STAND_HEIGHT_M / 2.0),
            half_extent: vec3(0.005, 0.005, STAND_HEIGHT_M / 2.0),
        })
}
