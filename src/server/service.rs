//! The gRPC service: every method of the contract, as commands for the engine.

use tokio::sync::watch;
use tonic::{Request, Response, Status, Streaming};

use super::{
    access::Caller,
    clock::wall_clock,
    host::Host,
    lanes::Lanes,
    send::Handover,
    shared::SideSocket,
    stream::{self, Replies},
    unary,
};
use crate::{
    Command, Modality,
    proto::{
        self, ActionRequest, CommandResponse, ImageResponse, action_request::Action,
        ue_synth_service_server::UeSynthService,
    },
    session::{COMPRESS_HEADER, REPLIES_OF_HEADER, STREAM_HEADER},
    wire::{
        info_out,
        request::Asked,
        request_in::{self, capture},
    },
};

/// Serves the engine behind a host.
pub(super) struct Service {
    pub(super) host: Host,
    /// `None` when this server shares no memory.
    pub(super) side_socket: Option<SideSocket>,
    pub(super) stopping: watch::Receiver<bool>,
    pub(super) lanes: Lanes,
}

/// The command of a unary request, which the stream's decoder reads too.
fn one(action: Action) -> Result<Command, Status> {
    match request_in::decode(Some(action)) {
        Ok(Asked::One(command)) => Ok(command),
        Ok(_) => Err(Status::internal("a unary request is a single command")),
        Err(error) => Err(Status::invalid_argument(error.to_string())),
    }
}

/// Whether the caller wants compressed replies. Announcing the codec does not
/// count: most gRPC clients do, and gzip is far slower than a local link.
fn wants_compression<T>(request: &Request<T>) -> bool {
    request.metadata().contains_key(COMPRESS_HEADER)
}

fn header<'a, T>(request: &'a Request<T>, name: &str) -> Option<&'a str> {
    request.metadata().get(name)?.to_str().ok()
}

fn uncompressed_unless<T>(wanted: bool, mut response: Response<T>) -> Response<T> {
    if !wanted {
        response.disable_compression();
    }
    response
}

impl Service {
    /// The replies to the commands of the stream with this name.
    fn aside(&self, name: &str) -> Result<Replies, Status> {
        let allowed = self.host.separates_replies();
        let of = allowed.then(|| self.lanes.take(name)).flatten();
        of.and_then(|of| stream::serve_aside(&of))
            .ok_or_else(|| Status::not_found("there is no stream of that name"))
    }

    async fn done<T>(
        &self,
        request: Request<T>,
        action: fn(T) -> Action,
    ) -> Result<Response<CommandResponse>, Status> {
        let caller = Caller::of(&request);
        let command = one(action(request.into_inner()))?;
        unary::command(&self.host, caller, command).await
    }

    async fn image(
        &self,
        request: Request<proto::CaptureRequest>,
        modality: Modality,
    ) -> Result<Response<ImageResponse>, Status> {
        let compress = wants_compression(&request);
        let caller = Caller::of(&request);
        let command = capture(request.into_inner(), modality);
        let response = unary::image(&self.host, caller, command).await?;
        Ok(uncompressed_unless(compress, response))
    }
}

#[tonic::async_trait]
impl UeSynthService for Service {
    type ControlStreamStream = Replies;

    async fn control_stream(
        &self,
        request: Request<Streaming<ActionRequest>>,
    ) -> Result<Response<Replies>, Status> {
        let compress = wants_compression(&request);
        let caller = Caller::of(&request);
        let host = self.host.clone();
        let replies = match header(&request, REPLIES_OF_HEADER) {
            Some(name) => self.aside(name)?,
            None => {
                let slots = self.side_socket.as_ref();
                let slots = slots.map(|socket| socket.slots(request.metadata()));
                let name = header(&request, STREAM_HEADER).map(str::to_owned);
                let serving = stream::Serving {
                    host,
                    caller,
                    slots: slots.unwrap_or_default(),
                };
                let (replies, writer) =
                    stream::serve(request.into_inner(), serving, self.stopping.clone());
                if let Some(name) = name {
                    self.lanes.name(&name, &writer);
                }
                replies
            }
        };
        if compress {
            return Ok(Response::new(replies));
        }
        let (ended, body) = replies.into_body();
        let mut response = Response::new(ended);
        response.disable_compression();
        response.extensions_mut().insert(Handover::new(body));
        Ok(response)
    }

    async fn get_server_info(&self, _: Request<()>) -> Result<Response<proto::ServerInfo>, Status> {
        let info = self.host.describe().await;
        let mut info = info.map_err(|error| unary::status(error.into()))?;
        info.shared_memory_socket = self.side_socket.as_ref().map(|it| it.name().to_owned());
        let now = info_out::nanos(wall_clock());
        Ok(Response::new(info_out::encode(info, now)))
    }

    async fn set_camera_transform(
        &self,
        request: Request<proto::SetCameraTransformRequest>,
    ) -> Result<Response<CommandResponse>, Status> {
        self.done(request, Action::SetCameraTransform).await
    }

    async fn get_camera_transform(
        &self,
        request: Request<proto::GetCameraTransformRequest>,
    ) -> Result<Response<proto::GetCameraTransformResponse>, Status> {
        let caller = Caller::of(&request);
        let command = one(Action::GetCameraTransform(request.into_inner()))?;
        unary::camera_transform(&self.host, caller, command).await
    }

    async fn capture_rgb_image(
        &self,
        request: Request<proto::CaptureRequest>,
    ) -> Result<Response<ImageResponse>, Status> {
        self.image(request, Modality::Rgb).await
    }

    async fn capture_depth_map(
        &self,
        request: Request<proto::CaptureRequest>,
    ) -> Result<Response<ImageResponse>, Status> {
        self.image(request, Modality::Depth).await
    }

    async fn capture_segmentation_mask(
        &self,
        request: Request<proto::CaptureRequest>,
    ) -> Result<Response<ImageResponse>, Status> {
        self.image(request, Modality::Segmentation).await
    }

    async fn capture_normals(
        &self,
        request: Request<proto::CaptureRequest>,
    ) -> Result<Response<ImageResponse>, Status> {
        self.image(request, Modality::Normals).await
    }

    async fn capture_optical_flow(
        &self,
        request: Request<proto::CaptureRequest>,
    ) -> Result<Response<ImageResponse>, Status> {
        self.image(request, Modality::Flow).await
    }

    async fn set_object_transform(
        &self,
        request: Request<proto::SetObjectTransformRequest>,
    ) -> Result<Response<CommandResponse>, Status> {
        self.done(request, Action::SetObjectTransform).await
    }

    async fn get_object_transform(
        &self,
        request: Request<proto::GetObjectTransformRequest>,
    ) -> Result<Response<proto::GetObjectTransformResponse>, Status> {
        let caller = Caller::of(&request);
        let command = one(Action::GetObjectTransform(request.into_inner()))?;
        unary::object_transform(&self.host, caller, command).await
    }

    async fn create_camera(
        &self,
        request: Request<proto::CreateCameraRequest>,
    ) -> Result<Response<CommandResponse>, Status> {
        self.done(request, Action::CreateCamera).await
    }

    async fn destroy_camera(
        &self,
        request: Request<proto::DestroyCameraRequest>,
    ) -> Result<Response<CommandResponse>, Status> {
        self.done(request, Action::DestroyCamera).await
    }

    async fn set_resolution(
        &self,
        request: Request<proto::SetResolutionRequest>,
    ) -> Result<Response<CommandResponse>, Status> {
        self.done(request, Action::SetResolution).await
    }

    async fn spawn_object(
        &self,
        request: Request<proto::SpawnObjectRequest>,
    ) -> Result<Response<CommandResponse>, Status> {
        self.done(request, Action::SpawnObject).await
    }

    async fn destroy_object(
        &self,
        request: Request<proto::DestroyObjectRequest>,
    ) -> Result<Response<CommandResponse>, Status> {
        self.done(request, Action::DestroyObject).await
    }

    async fn set_material(
        &self,
        request: Request<proto::SetMaterialRequest>,
    ) -> Result<Response<CommandResponse>, Status> {
        self.done(request, Action::SetMaterial).await
    }

    async fn set_lighting(
        &self,
        request: Request<proto::SetLightingRequest>,
    ) -> Result<Response<CommandResponse>, Status> {
        self.done(request, Action::SetLighting).await
    }

    async fn list_objects(
        &self,
        request: Request<()>,
    ) -> Result<Response<proto::ListObjectsResponse>, Status> {
        unary::objects(&self.host, Caller::of(&request)).await
    }
}
