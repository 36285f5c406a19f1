//! Commands, as a client asks them.

use super::{basics, encoding::Accepted};
use crate::{
    CameraName, CaptureSet, Command, Environment, Lens, Light, Modality, ModalitySet, ObjectName,
    PartialTransform, SceneQuery, Subscription, View,
    proto::{self, action_request::Action, set_intrinsics_request::Model},
};

/// What one message of the stream asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Asked {
    /// A single command.
    One(Command),
    /// Commands with their own request IDs, to run as one.
    Batch(Vec<(String, Command)>),
    /// Capture sets pushed by the server.
    Subscribe(Subscription),
    /// More credits for the subscription with this request ID.
    AddCredits(String, u32),
    /// The request with this ID is given up.
    Cancel(String),
}

/// The stream message for a request.
pub(crate) fn encode(request_id: String, asked: Asked) -> proto::ActionRequest {
    let action = match asked {
        Asked::One(command) => command.into(),
        Asked::Subscribe(subscription) => subscribe(subscription),
        Asked::AddCredits(request_id, credits) => Action::AddCredits(proto::AddCreditsRequest {
            request_id,
            credits,
        }),
        Asked::Cancel(request_id) => Action::Cancel(proto::CancelRequest { request_id }),
        Asked::Batch(items) => Action::Batch(proto::BatchRequest {
            items: items
                .into_iter()
                .map(|(id, command)| encode(id, Asked::One(command)))
                .collect(),
        }),
    };
    proto::ActionRequest {
        request_id,
        action: Some(action),
    }
}

fn subscribe(subscription: Subscription) -> Action {
    let set = subscription.set;
    Action::Subscribe(proto::SubscribeRequest {
        views: capture_views(set.views),
        include_scene: set.include_scene,
        rate_hz: subscription.rate_hz,
        credits: subscription.credits,
    })
}

fn capture_views(views: Vec<(View, ModalitySet)>) -> Vec<proto::CaptureView> {
    let views = views.into_iter();
    views
        .map(|(view, modalities)| basics::capture_view(view, modalities))
        .collect()
}

impl From<Command> for Action {
    fn from(command: Command) -> Self {
        match command {
            Command::SetCameraTransform { camera, transform } => {
                set_camera_transform(&camera, transform)
            }
            Command::GetCameraTransform { camera } => {
                let camera_name = (&camera).into();
                Self::GetCameraTransform(proto::GetCameraTransformRequest { camera_name })
            }
            Command::Capture { view, modality } => capture_action(&view, modality),
            Command::CaptureSet(set) => capture_set_action(set),
            Command::SetObjectTransform { object, transform } => {
                Self::SetObjectTransform(proto::SetObjectTransformRequest {
                    object_name: (&object).into(),
                    transform: Some(transform.into()),
                })
            }
            Command::GetObjectTransform { object } => {
                let object_name = (&object).into();
                Self::GetObjectTransform(proto::GetObjectTransformRequest { object_name })
            }
            Command::CreateCamera { camera, transform } => create_camera(&camera, transform),
            Command::DestroyCamera { camera } => {
                let camera_name = (&camera).into();
                Self::DestroyCamera(proto::DestroyCameraRequest { camera_name })
            }
            Command::SetResolution {
                camera,
                width,
                height,
            } => set_resolution(&camera, width, height),
            Command::SetIntrinsics { camera, lens } => set_lens(&camera, lens),
            Command::SpawnObject {
                object,
                asset,
                transform,
            } => spawn_object(&object, asset, transform),
            Command::DestroyObject { object } => {
                let object_name = (&object).into();
                Self::DestroyObject(proto::DestroyObjectRequest { object_name })
            }
            Command::SetMaterial {
                object,
                property,
                value,
            } => set_material(&object, property, value),
            Command::SetLighting(light) => set_lighting(light),
            Command::SetEnvironment(environment) => set_environment(environment),
            Command::ListObjects => Self::ListObjects(()),
            Command::ListCameras => Self::ListCameras(()),
            Command::GetScene(query) => get_scene(query),
            Command::Step { ticks } => Self::Step(proto::StepRequest { ticks }),
            Command::Pause => Self::Pause(()),
            Command::Resume => Self::Resume(()),
            Command::Reset { seed } => Self::Reset(proto::ResetRequest { seed }),
        }
    }
}

fn set_camera_transform(camera: &CameraName, transform: PartialTransform) -> Action {
    Action::SetCameraTransform(proto::SetCameraTransformRequest {
        camera_name: camera.into(),
        transform: Some(transform.into()),
    })
}

fn capture_action(view: &View, modality: Modality) -> Action {
    let accepted = Accepted::of(view, modality);
    let request = proto::CaptureRequest {
        camera_name: (&view.camera).into(),
        width: view.width,
        height: view.height,
        accepted_encodings: accepted.encodings,
        jpeg_quality: accepted.jpeg_quality,
        max_depth_error_um: accepted.max_depth_error_um,
    };
    match modality {
        Modality::Rgb => Action::CaptureRgb(request),
        Modality::Depth => Action::CaptureDepth(request),
        Modality::Segmentation => Action::CaptureSegmentation(request),
        Modality::Normals => Action::CaptureNormals(request),
        Modality::Flow => Action::CaptureOpticalFlow(request),
    }
}

fn capture_set_action(set: CaptureSet) -> Action {
    Action::CaptureSet(proto::CaptureSetRequest {
        views: capture_views(set.views),
        include_scene: set.include_scene,
    })
}

fn create_camera(camera: &CameraName, transform: PartialTransform) -> Action {
    Action::CreateCamera(proto::CreateCameraRequest {
        camera_name: camera.into(),
        initial_transform: Some(transform.into()),
    })
}

fn set_resolution(camera: &CameraName, width: u32, height: u32) -> Action {
    Action::SetResolution(proto::SetResolutionRequest {
        camera_name: camera.into(),
        width,
        height,
    })
}

fn set_lens(camera: &CameraName, lens: Lens) -> Action {
    let model = match lens {
        Lens::HorizontalFov(degrees) => Model::HorizontalFovDeg(degrees),
        Lens::Intrinsics(k) => Model::Intrinsics(k.into()),
    };
    Action::SetIntrinsics(proto::SetIntrinsicsRequest {
        camera_name: camera.into(),
        model: Some(model),
    })
}

fn spawn_object(object: &ObjectName, asset_path: String, transform: PartialTransform) -> Action {
    Action::SpawnObject(proto::SpawnObjectRequest {
        object_name: object.into(),
        asset_path,
        initial_transform: Some(transform.into()),
    })
}

fn set_material(object: &ObjectName, material_property: String, value: String) -> Action {
    Action::SetMaterial(proto::SetMaterialRequest {
        object_name: object.into(),
        material_property,
        value,
    })
}

fn set_lighting(light: Light) -> Action {
    Action::SetLighting(proto::SetLightingRequest {
        light_name: light.name,
        intensity: light.intensity,
        color: light.color.map(Into::into),
        transform: Some(light.transform.into()),
    })
}

fn set_environment(environment: Environment) -> Action {
    Action::SetEnvironment(proto::SetEnvironmentRequest {
        time_of_day_h: environment.time_of_day_h,
        sun_intensity: environment.sun_intensity,
        sun_color: environment.sun_color.map(Into::into),
        weather: environment.weather,
    })
}

fn get_scene(query: SceneQuery) -> Action {
    let views = query.views.into_iter();
    Action::GetScene(proto::GetSceneRequest {
        class_name: query.class_name.unwrap_or_default(),
        object_names: query.objects.iter().map(Into::into).collect(),
        views: views
            .map(|view| basics::capture_view(view, ModalitySet::EMPTY))
            .collect(),
    })
}
