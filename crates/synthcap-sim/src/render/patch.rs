//! Parts of an image over which light changes evenly, so that it is found at four
//! corners. Colour is looked up for each pixel, and so is where the sun's light
//! ends.

use std::f32::consts::PI;

use glam::{Vec3A, Vec4};

use super::{
    Block,
    color::{Picture, contrast, tone},
    face::Faces,
    shade::{Air, Cone, Likely, Lit, Scattered, Surface, sky_seen},
    sight::{Question, Sight},
};
use crate::{camera::pixel_center, even::Even};

/// Corners of one patch are turned from each other by no more than this cosine.
const TURNED_COS: f32 = 0.9;
/// Light on a grey surface differs by no more than this between corners, and what
/// is mirrored by no more than that; shares of white, as the eye sees it.
const EVEN: f32 = 0.16;
const EVEN_MIRRORED: f32 = 0.04;
/// The sun may make a highlight on smooth things where the half-way direction
/// between it and the viewer is turned by less than this cosine from the normal.
const HIGHLIGHT_COS: f32 = 0.88;
/// Rougher things have no highlights small enough to fall between corners.
const HIGHLIGHT_ROUGHNESS: f32 = 0.6;

/// All light at a point that does not depend on the surface's colour.
#[derive(Clone, Copy, Debug)]
struct Light {
    sun: Scattered,
    /// Diffuse light of the whole sky.
    sky: Vec3A,
    open: f32,
    mirrored: Vec3A,
    air: Air,
    /// How wide a pixel is there, metres.
    width: f32,
}

impl Light {
    fn lerp(&self, other: &Self, t: f32) -> Self {
        let mix = |a: f32, b: f32| a + (b - a) * t;
        Self {
            sun: Scattered {
                diffuse: self.sun.diffuse.lerp(other.sun.diffuse, t),
                glossy: self.sun.glossy.lerp(other.sun.glossy, t),
            },
            sky: self.sky.lerp(other.sky, t),
            open: mix(self.open, other.open),
            mirrored: self.mirrored.lerp(other.mirrored, t),
            air: Air {
                haze: self.air.haze.lerp(other.air.haze, t),
                left: mix(self.air.left, other.air.left),
            },
            width: mix(self.width, other.width),
        }
    }

    /// Radiance towards the viewer from a surface of a colour.
    fn radiance(&self, color: Vec3A, emissive: Vec3A, sunlit: bool) -> Vec3A {
        let sky = color * self.sky * sky_seen(color, self.open);
        let mut sum = emissive + sky + self.mirrored;
        if sunlit {
            sum += color * self.sun.diffuse + self.sun.glossy;
        }
        self.air.haze.lerp(sum, self.air.left)
    }
}

/// A part of an image that shows one surface in even light.
#[derive(Debug)]
pub(super) struct Patch {
    block: Block,
    /// In the block's left upper, right upper, left lower and right lower pixel.
    light: [Light; 4],
    emissive: Vec3A,
    /// Whether the sun shines, for each pixel; empty where it shines on none.
    sun: Vec<Question>,
}

impl Patch {
    /// `None` when there is none. Only in a `small` block may the surface be round,
    /// or a mirror.
    pub(super) fn find(
        picture: &Picture<'_>,
        block: &Block,
        small: bool,
        (sight, likely, faces): (&mut Sight, &mut Likely, &mut Faces<'_>),
    ) -> Option<Self> {
        let (shot, shader) = (picture.shot, picture.shader);
        let flat = shot.is_flat(block);
        (flat || small && shot.is_one_surface(block)).then_some(())?;
        let corners = corners(block);
        let surfaces = corners.map(|(x, y)| picture.surface(x, y, faces));
        let [first, ..] = &surfaces;
        let dull = first.is_dull();
        let facing = shader.faces_sun(&first.spot);
        let alike = |s: &Surface| {
            s.metallic == 0.0
                && shader.open_lamp(&s.spot).is_none()
                && shader.faces_sun(&s.spot) == facing
                && s.spot.normal.dot(first.spot.normal) > TURNED_COS
        };
        ((dull || small) && surfaces.iter().all(alike)).then_some(())?;
        let plain = flat && dull;
        let highlights = || {
            let near = |i: usize| picture.near_highlight(corners[i], &surfaces[i]);
            facing && (0..4).any(near)
        };
        (plain || !highlights()).then_some(())?;
        let light: [Light; 4] =
            std::array::from_fn(|i| picture.light(corners[i], &surfaces[i], likely));
        (plain || picture.is_even(&light, facing)).then_some(())?;
        let sun = match (facing, flat) {
            (true, true) => picture.ask_sun_flat(block, &surfaces, sight),
            (true, false) => picture.ask_sun(block, sight, faces),
            (false, _) => Vec::new(),
        };
        Some(Self {
            block: block.clone(),
            light,
            emissive: first.emissive,
            sun,
        })
    }

    /// Puts the display light of each pixel to its place in the image.
    pub(super) fn show(
        &self,
        picture: &Picture<'_>,
        (sight, faces): (&Sight, &mut Faces<'_>),
        mut put: impl FnMut((u32, u32), Vec3A),
    ) {
        let (shot, shader) = (picture.shot, picture.shader);
        let [left_top, right_top, left_bottom, right_bottom] = &self.light;
        let block = &self.block;
        for y in block.y.clone() {
            let (_, down) = block.shares(block.x.start, y);
            let left = left_top.lerp(left_bottom, down);
            let right = right_top.lerp(right_bottom, down);
            for x in block.x.clone() {
                let hit = shot.hit(x, y);
                let light = left.lerp(&right, block.shares(x, y).0);
                let color = faces.of(hit).color(hit, light.width);
                let question = self.sun.get(block.index(x, y));
                let sunlit = question.is_some_and(|q| !sight.is_hidden(*q));
                let radiance = light.radiance(color, self.emissive, sunlit);
                put((x, y), tone(radiance * shader.lights.exposure));
            }
        }
    }
}

/// The left upper, right upper, left lower and right lower pixel.
pub(super) fn corners(block: &Block) -> [(u32, u32); 4] {
    let (left, top) = (block.x.start, block.y.start);
    let (right, bottom) = (block.x.end - 1, block.y.end - 1);
    [(left, top), (right, top), (left, bottom), (right, bottom)]
}

/// Whether colours differ by no more than a share of white, as the eye sees it.
pub(super) fn is_alike(corners: &[Vec3A; 4], limit: f32) -> bool {
    let low = corners.iter().copied().fold(Vec3A::INFINITY, Vec3A::min);
    let high = corners.iter().copied().fold(Vec3A::ZERO, Vec3A::max);
    !contrast(low, high, limit)
}

impl Picture<'_> {
    fn surface(&self, x: u32, y: u32, faces: &mut Faces<'_>) -> Surface {
        let ray = self.shot.eye.ray(pixel_center(x, y));
        let hit = self.shot.hit(x, y);
        let face = faces.of(hit);
        let spot = face.spot(&ray, hit);
        let width = self.cone().width(&ray, hit.t, spot.flat);
        // What is no metal mirrors the same whatever its colour.
        face.plain(spot, width, Vec3A::ZERO)
    }

    /// What a pixel of the camera sees.
    pub(super) fn cone(&self) -> Cone {
        Cone {
            start: 0.0,
            spread: 1.0 / self.shot.eye.focal().max_element(),
        }
    }

    fn light(&self, (x, y): (u32, u32), surface: &Surface, likely: &mut Likely) -> Light {
        let ray = self.shot.eye.ray(pixel_center(x, y));
        let lit = Lit::new(&ray, surface);
        let spot = &surface.spot;
        let open = self.occlusion.open(x, y, spot.point, spot.flat);
        let shader = self.shader;
        Light {
            sun: shader.open_sun(&lit),
            sky: shader.lights.sky.irradiance(spot.normal) / PI,
            open,
            mirrored: shader.mirrored(&lit, open, likely),
            air: shader.air(&ray, self.shot.hit(x, y).t),
            width: surface.width,
        }
    }

    /// Whether the sun may make a highlight at or near a pixel.
    fn near_highlight(&self, (x, y): (u32, u32), surface: &Surface) -> bool {
        let direction = self.shot.eye.direction(pixel_center(x, y)).normalize();
        let half = (self.shader.lights.sun_direction - direction).normalize_or_zero();
        surface.roughness < HIGHLIGHT_ROUGHNESS && surface.spot.normal.dot(half) > HIGHLIGHT_COS
    }

    /// Whether light hardly differs between corners.
    fn is_even(&self, light: &[Light; 4], sunlit: bool) -> bool {
        let even = |color: f32, limit: f32| {
            let shown = light.each_ref().map(|light| {
                let radiance = light.radiance(Vec3A::splat(color), Vec3A::ZERO, sunlit);
                tone(radiance * self.shader.lights.exposure)
            });
            is_alike(&shown, limit)
        };
        even(0.3, EVEN) && even(0.0, EVEN_MIRRORED)
    }

    /// Asks for the sun in each pixel of a block.
    fn ask_sun(&self, block: &Block, sight: &mut Sight, faces: &mut Faces<'_>) -> Vec<Question> {
        let mut questions = Vec::with_capacity(block.len());
        block.pixels().for_each(|(x, y)| {
            let hit = self.shot.hit(x, y);
            let ray = self.shot.eye.ray(pixel_center(x, y));
            let spot = faces.of(hit).spot(&ray, hit);
            questions.push(sight.ask(spot.ground, self.sun.place(spot.lifted)));
        });
        questions
    }

    /// As [`Self::ask_sun`] in a block that shows one flat surface: places change
    /// evenly once they are divided by the depth.
    fn ask_sun_flat(
        &self,
        block: &Block,
        surfaces: &[Surface; 4],
        sight: &mut Sight,
    ) -> Vec<Question> {
        let corners = corners(block);
        let by_depth = |i: usize| {
            let (x, y) = corners[i];
            let place = self.sun.place(surfaces[i].spot.lifted);
            place.extend(1.0) / self.shot.hit(x, y).t
        };
        let start = by_depth(0);
        let step = |end: Vec4, count: usize| (end - start) / (count - 1).max(1) as f32;
        let numbers = Even {
            start,
            per_column: step(by_depth(1), block.x.len()),
            per_row: step(by_depth(2), block.y.len()),
        };
        // All lie in one plane: what lies before it nowhere, lies before none of them.
        let ground = surfaces[0].spot.ground;
        let (left, top) = corners[0];
        let mut questions = Vec::with_capacity(block.len());
        block.pixels().for_each(|(x, y)| {
            let place = numbers.at((x - left) as f32, (y - top) as f32);
            let place = Vec3A::from_vec4(place) * (1.0 / place.w);
            questions.push(sight.ask(ground, place));
        });
        questions
    }
}
