//! Surfaces of revolution, and tubes along a path.

use std::f32::consts::{FRAC_PI_2, FRAC_PI_4, TAU};

use glam::{Vec2, Vec3};

use super::builder::{Solid, Vertex};

/// Neighbouring pieces of a profile that turn by less than this are one smooth
/// surface; a sharper turn is an edge. Cosine of 35 degrees.
const CREASE_COS: f32 = 0.82;

/// How far a flat piece may lie from the round shape that it stands for, metres: too
/// little to see from any distance at which a whole thing is in the picture.
const ROUNDNESS_M: f32 = 1e-4;

/// How many flat pieces a circle needs to look round.
pub(crate) fn around(radius: f32) -> usize {
    // A whole number of them in each quarter.
    pieces(FRAC_PI_2, radius).max(2) * 4
}

/// How many flat pieces a rounded edge needs in an eighth of a turn.
pub(crate) fn edge_steps(radius: f32) -> usize {
    pieces(FRAC_PI_4, radius)
}

/// How many flat pieces a part of a circle needs, an angle in radians; at least one.
fn pieces(angle: f32, radius: f32) -> usize {
    let half_turn = (1.0 - ROUNDNESS_M / radius.max(2.0 * ROUNDNESS_M)).acos();
    (angle / (2.0 * half_turn)).ceil() as usize
}

/// Turns a profile of (radius, height) pairs, metres, around the Z axis. The
/// outside lies to the right of the way from the first point to the last, so a
/// profile that runs upward on the outside has its normals outward.
pub(crate) fn lathe(profile: &[(f32, f32)], segments: usize) -> Solid {
    let points: Vec<Vec2> = profile.iter().map(|&(r, z)| Vec2::new(r, z)).collect();
    let normals: Vec<Vec2> = points
        .windows(2)
        .map(|w| {
            let along = w[1] - w[0];
            Vec2::new(along.y, -along.x).normalize_or_zero()
        })
        .collect();
    let joined = |here: Vec2, neighbour: Option<&Vec2>| match neighbour {
        Some(&n) if n.dot(here) > CREASE_COS => (here + n).normalize(),
        _ => here,
    };
    let mut solid = Solid::default();
    for (i, &normal) in normals.iter().enumerate() {
        if normal == Vec2::ZERO {
            continue;
        }
        let start = joined(normal, i.checked_sub(1).and_then(|p| normals.get(p)));
        let end = joined(normal, normals.get(i + 1));
        let ring = [(points[i], start), (points[i + 1], end)];
        solid = solid.with(Solid::grid(segments, 1, |column, row| {
            let (point, normal) = ring[row];
            // The last column is the first again, to the bit.
            let share = (column % segments) as f32 / segments as f32;
            let (sin, cos) = (share * TAU).sin_cos();
            Vertex {
                position: Vec3::new(cos * point.x, sin * point.x, point.y),
                normal: Vec3::new(cos * normal.x, sin * normal.x, normal.y),
                uv: Vec2::new(column as f32 / segments as f32, (i + row) as f32),
            }
        }));
    }
    solid
}

/// Points of an arc in a profile: around `center`, from one angle to another
/// (radians, 0 along the radius, a quarter turn upward).
pub(crate) fn arc(
    center: (f32, f32),
    radius: f32,
    from: f32,
    to: f32,
    steps: usize,
) -> impl Iterator<Item = (f32, f32)> {
    (0..=steps).map(move |i| {
        let angle = from + (to - from) * i as f32 / steps as f32;
        let r = center.0 + radius * angle.cos();
        // Rounding must not leave a hole, or a fold, at the axis.
        let r = if r < 1e-6 { 0.0 } else { r };
        (r, center.1 + radius * angle.sin())
    })
}

/// The points on a smooth curve through the given ones (radius, height).
pub(crate) fn smooth_profile(through: &[(f32, f32)], steps: usize) -> Vec<(f32, f32)> {
    let at = |i: isize| {
        let i = i.clamp(0, through.len() as isize - 1) as usize;
        Vec2::new(through[i].0, through[i].1)
    };
    let mut points = Vec::with_capacity(through.len() * steps);
    for i in 0..through.len() as isize - 1 {
        for step in 0..steps {
            let p = catmull_rom([at(i - 1), at(i), at(i + 1), at(i + 2)], step, steps);
            points.push((p.x.max(0.0), p.y));
        }
    }
    points.extend(through.last());
    points
}

fn catmull_rom([a, b, c, d]: [Vec2; 4], step: usize, steps: usize) -> Vec2 {
    let t = step as f32 / steps as f32;
    let (t2, t3) = (t * t, t * t * t);
    0.5 * (2.0 * b
        + (c - a) * t
        + (2.0 * a - 5.0 * b + 4.0 * c - d) * t2
        + (3.0 * b - a - 3.0 * c + d) * t3)
}

/// A tube along a path that stays in one plane, whose normal is `side`; with a
/// radius for each point of the path. The ends are open unless their radius is 0.
pub(crate) fn tube(path: &[Vec3], radii: &[f32], side: Vec3, around: usize) -> Solid {
    let direction = |i: usize| {
        let (before, after) = (i.saturating_sub(1), (i + 1).min(path.len() - 1));
        (path[after] - path[before]).normalize_or_zero()
    };
    Solid::grid(around, path.len() - 1, |column, row| {
        let up = direction(row).cross(side).normalize_or_zero();
        let (sin, cos) = ((column % around) as f32 / around as f32 * TAU).sin_cos();
        let normal = side * cos + up * sin;
        Vertex {
            position: path[row] + normal * radii[row],
            normal,
            uv: Vec2::new(column as f32 / around as f32, row as f32),
        }
    })
}
