//! The colour image: shading at pixel centres, more samples where it shows,
//! and the way from radiance to bytes.

use glam::{Vec2, Vec3A};
use rayon::prelude::*;

use super::{
    BLOCK, Block, Shot, TILE,
    neighbours::{Neighbours, in_axes, sun_axes},
    occlusion::Occlusion,
    per_block,
    plane::Plane,
    raster,
    shade::Shader,
};
use crate::{camera::pixel_center, trace::Hit};

/// Pixels get more samples when they differ from a neighbour by more than this
/// share of white, as the eye sees it.
const CONTRAST: f32 = 0.045;
/// So many samples are enough within an object where they hardly differ.
const ENOUGH: f32 = 3.0;

/// Parts of an image are not searched for flat surfaces when they are smaller
/// than this in each direction.
const SMALLEST_PLANE: u32 = 4;

/// sRGB bytes (red, green, blue, alpha) of every pixel into `out`. `samples` is how
/// many rays a pixel with contrast gets at the most, the one through its centre
/// included.
pub(crate) fn rgb(shot: &Shot<'_>, shader: &Shader<'_>, samples: u32, out: &mut [u8]) {
    let occlusion = Occlusion::new(shot);
    let picture = Picture {
        shot,
        shader,
        occlusion: &occlusion,
    };
    let (width, height) = (shot.eye.width, shot.eye.height);
    let mut colors = per_block(width, height, (BLOCK, BLOCK), Vec3A::ZERO, |block| {
        picture.block(block)
    });
    if samples > 1 {
        colors = picture.refined(&colors, samples);
    }
    let encode = SrgbTable::new();
    let pixel = |c: &Vec3A| [encode.byte(c.x), encode.byte(c.y), encode.byte(c.z), 255];
    let pixels = out.par_chunks_exact_mut(4).zip(&colors);
    pixels.for_each(|(rgba, color)| rgba.copy_from_slice(&pixel(color)));
}

pub(super) struct Picture<'a> {
    pub(super) shot: &'a Shot<'a>,
    pub(super) shader: &'a Shader<'a>,
    pub(super) occlusion: &'a Occlusion,
}

impl Picture<'_> {
    /// `own` is the instance that all points are of, if it shades none of them.
    fn neighbours(&self, block: &Block, own: Option<u32>) -> Neighbours {
        let eye = &self.shot.eye;
        let axes = sun_axes(self.shader.lights);
        let place = |x, y, hit: &Hit| {
            let point = eye.center + eye.direction(pixel_center(x, y)) * hit.t;
            Some(in_axes(&axes, point))
        };
        Neighbours::new(axes, self.shot.bounds(block, place), own)
    }

    /// Display light (linear, 0 to 1) at the centres of a block's pixels.
    fn block(&self, block: &Block) -> Vec<Vec3A> {
        let mut near = self.neighbours(block, self.shot.open_instance(block));
        let mut values = vec![Vec3A::ZERO; block.x.len() * block.y.len()];
        self.fill(block, BLOCK, (block, &mut values), &mut near);
        values
    }

    /// Finds the values of a part of a block, of so many pixels in each direction.
    fn fill(
        &self,
        part: &Block,
        size: u32,
        (block, values): (&Block, &mut [Vec3A]),
        near: &mut Neighbours,
    ) {
        if let Some(plane) = Plane::find(self, part, near) {
            for ((x, y), value) in plane.pixels(near) {
                values[block.index(x, y)] = value;
            }
        } else if size > SMALLEST_PLANE {
            for part in part.split(size / 2) {
                self.fill(&part, size / 2, (block, values), near);
            }
        } else {
            for (x, y) in part.pixels() {
                let hit = self.shot.hit(x, y);
                values[block.index(x, y)] = self.color((x, y), pixel_center(x, y), hit, near);
            }
        }
    }

    /// Display light (linear, 0 to 1) of a hit at an image position in a pixel.
    fn color(&self, pixel: (u32, u32), at: Vec2, hit: &Hit, near: &mut Neighbours) -> Vec3A {
        let ray = self.shot.eye.ray(at);
        let radiance = if hit.is_miss() {
            self.shader.background(&ray)
        } else {
            let surface = self.shader.surface(&ray, hit, self.cone());
            let open = self
                .occlusion
                .open(pixel.0, pixel.1, surface.point, surface.flat);
            let radiance = self.shader.radiance(&ray, &surface, open, near);
            self.shader.through_air(&ray, hit.t, radiance)
        };
        tone(radiance * self.shader.lights.exposure)
    }

    /// With more samples for pixels that have contrast.
    fn refined(&self, colors: &[Vec3A], samples: u32) -> Vec<Vec3A> {
        let (width, height) = (self.shot.eye.width, self.shot.eye.height);
        let index = |x: u32, y: u32| y as usize * width as usize + x as usize;
        let rough = |x: u32, y: u32| {
            let here = index(x, y);
            let neighbours = [
                (x > 0).then(|| here - 1),
                (x + 1 < width).then(|| here + 1),
                (y > 0).then(|| here - width as usize),
                (y + 1 < height).then(|| here + width as usize),
            ];
            neighbours.into_iter().flatten().any(|other| {
                let hits = (&self.shot.hits[here], &self.shot.hits[other]);
                hits.0.instance != hits.1.instance
                    || contrast(colors[here], colors[other], CONTRAST)
            })
        };
        let places: Vec<Vec2> = (1..samples).map(sample_place).collect();
        per_block(width, height, TILE, Vec3A::ZERO, |tile| {
            let mut values: Vec<Vec3A> = tile.pixels().map(|(x, y)| colors[index(x, y)]).collect();
            let rough: Vec<bool> = tile.pixels().map(|(x, y)| rough(x, y)).collect();
            if !rough.contains(&true) {
                return values;
            }
            let hits = raster::hits(self.shot.tracer, &self.shot.eye, tile, &places);
            for block in tile.split(BLOCK) {
                let mut near = self.neighbours(&block, None);
                for (x, y) in block.pixels() {
                    let i = tile.index(x, y);
                    if rough[i] {
                        let others = hits[i..].iter().step_by(rough.len()).zip(&places);
                        values[i] = self.average((x, y), values[i], others, &mut near);
                    }
                }
            }
            values
        })
    }

    /// A pixel's colour from that of its centre and other samples. There need not
    /// be many when they agree, unless they show several objects.
    fn average<'s>(
        &self,
        (x, y): (u32, u32),
        center: Vec3A,
        others: impl Iterator<Item = (&'s Hit, &'s Vec2)> + Clone,
        near: &mut Neighbours,
    ) -> Vec3A {
        let instance = self.shot.hit(x, y).instance;
        let one = others.clone().all(|(hit, _)| hit.instance == instance);
        let (mut sum, mut low, mut high) = (center, center, center);
        let mut count = 1.0;
        for (hit, place) in others {
            if one && count == ENOUGH && !contrast(low, high, 2.0 * CONTRAST) {
                break;
            }
            let at = Vec2::new(x as f32, y as f32) + *place;
            let color = self.color((x, y), at, hit, near);
            (low, high) = (low.min(color), high.max(color));
            sum += color;
            count += 1.0;
        }
        sum / count
    }
}

/// Where in a pixel its k-th sample lies, the 0th in its centre: the additive
/// sequence that fills a square most evenly (Roberts' R2).
fn sample_place(k: u32) -> Vec2 {
    let step = Vec2::new(0.754_877_7, 0.569_840_3);
    (Vec2::splat(0.5) + k as f32 * step).fract()
}

/// Whether two colours differ by more than a share of white, as the eye sees it.
fn contrast(a: Vec3A, b: Vec3A, limit: f32) -> bool {
    let eye = |c: Vec3A| Vec3A::new(c.x.sqrt(), c.y.sqrt(), c.z.sqrt());
    (eye(a) - eye(b)).abs().max_element() > limit
}

/// Radiance to display light, 0 to 1: a film-like curve with a soft shoulder
/// (Narkowicz' fit of ACES).
pub(super) fn tone(radiance: Vec3A) -> Vec3A {
    let x = radiance.max(Vec3A::ZERO).min(Vec3A::splat(1e4)) * 0.62;
    let mapped = (x * (2.51 * x + Vec3A::splat(0.03)))
        / (x * (2.43 * x + Vec3A::splat(0.59)) + Vec3A::splat(0.14));
    mapped.clamp(Vec3A::ZERO, Vec3A::ONE)
}

/// Linear to sRGB bytes by looking up, for powers are slow.
struct SrgbTable(Vec<u8>);

impl SrgbTable {
    const STEPS: usize = 8192;

    fn new() -> Self {
        let byte = |i: usize| {
            let c = i as f32 / Self::STEPS as f32;
            let s = if c <= 0.003_130_8 {
                12.92 * c
            } else {
                1.055 * c.powf(1.0 / 2.4) - 0.055
            };
            (s * 255.0 + 0.5) as u8
        };
        Self((0..=Self::STEPS).map(byte).collect())
    }

    fn byte(&self, linear: f32) -> u8 {
        self.0[(linear * Self::STEPS as f32) as usize]
    }
}
