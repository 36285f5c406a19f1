//! From objects and light to images.
//!
//! A [`Shot`] is one ray through the centre of every pixel. All labels are read
//! from its hits; colour starts from them and adds rays of its own.

mod bins;
mod color;
mod flow;
mod labels;
mod occlusion;
mod shade;

use std::ops::Range;

use glam::{Vec2, Vec3A};
use rayon::prelude::*;

use self::bins::Bins;
pub(crate) use self::{
    color::rgb,
    flow::{Before, flow},
    labels::{depth, ids, normals},
    shade::Shader,
};
use crate::{
    camera::{Eye, pixel_center},
    trace::{Hit, Tracer},
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
    bins: Bins,
}

/// A part of an image.
#[derive(Clone, Debug)]
struct Block {
    x: Range<u32>,
    y: Range<u32>,
}

impl<'a> Shot<'a> {
    pub(crate) fn take(tracer: &'a Tracer, eye: Eye) -> Self {
        let bins = Bins::new(tracer, &eye);
        let hits = per_pixel(
            eye.width,
            eye.height,
            Hit::MISS,
            |_| (),
            |(), x, y| bins.closest(tracer, eye.ray(pixel_center(x, y)), x, y),
        );
        Self {
            tracer,
            eye,
            hits,
            bins,
        }
    }

    fn hit(&self, x: u32, y: u32) -> &Hit {
        &self.hits[y as usize * self.eye.width as usize + x as usize]
    }

    /// What an image position within a pixel shows.
    fn sample(&self, (x, y): (u32, u32), at: Vec2) -> Hit {
        self.bins.closest(self.tracer, self.eye.ray(at), x, y)
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

    /// The box around points of a block's hits, as its centre and half its size;
    /// `None` if there are none. A point is given for a pixel and its hit.
    fn block_box(
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
        let half = (high - low) / 2.0;
        (half.x >= 0.0).then_some((low + half, half))
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
