//! Randomness without state: hashes of coordinates, and noise made of them.

use std::sync::LazyLock;

use glam::{Vec3, Vec3A, Vec4};

/// A well-mixed number from a number (the finaliser of MurmurHash3, twice fed).
pub(crate) fn hash(x: u32) -> u32 {
    let mut h = x.wrapping_add(0x9e37_79b9);
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

/// From 0 up to 1.
pub(crate) fn unit(h: u32) -> f32 {
    (h >> 8) as f32 / (1 << 24) as f32
}

const SPREAD: [u32; 3] = [0x8da6_b343, 0xd816_3841, 0xcb1a_b31f];

/// One number of the grid, from its coordinates times [`SPREAD`].
#[inline(always)]
fn lattice(x: u32, y: u32, z: u32) -> f32 {
    let mut h = x.wrapping_add(y) ^ z;
    h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ (h >> 13)).wrapping_mul(0x297a_2d39);
    unit(h ^ (h >> 16))
}

/// The whole number below, which is faster than the library's way to it.
#[inline(always)]
fn floor(x: f32) -> i32 {
    let near = x as i32;
    near.saturating_sub(i32::from(x < near as f32))
}

#[inline(always)]
fn spread(x: i32, axis: usize) -> u32 {
    (x as u32).wrapping_mul(SPREAD[axis])
}

/// A random number for each cell of the integer grid, 0 to 1.
pub(crate) fn cell(p: Vec3) -> f32 {
    lattice(
        spread(floor(p.x), 0),
        spread(floor(p.y), 1),
        spread(floor(p.z), 2),
    )
}

/// Numbers of the grid in each direction until they repeat.
const PERIOD: usize = 32;

/// Places of the grid before they repeat in all directions.
const PLACES: usize = PERIOD * PERIOD * PERIOD;

/// For each place of the grid, row by row and layer by layer, a random byte and
/// those of its neighbours along X, along Y, and along both: one look-up gives four
/// numbers, and takes less time than hashing one.
static GRID: LazyLock<Box<[u32]>> = LazyLock::new(|| {
    let byte = |x: usize, y: usize, z: usize| {
        let (x, y) = (x % PERIOD, y % PERIOD);
        hash(((z * PERIOD + y) * PERIOD + x) as u32) >> 24
    };
    let quad = |i: usize| {
        let (x, y, z) = (i % PERIOD, i / PERIOD % PERIOD, i / PERIOD / PERIOD);
        byte(x, y, z)
            | byte(x + 1, y, z) << 8
            | byte(x, y + 1, z) << 16
            | byte(x + 1, y + 1, z) << 24
    };
    (0..PLACES).map(quad).collect()
});

/// Added to a number, this leaves its whole part in the lowest bits.
const TO_WHOLE: f32 = 1.5 * (1 << 23) as f32;

/// Smooth noise with features of size 1, 0 to 1.
pub(crate) fn value(p: Vec3) -> f32 {
    let Ok(grid) = <&[u32; PLACES]>::try_from(&**GRID) else {
        return 0.5;
    };
    let p = Vec3A::from(p);
    let whole = p - Vec3A::splat(0.5) + Vec3A::splat(TO_WHOLE);
    // Far out, where floats have no fractions, this must still be one.
    let f = (p - (whole - Vec3A::splat(TO_WHOLE))).clamp(Vec3A::ZERO, Vec3A::ONE);
    let s = f * f * (Vec3A::splat(3.0) - 2.0 * f);
    let [x, y, z] = whole.to_array().map(|x| x.to_bits() as usize);
    let at = |z: usize| {
        let place = (z % PERIOD * PERIOD + y % PERIOD) * PERIOD + x % PERIOD;
        let byte = |shift: u32| (grid[place] >> shift & 0xff) as i32 as f32;
        Vec4::new(byte(0), byte(8), byte(16), byte(24))
    };
    let face = at(z).lerp(at(z.wrapping_add(1)), s.z);
    let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
    mix(mix(face.x, face.y, s.x), mix(face.z, face.w, s.x), s.y) / 255.0
}

/// How much of noise is left where a pixel is so many of its features wide: what
/// is finer than pixels only glitters.
pub(crate) fn left(width: f32) -> f32 {
    let t = ((1.3 - width) / 0.8).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// [`value`] as a pixel sees it that is so many features wide.
pub(crate) fn seen_value(p: Vec3, width: f32) -> f32 {
    let left = left(width);
    if left > 0.0 {
        0.5 + (value(p) - 0.5) * left
    } else {
        0.5
    }
}

/// Noise with detail at several sizes, the largest 1, as a pixel sees it that is
/// so many of these wide; 0 to 1.
pub(crate) fn fractal(p: Vec3, octaves: u32, width: f32) -> f32 {
    // Not a whole factor, so that the grids of the octaves don't line up.
    const FINER: f32 = 2.03;
    let (mut sum, mut weight, mut total) = (0.0, 0.5, 0.0);
    let (mut at, mut width) = (p, width);
    for _ in 0..octaves {
        sum += weight * seen_value(at, width);
        total += weight;
        weight *= 0.5;
        at = at * FINER + Vec3::splat(17.7);
        width *= FINER;
    }
    sum / total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_stays_in_its_range_and_varies() {
        let samples: Vec<f32> = (0..2000)
            .map(|i| fractal(Vec3::new(i as f32 * 0.37, i as f32 * -0.11, 3.0), 4, 0.0))
            .collect();
        assert!(samples.iter().all(|s| (0.0..=1.0).contains(s)));
        let spread = samples.iter().fold(0.0_f32, |a, s| a.max((s - 0.5).abs()));
        assert!(spread > 0.15, "{spread}");
    }

    #[test]
    fn pixels_wider_than_features_see_their_mean() {
        let p = Vec3::new(0.3, 7.9, 2.2);
        assert_eq!(fractal(p, 3, 2.0), 0.5);
        assert_eq!(seen_value(p, 0.1), value(p));
    }

    #[test]
    fn far_away_points_do_not_overflow() {
        assert!(value(Vec3::splat(1e30)).is_finite());
        assert!(value(Vec3::splat(-1e30)).is_finite());
    }
}
