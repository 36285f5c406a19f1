//! Everyday things at their natural size, in metres, standing on the origin.

use std::f32::consts::{FRAC_PI_2, PI, TAU};

use glam::{Affine3A, Quat, Vec3, vec3};

use super::{
    Collider, MeshBuilder,
    builder::{Solid, at, box_collider},
    lathe::{arc, around, lathe, smooth_profile, tube},
    library::turned,
    solids,
};
use crate::{material::Material, noise, texture::Pattern};

/// The hull of rings of (radius, height), 20 corners each.
pub(super) fn rings(profile: &[(f32, f32)]) -> Collider {
    const CORNERS: usize = 20;
    let ring = |&(r, z): &(f32, f32)| {
        let corners = if r > 0.0 { CORNERS } else { 1 };
        (0..corners).map(move |i| {
            let (sin, cos) = (i as f32 / corners as f32 * TAU).sin_cos();
            vec3(r * cos, r * sin, z)
        })
    };
    Collider::Hull(profile.iter().flat_map(ring).collect())
}

/// A wall of blocks on a ring, for vessels that things can lie in.
fn ring_of_blocks(
    mut builder: MeshBuilder,
    radius: f32,
    heights: (f32, f32),
    thickness: f32,
) -> MeshBuilder {
    const BLOCKS: usize = 12;
    let half_width = radius * (PI / BLOCKS as f32).tan();
    for i in 0..BLOCKS {
        let turn = Quat::from_rotation_z(i as f32 / BLOCKS as f32 * TAU);
        let corners = (0..8).map(|c| {
            let x = radius + if c & 1 == 0 { 0.0 } else { thickness };
            let y = half_width * if c & 2 == 0 { -1.0 } else { 1.0 };
            let z = if c & 4 == 0 { heights.0 } else { heights.1 };
            turn * vec3(x, y, z)
        });
        builder = builder.collider(Collider::Hull(corners.collect()));
    }
    builder
}

pub(super) fn mug() -> MeshBuilder {
    let mut profile = vec![(0.0, 0.0), (0.034, 0.0)];
    profile.extend(arc((0.034, 0.006), 0.006, -FRAC_PI_2, 0.0, 4));
    profile.push((0.041, 0.088));
    profile.extend(arc((0.0395, 0.092), 0.0018, 0.0, PI, 6));
    profile.extend([(0.0365, 0.012), (0.030, 0.006), (0.0, 0.005)]);
    let path: Vec<Vec3> = (0..=24)
        .map(|i| {
            let angle = -FRAC_PI_2 + PI * i as f32 / 24.0;
            vec3(
                0.038 + 0.030 * angle.cos(),
                0.0,
                0.049 + 0.028 * angle.sin(),
            )
        })
        .collect();
    let handle = tube(&path, &[0.0048; 25], Vec3::Y, 10);
    let drink = lathe(
        &[(0.0, 0.074), (0.0375, 0.074), (0.0, 0.073)],
        around(0.0375),
    );
    turned(
        Material::hex(0x2f6f8f, 0.12),
        &profile,
        &[(0.036, 0.0), (0.041, 0.093)],
    )
    .solid(&handle, Affine3A::IDENTITY)
    .part(Material::hex(0x2a1508, 0.08))
    .solid(&drink, Affine3A::IDENTITY)
}

pub(super) fn bowl() -> MeshBuilder {
    let mut profile = vec![(0.0, 0.0), (0.045, 0.0), (0.047, 0.010)];
    profile.extend(smooth_profile(
        &[
            (0.050, 0.012),
            (0.095, 0.032),
            (0.122, 0.068),
            (0.130, 0.085),
        ],
        5,
    ));
    profile.extend(smooth_profile(
        &[
            (0.125, 0.086),
            (0.116, 0.068),
            (0.088, 0.036),
            (0.045, 0.017),
            (0.0, 0.014),
        ],
        5,
    ));
    let body = MeshBuilder::new()
        .part(Material::hex(0xe9e2d2, 0.16).patterned(Pattern::Speckles, 0x6b7f8c))
        .solid(&lathe(&profile, around(0.130)), Affine3A::IDENTITY)
        .collider(rings(&[(0.047, 0.0), (0.090, 0.016)]))
        .collider(rings(&[(0.050, 0.012), (0.092, 0.030)]));
    ring_of_blocks(
        ring_of_blocks(body, 0.086, (0.016, 0.05), 0.012),
        0.110,
        (0.048, 0.085),
        0.014,
    )
}

pub(super) fn plate() -> MeshBuilder {
    let mut profile = vec![(0.0, 0.0), (0.065, 0.0), (0.068, 0.004)];
    profile.extend(smooth_profile(
        &[(0.070, 0.004), (0.095, 0.009), (0.128, 0.018)],
        4,
    ));
    profile.extend(arc((0.128, 0.0195), 0.0015, -FRAC_PI_2, FRAC_PI_2, 4));
    profile.extend(smooth_profile(
        &[(0.126, 0.021), (0.095, 0.013), (0.072, 0.008), (0.0, 0.007)],
        4,
    ));
    turned(
        Material::hex(0xeeeeea, 0.1),
        &profile,
        &[(0.068, 0.0), (0.129, 0.018), (0.070, 0.0075)],
    )
}

pub(super) fn bottle() -> MeshBuilder {
    let mut profile = vec![(0.0, 0.004), (0.028, 0.0)];
    profile.extend(arc((0.031, 0.006), 0.006, -FRAC_PI_2, 0.0, 4));
    profile.extend(smooth_profile(
        &[
            (0.037, 0.02),
            (0.037, 0.155),
            (0.030, 0.195),
            (0.0155, 0.225),
            (0.0145, 0.275),
        ],
        4,
    ));
    profile.extend([
        (0.017, 0.276),
        (0.017, 0.288),
        (0.0145, 0.290),
        (0.0, 0.290),
    ]);
    let label = lathe(&[(0.0374, 0.055), (0.0374, 0.130)], around(0.0374));
    let cork = lathe(
        &[(0.012, 0.289), (0.0125, 0.305), (0.0, 0.306)],
        around(0.0125),
    );
    turned(
        Material::hex(0x1e4a26, 0.06),
        &profile,
        &[(0.037, 0.0), (0.037, 0.17), (0.017, 0.225), (0.017, 0.305)],
    )
    .part(Material::hex(0xe6d9b8, 0.6).patterned(Pattern::Stripes, 0xa8502d))
    .solid(&label, Affine3A::IDENTITY)
    .part(Material::hex(0xb98d5c, 0.8).patterned(Pattern::Noise, 0x7a5230))
    .solid(&cork, Affine3A::IDENTITY)
}

pub(super) fn can() -> MeshBuilder {
    let metal = Material::metal(0xc9ccd0, 0.22);
    let mut ends = vec![(0.0, 0.002), (0.028, 0.002), (0.029, 0.0), (0.0325, 0.007)];
    ends.push((0.033, 0.008));
    let top = [
        (0.033, 0.108),
        (0.0285, 0.116),
        (0.0275, 0.118),
        (0.0262, 0.114),
        (0.0, 0.114),
    ];
    turned(
        metal,
        &ends,
        &[
            (0.029, 0.0),
            (0.033, 0.008),
            (0.033, 0.108),
            (0.0275, 0.118),
        ],
    )
    .solid(&lathe(&top, around(0.033)), Affine3A::IDENTITY)
    .part(Material::hex(0xc23b32, 0.25).patterned(Pattern::Stripes, 0xf2efe6))
    .solid(
        &lathe(&[(0.033, 0.008), (0.033, 0.108)], around(0.033)),
        Affine3A::IDENTITY,
    )
}

pub(super) fn jar() -> MeshBuilder {
    let body = smooth_profile(
        &[
            (0.0, 0.0),
            (0.036, 0.0),
            (0.043, 0.012),
            (0.044, 0.07),
            (0.035, 0.092),
        ],
        4,
    );
    let lid = [
        (0.037, 0.090),
        (0.038, 0.092),
        (0.038, 0.110),
        (0.036, 0.112),
        (0.0, 0.112),
    ];
    turned(
        Material::hex(0x8c2f12, 0.08).patterned(Pattern::Noise, 0xc4571c),
        &body,
        &[(0.038, 0.0), (0.044, 0.012), (0.044, 0.075), (0.038, 0.112)],
    )
    .part(Material::metal(0xd9b45a, 0.3))
    .solid(&lathe(&lid, around(0.038)), Affine3A::IDENTITY)
}

pub(super) fn vase() -> MeshBuilder {
    let mut profile = vec![(0.0, 0.0), (0.036, 0.0)];
    profile.extend(smooth_profile(
        &[
            (0.042, 0.004),
            (0.064, 0.055),
            (0.066, 0.105),
            (0.038, 0.170),
            (0.024, 0.205),
            (0.034, 0.240),
        ],
        5,
    ));
    profile.extend(smooth_profile(
        &[(0.031, 0.241), (0.020, 0.205), (0.030, 0.17), (0.0, 0.12)],
        4,
    ));
    turned(
        Material::hex(0x274b7a, 0.1).patterned(Pattern::Marble, 0xe9eef2),
        &profile,
        &[
            (0.042, 0.0),
            (0.066, 0.07),
            (0.066, 0.1),
            (0.024, 0.2),
            (0.034, 0.24),
        ],
    )
}

pub(super) fn candle() -> MeshBuilder {
    let wax = [
        (0.0, 0.0),
        (0.030, 0.0),
        (0.031, 0.09),
        (0.028, 0.093),
        (0.012, 0.088),
        (0.0, 0.087),
    ];
    let flame = smooth_profile(&[(0.0, 0.098), (0.0055, 0.106), (0.0, 0.126)], 5);
    turned(
        Material::hex(0xf0e2c0, 0.45).patterned(Pattern::Speckles, 0xd8bf8c),
        &wax,
        &[(0.030, 0.0), (0.031, 0.09)],
    )
    .part(Material::hex(0x1a1410, 0.9))
    .solid(
        &lathe(&[(0.0012, 0.085), (0.0012, 0.101)], around(0.0012)),
        Affine3A::IDENTITY,
    )
    .part(Material {
        emissive: vec3(6.0, 2.8, 0.7),
        ..Material::hex(0xffb347, 0.9)
    })
    .solid(&lathe(&flame, around(0.0055)), Affine3A::IDENTITY)
}

pub(super) fn donut() -> MeshBuilder {
    let (columns, rows) = (around(0.046), 10);
    let glaze = Solid::grid(columns, rows, |column, row| {
        let turn = (column % columns) as f32 / columns as f32 * TAU;
        let drip = 0.35 * (noise::value(vec3(turn.cos() * 3.0, turn.sin() * 3.0, 0.0)) - 0.5);
        let tilt = -0.15 - drip + (PI + 0.3 + 2.0 * drip) * row as f32 / rows as f32;
        let out = vec3(turn.cos(), turn.sin(), 0.0);
        let normal = out * tilt.cos() + Vec3::Z * tilt.sin();
        super::builder::Vertex {
            position: out * 0.030 + normal * 0.0172,
            normal,
            uv: glam::Vec2::ZERO,
        }
    });
    MeshBuilder::new()
        .part(Material::hex(0xc68642, 0.7).patterned(Pattern::Noise, 0xa9682c))
        .solid(
            &solids::torus(0.030, 0.016, columns, around(0.016)),
            at(0.0, 0.0, 0.016),
        )
        .part(Material::hex(0xe58fb0, 0.15).patterned(Pattern::Speckles, 0xfff6dc))
        .solid(&glaze, at(0.0, 0.0, 0.016))
        .collider(rings(&[(0.03, 0.0), (0.046, 0.016), (0.03, 0.033)]))
}

pub(super) fn book() -> MeshBuilder {
    let half = vec3(0.075, 0.105, 0.0135);
    let cover = vec3(half.x, half.y, 0.0016);
    let cover_material = Material::hex(0x7c2a2a, 0.55).patterned(Pattern::Noise, 0x5f1f22);
    MeshBuilder::new()
        .part(cover_material)
        .solid(&solids::block(cover, 0.0008), at(0.0, 0.0, cover.z))
        .solid(
            &solids::block(cover, 0.0008),
            at(0.0, 0.0, 2.0 * half.z - cover.z),
        )
        .solid(
            &solids::block(vec3(0.0016, half.y, half.z), 0.0008),
            at(-half.x + 0.0016, 0.0, half.z),
        )
        .part(Material::hex(0xe8dfc6, 0.9).patterned(Pattern::Wood, 0xcbbf9f))
        .solid(
            &solids::block(vec3(half.x - 0.004, half.y - 0.005, half.z - 0.003), 0.0),
            at(-0.001, 0.0, half.z),
        )
        .part(Material::metal(0xd8b75e, 0.3))
        .solid(
            &solids::block(vec3(0.045, 0.012, 0.0003), 0.0),
            at(0.004, 0.045, 2.0 * half.z),
        )
        .collider(box_collider(vec3(0.0, 0.0, half.z), half))
}

pub(super) fn carton() -> MeshBuilder {
    let half = vec3(0.035, 0.060, 0.085);
    MeshBuilder::new()
        .part(Material::hex(0x3a7d58, 0.5).patterned(Pattern::Stripes, 0xf1e9d6))
        .solid(&solids::block(half, 0.0015), at(0.0, 0.0, half.z))
        .part(Material::hex(0xf3ead8, 0.5))
        .solid(
            &solids::block(vec3(0.0004, 0.040, 0.040), 0.0),
            at(half.x, 0.0, half.z + 0.02),
        )
        .solid(
            &solids::block(vec3(0.0004, 0.040, 0.040), 0.0),
            at(-half.x, 0.0, half.z + 0.02),
        )
        .part(Material::hex(0xd9542b, 0.5))
        .solid(
            &solids::cylinder(0.024, 0.0006, 0.0, around(0.024)),
            Affine3A::from_rotation_translation(
                Quat::from_rotation_y(FRAC_PI_2),
                vec3(half.x, 0.0, half.z + 0.02),
            ),
        )
        .collider(box_collider(vec3(0.0, 0.0, half.z), half))
}

pub(super) fn teapot() -> MeshBuilder {
    let body = smooth_profile(
        &[
            (0.0, 0.0),
            (0.045, 0.0),
            (0.055, 0.006),
            (0.078, 0.045),
            (0.074, 0.085),
            (0.042, 0.112),
            (0.0, 0.120),
        ],
        5,
    );
    let knob = smooth_profile(
        &[(0.006, 0.118), (0.006, 0.126), (0.012, 0.134), (0.0, 0.144)],
        4,
    );
    let spout: Vec<Vec3> = (0..=16)
        .map(|i| {
            let s = i as f32 / 16.0;
            vec3(
                0.066 + 0.075 * s,
                0.0,
                0.040 + 0.075 * s * s * (3.0 - 2.0 * s),
            )
        })
        .collect();
    let spout_radii: Vec<f32> = (0..=16).map(|i| 0.019 - 0.011 * i as f32 / 16.0).collect();
    let handle: Vec<Vec3> = (0..=24)
        .map(|i| {
            let angle = FRAC_PI_2 + PI * i as f32 / 24.0;
            vec3(
                -0.064 + 0.046 * angle.cos(),
                0.0,
                0.062 + 0.034 * angle.sin(),
            )
        })
        .collect();
    turned(
        Material::hex(0xd9a441, 0.1).patterned(Pattern::Noise, 0xb9772c),
        &body,
        &[(0.050, 0.0), (0.078, 0.045), (0.074, 0.085), (0.01, 0.144)],
    )
    .solid(&lathe(&knob, around(0.012)), Affine3A::IDENTITY)
    .solid(&tube(&spout, &spout_radii, Vec3::Y, 16), Affine3A::IDENTITY)
    .solid(
        &tube(&handle, &[0.0065; 25], Vec3::Y, 12),
        Affine3A::IDENTITY,
    )
}

pub(super) fn plant() -> MeshBuilder {
    let pot = [
        (0.0, 0.0),
        (0.045, 0.0),
        (0.060, 0.085),
        (0.066, 0.086),
        (0.067, 0.108),
        (0.060, 0.109),
        (0.057, 0.095),
        (0.0, 0.094),
    ];
    let mut builder = turned(
        Material::hex(0xb5623d, 0.75).patterned(Pattern::Noise, 0xcf8358),
        &pot,
        &[(0.045, 0.0), (0.067, 0.09), (0.067, 0.109)],
    )
    .part(Material::hex(0x4f8a3a, 0.45).patterned(Pattern::Noise, 0x2c5a24));
    for i in 0..34_u32 {
        let random = |k: u32| noise::unit(noise::hash(i * 7 + k));
        let turn = i as f32 * 2.4 + random(0) * 0.5;
        let lean = 0.15 + 0.95 * random(1);
        let length = 0.12 + 0.09 * random(2);
        let out = vec3(turn.cos(), turn.sin(), 0.0);
        let path: Vec<Vec3> = (0..=8)
            .map(|s| {
                let s = s as f32 / 8.0;
                let reach = s * length * lean;
                out * (0.012 + reach) + Vec3::Z * (0.094 + length * (s - 0.45 * lean * s * s))
            })
            .collect();
        let radii: Vec<f32> = (0..=8)
            .map(|s| 0.0085 * ((s as f32 / 8.0 * 0.9 + 0.1) * PI).sin().max(0.02))
            .collect();
        let side = vec3(-out.y, out.x, 0.0);
        builder = builder.solid(&tube(&path, &radii, side, 6), Affine3A::IDENTITY);
    }
    builder
}

/// A lump of leaves about 1 m across, centred on the origin.
pub(super) fn bush() -> MeshBuilder {
    let (columns, rows) = (96, 48);
    let point = |column: usize, row: usize| {
        let turn = (column % columns) as f32 / columns as f32 * TAU;
        let tilt = (row as f32 / rows as f32 - 0.5) * PI;
        // At its ends it must close.
        let ring = if row.is_multiple_of(rows) {
            0.0
        } else {
            tilt.cos()
        };
        let out = vec3(turn.cos() * ring, turn.sin() * ring, tilt.sin());
        let lumps = noise::fractal(out * 3.1 + Vec3::splat(5.0), 2, 0.0);
        let leaves = noise::fractal(out * 17.0, 3, 0.0);
        out * (0.33 + 0.14 * lumps + 0.11 * leaves)
    };
    // Normals of zero ask for the flat ones: leaves catch the light unevenly.
    let solid = Solid::grid(columns, rows, |column, row| super::builder::Vertex {
        position: point(column, row),
        normal: Vec3::ZERO,
        uv: glam::Vec2::ZERO,
    });
    MeshBuilder::new()
        .part(Material::hex(0x4d7a35, 0.8).patterned(Pattern::Noise, 0x27471f))
        .solid(&solid, Affine3A::IDENTITY)
        .collider(Collider::Ball { radius: 0.45 })
}

pub(super) fn lantern() -> MeshBuilder {
    let iron = Material::hex(0x2b2d30, 0.45);
    let mut builder = MeshBuilder::new()
        .part(iron)
        .solid(
            &solids::cylinder(0.062, 0.008, 0.003, around(0.062)),
            at(0.0, 0.0, 0.008),
        )
        .solid(
            &solids::cylinder(0.060, 0.006, 0.002, around(0.060)),
            at(0.0, 0.0, 0.166),
        )
        .solid(
            &lathe(
                &smooth_profile(
                    &[(0.064, 0.170), (0.045, 0.190), (0.018, 0.205), (0.0, 0.212)],
                    4,
                ),
                around(0.064),
            ),
            Affine3A::IDENTITY,
        );
    for i in 0..6 {
        let (sin, cos) = (i as f32 / 6.0 * TAU).sin_cos();
        builder = builder.solid(
            &solids::cylinder(0.0035, 0.076, 0.0, 12),
            at(0.054 * cos, 0.054 * sin, 0.088),
        );
    }
    let ring: Vec<Vec3> = (0..=24)
        .map(|i| {
            let angle = i as f32 / 24.0 * TAU;
            vec3(0.028 * angle.cos(), 0.0, 0.234 + 0.028 * angle.sin())
        })
        .collect();
    builder
        .solid(&tube(&ring, &[0.0028; 25], Vec3::Y, 8), Affine3A::IDENTITY)
        .part(Material {
            emissive: vec3(1.6, 0.95, 0.42),
            ..Material::hex(0xffd9a0, 0.4)
        })
        .solid(
            &solids::cylinder(0.034, 0.055, 0.01, around(0.034)),
            at(0.0, 0.0, 0.078),
        )
        .collider(rings(&[(0.062, 0.0), (0.062, 0.172), (0.02, 0.205)]))
}
