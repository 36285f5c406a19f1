//! Backward optical flow.

use glam::{Vec2, Vec3, Vec3A};
use rayon::prelude::*;

use super::{Block, Shot};
use crate::{
    beam::{Beam, Region},
    camera::{Eye, NEAR_M, pixel_center},
    trace::{Hit, Instance, Tracer},
    tree::Ray,
};

/// A point counts as visible when nothing stands before it up to this share of
/// its distance. Together with [`LIFT`] it keeps a surface from hiding itself by
/// rounding, which grows with distance.
const REACH: f32 = 1.0 - 1e-4;
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

    /// Where a hit's point was, as what, and whether that has not moved since;
    /// `None` if its object was not there.
    fn point(&self, now: &Tracer, hit: &Hit) -> Option<(Vec3A, &Instance, bool)> {
        let link = self.links[hit.instance as usize]?;
        let then = &self.tracer.instances()[link.index];
        let point = then
            .to_world
            .transform_point3a(now.instance(hit).local_point(hit));
        Some((point, then, link.still))
    }

    /// What can stand before the points of a block; `None` where there are none
    /// in sight.
    fn sight(&self, shot: &Shot<'_>, block: &Block) -> Option<Sight> {
        // Position in pixels, and depth.
        let place = |_, _, hit: &Hit| {
            let (at, depth) = self.eye.project(self.point(shot.tracer, hit)?.0)?;
            Some(at.extend(depth).into())
        };
        let (low, high) = shot.bounds(block, place)?;
        // Points are lifted off their surfaces, and so move in the image too.
        let lift = Vec2::splat(2.0 * LIFT * (self.eye.width + self.eye.height) as f32 + 0.05);
        let (first, last) = (
            Vec3::from(low).truncate() - lift,
            Vec3::from(high).truncate() + lift,
        );
        let region = Region::frustum(&self.eye, first, last, high.z * (1.0 + 2.0 * LIFT));
        let tracer = self.movers.as_ref().unwrap_or(self.tracer);
        // Movers are numbered otherwise, and hold nothing that stands still.
        let open = || shot.open_instance(block);
        let own = if self.movers.is_none() { open() } else { None };
        let own = own.and_then(|now| Some(self.links[now as usize]?.index as u32));
        Some(Sight {
            beam: Beam::new(tracer, region, own, self.eye.center.extend(1.0)),
            last: 0,
            likely: None,
        })
    }

    /// Whether a point with a normal could be seen at the previous tick.
    /// `own` is an instance of that time that does not hide it.
    fn saw(
        &self,
        (point, normal): (Vec3A, Vec3A),
        still: bool,
        own: Option<u32>,
        sight: &mut Sight,
    ) -> bool {
        let toward = point - self.eye.center;
        if toward.dot(normal) >= 0.0 {
            return false;
        }
        // Movers are not what a still point is of: any of them may hide it.
        let clear = match &self.movers {
            None => sight.beam.is_clear(),
            Some(_) => still && sight.beam.is_empty(),
        };
        if clear {
            return true;
        }
        let lifted = toward + normal * (toward.length() * LIFT);
        // Depths from NEAR_M on are seen, and the parameter is a share of the
        // way to the point.
        let near = NEAR_M / toward.dot(self.eye.forward);
        let ray = Ray::new(self.eye.center, lifted, near, REACH);
        match &self.movers {
            None => !sight.beam.blocked(self.tracer, ray, own, &mut sight.last),
            Some(movers) if still => !sight.beam.blocked(movers, ray, None, &mut sight.last),
            Some(_) => !self.tracer.blocked(ray, own, &mut sight.likely),
        }
    }
}

/// What is known of a block's lines of sight.
struct Sight {
    /// Of the tracer that [`Before::sight`] looks through.
    beam: Beam,
    last: usize,
    /// An instance of the previous tick.
    likely: Option<u32>,
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
    let sight = |block: &Block| before.sight(shot, block);
    let vectors = shot.map(None, sight, |sight, x, y, hit| {
        vector(shot, before, hit, pixel_center(x, y), sight)
    });
    let (uv, valid) = planes.split_at_mut(vectors.len() * size_of::<[f32; 2]>());
    let pixels = uv.par_chunks_exact_mut(size_of::<[f32; 2]>()).zip(valid);
    pixels.zip(&vectors).for_each(|((uv, valid), vector)| {
        let (u, v) = vector.unwrap_or_default().into();
        uv[..4].copy_from_slice(&f32::to_le_bytes(u));
        uv[4..].copy_from_slice(&f32::to_le_bytes(v));
        *valid = u8::from(vector.is_some());
    });
}

fn vector(
    shot: &Shot<'_>,
    before: &Before<'_>,
    hit: &Hit,
    pixel: Vec2,
    sight: &mut Option<Sight>,
) -> Option<Vec2> {
    let sight = sight.as_mut()?;
    if hit.is_miss() {
        return None;
    }
    let (point, then, still) = before.point(shot.tracer, hit)?;
    let (position, _) = before.eye.project(point)?;
    // What stands still before a camera that stands still has no flow at all,
    // not even that of rounding.
    let still = still && before.movers.is_some();
    let vector = if still { Vec2::ZERO } else { position - pixel };
    if !before.eye.contains(pixel + vector) {
        return None;
    }
    let now_side = shot
        .tracer
        .instance(hit)
        .facing(hit, shot.eye.direction(pixel));
    let normal = then.flat_normal_on_side(hit, now_side);
    let index = before.links[hit.instance as usize].map(|link| link.index as u32);
    let own = index.filter(|_| then.is_open(hit, now_side));
    before
        .saw((point, normal), still, own, sight)
        .then_some(vector)
}
