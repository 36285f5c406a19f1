//! Triangle meshes with their search trees, ready to be traced and collided.

mod builder;
mod closed;
mod facet;
mod fruit;
pub(crate) mod furniture;
mod gltf;
mod lathe;
mod library;
mod packet;
mod plane;
mod props;
mod solids;
mod toys;

use glam::{Mat4, Vec2, Vec3, Vec3A};
use obvhs::aabb::Aabb;
use rayon::prelude::*;

pub(crate) use self::{
    builder::MeshBuilder,
    facet::{Facet, Facets, Lens, Shaft, Within},
    gltf::load as load_gltf,
    library::{SHAPE_NAMES, shape},
    packet::Packet,
    plane::Plane,
};
use crate::{
    material::Material,
    region::Region,
    tree::{Ray, Tree},
};

/// What lies this near to a plane lies in it: less than rays are lifted off.
const FLATNESS_M: f32 = 1e-5;

/// A triangle is shaded as flat when its corners' normals are turned from its own
/// by no more than this cosine.
const FLAT_SHADED_COS: f32 = 0.9999;

/// In meshes of more triangles than this, none is found to be open: that would
/// take long, and foliage has none.
const MAX_OPEN_SEARCH: usize = 15_000;

/// The geometry that rays meet: one corner and two edges, metres.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Triangle {
    pub(crate) corner: Vec3A,
    pub(crate) edge1: Vec3A,
    pub(crate) edge2: Vec3A,
}

impl Triangle {
    /// The point so far along its edges.
    #[inline(always)]
    pub(crate) fn at(&self, u: f32, v: f32) -> Vec3A {
        self.corner + u * self.edge1 + v * self.edge2
    }
}

/// What shading needs at a triangle's three corners.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Corners {
    pub(crate) normals: [Vec3; 3],
    pub(crate) uvs: [Vec2; 3],
}

/// A convex piece of what physics takes a mesh for; metres, local.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Collider {
    /// A ball around the origin, as long as the scale is the same on all axes.
    Ball { radius: f32 },
    /// A box.
    Block { center: Vec3, half_extent: Vec3 },
    /// The convex hull of these points.
    Hull(Vec<Vec3>),
}

/// An immutable mesh in its own space, metres.
#[derive(Debug)]
pub(crate) struct Mesh {
    /// The triangles, one packet for each leaf of the tree.
    packets: Vec<Packet>,
    // For each triangle, packet by packet; apart from each other, for most that ask for
    // one of them ask for nothing else.
    /// Smooth normals of its corners.
    normals: Vec<[Vec3; 3]>,
    /// The surface's own coordinates in its corners.
    uvs: Vec<[Vec2; 3]>,
    /// Which of the object's materials it has.
    parts: Vec<u32>,
    /// For each packet whether all its triangles are of closed surfaces.
    closed: Vec<bool>,
    tree: Tree,
    /// For each triangle and each of its sides whether nothing of the mesh lies
    /// on that side of its plane.
    open: Vec<[bool; 2]>,
    min: Vec3,
    max: Vec3,
    colliders: Vec<Collider>,
    /// The materials it is made with; never empty.
    materials: Vec<Material>,
}

/// Where a ray meets a mesh.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MeshHit {
    pub(crate) t: f32,
    pub(crate) u: f32,
    pub(crate) v: f32,
    pub(crate) triangle: u32,
}

impl Mesh {
    /// `closed` tells for each triangle whether it is of a closed surface.
    fn new(
        triangles: Vec<Triangle>,
        corners: Vec<Corners>,
        parts: &[u32],
        closed: &[bool],
        colliders: Vec<Collider>,
        materials: Vec<Material>,
    ) -> Self {
        let boxes: Vec<Aabb> = triangles.iter().map(triangle_box).collect();
        let tree = Tree::new(&boxes, Packet::SIZE);
        // Padding repeats the first triangle; no packet has it, so no hit does.
        let order = || tree.slots().iter().map(|slot| slot.unwrap_or(0) as usize);
        let packet = |leaf: &[Option<u32>]| {
            let filled: Vec<_> = leaf
                .iter()
                .flatten()
                .map(|&i| triangles[i as usize])
                .collect();
            Packet::new(&filled)
        };
        let all_closed = |leaf: &[Option<u32>]| leaf.iter().flatten().all(|&i| closed[i as usize]);
        let leaves = || tree.slots().chunks(Packet::SIZE);
        let bounds = boxes.iter().fold(Aabb::empty(), |all, b| all.union(b));
        let half = (bounds.max - bounds.min) / 2.0;
        let center = bounds.min + half;
        let colliders = if colliders.is_empty() {
            vec![Collider::Block {
                center: center.into(),
                half_extent: half.into(),
            }]
        } else {
            colliders
        };
        let mut mesh = Self {
            open: Vec::new(),
            packets: leaves().map(packet).collect(),
            normals: order().map(|i| corners[i].normals).collect(),
            uvs: order().map(|i| corners[i].uvs).collect(),
            parts: order().map(|i| parts[i]).collect(),
            closed: leaves().map(all_closed).collect(),
            tree,
            min: bounds.min.into(),
            max: bounds.max.into(),
            colliders,
            materials,
        };
        mesh.open = mesh.find_open();
        mesh
    }

    fn find_open(&self) -> Vec<[bool; 2]> {
        let count = self.parts.len() as u32;
        if count as usize > MAX_OPEN_SEARCH {
            return vec![[false; 2]; count as usize];
        }
        // Neighbours of a flat surface are level with it but for rounding.
        let level = 2e-6 * (self.max - self.min).max_element();
        let is_open = |triangle: &Triangle, side: f32| {
            let normal = side * triangle.edge1.cross(triangle.edge2).normalize_or_zero();
            let plane = (normal, -normal.dot(triangle.corner) - level);
            let before = Region { planes: [plane; 5] };
            let mut open = true;
            self.tree.walk_region(&before, |leaf| {
                open = !self.packets[leaf].reaches(&before);
                !open
            });
            open
        };
        let sides = |index| {
            let triangle = self.triangle(index);
            [is_open(&triangle, 1.0), is_open(&triangle, -1.0)]
        };
        (0..count).into_par_iter().map(sides).collect()
    }

    /// Whether nothing of the mesh lies before a triangle's plane, on the side
    /// that its normal points to (1) or the other (-1). What starts on that side
    /// of it and stays there never meets the mesh.
    #[inline]
    pub(crate) fn is_open(&self, triangle: u32, side: f32) -> bool {
        self.open[triangle as usize][usize::from(side < 0.0)]
    }

    /// Whether a triangle lies in the plane of another of the same material, and
    /// is shaded as flat.
    pub(crate) fn is_level(&self, plane: u32, index: u32) -> bool {
        let same_part = self.part(plane) == self.part(index);
        let (plane, triangle) = (self.triangle(plane), self.triangle(index));
        let normal = plane.edge1.cross(plane.edge2).normalize_or_zero();
        let first = triangle.corner - plane.corner;
        let off = [first, first + triangle.edge1, first + triangle.edge2];
        let turned = triangle.edge1.cross(triangle.edge2).dot(normal) < 0.0;
        let shaded = self.normals(index).map(Vec3A::from);
        same_part
            && !turned
            && off.iter().all(|way| way.dot(normal).abs() < FLATNESS_M)
            && shaded.iter().all(|n| n.dot(normal) > FLAT_SHADED_COS)
    }

    /// The lowest and highest corner of its bounding box.
    pub(crate) fn bounds(&self) -> (Vec3, Vec3) {
        (self.min, self.max)
    }

    /// What physics takes it for; never empty.
    pub(crate) fn colliders(&self) -> &[Collider] {
        &self.colliders
    }

    /// The materials it is made with, one for each part.
    pub(crate) fn materials(&self) -> &[Material] {
        &self.materials
    }

    /// Of a packet's unused places, NaN.
    #[inline(always)]
    pub(crate) fn triangle(&self, index: u32) -> Triangle {
        let index = index as usize;
        self.packets[index / Packet::SIZE].triangle(index % Packet::SIZE)
    }

    /// Which of the object's materials a triangle has.
    #[inline(always)]
    pub(crate) fn part(&self, index: u32) -> u32 {
        self.parts[index as usize]
    }

    /// Smooth normals of a triangle's corners.
    #[inline(always)]
    pub(crate) fn normals(&self, index: u32) -> &[Vec3; 3] {
        &self.normals[index as usize]
    }

    /// The surface's own coordinates in a triangle's corners.
    pub(crate) fn uvs(&self, index: u32) -> &[Vec2; 3] {
        &self.uvs[index as usize]
    }

    /// The nearest hit of a ray in the mesh's own space.
    #[inline]
    pub(crate) fn closest(&self, ray: Ray) -> Option<MeshHit> {
        let mut best = None;
        self.tree.walk(ray, |leaf, ray| {
            self.closest_of(leaf, ray, &mut best);
            false
        });
        best
    }

    /// Moves the ray's end to the nearest hit in a leaf, if it has one.
    #[inline(always)]
    fn closest_of(&self, leaf: usize, ray: &mut Ray, best: &mut Option<MeshHit>) {
        let (mut met, [t, u, v]) = self.packets[leaf].intersect(ray);
        while met != 0 {
            let lane = met.trailing_zeros() as usize;
            met &= met - 1;
            if t[lane] < ray.tmax {
                ray.tmax = t[lane];
                *best = Some(MeshHit {
                    t: t[lane],
                    u: u[lane],
                    v: v[lane],
                    triangle: (leaf * Packet::SIZE + lane) as u32,
                });
            }
        }
    }

    /// Visits packets of triangles that may reach into a region of the mesh's own
    /// space, until `visit` returns true.
    #[inline]
    pub(crate) fn visit_region(&self, region: &Region, mut visit: impl FnMut(u32) -> bool) {
        self.tree.walk_region(region, |leaf| visit(leaf as u32));
    }

    /// A packet of triangles.
    #[inline(always)]
    pub(crate) fn packet(&self, index: u32) -> &Packet {
        &self.packets[index as usize]
    }

    /// Whether all triangles of a packet are of closed surfaces, whose normals point out
    /// of them.
    #[inline(always)]
    pub(crate) fn is_closed(&self, packet: u32) -> bool {
        self.closed[packet as usize]
    }

    /// Whether a ray in the mesh's own space meets anything at all.
    #[inline]
    pub(crate) fn blocks(&self, ray: Ray) -> bool {
        let mut blocked = false;
        self.tree.walk(ray, |leaf, ray| {
            blocked = self.packets[leaf].intersect(ray).0 != 0;
            blocked
        });
        blocked
    }
}

fn triangle_box(triangle: &Triangle) -> Aabb {
    let a = triangle.corner;
    let mut bounds = Aabb::from_points(&[a, a + triangle.edge1, a + triangle.edge2]);
    // The slack of the edges, and the rounding of corner plus edge, must not
    // stick out of the box.
    let grow = Vec3A::splat((bounds.max - bounds.min).max_element() * 1e-5 + 1e-7);
    bounds.min -= grow;
    bounds.max += grow;
    bounds
}

/// Moves a normal by a matrix that may scale axes differently.
pub(crate) fn normal_matrix(matrix: &Mat4) -> glam::Mat3 {
    glam::Mat3::from_mat4(*matrix).inverse().transpose()
}
