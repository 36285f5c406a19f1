//! What a job varies. Each part is off unless the job file has its table; `{}` is
//! the part with its defaults.

use serde::{Deserialize, Serialize};

use super::{Count, Range};

/// What varies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Randomize {
    /// Sun, time of day and weather.
    pub light: Option<Light>,
    /// Further lights.
    pub lamps: Vec<Lamp>,
    /// Colours and textures of things.
    pub materials: Option<Materials>,
    /// Small changes of where things stand.
    pub poses: Option<Poses>,
    /// Which of the scene's things are there.
    pub objects: Option<Objects>,
    /// Things dropped from above, which come to rest by physics.
    pub drop: Option<Drop>,
    /// Things around the stage that nobody wants to learn.
    pub distractors: Option<Distractors>,
}

impl Randomize {
    /// What `--randomize` stands for, but for the jitter of the camera.
    pub fn usual() -> Self {
        Self {
            light: Some(Light::default()),
            materials: Some(Materials::default()),
            poses: Some(Poses::default()),
            ..Self::default()
        }
    }
}

/// How often something is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// For each sample.
    #[default]
    Sample,
    /// For each scene.
    Scene,
}

/// The light of day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Light {
    /// How often it is drawn: `sample` or `scene`. Default: `sample`.
    pub per: Per,
    /// Hours, 0 to 24. Default: 7.5 to 16.5.
    pub time_of_day_h: Range,
    /// Factor; 1 is as made. Default: 0.6 to 1.4.
    pub sun_intensity: Range,
    /// From a warm sun, 0, to a cool one, 1. Default: 0 to 1.
    pub sun_coolness: Range,
    /// Names of weathers, of which one is taken. Default: none, the weather stays.
    pub weather: Vec<String>,
}

impl Default for Light {
    fn default() -> Self {
        Self {
            per: Per::Sample,
            time_of_day_h: Range::new(7.5, 16.5),
            sun_intensity: Range::new(0.6, 1.4),
            sun_coolness: Range::new(0.0, 1.0),
            weather: Vec::new(),
        }
    }
}

/// A light with a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lamp {
    /// As the server calls it.
    pub name: String,
    /// How often it is drawn. Default: `sample`.
    #[serde(default)]
    pub per: Per,
    /// Factor; 1 is as made.
    pub intensity: Range,
    /// Each of red, green and blue, linear, 0 to 1. Default: the colour stays.
    #[serde(default)]
    pub color: Option<Range>,
}

/// Surfaces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Materials {
    /// How often they are drawn. Default: `sample`.
    pub per: Per,
    /// How many things, the same ones while the scene lasts. Default: 8.
    pub count: Count,
    /// Only things of these classes. Default: all that can move.
    pub classes: Vec<String>,
    /// Each of red, green and blue, linear, 0 to 1. Default: 0.03 to 0.85.
    pub base_color: Range,
    /// From mirror-like, 0, to dull, 1. Default: stays.
    pub roughness: Option<Range>,
    /// From not metal, 0, to metal, 1. Default: stays.
    pub metallic: Option<Range>,
    /// Names of textures, of which each thing gets one. Default: none, they stay.
    pub textures: Vec<String>,
}

impl Default for Materials {
    fn default() -> Self {
        Self {
            per: Per::Sample,
            count: Count::exactly(8),
            classes: Vec::new(),
            base_color: Range::new(0.03, 0.85),
            roughness: None,
            metallic: None,
            textures: Vec::new(),
        }
    }
}

/// Places near home, drawn for each sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Poses {
    /// How many things, the same ones while the scene lasts. Default: 4.
    pub count: Count,
    /// Only things of these classes. Default: all that can move.
    pub classes: Vec<String>,
    /// Sideways, up to so much either way, centimetres. Default: 1.5.
    pub shift_cm: f64,
    /// Around the vertical, up to so much either way, degrees. Default: 20.
    pub turn_deg: f64,
}

impl Default for Poses {
    fn default() -> Self {
        Self {
            count: Count::exactly(4),
            classes: Vec::new(),
            shift_cm: 1.5,
            turn_deg: 20.0,
        }
    }
}

/// A choice among the scene's own things, made once a scene.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objects {
    /// How many stay; the others are taken away.
    pub count: Count,
    /// Only things of these classes are taken away. Default: all that can move.
    #[serde(default)]
    pub classes: Vec<String>,
}

/// Things that fall, once a scene.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drop {
    /// What: names of assets, as the server spawns them, such as `shape:mug`.
    pub assets: Vec<String>,
    /// How many.
    pub count: Count,
    /// From how far above the middle of the things, centimetres. Default: 20 to 60.
    #[serde(default = "drop_height")]
    pub height_cm: Range,
    /// How far beside it at the most, in units of the things' radius. Default: 0.6.
    #[serde(default = "drop_spread")]
    pub spread: f64,
    /// Factor; 1 is as made. Default: 1.
    #[serde(default = "unit")]
    pub scale: Range,
    /// Ticks until the first sample. Default: 90.
    #[serde(default = "settle")]
    pub settle_ticks: u32,
}

/// Things around the stage, once a scene. They have the class `distractor`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distractors {
    /// What: names of assets, as the server spawns them, such as `shape:cube`.
    pub assets: Vec<String>,
    /// How many.
    pub count: Count,
    /// From the middle of the things, in units of their radius. Default: 0.3 to 1.2.
    #[serde(default = "around")]
    pub distance: Range,
    /// How far above it they begin to fall, centimetres. Default: 10 to 40.
    #[serde(default = "low")]
    pub height_cm: Range,
    /// Factor; 1 is as made. Default: 0.04 to 0.12.
    #[serde(default = "small")]
    pub scale: Range,
}

fn drop_height() -> Range {
    Range::new(20.0, 60.0)
}
fn drop_spread() -> f64 {
    0.6
}
fn unit() -> Range {
    Range::new(1.0, 1.0)
}
fn settle() -> u32 {
    90
}
fn around() -> Range {
    Range::new(0.3, 1.2)
}
fn low() -> Range {
    Range::new(10.0, 40.0)
}
fn small() -> Range {
    Range::new(0.04, 0.12)
}
