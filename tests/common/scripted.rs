//! A server that is one function: of the stream of requests it makes the stream of
//! replies.

use std::{io, pin::Pin};

use futures_util::Stream;
use synthcap::proto::{
    self, ActionRequest, FrameResponse, ServerInfo, ServerLimits,
    ue_synth_service_server::{UeSynthService, UeSynthServiceServer},
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, Streaming};

pub(crate) type Replies = Pin<Box<dyn Stream<Item = Result<FrameResponse, Status>> + Send>>;

type Serve = dyn Fn(Streaming<ActionRequest>) -> Replies + Send + Sync;

struct Scripted {
    info: ServerInfo,
    serve: Box<Serve>,
}

/// What a server of colour images says of itself that can push and cancel.
pub(crate) fn info_of(instance_id: &str) -> ServerInfo {
    ServerInfo {
        modalities: vec![proto::Modality::Rgb as i32, proto::Modality::Depth as i32],
        limits: Some(ServerLimits::default()),
        capabilities: vec![
            proto::Capability::CaptureSet as i32,
            proto::Capability::Subscribe as i32,
            proto::Capability::Cancel as i32,
        ],
        instance_id: instance_id.into(),
        ..Default::default()
    }
}

/// Serves on a free port for as long as the runtime lives; the address.
pub(crate) async fn scripted(
    info: ServerInfo,
    serve: impl Fn(Streaming<ActionRequest>) -> Replies + Send + Sync + 'static,
) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serve = Box::new(serve);
    let service = UeSynthServiceServer::new(Scripted { info, serve });
    let server = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    Ok(format!("http://{address}"))
}

macro_rules! lacks {
    ($($method:ident: $request:ident -> $response:ident;)*) => {
        #[tonic::async_trait]
        impl UeSynthService for Scripted {
            type ControlStreamStream = Replies;

            async fn control_stream(
                &self,
                request: Request<Streaming<ActionRequest>>,
            ) -> Result<Response<Replies>, Status> {
                Ok(Response::new((self.serve)(request.into_inner())))
            }

            async fn get_server_info(
                &self,
                _: Request<()>,
            ) -> Result<Response<ServerInfo>, Status> {
                Ok(Response::new(self.info.clone()))
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
