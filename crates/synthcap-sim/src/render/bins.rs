//! Which instances each block of an image can show.

use glam::Vec2;

use super::BLOCK;
use crate::{
    camera::Eye,
    trace::{Hit, Instance, Tracer},
    tree::Ray,
};

/// With more candidates than this, the tree over all instances is faster.
const MAX_CANDIDATES: usize = 28;

/// For each block the instances whose bounds reach it, nearest first.
#[derive(Debug)]
pub(super) struct Bins {
    columns: usize,
    blocks: Vec<Vec<u32>>,
    /// Of each instance, a depth before which none of it lies; metres.
    nearest: Vec<f32>,
}

impl Bins {
    pub(super) fn new(tracer: &Tracer, eye: &Eye) -> Self {
        let columns = eye.width.div_ceil(BLOCK) as usize;
        let rows = eye.height.div_ceil(BLOCK) as usize;
        let extents: Vec<Extent> = tracer
            .instances()
            .iter()
            .map(|i| Extent::new(eye, i))
            .collect();
        let mut order: Vec<u32> = (0..extents.len() as u32).collect();
        let nearest = |i: u32| extents[i as usize].nearest;
        order.sort_by(|&a, &b| nearest(a).total_cmp(&nearest(b)));
        let mut blocks = vec![Vec::new(); columns * rows];
        // Floats cast to integers saturate, so what lies outside is cut off.
        let block = |x: f32| (x / BLOCK as f32).floor().max(0.0) as usize;
        for index in order {
            let Extent { low, high, .. } = extents[index as usize];
            if high.x < 0.0 || high.y < 0.0 {
                continue;
            }
            for row in block(low.y)..rows.min(block(high.y).saturating_add(1)) {
                for column in block(low.x)..columns.min(block(high.x).saturating_add(1)) {
                    blocks[row * columns + column].push(index);
                }
            }
        }
        Self {
            columns,
            blocks,
            nearest: extents.iter().map(|e| e.nearest).collect(),
        }
    }

    /// The nearest hit of a camera ray through the pixel.
    #[inline]
    pub(super) fn closest(&self, tracer: &Tracer, ray: Ray, x: u32, y: u32) -> Hit {
        let block = (y / BLOCK) as usize * self.columns + (x / BLOCK) as usize;
        let candidates = &self.blocks[block];
        if candidates.len() > MAX_CANDIDATES {
            return tracer.closest(ray);
        }
        let with_depth = |&i: &u32| (i, self.nearest[i as usize]);
        tracer.closest_among(ray, candidates.iter().map(with_depth))
    }
}

/// Where in the image an instance can be.
#[derive(Clone, Copy, Debug)]
struct Extent {
    low: Vec2,
    high: Vec2,
    nearest: f32,
}

impl Extent {
    fn new(eye: &Eye, instance: &Instance) -> Self {
        let anywhere = Self {
            low: Vec2::NEG_INFINITY,
            high: Vec2::INFINITY,
            nearest: 0.0,
        };
        let mut extent = Self {
            low: Vec2::INFINITY,
            high: Vec2::NEG_INFINITY,
            nearest: f32::INFINITY,
        };
        for corner in instance.corners() {
            let projected = eye.project(instance.to_world.transform_point3a(corner));
            // With a corner behind the camera, it can be anywhere.
            let Some((at, depth)) = projected else {
                return anywhere;
            };
            extent.low = extent.low.min(at);
            extent.high = extent.high.max(at);
            extent.nearest = extent.nearest.min(depth);
        }
        // For rounding, here and where the ray meets the triangle.
        let grow = Vec2::splat(0.05) + 1e-5 * extent.low.abs().max(extent.high.abs());
        Self {
            low: extent.low - grow,
            high: extent.high + grow,
            nearest: extent.nearest * (1.0 - 1e-5) - 1e-5,
        }
    }
}
