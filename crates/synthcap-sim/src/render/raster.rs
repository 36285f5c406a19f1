//! What lies behind image positions, found for many of them at once.
//!
//! Rays from one eye through a regular grid need no search of their own: each
//! triangle knows the grid positions in its bounds, and its depth and edges
//! change evenly from one position to the next. Only who is nearest is found
//! that way. The hit itself is then computed from the ray through the very
//! position, as for any other ray.

use glam::{Vec2, Vec3A, Vec4};

use super::Block;
use crate::{
    beam::Region,
    camera::{Eye, NEAR_M},
    mesh::{Affine, Facets, Lens},
    trace::{Hit, Instance, Tracer},
};

/// How many image positions are looked at together.
const LANES: usize = 4;
/// Marks a position where nothing was found.
const NONE: u32 = u32::MAX;
/// After so many packets it is found out again what is hidden.
const REFRESH: usize = 32;

/// The hits of an eye's rays through places in each pixel of a block: for the
/// first place row by row, then for the next.
pub(super) fn hits(tracer: &Tracer, eye: &Eye, block: &Block, places: &[Vec2]) -> Vec<Hit> {
    let mut canvas = Canvas::new(tracer, *eye, block, places);
    let region = |depth| {
        let frustum = Region::frustum(eye, block.low(), block.high(), depth);
        frustum.grown(tracer.margin())
    };
    let mut instances = Vec::new();
    tracer.visit_region(&region(f32::INFINITY), |index| {
        instances.push((canvas.least_depth(index), index));
        false
    });
    instances.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (least, index) in instances {
        // With some room for rounding.
        let depth = 1.001 / canvas.hidden;
        if least <= depth {
            canvas.draw(index, &region(depth));
            canvas.hide();
        }
    }
    canvas.hits()
}

/// Who is nearest so far at each position.
struct Canvas<'a> {
    tracer: &'a Tracer,
    eye: Eye,
    low: Vec2,
    places: &'a [Vec2],
    width: usize,
    height: usize,
    /// Groups of [`LANES`] pixels in a row.
    groups: usize,
    /// One by the depth of the nearest so far, for each group of each row of
    /// each place.
    nearest: Vec<Vec4>,
    /// Which of the candidates it is, for each pixel of each group.
    found: Vec<[u32; LANES]>,
    /// Instances and triangles.
    candidates: Vec<(u32, u32)>,
    /// The least of `nearest` at some time: what is further away is hidden.
    hidden: f32,
    /// How many packets were drawn.
    drawn: usize,
    least_place: Vec2,
    greatest_place: Vec2,
}

impl<'a> Canvas<'a> {
    fn new(tracer: &'a Tracer, eye: Eye, block: &Block, places: &'a [Vec2]) -> Self {
        let (width, height) = (block.x.len(), block.y.len());
        let groups = width.div_ceil(LANES);
        let count = groups * height * places.len();
        Self {
            tracer,
            eye,
            low: block.low(),
            places,
            width,
            height,
            groups,
            nearest: vec![Vec4::ZERO; count],
            found: vec![[NONE; LANES]; count],
            candidates: Vec::new(),
            hidden: 0.0,
            drawn: 0,
            least_place: places.iter().fold(Vec2::INFINITY, |a, b| a.min(*b)),
            greatest_place: places.iter().fold(Vec2::NEG_INFINITY, |a, b| a.max(*b)),
        }
    }

    /// A depth before which an instance does not begin, metres.
    fn least_depth(&self, index: u32) -> f32 {
        let bounds = self.tracer.bounds(index);
        let forward = self.eye.forward;
        let first = Vec3A::select(forward.cmpge(Vec3A::ZERO), bounds.min, bounds.max);
        (first - self.eye.center).dot(forward)
    }

    /// Adds an instance.
    fn draw(&mut self, index: u32, region: &Region) {
        let instance = &self.tracer.instances()[index as usize];
        let lens = self.lens(instance);
        instance
            .mesh
            .visit_region(&region.local(instance), |first, packet| {
                self.draw_facets((index, first), &packet.facets(&lens));
            });
    }

    /// Finds out behind what depth everything is hidden.
    fn hide(&mut self) {
        let all = self.nearest.iter();
        self.hidden = all.fold(Vec4::INFINITY, |a, b| a.min(*b)).min_element();
    }

    fn lens(&self, instance: &Instance) -> Lens {
        let [left, _, top, _] = self.eye.side_planes(self.low, self.low);
        let directions = self.eye.directions(self.low);
        Lens::new(
            instance.local_place(self.eye.center),
            directions.map(|d| instance.local_way(d)),
            [left, top, self.eye.forward].map(|row| instance.local_plane(row)),
            NEAR_M.max(1e-3 * self.tracer.reach()),
            4e-7 * self.tracer.reach() * self.eye.focal().max_element(),
        )
    }

    fn draw_facets(&mut self, (instance, first): (u32, u32), facets: &Facets) {
        let mut reaching = facets.reaching(self.width as f32, self.height as f32, self.hidden);
        if reaching == 0 {
            return;
        }
        let span = |axis: usize, count| {
            let places = [self.least_place[axis], self.greatest_place[axis]];
            Self::span(facets.low[axis], facets.high[axis], places, count)
        };
        let (columns, rows) = (span(0, self.width), span(1, self.height));
        while reaching != 0 {
            let lane = reaching.trailing_zeros() as usize;
            reaching &= reaching - 1;
            let range =
                |[first, last]: [[f32; LANES]; 2]| first[lane] as usize..last[lane] as usize;
            let (columns, rows) = (range(columns), range(rows));
            if columns.is_empty() || rows.is_empty() {
                continue;
            }
            let candidate = self.candidates.len() as u32;
            self.candidates.push((instance, first + lane as u32));
            let facet = Facet::new(facets, lane);
            for place in 0..self.places.len() {
                self.draw_facet(&facet, candidate, place, (columns.clone(), rows.clone()));
            }
        }
        self.drawn += 1;
        if self.drawn.is_multiple_of(REFRESH) {
            self.hide();
        }
    }

    /// For a lane the pixels up to `count` that have a place within bounds; places
    /// lie between `places`.
    fn span(low: Vec4, high: Vec4, places: [f32; 2], count: usize) -> [[f32; LANES]; 2] {
        let limit = Vec4::splat(count as f32);
        let first = (low - Vec4::splat(places[1])).ceil();
        let last = (high + Vec4::splat(1.0 - places[0])).floor();
        [first, last].map(|x| x.clamp(Vec4::ZERO, limit).to_array())
    }

    #[inline(always)]
    fn draw_facet(
        &mut self,
        facet: &Facet,
        candidate: u32,
        place: usize,
        (columns, rows): (std::ops::Range<usize>, std::ops::Range<usize>),
    ) {
        let at = self.places[place];
        let offsets = Vec4::new(0.0, 1.0, 2.0, 3.0) + Vec4::splat(at.x);
        for row in rows {
            let along = facet.row(row as f32 + at.y);
            let start = (place * self.height + row) * self.groups;
            for group in columns.start / LANES..columns.end.div_ceil(LANES) {
                let x = Vec4::splat((group * LANES) as f32) + offsets;
                let values = along.map(|[start, step]| start + x * step);
                let nearest = &mut self.nearest[start + group];
                let nearer = values[0].cmpgt(*nearest) & values[0].cmple(Vec4::splat(1.0 / NEAR_M));
                let met = nearer & Facets::covers(values);
                let mut bits = met.bitmask();
                if bits == 0 {
                    continue;
                }
                *nearest = Vec4::select(met, values[0], *nearest);
                let found = &mut self.found[start + group];
                while bits != 0 {
                    found[bits.trailing_zeros() as usize] = candidate;
                    bits &= bits - 1;
                }
            }
        }
    }

    fn hits(&self) -> Vec<Hit> {
        let mut hits = Vec::with_capacity(self.width * self.height * self.places.len());
        for (place, &at) in self.places.iter().enumerate() {
            for y in 0..self.height {
                let start = (place * self.height + y) * self.groups;
                for x in 0..self.width {
                    let candidate = self.found[start + x / LANES][x % LANES];
                    let at = self.low + Vec2::new(x as f32, y as f32) + at;
                    hits.push(self.hit(candidate, at));
                }
            }
        }
        hits
    }

    fn hit(&self, candidate: u32, at: Vec2) -> Hit {
        let Some(&(index, triangle)) = self.candidates.get(candidate as usize) else {
            return Hit::MISS;
        };
        let instance = &self.tracer.instances()[index as usize];
        let hit = instance
            .mesh
            .plane_hit(triangle, &instance.local(&self.eye.ray(at)));
        // Exactly edge-on there is no hit.
        if hit.t.is_finite() {
            hit.of(index)
        } else {
            Hit::MISS
        }
    }
}

/// One triangle of [`Facets`]: start, change per column and per row of each of
/// the three numbers.
struct Facet([[f32; 3]; 3]);

impl Facet {
    fn new(facets: &Facets, lane: usize) -> Self {
        let pick = |a: &Affine| [a.start[lane], a.per_column[lane], a.per_row[lane]];
        Self([
            pick(&facets.inverse_depth),
            pick(&facets.u_by_depth),
            pick(&facets.v_by_depth),
        ])
    }

    /// Each number at the start of a row, and its change per column.
    #[inline(always)]
    fn row(&self, row: f32) -> [[Vec4; 2]; 3] {
        self.0.map(|[start, per_column, per_row]| {
            [Vec4::splat(start + row * per_row), Vec4::splat(per_column)]
        })
    }
}
