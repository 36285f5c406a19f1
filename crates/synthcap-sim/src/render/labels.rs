//! Depth, instance IDs and normals.

use super::Shot;
use crate::camera::pixel_center;

/// Metres along the optical axis; infinite where nothing is.
pub(crate) fn depth(shot: &Shot<'_>) -> Vec<f32> {
    // The camera's rays are scaled such that their parameter is just that.
    shot.hits.iter().map(|hit| hit.t).collect()
}

/// Instance IDs; 0 where nothing is.
pub(crate) fn ids(shot: &Shot<'_>) -> Vec<u32> {
    let instances = shot.tracer.instances();
    let id = |instance: u32| instances.get(instance as usize).map_or(0, |i| i.id);
    shot.hits.iter().map(|hit| id(hit.instance)).collect()
}

/// Unit normals of the geometry in wire axes, towards the viewer; zero where
/// nothing is.
pub(crate) fn normals(shot: &Shot<'_>) -> Vec<[f32; 3]> {
    shot.map(
        [0.0; 3],
        |_| (),
        |(), x, y, hit| {
            if hit.is_miss() {
                return [0.0; 3];
            }
            let direction = shot.eye.direction(pixel_center(x, y));
            shot.tracer
                .instance(hit)
                .flat_normal(hit, direction)
                .to_array()
        },
    )
}
