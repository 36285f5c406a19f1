//! What a surface's colour varies by: patterns in space, and pictures.

use std::{fmt, sync::Arc};

use glam::{Vec2, Vec3, vec3};

use crate::noise;

/// A pattern, in metres of the object's own space.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Texture {
    /// One colour.
    None,
    /// A pattern by its name.
    Pattern(Pattern),
    /// A picture on the surface's UV coordinates.
    Picture(Arc<Picture>),
}

macro_rules! patterns {
    ($($variant:ident = $name:literal),* $(,)?) => {
        /// The built-in patterns.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Pattern {
            $($variant),*
        }

        impl Pattern {
            /// Every pattern with its name.
            const ALL: &[(Self, &str)] = &[$((Self::$variant, $name)),*];
        }
    };
}

patterns! {
    Brick = "brick",
    Checker = "checker",
    Fabric = "fabric",
    Fruit = "fruit",
    Marble = "marble",
    Noise = "noise",
    Planks = "planks",
    Speckles = "speckles",
    Stripes = "stripes",
    Terrazzo = "terrazzo",
    Tiles = "tiles",
    Wood = "wood",
}

/// The names that the material property `texture` takes.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    std::iter::once("none").chain(Pattern::ALL.iter().map(|(_, name)| *name))
}

impl Texture {
    /// The texture of a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        if name == "none" {
            return Some(Self::None);
        }
        let found = Pattern::ALL.iter().find(|(_, known)| *known == name)?;
        Some(Self::Pattern(found.0))
    }

    /// The colour at a point: `base` and `accent` mixed by the pattern. `point`
    /// and `normal` are in the object's own axes, metres.
    pub(crate) fn color(&self, base: Vec3, accent: Vec3, at: &TexturePoint<'_>) -> Vec3 {
        match self {
            Self::None => base,
            Self::Pattern(pattern) => pattern.color(base, accent, at),
            Self::Picture(picture) => base * picture.sample((at.uv)()),
        }
    }
}

/// Where a texture is looked up.
#[derive(Clone, Copy)]
pub(crate) struct TexturePoint<'a> {
    /// Metres in the object's own axes, scaled as the object is.
    pub(crate) point: Vec3,
    /// The flat normal in the object's own axes.
    pub(crate) normal: Vec3,
    /// Finds the surface's own coordinates there, which few patterns need.
    pub(crate) uv: &'a dyn Fn() -> Vec2,
    /// How wide a pixel is there, metres.
    pub(crate) width: f32,
}

impl TexturePoint<'_> {
    /// Two coordinates along the surface, by the axis it mostly faces.
    fn flat(&self) -> Vec2 {
        let n = self.normal.abs();
        let p = self.point;
        if n.z >= n.x && n.z >= n.y {
            Vec2::new(p.x, p.y)
        } else if n.x >= n.y {
            Vec2::new(p.y, p.z)
        } else {
            Vec2::new(p.x, p.z)
        }
    }
}

/// 0 below `edge - width`, 1 above `edge + width`, smooth between.
fn step(edge: f32, width: f32, x: f32) -> f32 {
    let t = ((x - edge + width) / (2.0 * width)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

impl Pattern {
    fn color(self, base: Vec3, accent: Vec3, at: &TexturePoint<'_>) -> Vec3 {
        let (p, width) = (at.point, at.width);
        match self {
            Self::Brick => brick(base, accent, at.flat(), width),
            Self::Checker => {
                let at = at.flat() / 0.05;
                let (column, row) = (noise::split(at.x).0, noise::split(at.y).0);
                let odd = noise::fract(0.5 * (column + row)) >= 0.5;
                if odd { accent } else { base }
            }
            Self::Fabric => fabric(base, accent, at.flat()),
            Self::Fruit => {
                let streak = p * vec3(160.0, 160.0, 24.0);
                let (blush, streak) =
                    noise::fractal_and_value((p * 14.0, 3, 14.0 * width), (streak, 160.0 * width));
                let blush = step(0.5, 0.25, blush);
                base.lerp(accent, blush * 0.75 + 0.2 * streak)
            }
            Self::Marble => {
                let warp = noise::fractal(p * 9.0, 4, 9.0 * width) * 1.9;
                let vein = ((p.x * 0.7 + p.y + p.z * 0.4) * 11.0 + warp * 5.0)
                    .sin()
                    .abs();
                let thin = 1.0 - step(0.14, 0.14, vein);
                let cloud = noise::seen_value(p * 40.0, 40.0 * width);
                base.lerp(accent, thin * 0.65) * (0.93 + 0.07 * cloud)
            }
            Self::Noise => base.lerp(accent, noise::fractal(p * 24.0, 3, 24.0 * width)),
            Self::Planks => planks(base, accent, at.flat(), width),
            Self::Speckles => {
                let fine = speckles(p * 420.0, (0.78, 0.05), 420.0 * width);
                let coarse = speckles(p * 170.0, (0.82, 0.04), 170.0 * width);
                base.lerp(accent, (fine * 0.5 + coarse).min(1.0) * 0.8)
            }
            Self::Stripes => {
                let phase = noise::fract(p.z / 0.036);
                let edge = step(0.25, 0.02, (phase - 0.5).abs());
                base.lerp(accent, edge)
            }
            Self::Terrazzo => terrazzo(base, accent, at.flat()),
            Self::Tiles => tiles(base, accent, at.flat(), width),
            Self::Wood => wood(base, accent, p, width),
        }
    }
}

/// Spots where noise exceeds an edge of some softness, as a pixel sees them that
/// is so many of them wide.
fn speckles(p: Vec3, (edge, soft): (f32, f32), width: f32) -> f32 {
    /// The share of a surface that they cover.
    const MEAN: f32 = 0.06;
    let left = noise::left(width);
    if left > 0.0 {
        MEAN + (step(edge, soft, noise::value(p)) - MEAN) * left
    } else {
        MEAN
    }
}

/// Rings of a trunk that lies along X, with fibres.
fn wood(base: Vec3, accent: Vec3, p: Vec3, width: f32) -> Vec3 {
    let (warp, fibre) = noise::fractal_and_value(
        (p * vec3(2.2, 8.0, 8.0), 2, 8.0 * width),
        (p * vec3(14.0, 420.0, 420.0), 420.0 * width),
    );
    let warp = warp - 0.5;
    let radius = Vec2::new(p.y + 0.031, p.z * 0.6 + 0.17).length() + warp * 0.06;
    let ring = noise::fract(radius * 58.0);
    let grain = ring * ring * (1.0 - step(0.92, 0.07, ring));
    base.lerp(accent, grain * 0.42 + fibre * 0.28) * (0.92 + 0.2 * warp)
}

/// Boards along X, 11 cm wide, each from another place of the trunk.
fn planks(base: Vec3, accent: Vec3, p: Vec2, width: f32) -> Vec3 {
    const WIDTH: f32 = 0.11;
    let (row, across) = noise::split(p.y / WIDTH);
    let shade = noise::cell(vec3(row, 3.0, 7.0));
    // Ends of boards are offset from row to row.
    let along = p.x / 1.3 + shade * 5.0;
    let (number, from_end) = noise::split(along);
    let from_end = from_end * 1.3;
    let board = vec3(row, number, 1.0);
    let tone = 0.78 + 0.34 * noise::cell(board);
    let shift = noise::cell(board * 3.0) * 9.0;
    let grain = wood(
        base,
        accent,
        vec3(p.x + shift, (across - 0.5) * WIDTH + shift, shift),
        width,
    );
    let gap = step(0.028, 0.012, across.min(1.0 - across)) * step(0.004, 0.002, from_end);
    grain * tone * (0.22 + 0.78 * gap)
}

/// A running bond of bricks 21 x 6.5 cm, with mortar in the accent colour.
fn brick(base: Vec3, accent: Vec3, p: Vec2, width: f32) -> Vec3 {
    let (row, y) = noise::split(p.y / 0.075);
    // Every other row is half a brick on.
    let (column, x) = noise::split(p.x / 0.22 + noise::fract(0.5 * row));
    let (pores, rough) = noise::fractal_and_value(
        (vec3(p.x, p.y, 1.5) * 45.0, 2, 45.0 * width),
        (vec3(p.x, p.y, 0.5) * 60.0, 60.0 * width),
    );
    let rough = (rough - 0.5) * 0.05;
    let inside = step(0.025, 0.012, x.min(1.0 - x) + rough * 0.4)
        * step(0.075, 0.03, y.min(1.0 - y) + rough);
    let tone = 0.65 + 0.6 * noise::cell(vec3(column, row, 2.0));
    accent.lerp(base * tone * (0.82 + 0.3 * pores), inside)
}

/// Square stone slabs of 40 cm with joints in the accent colour.
fn tiles(base: Vec3, accent: Vec3, p: Vec2, width: f32) -> Vec3 {
    let ((column, x), (row, y)) = (noise::split(p.x / 0.4), noise::split(p.y / 0.4));
    let (cell, inside) = (Vec2::new(column, row), Vec2::new(x, y));
    let edge = inside.min(Vec2::ONE - inside).min_element();
    let tone = 0.8 + 0.3 * noise::cell(vec3(cell.x, cell.y, 5.0));
    let stain = 0.8 + 0.4 * noise::fractal(vec3(p.x, p.y, cell.x * 7.0) * 6.0, 3, 6.0 * width);
    let joint = step(0.012, 0.004, edge);
    accent.lerp(base * tone * stain, joint)
}

/// Chips of stone in cement, in shades of the accent colour.
fn terrazzo(base: Vec3, accent: Vec3, p: Vec2) -> Vec3 {
    let grid = p / 0.018;
    let home = Vec2::new(noise::split(grid.x).0, noise::split(grid.y).0);
    let (mut nearest, mut kind) = (f32::INFINITY, 0.0);
    for dy in -1..=1 {
        for dx in -1..=1 {
            let at = home + Vec2::new(dx as f32, dy as f32);
            let jitter = Vec2::new(
                noise::cell(vec3(at.x, at.y, 0.0)),
                noise::cell(vec3(at.x, at.y, 9.0)),
            );
            let distance = (at + jitter - grid).length();
            if distance < nearest {
                nearest = distance;
                kind = noise::cell(vec3(at.x, at.y, 21.0));
            }
        }
    }
    let chip = 1.0 - step(0.18 + 0.25 * kind, 0.03, nearest);
    base.lerp(accent * (0.45 + 0.9 * kind), chip)
}

/// A woven check, like a tea towel.
fn fabric(base: Vec3, accent: Vec3, p: Vec2) -> Vec3 {
    let stripe = |x: f32| step(0.5, 0.02, noise::fract(x / 0.05)) * 0.5;
    let weave = 0.9 + 0.1 * ((p.x * 2400.0).sin() * (p.y * 2400.0).sin());
    base.lerp(accent, stripe(p.x) + stripe(p.y)) * weave
}

/// A picture in linear colour.
#[derive(PartialEq)]
pub(crate) struct Picture {
    width: u32,
    height: u32,
    texels: Vec<[f32; 3]>,
}

impl Picture {
    /// From sRGB texels, row by row; at least one.
    pub(crate) fn from_srgb(image: &image::RgbImage) -> Self {
        let linear = |pixel: &image::Rgb<u8>| {
            pixel
                .0
                .map(|byte| crate::material::srgb_to_linear(f32::from(byte) / 255.0))
        };
        Self {
            width: image.width(),
            height: image.height(),
            texels: image.pixels().map(linear).collect(),
        }
    }

    /// Bilinear, repeating.
    fn sample(&self, uv: Vec2) -> Vec3 {
        let size = Vec2::new(self.width as f32, self.height as f32);
        let at = (uv - uv.floor()) * size - Vec2::splat(0.5);
        let floor = at.floor();
        let f = at - floor;
        let texel = |dx: i64, dy: i64| {
            let x = (floor.x as i64 + dx).rem_euclid(i64::from(self.width));
            let y = (floor.y as i64 + dy).rem_euclid(i64::from(self.height));
            Vec3::from(self.texels[(y * i64::from(self.width) + x) as usize])
        };
        let top = texel(0, 0).lerp(texel(1, 0), f.x);
        let bottom = texel(0, 1).lerp(texel(1, 1), f.x);
        top.lerp(bottom, f.y)
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({}x{})", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_shows_more_than_one_colour() {
        for &(pattern, name) in Pattern::ALL {
            let colors: Vec<Vec3> = (0..400)
                .map(|i| {
                    let at = TexturePoint {
                        point: vec3(
                            i as f32 * 0.0071,
                            (i % 20) as f32 * 0.0173,
                            i as f32 * 0.003,
                        ),
                        normal: Vec3::Z,
                        uv: &|| Vec2::ZERO,
                        width: 0.0,
                    };
                    pattern.color(Vec3::splat(0.8), Vec3::splat(0.1), &at)
                })
                .collect();
            let low = colors.iter().fold(f32::MAX, |a, c| a.min(c.y));
            let high = colors.iter().fold(f32::MIN, |a, c| a.max(c.y));
            assert!(high - low > 0.1, "{name} is flat: {low} to {high}");
            assert!(low >= 0.0 && high < 1.6, "{name}: {low} to {high}");
        }
    }

    #[test]
    fn a_picture_repeats_and_blends() {
        let mut image = image::RgbImage::new(2, 1);
        image.put_pixel(1, 0, image::Rgb([255, 255, 255]));
        let picture = Picture::from_srgb(&image);
        assert_eq!(picture.sample(Vec2::new(0.25, 0.5)), Vec3::ZERO);
        assert_eq!(picture.sample(Vec2::new(1.75, 0.5)), Vec3::ONE);
        let middle = picture.sample(Vec2::new(0.5, 0.5)).x;
        assert!((middle - 0.5).abs() < 1e-5, "{middle}");
    }
}
