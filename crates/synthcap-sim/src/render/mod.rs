//! From objects and light to images.
//!
//! A [`Shot`] is one ray through the centre of every pixel. All labels are read
//! from its hits; colour starts from them and adds rays of its own.

mod color;
mod flow;
mod labels;
mod occlusion;
mod shade;

use std::ops::Range;

use glam::{Vec2, Vec3A};
use rayon::prelude::*;

pub(crate) use self::{
    color::rgb,
    flow::{Before, flow},
    labels::{depth, ids, normals},
    shade::Shader,
};
use crate::{
    beam::Beam,
    camera::{Eye, pixel_center},
    trace::{Hit, Instance, Tracer},
};

/// Pixels are worked on in blocks of this size in each direction, so that what
/// is found out for one serves its neighbours.
const BLOCK: u32 = 8;

/// What the centre of each pixel shows.
#[derive(Debug)]
pub(crate) struct Shot<'a> {
    pub(crate) tracer: &'a Tracer,
    pub(crate) eye: Eye,
    /// Row by row.
    pub(crate) hits: Vec<Hit>,
    /// One for each block.
    beams: Vec<Beam>,
}

/// A part of an image.
#[derive(Clone, Debug)]
struct Block {
    x: Range<u32>,
    y: Range<u32>,
}

impl<'a> Shot<'a> {
    pub(crate) fn take(tracer: &'a Tracer, eye: Eye) -> Self {
        let nearest: Vec<f32> = tracer
            .instances()
            .iter()
            .map(|i| nearest(&eye, i))
            .collect();
        let blocks: Vec<Block> = blocks(eye.width, eye.height).collect();
        let beam = |block: &Block| {
            let low = Vec2::new(block.x.start as f32, block.y.start as f32);
            let high = Vec2::new(block.x.end as f32, block.y.end as f32);
            Beam::of_eye(tracer, &eye, (low, high), &nearest)
        };
        let beams: Vec<Beam> = blocks.par_iter().map(beam).collect();
        let hits = per_pixel(
            eye.width,
            eye.height,
            Hit::MISS,
            |_| (),
            |(), x, y| {
                let beam = &beams[block_index(eye.width, x, y)];
                beam.closest(tracer, eye.ray(pixel_center(x, y)))
            },
        );
        Self {
            tracer,
            eye,
            hits,
            beams,
        }
    }

    fn hit(&self, x: u32, y: u32) -> &Hit {
        &self.hits[y as usize * self.eye.width as usize + x as usize]
    }

    /// What an image position within a pixel shows.
    fn sample(&self, (x, y): (u32, u32), at: Vec2) -> Hit {
        let beam = &self.beams[block_index(self.eye.width, x, y)];
        beam.closest(self.tracer, self.eye.ray(at))
    }

    /// One value per pixel, row by row; `state` is made for each block and lets
    /// neighbours learn from each other.
    fn map<T, S>(
        &self,
        fill: T,
        state: impl Fn(&Block) -> S + Sync,
        value: impl Fn(&mut S, u32, u32, &Hit) -> T + Sync,
    ) -> Vec<T>
    where
        T: Clone + Send,
    {
        per_pixel(
            self.eye.width,
            self.eye.height,
            fill,
            state,
            |state, x, y| value(state, x, y, self.hit(x, y)),
        )
    }

    /// The bounds of what `point` gives for the hits in a block; `None` if it
    /// gives nothing.
    fn bounds(
        &self,
        block: &Block,
        point: impl Fn(u32, u32, &Hit) -> Option<Vec3A>,
    ) -> Option<(Vec3A, Vec3A)> {
        let (mut low, mut high) = (Vec3A::INFINITY, Vec3A::NEG_INFINITY);
        for y in block.y.clone() {
            for x in block.x.clone() {
                let hit = self.hit(x, y);
                if let Some(p) = (!hit.is_miss()).then(|| point(x, y, hit)).flatten() {
                    low = low.min(p);
                    high = high.max(p);
                }
            }
        }
        (low.x <= high.x).then_some((low, high))
    }
}

/// A depth before which an instance does not begin, metres.
fn nearest(eye: &Eye, instance: &Instance) -> f32 {
    let depth =
        |corner| (instance.to_world.transform_point3a(corner) - eye.center).dot(eye.forward);
    let least = instance
        .corners()
        .map(depth)
        .into_iter()
        .fold(f32::INFINITY, f32::min);
    (least - 1e-4 - 1e-5 * least.abs()).max(0.0)
}

/// All blocks of an image, row by row.
fn blocks(width: u32, height: u32) -> impl Iterator<Item = Block> {
    let step = BLOCK as usize;
    (0..height).step_by(step).flat_map(move |top| {
        (0..width).step_by(step).map(move |left| Block {
            x: left..width.min(left + BLOCK),
            y: top..height.min(top + BLOCK),
        })
    })
}

/// The place of a pixel's block among all of them.
fn block_index(width: u32, x: u32, y: u32) -> usize {
    (y / BLOCK * width.div_ceil(BLOCK) + x / BLOCK) as usize
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
    T: Clone + Send,
{
    let mut values = vec![fill; width as usize * height as usize];
    let bands = values.par_chunks_mut(width as usize * BLOCK as usize);
    bands.enumerate().for_each(|(band, pixels)| {
        let top = band as u32 * BLOCK;
        let bottom = height.min(top + BLOCK);
        for left in (0..width).step_by(BLOCK as usize) {
            let block = Block {
                x: left..width.min(left + BLOCK),
                y: top..bottom,
            };
            let mut state = state(&block);
            for y in block.y.clone() {
                let row = (y - top) as usize * width as usize;
                for x in block.x.clone() {
                    pixels[row + x as usize] = value(&mut state, x, y);
                }
            }
        }
    });
    values
}
