//! The colour image: shading at pixel centres, more samples where it shows,
//! and the way from radiance to bytes.

use std::sync::LazyLock;

use glam::{Vec2, Vec3A};

use super::{
    BLOCK, Block, Shot, TILE,
    batch::{Batch, Sample, Sun},
    fill_blocks, fill_blocks_with,
    occlusion::Occlusion,
    raster,
    shade::Shader,
};
use crate::{noise::TO_WHOLE, trace::Hit};

/// Pixels get more samples when they differ from a neighbour by more than this
/// share of white, as the eye sees it.
const CONTRAST: f32 = 0.045;
/// So many samples are enough within an object where they hardly differ.
const ENOUGH: usize = 3;
/// Pixels get their colours in areas of so many columns and rows together.
const AREA: (u32, u32) = (2 * BLOCK, 2 * BLOCK);

/// sRGB bytes (red, green, blue, alpha) of every pixel into `out`. `samples` is how
/// many rays a pixel with contrast gets at the most, the one through its centre
/// included.
pub(crate) fn rgb(shot: &Shot<'_>, shader: &Shader<'_>, samples: u32, out: &mut [u8]) {
    let occlusion = Occlusion::new(shot);
    let picture = Picture {
        shot,
        shader,
        occlusion: &occlusion,
        sun: Sun::new(shader.lights.sun_direction),
    };
    let (width, height) = (shot.eye.width, shot.eye.height);
    let (pixels, _) = out.as_chunks_mut();
    let batch = || Batch::new(&picture);
    let centers = |batch: &mut Batch<'_>, area: &Block| batch.area(area, BLOCK);
    if samples == 1 {
        fill_blocks_with(pixels, width, AREA, batch, |batch, area| {
            encoded(centers(batch, area))
        });
    } else {
        let mut colors = vec![Vec3A::ZERO; width as usize * height as usize];
        fill_blocks_with(&mut colors, width, AREA, batch, centers);
        let places: Vec<Vec2> = (1..samples).map(sample_place).collect();
        fill_blocks(pixels, width, TILE, |tile| {
            encoded(picture.refined(&colors, tile, &places))
        });
    }
}

/// What colours are made from.
pub(super) struct Picture<'a> {
    pub(super) shot: &'a Shot<'a>,
    pub(super) shader: &'a Shader<'a>,
    pub(super) occlusion: &'a Occlusion,
    pub(super) sun: Sun,
}

impl Picture<'_> {
    /// The colours of a tile, with samples at more places in pixels that have contrast.
    fn refined(&self, colors: &[Vec3A], tile: &Block, places: &[Vec2]) -> Vec<Vec3A> {
        let width = self.shot.eye.width as usize;
        let of_pixel = |(x, y): (u32, u32)| colors[y as usize * width + x as usize];
        let mut values: Vec<Vec3A> = tile.pixels().map(of_pixel).collect();
        let rough: Vec<bool> = tile
            .pixels()
            .map(|(x, y)| self.is_rough(colors, x, y))
            .collect();
        if rough.contains(&true) {
            self.refine(tile, &rough, places, &mut values);
        }
        values
    }

    /// Whether a pixel has contrast to a neighbour.
    fn is_rough(&self, colors: &[Vec3A], x: u32, y: u32) -> bool {
        let (width, height) = (self.shot.eye.width, self.shot.eye.height);
        let across = width as usize;
        let neighbours = [
            (x > 0).then(|| (x - 1, y)),
            (x + 1 < width).then(|| (x + 1, y)),
            (y > 0).then(|| (x, y - 1)),
            (y + 1 < height).then(|| (x, y + 1)),
        ];
        let at = |(x, y): (u32, u32)| {
            (
                self.shot.hit(x, y),
                colors[y as usize * across + x as usize],
            )
        };
        let (hit, color) = at((x, y));
        neighbours
            .into_iter()
            .flatten()
            .map(at)
            .any(|other| hit.instance != other.0.instance || contrast(color, other.1, CONTRAST))
    }

    /// Averages the values of a tile's rough pixels with those of other places in
    /// them.
    fn refine(&self, tile: &Block, rough: &[bool], places: &[Vec2], values: &mut [Vec3A]) {
        let mut survey = raster::survey(self.shot.tracer, &self.shot.eye, tile, places);
        let mut means = Vec::new();
        // Of each block, among these.
        let mut ends = Vec::new();
        let mut batch = Batch::new(self);
        for block in tile.split(BLOCK) {
            batch.part();
            for (x, y) in block.pixels() {
                let index = tile.index(x, y);
                if !rough[index] {
                    continue;
                }
                let (column, row) = ((x - tile.x.start) as usize, (y - tile.y.start) as usize);
                let sample = |(k, place): (usize, &Vec2)| Sample {
                    pixel: (x, y),
                    at: Vec2::new(x as f32, y as f32) + *place,
                    hit: survey.hit(k, column, row),
                };
                let samples = places.iter().enumerate().map(sample).collect();
                let mean = Mean::new(self.shot, index, values[index], samples);
                mean.first
                    .iter()
                    .for_each(|&(k, _)| batch.add(mean.samples[k]));
                means.push(mean);
            }
            ends.push(means.len());
        }
        let mut shown = batch.colors().into_iter();
        let mut batch = Batch::new(self);
        let mut first = 0;
        for end in ends {
            batch.part();
            for mean in &mut means[first..end] {
                mean.add_first(&mut shown);
                mean.rest().iter().for_each(|&sample| batch.add(sample));
            }
            first = end;
        }
        let mut shown = batch.colors().into_iter();
        for mean in &mut means {
            let rest = mean.rest().len();
            shown
                .by_ref()
                .take(rest)
                .for_each(|color| mean.add(color, 1.0));
            values[mean.index] = mean.sum / mean.weight;
        }
    }
}

/// The colour of a pixel from that of its centre and of other samples. Not all of
/// these need a colour of their own: on one surface a few are enough when they
/// agree, and where several meet, it matters how much of the pixel each has.
struct Mean {
    /// The pixel's, in its tile.
    index: usize,
    samples: Vec<Sample>,
    /// Samples that get a colour at once, and how many they stand for.
    first: Vec<(usize, f32)>,
    /// Whether all show the surface that the centre shows.
    one: bool,
    sum: Vec3A,
    weight: f32,
    low: Vec3A,
    high: Vec3A,
}

impl Mean {
    fn new(shot: &Shot<'_>, index: usize, center: Vec3A, samples: Vec<Sample>) -> Self {
        let hit = samples
            .first()
            .map_or(&Hit::MISS, |s| shot.hit(s.pixel.0, s.pixel.1));
        let mut weight = 1.0;
        let mut first: Vec<(usize, f32)> = Vec::new();
        for (k, sample) in samples.iter().enumerate() {
            let same = |other: &Hit| shot.is_same_surface(&sample.hit, other);
            if same(hit) {
                weight += 1.0;
            } else if let Some(found) = first.iter_mut().find(|(i, _)| same(&samples[*i].hit)) {
                found.1 += 1.0;
            } else {
                first.push((k, 1.0));
            }
        }
        let one = first.is_empty();
        if one {
            weight = 1.0;
            first = (0..samples.len().min(ENOUGH - 1))
                .map(|k| (k, 1.0))
                .collect();
        }
        Self {
            index,
            samples,
            first,
            one,
            sum: weight * center,
            weight,
            low: center,
            high: center,
        }
    }

    fn add(&mut self, color: Vec3A, stands_for: f32) {
        self.sum += stands_for * color;
        self.weight += stands_for;
        self.low = self.low.min(color);
        self.high = self.high.max(color);
    }

    fn add_first(&mut self, shown: &mut impl Iterator<Item = Vec3A>) {
        for (_, stands_for) in self.first.clone() {
            if let Some(color) = shown.next() {
                self.add(color, stands_for);
            }
        }
    }

    /// Samples that are needed after the first ones: all others where these differ.
    fn rest(&self) -> &[Sample] {
        if self.one && contrast(self.low, self.high, 2.0 * CONTRAST) {
            &self.samples[self.first.len()..]
        } else {
            &[]
        }
    }
}

/// Where in a pixel its k-th sample lies, the 0th in its centre: the additive
/// sequence that fills a square most evenly (Roberts' R2).
fn sample_place(k: u32) -> Vec2 {
    let step = Vec2::new(0.754_877_7, 0.569_840_3);
    (Vec2::splat(0.5) + k as f32 * step).fract()
}

/// Whether two colours differ by more than a share of white, as the eye sees it.
pub(super) fn contrast(a: Vec3A, b: Vec3A, limit: f32) -> bool {
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

/// sRGB bytes (red, green, blue, alpha) of display light, 0 to 1.
fn encoded(colors: Vec<Vec3A>) -> Vec<[u8; 4]> {
    let Ok(table) = <&[u8; STEPS + 1]>::try_from(&**SRGB) else {
        return Vec::new();
    };
    let pixel = |color: Vec3A| {
        // The whole steps are in the lowest bits, which takes less time than a cast.
        // Between two the even one is taken, so that black stays black.
        let steps = color * STEPS as f32 - Vec3A::splat(0.5) + Vec3A::splat(TO_WHOLE);
        let [red, green, blue] = steps
            .to_array()
            .map(|step| table[(step.to_bits() as usize % (2 * STEPS)).min(STEPS)]);
        [red, green, blue, 255]
    };
    colors.into_iter().map(pixel).collect()
}

/// Steps of linear light from 0 to 1.
const STEPS: usize = 8192;

/// The sRGB byte of each step, for powers are slow.
static SRGB: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let byte = |i: usize| {
        let c = i as f32 / STEPS as f32;
        let s = if c <= 0.003_130_8 {
            12.92 * c
        } else {
            1.055 * c.powf(1.0 / 2.4) - 0.055
        };
        (s * 255.0 + 0.5) as u8
    };
    (0..=STEPS).map(byte).collect()
});
