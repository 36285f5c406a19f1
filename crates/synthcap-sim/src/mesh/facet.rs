//! Triangles as they appear to an eye or along parallel rays: over such a picture
//! of them, what decides who hides whom changes evenly from place to place.

use glam::{BVec4A, Mat4, Vec2, Vec3A, Vec4, Vec4Swizzles};

use super::packet::{EDGE_SLACK, Packet, cross, dot};
use crate::even::Even;

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

/// Each component four times.
fn splat(v: Vec3A) -> [Vec4; 3] {
    v.to_array().map(Vec4::splat)
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
        Self {
            origin: splat(origin),
            directions: directions.map(splat),
            rows: rows.map(splat),
            far_enough: Vec4::splat(far_enough),
            blur: Vec4::splat(blur),
        }
    }
}

/// Parallel rays in a mesh's own space, told apart by two coordinates across
/// them that are counted from one place. Each number is there four times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shaft {
    origin: [Vec4; 3],
    /// How a place changes per unit of the two coordinates, and along the rays.
    ways: [[Vec4; 3]; 3],
    /// What a way from the origin is multiplied by for its two coordinates.
    rows: [[Vec4; 3]; 2],
    /// How far off coordinates may be.
    blur: Vec4,
}

impl Shaft {
    /// `ways` are those of the two coordinates and of the rays; `rows` give the
    /// coordinates of a way, which are up to `blur` off.
    pub(crate) fn new(origin: Vec3A, ways: [Vec3A; 3], rows: [Vec3A; 2], blur: f32) -> Self {
        Self {
            origin: splat(origin),
            ways: ways.map(splat),
            rows: rows.map(splat),
            blur: Vec4::splat(blur),
        }
    }
}

/// Four triangles in a picture.
///
/// To an eye, one by the depth of a plane changes evenly, and so do barycentric
/// coordinates by that depth. Along parallel rays it is the way to the plane and
/// the coordinates themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facets {
    /// One of each number for each triangle: how near (of two things in one place, that
    /// with the greater number hides the other), then three that are negative outside
    /// one edge each.
    numbers: [Even; 4],
    /// Bounds in the picture: first columns and rows, then last ones.
    pub(crate) low: [Vec4; 2],
    pub(crate) high: [Vec4; 2],
}

impl Facets {
    /// A bit for each triangle that may cover something between two places: those
    /// that do not have all of it outside of one edge, or no nearer than `than`.
    #[inline]
    pub(crate) fn reaching(&self, low: Vec2, high: Vec2, than: f32) -> u32 {
        let [near, edges @ ..] = &self.numbers;
        let nearest = near.greatest(low, high);
        let near_enough = nearest.cmpgt(Vec4::splat(than));
        if !near_enough.any() {
            return 0;
        }
        // As much again as the edges have, for the rounding of these sums.
        let slack = -EDGE_SLACK * nearest.abs();
        let inside = edges
            .each_ref()
            .map(|edge| edge.greatest(low, high).cmpge(slack));
        (near_enough & inside[0] & inside[1] & inside[2]).bitmask()
    }

    /// A bit for each triangle whose bounds meet those between two places.
    #[inline(always)]
    pub(crate) fn around(&self, low: Vec2, high: Vec2) -> u32 {
        let axis = |i: usize| {
            self.low[i].cmple(Vec4::splat(high[i])) & self.high[i].cmpge(Vec4::splat(low[i]))
        };
        (axis(0) & axis(1)).bitmask()
    }

    /// Each triangle by itself.
    #[inline(always)]
    pub(crate) fn single(&self) -> [Facet; 4] {
        let turned = |part: fn(&Even) -> Vec4| {
            let [a, b, c, d] = self.numbers.each_ref().map(part);
            let turned = Mat4::from_cols(a, b, c, d).transpose();
            [turned.x_axis, turned.y_axis, turned.z_axis, turned.w_axis]
        };
        let (start, per_column, per_row) = (
            turned(|n| n.start),
            turned(|n| n.per_column),
            turned(|n| n.per_row),
        );
        std::array::from_fn(|i| {
            Facet(Even {
                start: start[i],
                per_column: per_column[i],
                per_row: per_row[i],
            })
        })
    }
}

/// One of four triangles in a picture: its four numbers side by side, and how they
/// change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facet(Even);

/// How the four numbers change over four neighbours in a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Within([Vec4; 4]);

/// The four numbers of a triangle at four places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values([Vec4; 4]);

/// Each component four times.
#[inline(always)]
fn spread(v: Vec4) -> [Vec4; 4] {
    [v.xxxx(), v.yyyy(), v.zzzz(), v.wwww()]
}

impl Facet {
    /// Made ready for [`Self::at`].
    #[inline(always)]
    pub(crate) fn within(&self) -> Within {
        Within(spread(self.0.per_column).map(|c| c * Vec4::new(0.0, 1.0, 2.0, 3.0)))
    }

    /// The numbers in a place and the three to its right.
    #[inline(always)]
    pub(crate) fn at(&self, column: f32, row: f32, Within(within): &Within) -> Values {
        let first = spread(self.0.at(column, row));
        Values(std::array::from_fn(|i| first[i] + within[i]))
    }

    /// Whether it may cover something between two places, no nearer than `than`; as
    /// [`Facets::reaching`].
    #[inline(always)]
    pub(crate) fn reaches(&self, low: Vec2, high: Vec2, than: f32) -> bool {
        let greatest = self.0.greatest(low, high);
        let slack = -EDGE_SLACK * greatest.x.abs();
        greatest.cmpge(Vec4::new(than, slack, slack, slack)).all()
    }

    /// Made ready for [`Spread::at`].
    #[inline(always)]
    pub(crate) fn spread(&self) -> Spread {
        Spread {
            start: spread(self.0.start),
            per_column: spread(self.0.per_column),
            per_row: spread(self.0.per_row),
        }
    }
}

/// A [`Facet`] with each of its numbers four times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    start: [Vec4; 4],
    per_column: [Vec4; 4],
    per_row: [Vec4; 4],
}

impl Spread {
    /// The numbers in any four places.
    #[inline(always)]
    pub(crate) fn at(&self, columns: Vec4, rows: Vec4) -> Values {
        Values(std::array::from_fn(|i| {
            self.start[i] + columns * self.per_column[i] + rows * self.per_row[i]
        }))
    }
}

impl Values {
    /// How near.
    #[inline(always)]
    pub(crate) fn nearness(&self) -> Vec4 {
        self.0[0]
    }

    /// Which of the four places the triangle covers; to an eye, if it lies ahead
    /// there.
    #[inline(always)]
    pub(crate) fn covers(&self) -> BVec4A {
        let [_, u, v, w] = self.0;
        // A NaN, from a triangle seen edge-on, is not met.
        u.cmpge(Vec4::ZERO) & v.cmpge(Vec4::ZERO) & w.cmpge(Vec4::ZERO)
    }
}

impl Packet {
    /// Whether all normals point away from an eye in the same space.
    #[inline(always)]
    pub(crate) fn faces_away(&self, lens: &Lens) -> bool {
        let corner: [Vec4; 3] = std::array::from_fn(|i| self.corner[i] - lens.origin[i]);
        // Triangles that are not used compare as if they did.
        !dot(&self.normal(), &corner).cmple(Vec4::ZERO).any()
    }

    /// Whether all normals point against parallel rays in the same space.
    #[inline(always)]
    pub(crate) fn faces_against(&self, shaft: &Shaft) -> bool {
        let [_, _, along] = &shaft.ways;
        !dot(&self.normal(), along).cmpge(Vec4::ZERO).any()
    }

    /// The triangles as an eye in the same space sees them: nearness is one by the
    /// depth.
    #[inline]
    pub(crate) fn facets(&self, lens: &Lens) -> Facets {
        let corner: [Vec4; 3] = std::array::from_fn(|i| self.corner[i] - lens.origin[i]);
        // Seen edge-on a triangle gets infinities here, and covers nothing.
        let normal = self.normal();
        let scale = Vec4::ONE / dot(&normal, &corner);
        let scaled = |v: [Vec4; 3]| {
            let along = v.map(|x| x * scale);
            let [start, per_column, per_row] = lens.directions.each_ref().map(|d| dot(d, &along));
            Even {
                start,
                per_column,
                per_row,
            }
        };
        let (low, high) = self.image_bounds(&corner, lens);
        let inverse_depth = scaled(normal);
        let u = scaled(cross(&self.edge2, &corner));
        let v = scaled(cross(&corner, &self.edge1));
        let slack = inverse_depth.times(EDGE_SLACK);
        let w = inverse_depth.minus(&u).minus(&v);
        Facets {
            numbers: [
                inverse_depth,
                u.plus(&slack),
                v.plus(&slack),
                w.plus(&slack),
            ],
            low,
            high,
        }
    }

    /// The triangles as parallel rays in the same space meet them: nearness is the
    /// way along the rays.
    #[inline]
    pub(crate) fn facets_along(&self, shaft: &Shaft) -> Facets {
        let corner: [Vec4; 3] = std::array::from_fn(|i| self.corner[i] - shaft.origin[i]);
        let [column, row, along] = &shaft.ways;
        // Seen edge-on a triangle gets infinities here, and covers nothing.
        let normal = self.normal();
        let scale = Vec4::ONE / dot(&normal, along);
        let scaled = |v: [Vec4; 3]| {
            let v = v.map(|x| x * scale);
            Even {
                start: dot(&corner, &v),
                per_column: -dot(column, &v),
                per_row: -dot(row, &v),
            }
        };
        let way = scaled(normal);
        let u = scaled(cross(along, &self.edge2));
        let v = scaled(cross(&self.edge1, along));
        let more = |n: &Even, by: f32| Even {
            start: n.start + Vec4::splat(by),
            ..*n
        };
        let w = more(&u.plus(&v).times(-1.0), 1.0 + EDGE_SLACK);
        let (low, high) = self.bounds_along(&corner, shaft);
        Facets {
            numbers: [way, more(&u, EDGE_SLACK), more(&v, EDGE_SLACK), w],
            low,
            high,
        }
    }

    /// The triangles' corners, from their first ones.
    #[inline(always)]
    fn corners(&self, corner: &[Vec4; 3]) -> [[Vec4; 3]; 3] {
        let from = |edge: &[Vec4; 3]| std::array::from_fn(|i| corner[i] + edge[i]);
        [*corner, from(&self.edge1), from(&self.edge2)]
    }

    #[inline(always)]
    fn bounds_along(&self, corner: &[Vec4; 3], shaft: &Shaft) -> ([Vec4; 2], [Vec4; 2]) {
        let places = self.corners(corner);
        let (mut low, mut high) = ([Vec4::INFINITY; 2], [Vec4::NEG_INFINITY; 2]);
        for place in &places {
            for axis in 0..2 {
                let at = dot(place, &shaft.rows[axis]);
                low[axis] = low[axis].min(at);
                high[axis] = high[axis].max(at);
            }
        }
        (low.map(|x| x - shaft.blur), high.map(|x| x + shaft.blur))
    }

    /// Bounds of the triangles in the image; infinite ones where a corner lies
    /// behind the eye or too near to it.
    #[inline(always)]
    fn image_bounds(&self, corner: &[Vec4; 3], lens: &Lens) -> ([Vec4; 2], [Vec4; 2]) {
        let places = self.corners(corner);
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
