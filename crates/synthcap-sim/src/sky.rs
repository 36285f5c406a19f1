//! The sky: its colour in every direction, and the light that falls from it.

use std::f32::consts::{PI, TAU};

use glam::{Vec2, Vec3, Vec3A, vec3};

use crate::{
    light::Weather,
    noise::{self, TO_WHOLE},
};

/// Light of the sun above the air, such that a sunlit white sheet has a
/// radiance around 1.
const SUN_ABOVE_AIR: f32 = 3.9;
/// Optical depth of clean air straight up, for red, green and blue.
const AIR: Vec3 = vec3(0.045, 0.105, 0.255);
/// Optical depth of haze straight up.
const HAZE: f32 = 0.055;
/// How much haze scatters forward.
const HAZE_FORWARD: f32 = 0.76;
/// Share of light that is scattered more than once, over that scattered once.
const MULTIPLE: f32 = 2.1;
/// What is left at night: moon and stars.
const NIGHT: Vec3 = vec3(0.0030, 0.0045, 0.0090);
/// Cosine of the sun's radius, drawn somewhat larger than it is.
const SUN_DISC_COS: f32 = 0.999_93;
/// Colour of the ground that the sky shines back from.
const GROUND: Vec3 = vec3(0.30, 0.27, 0.22);

/// No clouds are drawn below this height of a unit direction.
const LOWEST_CLOUDS: f32 = 0.02;

/// Texels of the table in each direction.
const TABLE_SIDE: usize = 48;
/// Directions of the ring along the horizon.
const RING: usize = 128;

/// The sky of one sun position and weather.
#[derive(Debug)]
pub(crate) struct Sky {
    sun: Vec3,
    weather: Weather,
    /// What the sun is turned to; white at 1 as made.
    scale: Vec3,
    /// Share of daylight: 1 by day, 0 at night.
    day: f32,
    /// On a surface that faces the sun.
    sun_irradiance: Vec3,
    /// What the sun's light has lost where the air scatters it.
    scattered: Vec3,
    /// Radiance by direction without the sun's disc; the directions are unfolded
    /// like the faces of an octahedron, straight up in the middle.
    table: Vec<Vec3A>,
    /// Irradiance by normal, as spherical harmonics.
    harmonics: [Vec3A; 9],
    /// Radiance just above the horizon, all around, a quarter turn on each side
    /// of a square.
    ring: Vec<Vec3A>,
}

impl Sky {
    /// With the sun in this direction.
    pub(crate) fn new(sun: Vec3, weather: Weather, scale: Vec3) -> Self {
        let day = smooth(-0.14, 0.06, sun.z);
        let mut sky = Self {
            sun,
            weather,
            scale,
            day,
            sun_irradiance: sun_irradiance(sun, weather, scale),
            scattered: transmittance(sun.z, 0.55),
            table: Vec::new(),
            harmonics: [Vec3A::ZERO; 9],
            ring: Vec::new(),
        };
        sky.ring = (0..RING)
            .map(|i| sky.gradient(ring_direction(i)).into())
            .collect();
        sky.table = (0..TABLE_SIDE * TABLE_SIDE)
            .map(|i| sky.gradient(table_direction(i)).into())
            .collect();
        sky.harmonics = sky.project_irradiance();
        // The lower half reflects what falls on it from above.
        let down = sky.irradiance(Vec3A::Z) + sky.sun_irradiance() * sun.z.max(0.0);
        let ground: Vec3A = (GROUND / PI * Vec3::from(down)).into();
        for i in 0..TABLE_SIDE * TABLE_SIDE {
            let z = table_direction(i).z;
            if z < 0.0 {
                let fade = smooth(0.0, 0.12, -z);
                sky.table[i] = sky.table[i].lerp(ground, fade);
            }
        }
        sky.harmonics = sky.project_irradiance();
        sky
    }

    /// On a surface that faces the sun.
    pub(crate) fn sun_irradiance(&self) -> Vec3A {
        self.sun_irradiance.into()
    }

    /// Factor that brings a scene under this sky to a pleasing brightness.
    pub(crate) fn exposure(&self) -> f32 {
        let flat =
            Vec3::from(self.sun_irradiance() * self.sun.z.max(0.15) + self.irradiance(Vec3A::Z));
        let luminance = flat.dot(vec3(0.21, 0.72, 0.07)) / PI;
        // Nights stay darker than days, as eyes expect.
        1.05 / (luminance + 0.012).powf(0.86)
    }

    /// Irradiance from the whole sky on a surface with this unit normal.
    pub(crate) fn irradiance(&self, n: Vec3A) -> Vec3A {
        let basis = harmonics(n.into());
        let sum: Vec3A = (0..9).map(|i| self.harmonics[i] * basis[i]).sum();
        sum.max(Vec3A::ZERO)
    }

    /// Radiance from a unit direction, without sun, clouds and hills.
    pub(crate) fn soft(&self, d: Vec3A) -> Vec3A {
        let at = (octahedral(d) * 0.5 + Vec2::splat(0.5)) * TABLE_SIDE as f32;
        let at = (at - Vec2::splat(0.5)).clamp(Vec2::ZERO, Vec2::splat(TABLE_SIDE as f32 - 1.001));
        // A cast would take longer.
        let whole = at - Vec2::splat(0.5) + Vec2::splat(TO_WHOLE);
        let [x, y] = whole.to_array().map(|x| noise::whole(x) as usize);
        let (fx, fy) = (at - (whole - Vec2::splat(TO_WHOLE))).into();
        let row = &self.table[y * TABLE_SIDE + x..];
        let top = row[0].lerp(row[1], fx);
        let bottom = row[TABLE_SIDE].lerp(row[TABLE_SIDE + 1], fx);
        top.lerp(bottom, fy)
    }

    /// Radiance from a unit direction as the camera sees it: with the sun's
    /// disc, clouds and far hills.
    pub(crate) fn sharp(&self, d: Vec3A) -> Vec3A {
        let d = Vec3::from(d);
        let mut color = self.gradient(d);
        if d.z > LOWEST_CLOUDS {
            color = self.clouds(d, color);
        }
        if d.dot(self.sun) > SUN_DISC_COS && self.weather == Weather::Clear {
            color += self.sun_irradiance * 40.0;
        }
        self.hills(d, color).into()
    }

    /// Whether the sun's disc may lie between the unit directions of a small square's
    /// corners.
    pub(crate) fn may_show_sun(&self, corners: &[Vec3A; 4]) -> bool {
        let middle = corners.iter().copied().sum::<Vec3A>() / 4.0;
        let reach = corners
            .iter()
            .map(|d| d.distance(middle))
            .fold(0.0, f32::max);
        let disc = (2.0 - 2.0 * SUN_DISC_COS).sqrt();
        middle.distance(self.sun.into()) <= disc + reach
    }

    /// What far things fade into, along a direction.
    pub(crate) fn haze(&self, d: Vec3A) -> Vec3A {
        let share = d.x / (d.x.abs() + d.y.abs()).max(f32::MIN_POSITIVE);
        let turn = if d.y >= 0.0 { 1.0 - share } else { 3.0 + share };
        let at = turn * (RING / 4) as f32;
        // The cast rounds down.
        let i = at as usize;
        self.ring[i % RING].lerp(self.ring[(i + 1) % RING], at - i as f32)
    }

    /// The cloudless sky; below the horizon it is mirrored.
    fn gradient(&self, d: Vec3) -> Vec3 {
        let up = d.z.abs();
        let light = SUN_ABOVE_AIR * self.scale;
        let bright = match self.weather {
            Weather::Clear => {
                return self.day * self.blue(vec3(d.x, d.y, up)) * light + NIGHT * (1.0 + up);
            }
            Weather::Overcast => 0.105 * (1.0 + 1.1 * up),
            Weather::Fog => 0.125 * (1.0 + 0.4 * up),
        };
        let noon = transmittance(self.sun.z, 0.75).element_sum() / 3.0;
        vec3(0.93, 0.97, 1.02) * light * (bright * noon * self.day) + NIGHT
    }

    /// Single scattering in a flat layer of air, per unit of sunlight.
    fn blue(&self, d: Vec3) -> Vec3 {
        let cos = d.dot(self.sun);
        let air_phase = 3.0 / (16.0 * PI) * (1.0 + cos * cos);
        let g = HAZE_FORWARD;
        let spread = 1.0 + g * g - 2.0 * g * cos;
        let haze_phase = (1.0 - g * g) / (4.0 * PI * spread * spread.sqrt());
        let depth = AIR + HAZE;
        let toward = (AIR * air_phase * MULTIPLE + HAZE * haze_phase) / depth;
        let seen = Vec3::ONE - exp(-depth * air_mass(d.z) * 0.75);
        toward * seen * self.scattered
    }

    /// Fair-weather clouds on a plane far above.
    fn clouds(&self, d: Vec3, behind: Vec3) -> Vec3 {
        if self.weather != Weather::Clear {
            return behind;
        }
        let at = vec3(d.x, d.y, 0.0) / (d.z + 0.09) * 1.25 + vec3(3.0, 8.0, 2.5);
        let density = noise::fractal(at, 4, 0.0);
        let cover = smooth(0.50, 0.72, density) * smooth(LOWEST_CLOUDS, 0.16, d.z);
        let lit = self.sun_irradiance * 0.26 + Vec3::from(self.irradiance(Vec3A::Z)) * 0.3;
        let shade = 1.0 - 0.35 * smooth(0.6, 0.85, density);
        behind.lerp(lit * shade, cover * 0.85)
    }

    /// Two ridges on the horizon, and the plain before them.
    fn hills(&self, d: Vec3, behind: Vec3) -> Vec3 {
        let around = vec3(d.x, d.y, 0.0).normalize_or_zero();
        let light = Vec3::from(self.irradiance(Vec3A::Z)) / PI
            + self.sun_irradiance / PI * self.sun.z.max(0.0) * 0.6;
        let haze = Vec3::from(self.haze(d.into()));
        let mut color = behind;
        let ridges = [
            (3.0, 0.085, 0.012, vec3(0.10, 0.15, 0.13), 0.72),
            (6.5, 0.050, -0.004, vec3(0.11, 0.16, 0.07), 0.42),
        ];
        for (roughness, height, base, tint, far) in ridges {
            // Above the highest and below the lowest ridge there is nothing to
            // find out.
            let ridge = if d.z > base + height {
                continue;
            } else if d.z < base - 0.0015 {
                f32::INFINITY
            } else {
                let at = around * roughness + vec3(0.0, 0.0, height * 90.0);
                base + height * noise::fractal(at, 4, 0.0)
            };
            let inside = smooth(-0.0015, 0.0015, ridge - d.z);
            color = color.lerp((tint * light).lerp(haze, far), inside);
        }
        color
    }

    fn project_irradiance(&self) -> [Vec3A; 9] {
        let mut sums = [Vec3A::ZERO; 9];
        let mut whole = 0.0;
        for (i, radiance) in self.table.iter().enumerate() {
            let d = table_direction(i);
            // The unfolding gives more texels to directions near the axes.
            let area = d.abs().element_sum().powi(3);
            whole += area;
            for (sum, basis) in sums.iter_mut().zip(harmonics(d)) {
                *sum += *radiance * basis * area;
            }
        }
        let sums = sums.map(|sum| sum * (4.0 * PI / whole));
        // The cosine lobe, convolved: one factor for each band.
        let bands = [PI, TAU / 3.0, PI / 4.0];
        std::array::from_fn(|i| sums[i] * bands[[0, 1, 1, 1, 2, 2, 2, 2, 2][i]])
    }
}

/// On a surface that faces the sun.
fn sun_irradiance(sun: Vec3, weather: Weather, scale: Vec3) -> Vec3 {
    let through = match weather {
        Weather::Clear => 1.0,
        Weather::Overcast => 0.05,
        Weather::Fog => 0.16,
    };
    let above = smooth(-0.02, 0.03, sun.z);
    scale * SUN_ABOVE_AIR * through * above * transmittance(sun.z, 1.0)
}

/// A direction of the ring along the horizon.
fn ring_direction(i: usize) -> Vec3 {
    let turn = i as f32 / (RING / 4) as f32;
    let share = if turn <= 2.0 { 1.0 - turn } else { turn - 3.0 };
    let side = if turn <= 2.0 { 1.0 } else { -1.0 };
    vec3(share, side * (1.0 - share.abs()), 0.03).normalize()
}

/// Where a direction lies when the sphere is unfolded onto a square from -1 to 1.
#[inline]
fn octahedral(d: Vec3A) -> Vec2 {
    let flat = d / d.abs().element_sum();
    let at = Vec2::new(flat.x, flat.y);
    if flat.z >= 0.0 {
        return at;
    }
    (Vec2::ONE - Vec2::new(at.y, at.x).abs()) * Vec2::ONE.copysign(at)
}

/// The direction in the middle of a table's texel.
fn table_direction(i: usize) -> Vec3 {
    let texel = Vec2::new((i % TABLE_SIDE) as f32, (i / TABLE_SIDE) as f32) + Vec2::splat(0.5);
    let at = texel / TABLE_SIDE as f32 * 2.0 - Vec2::ONE;
    let z = 1.0 - at.abs().element_sum();
    let folded = (Vec2::ONE - Vec2::new(at.y, at.x).abs()) * Vec2::ONE.copysign(at);
    let at = if z >= 0.0 { at } else { folded };
    vec3(at.x, at.y, z).normalize()
}

/// Real spherical harmonics of bands 0 to 2.
fn harmonics(d: Vec3) -> [f32; 9] {
    [
        0.282_095,
        0.488_603 * d.y,
        0.488_603 * d.z,
        0.488_603 * d.x,
        1.092_548 * d.x * d.y,
        1.092_548 * d.y * d.z,
        0.315_392 * (3.0 * d.z * d.z - 1.0),
        1.092_548 * d.x * d.z,
        0.546_274 * (d.x * d.x - d.y * d.y),
    ]
}

/// How many times the air straight up lies along a direction (Kasten, Young).
fn air_mass(up: f32) -> f32 {
    let up = up.clamp(0.0, 1.0);
    let degrees = up.asin().to_degrees();
    1.0 / (up + 0.505_72 * (degrees + 6.079_95).powf(-1.636_4))
}

/// What is left of sunlight after a share of the air on its way.
fn transmittance(sun_up: f32, share: f32) -> Vec3 {
    exp(-(AIR + HAZE) * air_mass(sun_up) * share)
}

fn exp(v: Vec3) -> Vec3 {
    vec3(v.x.exp(), v.y.exp(), v.z.exp())
}

/// 0 below `low`, 1 above `high`, smooth between.
pub(crate) fn smooth(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}
