//! Depth, instance IDs and normals.

use std::sync::atomic::{AtomicBool, Ordering};

use glam::Vec3A;

use super::Shot;
use crate::camera::pixel_center;

/// Metres along the optical axis into `out`; infinite where nothing is.
pub(crate) fn depth(shot: &Shot<'_>, out: &mut [f32]) {
    // The camera's rays are scaled such that their parameter is just that.
    shot.map_into(out, |_| (), |(), _, _, hit| hit.t);
}

/// Instance IDs into `out`; 0 where nothing is. Returns for each instance whether any
/// pixel shows it.
pub(crate) fn ids(shot: &Shot<'_>, out: &mut [u32]) -> Vec<bool> {
    let instances = shot.tracer.instances();
    let seen: Vec<AtomicBool> = instances.iter().map(|_| AtomicBool::new(false)).collect();
    shot.map_into(
        out,
        |_| u32::MAX,
        |last, _, _, hit| {
            let index = hit.instance as usize;
            // Neighbours mostly show the same one.
            if *last != hit.instance
                && let Some(seen) = seen.get(index)
            {
                seen.store(true, Ordering::Relaxed);
            }
            *last = hit.instance;
            instances.get(index).map_or(0, |i| i.id)
        },
    );
    seen.into_iter().map(AtomicBool::into_inner).collect()
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
