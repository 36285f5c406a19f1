//! From objects and light to images.
//!
//! A [`Shot`] is one ray through the centre of every pixel. All labels are read
//! from its hits; colour starts from them and adds rays of its own.

mod batch;
mod cluster;
mod color;
mod face;
mod flow;
mod labels;
mod mirror;
mod occlusion;
mod past;
mod patch;
mod raster;
mod shade;
mod sight;
mod silhouette;

use std::ops::Range;

use glam::Vec2;
use rayon::prelude::*;

pub(crate) use self::{
    color::rgb,
    flow::flow,
    labels::{depth, ids, normals},
    past::Before,
    shade::Shader,
    silhouette::silhouette,
};
use crate::{
    camera::{Eye, pixel_center},
    trace::{Hit, Tracer},
};

/// Pixels are worked on in blocks of this size in each direction, so that what
/// is found out for one serves its neighbours.
const BLOCK: u32 = 8;
/// Primary rays share less, and more of them share it: tiles of so many columns
/// and rows.
const TILE: (u32, u32) = (64, 16);

/// Parts of a surface face about the same way up to this cosine between them.
const SAME_FACING_COS: f32 = 0.95;

/// What the centre of each pixel shows.
#[derive(Debug)]
pub(crate) struct Shot<'a> {
    pub(crate) tracer: &'a Tracer,
    pub(crate) eye: Eye,
    /// Block by block and row by row, in each block row by row: what is worked on
    /// together lies together. Blocks at the edges have places for pixels that the image
    /// does not have.
    hits: Vec<Hit>,
}

/// The place of a pixel among hits that lie block by block, with so many blocks to a row
/// of them.
#[inline(always)]
fn place_of(across: usize, x: u32, y: u32) -> usize {
    const SIZE: usize = BLOCK as usize;
    let (x, y) = (x as usize, y as usize);
    let block = y / SIZE * across + x / SIZE;
    (block * SIZE + y % SIZE) * SIZE + x % SIZE
}

/// A part of an image.
#[derive(Clone, Debug)]
struct Block {
    x: Range<u32>,
    y: Range<u32>,
}

impl Block {
    /// The image position where it begins.
    fn low(&self) -> Vec2 {
        Vec2::new(self.x.start as f32, self.y.start as f32)
    }

    /// Its pixels, row by row.
    fn pixels(&self) -> impl Iterator<Item = (u32, u32)> + use<> {
        let columns = self.x.clone();
        let rows = self.y.clone();
        rows.flat_map(move |y| columns.clone().map(move |x| (x, y)))
    }

    /// How many they are.
    fn len(&self) -> usize {
        self.x.len() * self.y.len()
    }

    /// The place of a pixel among them.
    fn index(&self, x: u32, y: u32) -> usize {
        (y - self.y.start) as usize * self.x.len() + (x - self.x.start) as usize
    }

    /// How far a pixel lies between the first column and the last, and between the
    /// first row and the last; 0 to 1.
    fn shares(&self, x: u32, y: u32) -> (f32, f32) {
        let share = |i: u32, count: usize| i as f32 / (count - 1).max(1) as f32;
        (
            share(x - self.x.start, self.x.len()),
            share(y - self.y.start, self.y.len()),
        )
    }

    /// Its parts of so many pixels in each direction.
    fn split(&self, size: u32) -> impl Iterator<Item = Self> {
        let step = size as usize;
        let (left, right) = (self.x.start, self.x.end);
        let bottom = self.y.end;
        self.y.clone().step_by(step).flat_map(move |top| {
            (left..right).step_by(step).map(move |left| Self {
                x: left..right.min(left + size),
                y: top..bottom.min(top + size),
            })
        })
    }

    /// The image position where it ends.
    fn high(&self) -> Vec2 {
        Vec2::new(self.x.end as f32, self.y.end as f32)
    }
}

impl<'a> Shot<'a> {
    /// `hits` is memory to be used again.
    pub(crate) fn take(tracer: &'a Tracer, eye: Eye, mut hits: Vec<Hit>) -> Self {
        let center = [pixel_center(0, 0)];
        let size = (eye.width, eye.height);
        let across = eye.width.div_ceil(BLOCK) as usize;
        let in_row = across * (BLOCK * BLOCK) as usize;
        let rows = |height: u32| height.div_ceil(BLOCK) as usize;
        hits.resize(rows(eye.height) * in_row, Hit::MISS);
        let bands = hits.par_chunks_mut(rows(TILE.1) * in_row).enumerate();
        bands.for_each(|(index, hits)| {
            for tile in band(index, size, TILE) {
                let mut survey = raster::survey(tracer, &eye, &tile, &center);
                tile.pixels().for_each(|(x, y)| {
                    let (column, row) = (x - tile.x.start, y - tile.y.start);
                    hits[place_of(across, x, row)] = survey.hit(0, column as usize, row as usize);
                });
            }
        });
        Self { tracer, eye, hits }
    }

    /// The memory of its hits, to be used again.
    pub(crate) fn into_memory(self) -> Vec<Hit> {
        self.hits
    }

    /// Pixels of the image.
    pub(crate) fn size(&self) -> usize {
        self.eye.width as usize * self.eye.height as usize
    }

    /// What a pixel shows.
    #[inline(always)]
    pub(crate) fn hit(&self, x: u32, y: u32) -> &Hit {
        let across = self.eye.width.div_ceil(BLOCK) as usize;
        &self.hits[place_of(across, x, y)]
    }

    /// One value per pixel, row by row, into memory that is there already; `state` is
    /// made for each block and lets neighbours learn from each other.
    fn map_into<T, S>(
        &self,
        out: &mut [T],
        state: impl Fn(&Block) -> S + Sync,
        value: impl Fn(&mut S, u32, u32, &Hit) -> T + Sync,
    ) where
        T: Copy + Send,
    {
        fill_blocks(out, self.eye.width, (BLOCK, BLOCK), |block| {
            block_of(block, &state, |state, x, y| {
                value(state, x, y, self.hit(x, y))
            })
        });
    }

    /// Whether all hits in a block are of one object, and of one material.
    fn is_one_surface(&self, block: &Block) -> bool {
        let first = self.hit(block.x.start, block.y.start);
        if first.is_miss() {
            return false;
        }
        let mesh = &self.tracer.instance(first).mesh;
        let part = mesh.part(first.triangle);
        block.pixels().all(|(x, y)| {
            let hit = self.hit(x, y);
            hit.instance == first.instance && mesh.part(hit.triangle) == part
        })
    }

    /// Whether two hits are of one object and material, and face about the same way.
    fn is_same_surface(&self, a: &Hit, b: &Hit) -> bool {
        if a.instance != b.instance || a.is_miss() {
            return a.instance == b.instance;
        }
        let instance = self.tracer.instance(a);
        let part = |hit: &Hit| instance.mesh.part(hit.triangle);
        let normal = |hit| instance.flat_normal_on_side(hit, 1.0);
        a.triangle == b.triangle
            || part(a) == part(b) && normal(a).dot(normal(b)).abs() > SAME_FACING_COS
    }

    /// Whether all hits in a block lie in one flat surface, and are shaded as such.
    fn is_flat(&self, block: &Block) -> bool {
        let first = self.hit(block.x.start, block.y.start);
        if first.is_miss() {
            return false;
        }
        let mesh = &self.tracer.instance(first).mesh;
        let mut known = first.triangle;
        mesh.is_level(known, known)
            && block.pixels().all(|(x, y)| {
                let hit = self.hit(x, y);
                let level = hit.instance == first.instance
                    && (hit.triangle == known || mesh.is_level(first.triangle, hit.triangle));
                known = hit.triangle;
                level
            })
    }
}

/// Computes one value per pixel on all threads, block by block. What the state
/// learns must not change values.
fn per_pixel<T, S>(
    width: u32,
    height: u32,
    fill: T,
    state: impl Fn(&Block) -> S + Sync,
    value: impl Fn(&mut S, u32, u32) -> T + Sync,
) -> Vec<T>
where
    T: Copy + Send,
{
    let mut values = vec![fill; width as usize * height as usize];
    fill_blocks(&mut values, width, (BLOCK, BLOCK), |block| {
        block_of(block, &state, &value)
    });
    values
}

/// The values of one block's pixels, row by row.
fn block_of<T, S>(
    block: &Block,
    state: impl Fn(&Block) -> S,
    value: impl Fn(&mut S, u32, u32) -> T,
) -> Vec<T> {
    let mut state = state(block);
    let mut values = Vec::with_capacity(block.len());
    for y in block.y.clone() {
        values.extend(block.x.clone().map(|x| value(&mut state, x, y)));
    }
    values
}

/// The blocks of so many columns and rows in an image's n-th row of them.
fn band(
    index: usize,
    (width, height): (u32, u32),
    (columns, rows): (u32, u32),
) -> impl Iterator<Item = Block> {
    let top = index as u32 * rows;
    let lefts = (0..width).step_by(columns as usize);
    lefts.map(move |left| Block {
        x: left..width.min(left + columns),
        y: top..height.min(top + rows),
    })
}

/// Computes the values of all pixels on all threads, `width` to a row, for one block
/// after another.
fn fill_blocks<T: Copy + Send>(
    values: &mut [T],
    width: u32,
    size: (u32, u32),
    block_values: impl Fn(&Block) -> Vec<T> + Sync,
) {
    let of_block = |(): &mut (), block: &Block| block_values(block);
    fill_blocks_with(values, width, size, || (), of_block);
}

/// As [`fill_blocks`]; `state` is made for each thread at times and must not change
/// values.
fn fill_blocks_with<T: Copy + Send, S>(
    values: &mut [T],
    width: u32,
    (columns, rows): (u32, u32),
    state: impl Fn() -> S + Send + Sync,
    block_values: impl Fn(&mut S, &Block) -> Vec<T> + Sync,
) {
    let height = (values.len() / width as usize) as u32;
    let bands = values.par_chunks_mut(width as usize * rows as usize);
    bands
        .enumerate()
        .for_each_init(state, |state, (index, pixels)| {
            for block in band(index, (width, height), (columns, rows)) {
                let of_block = block_values(state, &block);
                let lines = pixels.chunks_mut(width as usize);
                for (line, row) in lines.zip(of_block.chunks(block.x.len())) {
                    line[block.x.start as usize..][..row.len()].copy_from_slice(row);
                }
            }
        });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Simulator;

    #[test]
    fn a_shot_shows_what_rays_meet() {
        // From outside of everything, and from under the table, within its box.
        for (scene, from, to) in [
            ("shapes", [-420.0, 300.0, 200.0], [50.0, 0.0, 30.0]),
            ("tabletop", [-120.0, 90.0, 170.0], [0.0, 0.0, 80.0]),
            ("tabletop", [0.0, 0.0, 40.0], [30.0, 60.0, 60.0]),
        ] {
            let tracer = Simulator::of_scene(scene).world.tracer();
            let mut memory = Vec::new();
            // Whole cells, and cells that the image has but a part of.
            for (width, height) in [(160, 120), (1, 1), (7, 5), (61, 37), (163, 9)] {
                let eye = Eye::looking([from, to], 90.0, (width, height));
                let shot = Shot::take(&tracer, eye, memory);
                let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
                let differs = |&(x, y): &(u32, u32)| {
                    let hit = shot.hit(x, y);
                    let met = tracer.closest(eye.ray(pixel_center(x, y)));
                    met.instance != hit.instance || (met.t - hit.t).abs() > 1e-3 * met.t
                };
                let differ = pixels.filter(differs).count();
                // Only where a ray grazes an edge may rounding decide.
                assert!(
                    differ * 2000 <= shot.size(),
                    "{scene} at {width}x{height}: {differ} differ"
                );
                memory = shot.into_memory();
            }
        }
    }
}
