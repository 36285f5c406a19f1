//! Parts of an image that show one dull flat surface: light changes evenly over
//! them, so that it is found at four corners. Colour is looked up for each pixel,
//! and so is the sun where its light ends.

use std::f32::consts::PI;

use glam::Vec3A;

use super::{
    Block,
    color::{Picture, tone},
    neighbours::Neighbours,
    shade::{Air, Cone, Lit, Scattered, Shader, Surface, sky_seen},
};
use crate::{camera::pixel_center, trace::Hit};

/// All light at a point that does not depend on the surface's colour.
#[derive(Clone, Copy, Debug)]
struct Light {
    sun: Scattered,
    /// Diffuse light of the whole sky.
    sky: Vec3A,
    open: f32,
    mirrored: Vec3A,
    air: Air,
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

/// One flat surface in a part of an image.
pub(super) struct Plane<'p> {
    picture: &'p Picture<'p>,
    block: &'p Block,
    /// At the block's first pixel.
    surface: Surface,
    /// How much a pixel widens on it per unit of depth, metres.
    spread: f32,
    /// In the block's left upper, right upper, left lower and right lower pixel.
    light: [Light; 4],
}

impl<'p> Plane<'p> {
    /// `None` when there is none, or light on it does not change evenly.
    pub(super) fn find(
        picture: &'p Picture<'p>,
        block: &'p Block,
        near: &mut Neighbours,
    ) -> Option<Self> {
        let (left, top) = (block.x.start, block.y.start);
        let (right, bottom) = (block.x.end - 1, block.y.end - 1);
        picture.shot.is_flat(block).then_some(())?;
        let corners = [(left, top), (right, top), (left, bottom), (right, bottom)];
        let surfaces = corners.map(|(x, y)| picture.surface(x, y));
        let shader = picture.shader;
        let even = |s: &Surface| s.metallic == 0.0 && s.is_dull() && shader.open_lamp(s).is_none();
        surfaces.iter().all(even).then_some(())?;
        let light = std::array::from_fn(|i| picture.light(corners[i], &surfaces[i], near));
        let [surface, ..] = surfaces;
        Some(Self {
            picture,
            block,
            spread: surface.width / picture.shot.hit(left, top).t,
            surface,
            light,
        })
    }

    /// Display light of each pixel, with its place in the image.
    pub(super) fn pixels(
        &self,
        near: &mut Neighbours,
    ) -> impl Iterator<Item = ((u32, u32), Vec3A)> {
        let sunlit = self.sunlit(near);
        let share = |i: u32, count: usize| i as f32 / (count - 1).max(1) as f32;
        let exposure = self.picture.shader.lights.exposure;
        let [left_top, right_top, left_bottom, right_bottom] = &self.light;
        self.block.y.clone().flat_map(move |y| {
            let down = share(y - self.block.y.start, self.block.y.len());
            let left = left_top.lerp(left_bottom, down);
            let right = right_top.lerp(right_bottom, down);
            let sunlit = sunlit.clone();
            self.block.x.clone().map(move |x| {
                let light = left.lerp(&right, share(x - self.block.x.start, self.block.x.len()));
                let hit = self.picture.shot.hit(x, y);
                let color = self.picture.shader.color(hit, self.spread * hit.t);
                let sunlit = sunlit[self.block.index(x, y)];
                let radiance = light.radiance(color, self.surface.emissive, sunlit);
                ((x, y), tone(radiance * exposure))
            })
        })
    }

    /// Whether the sun shines on each pixel. Of four pixels the two on a diagonal
    /// speak for the others if they agree; the diagonal changes from one four to
    /// the next, so that no line of a pixel's width slips through.
    fn sunlit(&self, near: &mut Neighbours) -> Vec<bool> {
        let block = self.block;
        let mut lit = vec![false; block.x.len() * block.y.len()];
        if !self.picture.shader.faces_sun(&self.surface) {
            return lit;
        }
        for top in block.y.clone().step_by(2) {
            for left in block.x.clone().step_by(2) {
                let (right, bottom) = (
                    (left + 1).min(block.x.end - 1),
                    (top + 1).min(block.y.end - 1),
                );
                let mut falling = [(left, top), (right, bottom)];
                let mut rising = [(left, bottom), (right, top)];
                if (left / 2 + top / 2) % 2 == 1 {
                    std::mem::swap(&mut falling, &mut rising);
                }
                let seen = falling.map(|(x, y)| self.sees_sun(x, y, near));
                let others = if seen[0] == seen[1] {
                    seen
                } else {
                    rising.map(|(x, y)| self.sees_sun(x, y, near))
                };
                for ((x, y), seen) in falling.into_iter().zip(seen) {
                    lit[block.index(x, y)] = seen;
                }
                for ((x, y), seen) in rising.into_iter().zip(others) {
                    lit[block.index(x, y)] = seen;
                }
            }
        }
        lit
    }

    fn sees_sun(&self, x: u32, y: u32, near: &mut Neighbours) -> bool {
        let shot = self.picture.shot;
        let hit = shot.hit(x, y);
        let flat = self.surface.flat;
        let point = shot.eye.center + shot.eye.direction(pixel_center(x, y)) * hit.t;
        let lifted = point + flat * (1e-4 * (1.0 + hit.t));
        !near.blocked_from_sun(shot.tracer, lifted, self.open(hit))
    }

    /// The instance it is of, if nothing of that lies before a hit on it.
    fn open(&self, hit: &Hit) -> Option<u32> {
        let instance = self.picture.shot.tracer.instance(hit);
        let side = instance.facing(hit, -self.surface.flat);
        instance.is_open(hit, side).then_some(hit.instance)
    }
}

impl Picture<'_> {
    fn surface(&self, x: u32, y: u32) -> Surface {
        let ray = self.shot.eye.ray(pixel_center(x, y));
        self.shader.surface(&ray, self.shot.hit(x, y), self.cone())
    }

    /// What a pixel of the camera sees.
    pub(super) fn cone(&self) -> Cone {
        Cone {
            start: 0.0,
            spread: 1.0 / self.shot.eye.focal().max_element(),
        }
    }

    fn light(&self, (x, y): (u32, u32), surface: &Surface, near: &mut Neighbours) -> Light {
        let ray = self.shot.eye.ray(pixel_center(x, y));
        let lit = Lit::new(&ray, surface);
        let open = self.occlusion.open(x, y, surface.point, surface.flat);
        let shader: &Shader<'_> = self.shader;
        Light {
            sun: shader.open_sun(&lit),
            sky: shader.lights.sky.irradiance(surface.normal) / PI,
            open,
            mirrored: shader.mirrored(&lit, open, near, false),
            air: shader.air(&ray, self.shot.hit(x, y).t),
        }
    }
}
