//! A few plain shapes on a floor, whose geometry is known exactly.

use glam::{Quat, Vec3, vec3};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use synthcap::Transform;

use super::{ObjectSpec, SceneSpec};
use crate::{
    light::LightSettings, material::Material, physics::Mobility, texture::Pattern, world::Path,
};

/// Edges and diameters are 1 m unless scaled; the floor's top is at height 0.
/// Only colours and the turn of the cube depend on the seed.
pub(super) fn scene(seed: u64) -> SceneSpec {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut color = || {
        let channel = |rng: &mut ChaCha8Rng| rng.random_range(0.08..0.75);
        let rgb = vec3(channel(&mut rng), channel(&mut rng), channel(&mut rng));
        Material::plain(rgb, 0.4)
    };
    let whole = |p: Vec3| (p, Quat::IDENTITY, Vec3::ONE);
    let dynamic = Mobility::Dynamic;
    let objects = vec![
        ObjectSpec::shape(
            "floor",
            "floor",
            "cube",
            (vec3(0.0, 0.0, -0.1), Quat::IDENTITY, vec3(20.0, 20.0, 0.2)),
            Mobility::Fixed,
        )
        .material(
            0,
            Material::hex(0xb9b2a6, 0.7).patterned(Pattern::Tiles, 0x6f6a62),
        ),
        ObjectSpec::shape("cube", "cube", "cube", whole(vec3(0.0, -1.5, 0.5)), dynamic)
            .material(0, color()),
        ObjectSpec::shape(
            "sphere",
            "sphere",
            "sphere",
            whole(vec3(0.0, 0.0, 0.5)),
            dynamic,
        )
        .material(0, color()),
        ObjectSpec::shape(
            "cylinder",
            "cylinder",
            "cylinder",
            whole(vec3(0.0, 1.5, 0.5)),
            dynamic,
        )
        .material(0, color()),
        ObjectSpec::shape("cone", "cone", "cone", whole(vec3(1.6, -0.8, 0.5)), dynamic)
            .material(0, color()),
        ObjectSpec::shape(
            "torus",
            "torus",
            "torus",
            whole(vec3(1.6, 0.8, 0.15)),
            dynamic,
        )
        .material(0, color()),
        ObjectSpec::shape(
            "mover",
            "cube",
            "cube",
            (Vec3::ZERO, Quat::IDENTITY, Vec3::splat(0.3)),
            Mobility::Kinematic,
        )
        .material(0, color())
        .moving(Path::Circle {
            center: vec3(0.6, 0.0, 0.15),
            radius: 2.6,
            speed: 1.0,
            phase: 2.2,
        }),
    ];
    SceneSpec {
        objects,
        camera: Transform::look_at(
            synthcap::Vec3::new(-480.0, -160.0, 240.0),
            synthcap::Vec3::new(40.0, 0.0, 30.0),
        ),
        horizontal_fov_deg: 60.0,
        lights: LightSettings::new(15.0, vec3(-1.0, 1.0, 3.0), 0.05),
    }
}
