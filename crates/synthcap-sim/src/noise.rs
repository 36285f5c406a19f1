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

fn lattice(x: i32, y: i32, z: i32) -> f32 {
    let mixed = (x as u32).wrapping_mul(0x8da6_b343)
        ^ (y as u32).wrapping_mul(0xd816_3841)
        ^ (z as u32).wrapping_mul(0xcb1a_b31f);
    unit(hash(mixed))
}

/// A random number for each cell of the integer grid, 0 to 1.
pub(crate) fn cell(p: Vec3) -> f32 {
    let p = p.floor();
    lattice(p.x as i32, p.y as i32, p.z as i32)
}

/// Smooth noise with features of size 1, 0 to 1.
pub(crate) fn value(p: Vec3) -> f32 {
    let floor = p.floor();
    let f = p - floor;
    let s = f * f * (Vec3::splat(3.0) - 2.0 * f);
    let (x, y, z) = (floor.x as i32, floor.y as i32, floor.z as i32);
    let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
    // Saturated coordinates far out must not overflow.
    let (x1, y1, z1) = (x.wrapping_add(1), y.wrapping_add(1), z.wrapping_add(1));
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
