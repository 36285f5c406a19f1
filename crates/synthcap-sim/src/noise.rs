//! Randomness without state: hashes of coordinates, and noise made of them.

use glam::Vec3;

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

/// Smooth noise with features of size 1, 0 to 1.
pub(crate) fn value(p: Vec3) -> f32 {
    let (x, y, z) = (floor(p.x), floor(p.y), floor(p.z));
    // Far out, where floats have no fractions, this must still be one.
    let f = (p - Vec3::new(x as f32, y as f32, z as f32)).clamp(Vec3::ZERO, Vec3::ONE);
    let s = f * f * (Vec3::splat(3.0) - 2.0 * f);
    let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
    let (x, y, z) = (spread(x, 0), spread(y, 1), spread(z, 2));
    let x1 = x.wrapping_add(SPREAD[0]);
    let y1 = y.wrapping_add(SPREAD[1]);
    let z1 = z.wrapping_add(SPREAD[2]);
    let row = |y, z| mix(lattice(x, y, z), lattice(x1, y, z), s.x);
    mix(
        mix(row(y, z), row(y1, z), s.y),
        mix(row(y, z1), row(y1, z1), s.y),
        s.z,
    )
}

/// Noise with detail at several sizes, 0 to 1.
pub(crate) fn fractal(p: Vec3, octaves: u32) -> f32 {
    let (mut sum, mut weight, mut total, mut at) = (0.0, 0.5, 0.0, p);
    for _ in 0..octaves {
        sum += weight * value(at);
        total += weight;
        weight *= 0.5;
        // Not a whole factor, so that the grids of the octaves don't line up.
        at = at * 2.03 + Vec3::splat(17.7);
    }
    sum / total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_stays_in_its_range_and_varies() {
        let samples: Vec<f32> = (0..2000)
            .map(|i| fractal(Vec3::new(i as f32 * 0.37, i as f32 * -0.11, 3.0), 4))
            .collect();
        assert!(samples.iter().all(|s| (0.0..=1.0).contains(s)));
        let spread = samples.iter().fold(0.0_f32, |a, s| a.max((s - 0.5).abs()));
        assert!(spread > 0.15, "{spread}");
    }

    #[test]
    fn far_away_points_do_not_overflow() {
        assert!(value(Vec3::splat(1e30)).is_finite());
        assert!(value(Vec3::splat(-1e30)).is_finite());
    }
}
