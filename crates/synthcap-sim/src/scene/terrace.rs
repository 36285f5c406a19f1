//! A cluttered table on a terrace.

use std::f32::consts::{FRAC_PI_2, TAU};

use glam::{Quat, Vec2, Vec3, vec2, vec3};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use synthcap::Transform;

use super::{ObjectSpec, SceneSpec, layout::Layout};
use crate::{
    light::LightSettings, material::Material, mesh::furniture, physics::Mobility, texture::Pattern,
    world::Path,
};

/// Height of the table's top, metres.
const TOP: f32 = furniture::TABLE_TOP_M;
/// Half the table's top that things stand on, metres.
const HALF: Vec2 = vec2(0.52, 0.84);
/// Things start this much above what they come to rest on, metres.
const DROP: f32 = 0.004;

/// Where the toy train goes around the vase.
const TRACK_CENTER: Vec2 = vec2(0.12, 0.06);
const TRACK_RADIUS: f32 = 0.235;

struct Builder {
    rng: ChaCha8Rng,
    layout: Layout,
    objects: Vec<ObjectSpec>,
}

/// Everything on the table, and its colours, depends on the seed.
pub(super) fn scene(seed: u64) -> SceneSpec {
    let mut builder = Builder {
        rng: ChaCha8Rng::seed_from_u64(seed),
        layout: Layout::default(),
        objects: Vec::new(),
    };
    builder.surroundings();
    builder.train();
    builder.bowl_of_fruit();
    builder.books();
    let lantern = builder.lantern();
    builder.pinwheel();
    builder.crockery();
    builder.clutter();
    SceneSpec {
        objects: builder.objects,
        camera: Transform::look_at(
            synthcap::Vec3::new(-146.0, -64.0, 141.0),
            synthcap::Vec3::new(10.0, -1.0, 84.0),
        ),
        horizontal_fov_deg: 58.0,
        lights: LightSettings::new(16.2, lantern, 0.075),
    }
}

impl Builder {
    fn random(&mut self, low: f32, high: f32) -> f32 {
        self.rng.random_range(low..high)
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.rng.random_range(0..choices.len())]
    }

    fn any_turn(&mut self) -> Quat {
        Quat::from_rotation_z(self.random(0.0, TAU))
    }

    /// Adds a loose thing; its name is its class and a number.
    fn thing(&mut self, class: &str, position: Vec3, turn: Quat, scale: f32) -> &mut ObjectSpec {
        let count = self.objects.iter().filter(|o| o.class == class).count();
        let name = format!("{class}_{}", count + 1);
        let place = (position, turn, Vec3::splat(scale));
        let spec = ObjectSpec::shape(name, class, class, place, Mobility::Dynamic);
        self.objects.push(spec);
        let last = self.objects.len() - 1;
        &mut self.objects[last]
    }

    fn fixed(&mut self, name: &str, class: &str, mesh: crate::mesh::MeshBuilder, at: Vec3) {
        let transform = crate::convert::transform(at, Quat::IDENTITY, Vec3::ONE);
        let mesh = std::sync::Arc::new(mesh.build());
        self.objects.push(ObjectSpec::new(
            name,
            class,
            mesh,
            transform,
            Mobility::Fixed,
        ));
    }

    fn surroundings(&mut self) {
        let table = self.pick(&[
            (0xbb8650, 0x7d4d26),
            (0xa06d42, 0x68401f),
            (0xcaa070, 0x94673a),
        ]);
        let wood = Material::hex(table.0, 0.36).patterned(Pattern::Planks, table.1);
        self.fixed("lawn", "ground", furniture::lawn(), vec3(0.0, 0.0, -0.06));
        self.fixed("floor", "floor", furniture::floor(), Vec3::ZERO);
        self.fixed("table", "table", furniture::table(wood), Vec3::ZERO);
        self.fixed("wall", "wall", furniture::wall(), vec3(2.55, 0.0, 0.0));
        for i in 0..7 {
            let across = -3.3 + 1.1 * i as f32 + self.random(-0.2, 0.2);
            let size = self.random(0.9, 1.5);
            let place = (
                vec3(3.35 + self.random(0.0, 0.4), across, 0.35 * size),
                self.any_turn(),
                vec3(size, size, size * self.random(0.8, 1.1)),
            );
            let name = format!("bush_{}", i + 1);
            let shade = self.random(0.75, 1.25);
            let mut bush = ObjectSpec::shape(name, "bush", "bush", place, Mobility::Fixed);
            bush.materials[0].base_color *= shade;
            self.objects.push(bush);
        }
        for (i, y) in [-1.75, 1.55].into_iter().enumerate() {
            let place = (vec3(1.9, y, 0.0), self.any_turn(), Vec3::splat(3.4));
            let name = format!("planter_{}", i + 1);
            self.objects.push(ObjectSpec::shape(
                name,
                "plant",
                "plant",
                place,
                Mobility::Fixed,
            ));
        }
    }

    /// A locomotive and two wagons around a vase.
    fn train(&mut self) {
        let on_table = |p: Vec2, z: f32| vec3(p.x, p.y, TOP + z);
        let rails = furniture::rails(TRACK_RADIUS);
        self.fixed("rails", "rails", rails, on_table(TRACK_CENTER, 0.0));
        let phase = self.random(0.0, TAU);
        for (i, class) in ["locomotive", "wagon", "wagon"].into_iter().enumerate() {
            let path = Path::Circle {
                center: on_table(TRACK_CENTER, furniture::RAIL_HEIGHT_M),
                radius: TRACK_RADIUS,
                speed: 0.9,
                phase: phase - 0.56 * i as f32,
            };
            let paint = self.pick(&[0x1f5f3f, 0x9e2b25, 0x1f4f86, 0xc98a1b, 0x5b3a72]);
            self.thing(class, Vec3::ZERO, Quat::IDENTITY, 1.0);
            if let Some(spec) = self.objects.pop() {
                self.objects
                    .push(spec.material(0, Material::hex(paint, 0.28)).moving(path));
            }
        }
        let turn = self.any_turn();
        let color = self.pick(&[0x274b7a, 0x7a2e3a, 0x2f6b5b, 0x3a3a45]);
        let vase = self.thing("vase", on_table(TRACK_CENTER, DROP), turn, 1.05);
        vase.materials[0].base_color = crate::material::hex_color(color);
        self.layout.take(TRACK_CENTER, TRACK_RADIUS + 0.045);
    }

    fn bowl_of_fruit(&mut self) {
        let at = vec2(self.random(-0.27, -0.22), self.random(-0.36, -0.30));
        let turn = self.any_turn();
        self.thing("bowl", vec3(at.x, at.y, TOP + DROP), turn, 1.12);
        self.layout.take(at, 0.152);
        let mut fruit = ["apple", "orange", "lemon", "pear", "apple", "orange"];
        fruit.shuffle(&mut self.rng);
        for (i, class) in fruit.into_iter().enumerate() {
            let ring = if i < 4 { 0.056 } else { 0.02 };
            let angle = i as f32 * FRAC_PI_2 + if i < 4 { 0.0 } else { 0.8 };
            let lift = TOP + 0.075 + if i < 4 { 0.0 } else { 0.085 * (i - 3) as f32 };
            let place = vec3(at.x + ring * angle.cos(), at.y + ring * angle.sin(), lift);
            let lean = Quat::from_rotation_x(self.random(-0.5, 0.5)) * self.any_turn();
            let size = self.random(0.92, 1.04);
            self.thing(class, place, lean, size);
        }
    }

    /// A pile of books with something on top.
    fn books(&mut self) {
        let at = vec2(self.random(0.24, 0.28), self.random(-0.62, -0.56));
        let base_turn = self.random(-0.3, 0.9);
        let mut z = TOP + DROP;
        for i in 0..3 {
            let size = 1.15 - 0.12 * i as f32;
            let turn = Quat::from_rotation_z(base_turn + self.random(-0.25, 0.25));
            let cover = self.pick(&[0x7c2a2a, 0x23476b, 0x2d5a3d, 0x5a3b68, 0xb87a2a, 0x2b2b33]);
            let book = self.thing("book", vec3(at.x, at.y, z), turn, size);
            book.materials[0].base_color = crate::material::hex_color(cover);
            book.materials[0].accent = book.materials[0].base_color * 0.7;
            z += 0.027 * size + 0.002;
        }
        let turn = self.any_turn();
        let top = self.pick(&["teapot", "plant", "jar"]);
        self.thing(top, vec3(at.x, at.y, z), turn, 0.85);
        self.layout.take(at, 0.155);
    }

    /// Returns where its light is.
    fn lantern(&mut self) -> Vec3 {
        let at = vec2(self.random(0.18, 0.30), self.random(0.52, 0.60));
        self.thing(
            "lantern",
            vec3(at.x, at.y, TOP + 0.001),
            Quat::IDENTITY,
            1.0,
        );
        self.layout.take(at, 0.075);
        vec3(at.x, at.y, TOP + 0.085)
    }

    fn pinwheel(&mut self) {
        let at = vec2(self.random(0.40, 0.44), self.random(-0.28, -0.22));
        let stand = furniture::stand();
        self.fixed("stand", "stand", stand, vec3(at.x, at.y, TOP));
        let path = Path::Spin {
            position: vec3(at.x - 0.022, at.y, TOP + furniture::STAND_HEIGHT_M),
            turn: Quat::from_rotation_z(std::f32::consts::PI + 0.45),
            speed: 2.4,
        };
        self.thing("pinwheel", Vec3::ZERO, Quat::IDENTITY, 1.0);
        if let Some(spec) = self.objects.pop() {
            self.objects.push(spec.moving(path));
        }
        self.layout.take(at, 0.07);
    }

    /// Plates with a donut, mugs, a teapot.
    fn crockery(&mut self) {
        for _ in 0..2 {
            let Some(at) = self
                .layout
                .find(&mut self.rng, (-HALF, vec2(0.1, HALF.y)), 0.145)
            else {
                continue;
            };
            let turn = self.any_turn();
            self.thing("plate", vec3(at.x, at.y, TOP + DROP), turn, 1.05);
            let icing = self.pick(&[0xe58fb0, 0x6b3d22, 0xf2ead6, 0x8fc7d6]);
            let donut = self.thing("donut", vec3(at.x, at.y, TOP + 0.022), turn, 1.1);
            donut.materials[1].base_color = crate::material::hex_color(icing);
        }
        for class in ["mug", "mug", "mug", "teapot"] {
            let radius = if class == "teapot" { 0.135 } else { 0.075 };
            let Some(at) = self.layout.find(&mut self.rng, (-HALF, HALF), radius) else {
                continue;
            };
            let turn = self.any_turn();
            let glaze = self.pick(&[0x2f6f8f, 0xe8e4da, 0xb5482f, 0x3f7d5a, 0xd9a441, 0x34363c]);
            let pottery = self.thing(class, vec3(at.x, at.y, TOP + DROP), turn, 1.0);
            pottery.materials[0].base_color = crate::material::hex_color(glaze);
            pottery.materials[0].accent = pottery.materials[0].base_color * 0.7;
        }
    }

    /// Small things wherever there is room.
    fn clutter(&mut self) {
        const PAINTS: [u32; 8] = [
            0xc23b32, 0x2d6fb0, 0xe0a526, 0x3f8f52, 0xd9d4c8, 0x7a4fa3, 0xe0742c, 0x2b8c92,
        ];
        let kinds: [(&str, f32, usize); 13] = [
            ("bottle", 0.042, 3),
            ("carton", 0.072, 2),
            ("can", 0.038, 3),
            ("jar", 0.048, 2),
            ("candle", 0.036, 2),
            ("banana", 0.10, 1),
            ("apple", 0.042, 2),
            ("orange", 0.042, 2),
            ("lemon", 0.05, 2),
            ("pear", 0.042, 1),
            ("ball", 0.05, 2),
            ("plant", 0.075, 1),
            ("block", 0.034, 9),
        ];
        let all: Vec<_> = kinds
            .iter()
            .flat_map(|&(c, r, n)| vec![(c, r); n])
            .collect();
        for (class, radius) in all {
            let Some(at) = self.layout.find(&mut self.rng, (-HALF, HALF), radius) else {
                continue;
            };
            let turn = self.any_turn();
            let size = self.random(0.92, 1.08);
            let (lift, turn) = match class {
                "ball" => (
                    0.045 * size,
                    turn * Quat::from_rotation_x(self.random(-1.2, 1.2)),
                ),
                "orange" => (0.038 * size, turn),
                "lemon" => (0.029 * size, turn * Quat::from_rotation_x(FRAC_PI_2)),
                "banana" => (0.018 * size, turn),
                _ => (0.0, turn),
            };
            let paint = self.pick(&PAINTS);
            let spec = self.thing(class, vec3(at.x, at.y, TOP + lift + DROP), turn, size);
            let painted = match class {
                "carton" | "block" | "ball" => Some(0),
                "can" => Some(1),
                _ => None,
            };
            if let Some(part) = painted {
                spec.materials[part].base_color = crate::material::hex_color(paint);
            }
            if class == "block" {
                spec.materials[0].accent = spec.materials[0].base_color * 0.72;
            }
        }
    }
}
