//! What lies behind image positions, found for many of them at once.
//!
//! Rays from one eye through a regular grid need no search of their own: each
//! triangle knows the grid positions in its bounds, and its depth and edges
//! change evenly from one position to the next. Only who is nearest is found
//! that way. The hit itself is then computed from the ray through the very
//! position, as for any other ray.

use std::ops::Range;

use glam::{Vec2, Vec3A, Vec4};

use super::Block;
use crate::{
    camera::{Eye, NEAR_M},
    mesh::{Facet, Facets, Lens, Packet, Plane, Within},
    noise::{self, TO_WHOLE},
    region::Region,
    trace::{Hit, Instance, Tracer},
};

/// How many image positions are looked at together.
const LANES: usize = 4;
/// Pixels of a cell in each direction: where a triangle may be seen is found out for
/// one cell after another.
const CELL: usize = 8;
/// So many pixels looked at together make a cell.
const GROUPS: usize = CELL * CELL / LANES;
/// Marks a position where nothing was found.
const NONE: u32 = u32::MAX;
/// So many triangles that are seen are remembered: neighbours mostly show the same few.
const SEEN: usize = 64;
/// After so many packets it is found out again what is hidden.
const REFRESH: usize = 32;

/// Finds out who is nearest on an eye's rays through places in each pixel of a
/// block.
pub(super) fn survey<'a>(
    tracer: &'a Tracer,
    eye: &Eye,
    block: &Block,
    places: &'a [Vec2],
) -> Canvas<'a> {
    let mut canvas = Canvas::new(tracer, *eye, block, places);
    let region = |depth| part_seen(tracer, eye, block, depth);
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
    canvas
}

/// Finds out where an eye's rays through places in each pixel of a block meet one
/// instance, whatever stands before it.
pub(super) fn survey_one<'a>(
    tracer: &'a Tracer,
    eye: &Eye,
    block: &Block,
    places: &'a [Vec2],
    index: u32,
) -> Canvas<'a> {
    let mut canvas = Canvas::new(tracer, *eye, block, places);
    canvas.draw(index, &part_seen(tracer, eye, block, f32::INFINITY));
    canvas
}

/// What can be seen in a block up to a depth, with some room for rounding.
fn part_seen(tracer: &Tracer, eye: &Eye, block: &Block, depth: f32) -> Region {
    Region::frustum(eye, block.low(), block.high(), depth).grown(tracer.margin())
}

/// An eye in an instance's own space, for image positions from `low` on.
pub(super) fn lens(tracer: &Tracer, eye: &Eye, low: Vec2, instance: &Instance) -> Lens {
    let directions = eye.directions(low);
    Lens::new(
        instance.local_place(eye.center),
        directions.map(|d| instance.local_way(d)),
        eye.rows(low).map(|row| instance.local_plane(row)),
        NEAR_M.max(1e-3 * tracer.reach()),
        4e-7 * tracer.reach() * eye.focal().max_element(),
    )
}

/// Who is nearest so far at each position.
pub(super) struct Canvas<'a> {
    tracer: &'a Tracer,
    eye: Eye,
    low: Vec2,
    places: &'a [Vec2],
    width: usize,
    height: usize,
    /// Cells from one row of them to the next.
    across: usize,
    /// One by the depth of the nearest so far: for each cell its pixels row by row,
    /// for one place in them after another. Nothing is drawn to those that lie beyond
    /// the block.
    nearest: Vec<[Vec4; GROUPS]>,
    /// Which of the candidates it is.
    found: Vec<[[u32; LANES]; GROUPS]>,
    /// Which of `drawn_from` and which of its triangles.
    candidates: Vec<(u32, u32)>,
    drawn_from: Vec<Drawn>,
    /// For each cell the least of `nearest` at some time: what is further away is
    /// hidden.
    hidden_in: Vec<f32>,
    /// The least of these at some time.
    hidden: f32,
    /// How many packets were drawn.
    drawn: usize,
    least_place: Vec2,
    greatest_place: Vec2,
    /// Some candidates, in places by their numbers.
    seen: [Seen; SEEN],
}

/// An instance, and the eye in its own space: where it is, the way to the block's first
/// pixel and how that changes from one column and from one row to the next.
struct Drawn {
    instance: u32,
    origin: Vec3A,
    directions: [Vec3A; 3],
}

/// A candidate that is seen somewhere.
#[derive(Clone, Copy)]
struct Seen {
    candidate: u32,
    instance: u32,
    triangle: u32,
    plane: Plane,
}

impl Seen {
    const NOTHING: Self = Self {
        candidate: NONE,
        instance: 0,
        triangle: 0,
        plane: Plane::NOWHERE,
    };
}

impl<'a> Canvas<'a> {
    fn new(tracer: &'a Tracer, eye: Eye, block: &Block, places: &'a [Vec2]) -> Self {
        let (width, height) = (block.x.len(), block.y.len());
        let across = width.div_ceil(CELL);
        let cells = across * height.div_ceil(CELL);
        let mut canvas = Self {
            tracer,
            eye,
            low: block.low(),
            places,
            width,
            height,
            across,
            nearest: vec![[Vec4::ZERO; GROUPS]; cells * places.len()],
            found: vec![[[NONE; LANES]; GROUPS]; cells * places.len()],
            candidates: Vec::new(),
            drawn_from: Vec::new(),
            hidden_in: vec![0.0; cells],
            hidden: 0.0,
            drawn: 0,
            least_place: places.iter().fold(Vec2::INFINITY, |a, b| a.min(*b)),
            greatest_place: places.iter().fold(Vec2::NEG_INFINITY, |a, b| a.max(*b)),
            seen: [Seen::NOTHING; SEEN],
        };
        if width % CELL != 0 || height % CELL != 0 {
            canvas.close_beyond();
        }
        canvas
    }

    /// Hides everything behind the pixels beyond the block.
    fn close_beyond(&mut self) {
        for row in 0..self.height.next_multiple_of(CELL) {
            for column in 0..self.across * CELL {
                if row >= self.height || column >= self.width {
                    for place in 0..self.places.len() {
                        let (cell, group, lane) = self.index(place, column, row);
                        self.nearest[cell][group][lane] = f32::INFINITY;
                    }
                }
            }
        }
    }

    /// Where a pixel's place is: the cell, the group in it and the lane in that.
    fn index(&self, place: usize, column: usize, row: usize) -> (usize, usize, usize) {
        let cell = row / CELL * self.across + column / CELL;
        let group = row % CELL * (CELL / LANES) + column % CELL / LANES;
        (cell * self.places.len() + place, group, column % LANES)
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
        let lens = lens(self.tracer, &self.eye, self.low, instance);
        let drawn = self.drawn_from.len() as u32;
        self.drawn_from.push(Drawn {
            instance: index,
            origin: instance.local_place(self.eye.center),
            directions: self.eye.directions(self.low).map(|d| instance.local_way(d)),
        });
        let mesh = &instance.mesh;
        let from_outside = self.tracer.is_outside(index, self.eye.center);
        // Most are not in the processor's cache; fetched together they take hardly
        // longer than one.
        let mut waiting = [0; Packet::FETCHED];
        let mut count = 0;
        let mut draw_all = |packets: &[u32]| {
            packets
                .iter()
                .for_each(|&packet| mesh.packet(packet).fetch());
            for &packet in packets {
                let triangles = mesh.packet(packet);
                if from_outside && mesh.is_closed(packet) && triangles.faces_away(&lens) {
                    continue;
                }
                let facets = triangles.facets(&lens);
                self.draw_facets((drawn, packet * Packet::SIZE as u32), &facets);
            }
        };
        mesh.visit_region(&region.local(instance), |packet| {
            waiting[count] = packet;
            count += 1;
            if count == Packet::FETCHED {
                draw_all(&waiting);
                count = 0;
            }
            false
        });
        draw_all(&waiting[..count]);
    }

    /// Finds out behind what depth everything is hidden.
    fn hide(&mut self) {
        for cell in 0..self.hidden_in.len() {
            self.hide_in(cell);
        }
        self.hidden = self.hidden_in.iter().copied().fold(f32::INFINITY, f32::min);
    }

    /// Finds out behind what depth everything in a cell is hidden.
    fn hide_in(&mut self, cell: usize) {
        let count = self.places.len();
        let places = &self.nearest[cell * count..][..count];
        let least = places.as_flattened().iter();
        self.hidden_in[cell] = least.copied().fold(Vec4::INFINITY, Vec4::min).min_element();
    }

    fn draw_facets(&mut self, (drawn, first): (u32, u32), facets: &Facets) {
        let mut reaching = facets.reaching(
            Vec2::ZERO,
            Vec2::new(self.width as f32, self.height as f32),
            self.hidden,
        );
        if reaching == 0 {
            return;
        }
        let span = |axis: usize, count| {
            let places = [self.least_place[axis], self.greatest_place[axis]];
            Self::span(facets.low[axis], facets.high[axis], places, count)
        };
        let (columns, rows) = (span(0, self.width), span(1, self.height));
        // Many lie between the places.
        let has_any = |[first, last]: [Vec4; 2]| first.cmplt(last);
        reaching &= (has_any(columns) & has_any(rows)).bitmask();
        if reaching == 0 {
            return;
        }
        let single = facets.single();
        let [columns, rows] = [columns, rows]
            .map(|span| span.map(|numbers| numbers.to_array().map(|x| noise::whole(x) as usize)));
        while reaching != 0 {
            let lane = reaching.trailing_zeros() as usize % LANES;
            reaching &= reaching - 1;
            let range = |[first, last]: [[usize; LANES]; 2]| first[lane]..last[lane];
            let (columns, rows) = (range(columns), range(rows));
            let candidate = self.candidates.len() as u32;
            self.candidates.push((drawn, first + lane as u32));
            self.draw_facet(&single[lane], candidate, columns, rows);
        }
        self.drawn += 1;
        if self.drawn.is_multiple_of(REFRESH) {
            self.hide();
        }
    }

    /// For each lane the pixels up to `count` that have a place within bounds, the last
    /// exclusive, added to [`TO_WHOLE`]; places lie between `places`. There may be one too
    /// many at each end.
    fn span(low: Vec4, high: Vec4, places: [f32; 2], count: usize) -> [Vec4; 2] {
        /// Almost half: numbers are rounded to the nearest whole one.
        const UP: f32 = 0.4995;
        let limit = Vec4::splat(count as f32);
        let first = low - Vec4::splat(places[1] - UP);
        let last = high + Vec4::splat(1.0 - places[0] - UP);
        [first, last].map(|x| x.clamp(Vec4::ZERO, limit) + Vec4::splat(TO_WHOLE))
    }

    /// Draws a triangle to the pixels that its bounds leave.
    fn draw_facet(
        &mut self,
        facet: &Facet,
        candidate: u32,
        columns: Range<usize>,
        rows: Range<usize>,
    ) {
        let within = facet.within();
        for y in rows.start / CELL..rows.end.div_ceil(CELL) {
            for x in columns.start / CELL..columns.end.div_ceil(CELL) {
                let cell = y * self.across + x;
                let (left, top) = (x * CELL, y * CELL);
                let low = Vec2::new(left as f32, top as f32);
                let high = low + Vec2::splat(CELL as f32);
                if !facet.reaches(low, high, self.hidden_in[cell]) {
                    continue;
                }
                let rows = rows.start.max(top) - top..rows.end.min(top + CELL) - top;
                let first = columns.start.max(left) - left;
                let last = columns.end.min(left + CELL) - left;
                let groups = first / LANES..last.div_ceil(LANES);
                let covers_much = rows.len() * groups.len() * 2 >= GROUPS;
                for place in 0..self.places.len() {
                    let from = low + self.places[place];
                    let area = (groups.clone(), rows.clone());
                    self.draw_in(cell, place, (facet, &within, candidate), from, area);
                }
                if covers_much {
                    self.hide_in(cell);
                }
            }
        }
    }

    /// Draws a triangle to a part of a cell whose first pixel's place lies at `from`.
    #[inline(always)]
    fn draw_in(
        &mut self,
        cell: usize,
        place: usize,
        (facet, within, candidate): (&Facet, &Within, u32),
        from: Vec2,
        (columns, rows): (Range<usize>, Range<usize>),
    ) {
        let index = cell * self.places.len() + place;
        let (nearest, found) = (&mut self.nearest[index], &mut self.found[index]);
        let mut draw = |column: usize, row: usize| {
            let group = (row * (CELL / LANES) + column) % GROUPS;
            let at = from + Vec2::new((column * LANES) as f32, row as f32);
            let values = facet.at(at.x, at.y, within);
            let before = nearest[group];
            let mut met = values.covers() & values.nearness().cmpgt(before);
            if met.any() {
                met &= values.nearness().cmple(Vec4::splat(1.0 / NEAR_M));
                nearest[group] = Vec4::select(met, values.nearness(), before);
                let mut bits = met.bitmask();
                while bits != 0 {
                    found[group][bits.trailing_zeros() as usize % LANES] = candidate;
                    bits &= bits - 1;
                }
            }
        };
        // Without a loop over the groups of a row, which takes longer.
        const { assert!(CELL / LANES == 2, "a row is one group or both") };
        if columns.len() == 1 {
            for row in rows {
                draw(columns.start, row);
            }
        } else {
            for row in rows {
                draw(0, row);
                draw(1, row);
            }
        }
    }

    /// Whether the ray through one of the places meets anything in a pixel, which is
    /// counted from the block's first.
    pub(super) fn shows(&self, place: usize, x: usize, y: usize) -> bool {
        let (cell, group, lane) = self.index(place, x, y);
        self.found[cell][group][lane] != NONE
    }

    /// What the ray through one of the places meets in a pixel, which is counted
    /// from the block's first.
    pub(super) fn hit(&mut self, place: usize, x: usize, y: usize) -> Hit {
        let (cell, group, lane) = self.index(place, x, y);
        let candidate = self.found[cell][group][lane];
        if candidate == NONE {
            return Hit::MISS;
        }
        let slot = candidate as usize % SEEN;
        if self.seen[slot].candidate != candidate {
            self.seen[slot] = self.see(candidate);
        }
        let seen = &self.seen[slot];
        let at = Vec2::new(x as f32, y as f32) + self.places[place];
        let hit = seen.plane.hit(at, seen.triangle);
        // Exactly edge-on there is no hit.
        if hit.t.is_finite() {
            hit.of(seen.instance)
        } else {
            Hit::MISS
        }
    }

    #[inline(never)]
    fn see(&self, candidate: u32) -> Seen {
        let (drawn, triangle) = self.candidates[candidate as usize];
        let drawn = &self.drawn_from[drawn as usize];
        let mesh = &self.tracer.instances()[drawn.instance as usize].mesh;
        Seen {
            candidate,
            instance: drawn.instance,
            triangle,
            plane: Plane::new(&mesh.triangle(triangle), drawn.origin, drawn.directions),
        }
    }
}
