//! Points that lie near each other, held against triangles four at a time.

use std::array;

use glam::{Mat4, Vec3A, Vec4};

use super::sight::{View, flat};
use crate::{
    mesh::Facets,
    trace::{Ground, Tracer},
};

/// How many points are looked at together.
const LANES: usize = 4;
/// So many of these make a cluster.
const GROUPS: usize = 16;

/// Points that lie near each other.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    /// What all of them lie on.
    pub(super) ground: Ground,
    count: usize,
    columns: [[f32; LANES]; GROUPS],
    rows: [[f32; LANES]; GROUPS],
    nearness: [[f32; LANES]; GROUPS],
    /// First columns and rows, and last ones, of four groups each.
    bounds: [[Vec4; 4]; GROUPS / LANES],
    /// Of column, row and nearness.
    pub(super) low: Vec3A,
    pub(super) high: Vec3A,
    /// A bit for each point.
    hidden: u64,
}

impl Cluster {
    /// Points that it has room for.
    pub(super) const SIZE: usize = LANES * GROUPS;

    pub(super) fn new(ground: Ground) -> Self {
        let mut cluster = Self {
            ground,
            count: 0,
            columns: [[0.0; LANES]; GROUPS],
            rows: [[0.0; LANES]; GROUPS],
            nearness: [[0.0; LANES]; GROUPS],
            bounds: [[Vec4::ZERO; 4]; GROUPS / LANES],
            low: Vec3A::ZERO,
            high: Vec3A::ZERO,
            hidden: 0,
        };
        cluster.reuse(ground);
        cluster
    }

    /// Makes it empty, in the memory that it has.
    pub(super) fn reuse(&mut self, ground: Ground) {
        self.ground = ground;
        self.count = 0;
        self.low = Vec3A::INFINITY;
        self.high = Vec3A::NEG_INFINITY;
        self.hidden = 0;
    }

    /// Adds a point at a column, a row and a nearness, and returns its number.
    #[inline(always)]
    pub(super) fn push(&mut self, place: Vec3A) -> usize {
        let (group, lane) = (self.count / LANES % GROUPS, self.count % LANES);
        self.columns[group][lane] = place.x;
        self.rows[group][lane] = place.y;
        self.nearness[group][lane] = place.z;
        self.low = self.low.min(place);
        self.high = self.high.max(place);
        self.count += 1;
        self.count - 1
    }

    /// Whether it has room for a point of a ground.
    #[inline(always)]
    pub(super) fn fits(&self, ground: Ground) -> bool {
        self.ground == ground && self.count < Self::SIZE
    }

    /// Whether a point is known to be hidden.
    pub(super) fn has_hidden(&self, point: usize) -> bool {
        self.hidden >> point & 1 == 1
    }

    fn groups(&self) -> usize {
        self.count.div_ceil(LANES)
    }

    /// Whether all points are known to be hidden.
    pub(super) fn is_hidden(&self) -> bool {
        self.hidden == u64::MAX >> (Self::SIZE - self.count)
    }

    /// Counts columns, rows and nearness from another place, and finds the bounds of
    /// groups, once all points are there.
    pub(super) fn settle(&mut self, origin: Vec3A) {
        self.low -= origin;
        self.high -= origin;
        self.fill_up();
        for group in 0..self.groups() {
            for (numbers, from) in [
                (&mut self.columns[group], origin.x),
                (&mut self.rows[group], origin.y),
                (&mut self.nearness[group], origin.z),
            ] {
                *numbers = (Vec4::from_array(*numbers) - Vec4::splat(from)).to_array();
            }
        }
        self.bound();
    }

    /// Repeats the last point in the places of its group that are not used, but so near
    /// that nothing hides it; and has groups that are not used lie nowhere.
    fn fill_up(&mut self) {
        let last = self.count - 1;
        let (group, used) = (last / LANES, last % LANES + 1);
        for numbers in [&mut self.columns[group], &mut self.rows[group]] {
            let last = numbers[used - 1];
            numbers[used..].fill(last);
        }
        self.nearness[group][used..].fill(f32::INFINITY);
        self.columns[group + 1..].fill([f32::NAN; LANES]);
        self.rows[group + 1..].fill([f32::NAN; LANES]);
    }

    /// Finds the bounds of groups.
    fn bound(&mut self) {
        let four = |numbers: &[[f32; LANES]; GROUPS], i: usize| {
            let of = |k: usize| Vec4::from_array(numbers[i * LANES + k]);
            let turned = Mat4::from_cols(of(0), of(1), of(2), of(3)).transpose();
            let [a, b, c, d] = [turned.x_axis, turned.y_axis, turned.z_axis, turned.w_axis];
            [a.min(b).min(c.min(d)), a.max(b).max(c.max(d))]
        };
        self.bounds = array::from_fn(|i| {
            let [left, right] = four(&self.columns, i);
            let [top, bottom] = four(&self.rows, i);
            [left, top, right, bottom]
        });
    }

    /// A bit for each group whose bounds meet those of a triangle.
    #[inline(always)]
    fn groups_near(&self, facets: &Facets, lane: usize) -> u32 {
        let [left, top] = facets.low.map(|low| Vec4::splat(low[lane]));
        let [right, bottom] = facets.high.map(|high| Vec4::splat(high[lane]));
        let mut near = 0;
        for (i, [columns, rows, last_columns, last_rows]) in self.bounds.iter().enumerate() {
            let meet = columns.cmple(right)
                & rows.cmple(bottom)
                & last_columns.cmpge(left)
                & last_rows.cmpge(top);
            near |= meet.bitmask() << (i * LANES);
        }
        near
    }

    /// Finds out with a ray each which of its points are hidden.
    pub(super) fn trace(&mut self, tracer: &Tracer, view: View<'_>) {
        let mut likely = None;
        for point in 0..self.count {
            let (group, lane) = (point / LANES, point % LANES);
            let at = |numbers: &[[f32; LANES]; GROUPS]| numbers[group][lane];
            let place = Vec3A::new(at(&self.columns), at(&self.rows), at(&self.nearness));
            let hidden = tracer.blocked(view.ray(place), self.ground.own(), &mut likely);
            self.hidden |= u64::from(hidden) << point;
        }
    }

    /// Finds out which of its points four triangles hide.
    #[inline(always)]
    pub(super) fn hide(&mut self, facets: &Facets, limit: Vec4) {
        let (low, high) = (flat(self.low), flat(self.high));
        let mut reaching = facets.around(low, high);
        if reaching == 0 {
            return;
        }
        reaching &= facets.reaching(low, high, self.low.z);
        if reaching == 0 {
            return;
        }
        let single = facets.single();
        while reaching != 0 {
            let lane = reaching.trailing_zeros() as usize;
            let facet = single[lane].spread();
            reaching &= reaching - 1;
            let mut near = self.groups_near(facets, lane);
            while near != 0 {
                let group = near.trailing_zeros() as usize;
                near &= near - 1;
                let [columns, rows, least] =
                    [&self.columns, &self.rows, &self.nearness].map(|n| Vec4::from_array(n[group]));
                let values = facet.at(columns, rows);
                let nearness = values.nearness();
                let met = values.covers() & nearness.cmpgt(least) & nearness.cmple(limit);
                self.hidden |= u64::from(met.bitmask()) << (group * LANES);
            }
        }
    }
}
