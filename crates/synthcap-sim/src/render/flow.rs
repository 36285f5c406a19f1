//! Backward optical flow.

use glam::{Vec2, Vec3A};

use super::Shot;
use crate::{
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

    /// Whether a point with a normal could be seen at the previous tick.
    fn saw(&self, point: Vec3A, normal: Vec3A, still: bool, likely: &mut Option<u32>) -> bool {
        let toward = point - self.eye.center;
        if toward.dot(normal) >= 0.0 {
            return false;
        }
        let lifted = toward + normal * (toward.length() * LIFT);
        // Depths from NEAR_M on are seen, and the parameter is a share of the
        // way to the point.
        let near = NEAR_M / toward.dot(self.eye.forward);
        let ray = Ray::new(self.eye.center, lifted, near, REACH);
        match &self.movers {
            Some(movers) if still => !movers.blocked(ray, &mut None),
            _ => !self.tracer.blocked(ray, likely),
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
/// one byte of validity. Without a previous tick, nothing is valid.
pub(crate) fn flow(shot: &Shot<'_>, before: Option<&Before<'_>>) -> (Vec<[f32; 2]>, Vec<u8>) {
    let Some(before) = before else {
        let pixels = shot.hits.len();
        return (vec![[0.0; 2]; pixels], vec![0; pixels]);
    };
    let vectors = shot.map(
        None,
        || None,
        |likely, x, y, hit| vector(shot, before, hit, pixel_center(x, y), likely),
    );
    let uv = vectors.iter().map(|v| v.map_or([0.0; 2], |v| v.to_array()));
    let valid = vectors.iter().map(|v| u8::from(v.is_some()));
    (uv.collect(), valid.collect())
}

fn vector(
    shot: &Shot<'_>,
    before: &Before<'_>,
    hit: &Hit,
    pixel: Vec2,
    likely: &mut Option<u32>,
) -> Option<Vec2> {
    if hit.is_miss() {
        return None;
    }
    let link = before.links[hit.instance as usize]?;
    let then = &before.tracer.instances()[link.index];
    let point = then
        .to_world
        .transform_point3a(shot.tracer.instance(hit).local_point(hit));
    let (position, _) = before.eye.project(point)?;
    // What stands still before a camera that stands still has no flow at all,
    // not even that of rounding.
    let still = link.still && before.movers.is_some();
    let vector = if still { Vec2::ZERO } else { position - pixel };
    if !before.eye.contains(pixel + vector) {
        return None;
    }
    let now_side = shot
        .tracer
        .instance(hit)
        .facing(hit, shot.eye.direction(pixel));
    let normal = then.flat_normal_on_side(hit, now_side);
    before.saw(point, normal, still, likely).then_some(vector)
}
