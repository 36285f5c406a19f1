//! Rays against all objects of one moment: a tree of instances over the trees
//! of their meshes.

use std::sync::Arc;

use glam::{Affine3A, Mat3A, Vec3A};
use obvhs::aabb::Aabb;

use crate::{
    camera::NEAR_M,
    mesh::{Mesh, MeshHit},
    region::Region,
    tree::{Ray, Tree},
};

/// A mesh with its place.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    /// The object's instance ID.
    pub(crate) id: u32,
    pub(crate) mesh: Arc<Mesh>,
    pub(crate) to_world: Affine3A,
    to_local: Affine3A,
    /// Turns local normals into world normals, not of unit length.
    normals: Mat3A,
}

/// The nearest thing on a ray.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    /// In multiples of the ray's direction.
    pub(crate) t: f32,
    /// Barycentric, along the triangle's first edge.
    pub(crate) u: f32,
    /// Barycentric, along the triangle's second edge.
    pub(crate) v: f32,
    /// Place in [`Tracer::instances`].
    pub(crate) instance: u32,
    pub(crate) triangle: u32,
}

/// What a point lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ground {
    pub(crate) instance: u32,
    /// Whether the instance is known not to hide the point.
    pub(crate) open: bool,
}

impl Ground {
    /// The instance, if it is known not to hide the point.
    #[inline]
    pub(crate) fn own(self) -> Option<u32> {
        self.open.then_some(self.instance)
    }
}

impl Hit {
    /// Nothing on the ray.
    pub(crate) const MISS: Self = Self {
        t: f32::INFINITY,
        u: 0.0,
        v: 0.0,
        instance: u32::MAX,
        triangle: u32::MAX,
    };

    /// What each corner of its triangle counts.
    #[inline]
    pub(crate) fn weights(&self) -> [f32; 3] {
        [1.0 - self.u - self.v, self.u, self.v]
    }

    #[inline]
    pub(crate) fn is_miss(&self) -> bool {
        self.instance == u32::MAX
    }
}

impl Instance {
    pub(crate) fn new(id: u32, mesh: Arc<Mesh>, to_world: Affine3A) -> Self {
        let to_local = to_world.inverse();
        Self {
            id,
            mesh,
            to_world,
            to_local,
            normals: to_local.matrix3.transpose(),
        }
    }

    /// A ray in the instance's own space; its parameter is the same.
    #[inline(always)]
    pub(crate) fn local(&self, ray: &Ray) -> Ray {
        Ray::new(
            self.to_local.transform_point3a(ray.origin),
            self.to_local.transform_vector3a(ray.direction),
            ray.tmin,
            ray.tmax,
        )
    }

    /// A place in the instance's own space.
    pub(crate) fn local_place(&self, place: Vec3A) -> Vec3A {
        self.to_local.transform_point3a(place)
    }

    /// A way in the instance's own space.
    pub(crate) fn local_way(&self, way: Vec3A) -> Vec3A {
        self.to_local.transform_vector3a(way)
    }

    /// What ways in the instance's own space are multiplied by to get the same
    /// as in the world.
    pub(crate) fn local_plane(&self, normal: Vec3A) -> Vec3A {
        self.to_world.matrix3.transpose() * normal
    }

    /// Whether the ray meets this instance, whatever stands before it.
    #[inline]
    pub(crate) fn blocks(&self, ray: &Ray) -> bool {
        self.mesh.blocks(self.local(ray))
    }

    /// What a hit's point lies on, seen from a side (1 or -1).
    #[inline]
    pub(crate) fn ground(&self, hit: &Hit, side: f32) -> Ground {
        Ground {
            instance: hit.instance,
            open: self.is_open(hit, side),
        }
    }

    /// The flat normal of a hit's triangle in the world, of unit length, on the
    /// side that the direction comes from.
    #[inline]
    pub(crate) fn flat_normal(&self, hit: &Hit, direction: Vec3A) -> Vec3A {
        let normal = self.flat_normal_on_side(hit, 1.0);
        if normal.dot(direction) > 0.0 {
            -normal
        } else {
            normal
        }
    }

    /// Whether nothing of the instance lies before a hit's triangle on one of its
    /// sides.
    #[inline]
    pub(crate) fn is_open(&self, hit: &Hit, side: f32) -> bool {
        self.mesh.is_open(hit.triangle, side)
    }

    /// The flat normal of a hit's triangle in the world, on one of its sides.
    #[inline]
    pub(crate) fn flat_normal_on_side(&self, hit: &Hit, side: f32) -> Vec3A {
        let triangle = self.mesh.triangle(hit.triangle);
        side * self.world_normal(triangle.edge1.cross(triangle.edge2))
    }

    /// A local direction across a surface, in the world, of unit length.
    #[inline]
    pub(crate) fn world_normal(&self, local: Vec3A) -> Vec3A {
        self.world_across(local).normalize_or_zero()
    }

    /// A local direction across a surface, in the world.
    #[inline]
    pub(crate) fn world_across(&self, local: Vec3A) -> Vec3A {
        self.normals * local
    }

    /// The box around the instance in the world.
    fn bounds(&self) -> Aabb {
        let points = self
            .corners()
            .map(|corner| self.to_world.transform_point3a(corner));
        let mut bounds = Aabb::from_points(&points);
        let reach = bounds.min.abs().max(bounds.max.abs()).max_element();
        let grow = Vec3A::splat(reach * 1e-6 + 1e-6);
        bounds.min -= grow;
        bounds.max += grow;
        bounds
    }

    /// The corners of the mesh's box, local.
    pub(crate) fn corners(&self) -> [Vec3A; 8] {
        let (min, max) = self.mesh.bounds();
        std::array::from_fn(|i| {
            let pick = |axis: usize| {
                if i >> axis & 1 == 0 {
                    min[axis]
                } else {
                    max[axis]
                }
            };
            Vec3A::new(pick(0), pick(1), pick(2))
        })
    }
}

/// All objects of one moment, immutable.
#[derive(Debug)]
pub(crate) struct Tracer {
    instances: Vec<Instance>,
    /// Around each instance.
    boxes: Vec<Aabb>,
    tree: Tree,
    reach: f32,
}

impl Tracer {
    /// Instances in the order of their IDs.
    pub(crate) fn new(instances: Vec<Instance>) -> Self {
        let boxes: Vec<Aabb> = instances.iter().map(Instance::bounds).collect();
        let far = |b: &Aabb| b.min.abs().max(b.max.abs()).max_element();
        Self {
            reach: boxes.iter().map(far).fold(0.0, f32::max),
            tree: Tree::new(&boxes, 1),
            boxes,
            instances,
        }
    }

    pub(crate) fn instances(&self) -> &[Instance] {
        &self.instances
    }

    pub(crate) fn instance(&self, hit: &Hit) -> &Instance {
        &self.instances[hit.instance as usize]
    }

    /// The place of an instance ID in [`Self::instances`].
    pub(crate) fn index_of(&self, id: u32) -> Option<usize> {
        self.instances.binary_search_by_key(&id, |i| i.id).ok()
    }

    /// The instance of a leaf. Leaves hold one each, so none is empty.
    #[inline(always)]
    fn leaf(&self, leaf: usize) -> u32 {
        self.tree.slots()[leaf].unwrap_or_default()
    }

    /// The nearest hit, or [`Hit::MISS`].
    #[inline]
    pub(crate) fn closest(&self, ray: Ray) -> Hit {
        let mut best = Hit::MISS;
        self.tree.walk(ray, |leaf, ray| {
            let index = self.leaf(leaf);
            let instance = &self.instances[index as usize];
            if let Some(hit) = instance.mesh.closest(instance.local(ray)) {
                ray.tmax = hit.t;
                best = hit.of(index);
            }
            false
        });
        best
    }

    /// The box around an instance.
    #[inline]
    pub(crate) fn bounds(&self, index: u32) -> &Aabb {
        &self.boxes[index as usize]
    }

    /// Whether an eye is outside of an instance, and not so near that what it does not
    /// see for nearness could be a part of it.
    pub(crate) fn is_outside(&self, index: u32, eye: Vec3A) -> bool {
        let bounds = self.bounds(index);
        let near = Vec3A::splat(4.0 * NEAR_M);
        (eye.cmplt(bounds.min - near) | eye.cmpgt(bounds.max + near)).any()
    }

    /// How far from the origin things lie at the most on any axis, metres.
    pub(crate) fn reach(&self) -> f32 {
        self.reach
    }

    /// By how much a region is to be grown to make up for rounding, metres.
    pub(crate) fn margin(&self) -> f32 {
        2e-4 + 4e-6 * self.reach
    }

    /// Visits the instances that may reach into a region, until `visit` returns
    /// true.
    pub(crate) fn visit_region(&self, region: &Region, mut visit: impl FnMut(u32) -> bool) {
        self.tree.walk_region(region, |leaf| visit(self.leaf(leaf)));
    }

    /// Whether anything lies on the ray but `own`, which is known not to.
    /// `likely` is the instance to look at first, and becomes the one found:
    /// neighbouring rays mostly agree.
    #[inline]
    pub(crate) fn blocked(&self, ray: Ray, own: Option<u32>, likely: &mut Option<u32>) -> bool {
        let before = likely.take();
        let other = before.filter(|_| before != own);
        *likely = other.filter(|&index| self.instances[index as usize].blocks(&ray));
        if likely.is_some() {
            return true;
        }
        self.tree.walk(ray, |leaf, ray| {
            let index = self.leaf(leaf);
            if before != Some(index)
                && own != Some(index)
                && self.instances[index as usize].blocks(ray)
            {
                *likely = Some(index);
            }
            likely.is_some()
        });
        likely.is_some()
    }
}

impl MeshHit {
    /// The hit as one of an instance.
    #[inline(always)]
    pub(crate) fn of(self, instance: u32) -> Hit {
        Hit {
            t: self.t,
            u: self.u,
            v: self.v,
            instance,
            triangle: self.triangle,
        }
    }
}
