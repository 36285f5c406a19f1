//! Triangle meshes with their search trees, ready to be traced and collided.

mod builder;
mod fruit;
pub(crate) mod furniture;
mod gltf;
mod lathe;
mod library;
mod props;
mod solids;
mod toys;

use glam::{Mat4, Vec2, Vec3, Vec3A, Vec4};
use obvhs::aabb::Aabb;

pub(crate) use self::{
    builder::MeshBuilder,
    gltf::load as load_gltf,
    library::{SHAPE_NAMES, shape},
};
use crate::{
    beam::Region,
    material::Material,
    tree::{Ray, Tree},
};

/// How far outside its edges a triangle still counts as hit, in barycentric
/// units, so that a ray between two neighbours never slips through.
const EDGE_SLACK: f32 = 2e-6;

/// What lies this near to a plane lies in it: less than rays are lifted off.
const FLATNESS_M: f32 = 1e-5;

/// The geometry that rays meet: one corner and two edges, metres.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Triangle {
    pub(crate) corner: Vec3A,
    pub(crate) edge1: Vec3A,
    pub(crate) edge2: Vec3A,
}

/// Four triangles side by side. Unused ones have no area and are never hit.
#[derive(Clone, Copy, Debug)]
struct Packet {
    corner: [Vec4; 3],
    edge1: [Vec4; 3],
    edge2: [Vec4; 3],
    /// Edge 1 x edge 2.
    normal: [Vec4; 3],
    /// A bit for each triangle in use.
    used: u32,
}

fn cross(a: &[Vec4; 3], b: &[Vec4; 3]) -> [Vec4; 3] {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

fn dot(a: &[Vec4; 3], b: &[Vec4; 3]) -> Vec4 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

impl Packet {
    const SIZE: usize = 4;

    fn new(triangles: &[Triangle]) -> Self {
        let lanes = |part: fn(&Triangle) -> Vec3A| -> [Vec4; 3] {
            std::array::from_fn(|axis| {
                Vec4::from_array(std::array::from_fn(|i| {
                    triangles.get(i).map_or(0.0, |t| part(t)[axis])
                }))
            })
        };
        let (edge1, edge2) = (lanes(|t| t.edge1), lanes(|t| t.edge2));
        Self {
            corner: lanes(|t| t.corner),
            normal: cross(&edge1, &edge2),
            used: (1 << triangles.len()) - 1,
            edge1,
            edge2,
        }
    }

    /// Whether a triangle may reach into a region: whether there is one that no
    /// plane has wholly on its outside.
    fn reaches(&self, region: &Region) -> bool {
        self.reaching(region) != 0
    }

    /// A bit for each triangle that may reach into a region.
    fn reaching(&self, region: &Region) -> u32 {
        let mut inside = 0b1111;
        for (normal, offset) in region.planes {
            let normal = normal.to_array().map(Vec4::splat);
            let corner = dot(&self.corner, &normal) + Vec4::splat(offset);
            let second = corner + dot(&self.edge1, &normal);
            let third = corner + dot(&self.edge2, &normal);
            inside &= corner.max(second).max(third).cmpge(Vec4::ZERO).bitmask();
        }
        inside & self.used
    }

    /// A parameter before which no ray between these four from one point meets
    /// a triangle's plane: along rows and columns of an image the parameter's
    /// inverse changes evenly, and so it is greatest in a corner.
    fn nearest(&self, corners: &[Ray; 4]) -> f32 {
        let mut inverse = Vec4::ZERO;
        for ray in corners {
            let origin = ray.origin.to_array().map(Vec4::splat);
            let direction = ray.direction.to_array().map(Vec4::splat);
            let to_corner: [Vec4; 3] = std::array::from_fn(|i| self.corner[i] - origin[i]);
            let here = dot(&self.normal, &direction) / dot(&self.normal, &to_corner);
            // A NaN, of unused triangles, loses against what is there.
            inverse = here.max(inverse);
        }
        1.0 / inverse.max_element()
    }

    /// For each triangle the ray's parameter and the barycentric coordinates
    /// along its edges, and a bit for each that the ray meets between its
    /// bounds. Both sides count.
    #[inline(always)]
    fn intersect(&self, ray: &Ray) -> (u32, [Vec4; 3]) {
        let origin = ray.origin.to_array().map(Vec4::splat);
        let direction = ray.direction.to_array().map(Vec4::splat);
        let to_corner: [Vec4; 3] = std::array::from_fn(|i| self.corner[i] - origin[i]);
        let r = cross(&direction, &to_corner);
        let inverse = Vec4::ONE / dot(&self.normal, &direction);
        let u = -dot(&r, &self.edge2) * inverse;
        let v = dot(&r, &self.edge1) * inverse;
        let t = dot(&self.normal, &to_corner) * inverse;
        let slack = Vec4::splat(EDGE_SLACK);
        // A NaN, from a ray within the plane, compares as a miss.
        let met = u.cmpge(-slack)
            & v.cmpge(-slack)
            & (u + v).cmple(Vec4::ONE + slack)
            & t.cmpge(Vec4::splat(ray.tmin))
            & t.cmplt(Vec4::splat(ray.tmax));
        (met.bitmask(), [t, u, v])
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
    /// In the order of the tree's leaves, each padded to a packet.
    triangles: Vec<Triangle>,
    /// One for each triangle.
    corners: Vec<Corners>,
    /// The triangles again, one packet for each leaf.
    packets: Vec<Packet>,
    tree: Tree,
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
        let packets = tree.slots().chunks(Packet::SIZE).map(packet).collect();
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
            triangles: order().map(|i| triangles[i]).collect(),
            corners: order().map(|i| corners[i]).collect(),
            packets,
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

    /// Adds the leaves that reach into a region of the mesh's own space; false,
    /// having added some, when there are more than `max`.
    pub(crate) fn leaves_in(&self, region: &Region, max: usize, leaves: &mut Vec<u32>) -> bool {
        let start = leaves.len();
        self.tree.walk_region(region, |leaf| {
            if self.packets[leaf].reaches(region) {
                leaves.push(leaf as u32);
            }
            leaves.len() - start > max
        });
        leaves.len() - start <= max
    }

    /// Whether all triangles of these leaves that reach into a region lie in one
    /// plane.
    pub(crate) fn is_flat_in(&self, region: &Region, leaves: &[u32]) -> bool {
        let mut plane: Option<(Vec3A, Vec3A)> = None;
        leaves.iter().all(|&leaf| {
            let reaching = self.packets[leaf as usize].reaching(region);
            (0..Packet::SIZE)
                .filter(|lane| reaching >> lane & 1 == 1)
                .all(|lane| {
                    let triangle = &self.triangles[leaf as usize * Packet::SIZE + lane];
                    let normal = triangle.edge1.cross(triangle.edge2).normalize_or_zero();
                    let (point, flat) = *plane.get_or_insert((triangle.corner, normal));
                    let corners = [Vec3A::ZERO, triangle.edge1, triangle.edge2];
                    let off = corners.map(|edge| (triangle.corner + edge - point).dot(flat).abs());
                    off.into_iter().all(|off| off < FLATNESS_M)
                })
        })
    }

    /// A parameter before which no ray meets a triangle of these leaves that
    /// lies between the given four, which are the corners of a bundle from one
    /// point.
    pub(crate) fn nearest_of(&self, corners: &[Ray; 4], leaves: &[u32]) -> f32 {
        let packets = leaves.iter().map(|&leaf| &self.packets[leaf as usize]);
        packets
            .map(|packet| packet.nearest(corners))
            .fold(f32::INFINITY, f32::min)
    }

    /// The nearest hit among the triangles of these leaves.
    #[inline]
    pub(crate) fn closest_in(&self, mut ray: Ray, leaves: &[u32]) -> Option<MeshHit> {
        let mut best = None;
        for &leaf in leaves {
            self.closest_of(leaf as usize, &mut ray, &mut best);
        }
        best
    }

    /// Whether a ray meets a triangle of these leaves.
    #[inline]
    pub(crate) fn blocks_in(&self, ray: &Ray, leaves: &[u32]) -> bool {
        let mut packets = leaves.iter().map(|&leaf| &self.packets[leaf as usize]);
        packets.any(|packet| packet.intersect(ray).0 != 0)
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
