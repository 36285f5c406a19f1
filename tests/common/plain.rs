//! The unary side of a plain UESynth server, with its quirks.

use std::pin::Pin;

use synthcap::proto::{
    ActionRequest, CaptureRequest, CommandResponse, CreateCameraRequest, DestroyCameraRequest,
    DestroyObjectRequest, FrameResponse, GetCameraTransformRequest, GetCameraTransformResponse,
    GetObjectTransformRequest, GetObjectTransformResponse, ImageResponse, ListObjectsResponse,
    ServerInfo, SetCameraTransformRequest, SetLightingRequest, SetMaterialRequest,
    SetObjectTransformRequest, SetResolutionRequest, SpawnObjectRequest, Transform, Vector3,
    ue_synth_service_server::{UeSynthService, UeSynthServiceServer},
};
use tokio_stream::{Stream, wrappers::TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

struct Plain;

/// Serves on a free port, as long as the runtime lives.
pub async fn serve() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("bound");
    let server = tonic::transport::Server::builder()
        .add_service(UeSynthServiceServer::new(Plain))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(server);
    format!("http://{address}")
}

/// Methods that a plain server claims to have carried out.
macro_rules! hollow {
    ($($method:ident($request:ty);)*) => {
        #[tonic::async_trait]
        impl UeSynthService for Plain {
            $(async fn $method(
                &self,
                _: Request<$request>,
            ) -> Result<Response<CommandResponse>, Status> {
                Ok(Response::new(CommandResponse {
                    success: true,
                    message: concat!(stringify!($method), " not yet implemented").into(),
                    ..Default::default()
                }))
            })*

            type ControlStreamStream =
                Pin<Box<dyn Stream<Item = Result<FrameResponse, Status>> + Send>>;

            async fn control_stream(
                &self,
                _: Request<Streaming<ActionRequest>>,
            ) -> Result<Response<Self::ControlStreamStream>, Status> {
                // No headers before the first message, and here none ever comes.
                std::future::pending().await
            }

            async fn set_camera_transform(
                &self,
                _: Request<SetCameraTransformRequest>,
            ) -> Result<Response<CommandResponse>, Status> {
                Ok(Response::new(CommandResponse {
                    success: true,
                    ..Default::default()
                }))
            }

            async fn get_camera_transform(
                &self,
                _: Request<GetCameraTransformRequest>,
            ) -> Result<Response<GetCameraTransformResponse>, Status> {
                Ok(Response::new(GetCameraTransformResponse {
                    transform: Some(Transform {
                        location: Some(Vector3 {
                            x: 3.0,
                            ..Default::default()
                        }),
                        ..Default::default()
                    }),
                    ..Default::default()
                }))
            }

            async fn capture_rgb_image(
                &self,
                request: Request<CaptureRequest>,
            ) -> Result<Response<ImageResponse>, Status> {
                let CaptureRequest { width, height, .. } = request.into_inner();
                Ok(Response::new(ImageResponse {
                    image_data: vec![0; (width * height * 4) as usize].into(),
                    width,
                    height,
                    format: "rgba".into(),
                    ..Default::default()
                }))
            }

            async fn capture_depth_map(
                &self,
                _: Request<CaptureRequest>,
            ) -> Result<Response<ImageResponse>, Status> {
                Err(Status::unimplemented(""))
            }

            async fn capture_segmentation_mask(
                &self,
                _: Request<CaptureRequest>,
            ) -> Result<Response<ImageResponse>, Status> {
                Err(Status::unimplemented(""))
            }

            async fn capture_normals(
                &self,
                _: Request<CaptureRequest>,
            ) -> Result<Response<ImageResponse>, Status> {
                Err(Status::unimplemented(""))
            }

            async fn capture_optical_flow(
                &self,
                _: Request<CaptureRequest>,
            ) -> Result<Response<ImageResponse>, Status> {
                Err(Status::unimplemented(""))
            }

            async fn get_object_transform(
                &self,
                _: Request<GetObjectTransformRequest>,
            ) -> Result<Response<GetObjectTransformResponse>, Status> {
                Ok(Response::new(GetObjectTransformResponse::default()))
            }

            async fn list_objects(
                &self,
                _: Request<()>,
            ) -> Result<Response<ListObjectsResponse>, Status> {
                Ok(Response::new(ListObjectsResponse::default()))
            }

            async fn get_server_info(
                &self,
                _: Request<()>,
            ) -> Result<Response<ServerInfo>, Status> {
                Err(Status::unimplemented("unknown method"))
            }
        }
    };
}

hollow! {
    set_object_transform(SetObjectTransformRequest);
    create_camera(CreateCameraRequest);
    destroy_camera(DestroyCameraRequest);
    set_resolution(SetResolutionRequest);
    spawn_object(SpawnObjectRequest);
    destroy_object(DestroyObjectRequest);
    set_material(SetMaterialRequest);
    set_lighting(SetLightingRequest);
}
