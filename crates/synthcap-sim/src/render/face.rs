//! Triangles as colour sees them: what all points of one share, before any light.

use std::array;

use glam::{Vec2, Vec3, Vec3A};

use super::shade::{Cone, Shader, Spot, Surface};
use crate::{
    material::Material,
    mesh::{Mesh, Triangle},
    texture::{Texture, TexturePoint},
    trace::{Ground, Hit, Instance, Tracer},
    tree::Ray,
    world::Object,
};

/// So many triangles are remembered: neighbours mostly show the same few.
const KNOWN: usize = 32;

/// A triangle of an object.
#[derive(Clone, Copy)]
pub(super) struct Face<'s> {
    instance: u32,
    index: u32,
    material: &'s Material,
    mesh: &'s Mesh,
    /// In the object's own axes.
    triangle: Triangle,
    /// In the object's own axes, of any length.
    local_flat: Vec3A,
    /// From the mesh's coordinates to metres.
    scale: Vec3,
    /// In the world, of unit length.
    flat: Vec3A,
    /// The smooth normals in the corners, in the world, all of the same scale.
    normals: [Vec3A; 3],
    /// On its front and on its back.
    grounds: [Ground; 2],
    dents: Dents,
}

/// How deep the points of a triangle lie under the smooth surface that the corners'
/// normals describe.
#[derive(Clone, Copy)]
struct Dents {
    /// How far points lie above the surface's plane in each corner: in the first
    /// corner, and how that changes along both edges. Local, metres.
    above: [Vec3A; 3],
    /// The planes' normals, local ones of unit length that are turned and scaled as the
    /// object is.
    ways: [Vec3A; 3],
}

impl Dents {
    fn new(instance: &Instance, triangle: &Triangle, flat: Vec3A, normals: &[Vec3; 3]) -> Self {
        let outward = normals.map(|normal| {
            let normal = Vec3A::from(normal);
            if normal.dot(flat) < 0.0 {
                -normal
            } else {
                normal
            }
        });
        let along = |way: [Vec3A; 3]| -> Vec3A {
            Vec3A::from_array(array::from_fn(|i| way[i].dot(outward[i])))
        };
        let Triangle { edge1, edge2, .. } = *triangle;
        Self {
            above: [
                along([Vec3A::ZERO, -edge1, -edge2]),
                along([edge1; 3]),
                along([edge2; 3]),
            ],
            ways: outward.map(|normal| instance.to_world.transform_vector3a(normal)),
        }
    }

    /// The way out of them (after Hanika, "Hacking the shadow terminator"). World,
    /// metres.
    #[inline(always)]
    fn way_out(&self, hit: &Hit, weights: [f32; 3]) -> Vec3A {
        let [start, per_u, per_v] = self.above;
        let above = (start + per_u * hit.u + per_v * hit.v).min(Vec3A::ZERO);
        let share = above * Vec3A::from_array(weights);
        let [a, b, c] = self.ways;
        -(a * share.x + b * share.y + c * share.z)
    }
}

impl<'s> Face<'s> {
    /// That of a hit; `objects` are in the order of the tracer's instances.
    fn new(tracer: &'s Tracer, objects: &'s [Object], hit: &Hit) -> Self {
        let instance = tracer.instance(hit);
        let object = &objects[hit.instance as usize];
        let mesh = &instance.mesh;
        let triangle = mesh.triangle(hit.triangle);
        let local_flat = triangle.edge1.cross(triangle.edge2);
        let normals = mesh.normals(hit.triangle);
        Self {
            instance: hit.instance,
            index: hit.triangle,
            material: &object.materials[mesh.part(hit.triangle) as usize],
            mesh,
            triangle,
            local_flat,
            scale: object.scale(),
            flat: instance.world_normal(local_flat),
            normals: normals.map(|normal| instance.world_across(normal.into())),
            grounds: [1.0, -1.0].map(|side| instance.ground(hit, side)),
            dents: Dents::new(instance, &triangle, local_flat, normals),
        }
    }

    /// Whether it is that of a hit.
    fn is_of(&self, hit: &Hit) -> bool {
        (self.instance, self.index) == (hit.instance, hit.triangle)
    }

    /// Where a ray hits it, as geometry.
    #[inline]
    pub(super) fn spot(&self, ray: &Ray, hit: &Hit) -> Spot {
        let from_behind = self.flat.dot(ray.direction) > 0.0;
        let flat = if from_behind { -self.flat } else { self.flat };
        let weights = hit.weights();
        let [a, b, c] = self.normals;
        let smooth = a * weights[0] + b * weights[1] + c * weights[2];
        let mut normal = smooth.normalize_or_zero();
        if normal.dot(flat) < 0.0 {
            normal = -normal;
        }
        // A smooth normal may point away from the viewer near the outline.
        if normal == Vec3A::ZERO || normal.dot(ray.direction) > 0.0 {
            normal = flat;
        }
        let point = ray.origin + ray.direction * hit.t;
        let ground = self.grounds[usize::from(from_behind)];
        // What nothing of the object lies before has no dents, nor have insides.
        let out = if ground.open || from_behind {
            point
        } else {
            point + self.dents.way_out(hit, weights)
        };
        Spot {
            point,
            flat,
            normal,
            lifted: out + flat * (1e-4 * (1.0 + hit.t)),
            ground,
        }
    }

    /// The surface where a ray hits it.
    pub(super) fn surface(&self, ray: &Ray, hit: &Hit, cone: Cone) -> Surface {
        let spot = self.spot(ray, hit);
        let width = cone.width(ray, hit.t, spot.flat);
        self.plain(spot, width, self.color(hit, width))
    }

    /// The surface at a spot, where it has this colour.
    pub(super) fn plain(&self, spot: Spot, width: f32, color: Vec3A) -> Surface {
        Surface {
            spot,
            width,
            color,
            roughness: self.material.roughness,
            metallic: self.material.metallic,
            emissive: self.material.emissive.into(),
        }
    }

    /// The colour at a hit, seen by a pixel that is so many metres wide there.
    pub(super) fn color(&self, hit: &Hit, width: f32) -> Vec3A {
        if self.material.texture == Texture::None {
            return self.material.base_color.into();
        }
        let at = TexturePoint {
            point: Vec3::from(self.triangle.at(hit.u, hit.v)) * self.scale,
            normal: self.local_flat.into(),
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

/// Some triangles that were looked at.
pub(super) struct Faces<'s> {
    shader: &'s Shader<'s>,
    known: [Option<Face<'s>>; KNOWN],
}

impl<'s> Faces<'s> {
    pub(super) fn new(shader: &'s Shader<'s>) -> Self {
        Self {
            shader,
            known: [None; KNOWN],
        }
    }

    /// That of a hit.
    #[inline(always)]
    pub(super) fn of(&mut self, hit: &Hit) -> &Face<'s> {
        let slot = &mut self.known[hit.triangle as usize % KNOWN];
        if !slot.as_ref().is_some_and(|face| face.is_of(hit)) {
            *slot = None;
        }
        slot.get_or_insert_with(|| self.shader.face(hit))
    }
}

impl<'s> Shader<'s> {
    /// The triangle of a hit.
    #[inline(never)]
    pub(super) fn face(&self, hit: &Hit) -> Face<'s> {
        Face::new(self.tracer, self.objects, hit)
    }
}
