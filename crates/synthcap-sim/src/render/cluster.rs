//! Points that lie near each other, held against triangles four at a time.

use glam::{Vec3A, Vec4};

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
        self.rebase(origin);
        self.void_unused();
        self.bound();
    }

    fn rebase(&mut self, origin: Vec3A) {
        self.low -= origin;
        self.high -= origin;
        for group in 0..self.groups() {
            self.columns[group] = self.columns[group].map(|x| x - origin.x);
            self.rows[group] = self.rows[group].map(|y| y - origin.y);
            self.nearness[group] = self.nearness[group].map(|z| z - origin.z);
        }
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

    /// Sees to it that nothing hides the places of the last group that are not used.
    fn void_unused(&mut self) {
        for point in self.count..self.groups() * LANES {
            self.nearness[point / LANES][point % LANES] = f32::INFINITY;
        }
    }

    /// Finds the bounds of groups.
    fn bound(&mut self) {
        // Groups that are not used lie nowhere.
        self.bounds = [[Vec4::NAN; 4]; GROUPS / LANES];
        for group in 0..self.groups() {
            let count = LANES.min(self.count - group * LANES);
            let (first, lane) = (group / LANES, group % LANES);
            for (axis, numbers) in [&self.columns[group], &self.rows[group]].iter().enumerate() {
                let numbers = &numbers[..count];
                let low = numbers.iter().fold(f32::INFINITY, |a, b| a.min(*b));
                let high = numbers.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
                self.bounds[first][axis][lane] = low;
                self.bounds[first][axis + 2][lane] = high;
            }
        }
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
