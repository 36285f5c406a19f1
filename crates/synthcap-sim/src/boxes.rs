//! What a view sees of each object: boxes in the image, and visibility.

use glam::{IVec2, UVec2, Vec2};
use rayon::prelude::*;
use synthcap::{Box2, ObjectView};

use crate::{
    camera::{Eye, pixel_center},
    render::{Shot, silhouette},
    trace::Instance,
};

/// How far beyond the image a silhouette is followed, in image sizes on each side: one
/// part around another, each with a grid of its own, so that what is far away and large
/// costs no more than what is near. A part with more pixels than stand there is sampled
/// at about so many points.
const MARGINS: [(i32, f32); 4] = [(1, 40_000.0), (3, 10_000.0), (7, 10_000.0), (15, 10_000.0)];

/// Pixels from the first corner up to the second, exclusive.
type Area = (IVec2, IVec2);

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
/// ray meets it, and beyond the image up to 15 image sizes on each side, where large
/// silhouettes are sampled on a coarser grid. What reaches further, as everything does
/// that goes on behind the camera, counts only so far.
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

/// The image and so many of its sizes on each side.
fn with_margin(eye: &Eye, margin: i32) -> Area {
    let size = IVec2::new(eye.width as i32, eye.height as i32);
    (-margin * size, (1 + margin) * size)
}

/// Where rays can meet the instance, as far as it is followed.
fn reach(eye: &Eye, instance: &Instance) -> Area {
    let (margin, _) = MARGINS[MARGINS.len() - 1];
    let (low, high) = with_margin(eye, margin);
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
fn hidden_patch(shot: &Shot<'_>, index: u32, (low, high): Area) -> Patch {
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
fn outside_pixels(shot: &Shot<'_>, index: u32, (low, high): Area) -> f64 {
    let mut inner = with_margin(&shot.eye, 0);
    let mut pixels = 0.0;
    for (margin, most) in MARGINS {
        if low.cmpge(inner.0).all() && high.cmple(inner.1).all() {
            break;
        }
        let outer = with_margin(&shot.eye, margin);
        let area = (low.max(outer.0), high.min(outer.1));
        pixels += pixels_around(shot, index, inner, area, most);
        inner = outer;
    }
    pixels
}

/// About how many pixels of an area the object covers outside of an inner one, by about
/// so many points at most.
fn pixels_around(
    shot: &Shot<'_>,
    index: u32,
    (inner_low, inner_high): Area,
    (low, high): Area,
    most: f32,
) -> f64 {
    if high.cmple(low).any() {
        return 0.0;
    }
    let extent = (high - low).as_vec2();
    let stride = (extent.element_product() / most).sqrt().max(1.0);
    let size = (extent / stride).ceil();
    // Points lie in the middle of what they stand for; up to the most, of one pixel.
    let step = extent / size;
    let from = low.as_vec2();
    let eye = shot.eye.coarse(from, step, size.as_uvec2());
    let counts = |&(column, row): &(u32, u32)| {
        let at = from + pixel_center(column, row) * step;
        at.cmplt(inner_low.as_vec2()).any() || at.cmpge(inner_high.as_vec2()).any()
    };
    let covered = silhouette(shot.tracer, eye, index, 0..eye.width, 0..eye.height)
        .filter(counts)
        .count();
    covered as f64 * f64::from(step.element_product())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Simulator;

    #[test]
    fn what_lies_outside_is_counted_closely_on_coarse_grids() {
        let mut compared = 0;
        for (scene, from, to) in [
            ("shapes", [-160.0, -60.0, 90.0], [0.0, 0.0, 50.0]),
            ("tabletop", [-60.0, 40.0, 110.0], [0.0, 0.0, 80.0]),
            ("tabletop", [-20.0, 0.0, 95.0], [20.0, 10.0, 75.0]),
        ] {
            let tracer = Simulator::of_scene(scene).world.tracer();
            let eye = Eye::looking([from, to], 60.0, (64, 48));
            let shot = Shot::take(&tracer, eye, Vec::new());
            for (index, instance) in (0..).zip(tracer.instances()) {
                let reach = reach(&shot.eye, instance);
                let (low, high) = reach;
                let size = (high - low).max(IVec2::ZERO).as_uvec2();
                let whole = shot.eye.coarse(low.as_vec2(), Vec2::ONE, size);
                let image = shot.eye;
                let outside =
                    |&(x, y): &(u32, u32)| !image.contains(low.as_vec2() + pixel_center(x, y));
                let exact = silhouette(&tracer, whole, index, 0..size.x, 0..size.y)
                    .filter(outside)
                    .count() as f64;
                let about = outside_pixels(&shot, index, reach);
                let off = (about - exact).abs();
                compared += usize::from(exact > 1000.0);
                assert!(
                    off <= 0.02 * exact.max(1000.0),
                    "{scene}, instance {index}: {about} for {exact}"
                );
            }
        }
        assert!(compared > 20, "{compared}");
    }
}
