//! Sun, sky, weather and the lamp: what they are set to, and the light they
//! make of it.

use std::f32::consts::PI;

use glam::{Vec3, Vec3A};
use synthcap::{Environment, Light, server::EngineError};

use crate::{
    convert,
    sky::{Sky, smooth},
};

/// The weather.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// A blue sky with a few clouds.
    Clear,
    /// Grey, with hardly a shadow.
    Overcast,
    /// White; far things fade.
    Fog,
}

/// The names of every weather.
pub(crate) const WEATHERS: [(Weather, &str); 3] = [
    (Weather::Clear, "clear"),
    (Weather::Overcast, "overcast"),
    (Weather::Fog, "fog"),
];

/// The names that `set_lighting` takes; empty also means the sun.
pub(crate) const LIGHTS: [&str; 2] = ["sun", "lamp"];

/// The most that a light's factor may be, so that sums of light stay finite.
const MAX_FACTOR: f32 = 1000.0;

/// A light's factor and tint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Dial {
    /// 1 is as made.
    pub(crate) factor: f32,
    /// Linear, 0 to 1; white is as made.
    pub(crate) tint: Vec3,
}

impl Dial {
    const AS_MADE: Self = Self {
        factor: 1.0,
        tint: Vec3::ONE,
    };

    fn scale(self) -> Vec3 {
        self.tint * self.factor
    }
}

/// What all lights are set to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LightSettings {
    pub(crate) time_of_day_h: f32,
    pub(crate) weather: Weather,
    pub(crate) sun: Dial,
    /// The direction in which the sun shines, if set by command instead of by
    /// the time of day.
    pub(crate) sun_shines: Option<Vec3>,
    pub(crate) lamp: Dial,
    /// Metres.
    pub(crate) lamp_position: Vec3,
    /// The lamp lights nothing nearer than this, for its own housing stands
    /// there; metres.
    pub(crate) lamp_radius: f32,
}

impl LightSettings {
    /// As a scene makes them.
    pub(crate) fn new(time_of_day_h: f32, lamp_position: Vec3, lamp_radius: f32) -> Self {
        Self {
            time_of_day_h,
            weather: Weather::Clear,
            sun: Dial::AS_MADE,
            sun_shines: None,
            lamp: Dial::AS_MADE,
            lamp_position,
            lamp_radius,
        }
    }

    /// Applies a light command, or says what is wrong with it and changes
    /// nothing.
    pub(crate) fn set_light(&mut self, light: &Light) -> Result<(), EngineError> {
        let is_sun = match light.name.as_str() {
            "" | "sun" => true,
            "lamp" => false,
            other => {
                let known = LIGHTS.join(", ");
                let message = format!("there is no light {other:?}; choose from {known}");
                return Err(EngineError::not_found(message));
            }
        };
        let dial = if is_sun {
            &mut self.sun
        } else {
            &mut self.lamp
        };
        let tint = light.color.map(color).transpose()?;
        dial.factor = factor("intensity", light.intensity)?;
        dial.tint = tint.unwrap_or(dial.tint);
        if is_sun {
            if let Some(rotation) = light.transform.rotation {
                self.sun_shines = Some(convert::rotation(rotation) * Vec3::X);
            }
        } else if let Some(location) = light.transform.location {
            self.lamp_position = convert::point(location);
        }
        Ok(())
    }

    /// Applies an environment command, or says what is wrong with it and
    /// changes nothing.
    pub(crate) fn set_environment(&mut self, wish: &Environment) -> Result<(), EngineError> {
        let mut next = self.clone();
        if let Some(hours) = wish.time_of_day_h {
            if !(0.0..24.0).contains(&hours) {
                let message = format!("the time of day is from 0 up to 24 hours, not {hours}");
                return Err(EngineError::invalid(message));
            }
            next.time_of_day_h = hours;
            next.sun_shines = None;
        }
        if let Some(intensity) = wish.sun_intensity {
            next.sun.factor = factor("sun_intensity", intensity)?;
        }
        if let Some(tint) = wish.sun_color {
            next.sun.tint = color(tint)?;
        }
        if let Some(name) = &wish.weather {
            next.weather = weather(name)?;
        }
        *self = next;
        Ok(())
    }

    /// The light that these settings make.
    pub(crate) fn light(&self) -> Lights {
        let natural = self
            .sun_shines
            .map_or_else(|| sun_direction(self.time_of_day_h), |d| -d);
        let sky = Sky::new(natural, self.weather, self.sun.scale());
        Lights {
            sun_direction: natural.into(),
            sun_irradiance: sky.sun_irradiance(),
            lamp_position: self.lamp_position.into(),
            lamp_radius: self.lamp_radius,
            lamp_intensity: (LAMP_INTENSITY * lamp_dusk(natural.z) * self.lamp.scale()).into(),
            // The camera's iris knows the hour and the weather, not the factors:
            // a sun turned down makes a darker picture.
            exposure: Sky::new(natural, self.weather, Vec3::ONE).exposure(),
            sky,
        }
    }
}

/// Radiant intensity of the lamp as made, at night.
const LAMP_INTENSITY: Vec3 = Vec3::new(0.13, 0.075, 0.034);

/// Share of its intensity that the lamp has under a sun this high: it is turned
/// low by day, where it would only cost time.
fn lamp_dusk(sun_up: f32) -> f32 {
    1.0 - 0.93 * smooth(-0.05, 0.25, sun_up)
}

/// Light ready for shading.
#[derive(Debug)]
pub(crate) struct Lights {
    /// Towards the sun.
    pub(crate) sun_direction: Vec3A,
    /// On a surface that faces the sun.
    pub(crate) sun_irradiance: Vec3A,
    pub(crate) lamp_position: Vec3A,
    pub(crate) lamp_radius: f32,
    pub(crate) lamp_intensity: Vec3A,
    pub(crate) sky: Sky,
    /// Factor from radiance to the tone curve.
    pub(crate) exposure: f32,
}

/// Towards the sun at an hour: a summer day at 45 degrees north, with the south
/// behind the scene's back and to its right, so that afternoons light it from
/// the side.
fn sun_direction(hours: f32) -> Vec3 {
    const LATITUDE: f32 = 0.785;
    const DECLINATION: f32 = 0.35;
    const SOUTH_YAW: f32 = 2.5;
    let angle = (hours - 12.5) / 12.0 * PI;
    let up = LATITUDE.sin() * DECLINATION.sin() + LATITUDE.cos() * DECLINATION.cos() * angle.cos();
    let south =
        LATITUDE.sin() * DECLINATION.cos() * angle.cos() - LATITUDE.cos() * DECLINATION.sin();
    let west = DECLINATION.cos() * angle.sin();
    let (sin, cos) = SOUTH_YAW.sin_cos();
    Vec3::new(south * cos - west * sin, south * sin + west * cos, up).normalize()
}

fn factor(what: &str, x: f32) -> Result<f32, EngineError> {
    if (0.0..=MAX_FACTOR).contains(&x) {
        return Ok(x);
    }
    let message = format!("{what} is a factor from 0 to {MAX_FACTOR}, not {x}");
    Err(EngineError::invalid(message))
}

fn color(c: synthcap::Vec3) -> Result<Vec3, EngineError> {
    let color = convert::plain(c);
    if color.to_array().iter().all(|x| (0.0..=1.0).contains(x)) {
        return Ok(color);
    }
    let message = format!(
        "the light colour ({}, {}, {}) is not linear red, green, blue from 0 to 1",
        c.x, c.y, c.z
    );
    Err(EngineError::invalid(message))
}

fn weather(name: &str) -> Result<Weather, EngineError> {
    let found = WEATHERS.iter().find(|(_, known)| *known == name);
    found.map(|(weather, _)| *weather).ok_or_else(|| {
        let known = WEATHERS.map(|(_, known)| known).join(", ");
        EngineError::invalid(format!("unknown weather {name:?}; choose from {known}"))
    })
}
