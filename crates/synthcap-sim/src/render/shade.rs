//! The light that leaves a point towards the viewer.

use std::f32::consts::PI;

use glam::{Vec3, Vec3A};

use crate::{
    beam::{Beam, Region},
    light::{Lights, Weather},
    material::Material,
    sky::smooth,
    texture::TexturePoint,
    trace::{Hit, Instance, Tracer},
    tree::Ray,
    world::Object,
};

/// Light fades by this much per metre in fog.
const FOG_PER_M: f32 = 0.13;
/// The lamp is not traced where it adds less than this to a dark surface,
/// relative to what the eye adapts to.
const LAMP_NOTICEABLE: f32 = 0.03;
/// Metals duller than this reflect only the sky.
const MIRROR_ROUGHNESS: f32 = 0.38;
/// Glazes duller than this reflect only the sky.
const GLAZE_ROUGHNESS: f32 = 0.2;

/// All that shading looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shader<'a> {
    pub(crate) tracer: &'a Tracer,
    /// In the order of the tracer's instances.
    pub(crate) objects: &'a [Object],
    pub(crate) lights: &'a Lights,
    pub(crate) weather: Weather,
}

/// What neighbouring pixels share: the occluders that they found, and those
/// that can stand between them and the sun.
#[derive(Debug)]
pub(super) struct Neighbours {
    sun: Option<u32>,
    lamp: Option<u32>,
    /// Axes of which the third points to the sun.
    axes: [Vec3A; 3],
    /// Bounds in these axes of the points for which the beam holds.
    low: Vec3A,
    high: Vec3A,
    /// What no ray to the sun from one of these points meets.
    own: Option<u32>,
    /// Made when first needed.
    beam: Option<Beam>,
    last: usize,
}

impl Neighbours {
    /// For points with these bounds in the axes of [`sun_axes`], and a little
    /// around them; no ray from one of them to the sun meets the instance `own`.
    pub(super) fn new(axes: [Vec3A; 3], bounds: Option<(Vec3A, Vec3A)>, own: Option<u32>) -> Self {
        // Without points, nothing lies between these.
        let (low, high) = bounds.unwrap_or((Vec3A::ONE, Vec3A::ZERO));
        let reach = Vec3A::splat(0.002 * ((high - low).max_element() + 1.0));
        Self {
            sun: None,
            lamp: None,
            axes,
            low: low - reach,
            high: high + reach,
            own,
            beam: None,
            last: 0,
        }
    }

    /// `own` is an instance that the ray does not meet.
    fn blocked_from_sun(&mut self, tracer: &Tracer, from: Vec3A, own: Option<u32>) -> bool {
        let ray = Ray::new(from, self.axes[2], 0.0, f32::INFINITY);
        let place = in_axes(&self.axes, from);
        // Points from elsewhere, such as those seen in mirrors, have no beam.
        let inside = (place.cmpge(self.low) & place.cmple(self.high)).all();
        if !inside || (self.own.is_some() && self.own != own) {
            return tracer.blocked(ray, own, &mut self.sun);
        }
        let region = || Region::ahead(self.axes, self.low, self.high);
        let beam = self
            .beam
            .get_or_insert_with(|| Beam::new(tracer, region(), self.own, self.axes[2].extend(0.0)));
        !beam.is_clear() && beam.blocked(tracer, ray, own, &mut self.last)
    }
}

/// Axes of which the third points to the sun.
pub(super) fn sun_axes(lights: &Lights) -> [Vec3A; 3] {
    let toward = lights.sun_direction;
    let (a, b) = toward.any_orthonormal_pair();
    [a, b, toward]
}

/// A point in other axes.
pub(super) fn in_axes([a, b, c]: &[Vec3A; 3], p: Vec3A) -> Vec3A {
    Vec3A::new(p.dot(*a), p.dot(*b), p.dot(*c))
}

/// A point on a surface.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surface {
    pub(super) point: Vec3A,
    /// Of the geometry, unit, towards the viewer.
    pub(super) flat: Vec3A,
    /// Smooth, unit, towards the viewer.
    normal: Vec3A,
    /// Where rays to lights start: off the surface, and out of the dents that
    /// flat triangles make in round shapes.
    lifted: Vec3A,
    /// The instance it is of, if nothing of that lies before it.
    open: Option<u32>,
    color: Vec3A,
    roughness: f32,
    metallic: f32,
    emissive: Vec3A,
}

/// A point on a surface, and the unit direction to its viewer.
struct Lit<'s> {
    surface: &'s Surface,
    viewer: Vec3A,
    /// Reflectance when looked at head-on.
    head_on: Vec3A,
}

impl Shader<'_> {
    /// The surface at a hit of a ray.
    pub(super) fn surface(&self, ray: &Ray, hit: &Hit) -> Surface {
        let instance = self.tracer.instance(hit);
        let object = &self.objects[hit.instance as usize];
        let corners = instance.mesh.corners(hit.triangle);
        let material = &object.materials[corners.part as usize];
        let weights = [1.0 - hit.u - hit.v, hit.u, hit.v];
        let side = instance.facing(hit, ray.direction);
        let flat = instance.flat_normal_on_side(hit, side);
        let local: Vec3 = (0..3).map(|i| weights[i] * corners.normals[i]).sum();
        let mut normal = instance.world_normal(local);
        if normal.dot(flat) < 0.0 {
            normal = -normal;
        }
        // A smooth normal may point away from the viewer near the outline.
        if normal == Vec3A::ZERO || normal.dot(ray.direction) > 0.0 {
            normal = flat;
        }
        let local_point = instance.local_point(hit);
        let point = ray.origin + ray.direction * hit.t;
        let scale = object.scale();
        let triangle = instance.mesh.triangle(hit.triangle);
        let at = TexturePoint {
            point: Vec3::from(local_point) * scale,
            normal: triangle.edge1.cross(triangle.edge2).into(),
            uv: (0..3).map(|i| weights[i] * corners.uvs[i]).sum(),
        };
        Surface {
            point,
            flat,
            normal,
            lifted: lift(instance, hit, local_point, weights, flat) + flat * (1e-4 * (1.0 + hit.t)),
            open: instance.is_open(hit, side).then_some(hit.instance),
            color: color(material, &at),
            roughness: material.roughness,
            metallic: material.metallic,
            emissive: material.emissive.into(),
        }
    }

    /// Radiance of a surface along a ray; `open` is its share of the sky.
    pub(super) fn radiance(
        &self,
        ray: &Ray,
        s: &Surface,
        open: f32,
        near: &mut Neighbours,
    ) -> Vec3A {
        self.reflected(ray, s, open, near, true)
    }

    /// Radiance where nothing is.
    pub(super) fn background(&self, ray: &Ray) -> Vec3A {
        let direction = ray.direction.normalize();
        match self.weather {
            Weather::Fog => self.lights.sky.soft(direction),
            Weather::Clear | Weather::Overcast => self.lights.sky.sharp(direction),
        }
    }

    /// Radiance after fog between the viewer and the point.
    pub(super) fn through_air(&self, ray: &Ray, t: f32, radiance: Vec3A) -> Vec3A {
        let length = ray.direction.length();
        let distance = t * length;
        match self.weather {
            Weather::Fog => {
                let left = (-FOG_PER_M * distance).exp();
                self.lights
                    .sky
                    .haze(ray.direction / length)
                    .lerp(radiance, left)
            }
            // Ordinary air shows only far out, on the lawn.
            Weather::Clear | Weather::Overcast => {
                let left = (-0.012 * (distance - 4.0).max(0.0)).exp();
                if left > 0.995 {
                    return radiance;
                }
                self.lights
                    .sky
                    .haze(ray.direction / length)
                    .lerp(radiance, left)
            }
        }
    }

    fn reflected(
        &self,
        ray: &Ray,
        s: &Surface,
        open: f32,
        near: &mut Neighbours,
        mirrors: bool,
    ) -> Vec3A {
        let lit = Lit {
            surface: s,
            viewer: -ray.direction.normalize(),
            head_on: Vec3A::splat(0.04).lerp(s.color, s.metallic),
        };
        let direct = self.sun(&lit, near) + self.lamp(&lit, near);
        s.emissive + direct + self.sky(&lit, open) + self.mirrored(&lit, open, near, mirrors)
    }

    fn sun(&self, lit: &Lit<'_>, near: &mut Neighbours) -> Vec3A {
        let toward = self.lights.sun_direction;
        let s = lit.surface;
        if self.lights.sun_irradiance == Vec3A::ZERO
            || s.normal.dot(toward) <= 0.0
            || s.flat.dot(toward) <= 0.0
        {
            return Vec3A::ZERO;
        }
        if near.blocked_from_sun(self.tracer, s.lifted, s.open) {
            return Vec3A::ZERO;
        }
        lit.scattered(toward) * self.lights.sun_irradiance
    }

    fn lamp(&self, lit: &Lit<'_>, near: &mut Neighbours) -> Vec3A {
        let s = lit.surface;
        let way = self.lights.lamp_position - s.lifted;
        let squared = way.length_squared();
        let radius = self.lights.lamp_radius;
        if squared <= radius * radius || s.normal.dot(way) <= 0.0 || s.flat.dot(way) <= 0.0 {
            return Vec3A::ZERO;
        }
        let irradiance = self.lights.lamp_intensity / squared;
        if irradiance.max_element() * self.lights.exposure < LAMP_NOTICEABLE {
            return Vec3A::ZERO;
        }
        // The ray ends where the lamp's own housing begins.
        let distance = squared.sqrt();
        let ray = Ray::new(s.lifted, way, 0.0, 1.0 - radius / distance);
        if self.tracer.blocked(ray, s.open, &mut near.lamp) {
            return Vec3A::ZERO;
        }
        lit.scattered(way / distance) * irradiance
    }

    /// Diffuse light of the sky, and what neighbours pass on of it.
    fn sky(&self, lit: &Lit<'_>, open: f32) -> Vec3A {
        let s = lit.surface;
        let diffuse = s.color * (1.0 - s.metallic);
        // Bright surfaces lose less in corners, for light bounces between them
        // (after Jimenez and others, "Practical real-time strategies ...").
        let a = 2.0404 * s.color - Vec3A::splat(0.3324);
        let b = -4.7951 * s.color + Vec3A::splat(0.6417);
        let c = 2.7552 * s.color + Vec3A::splat(0.6903);
        let seen = (((open * a + b) * open + c) * open).max(Vec3A::splat(open));
        diffuse / PI * self.lights.sky.irradiance(s.normal) * seen
    }

    /// The mirror image: of objects where it is sharp, else of the sky.
    fn mirrored(&self, lit: &Lit<'_>, open: f32, near: &mut Neighbours, mirrors: bool) -> Vec3A {
        let s = lit.surface;
        let facing = s.normal.dot(lit.viewer).max(1e-3);
        let strength = environment_reflectance(lit.head_on, s.roughness, facing);
        let mut away = 2.0 * s.normal.dot(lit.viewer) * s.normal - lit.viewer;
        // The image must lie outside the surface.
        let below = away.dot(s.flat);
        if below < 0.01 {
            away = (away + (0.01 - below) * s.flat).normalize();
        }
        let sky = &self.lights.sky;
        let sharp = sky.soft(away);
        let dull = sky.irradiance(away) / PI;
        let blurred = sharp.lerp(dull, s.roughness);
        let sharpest = if s.metallic > 0.5 {
            MIRROR_ROUGHNESS
        } else {
            GLAZE_ROUGHNESS
        };
        let hides = open + (1.0 - open) * 0.15;
        // Glazes mirror next to nothing of what lies before them, and that little
        // fades in towards their rims.
        let shows = smooth(0.045, 0.09, strength.max_element());
        let keep = shows * (1.0 - smooth(0.5 * sharpest, sharpest, s.roughness));
        if !mirrors || keep <= 0.0 {
            return strength * blurred * hides;
        }
        let ray = Ray::new(s.lifted, away, 0.0, f32::INFINITY);
        let hit = self.tracer.closest(ray);
        if hit.is_miss() {
            return strength * blurred * (hides + (1.0 - hides) * keep);
        }
        let image = self.surface(&ray, &hit);
        // Seen in a mirror, the corners of things may do without their shade.
        let seen = self.reflected(&ray, &image, 0.6, near, false);
        strength * (blurred * hides).lerp(seen, keep)
    }
}

impl Lit<'_> {
    /// Light scattered to the viewer per irradiance from a unit direction:
    /// Lambert and GGX, times the cosine.
    fn scattered(&self, toward: Vec3A) -> Vec3A {
        let s = self.surface;
        let half = (toward + self.viewer).normalize_or_zero();
        let n_l = s.normal.dot(toward).max(0.0);
        let n_v = s.normal.dot(self.viewer).max(1e-3);
        let n_h = s.normal.dot(half).max(0.0);
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
        let diffuse = s.color * ((1.0 - s.metallic) / PI) * (Vec3A::ONE - fresnel);
        (diffuse + fresnel * (distribution * shadowing)) * n_l
    }
}

fn color(material: &Material, at: &TexturePoint) -> Vec3A {
    material.color(at).clamp(Vec3::ZERO, Vec3::ONE).into()
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

/// The point moved out onto the smooth surface that the corners' normals
/// describe, so that flat triangles cast no steps onto their own round shape
/// (after Hanika, "Hacking the shadow terminator"). World, metres.
fn lift(instance: &Instance, hit: &Hit, local: Vec3A, weights: [f32; 3], flat: Vec3A) -> Vec3A {
    let triangle = instance.mesh.triangle(hit.triangle);
    let corners = instance.mesh.corners(hit.triangle);
    let places = [
        triangle.corner,
        triangle.corner + triangle.edge1,
        triangle.corner + triangle.edge2,
    ];
    let inside = instance
        .world_normal(triangle.edge1.cross(triangle.edge2).into())
        .dot(flat)
        < 0.0;
    if inside {
        return instance.to_world.transform_point3a(local);
    }
    let local_flat = triangle.edge1.cross(triangle.edge2);
    let onto = |i: usize| {
        let mut normal = Vec3A::from(corners.normals[i]);
        if normal.dot(local_flat) < 0.0 {
            normal = -normal;
        }
        let above = (local - places[i]).dot(normal).min(0.0);
        weights[i] * (local - above * normal)
    };
    let moved = onto(0) + onto(1) + onto(2);
    instance.to_world.transform_point3a(moved)
}
