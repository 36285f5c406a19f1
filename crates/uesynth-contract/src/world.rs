//! What the deployed server does with one request, failures included.

use std::collections::BTreeMap;

use crate::proto::{
    self, CaptureRequest, ImageResponse, Rotator, Transform, Vector3, action_request::Action,
    frame_response::Response,
};

/// A location in centimetres and a rotation (pitch, yaw, roll) in degrees.
pub type Pose = ([f32; 3], [f32; 3]);

/// The state behind a plain server, which tests may read and change.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Where the one camera is; `None` makes every action on it fail.
    pub camera: Option<Pose>,
    /// Real size in pixels of the window that colour is read from, whatever size
    /// is asked for.
    pub viewport: (u32, u32),
    /// The objects; an action on any other fails.
    pub objects: BTreeMap<String, Transform>,
    /// Every request seen, in order: the method's name, for actions of the stream
    /// their field's name.
    pub seen: Vec<&'static str>,
}

impl World {
    /// One camera and one object `cube` at the origin, in a small window.
    pub fn small() -> Self {
        let cube = transform(([0.0; 3], [0.0; 3]));
        Self {
            camera: Some(([0.0; 3], [0.0; 3])),
            viewport: (8, 6),
            objects: BTreeMap::from([("cube".to_owned(), cube)]),
            seen: Vec::new(),
        }
    }

    /// The camera is moved by location **and** rotation, whatever its name; what
    /// is absent becomes zero.
    pub(crate) fn set_camera(&mut self, request: proto::SetCameraTransformRequest) -> Option<()> {
        let transform = request.transform.unwrap_or_default();
        let l = transform.location.unwrap_or_default();
        let r = transform.rotation.unwrap_or_default();
        *self.camera.as_mut()? = ([l.x, l.y, l.z], [r.pitch, r.yaw, r.roll]);
        Some(())
    }

    /// Success is never set.
    pub(crate) fn camera(&self) -> Option<proto::GetCameraTransformResponse> {
        Some(proto::GetCameraTransformResponse {
            transform: Some(transform(self.camera?)),
            success: false,
            message: String::new(),
        })
    }

    pub(crate) fn set_object(&mut self, request: proto::SetObjectTransformRequest) -> Option<()> {
        let object = self.objects.get_mut(&request.object_name)?;
        let asked = request.transform.unwrap_or_default();
        object.location = asked.location.or(object.location);
        object.rotation = asked.rotation.or(object.rotation);
        object.scale = asked.scale.or(object.scale);
        Some(())
    }

    pub(crate) fn object(&self, name: &str) -> Option<proto::GetObjectTransformResponse> {
        Some(proto::GetObjectTransformResponse {
            transform: Some(*self.objects.get(name)?),
            success: true,
            message: String::new(),
        })
    }

    pub(crate) fn list(&self) -> proto::ListObjectsResponse {
        proto::ListObjectsResponse {
            object_names: self.objects.keys().cloned().collect(),
        }
    }

    /// The window's pixels under whatever size was asked for; each pixel tells
    /// the camera's X, so that tests see when it was taken.
    pub(crate) fn rgb(&self, request: &CaptureRequest) -> ImageResponse {
        let (width, height) = stated_size(request);
        let x = self.camera.map_or(0.0, |(location, _)| location[0]);
        let pixels = self.viewport.0 as usize * self.viewport.1 as usize;
        ImageResponse {
            image_data: [x as u8, 0, 0, 255].repeat(pixels),
            width,
            height,
            format: "rgba".to_owned(),
        }
    }

    /// Zero bytes that claim to be a PNG file.
    pub(crate) fn placeholder(request: &CaptureRequest, bytes_per_pixel: usize) -> ImageResponse {
        let (width, height) = stated_size(request);
        ImageResponse {
            image_data: vec![0; width as usize * height as usize * bytes_per_pixel],
            width,
            height,
            format: "png".to_owned(),
        }
    }

    /// An action of the stream. `None` is silence: it failed, or is not served.
    pub(crate) fn act(&mut self, action: Action) -> Option<Response> {
        self.seen.push(name(&action));
        match action {
            Action::SetCameraTransform(m) => self.set_camera(m).map(|()| done()),
            Action::GetCameraTransform(_) => self.camera().map(Response::CameraTransform),
            Action::CaptureRgb(m) => Some(Response::ImageResponse(self.rgb(&m))),
            Action::CaptureDepth(m) => Some(Response::ImageResponse(Self::placeholder(&m, 1))),
            Action::CaptureSegmentation(m) => {
                Some(Response::ImageResponse(Self::placeholder(&m, 3)))
            }
            Action::SetObjectTransform(m) => self.set_object(m).map(|()| done()),
            Action::GetObjectTransform(m) => {
                self.object(&m.object_name).map(Response::ObjectTransform)
            }
            Action::ListObjects(()) => Some(Response::ObjectsList(self.list())),
            _ => None,
        }
    }
}

fn done() -> Response {
    Response::CommandResponse(proto::CommandResponse {
        success: true,
        message: String::new(),
    })
}

/// Nothing asked is reported as full HD, whatever the window is.
fn stated_size(request: &CaptureRequest) -> (u32, u32) {
    match (request.width, request.height) {
        (0, 0) => (1920, 1080),
        size => size,
    }
}

fn transform(([x, y, z], [pitch, yaw, roll]): Pose) -> Transform {
    Transform {
        location: Some(Vector3 { x, y, z }),
        rotation: Some(Rotator { pitch, yaw, roll }),
        scale: None,
    }
}

fn name(action: &Action) -> &'static str {
    match action {
        Action::SetCameraTransform(_) => "set_camera_transform",
        Action::GetCameraTransform(_) => "get_camera_transform",
        Action::CaptureRgb(_) => "capture_rgb",
        Action::CaptureDepth(_) => "capture_depth",
        Action::CaptureSegmentation(_) => "capture_segmentation",
        Action::CaptureNormals(_) => "capture_normals",
        Action::CaptureOpticalFlow(_) => "capture_optical_flow",
        Action::SetObjectTransform(_) => "set_object_transform",
        Action::GetObjectTransform(_) => "get_object_transform",
        Action::CreateCamera(_) => "create_camera",
        Action::DestroyCamera(_) => "destroy_camera",
        Action::SetResolution(_) => "set_resolution",
        Action::SpawnObject(_) => "spawn_object",
        Action::DestroyObject(_) => "destroy_object",
        Action::SetMaterial(_) => "set_material",
        Action::ListObjects(()) => "list_objects",
        Action::SetLighting(_) => "set_lighting",
    }
}
