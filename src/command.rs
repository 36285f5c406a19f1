//! What can be asked of a server, and what it answers: the vocabulary that
//! client and server kit share. It knows nothing of the network.

use crate::{
    CameraName, CameraState, Encodings, Intrinsics, Modality, ModalitySet, ObjectName,
    PartialTransform, Pixels, SceneState, Transform, Vec3, encoding::Transfer,
};

/// One thing asked of a server.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Command {
    /// Move a camera; parts left out stay.
    SetCameraTransform {
        /// Empty: the default camera.
        camera: CameraName,
        /// What to set.
        transform: PartialTransform,
    },
    /// Where a camera is.
    GetCameraTransform {
        /// Empty: the default camera.
        camera: CameraName,
    },
    /// One image.
    Capture {
        /// Which camera, at which size.
        view: View,
        /// Which kind of image.
        modality: Modality,
    },
    /// Several images from one tick, or none.
    CaptureSet(CaptureSet),
    /// Move, turn or scale an object; parts left out stay.
    SetObjectTransform {
        /// Which object.
        object: ObjectName,
        /// What to set.
        transform: PartialTransform,
    },
    /// Where an object is.
    GetObjectTransform {
        /// Which object.
        object: ObjectName,
    },
    /// A new camera.
    CreateCamera {
        /// A free name.
        camera: CameraName,
        /// Where; parts left out are those of [`Transform::IDENTITY`].
        transform: PartialTransform,
    },
    /// Remove a camera.
    DestroyCamera {
        /// Which camera.
        camera: CameraName,
    },
    /// The image size of a camera when a capture names none.
    SetResolution {
        /// Empty: the default camera.
        camera: CameraName,
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// The lens of a camera.
    SetIntrinsics {
        /// Empty: the default camera.
        camera: CameraName,
        /// The lens.
        lens: Lens,
    },
    /// A new object.
    SpawnObject {
        /// A free name.
        object: ObjectName,
        /// What; the engine says which assets it knows.
        asset: String,
        /// Where; parts left out are those of [`Transform::IDENTITY`].
        transform: PartialTransform,
    },
    /// Remove an object.
    DestroyObject {
        /// Which object.
        object: ObjectName,
    },
    /// Change how an object looks.
    SetMaterial {
        /// Which object.
        object: ObjectName,
        /// Which property; the engine says which it knows.
        property: String,
        /// The value as text.
        value: String,
    },
    /// Change a light.
    SetLighting(Light),
    /// Change the time of day, the sun or the weather.
    SetEnvironment(Environment),
    /// The names of all objects.
    ListObjects,
    /// All cameras, the default one first.
    ListCameras,
    /// The objects with classes, poses and boxes.
    GetScene(SceneQuery),
    /// Advance simulation time by whole ticks.
    Step {
        /// How many; at least 1.
        ticks: u32,
    },
    /// Stop simulation time.
    Pause,
    /// Let simulation time run again.
    Resume,
    /// Back to the beginning.
    Reset {
        /// A new seed; `None` keeps the present one.
        seed: Option<u64>,
    },
}

impl Command {
    /// The name used in messages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SetCameraTransform { .. } => "set_camera_transform",
            Self::GetCameraTransform { .. } => "get_camera_transform",
            Self::Capture { .. } => "capture",
            Self::CaptureSet(_) => "capture_set",
            Self::SetObjectTransform { .. } => "set_object_transform",
            Self::GetObjectTransform { .. } => "get_object_transform",
            Self::CreateCamera { .. } => "create_camera",
            Self::DestroyCamera { .. } => "destroy_camera",
            Self::SetResolution { .. } => "set_resolution",
            Self::SetIntrinsics { .. } => "set_intrinsics",
            Self::SpawnObject { .. } => "spawn_object",
            Self::DestroyObject { .. } => "destroy_object",
            Self::SetMaterial { .. } => "set_material",
            Self::SetLighting(_) => "set_lighting",
            Self::SetEnvironment(_) => "set_environment",
            Self::ListObjects => "list_objects",
            Self::ListCameras => "list_cameras",
            Self::GetScene(_) => "get_scene",
            Self::Step { .. } => "step",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Reset { .. } => "reset",
        }
    }

    /// Whether running it twice leaves the same state as running it once:
    /// captures, queries and absolute setters. Only these may be sent again when
    /// it is unknown whether they arrived.
    pub const fn is_idempotent(&self) -> bool {
        !matches!(
            self,
            Self::CreateCamera { .. }
                | Self::DestroyCamera { .. }
                | Self::SpawnObject { .. }
                | Self::DestroyObject { .. }
                | Self::Step { .. }
                | Self::Reset { .. }
        )
    }

    /// Whether it only asks and changes nothing.
    pub(crate) const fn is_query(&self) -> bool {
        matches!(
            self,
            Self::GetCameraTransform { .. }
                | Self::Capture { .. }
                | Self::CaptureSet(_)
                | Self::GetObjectTransform { .. }
                | Self::ListObjects
                | Self::ListCameras
                | Self::GetScene(_)
        )
    }

    /// Whether its reply is images.
    pub const fn is_capture(&self) -> bool {
        matches!(self, Self::Capture { .. } | Self::CaptureSet(_))
    }
}

/// A camera and an image size.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct View {
    /// Empty: the default camera.
    pub camera: CameraName,
    /// Pixels; 0: the camera's resolution.
    pub width: u32,
    /// Pixels; 0: the camera's resolution.
    pub height: u32,
    /// How the images travel; where nothing is chosen, as the client's settings
    /// say.
    pub encodings: Encodings,
}

impl View {
    /// A camera at its own resolution.
    pub fn of(camera: impl Into<CameraName>) -> Self {
        Self {
            camera: camera.into(),
            ..Self::default()
        }
    }

    /// The same camera at this size in pixels.
    #[must_use]
    pub fn with_size(self, width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            ..self
        }
    }
}

/// Images of several cameras and modalities from one tick.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CaptureSet {
    /// The views, and what to take of each.
    pub views: Vec<(View, ModalitySet)>,
    /// Whether the scene state of the same tick comes with it, with what each of
    /// the views sees of each object.
    pub include_scene: bool,
}

impl CaptureSet {
    /// How many images the set has.
    pub fn image_count(&self) -> usize {
        self.views
            .iter()
            .map(|(_, modalities)| modalities.len())
            .sum()
    }
}

/// Capture sets that the server pushes by itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subscription {
    /// What is captured.
    pub set: CaptureSet,
    /// Captures per second of simulation time; 0: one every tick.
    pub rate_hz: f64,
    /// How many captures the server may send ahead of their being read.
    pub credits: u32,
}

/// How a camera maps directions to pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Lens {
    /// Horizontal field of view in degrees, above 0 and below 180, with square
    /// pixels and the principal point in the middle.
    HorizontalFov(f32),
    /// Full intrinsics, which also set the resolution.
    Intrinsics(Intrinsics),
}

/// A light and what to set of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Light {
    /// Empty: the sun.
    pub name: String,
    /// Factor; 1 is as made.
    pub intensity: f32,
    /// Linear red, green, blue, 0 to 1; `None` leaves it.
    pub color: Option<Vec3>,
    /// A directional light shines along its X axis; parts left out stay.
    pub transform: PartialTransform,
}

/// Time of day, sun and weather; parts that are `None` stay.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Environment {
    /// Hours, from 0 up to 24.
    pub time_of_day_h: Option<f32>,
    /// Factor; 1 is as made.
    pub sun_intensity: Option<f32>,
    /// Linear red, green, blue, 0 to 1.
    pub sun_color: Option<Vec3>,
    /// A name that the server lists.
    pub weather: Option<String>,
}

/// Which objects to describe, and for which views.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SceneQuery {
    /// Only objects of this class.
    pub class_name: Option<String>,
    /// Only these objects; empty: all.
    pub objects: Vec<ObjectName>,
    /// Adds for each of these views what it sees of each object.
    pub views: Vec<View>,
}

/// One image of a capture.
#[derive(Clone, Debug, PartialEq)]
pub struct CapturedImage {
    /// The camera by its real name; empty only from a plain UESynth server.
    pub camera: CameraName,
    /// Where the camera was; `None` from a plain UESynth server.
    pub pose: Option<Transform>,
    /// For this image's size; `None` from a plain UESynth server.
    pub intrinsics: Option<Intrinsics>,
    /// The pixels.
    pub pixels: Pixels,
    /// How they came over the network; raw where they have not.
    pub transfer: Transfer,
}

/// The answer to a command that succeeded. `I` is what an image is: that of the
/// engine on the server's side, a frame with its number and time on the client's.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Answer<I = CapturedImage> {
    /// Done; the text is for people.
    Done(String),
    /// Where a camera is.
    CameraTransform(Transform),
    /// Where an object is.
    ObjectTransform(Transform),
    /// Images in the order of the request, and the scene if it was asked for.
    Images(Vec<I>, Option<SceneState>),
    /// Names of all objects.
    Objects(Vec<ObjectName>),
    /// All cameras, the default one first.
    Cameras(Vec<CameraState>),
    /// The objects asked for.
    Scene(SceneState),
}

impl<I> Answer<I> {
    /// The same answer with every image turned into something else.
    pub(crate) fn map_images<J>(self, turn: impl FnMut(I) -> J) -> Answer<J> {
        match self {
            Self::Images(images, scene) => {
                Answer::Images(images.into_iter().map(turn).collect(), scene)
            }
            Self::Done(message) => Answer::Done(message),
            Self::CameraTransform(transform) => Answer::CameraTransform(transform),
            Self::ObjectTransform(transform) => Answer::ObjectTransform(transform),
            Self::Objects(names) => Answer::Objects(names),
            Self::Cameras(cameras) => Answer::Cameras(cameras),
            Self::Scene(scene) => Answer::Scene(scene),
        }
    }
}
