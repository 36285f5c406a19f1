//! What a simulator implements to be served.

use std::{error::Error, fmt, time::Duration};

use super::PixelBuffers;
use crate::{
    CameraName, CameraState, Capability, Command, Environment, ErrorCode, Intrinsics, Lens, Light,
    ModalitySet, ObjectName, PartialTransform, Pixels, SceneQuery, SceneState, Transform,
    wire::reply::Failure,
};

/// A simulator.
///
/// The kit owns it on one thread of its own and calls it between ticks, so an
/// engine needs no locks, and whatever one call reads is of one tick. By the time
/// a call arrives the kit has checked what can be checked without the engine:
/// names of cameras and objects exist (or are free), an empty camera name has
/// become that of the default camera, sizes are within the limits and not zero,
/// numbers are finite, and the capability is one the engine says it has.
///
/// Implement what the simulator can do and list it in [`EngineInfo`]; everything
/// else is refused for you with an error that names the capability.
pub trait Engine: Send + 'static {
    /// What it is and what it can do. Asked again after each reset, and whenever
    /// a client asks.
    fn info(&self) -> EngineInfo;

    /// All cameras, the default one first; at least one.
    fn cameras(&self) -> Vec<CameraState>;

    /// The names of all objects.
    fn object_names(&self) -> Vec<ObjectName> {
        Vec::new()
    }

    /// Advances simulation time by one tick and returns how long that tick was in
    /// simulation time.
    fn tick(&mut self) -> Duration;

    /// Moves a camera; parts left out stay.
    ///
    /// # Errors
    ///
    /// When the engine cannot do it.
    fn set_camera_transform(
        &mut self,
        camera: &CameraName,
        transform: &PartialTransform,
    ) -> Result<(), EngineError>;

    /// Takes images, all of the present state. The reply has one entry per view,
    /// in order, with its images in the order of [`ModalitySet::iter`]; and the
    /// scene exactly when it was asked for, with one [`ObjectView`] per view in
    /// each object.
    ///
    /// [`ObjectView`]: crate::ObjectView
    ///
    /// # Errors
    ///
    /// When the engine cannot do it; then no image is sent.
    fn capture(
        &mut self,
        views: &[ResolvedView],
        include_scene: bool,
    ) -> Result<Captured, EngineError>;

    /// Takes images as [`capture`](Self::capture) does, in memory that is taken
    /// from `buffers` where possible: a client on this machine then reads them
    /// where they were rendered. The kit calls this one; by default it calls
    /// `capture`, whose images are copied once for such a client.
    ///
    /// # Errors
    ///
    /// When the engine cannot do it; then no image is sent.
    fn capture_into(
        &mut self,
        views: &[ResolvedView],
        include_scene: bool,
        buffers: &PixelBuffers,
    ) -> Result<Captured, EngineError> {
        let _ = buffers;
        self.capture(views, include_scene)
    }

    /// Looks at a command without running it, for what only the engine can know:
    /// whether an asset exists, a property is known, a value makes sense. Every
    /// command of a batch is checked before the first runs, so what passes here
    /// should not fail later. Objects and cameras that earlier items of the same
    /// batch make do not exist yet.
    ///
    /// # Errors
    ///
    /// Why the command could not run.
    fn check(&self, command: &Command) -> Result<(), EngineError> {
        let _ = command;
        Ok(())
    }

    /// Where an object is.
    ///
    /// # Errors
    ///
    /// When the engine cannot do it.
    fn object_transform(&self, object: &ObjectName) -> Result<Transform, EngineError> {
        let _ = object;
        Err(EngineError::unsupported(Capability::Objects))
    }

    /// Moves, turns or scales an object; parts left out stay.
    ///
    /// # Errors
    ///
    /// When the engine cannot do it.
    fn set_object_transform(
        &mut self,
        object: &ObjectName,
        transform: &PartialTransform,
    ) -> Result<(), EngineError> {
        let _ = (object, transform);
        Err(EngineError::unsupported(Capability::Objects))
    }

    /// Makes a camera.
    ///
    /// # Errors
    ///
    /// When the engine cannot do it.
    fn create_camera(
        &mut self,
        camera: &CameraName,
        transform: &Transform,
    ) -> Result<(), EngineError> {
        let _ = (camera, transform);
        Err(EngineError::unsupported(Capability::Cameras))
    }

    /// Removes a camera, which is never the last one.
    ///
    /// # Errors
    ///
    /// When the engine cannot do it.
    fn destroy_camera(&mut self, camera: &CameraName) -> Result<(), EngineError> {
        let _ = camera;
        Err(EngineError::unsupported(Capability::Cameras))
    }

    /// Sets a camera's image size, keeping its horizontal field of view.
    ///
    /// # Errors
    ///
    /// When the engine cannot do it.
    fn set_resolution(
        &mut self,
        camera: &CameraName,
        width: u32,
        height: u32,
    ) -> Result<(), EngineError> {
        let _ = (camera, width, height);
        Err(EngineError::unsupported(Capability::Cameras))
    }

    /// Sets a camera's lens.
    ///
    /// # Errors
    ///
    /// When the engine cannot do it.
    fn set_lens(&mut self, camera: &CameraName, lens: &Lens) -> Result<(), EngineError> {
        let _ = (camera, lens);
        Err(EngineError::unsupported(Capability::Intrinsics))
    }

    /// Makes an object.
    ///
    /// # Errors
    ///
    /// When the engine cannot do it.
    fn spawn_object(
        &mut self,
        object: &ObjectName,
        asset: &str,
        transform: &Transform,
    ) -> Result<(), EngineError> {
        let _ = (object, asset, transform);
        Err(EngineError::unsupported(Capability::Spawn))
    }

    /// Removes an object.
    ///
    /// # Errors
    ///
    /// When the engine cannot do it.
    fn destroy_object(&mut self, object: &ObjectName) -> Result<(), EngineError> {
        let _ = object;
        Err(EngineError::unsupported(Capability::Spawn))
    }

    /// Changes how an object looks.
    ///
    /// # Errors
    ///
    /// When the engine cannot do it.
    fn set_material(
        &mut self,
        object: &ObjectName,
        property: &str,
        value: &str,
    ) -> Result<(), EngineError> {
        let _ = (object, property, value);
        Err(EngineError::unsupported(Capability::Materials))
    }

    /// Changes a light.
    ///
    /// # Errors
    ///
    /// When the engine cannot do it, or there is no such light.
    fn set_light(&mut self, light: &Light) -> Result<(), EngineError> {
        let _ = light;
        Err(EngineError::unsupported(Capability::Lighting))
    }

    /// Changes time of day, sun or weather.
    ///
    /// # Errors
    ///
    /// When the engine cannot do it.
    fn set_environment(&mut self, environment: &Environment) -> Result<(), EngineError> {
        let _ = environment;
        Err(EngineError::unsupported(Capability::TimeOfDay))
    }

    /// Describes objects: those of the query's class and names, in the order of
    /// their instance IDs, each with one [`ObjectView`](crate::ObjectView) per
    /// view. The views' sizes are the query's, resolved.
    ///
    /// # Errors
    ///
    /// When the engine cannot do it.
    fn scene(&mut self, query: &SceneQuery) -> Result<SceneState, EngineError> {
        let _ = query;
        Err(EngineError::unsupported(Capability::Scene))
    }

    /// Starts over, with another seed if one is given. The kit sets the tick to 0.
    ///
    /// # Errors
    ///
    /// When the engine cannot do it.
    fn reset(&mut self, seed: Option<u64>) -> Result<(), EngineError> {
        let _ = seed;
        Err(EngineError::unsupported(Capability::Reset))
    }
}

/// What an engine is and can do.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineInfo {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it can do. `CaptureSet`, `Batch`, `Step`, `Subscribe` and `Cancel`
    /// need not be listed: the kit provides them for every engine.
    pub capabilities: Vec<Capability>,
    /// Which images it can make.
    pub modalities: ModalitySet,
    /// Ticks per second while running; 0: time passes only by steps.
    pub tick_rate_hz: f64,
    /// The scene.
    pub scene_name: String,
    /// The seed of the scene.
    pub seed: u64,
    /// Names that the weather can be set to.
    pub weathers: Vec<String>,
}

/// A view with everything filled in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResolvedView {
    /// A camera that exists.
    pub camera: CameraName,
    /// Pixels, at least 1.
    pub width: u32,
    /// Pixels, at least 1.
    pub height: u32,
    /// What to take; may be empty when only the scene is asked for.
    pub modalities: ModalitySet,
}

/// What a capture brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Captured {
    /// One per view, in order.
    pub views: Vec<CapturedView>,
    /// When it was asked for.
    pub scene: Option<SceneState>,
}

/// The images of one view.
#[derive(Clone, Debug, PartialEq)]
pub struct CapturedView {
    /// Where the camera was.
    pub pose: Transform,
    /// For this image size.
    pub intrinsics: Intrinsics,
    /// One per modality, in the order of [`ModalitySet::iter`].
    pub images: Vec<Pixels>,
}

/// Why an engine did not do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineError {
    /// What kind of failure.
    pub code: ErrorCode,
    /// One line that names the thing and the remedy.
    pub message: String,
}

impl EngineError {
    /// An error with a code and one line that names the thing and the remedy.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// The request itself is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidArgument, message)
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, message)
    }

    /// The engine lacks a capability.
    pub fn unsupported(capability: Capability) -> Self {
        let message = format!("this server lacks the capability {capability}");
        Self::new(ErrorCode::Unsupported, message)
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for EngineError {}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self {
            code: error.code,
            message: error.message,
            batch_index: None,
        }
    }
}
