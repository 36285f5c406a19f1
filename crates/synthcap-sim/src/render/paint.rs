//! The colour of surfaces, before any light.

use glam::{Vec2, Vec3, Vec3A};

use crate::{
    material::Material,
    mesh::{Mesh, Triangle},
    texture::{Texture, TexturePoint},
    trace::{Hit, Tracer},
    world::Object,
};

/// What all points of a triangle share: neighbouring pixels mostly show the same one.
#[derive(Clone, Copy)]
pub(super) struct Paint<'s> {
    instance: u32,
    index: u32,
    material: &'s Material,
    mesh: &'s Mesh,
    triangle: Triangle,
    /// In the object's own axes, of any length.
    normal: Vec3,
    /// From the mesh's coordinates to metres.
    scale: Vec3,
}

impl<'s> Paint<'s> {
    /// That of the triangle of a hit; `objects` are in the order of the tracer's
    /// instances.
    pub(super) fn new(tracer: &'s Tracer, objects: &'s [Object], hit: &Hit) -> Self {
        let mesh = &tracer.instance(hit).mesh;
        let object = &objects[hit.instance as usize];
        let triangle = mesh.triangle(hit.triangle);
        Self {
            instance: hit.instance,
            index: hit.triangle,
            material: material(tracer, object, hit),
            mesh,
            triangle,
            normal: triangle.edge1.cross(triangle.edge2).into(),
            scale: object.scale(),
        }
    }

    /// Whether it is that of a hit's triangle.
    pub(super) fn is_of(&self, hit: &Hit) -> bool {
        (self.instance, self.index) == (hit.instance, hit.triangle)
    }

    /// The colour at a hit of its triangle, seen by a pixel that is so many metres wide
    /// there.
    pub(super) fn color(&self, hit: &Hit, width: f32) -> Vec3A {
        if self.material.texture == Texture::None {
            return self.material.base_color.into();
        }
        let at = TexturePoint {
            point: Vec3::from(self.triangle.at(hit.u, hit.v)) * self.scale,
            normal: self.normal,
            uv: &|| self.uv(hit),
            width,
        };
        self.material.color(&at).clamp(Vec3::ZERO, Vec3::ONE).into()
    }

    fn uv(&self, hit: &Hit) -> Vec2 {
        let uvs = self.mesh.uvs(self.index);
        let weights = hit.weights();
        (0..3).map(|i| weights[i] * uvs[i]).sum()
    }
}

/// What is hit is made of this.
pub(super) fn material<'o>(tracer: &Tracer, object: &'o Object, hit: &Hit) -> &'o Material {
    let part = tracer.instance(hit).mesh.part(hit.triangle);
    &object.materials[part as usize]
}
