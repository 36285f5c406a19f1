//! Four triangles side by side, against rays and regions.

use glam::{Vec3A, Vec4};

use super::Triangle;
use crate::{region::Region, tree::Ray};

/// How far outside its edges a triangle still counts as hit, in barycentric
/// units, so that a ray between two neighbours never slips through.
pub(super) const EDGE_SLACK: f32 = 2e-6;

/// Four triangles side by side. Those that are not used are NaN, which no
/// comparison lets through.
///
/// Normals are not kept: to compute them takes less time than to fetch them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
    pub(super) corner: [Vec4; 3],
    pub(super) edge1: [Vec4; 3],
    pub(super) edge2: [Vec4; 3],
}

pub(super) fn cross(a: &[Vec4; 3], b: &[Vec4; 3]) -> [Vec4; 3] {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

pub(super) fn dot(a: &[Vec4; 3], b: &[Vec4; 3]) -> Vec4 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

impl Packet {
    pub(crate) const SIZE: usize = 4;
    /// So many are best fetched together: that takes hardly longer than one.
    pub(crate) const FETCHED: usize = 8;

    pub(super) fn new(triangles: &[Triangle]) -> Self {
        let lanes = |part: fn(&Triangle) -> Vec3A| -> [Vec4; 3] {
            std::array::from_fn(|axis| {
                Vec4::from_array(std::array::from_fn(|i| {
                    triangles.get(i).map_or(f32::NAN, |t| part(t)[axis])
                }))
            })
        };
        Self {
            corner: lanes(|t| t.corner),
            edge1: lanes(|t| t.edge1),
            edge2: lanes(|t| t.edge2),
        }
    }

    /// One of them.
    #[inline(always)]
    pub(super) fn triangle(&self, lane: usize) -> Triangle {
        let of = |part: &[Vec4; 3]| {
            let [x, y, z] = part.each_ref().map(|v| v.as_ref()[lane % Self::SIZE]);
            Vec3A::new(x, y, z)
        };
        Triangle {
            corner: of(&self.corner),
            edge1: of(&self.edge1),
            edge2: of(&self.edge2),
        }
    }

    /// Edge 1 x edge 2.
    #[inline(always)]
    pub(super) fn normal(&self) -> [Vec4; 3] {
        cross(&self.edge1, &self.edge2)
    }

    /// Has the processor fetch it, so that it is there when it is needed.
    #[inline(always)]
    pub(crate) fn fetch(&self) {
        // One number of each cache line.
        std::hint::black_box([self.corner[0].x, self.edge1[1].x, self.edge2[2].x]);
    }

    /// Whether a triangle may reach into a region: whether there is one that no
    /// plane has wholly on its outside.
    pub(super) fn reaches(&self, region: &Region) -> bool {
        let mut inside = 0b1111;
        for (normal, offset) in region.planes {
            let normal = normal.to_array().map(Vec4::splat);
            let corner = dot(&self.corner, &normal) + Vec4::splat(offset);
            let second = corner + dot(&self.edge1, &normal);
            let third = corner + dot(&self.edge2, &normal);
            inside &= corner.max(second).max(third).cmpge(Vec4::ZERO).bitmask();
        }
        inside != 0
    }

    /// For each triangle the ray's parameter and the barycentric coordinates
    /// along its edges, and a bit for each that the ray meets between its
    /// bounds. Both sides count.
    #[inline(always)]
    pub(super) fn intersect(&self, ray: &Ray) -> (u32, [Vec4; 3]) {
        let origin = ray.origin.to_array().map(Vec4::splat);
        let direction = ray.direction.to_array().map(Vec4::splat);
        let to_corner: [Vec4; 3] = std::array::from_fn(|i| self.corner[i] - origin[i]);
        let r = cross(&direction, &to_corner);
        let normal = self.normal();
        let inverse = Vec4::ONE / dot(&normal, &direction);
        let u = -dot(&r, &self.edge2) * inverse;
        let v = dot(&r, &self.edge1) * inverse;
        let t = dot(&normal, &to_corner) * inverse;
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
