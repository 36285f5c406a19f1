//! Backward optical flow.

use glam::{Vec2, Vec3A};
use rayon::prelude::*;

use super::{
    BLOCK, Block, Shot, band,
    sight::{Question, Sight, View},
};
use crate::{
    camera::{Eye, pixel_center},
    trace::{Ground, Hit, Instance, Tracer},
};

/// A point counts as visible when nothing stands before it up to this share of
/// its distance. Together with [`LIFT`] it keeps a surface from hiding itself by
/// rounding, which grows with distance.
const REACH: f32 = 1.0 - 1e-4;
/// Bytes of a vector in the plane of vectors.
const VECTOR: usize = size_of::<[f32; 2]>();
/// Points are looked back at in areas of so many columns and rows together.
const AREA: (u32, u32) = (2 * BLOCK, 2 * BLOCK);
/// How far a point is lifted off its surface, as a share of its distance.
const LIFT: f32 = 1e-4;

/// The scene and the camera at the previous tick.
#[derive(Debug)]
pub(crate) struct Before<'a> {
    tracer: &'a Tracer,
    eye: Eye,
    /// For each instance now, where it was: `None` if it was not there.
    links: Vec<Option<Link>>,
    /// When the camera stood still: what can hide a point that it now sees and
    /// that has not moved, which is only what has moved since.
    movers: Option<Tracer>,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    /// Place among the instances of the previous tick.
    index: usize,
    still: bool,
}

impl<'a> Before<'a> {
    /// `now_eye` is the present camera.
    pub(crate) fn new(now: &Tracer, now_eye: &Eye, tracer: &'a Tracer, eye: Eye) -> Self {
        let link = |instance: &Instance| {
            let index = tracer.index_of(instance.id)?;
            let still = tracer.instances()[index].to_world == instance.to_world;
            Some(Link { index, still })
        };
        let links = now.instances().iter().map(link).collect();
        let stood = *now_eye == eye;
        Self {
            tracer,
            eye,
            links,
            movers: stood.then(|| Tracer::new(movers(now, tracer))),
        }
    }
}

/// What stood elsewhere at the previous tick, or is gone.
fn movers(now: &Tracer, before: &Tracer) -> Vec<Instance> {
    let moved = |old: &&Instance| {
        let index = now.index_of(old.id);
        index.is_none_or(|i| now.instances()[i].to_world != old.to_world)
    };
    before.instances().iter().filter(moved).cloned().collect()
}

/// For each pixel the way back to where its surface point was, in pixels, and
/// one byte of validity, in the two planes of the wire. Without a previous tick,
/// nothing is valid.
pub(crate) fn flow(shot: &Shot<'_>, before: Option<&Before<'_>>, planes: &mut [u8]) {
    let Some(before) = before else {
        planes.fill(0);
        return;
    };
    let (width, height) = (shot.eye.width, shot.eye.height);
    let (uv, valid) = planes.split_at_mut(shot.hits.len() * VECTOR);
    let in_band = width as usize * AREA.1 as usize;
    let bands = uv
        .par_chunks_mut(in_band * VECTOR)
        .zip(valid.par_chunks_mut(in_band));
    let glance = || Glance::new(shot, before);
    let bands = bands.enumerate();
    bands.for_each_init(glance, |glance, (index, (uv, valid))| {
        for block in band(index, (width, height), AREA) {
            let vectors = glance.vectors(&block);
            for (row, vectors) in vectors.chunks(block.x.len()).enumerate() {
                let first = row * width as usize + block.x.start as usize;
                let uv = uv[first * VECTOR..].chunks_exact_mut(VECTOR);
                let pixels = uv.zip(&mut valid[first..]);
                for ((uv, valid), vector) in pixels.zip(vectors) {
                    let (u, v) = vector.unwrap_or_default().into();
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
    /// The surface that was looked at last: neighbours mostly share it.
    face: Face,
    /// Among all things of the previous tick.
    all: Sight,
    /// Among those that moved since.
    moved: Sight,
}

/// A triangle of the present, and where it was.
#[derive(Clone, Copy)]
struct Face {
    instance: u32,
    triangle: u32,
    /// Of any length, in the world.
    normal_now: Vec3A,
    /// Of unit length, in the world.
    normal_then: Vec3A,
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
            face: Face {
                instance: u32::MAX,
                triangle: u32::MAX,
                normal_now: Vec3A::ZERO,
                normal_then: Vec3A::ZERO,
            },
            all: Sight::default(),
            moved: Sight::default(),
        }
    }

    fn vectors(&mut self, block: &Block) -> Vec<Option<Vec2>> {
        self.all.clear();
        self.moved.clear();
        let mut candidates = vec![None; block.x.len() * block.y.len()];
        for part in block.split(BLOCK) {
            self.all.part();
            self.moved.part();
            for (x, y) in part.pixels() {
                candidates[block.index(x, y)] = self.candidate(x, y);
            }
        }
        let view = View::Eye(&self.before.eye);
        self.all.look(self.before.tracer, view);
        if let Some(movers) = &self.before.movers {
            self.moved.look(movers, view);
        }
        let visible = |candidate: Candidate| {
            let sight = if candidate.still {
                &self.moved
            } else {
                &self.all
            };
            (!sight.is_hidden(candidate.question)).then_some(candidate.vector)
        };
        candidates
            .into_iter()
            .map(|c| c.and_then(visible))
            .collect()
    }

    fn candidate(&mut self, x: u32, y: u32) -> Option<Candidate> {
        let (shot, before) = (self.shot, self.before);
        let hit = shot.hit(x, y);
        let pixel = pixel_center(x, y);
        if hit.is_miss() {
            return None;
        }
        let link = before.links[hit.instance as usize]?;
        let now = shot.tracer.instance(hit);
        let then = &before.tracer.instances()[link.index];
        let point = then.to_world.transform_point3a(now.local_point(hit));
        let (position, _) = before.eye.project(point)?;
        // What stands still before a camera that stands still has no flow at all,
        // not even that of rounding.
        let still = link.still && before.movers.is_some();
        let vector = if still { Vec2::ZERO } else { position - pixel };
        if !before.eye.contains(pixel + vector) {
            return None;
        }
        let face = self.face(hit, now, then);
        let side = face.normal_now.dot(shot.eye.direction(pixel));
        let side = if side > 0.0 { -1.0 } else { 1.0 };
        let normal = side * face.normal_then;
        let toward = point - before.eye.center;
        if toward.dot(normal) >= 0.0 {
            return None;
        }
        let lifted = point + normal * (toward.length() * LIFT);
        let (place, depth) = before.eye.project(lifted)?;
        let place = place.extend(1.0 / (depth * REACH)).into();
        // Movers are numbered otherwise, and a still point is of none of them.
        let ground = Ground {
            instance: link.index as u32,
            open: !still && then.is_open(hit, side),
        };
        let sight = if still {
            &mut self.moved
        } else {
            &mut self.all
        };
        let question = sight.ask(ground, place);
        Some(Candidate {
            vector,
            question,
            still,
        })
    }

    fn face(&mut self, hit: &Hit, now: &Instance, then: &Instance) -> Face {
        if (self.face.instance, self.face.triangle) != (hit.instance, hit.triangle) {
            self.face = Face {
                instance: hit.instance,
                triangle: hit.triangle,
                normal_now: now.flat_normal_on_side(hit, 1.0),
                normal_then: then.flat_normal_on_side(hit, 1.0),
            };
        }
        self.face
    }
}
