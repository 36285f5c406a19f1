//! Depth, instance IDs and normals.

use glam::Vec3A;
use rayon::prelude::*;

use super::Shot;
use crate::{camera::pixel_center, trace::Hit};

/// So many pixels are worth a task of their own.
const CHUNK: usize = 1 << 14;

/// Metres along the optical axis into `out`; infinite where nothing is.
pub(crate) fn depth(shot: &Shot<'_>, out: &mut [f32]) {
    // The camera's rays are scaled such that their parameter is just that.
    let rows = out.par_chunks_mut(CHUNK).zip(shot.hits.par_chunks(CHUNK));
    rows.for_each(|(out, hits)| {
        for (metres, hit) in out.iter_mut().zip(hits) {
            *metres = hit.t;
        }
    });
}

/// Instance IDs into `out`; 0 where nothing is. Returns for each instance whether any
/// pixel shows it.
pub(crate) fn ids(shot: &Shot<'_>, out: &mut [u32]) -> Vec<bool> {
    let instances = shot.tracer.instances();
    let of_chunk = |(out, hits): (&mut [u32], &[Hit])| {
        let mut seen = vec![false; instances.len()];
        for (out, hit) in out.iter_mut().zip(hits) {
            let instance = hit.instance as usize;
            *out = instances.get(instance).map_or(0, |i| i.id);
            if let Some(seen) = seen.get_mut(instance) {
                *seen = true;
            }
        }
        seen
    };
    let either = |mut a: Vec<bool>, b: Vec<bool>| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a |= b);
        a
    };
    let chunks = out.par_chunks_mut(CHUNK).zip(shot.hits.par_chunks(CHUNK));
    let none = || vec![false; instances.len()];
    chunks.map(of_chunk).reduce(none, either)
}

/// Unit normals of the geometry in wire axes, towards the viewer, into `out`; zero
/// where nothing is.
pub(crate) fn normals(shot: &Shot<'_>, out: &mut [[f32; 3]]) {
    shot.map_into(
        out,
        |_| (u32::MAX, u32::MAX, Vec3A::ZERO),
        |(instance, triangle, normal), x, y, hit| {
            if hit.is_miss() {
                return [0.0; 3];
            }
            // Neighbours mostly lie in the same triangle.
            if (*instance, *triangle) != (hit.instance, hit.triangle) {
                (*instance, *triangle) = (hit.instance, hit.triangle);
                *normal = shot.tracer.instance(hit).flat_normal_on_side(hit, 1.0);
            }
            let away = normal.dot(shot.eye.direction(pixel_center(x, y))) > 0.0;
            (if away { -*normal } else { *normal }).to_array()
        },
    );
}
