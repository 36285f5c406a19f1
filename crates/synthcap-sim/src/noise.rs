//! Randomness without state: hashes of coordinates, and noise made of them.

use std::sync::LazyLock;

use glam::{Vec3, Vec4};

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

/// Added to a number, this leaves its whole part in the lowest bits.
pub(crate) const TO_WHOLE: f32 = 1.5 * (1 << 23) as f32;

/// The whole number in what was added to [`TO_WHOLE`]; of negative ones the lowest bits.
#[inline(always)]
pub(crate) fn whole(shifted: f32) -> u32 {
    shifted.to_bits().wrapping_sub(TO_WHOLE.to_bits())
}

/// The whole number below, and its lowest bits, which is faster than the library's way
/// to it. Numbers beyond four million may get one that is further below, or above.
#[inline(always)]
fn floor(x: f32) -> (f32, i32) {
    let shifted = x + TO_WHOLE;
    let near = shifted - TO_WHOLE;
    let bits = whole(shifted) as i32;
    if near > x {
        (near - 1.0, bits.wrapping_sub(1))
    } else {
        (near, bits)
    }
}

/// A number without its whole part: 0 up to 1.
#[inline(always)]
pub(crate) fn fract(x: f32) -> f32 {
    x - floor(x).0
}

/// A number's whole part, as one that is never greater, and the rest.
#[inline(always)]
pub(crate) fn split(x: f32) -> (f32, f32) {
    let whole = floor(x).0;
    (whole, x - whole)
}

#[inline(always)]
fn spread(x: i32, axis: usize) -> u32 {
    (x as u32).wrapping_mul(SPREAD[axis])
}

/// A random number for each cell of the integer grid, 0 to 1.
pub(crate) fn cell(p: Vec3) -> f32 {
    lattice(
        spread(floor(p.x).1, 0),
        spread(floor(p.y).1, 1),
        spread(floor(p.z).1, 2),
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

/// Smooth noise with features of size 1, 0 to 1.
pub(crate) fn value(p: Vec3) -> f32 {
    values(Vec4::splat(p.x), Vec4::splat(p.y), Vec4::splat(p.z)).x
}

/// [`value`] at four places at once.
#[inline]
fn values(x: Vec4, y: Vec4, z: Vec4) -> Vec4 {
    let Ok(grid) = <&[u32; PLACES]>::try_from(&**GRID) else {
        return Vec4::splat(0.5);
    };
    let ([x, y, z], [across, along, up]) = {
        let [x, y, z] = [x, y, z].map(cell_and_share);
        ([x.0, y.0, z.0], [x.1, y.1, z.1])
    };
    let quads = |layer: u32| -> [u32; 4] {
        const PERIOD: u32 = self::PERIOD as u32;
        let place: [u32; 4] = std::array::from_fn(|i| {
            let z = z[i].wrapping_add(layer) % PERIOD;
            (z * PERIOD + y[i] % PERIOD) * PERIOD + x[i] % PERIOD
        });
        place.map(|place| grid[place as usize % PLACES])
    };
    let face = |quads: [u32; 4]| {
        let byte = |shift: u32| Vec4::from_array(quads.map(|q| (q >> shift & 0xff) as i32 as f32));
        let low = mix(byte(0), byte(8), across);
        mix(low, mix(byte(16), byte(24), across), along)
    };
    mix(face(quads(0)), face(quads(1)), up) / 255.0
}

/// For each number the cell that it lies in, of which the lowest bits count, and a
/// smooth share of the way to the next.
#[inline(always)]
fn cell_and_share(x: Vec4) -> ([u32; 4], Vec4) {
    let whole = x - Vec4::splat(0.5) + Vec4::splat(TO_WHOLE);
    // Far out, where floats have no fractions, this must still be one.
    let f = (x - (whole - Vec4::splat(TO_WHOLE))).clamp(Vec4::ZERO, Vec4::ONE);
    let cells = whole.to_array().map(f32::to_bits);
    (cells, f * f * (Vec4::splat(3.0) - 2.0 * f))
}

#[inline(always)]
fn mix(a: Vec4, b: Vec4, share: Vec4) -> Vec4 {
    a + (b - a) * share
}

/// How much of noise is left where a pixel is so many of its features wide: what
/// is finer than pixels only glitters.
pub(crate) fn left(width: f32) -> f32 {
    left_of_each(Vec4::splat(width)).x
}

/// [`left`] of four widths.
#[inline(always)]
fn left_of_each(widths: Vec4) -> Vec4 {
    let t = ((Vec4::splat(1.3) - widths) / 0.8).clamp(Vec4::ZERO, Vec4::ONE);
    t * t * (Vec4::splat(3.0) - 2.0 * t)
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

/// How much finer each octave is than the one before. Not a whole number, so that the
/// grids of the octaves don't line up.
const FINER: f32 = 2.03;
/// By how much octaves are shifted against each other.
const SHIFT: f32 = 17.7;
/// Scales of four octaves, and their shifts.
const SCALES: Vec4 = Vec4::new(1.0, FINER, FINER * FINER, FINER * FINER * FINER);
const SHIFTS: Vec4 = Vec4::new(
    0.0,
    SHIFT,
    SHIFT * (1.0 + FINER),
    SHIFT * (1.0 + FINER + FINER * FINER),
);

/// Noise with detail at several sizes (up to four), the largest 1, as a pixel sees it
/// that is so many of these wide; 0 to 1.
pub(crate) fn fractal(p: Vec3, octaves: usize, width: f32) -> f32 {
    let left = left_of_each(width * SCALES);
    // The finer ones vanish first.
    if left.x == 0.0 {
        return 0.5;
    }
    let [x, y, z] = at_octaves(p);
    let weights = shares(octaves) * left;
    0.5 + weights.dot(values(x, y, z) - Vec4::splat(0.5))
}

/// [`fractal`] of up to three octaves at one place, and [`seen_value`] at another, in
/// the time of one of them.
pub(crate) fn fractal_and_value(
    (p, octaves, width): (Vec3, usize, f32),
    (other, other_width): (Vec3, f32),
) -> (f32, f32) {
    let left = left_of_each((width * SCALES).with_w(other_width));
    if left.x == 0.0 && left.w == 0.0 {
        return (0.5, 0.5);
    }
    let [mut x, mut y, mut z] = at_octaves(p);
    (x.w, y.w, z.w) = other.into();
    let values = values(x, y, z) - Vec4::splat(0.5);
    let weights = shares(octaves).with_w(0.0) * left;
    (0.5 + weights.dot(values), 0.5 + values.w * left.w)
}

fn at_octaves(p: Vec3) -> [Vec4; 3] {
    p.to_array().map(|x| x * SCALES + SHIFTS)
}

/// What each of up to four octaves counts.
#[inline(always)]
fn shares(octaves: usize) -> Vec4 {
    match octaves {
        1 => Vec4::X,
        2 => Vec4::new(2.0, 1.0, 0.0, 0.0) / 3.0,
        3 => Vec4::new(4.0, 2.0, 1.0, 0.0) / 7.0,
        _ => Vec4::new(8.0, 4.0, 2.0, 1.0) / 15.0,
    }
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
