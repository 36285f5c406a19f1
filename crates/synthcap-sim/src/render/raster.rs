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
    mesh::{Facet, Facets, Lens, Packet},
    region::Region,
    trace::{Hit, Instance, Tracer},
};

/// How many image positions are looked at together.
const LANES: usize = 4;
/// Marks a position where nothing was found.
const NONE: u32 = u32::MAX;
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
    canvas
}

/// An eye in an instance's own space, for image positions from `low` on.
pub(super) fn lens(tracer: &Tracer, eye: &Eye, low: Vec2, instance: &Instance) -> Lens {
    let [left, _, top, _] = eye.side_planes(low, low);
    let directions = eye.directions(low);
    Lens::new(
        instance.local_place(eye.center),
        directions.map(|d| instance.local_way(d)),
        [left, top, eye.forward].map(|row| instance.local_plane(row)),
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
    /// From one row to the next in what follows: a row ends with places that
    /// nothing is drawn to, so that whole groups can be written everywhere.
    stride: usize,
    /// One by the depth of the nearest so far, for each place row by row.
    nearest: Vec<f32>,
    /// Which of the candidates it is.
    found: Vec<u32>,
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
        let stride = width + LANES - 1;
        let mut nearest = vec![0.0; stride * height * places.len()];
        for row in nearest.chunks_exact_mut(stride) {
            row[width..].fill(f32::INFINITY);
        }
        Self {
            tracer,
            eye,
            low: block.low(),
            places,
            width,
            height,
            stride,
            found: vec![NONE; nearest.len()],
            nearest,
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
        let lens = lens(self.tracer, &self.eye, self.low, instance);
        let mesh = &instance.mesh;
        // Most are not in the processor's cache; fetched together they take hardly
        // longer than one.
        let mut waiting = [0; Packet::FETCHED];
        let mut count = 0;
        let mut draw_all = |packets: &[u32]| {
            packets
                .iter()
                .for_each(|&packet| mesh.packet(packet).fetch());
            for &packet in packets {
                let facets = mesh.packet(packet).facets(&lens);
                self.draw_facets((index, packet * Packet::SIZE as u32), &facets);
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
        // Four at a time: this is done often.
        let (groups, rest) = self.nearest.as_chunks::<LANES>();
        let groups = groups.iter().map(|group| Vec4::from_array(*group));
        let least = groups.fold(Vec4::INFINITY, Vec4::min).min_element();
        self.hidden = rest.iter().fold(least, |a, b| a.min(*b));
    }

    fn draw_facets(&mut self, (instance, first): (u32, u32), facets: &Facets) {
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
        let single = facets.single();
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
            for place in 0..self.places.len() {
                let area = (columns.clone(), rows.clone());
                self.draw_facet(&single[lane], candidate, place, area);
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
        (columns, rows): (Range<usize>, Range<usize>),
    ) {
        let at = self.places[place];
        let across = facet.across();
        for row in rows {
            let start = (place * self.height + row) * self.stride;
            let mut values = facet.at(columns.start as f32 + at.x, row as f32 + at.y, &across);
            for column in columns.clone().step_by(LANES) {
                let group = start + column..start + column + LANES;
                let nearest = Vec4::from_slice(&self.nearest[group.clone()]);
                let mut met = values.covers() & values.nearness().cmpgt(nearest);
                if met.any() {
                    met &= values.nearness().cmple(Vec4::splat(1.0 / NEAR_M));
                    Vec4::select(met, values.nearness(), nearest)
                        .write_to_slice(&mut self.nearest[group.clone()]);
                    let mut bits = met.bitmask();
                    while bits != 0 {
                        self.found[group.start + bits.trailing_zeros() as usize] = candidate;
                        bits &= bits - 1;
                    }
                }
                values.advance(&across);
            }
        }
    }

    /// What the ray through one of the places meets in a pixel, which is counted
    /// from the block's first.
    pub(super) fn hit(&self, place: usize, x: usize, y: usize) -> Hit {
        let candidate = self.found[(place * self.height + y) * self.stride + x];
        let Some(&(index, triangle)) = self.candidates.get(candidate as usize) else {
            return Hit::MISS;
        };
        let at = self.low + Vec2::new(x as f32, y as f32) + self.places[place];
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
