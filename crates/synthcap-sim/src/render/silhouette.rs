//! Where an eye would see one object if it were alone.

use std::ops::Range;

use glam::Vec2;
use rayon::prelude::*;

use super::{Block, raster};
use crate::{camera::Eye, trace::Tracer};

/// Pixels are looked at in tiles of this size in each direction.
const TILE: u32 = 32;
/// The centre of each pixel.
const CENTER: [Vec2; 1] = [Vec2::splat(0.5)];

/// Those of an image's pixels whose centres' rays meet an instance, whatever stands
/// before it; in no order.
pub(crate) fn silhouette(
    tracer: &Tracer,
    eye: Eye,
    index: u32,
    x: Range<u32>,
    y: Range<u32>,
) -> impl ParallelIterator<Item = (u32, u32)> {
    let tiles: Vec<Block> = Block { x, y }.split(TILE).collect();
    tiles.into_par_iter().flat_map_iter(move |tile| {
        let canvas = raster::survey_one(tracer, &eye, &tile, &CENTER, index);
        let (left, top) = (tile.x.start, tile.y.start);
        tile.pixels()
            .filter(move |(x, y)| canvas.shows(0, (x - left) as usize, (y - top) as usize))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use glam::UVec2;

    use super::*;
    use crate::{Simulator, camera::pixel_center};

    #[test]
    fn a_silhouette_is_where_rays_meet_the_object_inside_the_image_and_beyond() {
        let tracer = Simulator::of_scene("tabletop").world.tracer();
        let way = [[-120.0, 90.0, 170.0], [0.0, 0.0, 80.0]];
        let whole = Eye::looking(way, 50.0, (161, 90));
        let (from, step) = (Vec2::new(-100.0, -77.0), Vec2::new(3.0, 2.5));
        let coarse = whole.coarse(from, step, UVec2::new(120, 100));
        let (mut met, mut differ) = (0, 0);
        for (index, instance) in (0..).zip(tracer.instances()) {
            let mut compare = |eye: Eye, from: Vec2, step: Vec2| {
                let (width, height) = (eye.width, eye.height);
                let shown: HashSet<(u32, u32)> =
                    silhouette(&tracer, eye, index, 0..width, 0..height).collect();
                for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
                    let at = from + pixel_center(x, y) * step;
                    let meets = instance.blocks(&whole.ray(at));
                    met += usize::from(meets);
                    differ += usize::from(meets != shown.contains(&(x, y)));
                }
            };
            compare(whole, Vec2::ZERO, Vec2::ONE);
            compare(coarse, from, step);
        }
        assert!(met > 20_000, "{met}");
        // Only where a ray grazes an edge may rounding decide.
        assert!(differ * 2000 < met, "{differ} of {met} differ");
    }
}
