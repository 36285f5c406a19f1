//! Four triangles side by side, against rays and as they appear to an eye.

use glam::{Vec3A, Vec4};

use super::Triangle;
use crate::{beam::Region, tree::Ray};

/// How far outside its edges a triangle still counts as hit, in barycentric
/// units, so that a ray between two neighbours never slips through.
const EDGE_SLACK: f32 = 2e-6;

/// Four triangles side by side. Unused ones have no area and are never hit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
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
    pub(super) const SIZE: usize = 4;

    pub(super) fn new(triangles: &[Triangle]) -> Self {
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
    pub(super) fn reaches(&self, region: &Region) -> bool {
        self.reaching(region) != 0
    }

    /// A bit for each triangle that may reach into a region.
    pub(super) fn reaching(&self, region: &Region) -> u32 {
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

    /// For each triangle the ray's parameter and the barycentric coordinates
    /// along its edges, and a bit for each that the ray meets between its
    /// bounds. Both sides count.
    #[inline(always)]
    pub(super) fn intersect(&self, ray: &Ray) -> (u32, [Vec4; 3]) {
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

/// An eye in a mesh's own space, with image positions counted in pixels from one
/// of them. Each number is there four times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lens {
    origin: [Vec4; 3],
    /// The direction to where counting starts, and how it changes per pixel.
    directions: [[Vec4; 3]; 3],
    /// What a way from the origin is multiplied by for its image position times
    /// its depth, and for its depth.
    rows: [[Vec4; 3]; 3],
    /// Depths from which on image positions are exact enough for bounds.
    far_enough: Vec4,
    /// How far off an image position may be, times its depth.
    blur: Vec4,
}

impl Lens {
    /// `directions` are the one to where counting starts and its change per
    /// column and row; `rows` give column, row (each times depth) and depth.
    /// Depths below `far_enough` give no image position, and others one that is
    /// up to `blur` by the depth off.
    pub(crate) fn new(
        origin: Vec3A,
        directions: [Vec3A; 3],
        rows: [Vec3A; 3],
        far_enough: f32,
        blur: f32,
    ) -> Self {
        let splat = |v: Vec3A| v.to_array().map(Vec4::splat);
        Self {
            origin: splat(origin),
            directions: directions.map(splat),
            rows: rows.map(splat),
            far_enough: Vec4::splat(far_enough),
            blur: Vec4::splat(blur),
        }
    }
}

/// Numbers that change evenly over the image, one for each of four triangles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Affine {
    pub(crate) start: Vec4,
    pub(crate) per_column: Vec4,
    pub(crate) per_row: Vec4,
}

impl Affine {
    fn new(lens: &Lens, along: &[Vec4; 3]) -> Self {
        let [start, per_column, per_row] = lens.directions.each_ref().map(|d| dot(d, along));
        Self {
            start,
            per_column,
            per_row,
        }
    }

    /// The greatest of the numbers up to a column and a row.
    #[inline(always)]
    fn greatest(&self, columns: f32, rows: f32) -> Vec4 {
        self.start
            + (self.per_column * columns).max(Vec4::ZERO)
            + (self.per_row * rows).max(Vec4::ZERO)
    }

    #[inline(always)]
    fn minus(&self, other: &Self) -> Self {
        Self {
            start: self.start - other.start,
            per_column: self.per_column - other.per_column,
            per_row: self.per_row - other.per_row,
        }
    }
}

/// Four triangles as an eye sees them. Over an image, one by the depth of a
/// plane changes evenly, and so do barycentric coordinates by that depth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facets {
    pub(crate) inverse_depth: Affine,
    pub(crate) u_by_depth: Affine,
    pub(crate) v_by_depth: Affine,
    /// Bounds in the image: first columns and rows, then last ones.
    pub(crate) low: [Vec4; 2],
    pub(crate) high: [Vec4; 2],
    /// A bit for each triangle in use.
    pub(crate) used: u32,
}

impl Facets {
    /// A bit for each triangle that may cover something up to a column and a row:
    /// those that do not have all of it outside of one edge, or behind what is
    /// already there with at least the inverse depth `hidden`.
    #[inline]
    pub(crate) fn reaching(&self, columns: f32, rows: f32, hidden: f32) -> u32 {
        let (depth, u, v) = (&self.inverse_depth, &self.u_by_depth, &self.v_by_depth);
        let third = depth.minus(u).minus(v);
        let nearest = depth.greatest(columns, rows);
        // Twice the slack, for the rounding of these sums.
        let slack = -2.0 * EDGE_SLACK * nearest.abs();
        let inside = [u, v, &third].map(|edge| edge.greatest(columns, rows).cmpge(slack));
        (nearest.cmpgt(Vec4::splat(hidden)) & inside[0] & inside[1] & inside[2]).bitmask()
            & self.used
    }

    /// A bit for each of four pixels whose rays meet a triangle, from the three
    /// numbers there.
    #[inline(always)]
    pub(crate) fn covers([inverse, u, v]: [Vec4; 3]) -> glam::BVec4A {
        let slack = EDGE_SLACK * inverse;
        u.cmpge(-slack) & v.cmpge(-slack) & (u + v).cmple(inverse + slack)
    }
}

impl Packet {
    /// The triangles as an eye in the same space sees them.
    #[inline]
    pub(crate) fn facets(&self, lens: &Lens) -> Facets {
        let corner: [Vec4; 3] = std::array::from_fn(|i| self.corner[i] - lens.origin[i]);
        // Seen edge-on a triangle gets infinities here, and covers nothing.
        let scale = Vec4::ONE / dot(&self.normal, &corner);
        let scaled = |v: [Vec4; 3]| Affine::new(lens, &v.map(|x| x * scale));
        let (low, high) = self.image_bounds(&corner, lens);
        Facets {
            inverse_depth: scaled(self.normal),
            u_by_depth: scaled(cross(&self.edge2, &corner)),
            v_by_depth: scaled(cross(&corner, &self.edge1)),
            low,
            high,
            used: self.used,
        }
    }

    /// Bounds of the triangles in the image; infinite ones where a corner lies
    /// behind the eye or too near to it.
    #[inline(always)]
    fn image_bounds(&self, corner: &[Vec4; 3], lens: &Lens) -> ([Vec4; 2], [Vec4; 2]) {
        let from = |edge: &[Vec4; 3]| std::array::from_fn(|i| corner[i] + edge[i]);
        let places = [*corner, from(&self.edge1), from(&self.edge2)];
        let (mut low, mut high) = ([Vec4::INFINITY; 2], [Vec4::NEG_INFINITY; 2]);
        let mut least = Vec4::INFINITY;
        for place in &places {
            let depth = dot(place, &lens.rows[2]);
            let inverse = Vec4::ONE / depth;
            least = least.min(depth);
            for axis in 0..2 {
                let at = dot(place, &lens.rows[axis]) * inverse;
                low[axis] = low[axis].min(at);
                high[axis] = high[axis].max(at);
            }
        }
        let exact = least.cmpge(lens.far_enough);
        let off = Vec4::splat(1e-3) + lens.blur / least;
        (
            low.map(|x| Vec4::select(exact, x - off, Vec4::NEG_INFINITY)),
            high.map(|x| Vec4::select(exact, x + off, Vec4::INFINITY)),
        )
    }
}
