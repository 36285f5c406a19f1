//! Commands, as a server reads them.

use super::{WireError, basics, encoding::Accepted, request::Asked};
use crate::{
    CaptureSet, Command, Environment, Lens, Light, Modality, ModalitySet, PartialTransform,
    SceneQuery, Subscription, View,
    proto::{self, action_request::Action, set_intrinsics_request::Model},
};

/// What a stream message asks for.
pub(crate) fn decode(action: Option<Action>) -> Result<Asked, WireError> {
    match action {
        None => Err(WireError::new(
            "the request names no action that this server knows",
        )),
        Some(Action::Batch(batch)) => {
            let items = batch.items.into_iter().enumerate();
            let commands = items.map(|(index, item)| match decode(item.action) {
                Ok(Asked::One(command)) => Ok((item.request_id, command)),
                Ok(_) => Err(WireError::new(format!(
                    "batch item {index}: a batch holds only single commands"
                ))),
                Err(error) => Err(WireError::new(format!("batch item {index}: {error}"))),
            });
            Ok(Asked::Batch(commands.collect::<Result<_, _>>()?))
        }
        Some(Action::Subscribe(m)) => Ok(Asked::Subscribe(Subscription {
            set: capture_set(m.views, m.include_scene)?,
            rate_hz: m.rate_hz,
            credits: m.credits,
        })),
        Some(Action::AddCredits(m)) => Ok(Asked::AddCredits(m.request_id, m.credits)),
        Some(Action::Cancel(m)) => Ok(Asked::Cancel(m.request_id)),
        Some(action) => command(action).map(Asked::One),
    }
}

fn command(action: Action) -> Result<Command, WireError> {
    let command = match action {
        Action::SetCameraTransform(m) => Command::SetCameraTransform {
            camera: m.camera_name.into(),
            transform: partial(m.transform),
        },
        Action::GetCameraTransform(m) => Command::GetCameraTransform {
            camera: m.camera_name.into(),
        },
        Action::CaptureRgb(m) => capture(m, Modality::Rgb),
        Action::CaptureDepth(m) => capture(m, Modality::Depth),
        Action::CaptureSegmentation(m) => capture(m, Modality::Segmentation),
        Action::CaptureNormals(m) => capture(m, Modality::Normals),
        Action::CaptureOpticalFlow(m) => capture(m, Modality::Flow),
        Action::SetObjectTransform(m) => Command::SetObjectTransform {
            object: m.object_name.into(),
            transform: partial(m.transform),
        },
        Action::GetObjectTransform(m) => Command::GetObjectTransform {
            object: m.object_name.into(),
        },
        Action::CreateCamera(m) => Command::CreateCamera {
            camera: m.camera_name.into(),
            transform: partial(m.initial_transform),
        },
        Action::DestroyCamera(m) => Command::DestroyCamera {
            camera: m.camera_name.into(),
        },
        Action::SetResolution(m) => Command::SetResolution {
            camera: m.camera_name.into(),
            width: m.width,
            height: m.height,
        },
        Action::SpawnObject(m) => Command::SpawnObject {
            object: m.object_name.into(),
            asset: m.asset_path,
            transform: partial(m.initial_transform),
        },
        Action::DestroyObject(m) => Command::DestroyObject {
            object: m.object_name.into(),
        },
        Action::SetMaterial(m) => Command::SetMaterial {
            object: m.object_name.into(),
            property: m.material_property,
            value: m.value,
        },
        Action::ListObjects(()) => Command::ListObjects,
        Action::SetLighting(m) => Command::SetLighting(Light {
            name: m.light_name,
            intensity: m.intensity,
            color: m.color.map(Into::into),
            transform: partial(m.transform),
        }),
        Action::CaptureSet(m) => Command::CaptureSet(capture_set(m.views, m.include_scene)?),
        Action::Step(m) => Command::Step {
            ticks: m.ticks.max(1),
        },
        Action::Pause(()) => Command::Pause,
        Action::Resume(()) => Command::Resume,
        Action::Reset(m) => Command::Reset { seed: m.seed },
        Action::SetIntrinsics(m) => set_intrinsics(m)?,
        Action::ListCameras(()) => Command::ListCameras,
        Action::GetScene(m) => Command::GetScene(SceneQuery {
            class_name: Some(m.class_name).filter(|name| !name.is_empty()),
            objects: m.object_names.into_iter().map(Into::into).collect(),
            views: m.views.into_iter().map(Into::into).collect(),
        }),
        Action::SetEnvironment(m) => Command::SetEnvironment(Environment {
            time_of_day_h: m.time_of_day_h,
            sun_intensity: m.sun_intensity,
            sun_color: m.sun_color.map(Into::into),
            weather: m.weather,
        }),
        Action::Batch(_) | Action::Subscribe(_) | Action::AddCredits(_) | Action::Cancel(_) => {
            return Err(WireError::new("this is not a single command"));
        }
    };
    Ok(command)
}

fn partial(transform: Option<proto::Transform>) -> PartialTransform {
    transform.unwrap_or_default().into()
}

/// The command for a capture request, whose modality is named elsewhere.
pub(crate) fn capture(m: proto::CaptureRequest, modality: Modality) -> Command {
    let accepted = Accepted {
        encodings: m.accepted_encodings,
        jpeg_quality: m.jpeg_quality,
        max_depth_error_um: m.max_depth_error_um,
    };
    Command::Capture {
        view: View {
            camera: m.camera_name.into(),
            width: m.width,
            height: m.height,
            encodings: accepted.choose(),
        },
        modality,
    }
}

fn capture_set(
    views: Vec<proto::CaptureView>,
    include_scene: bool,
) -> Result<CaptureSet, WireError> {
    let views = views.into_iter().map(|view| {
        let mut modalities = ModalitySet::EMPTY;
        for &number in &view.modalities {
            let modality = basics::modality(number)
                .ok_or_else(|| WireError::new(format!("unknown modality number {number}")))?;
            if modalities.contains(modality) {
                return Err(WireError::new(format!(
                    "a view of a capture set asks for {modality} twice"
                )));
            }
            modalities = modalities | modality;
        }
        Ok((View::from(view), modalities))
    });
    Ok(CaptureSet {
        views: views.collect::<Result<_, _>>()?,
        include_scene,
    })
}

fn set_intrinsics(m: proto::SetIntrinsicsRequest) -> Result<Command, WireError> {
    let lens = match m.model {
        Some(Model::HorizontalFovDeg(degrees)) => Lens::HorizontalFov(degrees),
        Some(Model::Intrinsics(k)) => Lens::Intrinsics(k.into()),
        None => {
            return Err(WireError::new(
                "set_intrinsics needs a horizontal field of view or intrinsics",
            ));
        }
    };
    Ok(Command::SetIntrinsics {
        camera: m.camera_name.into(),
        lens,
    })
}
