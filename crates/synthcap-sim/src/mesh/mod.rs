//! Triangle meshes with their search trees, ready to be traced and collided.

mod builder;
pub(crate) mod furniture;
mod gltf;
mod lathe;
mod library;
mod props;
mod solids;

use glam::{Mat4, Vec2, Vec3, Vec3A};
use obvhs::{
    aabb::Aabb,
    bvh2::reinsertion::ReinsertionOptimizer,
    cwbvh::{CwBvh, bvh2_to_cwbvh::bvh2_to_cwbvh},
    ploc::{PlocBuilder, PlocSearchDistance, SortPrecision},
    ray::{Ray, RayHit},
};

pub(crate) use self::{
    builder::MeshBuilder,
    gltf::load as load_gltf,
    library::{SHAPE_NAMES, shape},
};
use crate::material::Material;

/// How far outside its edges a triangle still counts as hit, in barycentric
/// units, so that a ray between two neighbours never slips through.
const EDGE_SLACK: f32 = 2e-6;

/// The geometry that rays meet: one corner and two edges, metres.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Triangle {
    pub(crate) corner: Vec3A,
    pub(crate) edge1: Vec3A,
    pub(crate) edge2: Vec3A,
}

impl Triangle {
    /// Distance along the ray and barycentric coordinates of edge 1 and 2, if
    /// the ray meets the triangle between its bounds. Both sides count.
    #[inline(always)]
    pub(crate) fn intersect(&self, ray: &Ray) -> Option<[f32; 3]> {
        let normal = self.edge1.cross(self.edge2);
        let to_corner = self.corner - ray.origin;
        let r = ray.direction.cross(to_corner);
        let inverse = 1.0 / normal.dot(ray.direction);
        let u = -r.dot(self.edge2) * inverse;
        let v = r.dot(self.edge1) * inverse;
        // Written so that a NaN, from a ray within the plane, is a miss.
        if !(u >= -EDGE_SLACK && v >= -EDGE_SLACK && u + v <= 1.0 + EDGE_SLACK) {
            return None;
        }
        let t = normal.dot(to_corner) * inverse;
        (t >= ray.tmin && t < ray.tmax).then_some([t, u, v])
    }
}

/// What shading needs at a triangle's three corners.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Corners {
    pub(crate) normals: [Vec3; 3],
    pub(crate) uvs: [Vec2; 3],
    /// Which of the object's materials it has.
    pub(crate) part: u32,
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
    /// In the order of the tree's leaves.
    triangles: Vec<Triangle>,
    /// One for each triangle.
    corners: Vec<Corners>,
    tree: CwBvh,
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
    fn new(
        triangles: Vec<Triangle>,
        corners: Vec<Corners>,
        colliders: Vec<Collider>,
        materials: Vec<Material>,
    ) -> Self {
        let boxes: Vec<Aabb> = triangles.iter().map(triangle_box).collect();
        let tree = build_tree(&boxes);
        let order = &tree.primitive_indices;
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
        Self {
            triangles: order.iter().map(|&i| triangles[i as usize]).collect(),
            corners: order.iter().map(|&i| corners[i as usize]).collect(),
            tree,
            min: bounds.min.into(),
            max: bounds.max.into(),
            colliders,
            materials,
        }
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

    pub(crate) fn triangle(&self, index: u32) -> &Triangle {
        &self.triangles[index as usize]
    }

    pub(crate) fn corners(&self, index: u32) -> &Corners {
        &self.corners[index as usize]
    }

    /// The nearest hit of a ray in the mesh's own space.
    #[inline]
    pub(crate) fn closest(&self, ray: Ray) -> Option<MeshHit> {
        let mut hit = RayHit::none();
        let (mut u, mut v) = (0.0, 0.0);
        let found = self.tree.ray_traverse(ray, &mut hit, |ray, index| {
            match self.triangles[index].intersect(ray) {
                Some([t, hit_u, hit_v]) => {
                    (u, v) = (hit_u, hit_v);
                    t
                }
                None => f32::INFINITY,
            }
        });
        found.then_some(MeshHit {
            t: hit.t,
            u,
            v,
            triangle: hit.primitive_id,
        })
    }

    /// Whether a ray in the mesh's own space meets anything at all.
    #[inline]
    pub(crate) fn blocks(&self, ray: Ray) -> bool {
        !self.tree.ray_traverse_miss(ray, |ray, index| {
            self.triangles[index]
                .intersect(ray)
                .map_or(f32::INFINITY, |[t, ..]| t)
        })
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

/// A search tree over boxes, whose leaves are in the order of
/// `primitive_indices`.
pub(crate) fn build_tree(boxes: &[Aabb]) -> CwBvh {
    let indices = (0..boxes.len() as u32).collect();
    let mut binary = PlocBuilder::with_capacity(boxes.len()).build(
        PlocSearchDistance::Low,
        boxes,
        indices,
        SortPrecision::U64,
        1,
    );
    ReinsertionOptimizer::default().run(&mut binary, 0.05, None);
    bvh2_to_cwbvh(&binary, 3, true, false)
}

/// Moves a normal by a matrix that may scale axes differently.
pub(crate) fn normal_matrix(matrix: &Mat4) -> glam::Mat3 {
    glam::Mat3::from_mat4(*matrix).inverse().transpose()
}
