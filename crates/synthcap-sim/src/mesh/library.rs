//! The built-in shapes by name, each made once per process.

use std::{
    collections::BTreeMap,
    f32::consts::FRAC_1_SQRT_2,
    sync::{Arc, LazyLock},
};

use glam::{Affine3A, Vec3};
use rayon::prelude::*;

use super::{
    Collider, Mesh, MeshBuilder,
    builder::Solid,
    fruit,
    lathe::{around, lathe},
    props, solids, toys,
};
use crate::material::Material;

type Maker = fn() -> MeshBuilder;

/// Basic shapes are 1 m in size and centred on the origin; props have their
/// natural size and stand on it.
const SHAPES: &[(&str, Maker)] = &[
    ("apple", fruit::apple),
    ("ball", toys::ball),
    ("banana", fruit::banana),
    ("block", toys::block),
    ("book", props::book),
    ("bottle", props::bottle),
    ("bowl", props::bowl),
    ("bush", props::bush),
    ("can", props::can),
    ("candle", props::candle),
    ("capsule", capsule),
    ("carton", props::carton),
    ("cone", cone),
    ("cube", cube),
    ("cylinder", cylinder),
    ("donut", props::donut),
    ("jar", props::jar),
    ("lantern", props::lantern),
    ("lemon", fruit::lemon),
    ("locomotive", toys::locomotive),
    ("mug", props::mug),
    ("orange", fruit::orange),
    ("pear", fruit::pear),
    ("pinwheel", toys::pinwheel),
    ("plant", props::plant),
    ("plate", props::plate),
    ("pyramid", pyramid),
    ("sphere", sphere),
    ("teapot", props::teapot),
    ("torus", torus),
    ("vase", props::vase),
    ("wagon", toys::wagon),
];

/// The names of all built-in shapes, in alphabetical order.
pub(crate) static SHAPE_NAMES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| SHAPES.iter().map(|(name, _)| *name).collect());

static MESHES: LazyLock<BTreeMap<&'static str, Arc<Mesh>>> = LazyLock::new(|| {
    let made = SHAPES
        .par_iter()
        .map(|(name, make)| (*name, Arc::new(make().build())));
    made.collect()
});

/// The mesh of a built-in shape.
pub(crate) fn shape(name: &str) -> Option<Arc<Mesh>> {
    MESHES.get(name).cloned()
}

fn basic(solid: &Solid, collider: Collider) -> MeshBuilder {
    MeshBuilder::new()
        .part(Material::hex(0xb8b8b8, 0.5))
        .solid(solid, Affine3A::IDENTITY)
        .collider(collider)
}

fn cube() -> MeshBuilder {
    let half_extent = Vec3::splat(0.5);
    let collider = Collider::Block {
        center: Vec3::ZERO,
        half_extent,
    };
    basic(&solids::block(half_extent, 0.0), collider)
}

fn sphere() -> MeshBuilder {
    basic(&solids::ball(0.5, 96), Collider::Ball { radius: 0.5 })
}

fn cylinder() -> MeshBuilder {
    let hull = props::rings(&[(0.5, -0.5), (0.5, 0.5)]);
    basic(&solids::cylinder(0.5, 0.5, 0.0, 96), hull)
}

fn cone() -> MeshBuilder {
    let hull = props::rings(&[(0.5, -0.5), (0.0, 0.5)]);
    basic(&solids::cone(0.5, 0.5, 96), hull)
}

fn capsule() -> MeshBuilder {
    let round = 0.25 * FRAC_1_SQRT_2;
    let hull = props::rings(&[
        (0.0, -0.5),
        (round, -0.25 - round),
        (0.25, -0.25),
        (0.25, 0.25),
        (round, 0.25 + round),
        (0.0, 0.5),
    ]);
    basic(&solids::capsule(0.25, 0.25, 64), hull)
}

fn torus() -> MeshBuilder {
    let hull = props::rings(&[(0.35, -0.15), (0.5, 0.0), (0.35, 0.15)]);
    basic(&solids::torus(0.35, 0.15, 96, 48), hull)
}

fn pyramid() -> MeshBuilder {
    let hull = Collider::Hull(vec![
        Vec3::new(-0.5, -0.5, -0.5),
        Vec3::new(0.5, -0.5, -0.5),
        Vec3::new(0.5, 0.5, -0.5),
        Vec3::new(-0.5, 0.5, -0.5),
        Vec3::new(0.0, 0.0, 0.5),
    ]);
    basic(&solids::pyramid(0.5, 0.5), hull)
}

/// A body of revolution with its hull as collider.
pub(super) fn turned(
    material: Material,
    profile: &[(f32, f32)],
    hull: &[(f32, f32)],
) -> MeshBuilder {
    let widest = profile.iter().map(|(r, _)| *r).fold(0.0, f32::max);
    MeshBuilder::new()
        .part(material)
        .solid(&lathe(profile, around(widest)), Affine3A::IDENTITY)
        .collider(props::rings(hull))
}
