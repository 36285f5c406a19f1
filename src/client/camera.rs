//! Cameras: where they are, how they look, what they see.

use std::{fmt, sync::Arc};

use super::{
    Inner, Latest, answers,
    request::{Done, Needs, Read, Request, Stamped},
};
use crate::{
    CameraName, CameraState, Capability, CaptureSet, Command, EncodingChoice, Error, Frame,
    FrameStream, Intrinsics, Lens, Modality, ModalitySet, PartialTransform, Rotator, SceneState,
    Transform, Vec3, View,
    frame::{Depth, Flow, Normals, Rgb, Segmentation, Stamp, TypedPixels},
    session::{Job, Outcome},
    streams::Filter,
};

/// A camera of the server. Cheap to clone; holds nothing but its name and the
/// image size to ask for.
#[derive(Clone)]
pub struct Camera {
    inner: Arc<Inner>,
    view: View,
}

/// Images of one tick, and the scene if it was asked for.
#[derive(Clone, Debug)]
pub struct FrameSet {
    /// In the order of the request.
    pub frames: Vec<Arc<Frame>>,
    /// The scene at the same tick, with what each view sees.
    pub scene: Option<SceneState>,
    /// When it was taken.
    pub stamp: Stamp,
}

impl FrameSet {
    /// The frame of a camera and modality.
    pub fn frame(&self, camera: &str, modality: Modality) -> Option<&Arc<Frame>> {
        let mut frames = self.frames.iter();
        frames.find(|frame| frame.info().camera.as_str() == camera && frame.modality() == modality)
    }
}

impl Camera {
    pub(super) fn new(inner: Arc<Inner>, name: CameraName) -> Self {
        Self {
            inner,
            view: View::of(name),
        }
    }

    /// The same camera, whose images are asked for at this size in pixels instead
    /// of the camera's own.
    #[must_use]
    pub fn with_size(&self, width: u32, height: u32) -> Self {
        Self {
            inner: self.inner.clone(),
            view: self.view.clone().with_size(width, height),
        }
    }

    /// The same camera, whose images of this modality travel so, in place of what
    /// the client's settings say.
    #[must_use]
    pub fn with_encoding(&self, modality: Modality, choice: impl Into<EncodingChoice>) -> Self {
        Self {
            inner: self.inner.clone(),
            view: self.view.clone().with_encoding(modality, choice),
        }
    }

    /// Its name; empty for the default camera of a plain UESynth server.
    pub fn name(&self) -> &CameraName {
        &self.view.camera
    }

    /// The camera and the image size, for capture sets.
    pub fn view(&self) -> View {
        self.view.clone()
    }

    /// A colour image.
    pub fn rgb(&self) -> Request<Frame<Rgb>> {
        self.capture()
    }

    /// Depth in metres along the optical axis.
    pub fn depth(&self) -> Request<Frame<Depth>> {
        self.capture()
    }

    /// Instance IDs and their classes.
    pub fn segmentation(&self) -> Request<Frame<Segmentation>> {
        self.capture()
    }

    /// Surface normals in world axes.
    pub fn normals(&self) -> Request<Frame<Normals>> {
        self.capture()
    }

    /// Optical flow in pixels.
    pub fn flow(&self) -> Request<Frame<Flow>> {
        self.capture()
    }

    /// An image of the modality that the type names.
    pub fn capture<P: TypedPixels>(&self) -> Request<Frame<P>> {
        image(&self.inner, self.view(), P::MODALITY, answers::frame)
    }

    /// An image of a modality known when running.
    pub fn image(&self, modality: Modality) -> Request<Arc<Frame>> {
        image(&self.inner, self.view(), modality, answers::any_frame)
    }

    /// Several modalities of one tick.
    pub fn images(&self, modalities: impl Into<ModalitySet>) -> Request<FrameSet> {
        capture_set(
            &self.inner,
            CaptureSet {
                views: vec![(self.view(), modalities.into())],
                include_scene: false,
            },
        )
    }

    /// Where the camera is.
    pub fn transform(&self) -> Request<Stamped<Transform>> {
        let command = Command::GetCameraTransform {
            camera: self.view.camera.clone(),
        };
        Request::new(
            &self.inner,
            Job::One(command),
            Needs::Nothing,
            answers::camera_transform,
        )
    }

    /// Moves the camera. Parts that are left out stay.
    ///
    /// A plain UESynth server would reset them, so there the client fills them
    /// in: with what the moves it made before, or its last answer to
    /// [`transform`](Self::transform), say of the server's one camera. When it
    /// knows neither, it asks the server first and holds this and every later
    /// request back until the answer is there, so that their order stays. This
    /// is exact as long as this client alone moves the camera; after something
    /// else has, ask for `transform` before moving in part. A move that a plain
    /// server fails ends with [`ErrorKind::NoReply`](crate::ErrorKind), and then
    /// moves in part that were made after it and before that was known may have
    /// filled in what it should have set.
    pub fn set_transform(&self, transform: impl Into<PartialTransform>) -> Request<Done> {
        let command = Command::SetCameraTransform {
            camera: self.view.camera.clone(),
            transform: transform.into(),
        };
        self.inner.done(command, Needs::Nothing)
    }

    /// Sets only where the camera is, in centimetres.
    pub fn set_location(&self, location: Vec3) -> Request<Done> {
        self.set_transform(PartialTransform::location(location))
    }

    /// Sets only how the camera is turned, in degrees.
    pub fn set_rotation(&self, rotation: Rotator) -> Request<Done> {
        self.set_transform(PartialTransform::rotation(rotation))
    }

    /// Moves the camera to `from` and points it at `target`, upright; both in
    /// centimetres.
    pub fn look_at(&self, from: Vec3, target: Vec3) -> Request<Done> {
        self.set_transform(Transform::look_at(from, target))
    }

    /// The camera as it stands: its name, pose and intrinsics, of one tick.
    pub fn state(&self) -> Request<Stamped<CameraState>> {
        self.listed(answers::camera_state)
    }

    /// The intrinsics at the camera's own resolution, in pixels.
    pub fn intrinsics(&self) -> Request<Stamped<Intrinsics>> {
        self.listed(answers::camera_intrinsics)
    }

    /// The horizontal field of view in degrees.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let server = synthcap_sim::serve(synthcap_sim::SimConfig::small()).await?;
    /// # let client = synthcap::Client::connect(server.url()).await?;
    /// let camera = client.default_camera();
    /// camera.set_fov(60.0).await?;
    /// assert!((camera.fov().await?.value - 60.0).abs() < 1e-3);
    /// # client.close().await?;
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn fov(&self) -> Request<Stamped<f64>> {
        self.listed(answers::camera_fov)
    }

    /// What the list of cameras says of this one.
    fn listed<T>(&self, read: fn(Outcome, &CameraName) -> Result<T, Error>) -> Request<T> {
        Request::reading(
            &self.inner,
            Job::One(Command::ListCameras),
            Needs::Extension(Capability::Cameras),
            Read::OfCamera(self.name().clone(), read),
        )
    }

    /// Sets the horizontal field of view in degrees, above 0 and below 180.
    pub fn set_fov(&self, horizontal_deg: f32) -> Request<Done> {
        self.set_lens(Lens::HorizontalFov(horizontal_deg))
    }

    /// Sets the full intrinsics, and with them the resolution.
    pub fn set_intrinsics(&self, intrinsics: Intrinsics) -> Request<Done> {
        self.set_lens(Lens::Intrinsics(intrinsics))
    }

    fn set_lens(&self, lens: Lens) -> Request<Done> {
        let command = Command::SetIntrinsics {
            camera: self.view.camera.clone(),
            lens,
        };
        self.extension(command, Capability::Intrinsics)
    }

    /// Sets the image size in pixels of captures that do not name one.
    pub fn set_resolution(&self, width: u32, height: u32) -> Request<Done> {
        let command = Command::SetResolution {
            camera: self.view.camera.clone(),
            width,
            height,
        };
        self.extension(command, Capability::Cameras)
    }

    /// Makes this camera on the server.
    pub fn create(&self, transform: impl Into<PartialTransform>) -> Request<Done> {
        let command = Command::CreateCamera {
            camera: self.view.camera.clone(),
            transform: transform.into(),
        };
        self.extension(command, Capability::Cameras)
    }

    /// Removes this camera from the server. Its newest frames are let go: see
    /// [`Latest`]. Should it be made again, its frames are numbered from 1.
    pub fn destroy(&self) -> Request<Done> {
        let command = Command::DestroyCamera {
            camera: self.view.camera.clone(),
        };
        self.extension(command, Capability::Cameras)
    }

    fn extension(&self, command: Command, capability: Capability) -> Request<Done> {
        self.inner.done(command, Needs::Extension(capability))
    }

    /// The newest frame of a modality, whoever asked for it.
    pub fn latest(&self, modality: Modality) -> Latest {
        Latest::new(&self.inner, self.name(), modality)
    }

    /// Every frame of these modalities of this camera that is asked for and arrives from
    /// now on; see [`Client::frames`](crate::Client::frames).
    pub fn frames(&self, modalities: impl Into<ModalitySet>) -> FrameStream {
        let streams = &self.inner.session.hub.streams;
        let stream = streams.open(Filter {
            camera: Some(self.view.camera.clone()),
            modalities: modalities.into(),
        });
        stream.waiting(self.inner.waiting())
    }
}

impl fmt::Debug for Camera {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Camera").field(&self.view).finish()
    }
}

/// A request for one image.
pub(super) fn image<T>(
    inner: &Arc<Inner>,
    view: View,
    modality: Modality,
    read: fn(Outcome) -> Result<T, Error>,
) -> Request<T> {
    let job = Job::One(Command::Capture { view, modality });
    Request::new(inner, job, Needs::Images(modality.into()), read)
}

/// A request for several images of one tick.
pub(super) fn capture_set(inner: &Arc<Inner>, set: CaptureSet) -> Request<FrameSet> {
    let modalities = set.views.iter().map(|(_, modalities)| *modalities);
    let all = modalities.fold(ModalitySet::EMPTY, |all, modalities| all | modalities);
    let job = Job::One(Command::CaptureSet(set));
    Request::new(inner, job, Needs::ImageSet(all), answers::frame_set)
}
