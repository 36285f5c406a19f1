//! The light that leaves a point towards the viewer.

use std::f32::consts::PI;

use glam::Vec3A;

use crate::{
    light::{Lights, Weather},
    trace::{Ground, Tracer},
    tree::Ray,
    world::Object,
};

/// Light fades by this much per metre in fog.
const FOG_PER_M: f32 = 0.13;
/// The lamp is not traced where it adds less than this to a dark surface,
/// relative to what the eye adapts to.
const LAMP_NOTICEABLE: f32 = 0.03;

/// All that shading looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shader<'a> {
    pub(crate) tracer: &'a Tracer,
    /// In the order of the tracer's instances.
    pub(crate) objects: &'a [Object],
    pub(crate) lights: &'a Lights,
    pub(crate) weather: Weather,
}

/// What a pixel sees along a ray.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cone {
    /// How wide it is where the ray starts, metres.
    pub(super) start: f32,
    /// By how much it widens per unit of the ray's parameter, metres.
    pub(super) spread: f32,
}

impl Cone {
    /// How wide it is on a surface with a unit normal, between the short and the
    /// long way across.
    pub(super) fn width(self, ray: &Ray, t: f32, normal: Vec3A) -> f32 {
        let slant = normal.dot(ray.direction).abs() / ray.direction.length();
        (self.start + self.spread * t) / slant.max(0.01).sqrt()
    }
}

/// A point on a surface, as geometry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) point: Vec3A,
    /// Of the geometry, unit, towards the viewer.
    pub(super) flat: Vec3A,
    /// Smooth, unit, towards the viewer.
    pub(super) normal: Vec3A,
    /// Where rays to lights start: off the surface, and out of the dents that
    /// flat triangles make in round shapes.
    pub(super) lifted: Vec3A,
    pub(super) ground: Ground,
}

/// A point on a surface.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surface {
    pub(super) spot: Spot,
    /// How wide a pixel is there, metres.
    pub(super) width: f32,
    pub(super) color: Vec3A,
    pub(super) roughness: f32,
    pub(super) metallic: f32,
    pub(super) emissive: Vec3A,
}

/// What stood before the last rays to the lights: neighbouring rays mostly agree.
#[derive(Debug, Default)]
pub(super) struct Likely {
    pub(super) sun: Option<u32>,
    lamp: Option<u32>,
}

/// What air does to the light that comes through it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Air {
    /// What it adds, as a colour to fade into.
    pub(super) haze: Vec3A,
    /// The share of light that is left.
    pub(super) left: f32,
}

impl Air {
    const NONE: Self = Self {
        haze: Vec3A::ZERO,
        left: 1.0,
    };
}

/// A point on a surface, and the unit direction to its viewer.
pub(super) struct Lit<'s> {
    pub(super) surface: &'s Surface,
    pub(super) viewer: Vec3A,
    /// Reflectance when looked at head-on.
    pub(super) head_on: Vec3A,
}

/// Light that is scattered to a viewer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scattered {
    /// To be multiplied by the surface's colour.
    pub(super) diffuse: Vec3A,
    pub(super) glossy: Vec3A,
}

impl Shader<'_> {
    /// Radiance of a surface along a ray; `open` is its share of the sky, `sunlit`
    /// whether nothing stands before the sun.
    pub(super) fn radiance(
        &self,
        ray: &Ray,
        s: &Surface,
        (open, sunlit): (f32, bool),
        likely: &mut Likely,
    ) -> Vec3A {
        let lit = Lit::new(ray, s);
        let sun = if sunlit { self.sun(&lit) } else { Vec3A::ZERO };
        let direct = sun + self.lamp(&lit, likely);
        s.emissive + direct + self.sky(&lit, open) + self.mirrored(&lit, open, likely)
    }

    /// Radiance where nothing is.
    pub(super) fn background(&self, ray: &Ray) -> Vec3A {
        let direction = ray.direction.normalize();
        match self.weather {
            Weather::Fog => self.lights.sky.soft(direction),
            Weather::Clear | Weather::Overcast => self.lights.sky.sharp(direction),
        }
    }

    /// Whether the sun's disc may be seen between the rays of a block's corners, where
    /// nothing is.
    pub(super) fn may_see_sun(&self, corners: &[Ray; 4]) -> bool {
        let directions = corners.map(|ray| ray.direction.normalize());
        self.weather != Weather::Fog && self.lights.sky.may_show_sun(&directions)
    }

    /// Radiance after the air between the viewer and a point.
    pub(super) fn through_air(&self, ray: &Ray, t: f32, radiance: Vec3A) -> Vec3A {
        let air = self.air(ray, t);
        air.haze.lerp(radiance, air.left)
    }

    /// The air between the viewer and a point.
    pub(super) fn air(&self, ray: &Ray, t: f32) -> Air {
        let length = ray.direction.length();
        let distance = t * length;
        let depth = match self.weather {
            Weather::Fog => FOG_PER_M * distance,
            // Ordinary air shows only far out, on the lawn.
            Weather::Clear | Weather::Overcast => 0.012 * (distance - 4.0).max(0.0),
        };
        if depth < 0.005 {
            return Air::NONE;
        }
        Air {
            haze: self.lights.sky.haze(ray.direction / length),
            left: (-depth).exp(),
        }
    }

    /// Sunlight where nothing hides the sun.
    pub(super) fn sun(&self, lit: &Lit<'_>) -> Vec3A {
        lit.scattered(self.lights.sun_direction) * self.lights.sun_irradiance
    }

    /// Whether a surface gets sunlight where nothing hides it.
    pub(super) fn faces_sun(&self, s: &Spot) -> bool {
        let toward = self.lights.sun_direction;
        self.lights.sun_irradiance != Vec3A::ZERO
            && s.normal.dot(toward) > 0.0
            && s.flat.dot(toward) > 0.0
    }

    /// As [`Self::sun`], before it takes the surface's colour.
    pub(super) fn open_sun(&self, lit: &Lit<'_>) -> Scattered {
        let Scattered { diffuse, glossy } = lit.shares(self.lights.sun_direction);
        Scattered {
            diffuse: diffuse * self.lights.sun_irradiance,
            glossy: glossy * self.lights.sun_irradiance,
        }
    }

    /// The way to the lamp, and its irradiance, where it does not add too little
    /// to show.
    pub(super) fn open_lamp(&self, s: &Spot) -> Option<(Vec3A, Vec3A)> {
        let way = self.lights.lamp_position - s.lifted;
        let squared = way.length_squared();
        let radius = self.lights.lamp_radius;
        if squared <= radius * radius || s.normal.dot(way) <= 0.0 || s.flat.dot(way) <= 0.0 {
            return None;
        }
        let irradiance = self.lights.lamp_intensity / squared;
        let shows = irradiance.max_element() * self.lights.exposure >= LAMP_NOTICEABLE;
        shows.then_some((way, irradiance))
    }

    pub(super) fn lamp(&self, lit: &Lit<'_>, likely: &mut Likely) -> Vec3A {
        let s = &lit.surface.spot;
        let Some((way, irradiance)) = self.open_lamp(s) else {
            return Vec3A::ZERO;
        };
        // The ray ends where the lamp's own housing begins.
        let distance = way.length();
        let end = 1.0 - self.lights.lamp_radius / distance;
        let ray = Ray::new(s.lifted, way, 0.0, end);
        if self.tracer.blocked(ray, s.ground.own(), &mut likely.lamp) {
            return Vec3A::ZERO;
        }
        lit.scattered(way / distance) * irradiance
    }

    /// Diffuse light of the sky, and what neighbours pass on of it.
    pub(super) fn sky(&self, lit: &Lit<'_>, open: f32) -> Vec3A {
        let s = lit.surface;
        let diffuse = s.color * (1.0 - s.metallic);
        diffuse / PI * self.lights.sky.irradiance(s.spot.normal) * sky_seen(s.color, open)
    }
}

impl<'s> Lit<'s> {
    pub(super) fn new(ray: &Ray, surface: &'s Surface) -> Self {
        Self {
            surface,
            viewer: -ray.direction.normalize(),
            head_on: Vec3A::splat(0.04).lerp(surface.color, surface.metallic),
        }
    }

    /// Light scattered to the viewer per irradiance from a unit direction.
    fn scattered(&self, toward: Vec3A) -> Vec3A {
        let Scattered { diffuse, glossy } = self.shares(toward);
        self.surface.color * diffuse + glossy
    }

    /// Light scattered to the viewer per irradiance from a unit direction:
    /// Lambert and GGX, times the cosine.
    fn shares(&self, toward: Vec3A) -> Scattered {
        let s = self.surface;
        let half = (toward + self.viewer).normalize_or_zero();
        let n_l = s.spot.normal.dot(toward).max(0.0);
        let n_v = s.spot.normal.dot(self.viewer).max(1e-3);
        let n_h = s.spot.normal.dot(half).max(0.0);
        let v_h = self.viewer.dot(half).max(0.0);
        // The sun is no point: it keeps highlights of mirrors finite.
        let alpha = (s.roughness * s.roughness).max(0.004);
        let squared = alpha * alpha;
        let d = n_h * n_h * (squared - 1.0) + 1.0;
        let distribution = squared / (PI * d * d);
        let shadowing = 0.5
            / (n_l * (n_v * n_v * (1.0 - squared) + squared).sqrt()
                + n_v * (n_l * n_l * (1.0 - squared) + squared).sqrt());
        let fresnel = self.head_on + (Vec3A::ONE - self.head_on) * (1.0 - v_h).powi(5);
        Scattered {
            diffuse: (Vec3A::ONE - fresnel) * (n_l * (1.0 - s.metallic) / PI),
            glossy: fresnel * (n_l * distribution * shadowing),
        }
    }
}

/// The share of the sky's diffuse light that a surface gets of which that share
/// is open. Bright surfaces lose less in corners, for light bounces between them
/// (after Jimenez and others, "Practical real-time strategies ...").
pub(super) fn sky_seen(color: Vec3A, open: f32) -> Vec3A {
    let a = 2.0404 * color - Vec3A::splat(0.3324);
    let b = -4.7951 * color + Vec3A::splat(0.6417);
    let c = 2.7552 * color + Vec3A::splat(0.6903);
    (((open * a + b) * open + c) * open).max(Vec3A::splat(open))
}
