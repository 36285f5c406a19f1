//! Bad input of every kind: refused for the right reason, and nothing else harmed.

use synthcap::{
    Capability,
    proto::{
        self, ActionRequest, BatchRequest, CaptureRequest, CaptureSetRequest, CaptureView,
        ErrorCode, action_request::Action, set_intrinsics_request::Model,
    },
};

use super::point;
use crate::{
    bench::Bench,
    point::{Outcome, Point, ensure},
    wire::refusal,
};

pub(super) fn points() -> Vec<Point> {
    vec![
        point!(
            Extended,
            "errors.not_found",
            not_found,
            "names that are not there are refused as not found"
        ),
        point!(
            Extended,
            "errors.invalid",
            invalid,
            "requests that make no sense are refused as invalid"
        ),
        point!(
            Extended,
            "errors.taken",
            taken,
            "names that are taken are refused as that"
        ),
        point!(
            Extended,
            "errors.unsupported",
            unsupported,
            "what the server does not offer is refused as unsupported"
        ),
        point!(
            Extended,
            "errors.unary",
            unary,
            "a call that fails says so by its status, or in its answer"
        ),
    ]
}

const NOBODY: &str = "conformance: no such name";

/// A request and its fault, in words.
type Case = (&'static str, Option<Action>);

async fn all_refused(bench: &Bench, cases: Vec<Case>, expected: ErrorCode) -> Outcome {
    let mut wire = bench.wire();
    for (what, action) in cases {
        let reply = wire.ask(action).await?;
        let code = refusal(&reply);
        ensure(
            code == Some(expected),
            format!("{what} to be refused as {expected:?}"),
            || match code {
                None => "it was taken".to_owned(),
                Some(code) => format!("{code:?}"),
            },
        )?;
        let message = reply
            .meta
            .and_then(|meta| meta.error)
            .map(|error| error.message);
        ensure(
            message.is_some_and(|text| !text.is_empty()),
            format!("a message about {what}"),
            || "none".to_owned(),
        )?;
    }
    // All of that and the server still works.
    let reply = wire.ask(Action::ListCameras(())).await?;
    ensure(refusal(&reply).is_none(), "the stream to go on", || {
        "it does not".to_owned()
    })
}

fn capture(camera: &str, width: u32, height: u32) -> CaptureRequest {
    CaptureRequest {
        camera_name: camera.to_owned(),
        width,
        height,
        ..Default::default()
    }
}

fn view(camera: &str, modalities: &[i32]) -> CaptureView {
    CaptureView {
        camera_name: camera.to_owned(),
        width: 8,
        height: 8,
        modalities: modalities.to_vec(),
        ..Default::default()
    }
}

fn set(views: Vec<CaptureView>) -> Action {
    Action::CaptureSet(CaptureSetRequest {
        views,
        include_scene: false,
    })
}

fn at(x: f32) -> Option<proto::Transform> {
    Some(proto::Transform {
        location: Some(proto::Vector3 { x, y: 0.0, z: 0.0 }),
        ..proto::Transform::default()
    })
}

fn put(camera: &str, x: f32) -> Action {
    Action::SetCameraTransform(proto::SetCameraTransformRequest {
        camera_name: camera.to_owned(),
        transform: at(x),
    })
}

fn lens(model: Option<Model>) -> Action {
    Action::SetIntrinsics(proto::SetIntrinsicsRequest {
        camera_name: String::new(),
        model,
    })
}

fn batch(items: Vec<Action>) -> Action {
    let items = items.into_iter().map(|action| ActionRequest {
        request_id: "item".to_owned(),
        action: Some(action),
    });
    Action::Batch(BatchRequest {
        items: items.collect(),
    })
}

const RGB: i32 = proto::Modality::Rgb as i32;

async fn not_found(bench: &mut Bench) -> Outcome {
    let nobody = || NOBODY.to_owned();
    let mut cases: Vec<Case> = vec![
        (
            "a picture of an unknown camera",
            Some(Action::CaptureRgb(capture(NOBODY, 8, 8))),
        ),
        (
            "a set of an unknown camera",
            Some(set(vec![view("", &[RGB]), view(NOBODY, &[RGB])])),
        ),
        ("moving an unknown camera", Some(put(NOBODY, 0.0))),
    ];
    if bench.can(Capability::Objects) {
        let ask = proto::GetObjectTransformRequest {
            object_name: nobody(),
        };
        let set = proto::SetObjectTransformRequest {
            object_name: nobody(),
            transform: at(1.0),
        };
        cases.push((
            "where an unknown object is",
            Some(Action::GetObjectTransform(ask)),
        ));
        cases.push((
            "moving an unknown object",
            Some(Action::SetObjectTransform(set)),
        ));
    }
    if bench.can(Capability::Scene) {
        let ask = proto::GetSceneRequest {
            object_names: vec![nobody()],
            ..proto::GetSceneRequest::default()
        };
        cases.push((
            "the state of an unknown object",
            Some(Action::GetScene(ask)),
        ));
    }
    if bench.can(Capability::Cameras) {
        let destroy = proto::DestroyCameraRequest {
            camera_name: nobody(),
        };
        cases.push((
            "destroying an unknown camera",
            Some(Action::DestroyCamera(destroy)),
        ));
    }
    if bench.can(Capability::Spawn) {
        let destroy = proto::DestroyObjectRequest {
            object_name: nobody(),
        };
        let spawn = proto::SpawnObjectRequest {
            object_name: nobody(),
            asset_path: "no-such-asset".to_owned(),
            initial_transform: None,
        };
        cases.push((
            "destroying an unknown object",
            Some(Action::DestroyObject(destroy)),
        ));
        cases.push((
            "spawning an unknown asset",
            Some(Action::SpawnObject(spawn)),
        ));
    }
    all_refused(bench, cases, ErrorCode::NotFound).await
}

async fn invalid(bench: &mut Bench) -> Outcome {
    let mut cases: Vec<Case> = vec![
        ("a request without an action", None),
        (
            "a picture of 4294967295x1",
            Some(Action::CaptureRgb(capture("", u32::MAX, 1))),
        ),
        ("a camera at x NaN", Some(put("", f32::NAN))),
        ("a camera at x infinite", Some(put("", f32::INFINITY))),
        ("a capture set without views", Some(set(vec![]))),
        ("a view without modalities", Some(set(vec![view("", &[])]))),
        (
            "a view with a modality twice",
            Some(set(vec![view("", &[RGB, RGB])])),
        ),
        ("modality number 99", Some(set(vec![view("", &[99])]))),
    ];
    if bench.can(Capability::Batch) {
        let nested = batch(vec![batch(vec![])]);
        cases.push(("a batch within a batch", Some(nested)));
    }
    if bench.can(Capability::Step) {
        let step = proto::StepRequest { ticks: u32::MAX };
        cases.push(("a step of 4294967295 ticks", Some(Action::Step(step))));
    }
    if bench.can(Capability::Intrinsics) {
        for (what, degrees) in [
            ("a field of view of 0 degrees", 0.0),
            ("a field of view of 180 degrees", 180.0),
            ("a field of view of NaN degrees", f32::NAN),
        ] {
            cases.push((what, Some(lens(Some(Model::HorizontalFovDeg(degrees))))));
        }
        cases.push(("intrinsics that say nothing", Some(lens(None))));
        let flat = proto::Intrinsics {
            width: 8,
            height: 8,
            ..proto::Intrinsics::default()
        };
        cases.push((
            "a focal length of 0",
            Some(lens(Some(Model::Intrinsics(flat)))),
        ));
    }
    if bench.can(Capability::Cameras) {
        let nameless = proto::CreateCameraRequest::default();
        cases.push((
            "a camera without a name",
            Some(Action::CreateCamera(nameless)),
        ));
        let empty = proto::SetResolutionRequest::default();
        cases.push(("a resolution of 0x0", Some(Action::SetResolution(empty))));
    }
    if bench.can(Capability::TimeOfDay) {
        let late = proto::SetEnvironmentRequest {
            time_of_day_h: Some(25.0),
            ..proto::SetEnvironmentRequest::default()
        };
        cases.push(("25 o'clock", Some(Action::SetEnvironment(late))));
    }
    if bench.can(Capability::Subscribe) {
        let never = proto::SubscribeRequest {
            views: vec![view("", &[RGB])],
            rate_hz: -1.0,
            ..proto::SubscribeRequest::default()
        };
        cases.push(("a subscription at -1 Hz", Some(Action::Subscribe(never))));
    }
    all_refused(bench, cases, ErrorCode::InvalidArgument).await
}

async fn taken(bench: &mut Bench) -> Outcome {
    bench.needs(Capability::Cameras)?;
    let name = bench
        .info()?
        .cameras
        .first()
        .map(|camera| camera.name.to_string());
    let again = proto::CreateCameraRequest {
        camera_name: name.unwrap_or_default(),
        initial_transform: None,
    };
    let cases = vec![(
        "a second camera of one name",
        Some(Action::CreateCamera(again)),
    )];
    all_refused(bench, cases, ErrorCode::AlreadyExists).await
}

async fn unsupported(bench: &mut Bench) -> Outcome {
    let info = bench.info()?;
    let object = "anything".to_owned();
    let requests = [
        (
            Capability::Reset,
            "a reset",
            Action::Reset(proto::ResetRequest::default()),
        ),
        (
            Capability::Intrinsics,
            "a field of view",
            lens(Some(Model::HorizontalFovDeg(60.0))),
        ),
        (
            Capability::Spawn,
            "a spawn",
            Action::SpawnObject(proto::SpawnObjectRequest {
                object_name: object.clone(),
                ..proto::SpawnObjectRequest::default()
            }),
        ),
        (
            Capability::Scene,
            "the scene",
            Action::GetScene(proto::GetSceneRequest::default()),
        ),
        (
            Capability::Materials,
            "a material",
            Action::SetMaterial(proto::SetMaterialRequest {
                object_name: object,
                ..proto::SetMaterialRequest::default()
            }),
        ),
        (
            Capability::Lighting,
            "a light",
            Action::SetLighting(proto::SetLightingRequest::default()),
        ),
        (
            Capability::TimeOfDay,
            "an hour",
            Action::SetEnvironment(proto::SetEnvironmentRequest::default()),
        ),
    ];
    let mut cases: Vec<Case> = Vec::new();
    for (capability, what, action) in requests {
        if !info.can(capability) {
            cases.push((what, Some(action)));
        }
    }
    use synthcap::Modality::{Depth, Flow, Normals, Rgb, Segmentation};
    for (modality, what, action) in [
        (
            Rgb,
            "colour",
            Action::CaptureRgb as fn(CaptureRequest) -> Action,
        ),
        (Depth, "depth", Action::CaptureDepth),
        (Segmentation, "a segmentation", Action::CaptureSegmentation),
        (Normals, "normals", Action::CaptureNormals),
        (Flow, "flow", Action::CaptureOpticalFlow),
    ] {
        if !info.modalities.contains(modality) {
            cases.push((what, Some(action(capture("", 8, 8)))));
        }
    }
    if cases.is_empty() {
        return Err(crate::point::Flaw::NotOffered(
            "the server offers everything".to_owned(),
        ));
    }
    all_refused(bench, cases, ErrorCode::Unsupported).await
}

async fn unary(bench: &mut Bench) -> Outcome {
    let mut stub = bench.stub.clone();
    let image = stub.capture_rgb_image(capture(NOBODY, 8, 8)).await;
    let code = image.map(drop).map_err(|status| status.code());
    ensure(
        code == Err(tonic::Code::NotFound),
        "a picture of an unknown camera to end with status NotFound",
        || format!("{code:?}"),
    )?;
    let request = proto::SetCameraTransformRequest {
        camera_name: NOBODY.to_owned(),
        transform: at(0.0),
    };
    let answer = stub.set_camera_transform(request).await?.into_inner();
    let error = answer.meta.and_then(|meta| meta.error);
    ensure(
        !answer.success && error.is_some(),
        "a move of an unknown camera to fail, with an error in meta",
        || format!("success {}, error {error:?}", answer.success),
    )
}
