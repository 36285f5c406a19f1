//! The plain solids: boxes, balls, cylinders and the like.

use std::f32::consts::{FRAC_PI_2, PI, TAU};

use glam::{Vec2, Vec3};

use super::{
    builder::{Solid, Vertex},
    lathe::{arc, edge_steps, lathe},
};

/// A box around the origin whose edges are rounded by `radius` (0: sharp).
pub(crate) fn block(half_extent: Vec3, radius: f32) -> Solid {
    let radius = radius.min(half_extent.min_element());
    let steps = edge_steps(radius);
    let inner = half_extent - Vec3::splat(radius);
    // Grid lines lie close together on the rounded rim and only there.
    let lines = |half: f32| -> Vec<f32> {
        if radius <= 0.0 {
            return vec![-half, half];
        }
        let rim = (0..=steps).map(|i| {
            let angle = i as f32 / steps as f32 * PI / 4.0;
            // Sides must meet to the bit.
            if i == steps {
                half
            } else {
                half - radius + radius * angle.tan()
            }
        });
        let rim: Vec<f32> = rim.collect();
        let low = rim.iter().rev().map(|x| -x);
        low.chain(rim.iter().copied()).collect()
    };
    let mut solid = Solid::default();
    for axis in 0..3 {
        let (b, c) = ((axis + 1) % 3, (axis + 2) % 3);
        let (columns, rows) = (lines(half_extent[b]), lines(half_extent[c]));
        for sign in [-1.0_f32, 1.0] {
            let side = Solid::grid(columns.len() - 1, rows.len() - 1, |i, j| {
                let mut on_box = Vec3::ZERO;
                on_box[axis] = sign * half_extent[axis];
                on_box[b] = columns[i];
                on_box[c] = rows[j];
                let center = on_box.clamp(-inner, inner);
                let mut flat = Vec3::ZERO;
                flat[axis] = sign;
                let out = (on_box - center).try_normalize();
                let normal = if radius > 0.0 {
                    out.unwrap_or(flat)
                } else {
                    flat
                };
                let position = if radius > 0.0 {
                    center + normal * radius
                } else {
                    on_box
                };
                Vertex {
                    position,
                    normal,
                    uv: Vec2::new(
                        on_box[b] / half_extent[b] * 0.5 + 0.5,
                        on_box[c] / half_extent[c] * 0.5 + 0.5,
                    ),
                }
            });
            solid = solid.with(if sign < 0.0 { side.turned() } else { side });
        }
    }
    solid
}

/// A ball around the origin.
pub(crate) fn ball(radius: f32, segments: usize) -> Solid {
    let profile: Vec<_> = arc((0.0, 0.0), radius, -FRAC_PI_2, FRAC_PI_2, segments / 2).collect();
    lathe(&profile, segments)
}

/// A cylinder along Z around the origin, its rims rounded by `rim`.
pub(crate) fn cylinder(radius: f32, half_height: f32, rim: f32, segments: usize) -> Solid {
    let (r, h) = (radius - rim, half_height - rim);
    let mut profile = vec![(0.0, -half_height)];
    if rim > 0.0 {
        let steps = 2 * edge_steps(rim);
        profile.extend(arc((r, -h), rim, -FRAC_PI_2, 0.0, steps));
        profile.extend(arc((r, h), rim, 0.0, FRAC_PI_2, steps));
    } else {
        profile.extend([(radius, -half_height), (radius, half_height)]);
    }
    profile.push((0.0, half_height));
    lathe(&profile, segments)
}

/// A cone along Z around the origin, with its tip up.
pub(crate) fn cone(radius: f32, half_height: f32, segments: usize) -> Solid {
    let profile = [
        (0.0, -half_height),
        (radius, -half_height),
        (0.0, half_height),
    ];
    lathe(&profile, segments)
}

/// A capsule along Z around the origin; `half_height` is that of its straight
/// part.
pub(crate) fn capsule(radius: f32, half_height: f32, segments: usize) -> Solid {
    let steps = segments / 4;
    let mut profile: Vec<_> = arc((0.0, -half_height), radius, -FRAC_PI_2, 0.0, steps).collect();
    profile.extend(arc((0.0, half_height), radius, 0.0, FRAC_PI_2, steps));
    lathe(&profile, segments)
}

/// A ring around Z at the origin.
pub(crate) fn torus(ring: f32, radius: f32, segments: usize, around: usize) -> Solid {
    Solid::grid(segments, around, |column, row| {
        let turn = (column % segments) as f32 / segments as f32 * TAU;
        let tilt = (row % around) as f32 / around as f32 * TAU;
        let out = Vec3::new(turn.cos(), turn.sin(), 0.0);
        let normal = out * tilt.cos() + Vec3::Z * tilt.sin();
        Vertex {
            position: out * ring + normal * radius,
            normal,
            uv: Vec2::new(column as f32 / segments as f32, row as f32 / around as f32),
        }
    })
}

/// A pyramid with a square base around the origin, with its tip up.
pub(crate) fn pyramid(half_width: f32, half_height: f32) -> Solid {
    let tip = Vec3::new(0.0, 0.0, half_height);
    let corner = |i: usize| {
        let (x, y) = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)][i % 4];
        Vec3::new(x * half_width, y * half_width, -half_height)
    };
    // A normal of zero asks for the flat one.
    let vertex = |position: Vec3| Vertex {
        position,
        normal: Vec3::ZERO,
        uv: Vec2::new(position.x, position.y) / (2.0 * half_width) + 0.5,
    };
    let mut triangles: Vec<_> = (0..4)
        .map(|i| [corner(i), corner(i + 1), tip].map(vertex))
        .collect();
    triangles.push([corner(0), corner(2), corner(1)].map(vertex));
    triangles.push([corner(0), corner(3), corner(2)].map(vertex));
    Solid { triangles }
}
