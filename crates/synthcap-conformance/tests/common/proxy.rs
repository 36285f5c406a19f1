//! The simulator behind a proxy with a fault in how it answers.

use std::{
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
};

use synthcap::proto::{
    self, ActionRequest, CaptureRequest, CommandResponse, ErrorCode, FrameResponse, ImageResponse,
    ServerInfo,
    action_request::Action,
    ue_synth_service_client::UeSynthServiceClient,
    ue_synth_service_server::{UeSynthService, UeSynthServiceServer},
};
use tokio_stream::{Stream, StreamExt, wrappers::TcpListenerStream};
use tonic::{Request, Response, Status, Streaming, transport::Channel};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The limits stated are half of those held.
    LowerLimits,
    /// Another instance ID each time.
    RestlessInstance,
    /// Every reply has the same place in the order.
    NoOrder,
    /// All failures have one code.
    OneErrorCode,
    /// Subscriptions that have any credit have all the credit in the world.
    BoundlessCredits,
    /// Cancelling does nothing.
    DeafToCancel,
    /// A call's image comes without a description.
    UndescribedCalls,
    /// Colour says it is something else than RGBA.
    WrongFormat,
}

struct Proxy {
    server: UeSynthServiceClient<Channel>,
    fault: Fault,
    asked: AtomicU64,
}

/// Serves a fault on a free port before this server, as long as the runtime
/// lives.
pub async fn before(url: &str, fault: Fault) -> Result<String, Box<dyn std::error::Error>> {
    let channel = Channel::from_shared(url.to_owned())?.connect().await?;
    let server = UeSynthServiceClient::new(channel);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let proxy = Proxy {
        server: server.max_decoding_message_size(64 << 20),
        fault,
        asked: AtomicU64::new(0),
    };
    let service = UeSynthServiceServer::new(proxy);
    let running = tonic::transport::Server::builder()
        .add_service(service)
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(running);
    Ok(format!("http://{address}"))
}

fn request_as(fault: Fault, mut request: ActionRequest) -> Option<ActionRequest> {
    match (&mut request.action, fault) {
        (Some(Action::Cancel(_)), Fault::DeafToCancel) => None,
        (Some(Action::Subscribe(subscribe)), Fault::BoundlessCredits) if subscribe.credits > 0 => {
            subscribe.credits = 1_000;
            Some(request)
        }
        _ => Some(request),
    }
}

fn reply_as(fault: Fault, mut reply: FrameResponse) -> FrameResponse {
    if let Some(meta) = &mut reply.meta {
        match fault {
            Fault::NoOrder => meta.order = 1,
            Fault::OneErrorCode => {
                if let Some(error) = &mut meta.error {
                    error.code = ErrorCode::Internal as i32;
                }
            }
            _ => {}
        }
    }
    let image = match &mut reply.response {
        Some(proto::frame_response::Response::ImageResponse(image)) => image,
        _ => return reply,
    };
    if fault == Fault::WrongFormat && image.format == "rgba" {
        "png".clone_into(&mut image.format);
    }
    reply
}

/// Methods that are passed on as they are.
macro_rules! passed_on {
    ($($method:ident($request:ty) -> $response:ty;)*) => {
        #[tonic::async_trait]
        impl UeSynthService for Proxy {
            $(async fn $method(
                &self,
                request: Request<$request>,
            ) -> Result<Response<$response>, Status> {
                self.server.clone().$method(request.into_inner()).await
            })*

            type ControlStreamStream =
                Pin<Box<dyn Stream<Item = Result<FrameResponse, Status>> + Send>>;

            async fn control_stream(
                &self,
                request: Request<Streaming<ActionRequest>>,
            ) -> Result<Response<Self::ControlStreamStream>, Status> {
                let fault = self.fault;
                let requests = request.into_inner().map_while(Result::ok);
                let requests = requests.filter_map(move |request| request_as(fault, request));
                let replies = self.server.clone().control_stream(requests).await?;
                let replies = replies.into_inner();
                let replies = replies.map(move |reply| reply.map(|reply| reply_as(fault, reply)));
                Ok(Response::new(Box::pin(replies)))
            }

            async fn capture_rgb_image(
                &self,
                request: Request<CaptureRequest>,
            ) -> Result<Response<ImageResponse>, Status> {
                let mut server = self.server.clone();
                let mut image = server.capture_rgb_image(request.into_inner()).await?.into_inner();
                if self.fault == Fault::UndescribedCalls {
                    image.info = None;
                }
                Ok(Response::new(image))
            }

            async fn get_server_info(
                &self,
                _: Request<()>,
            ) -> Result<Response<ServerInfo>, Status> {
                let mut info = self.server.clone().get_server_info(()).await?.into_inner();
                if let (Fault::LowerLimits, Some(limits)) = (self.fault, &mut info.limits) {
                    limits.max_width /= 2;
                    limits.max_height /= 2;
                    limits.max_set_images /= 2;
                    limits.max_batch_items /= 2;
                    limits.max_subscriptions /= 2;
                }
                if self.fault == Fault::RestlessInstance {
                    let number = self.asked.fetch_add(1, Ordering::Relaxed);
                    info.instance_id = format!("{}-{number}", info.instance_id);
                }
                Ok(Response::new(info))
            }
        }
    };
}

passed_on! {
    set_camera_transform(proto::SetCameraTransformRequest) -> CommandResponse;
    get_camera_transform(proto::GetCameraTransformRequest) -> proto::GetCameraTransformResponse;
    capture_depth_map(CaptureRequest) -> ImageResponse;
    capture_segmentation_mask(CaptureRequest) -> ImageResponse;
    capture_normals(CaptureRequest) -> ImageResponse;
    capture_optical_flow(CaptureRequest) -> ImageResponse;
    set_object_transform(proto::SetObjectTransformRequest) -> CommandResponse;
    get_object_transform(proto::GetObjectTransformRequest) -> proto::GetObjectTransformResponse;
    create_camera(proto::CreateCameraRequest) -> CommandResponse;
    destroy_camera(proto::DestroyCameraRequest) -> CommandResponse;
    set_resolution(proto::SetResolutionRequest) -> CommandResponse;
    spawn_object(proto::SpawnObjectRequest) -> CommandResponse;
    destroy_object(proto::DestroyObjectRequest) -> CommandResponse;
    set_material(proto::SetMaterialRequest) -> CommandResponse;
    set_lighting(proto::SetLightingRequest) -> CommandResponse;
    list_objects(()) -> proto::ListObjectsResponse;
}
