//! The stand-in for the deployed UESynth server has the deployed one's quirks,
//! seen by a client made from the same contract.

use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Channel;
use uesynth_contract::{
    PlainServer,
    proto::{
        ActionRequest, CaptureRequest, GetCameraTransformRequest, GetObjectTransformRequest,
        SetCameraTransformRequest, SpawnObjectRequest, Transform, Vector3, action_request::Action,
        ue_synth_service_client::UeSynthServiceClient,
    },
};

type TestResult = Result<(), Box<dyn std::error::Error>>;

async fn stub(server: &PlainServer) -> Result<UeSynthServiceClient<Channel>, tonic::Status> {
    let channel = Channel::from_shared(server.url()).expect("a URL");
    let channel = channel.connect().await;
    let channel = channel.map_err(|error| tonic::Status::unavailable(error.to_string()))?;
    Ok(UeSynthServiceClient::new(channel))
}

fn request(request_id: &str, action: Action) -> ActionRequest {
    ActionRequest {
        request_id: request_id.into(),
        action: Some(action),
    }
}

#[tokio::test]
async fn headers_come_with_the_first_reply_and_failures_are_silent() -> TestResult {
    let server = PlainServer::start().await?;
    let mut stub = stub(&server).await?;
    let (actions, receiver) = mpsc::unbounded_channel();
    let opening = {
        let mut stub = stub.clone();
        let requests = UnboundedReceiverStream::new(receiver);
        tokio::spawn(async move { stub.control_stream(requests).await })
    };
    let nobody = GetObjectTransformRequest {
        object_name: "nobody".into(),
    };
    actions.send(request("fails", Action::GetObjectTransform(nobody)))?;
    let normals = CaptureRequest::default();
    actions.send(request("unserved", Action::CaptureNormals(normals)))?;
    // Both have been seen, and the server answers other calls: still no headers.
    while server.world().seen.len() < 2 {
        tokio::task::yield_now().await;
    }
    stub.list_objects(()).await?;
    assert!(!opening.is_finished());

    actions.send(request("works", Action::ListObjects(())))?;
    let mut replies = opening.await??.into_inner();
    let first = replies.message().await?.expect("a reply");
    assert_eq!(first.request_id, "works");
    drop(actions);
    assert_eq!(replies.message().await?, None);
    Ok(())
}

#[tokio::test]
async fn unary_quirks() -> TestResult {
    let server = PlainServer::start().await?;
    let mut stub = stub(&server).await?;
    let spawned = stub.spawn_object(SpawnObjectRequest::default()).await?;
    let spawned = spawned.into_inner();
    assert!(spawned.success && spawned.message.contains("not yet implemented"));

    server.world().camera = Some(([1.0; 3], [2.0; 3]));
    let location = Vector3 {
        x: 5.0,
        ..Default::default()
    };
    let moved = SetCameraTransformRequest {
        camera_name: "any name".into(),
        transform: Some(Transform {
            location: Some(location),
            ..Default::default()
        }),
    };
    assert!(stub.set_camera_transform(moved).await?.into_inner().success);
    assert_eq!(server.world().camera, Some(([5.0, 0.0, 0.0], [0.0; 3])));
    let query = GetCameraTransformRequest::default();
    let camera = stub.get_camera_transform(query).await?.into_inner();
    assert!(!camera.success && camera.transform.is_some());

    let ask = CaptureRequest {
        width: 4,
        height: 2,
        ..Default::default()
    };
    let placeholders = [
        (stub.capture_depth_map(ask.clone()).await?, 1),
        (stub.capture_segmentation_mask(ask.clone()).await?, 3),
        (stub.capture_normals(ask.clone()).await?, 3),
        (stub.capture_optical_flow(ask).await?, 2),
    ];
    for (image, bytes) in placeholders {
        let image = image.into_inner();
        assert_eq!(image.image_data, vec![0; 4 * 2 * bytes]);
        assert_eq!(image.format, "png");
    }
    let rgb = stub.capture_rgb_image(CaptureRequest::default()).await?;
    let rgb = rgb.into_inner();
    assert_eq!(
        (rgb.width, rgb.height, rgb.format.as_str()),
        (1920, 1080, "rgba")
    );
    assert_eq!(
        rgb.image_data.len(),
        8 * 6 * 4,
        "the window's, not what is stated"
    );
    Ok(())
}

#[tokio::test]
async fn requests_over_4_mib_are_refused() -> TestResult {
    let server = PlainServer::start().await?;
    let mut stub = stub(&server).await?;
    let large = SpawnObjectRequest {
        asset_path: "x".repeat((4 << 20) + 1),
        ..Default::default()
    };
    assert!(stub.spawn_object(large).await.is_err());
    Ok(())
}
