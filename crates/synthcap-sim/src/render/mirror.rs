//! What surfaces mirror.

use std::f32::consts::PI;

use glam::Vec3A;

use super::shade::{Cone, Likely, Lit, Shader, Surface};
use crate::{sky::smooth, tree::Ray};

/// Metals duller than this reflect only the sky.
const MIRROR_ROUGHNESS: f32 = 0.38;
/// Glazes duller than this reflect only the sky.
const GLAZE_ROUGHNESS: f32 = 0.2;

impl Shader<'_> {
    /// The mirror image: of objects where it is sharp, else of the sky.
    pub(super) fn mirrored(&self, lit: &Lit<'_>, open: f32, likely: &mut Likely) -> Vec3A {
        let s = lit.surface;
        let mirror = self.mirror(lit, open);
        if s.is_dull() {
            return mirror.of_sky();
        }
        // Glazes mirror next to nothing of what lies before them, and that little
        // fades in towards their rims.
        let sharpest = s.sharpest();
        let shows = smooth(0.09, 0.15, mirror.strength.max_element());
        let keep = shows * (1.0 - smooth(0.5 * sharpest, sharpest, s.roughness));
        if keep <= 0.0 {
            return mirror.of_sky();
        }
        let ray = Ray::new(s.spot.lifted, mirror.away, 0.0, f32::INFINITY);
        let hit = self.tracer.closest(ray);
        if hit.is_miss() {
            let hides = mirror.hides + (1.0 - mirror.hides) * keep;
            return Mirror { hides, ..mirror }.of_sky();
        }
        // Some of its detail is lost on the way.
        let cone = Cone {
            start: s.width,
            spread: s.width,
        };
        let image = self.face(&hit).surface(&ray, &hit, cone);
        let seen = self.mirror_image(&ray, &image, likely);
        mirror.strength * (mirror.sky * mirror.hides).lerp(seen, keep)
    }

    /// What a mirror makes of the sky.
    fn mirror(&self, lit: &Lit<'_>, open: f32) -> Mirror {
        let s = lit.surface;
        let normal = s.spot.normal;
        let facing = normal.dot(lit.viewer).max(1e-3);
        let mut away = 2.0 * normal.dot(lit.viewer) * normal - lit.viewer;
        // The image must lie outside the surface.
        let below = away.dot(s.spot.flat);
        if below < 0.01 {
            away = (away + (0.01 - below) * s.spot.flat).normalize();
        }
        let sky = &self.lights.sky;
        Mirror {
            strength: environment_reflectance(lit.head_on, s.roughness, facing),
            away,
            sky: sky.soft(away).lerp(sky.irradiance(away) / PI, s.roughness),
            hides: open + (1.0 - open) * 0.15,
        }
    }

    /// Radiance of a surface that is seen in a mirror. Mirrors in mirrors show
    /// only the sky, and corners of things may do without their shade.
    fn mirror_image(&self, ray: &Ray, s: &Surface, likely: &mut Likely) -> Vec3A {
        const OPEN: f32 = 0.6;
        let lit = Lit::new(ray, s);
        let mut sum = s.emissive + self.lamp(&lit, likely) + self.sky(&lit, OPEN);
        if self.faces_sun(&s.spot) {
            let toward = self.lights.sun_direction;
            let ray = Ray::new(s.spot.lifted, toward, 0.0, f32::INFINITY);
            if !self
                .tracer
                .blocked(ray, s.spot.ground.own(), &mut likely.sun)
            {
                sum += self.sun(&lit);
            }
        }
        sum + self.mirror(&lit, OPEN).of_sky()
    }
}

/// A surface as a mirror.
#[derive(Clone, Copy, Debug)]
struct Mirror {
    /// The share of light that it mirrors.
    strength: Vec3A,
    /// Where to, a unit direction.
    away: Vec3A,
    /// The sky's radiance there, blurred as the surface is rough.
    sky: Vec3A,
    /// The share of it that nothing hides.
    hides: f32,
}

impl Mirror {
    fn of_sky(&self) -> Vec3A {
        self.strength * self.sky * self.hides
    }
}

impl Surface {
    /// Whether it mirrors nothing but the sky.
    pub(super) fn is_dull(&self) -> bool {
        self.roughness >= self.sharpest()
    }

    /// The roughness from which on it mirrors nothing but the sky.
    fn sharpest(&self) -> f32 {
        if self.metallic > 0.5 {
            MIRROR_ROUGHNESS
        } else {
            GLAZE_ROUGHNESS
        }
    }
}

/// Share of the surrounding light that is mirrored (the fit of Karis).
fn environment_reflectance(head_on: Vec3A, roughness: f32, facing: f32) -> Vec3A {
    let smooth = 1.0 - roughness;
    let rim = (smooth * smooth).min((-9.28 * facing).exp2()) * smooth;
    let fit = rim + 0.0425 - 0.0275 * roughness;
    let scale = 1.04 - 0.572 * roughness - 1.04 * fit;
    let bias = 1.04 * fit - 0.04 + 0.022 * roughness;
    head_on * scale.max(0.0) + Vec3A::splat(bias.max(0.0))
}
