//! A server that sends bad replies fails the requests they answer, and nothing
//! else.

use std::pin::Pin;

use futures_util::{Stream, StreamExt};
use synthcap::{
    Client, ErrorKind,
    proto::{
        self, ActionRequest, FrameResponse, ImageInfo, ImageResponse, ReplyMeta, ServerInfo,
        ServerLimits,
        frame_response::Response as Body,
        ue_synth_service_server::{UeSynthService, UeSynthServiceServer},
    },
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, Streaming};

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// Spoils a good reply.
type Spoil = fn(&mut FrameResponse);

/// Answers captures with 2x1 colour images, each spoiled by the next of the list
/// and those after the list not at all.
struct Hostile(&'static [Spoil]);

fn good(id: String) -> FrameResponse {
    let image = ImageResponse {
        image_data: vec![9; 8].into(),
        width: 2,
        height: 1,
        format: "rgba".into(),
        info: Some(ImageInfo {
            modality: proto::Modality::Rgb as i32,
            pixel_type: proto::PixelType::Rgba8 as i32,
            encoding: proto::Encoding::Raw as i32,
            camera_name: "main".into(),
            ..Default::default()
        }),
        meta: None,
        shared: None,
    };
    FrameResponse {
        request_id: id,
        response: Some(Body::ImageResponse(image)),
        meta: Some(ReplyMeta {
            order: 1,
            ..Default::default()
        }),
    }
}

fn image(reply: &mut FrameResponse) -> &mut ImageResponse {
    match &mut reply.response {
        Some(Body::ImageResponse(image)) => image,
        other => panic!("spoiled before: {other:?}"),
    }
}

fn info(reply: &mut FrameResponse) -> &mut ImageInfo {
    image(reply).info.get_or_insert_default()
}

const SPOILS: &[Spoil] = &[
    |reply| image(reply).image_data = vec![9; 7].into(),
    |reply| image(reply).image_data = Default::default(),
    |reply| image(reply).width = u32::MAX,
    |reply| (image(reply).width, image(reply).height) = (1 << 31, 1 << 31),
    |reply| info(reply).modality = 2,
    |reply| info(reply).modality = -7,
    |reply| info(reply).pixel_type = 3,
    |reply| info(reply).encoding = 99,
    |reply| {
        info(reply).camera_pose = Some(proto::Transform {
            location: Some(proto::Vector3 {
                x: f32::NAN,
                ..Default::default()
            }),
            ..Default::default()
        });
    },
    |reply| {
        info(reply).intrinsics = Some(proto::Intrinsics::default());
    },
    |reply| reply.meta.get_or_insert_default().part_count = 2,
    |reply| reply.meta.get_or_insert_default().part_index = u32::MAX,
    |reply| reply.meta = None,
    |reply| reply.response = None,
    |reply| reply.response = Some(Body::CommandResponse(Default::default())),
    |reply| reply.response = Some(Body::BatchResponse(Default::default())),
    |reply| reply.response = Some(Body::SceneState(Default::default())),
    // Encoded, but not what it says.
    |reply| encoded(reply, proto::Encoding::RgbaPacked, vec![9; 8]),
    |reply| encoded(reply, proto::Encoding::DepthPacked, vec![0, 0, 0]),
    |reply| {
        encoded(reply, proto::Encoding::RgbaPacked, vec![0, 0, 0]);
        info(reply).encoded_bytes = 4;
    },
    // A few bytes that would decode to more than any message may have.
    |reply| {
        encoded(reply, proto::Encoding::RgbaPacked, vec![0, 0, 0xff]);
        (image(reply).width, image(reply).height) = (1 << 16, 1 << 16);
    },
    // No pixels, but rows of gigabytes.
    |reply| {
        encoded(reply, proto::Encoding::RgbaPacked, vec![0]);
        (image(reply).width, image(reply).height) = (u32::MAX, 0);
    },
    // A good picture that lost what nobody allowed it to lose.
    |reply| {
        let mut jpeg = Vec::new();
        assert!(synthcap_codec::jpeg::encode(2, &[[9; 4]; 2], 80, &mut jpeg));
        encoded(reply, proto::Encoding::Jpeg, jpeg);
    },
];

/// Says that these are the encoded pixels.
fn encoded(reply: &mut FrameResponse, encoding: proto::Encoding, data: Vec<u8>) {
    info(reply).encoding = encoding as i32;
    info(reply).encoded_bytes = data.len() as u64;
    image(reply).image_data = data.into();
}

#[tokio::test]
async fn a_bad_reply_fails_its_request_only() -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let service = UeSynthServiceServer::new(Hostile(SPOILS));
    let server = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));

    let client = Client::connect(format!("http://{address}")).await?;
    let camera = client.default_camera();
    for (index, _) in SPOILS.iter().enumerate() {
        let error = camera.rgb().await.expect_err("it was spoiled");
        let kind = error.kind();
        // A command that says "no success" is a refusal, not a broken reply.
        let refusal = matches!(kind, ErrorKind::Rejected(_)) && index == 14;
        assert!(kind == ErrorKind::BadReply || refusal, "{index}: {error:?}");
    }
    let image = camera.rgb().await?;
    assert_eq!(image.pixels().as_rgba(), [9; 8]);
    assert_eq!(client.in_flight(), (0, 0));
    client.close().await?;
    Ok(())
}

type Replies = Pin<Box<dyn Stream<Item = Result<FrameResponse, Status>> + Send>>;

macro_rules! lacks {
    ($($method:ident: $request:ident -> $response:ident;)*) => {
        #[tonic::async_trait]
        impl UeSynthService for Hostile {
            type ControlStreamStream = Replies;

            async fn control_stream(
                &self,
                request: Request<Streaming<ActionRequest>>,
            ) -> Result<Response<Replies>, Status> {
                let mut spoils = self.0.iter();
                let replies = request.into_inner().map(move |request| {
                    let mut reply = good(request?.request_id);
                    if let Some(spoil) = spoils.next() {
                        spoil(&mut reply);
                    }
                    Ok(reply)
                });
                Ok(Response::new(replies.boxed()))
            }

            async fn get_server_info(
                &self,
                _: Request<()>,
            ) -> Result<Response<ServerInfo>, Status> {
                Ok(Response::new(ServerInfo {
                    modalities: vec![proto::Modality::Rgb as i32],
                    limits: Some(ServerLimits::default()),
                    ..Default::default()
                }))
            }

            async fn list_objects(
                &self,
                _: Request<()>,
            ) -> Result<Response<proto::ListObjectsResponse>, Status> {
                Err(Status::unimplemented("not needed"))
            }

            $(async fn $method(
                &self,
                _: Request<proto::$request>,
            ) -> Result<Response<proto::$response>, Status> {
                Err(Status::unimplemented("not needed"))
            })*
        }
    };
}

lacks! {
    set_camera_transform: SetCameraTransformRequest -> CommandResponse;
    get_camera_transform: GetCameraTransformRequest -> GetCameraTransformResponse;
    capture_rgb_image: CaptureRequest -> ImageResponse;
    capture_depth_map: CaptureRequest -> ImageResponse;
    capture_segmentation_mask: CaptureRequest -> ImageResponse;
    capture_normals: CaptureRequest -> ImageResponse;
    capture_optical_flow: CaptureRequest -> ImageResponse;
    set_object_transform: SetObjectTransformRequest -> CommandResponse;
    get_object_transform: GetObjectTransformRequest -> GetObjectTransformResponse;
    create_camera: CreateCameraRequest -> CommandResponse;
    destroy_camera: DestroyCameraRequest -> CommandResponse;
    set_resolution: SetResolutionRequest -> CommandResponse;
    spawn_object: SpawnObjectRequest -> CommandResponse;
    destroy_object: DestroyObjectRequest -> CommandResponse;
    set_material: SetMaterialRequest -> CommandResponse;
    set_lighting: SetLightingRequest -> CommandResponse;
}
