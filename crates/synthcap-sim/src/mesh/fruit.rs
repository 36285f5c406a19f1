//! Fruit at its natural size, in metres.

use std::f32::consts::{FRAC_PI_2, PI};

use glam::{Affine3A, Vec3, vec3};

use super::{
    Collider, MeshBuilder,
    builder::at,
    lathe::{arc, around, lathe, smooth_profile, tube},
    library::turned,
};
use crate::{material::Material, texture::Pattern};

fn fruit(material: Material, through: &[(f32, f32)], stem: Option<f32>) -> MeshBuilder {
    let hull: Vec<_> = through
        .iter()
        .copied()
        .step_by(2)
        .chain(through.last().copied())
        .collect();
    let body = turned(material, &smooth_profile(through, 4), &hull);
    let Some(z) = stem else { return body };
    let path = [
        vec3(0.0, 0.0, z - 0.008),
        vec3(0.001, 0.0, z + 0.006),
        vec3(0.005, 0.0, z + 0.016),
    ];
    body.part(Material::hex(0x4b3420, 0.9)).solid(
        &tube(&path, &[0.0016, 0.0014, 0.0018], Vec3::Y, 8),
        Affine3A::IDENTITY,
    )
}

pub(super) fn apple() -> MeshBuilder {
    let skin = Material::hex(0xb3201e, 0.22).patterned(Pattern::Fruit, 0xd9a441);
    let through = [
        (0.0, 0.006),
        (0.014, 0.0),
        (0.030, 0.014),
        (0.0385, 0.038),
        (0.033, 0.063),
        (0.014, 0.070),
        (0.0, 0.061),
    ];
    fruit(skin, &through, Some(0.064))
}

pub(super) fn orange() -> MeshBuilder {
    let skin = Material::hex(0xe8821e, 0.38).patterned(Pattern::Speckles, 0xc25d0c);
    let profile: Vec<_> = arc((0.0, 0.038), 0.038, -FRAC_PI_2, FRAC_PI_2, 20).collect();
    MeshBuilder::new()
        .part(skin)
        .solid(&lathe(&profile, around(0.038)), at(0.0, 0.0, -0.038))
        .collider(Collider::Ball { radius: 0.038 })
}

pub(super) fn lemon() -> MeshBuilder {
    let skin = Material::hex(0xf0cf2f, 0.33).patterned(Pattern::Speckles, 0xd1a913);
    let through = [
        (0.0, -0.046),
        (0.006, -0.042),
        (0.013, -0.035),
        (0.024, -0.020),
        (0.028, 0.0),
        (0.024, 0.020),
        (0.012, 0.034),
        (0.0, 0.041),
    ];
    fruit(skin, &through, None)
}

pub(super) fn pear() -> MeshBuilder {
    let skin = Material::hex(0xa9b443, 0.35).patterned(Pattern::Fruit, 0xc98f3d);
    let through = [
        (0.0, 0.003),
        (0.016, 0.0),
        (0.034, 0.018),
        (0.037, 0.036),
        (0.027, 0.062),
        (0.018, 0.082),
        (0.010, 0.096),
        (0.0, 0.098),
    ];
    fruit(skin, &through, Some(0.099))
}

pub(super) fn banana() -> MeshBuilder {
    const STEPS: usize = 28;
    let path: Vec<Vec3> = (0..=STEPS)
        .map(|i| {
            let angle = -0.9 + 1.8 * i as f32 / STEPS as f32;
            vec3(0.11 * angle.sin(), 0.11 * (angle.cos() - 0.8), 0.0)
        })
        .collect();
    let radii: Vec<f32> = (0..=STEPS)
        .map(|i| {
            let s = i as f32 / STEPS as f32;
            let body = 0.0175 * (s * PI).sin().max(0.0).powf(0.35);
            if s < 0.12 { body.min(0.005) } else { body }
        })
        .collect();
    let points = path.iter().zip(&radii).step_by(4).flat_map(|(p, r)| {
        [
            vec3(0.0, *r, 0.0),
            vec3(0.0, -*r, 0.0),
            vec3(0.0, 0.0, *r),
            vec3(0.0, 0.0, -*r),
        ]
        .map(|d| *p + d)
    });
    MeshBuilder::new()
        .part(Material::hex(0xf2cb3d, 0.4).patterned(Pattern::Fruit, 0xd9b23a))
        .solid(&tube(&path, &radii, Vec3::Z, 16), Affine3A::IDENTITY)
        .collider(Collider::Hull(points.collect()))
}
