//! From objects and light to images.
//!
//! A [`Shot`] is one ray through the centre of every pixel. All labels are read
//! from its hits; colour starts from them and adds rays of its own.

mod color;
mod flow;
mod labels;
mod occlusion;
mod shade;

use rayon::prelude::*;

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

/// Rows that one task works on: enough to keep its rays close together, few
/// enough to share the work evenly.
const ROWS_PER_TASK: usize = 4;

/// What the centre of each pixel shows.
#[derive(Debug)]
pub(crate) struct Shot<'a> {
    pub(crate) tracer: &'a Tracer,
    pub(crate) eye: Eye,
    /// Row by row.
    pub(crate) hits: Vec<Hit>,
}

impl<'a> Shot<'a> {
    pub(crate) fn take(tracer: &'a Tracer, eye: Eye) -> Self {
        let hits = per_pixel(
            eye.width,
            eye.height,
            Hit::MISS,
            || (),
            |(), x, y| tracer.closest(eye.ray(pixel_center(x, y))),
        );
        Self { tracer, eye, hits }
    }

    fn hit(&self, x: u32, y: u32) -> &Hit {
        &self.hits[y as usize * self.eye.width as usize + x as usize]
    }

    /// One value per pixel, row by row; `state` is fresh for each task and lets
    /// neighbours learn from each other.
    fn map<T, S>(
        &self,
        fill: T,
        state: impl Fn() -> S + Sync,
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
}

/// Computes one value per pixel on all threads. What the state learns must not
/// change values, for where tasks begin is nobody's concern.
fn per_pixel<T, S>(
    width: u32,
    height: u32,
    fill: T,
    state: impl Fn() -> S + Sync,
    value: impl Fn(&mut S, u32, u32) -> T + Sync,
) -> Vec<T>
where
    T: Clone + Send,
{
    let mut values = vec![fill; width as usize * height as usize];
    let rows = values.par_chunks_mut(width as usize * ROWS_PER_TASK);
    rows.enumerate().for_each(|(task, chunk)| {
        let mut state = state();
        for (row, pixels) in chunk.chunks_mut(width as usize).enumerate() {
            let y = (task * ROWS_PER_TASK + row) as u32;
            for (x, pixel) in pixels.iter_mut().enumerate() {
                *pixel = value(&mut state, x as u32, y);
            }
        }
    });
    values
}
