//! What a view sees of each object: boxes in the image, and visibility.

use glam::{IVec2, UVec2, Vec2};
use rayon::prelude::*;
use synthcap::{Box2, ObjectView};

use crate::{
    camera::Eye,
    render::{Shot, silhouette},
    trace::Instance,
};

/// How far beyond the image a silhouette is followed, in image sizes on each
/// side.
const MARGIN: i32 = 1;
/// Outside the image a silhouette larger than this many pixels is sampled on a
/// grid that is coarse enough to have about so many points.
const MAX_OUTSIDE_SAMPLES: f32 = 40_000.0;

/// A set of pixels, by its bounds and number.
#[derive(Clone, Copy, Debug)]
struct Patch {
    low: IVec2,
    /// Exclusive.
    high: IVec2,
    pixels: f64,
}

impl Patch {
    const EMPTY: Self = Self {
        low: IVec2::MAX,
        high: IVec2::MIN,
        pixels: 0.0,
    };

    fn add(&mut self, x: i32, y: i32) {
        self.low = self.low.min(IVec2::new(x, y));
        self.high = self.high.max(IVec2::new(x + 1, y + 1));
        self.pixels += 1.0;
    }

    fn union(self, other: Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            pixels: self.pixels + other.pixels,
        }
    }

    fn bounds(&self) -> Option<Box2> {
        (self.pixels > 0.0).then_some(Box2 {
            x_min: self.low.x as f32,
            y_min: self.low.y as f32,
            x_max: self.high.x as f32,
            y_max: self.high.y as f32,
        })
    }
}

/// What a shot sees of the instances for which `wanted` holds, in the order of
/// its tracer's instances.
///
/// The whole of an object is its silhouette: every pixel of the image whose centre's
/// ray meets it, and beyond the image up to one image size on each side, where large
/// silhouettes are sampled on a coarser grid. What reaches further, or behind the camera, counts only so far.
pub(crate) fn object_views(
    shot: &Shot<'_>,
    wanted: impl Fn(&Instance) -> bool + Sync,
) -> Vec<Option<ObjectView>> {
    let instances = shot.tracer.instances();
    let visible = visible_patches(shot, instances.len());
    let view = |(index, instance): (usize, &Instance)| {
        wanted(instance).then(|| object_view(shot, index as u32, instance, visible[index]))
    };
    instances.par_iter().enumerate().map(view).collect()
}

fn visible_patches(shot: &Shot<'_>, count: usize) -> Vec<Patch> {
    let mut patches = vec![Patch::EMPTY; count];
    for y in 0..shot.eye.height {
        for x in 0..shot.eye.width {
            if let Some(patch) = patches.get_mut(shot.hit(x, y).instance as usize) {
                patch.add(x as i32, y as i32);
            }
        }
    }
    patches
}

fn object_view(shot: &Shot<'_>, index: u32, instance: &Instance, visible: Patch) -> ObjectView {
    let reach = reach(&shot.eye, instance);
    let inside = visible.union(hidden_patch(shot, index, reach));
    let whole = inside.pixels + outside_pixels(shot, index, reach);
    let visibility = if whole > 0.0 {
        visible.pixels / whole
    } else {
        0.0
    };
    ObjectView {
        visible_box: visible.bounds(),
        full_box: inside.bounds(),
        visible_pixels: visible.pixels as u32,
        visibility: visibility as f32,
    }
}

/// Pixels from the first corner up to the second, exclusive, outside of which no
/// ray can meet the instance, as far as it is followed.
fn reach(eye: &Eye, instance: &Instance) -> (IVec2, IVec2) {
    let size = IVec2::new(eye.width as i32, eye.height as i32);
    let (low, high) = (-MARGIN * size, (1 + MARGIN) * size);
    let corners = instance.corners();
    let projected = corners.map(|corner| {
        let to = instance.to_world.transform_point3a(corner);
        eye.project(to).map(|(at, _)| at)
    });
    let mut bounds: Option<(Vec2, Vec2)> = None;
    for at in projected {
        // A corner behind the camera may project anywhere.
        let Some(at) = at else { return (low, high) };
        bounds = Some(bounds.map_or((at, at), |(a, b)| (a.min(at), b.max(at))));
    }
    let Some((first, last)) = bounds else {
        return (low, high);
    };
    // One pixel more, for rounding; a float-to-integer cast saturates.
    let first = (first.floor().as_ivec2().saturating_sub(IVec2::ONE)).clamp(low, high);
    let last = (last.ceil().as_ivec2().saturating_add(IVec2::ONE)).clamp(low, high);
    (first, last)
}

/// The part of an object that something hides, within the image.
fn hidden_patch(shot: &Shot<'_>, index: u32, (low, high): (IVec2, IVec2)) -> Patch {
    let size = UVec2::new(shot.eye.width, shot.eye.height);
    let [low, high] = [low, high].map(|at| at.max(IVec2::ZERO).as_uvec2().min(size));
    silhouette(shot.tracer, shot.eye, index, low.x..high.x, low.y..high.y)
        .filter(|&(x, y)| shot.hit(x, y).instance != index)
        .fold(
            || Patch::EMPTY,
            |mut patch, (x, y)| {
                patch.add(x as i32, y as i32);
                patch
            },
        )
        .reduce(|| Patch::EMPTY, Patch::union)
}

/// About how many pixels the object covers outside the image.
fn outside_pixels(shot: &Shot<'_>, index: u32, (low, high): (IVec2, IVec2)) -> f64 {
    let size = IVec2::new(shot.eye.width as i32, shot.eye.height as i32);
    if low.cmpge(IVec2::ZERO).all() && high.cmple(size).all() {
        return 0.0;
    }
    let extent = (high - low).max(IVec2::ZERO).as_uvec2();
    let samples = extent.as_vec2().element_product();
    let stride = (samples / MAX_OUTSIDE_SAMPLES).sqrt().ceil().max(1.0) as u32;
    let [columns, rows] = extent.to_array().map(|pixels| pixels.div_ceil(stride));
    let eye = shot.eye.coarse(low, stride, UVec2::new(columns, rows));
    let is_outside = |(column, row): &(u32, u32)| {
        let at = low + IVec2::new((column * stride) as i32, (row * stride) as i32);
        at.cmplt(IVec2::ZERO).any() || at.cmpge(size).any()
    };
    let covered = silhouette(shot.tracer, eye, index, 0..columns, 0..rows)
        .filter(is_outside)
        .count();
    covered as f64 * f64::from(stride) * f64::from(stride)
}
