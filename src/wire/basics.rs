//! Vectors, transforms, cameras, objects.

use super::{WireError, encoding::Accepted};
use crate::{
    Box2, Box3, CameraState, ErrorCode, Intrinsics, Label, Modality, ModalitySet, ObjectState,
    ObjectView, PartialTransform, Rotator, SceneState, Transform, Vec3, View, proto,
};

impl From<Vec3> for proto::Vector3 {
    fn from(v: Vec3) -> Self {
        Self {
            x: v.x,
            y: v.y,
            z: v.z,
        }
    }
}

impl From<proto::Vector3> for Vec3 {
    fn from(v: proto::Vector3) -> Self {
        Self::new(v.x, v.y, v.z)
    }
}

impl From<Rotator> for proto::Rotator {
    fn from(r: Rotator) -> Self {
        Self {
            pitch: r.pitch,
            yaw: r.yaw,
            roll: r.roll,
        }
    }
}

impl From<proto::Rotator> for Rotator {
    fn from(r: proto::Rotator) -> Self {
        Self::new(r.pitch, r.yaw, r.roll)
    }
}

impl From<PartialTransform> for proto::Transform {
    fn from(t: PartialTransform) -> Self {
        Self {
            location: t.location.map(Into::into),
            rotation: t.rotation.map(Into::into),
            scale: t.scale.map(Into::into),
        }
    }
}

impl From<Transform> for proto::Transform {
    fn from(t: Transform) -> Self {
        PartialTransform::from(t).into()
    }
}

impl From<proto::Transform> for PartialTransform {
    fn from(t: proto::Transform) -> Self {
        Self {
            location: t.location.map(Into::into),
            rotation: t.rotation.map(Into::into),
            scale: t.scale.map(Into::into),
        }
    }
}

/// A transform from a peer, its absent parts those of the identity.
pub(crate) fn transform(
    message: Option<proto::Transform>,
    what: &str,
) -> Result<Transform, WireError> {
    let partial = PartialTransform::from(message.unwrap_or_default());
    let transform = partial.over(Transform::IDENTITY);
    if transform.is_finite() {
        Ok(transform)
    } else {
        Err(WireError::new(format!("{what} is not finite")))
    }
}

impl From<Intrinsics> for proto::Intrinsics {
    fn from(k: Intrinsics) -> Self {
        Self {
            fx: k.fx,
            fy: k.fy,
            cx: k.cx,
            cy: k.cy,
            width: k.width,
            height: k.height,
        }
    }
}

/// Intrinsics from a peer, with which one can compute.
pub(crate) fn intrinsics(k: proto::Intrinsics) -> Result<Intrinsics, WireError> {
    let positive = |v: f64| v.is_finite() && v > 0.0;
    if positive(k.fx) && positive(k.fy) && k.cx.is_finite() && k.cy.is_finite() {
        Ok(k.into())
    } else {
        Err(WireError::new("a camera's intrinsics are not usable"))
    }
}

impl From<proto::Intrinsics> for Intrinsics {
    fn from(k: proto::Intrinsics) -> Self {
        Self {
            fx: k.fx,
            fy: k.fy,
            cx: k.cx,
            cy: k.cy,
            width: k.width,
            height: k.height,
        }
    }
}

impl From<Modality> for proto::Modality {
    fn from(modality: Modality) -> Self {
        match modality {
            Modality::Rgb => Self::Rgb,
            Modality::Depth => Self::Depth,
            Modality::Segmentation => Self::Segmentation,
            Modality::Normals => Self::Normals,
            Modality::Flow => Self::OpticalFlow,
        }
    }
}

/// The modality of a wire number; `None` for those we do not know.
pub(crate) fn modality(number: i32) -> Option<Modality> {
    match proto::Modality::try_from(number).ok()? {
        proto::Modality::Unspecified => None,
        proto::Modality::Rgb => Some(Modality::Rgb),
        proto::Modality::Depth => Some(Modality::Depth),
        proto::Modality::Segmentation => Some(Modality::Segmentation),
        proto::Modality::Normals => Some(Modality::Normals),
        proto::Modality::OpticalFlow => Some(Modality::Flow),
    }
}

pub(crate) fn capture_view(view: View, modalities: ModalitySet) -> proto::CaptureView {
    let accepted = Accepted::of(&view, modalities);
    proto::CaptureView {
        camera_name: (&view.camera).into(),
        width: view.width,
        height: view.height,
        accepted_encodings: accepted.encodings,
        jpeg_quality: accepted.jpeg_quality,
        max_depth_error_um: accepted.max_depth_error_um,
        modalities: modalities
            .iter()
            .map(|modality| proto::Modality::from(modality) as i32)
            .collect(),
    }
}

impl From<proto::CaptureView> for View {
    fn from(view: proto::CaptureView) -> Self {
        let accepted = Accepted {
            encodings: view.accepted_encodings,
            jpeg_quality: view.jpeg_quality,
            max_depth_error_um: view.max_depth_error_um,
        };
        Self {
            camera: view.camera_name.into(),
            width: view.width,
            height: view.height,
            encodings: accepted.choose(),
        }
    }
}

impl From<Label> for proto::Label {
    fn from(label: Label) -> Self {
        Self {
            instance_id: label.instance_id,
            object_name: (&label.object).into(),
            class_id: label.class_id,
            class_name: label.class_name,
        }
    }
}

impl From<proto::Label> for Label {
    fn from(label: proto::Label) -> Self {
        Self {
            instance_id: label.instance_id,
            object: label.object_name.into(),
            class_id: label.class_id,
            class_name: label.class_name,
        }
    }
}

impl From<CameraState> for proto::CameraState {
    fn from(camera: CameraState) -> Self {
        Self {
            name: (&camera.name).into(),
            pose: Some(camera.pose.into()),
            intrinsics: Some(camera.intrinsics.into()),
        }
    }
}

pub(crate) fn camera_state(camera: proto::CameraState) -> Result<CameraState, WireError> {
    let intrinsics = camera.intrinsics.ok_or_else(|| {
        WireError::new(format!("camera {:?} comes without intrinsics", camera.name))
    })?;
    Ok(CameraState {
        pose: transform(camera.pose, "a camera pose")?,
        name: camera.name.into(),
        intrinsics: self::intrinsics(intrinsics)?,
    })
}

impl From<Box2> for proto::Box2D {
    fn from(b: Box2) -> Self {
        Self {
            x_min: b.x_min,
            y_min: b.y_min,
            x_max: b.x_max,
            y_max: b.y_max,
        }
    }
}

impl From<proto::Box2D> for Box2 {
    fn from(b: proto::Box2D) -> Self {
        Self {
            x_min: b.x_min,
            y_min: b.y_min,
            x_max: b.x_max,
            y_max: b.y_max,
        }
    }
}

impl From<Box3> for proto::Box3D {
    fn from(b: Box3) -> Self {
        Self {
            center: Some(b.center.into()),
            half_extent: Some(b.half_extent.into()),
            rotation: Some(b.rotation.into()),
        }
    }
}

impl From<proto::Box3D> for Box3 {
    fn from(b: proto::Box3D) -> Self {
        Self {
            center: b.center.unwrap_or_default().into(),
            half_extent: b.half_extent.unwrap_or_default().into(),
            rotation: b.rotation.unwrap_or_default().into(),
        }
    }
}

impl From<ObjectState> for proto::ObjectState {
    fn from(object: ObjectState) -> Self {
        let views = object.views.into_iter().enumerate();
        Self {
            name: (&object.label.object).into(),
            instance_id: object.label.instance_id,
            class_name: object.label.class_name,
            class_id: object.label.class_id,
            transform: Some(object.transform.into()),
            r#box: Some(object.box_3d.into()),
            views: views
                .map(|(index, view)| proto::ObjectView {
                    view_index: index as u32,
                    visible_box: view.visible_box.map(Into::into),
                    full_box: view.full_box.map(Into::into),
                    visible_pixels: view.visible_pixels,
                    visibility: view.visibility,
                })
                .collect(),
            dynamic: object.dynamic,
        }
    }
}

fn object_state(object: proto::ObjectState) -> Result<ObjectState, WireError> {
    let mut views = vec![ObjectView::default(); object.views.len()];
    for view in object.views {
        let count = views.len();
        let slot = views.get_mut(view.view_index as usize).ok_or_else(|| {
            WireError::new(format!(
                "object {:?} is described in view {} of {count}",
                object.name, view.view_index
            ))
        })?;
        *slot = ObjectView {
            visible_box: view.visible_box.map(Into::into),
            full_box: view.full_box.map(Into::into),
            visible_pixels: view.visible_pixels,
            visibility: view.visibility,
        };
    }
    Ok(ObjectState {
        label: Label {
            instance_id: object.instance_id,
            object: object.name.into(),
            class_id: object.class_id,
            class_name: object.class_name,
        },
        transform: transform(object.transform, "an object's transform")?,
        box_3d: object.r#box.unwrap_or_default().into(),
        views,
        dynamic: object.dynamic,
    })
}

impl From<SceneState> for proto::SceneState {
    fn from(scene: SceneState) -> Self {
        Self {
            objects: scene.objects.into_iter().map(Into::into).collect(),
        }
    }
}

pub(crate) fn scene_state(scene: proto::SceneState) -> Result<SceneState, WireError> {
    let objects = scene.objects.into_iter().map(object_state);
    Ok(SceneState {
        objects: objects.collect::<Result<_, _>>()?,
    })
}

impl From<ErrorCode> for proto::ErrorCode {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::InvalidArgument => Self::InvalidArgument,
            ErrorCode::NotFound => Self::NotFound,
            ErrorCode::AlreadyExists => Self::AlreadyExists,
            ErrorCode::Unsupported => Self::Unsupported,
            ErrorCode::ResourceExhausted => Self::ResourceExhausted,
            ErrorCode::FailedPrecondition => Self::FailedPrecondition,
            ErrorCode::DeadlineExceeded => Self::DeadlineExceeded,
            ErrorCode::Cancelled => Self::Cancelled,
            ErrorCode::PermissionDenied => Self::PermissionDenied,
            ErrorCode::Unavailable => Self::Unavailable,
            ErrorCode::Internal => Self::Internal,
        }
    }
}

/// The code of a wire number; an unknown one is a fault of the server.
pub(crate) fn error_code(number: i32) -> ErrorCode {
    match proto::ErrorCode::try_from(number) {
        Ok(proto::ErrorCode::InvalidArgument) => ErrorCode::InvalidArgument,
        Ok(proto::ErrorCode::NotFound) => ErrorCode::NotFound,
        Ok(proto::ErrorCode::AlreadyExists) => ErrorCode::AlreadyExists,
        Ok(proto::ErrorCode::Unsupported) => ErrorCode::Unsupported,
        Ok(proto::ErrorCode::ResourceExhausted) => ErrorCode::ResourceExhausted,
        Ok(proto::ErrorCode::FailedPrecondition) => ErrorCode::FailedPrecondition,
        Ok(proto::ErrorCode::DeadlineExceeded) => ErrorCode::DeadlineExceeded,
        Ok(proto::ErrorCode::Cancelled) => ErrorCode::Cancelled,
        Ok(proto::ErrorCode::PermissionDenied) => ErrorCode::PermissionDenied,
        Ok(proto::ErrorCode::Unavailable) => ErrorCode::Unavailable,
        Ok(proto::ErrorCode::Internal | proto::ErrorCode::Unspecified) | Err(_) => {
            ErrorCode::Internal
        }
    }
}
