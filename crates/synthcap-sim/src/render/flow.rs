//! Backward optical flow.

use glam::{Vec2, Vec3A};
use rayon::prelude::*;

use super::{
    BLOCK, Block, Shot, band,
    past::{Before, Pasts},
    sight::{Question, Sight, View},
};
use crate::camera::pixel_center;

/// Bytes of a vector in the plane of vectors.
const VECTOR: usize = size_of::<[f32; 2]>();
/// Points are looked back at in areas of so many columns and rows together.
const AREA: (u32, u32) = (2 * BLOCK, 2 * BLOCK);

/// For each pixel the way back to where its surface point was, in pixels, and
/// one byte of validity, in the two planes of the wire. Without a previous tick,
/// nothing is valid.
pub(crate) fn flow(shot: &Shot<'_>, before: Option<&Before<'_>>, planes: &mut [u8]) {
    let Some(before) = before else {
        planes.fill(0);
        return;
    };
    let (width, height) = (shot.eye.width, shot.eye.height);
    let (uv, valid) = planes.split_at_mut(shot.size() * VECTOR);
    let in_band = width as usize * AREA.1 as usize;
    let bands = uv
        .par_chunks_mut(in_band * VECTOR)
        .zip(valid.par_chunks_mut(in_band));
    let glance = || Glance::new(shot, before);
    let bands = bands.enumerate();
    bands.for_each_init(glance, |glance, (index, (uv, valid))| {
        for block in band(index, (width, height), AREA) {
            glance.look_back(&block);
            for (row, candidates) in glance.candidates.chunks(block.x.len()).enumerate() {
                let first = row * width as usize + block.x.start as usize;
                let uv = uv[first * VECTOR..].chunks_exact_mut(VECTOR);
                let pixels = uv.zip(&mut valid[first..]);
                for ((uv, valid), candidate) in pixels.zip(candidates) {
                    let vector = candidate.filter(|candidate| glance.is_visible(candidate));
                    let (u, v) = vector.map_or(Vec2::ZERO, |c| c.vector).into();
                    uv[..4].copy_from_slice(&f32::to_le_bytes(u));
                    uv[4..].copy_from_slice(&f32::to_le_bytes(v));
                    *valid = u8::from(vector.is_some());
                }
            }
        }
    });
}

/// A look back at the points of a block.
struct Glance<'g> {
    shot: &'g Shot<'g>,
    before: &'g Before<'g>,
    pasts: Pasts<'g>,
    /// Among all things of the previous tick.
    all: Sight,
    /// Among those that moved since.
    moved: Sight,
    /// Of each pixel of the block, row by row.
    candidates: Vec<Option<Candidate>>,
}

/// A vector that is valid if something can be seen.
#[derive(Clone, Copy)]
struct Candidate {
    vector: Vec2,
    question: Question,
    /// Whether it is only asked what has moved since.
    still: bool,
}

impl<'g> Glance<'g> {
    fn new(shot: &'g Shot<'g>, before: &'g Before<'g>) -> Self {
        Self {
            shot,
            before,
            pasts: Pasts::new(shot.tracer, &shot.eye, before),
            all: Sight::default(),
            moved: Sight::default(),
            candidates: Vec::new(),
        }
    }

    /// Finds the candidates of a block, and what can be seen of them.
    fn look_back(&mut self, block: &Block) {
        self.all.clear();
        self.moved.clear();
        self.pasts.count_from(block.x.start, block.y.start);
        self.candidates.clear();
        self.candidates.resize(block.len(), None);
        for part in block.split(BLOCK) {
            self.all.part();
            self.moved.part();
            part.pixels().for_each(|(x, y)| {
                self.candidates[block.index(x, y)] = self.candidate(block, x, y);
            });
        }
        let view = View::Eye(&self.before.eye);
        self.all.look(self.before.tracer, view);
        if let Some(movers) = &self.before.movers {
            self.moved.look(movers, view);
        }
    }

    fn is_visible(&self, candidate: &Candidate) -> bool {
        let sight = if candidate.still {
            &self.moved
        } else {
            &self.all
        };
        !sight.is_hidden(candidate.question)
    }

    fn candidate(&mut self, block: &Block, x: u32, y: u32) -> Option<Candidate> {
        let hit = self.shot.hit(x, y);
        if hit.is_miss() {
            return None;
        }
        let past = self.pasts.past(hit)?;
        let here = Vec2::new((x - block.x.start) as f32, (y - block.y.start) as f32);
        let (position, place) = past.at(here.x, here.y)?;
        // What stands still before a camera that stands still has no flow at all,
        // not even that of rounding.
        let vector = if past.still {
            Vec2::ZERO
        } else {
            position - here
        };
        let pixel = pixel_center(x, y);
        if !self.before.eye.contains(pixel + vector) {
            return None;
        }
        let place = place + Vec3A::from((pixel - here).extend(0.0));
        let sight = if past.still {
            &mut self.moved
        } else {
            &mut self.all
        };
        Some(Candidate {
            vector,
            question: sight.ask(past.ground, place),
            still: past.still,
        })
    }
}
