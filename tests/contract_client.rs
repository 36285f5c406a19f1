//! A client made only from the UESynth contract against our server: it reads
//! what it gets as the deployed Python client does, and skips what is ours.

use crate::common::{TinyEngine, serve};
use synthcap::server::ServerHandle;
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Streaming, transport::Channel};
use uesynth_contract::proto::{
    ActionRequest, CaptureRequest, CreateCameraRequest, DestroyCameraRequest, DestroyObjectRequest,
    FrameResponse, GetCameraTransformRequest, GetObjectTransformRequest, ImageResponse, Rotator,
    SetCameraTransformRequest, SetLightingRequest, SetMaterialRequest, SetObjectTransformRequest,
    SetResolutionRequest, SpawnObjectRequest, Transform, Vector3, action_request::Action,
    frame_response::Response, ue_synth_service_client::UeSynthServiceClient,
};

type TestResult = Result<(), Box<dyn std::error::Error>>;
type Stub = UeSynthServiceClient<Channel>;

async fn start() -> Result<(ServerHandle, Stub), Box<dyn std::error::Error>> {
    let server = serve(TinyEngine::default()).await;
    let channel = Channel::from_shared(server.url())?.connect().await?;
    let stub = Stub::new(channel);
    Ok((server, stub))
}

/// The stream as the deployed client uses it: an action, then its reply.
struct Wire {
    actions: UnboundedSender<ActionRequest>,
    replies: Streaming<FrameResponse>,
    next: u32,
}

impl Wire {
    async fn open(stub: &mut Stub) -> Result<Self, tonic::Status> {
        let (actions, receiver) = mpsc::unbounded_channel();
        let requests = UnboundedReceiverStream::new(receiver);
        let replies = stub.control_stream(requests).await?.into_inner();
        Ok(Self {
            actions,
            replies,
            next: 0,
        })
    }

    async fn ask(&mut self, action: Action) -> Result<Option<Response>, tonic::Status> {
        self.next += 1;
        // IDs of the deployed client are no numbers.
        let request_id = format!("req_{}", self.next);
        let request = ActionRequest {
            request_id: request_id.clone(),
            action: Some(action),
        };
        self.actions.send(request).expect("the stream is open");
        let reply = self.replies.message().await?.expect("the stream is open");
        assert_eq!(reply.request_id, request_id);
        Ok(reply.response)
    }
}

fn of(camera: &str, width: u32, height: u32) -> CaptureRequest {
    CaptureRequest {
        camera_name: camera.to_owned(),
        width,
        height,
    }
}

const AT: Vector3 = Vector3 {
    x: 5.0,
    y: 6.0,
    z: 7.0,
};
const TURNED: Rotator = Rotator {
    pitch: 10.0,
    yaw: 20.0,
    roll: 30.0,
};

fn only_location() -> Transform {
    Transform {
        location: Some(AT),
        ..Default::default()
    }
}

fn only_rotation() -> Transform {
    Transform {
        rotation: Some(TURNED),
        ..Default::default()
    }
}

/// `np.frombuffer(image_data, np.uint8).reshape(height, width, -1)`: how many
/// bytes a pixel has. Panics where numpy raises.
fn reshape(image: &ImageResponse) -> usize {
    let pixels = image.width as usize * image.height as usize;
    assert!(pixels > 0, "an image has pixels");
    assert_eq!(image.image_data.len() % pixels, 0, "does not reshape");
    image.image_data.len() / pixels
}

/// The little-endian 32-bit words of an image, as f32.
fn floats(image: &ImageResponse) -> Vec<f32> {
    let words = image.image_data.chunks_exact(4);
    words
        .map(|word| f32::from_le_bytes([word[0], word[1], word[2], word[3]]))
        .collect()
}

fn check_images([rgb, depth, ids, normals, flow]: [ImageResponse; 5]) {
    for image in [&rgb, &depth, &ids, &normals, &flow] {
        assert_eq!((image.width, image.height), (4, 2));
    }
    assert_eq!((reshape(&rgb), rgb.format.as_str()), (4, "rgba"));
    assert_eq!(&rgb.image_data[..4], [0, 0, 0, 255]);
    assert_eq!(reshape(&depth), 4);
    assert_eq!(floats(&depth), [0.0; 8]);
    assert_eq!(reshape(&ids), 4);
    assert_eq!(ids.image_data, [7, 0, 0, 0].repeat(8));
    assert_eq!(reshape(&normals), 12);
    assert_eq!(floats(&normals)[..3], [0.0, 0.0, 1.0]);
    assert_eq!(reshape(&flow), 9);
    assert_eq!(flow.image_data[64..], [1; 8], "validity comes last");
}

#[tokio::test]
async fn images_over_the_stream() -> TestResult {
    let (_server, mut stub) = start().await?;
    let mut wire = Wire::open(&mut stub).await?;
    let mut images = Vec::new();
    for action in [
        Action::CaptureRgb,
        Action::CaptureDepth,
        Action::CaptureSegmentation,
        Action::CaptureNormals,
        Action::CaptureOpticalFlow,
    ] {
        match wire.ask(action(of("", 4, 2))).await? {
            Some(Response::ImageResponse(image)) => images.push(image),
            other => panic!("no image: {other:?}"),
        }
    }
    check_images(images.try_into().expect("five"));
    // Nothing named: the camera's own resolution, stated as it is.
    let Some(Response::ImageResponse(image)) = wire.ask(Action::CaptureRgb(of("", 0, 0))).await?
    else {
        panic!("no image");
    };
    assert_eq!((image.width, image.height, reshape(&image)), (8, 6, 4));
    Ok(())
}

#[tokio::test]
async fn images_by_unary_calls() -> TestResult {
    let (_server, mut stub) = start().await?;
    let images = [
        stub.capture_rgb_image(of("main", 4, 2)).await?,
        stub.capture_depth_map(of("", 4, 2)).await?,
        stub.capture_segmentation_mask(of("", 4, 2)).await?,
        stub.capture_normals(of("", 4, 2)).await?,
        stub.capture_optical_flow(of("", 4, 2)).await?,
    ];
    check_images(images.map(tonic::Response::into_inner));
    let error = stub.capture_rgb_image(of("nobody", 4, 2)).await;
    assert_eq!(error.expect_err("no such camera").code(), Code::NotFound);
    Ok(())
}

#[tokio::test]
async fn moves_in_part_keep_the_rest_over_the_stream() -> TestResult {
    let (_server, mut stub) = start().await?;
    let mut wire = Wire::open(&mut stub).await?;
    for transform in [only_location(), only_rotation()] {
        let request = SetCameraTransformRequest {
            camera_name: String::new(),
            transform: Some(transform),
        };
        match wire.ask(Action::SetCameraTransform(request)).await? {
            Some(Response::CommandResponse(reply)) => assert!(reply.success),
            other => panic!("no command reply: {other:?}"),
        }
        let request = SetObjectTransformRequest {
            object_name: "cube".into(),
            transform: Some(transform),
        };
        match wire.ask(Action::SetObjectTransform(request)).await? {
            Some(Response::CommandResponse(reply)) => assert!(reply.success),
            other => panic!("no command reply: {other:?}"),
        }
    }
    for name in ["", "main"] {
        let request = GetCameraTransformRequest {
            camera_name: name.into(),
        };
        let Some(Response::CameraTransform(reply)) =
            wire.ask(Action::GetCameraTransform(request)).await?
        else {
            panic!("no transform");
        };
        let transform = reply.transform.expect("there is one");
        assert_eq!(
            (transform.location, transform.rotation),
            (Some(AT), Some(TURNED))
        );
        assert!(reply.success);
    }
    let request = GetObjectTransformRequest {
        object_name: "cube".into(),
    };
    let Some(Response::ObjectTransform(reply)) =
        wire.ask(Action::GetObjectTransform(request)).await?
    else {
        panic!("no transform");
    };
    let transform = reply.transform.expect("there is one");
    assert_eq!(
        (transform.location, transform.rotation),
        (Some(AT), Some(TURNED))
    );
    match wire.ask(Action::ListObjects(())).await? {
        Some(Response::ObjectsList(list)) => assert_eq!(list.object_names, ["cube"]),
        other => panic!("no list: {other:?}"),
    }
    Ok(())
}

#[tokio::test]
async fn commands_over_the_stream_are_all_answered() -> TestResult {
    let (_server, mut stub) = start().await?;
    let mut wire = Wire::open(&mut stub).await?;
    for (action, succeeds) in commands() {
        let name = format!("{action:?}");
        match wire.ask(action).await? {
            Some(Response::CommandResponse(reply)) => {
                assert_eq!(reply.success, succeeds, "{name}");
                assert!(succeeds || !reply.message.is_empty(), "{name} says nothing");
            }
            other => panic!("{name}: no command reply: {other:?}"),
        }
    }
    Ok(())
}

/// Every command, and whether the tiny engine can do it.
fn commands() -> Vec<(Action, bool)> {
    let create = CreateCameraRequest {
        camera_name: "second".into(),
        initial_transform: Some(only_location()),
    };
    let resolution = SetResolutionRequest {
        camera_name: "second".into(),
        width: 2,
        height: 2,
    };
    let spawn = SpawnObjectRequest {
        object_name: "ball".into(),
        asset_path: "shape:sphere".into(),
        initial_transform: Some(only_location()),
    };
    let gone = |object_name: &str| DestroyObjectRequest {
        object_name: object_name.into(),
    };
    let camera = |camera_name: &str| DestroyCameraRequest {
        camera_name: camera_name.into(),
    };
    let nobody = SetObjectTransformRequest {
        object_name: "nobody".into(),
        transform: Some(only_location()),
    };
    vec![
        (Action::CreateCamera(create.clone()), true),
        (Action::CreateCamera(create), false),
        (Action::SetResolution(resolution), true),
        (Action::DestroyCamera(camera("second")), true),
        (Action::DestroyCamera(camera("second")), false),
        (Action::SpawnObject(spawn.clone()), true),
        (Action::SpawnObject(spawn), false),
        (Action::DestroyObject(gone("ball")), true),
        (Action::DestroyObject(gone("ball")), false),
        (Action::SetObjectTransform(nobody), false),
        (Action::SetMaterial(material()), false),
        (Action::SetLighting(light()), false),
    ]
}

fn material() -> SetMaterialRequest {
    SetMaterialRequest {
        object_name: "cube".into(),
        material_property: "base_color".into(),
        value: "1,0,0".into(),
    }
}

fn light() -> SetLightingRequest {
    SetLightingRequest {
        intensity: 1.0,
        ..Default::default()
    }
}

#[tokio::test]
async fn commands_by_unary_calls() -> TestResult {
    let (_server, mut stub) = start().await?;
    for (action, succeeds) in commands() {
        let name = format!("{action:?}");
        let reply = match action {
            Action::CreateCamera(m) => stub.create_camera(m).await,
            Action::SetResolution(m) => stub.set_resolution(m).await,
            Action::DestroyCamera(m) => stub.destroy_camera(m).await,
            Action::SpawnObject(m) => stub.spawn_object(m).await,
            Action::DestroyObject(m) => stub.destroy_object(m).await,
            Action::SetObjectTransform(m) => stub.set_object_transform(m).await,
            Action::SetMaterial(m) => stub.set_material(m).await,
            Action::SetLighting(m) => stub.set_lighting(m).await,
            other => panic!("not a command: {other:?}"),
        };
        let reply = reply?.into_inner();
        assert_eq!(reply.success, succeeds, "{name}");
        assert!(succeeds || !reply.message.is_empty(), "{name} says nothing");
    }
    Ok(())
}

#[tokio::test]
async fn transforms_and_names_by_unary_calls() -> TestResult {
    let (_server, mut stub) = start().await?;
    for transform in [only_rotation(), only_location()] {
        let request = SetCameraTransformRequest {
            camera_name: String::new(),
            transform: Some(transform),
        };
        assert!(
            stub.set_camera_transform(request)
                .await?
                .into_inner()
                .success
        );
    }
    let request = GetCameraTransformRequest {
        camera_name: "main".into(),
    };
    let reply = stub.get_camera_transform(request).await?.into_inner();
    let transform = reply.transform.expect("there is one");
    assert_eq!(
        (transform.location, transform.rotation),
        (Some(AT), Some(TURNED))
    );

    let request = GetCameraTransformRequest {
        camera_name: "nobody".into(),
    };
    let reply = stub.get_camera_transform(request).await?.into_inner();
    assert!(
        !reply.success && reply.message.contains("nobody"),
        "{reply:?}"
    );
    let request = GetObjectTransformRequest {
        object_name: "nobody".into(),
    };
    let reply = stub.get_object_transform(request).await?.into_inner();
    assert!(
        !reply.success && reply.message.contains("nobody"),
        "{reply:?}"
    );
    let request = GetObjectTransformRequest {
        object_name: "cube".into(),
    };
    let reply = stub.get_object_transform(request).await?.into_inner();
    assert!(reply.success && reply.transform.is_some());
    let list = stub.list_objects(()).await?.into_inner();
    assert_eq!(list.object_names, ["cube"]);
    Ok(())
}

#[tokio::test]
async fn failures_over_the_stream_leave_it_usable() -> TestResult {
    let (_server, mut stub) = start().await?;
    let mut wire = Wire::open(&mut stub).await?;
    // An image has no field that says so; an empty reply with the ID does.
    let failed = wire.ask(Action::CaptureRgb(of("nobody", 4, 2))).await?;
    assert_eq!(failed, None);
    let request = GetCameraTransformRequest {
        camera_name: "nobody".into(),
    };
    match wire.ask(Action::GetCameraTransform(request)).await? {
        Some(Response::CameraTransform(reply)) => {
            assert!(!reply.success && reply.transform.is_none());
            assert!(reply.message.contains("nobody"), "{reply:?}");
        }
        other => panic!("no transform reply: {other:?}"),
    }
    let request = GetObjectTransformRequest {
        object_name: "nobody".into(),
    };
    match wire.ask(Action::GetObjectTransform(request)).await? {
        Some(Response::ObjectTransform(reply)) => assert!(!reply.success),
        other => panic!("no transform reply: {other:?}"),
    }
    match wire.ask(Action::CaptureRgb(of("", 4, 2))).await? {
        Some(Response::ImageResponse(image)) => assert_eq!(reshape(&image), 4),
        other => panic!("no image: {other:?}"),
    }
    Ok(())
}
