//! The simulator's state, and how it is made.

use std::fmt;

use synthcap::{CameraName, ErrorCode, Intrinsics, ObjectName, Transform, server::EngineError};

use crate::{
    camera::{Camera, CameraPose},
    config::{SimConfig, SimError},
    light::{LightSettings, Lights},
    mesh,
    physics::Mobility,
    scene::{self, ObjectSpec},
    trace::Hit,
    world::World,
};

/// The name of the camera that is there from the start.
const MAIN_CAMERA: &str = "main";
/// Of cameras made by command, degrees.
const DEFAULT_FOV_DEG: f64 = 60.0;
/// Objects larger or smaller than this factor are refused.
const SCALE_RANGE: std::ops::RangeInclusive<f32> = 1e-4..=1e4;

/// Memory of hits up to this many bytes is kept for the next shot: enough for three
/// million pixels.
pub(crate) const MAX_KEPT_BYTES: usize = 64 << 20;

/// The embedded simulator; see the [crate] documentation.
///
/// While it captures it needs about 20 bytes for each pixel of a view besides the
/// images; up to 64 MiB of them it keeps for the next capture, more it gives back.
pub struct Simulator {
    pub(crate) config: SimConfig,
    pub(crate) world: World,
    /// The default one first; never empty.
    pub(crate) cameras: Vec<Camera>,
    pub(crate) settings: LightSettings,
    /// The light of `settings`; follows it by [`Self::relight`].
    pub(crate) lights: Lights,
    /// Memory for the next shot: to get it anew each time costs more than to fill it. No
    /// more than [`MAX_KEPT_BYTES`].
    pub(crate) hits: Vec<Hit>,
}

impl Simulator {
    /// Makes the scene and lets it come to rest.
    ///
    /// # Errors
    ///
    /// When there is no such scene, or a field is outside its range.
    pub fn new(config: SimConfig) -> Result<Self, SimError> {
        config.validate()?;
        let unknown = || SimError::UnknownScene(config.scene.clone());
        let spec = scene::make(&config.scene, config.seed).ok_or_else(unknown)?;
        let lens =
            Intrinsics::from_horizontal_fov(spec.horizontal_fov_deg, config.width, config.height);
        Ok(Self {
            world: World::new(spec.objects, 1.0 / config.tick_rate_hz),
            cameras: vec![Camera {
                name: MAIN_CAMERA.into(),
                now: CameraPose {
                    transform: spec.camera,
                    intrinsics: lens,
                },
                previous: None,
            }],
            lights: spec.lights.light(),
            settings: spec.lights,
            hits: Vec::new(),
            config,
        })
    }

    /// The names of all scenes, the default one first: "tabletop", a cluttered
    /// table on a terrace, and "shapes", a few plain shapes on a floor.
    pub fn scenes() -> &'static [&'static str] {
        &scene::NAMES
    }

    /// The names of the built-in shapes, spawned as `shape:<name>`.
    pub fn shapes() -> &'static [&'static str] {
        &mesh::SHAPE_NAMES
    }

    /// Makes the light anew, after a change of its settings.
    pub(crate) fn relight(&mut self) {
        self.lights = self.settings.light();
    }

    pub(crate) fn camera(&self, name: &CameraName) -> Result<&Camera, EngineError> {
        let found = self.cameras.iter().find(|c| c.name == *name);
        found.ok_or_else(|| no_camera(name))
    }

    pub(crate) fn camera_mut(&mut self, name: &CameraName) -> Result<&mut Camera, EngineError> {
        let found = self.cameras.iter_mut().find(|c| c.name == *name);
        found.ok_or_else(|| no_camera(name))
    }

    /// The lens of a new camera.
    pub(crate) fn default_lens(&self) -> Intrinsics {
        Intrinsics::from_horizontal_fov(DEFAULT_FOV_DEG, self.config.width, self.config.height)
    }

    /// What a spawn command asks for.
    pub(crate) fn asset(
        &self,
        name: &ObjectName,
        asset: &str,
        transform: &Transform,
    ) -> Result<ObjectSpec, EngineError> {
        check_scale(transform)?;
        let (class, mesh) = match asset.strip_prefix("shape:") {
            Some(shape) => {
                let mesh = mesh::shape(shape).ok_or_else(|| {
                    let known = mesh::SHAPE_NAMES.join(", ");
                    let message = format!("there is no shape {shape:?}; choose from {known}");
                    EngineError::not_found(message)
                })?;
                (shape.to_owned(), mesh)
            }
            None => {
                let dir = self.config.assets_dir.as_deref().ok_or_else(|| {
                    EngineError::not_found(format!(
                        "the asset {asset:?} is no \"shape:<name>\", and the simulator has no assets \
                         directory; start it with --assets DIR, or set SimConfig::assets_dir"
                    ))
                })?;
                let mesh = mesh::load_gltf(dir, asset)?;
                let stem = std::path::Path::new(asset).file_stem();
                let class =
                    stem.map_or_else(|| asset.to_owned(), |s| s.to_string_lossy().into_owned());
                (class, std::sync::Arc::new(mesh))
            }
        };
        Ok(ObjectSpec::new(
            name,
            class,
            mesh,
            *transform,
            Mobility::Dynamic,
        ))
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator")
            .field("config", &self.config)
            .field("objects", &self.world.objects().len())
            .field("cameras", &self.cameras.len())
            .finish_non_exhaustive()
    }
}

fn no_camera(name: &CameraName) -> EngineError {
    EngineError::not_found(format!("there is no camera {:?}", name.as_str()))
}

pub(crate) fn no_object(name: &ObjectName) -> EngineError {
    EngineError::not_found(format!("there is no object {:?}", name.as_str()))
}

pub(crate) fn no_free_name(what: &str, name: &str) -> EngineError {
    let message = format!("there is already {what} {name:?}; choose another name");
    EngineError::new(ErrorCode::AlreadyExists, message)
}

/// Refuses a scale that flattens an object or makes it boundless.
pub(crate) fn check_scale(transform: &Transform) -> Result<(), EngineError> {
    let s = transform.scale;
    if [s.x, s.y, s.z]
        .iter()
        .all(|x| SCALE_RANGE.contains(&x.abs()))
        && transform.is_finite()
    {
        return Ok(());
    }
    Err(EngineError::invalid(format!(
        "the scale ({}, {}, {}) is not between {} and {} on every axis",
        s.x,
        s.y,
        s.z,
        SCALE_RANGE.start(),
        SCALE_RANGE.end()
    )))
}

#[cfg(test)]
impl Simulator {
    /// A scene by its name, otherwise as usual.
    pub(crate) fn of_scene(scene: &str) -> Self {
        let config = SimConfig {
            scene: scene.to_owned(),
            ..SimConfig::default()
        };
        Self::new(config).expect("a scene")
    }
}
