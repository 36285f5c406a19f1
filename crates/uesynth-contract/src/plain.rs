//! The deployed server, on a real socket.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{Stream, StreamExt, stream};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, Streaming};

use crate::{
    World,
    proto::{
        self, ActionRequest, CaptureRequest, CommandResponse, FrameResponse, ImageResponse,
        ue_synth_service_server::{UeSynthService, UeSynthServiceServer},
    },
};

/// The limit that gRPC for C++ sets on requests unless told otherwise.
const RECEIVE_LIMIT_BYTES: usize = 4 << 20;

/// A running server. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct PlainServer {
    address: SocketAddr,
    world: Arc<Mutex<World>>,
    /// Counts how often the open streams were cut.
    cut: watch::Sender<u32>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl PlainServer {
    /// Serves [`World::small`] on a free port of the loopback interface.
    ///
    /// # Errors
    ///
    /// When there is no free port.
    pub async fn start() -> io::Result<Self> {
        Self::serve(World::small()).await
    }

    /// Serves a world on a free port of the loopback interface.
    ///
    /// # Errors
    ///
    /// When there is no free port.
    pub async fn serve(world: World) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let world = Arc::new(Mutex::new(world));
        let (cut, cutting) = watch::channel(0);
        let service = UeSynthServiceServer::new(Plain {
            world: world.clone(),
            cutting,
        })
        .max_decoding_message_size(RECEIVE_LIMIT_BYTES);
        let (stop, mut stopping) = watch::channel(false);
        let running = tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming_shutdown(TcpListenerStream::new(listener), async move {
                // Ends also when the server is dropped.
                let _ = stopping.wait_for(|stop| *stop).await;
            });
        let serving = tokio::spawn(async move {
            // What ends a server early shows in the tests that use it.
            let _ = running.await;
        });
        Ok(Self {
            address,
            world,
            cut,
            stop,
            serving,
        })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The address as clients take it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The state, to read or change between requests.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all open streams with an error, as a network that fails does; new
    /// ones are served.
    pub fn cut_streams(&self) {
        self.cut.send_modify(|count| *count += 1);
    }

    /// Cuts the streams and stops listening; returns when that is done.
    pub async fn shutdown(self) {
        self.cut_streams();
        self.stop.send_replace(true);
        // A panic of the task ends the server just as well.
        let _ = self.serving.await;
    }
}

struct Plain {
    world: Arc<Mutex<World>>,
    cutting: watch::Receiver<u32>,
}

/// One stream, served strictly in order.
struct Served {
    requests: Streaming<ActionRequest>,
    world: Arc<Mutex<World>>,
    cutting: watch::Receiver<u32>,
}

impl Served {
    /// The next message; `None` when the client has ended the stream. Whatever
    /// fails before it is passed over in silence.
    async fn next_reply(&mut self) -> Result<Option<FrameResponse>, Status> {
        loop {
            let request = tokio::select! {
                request = self.requests.message() => request?,
                _ = self.cutting.changed() => return Err(Status::unavailable("cut")),
            };
            let Some(request) = request else {
                return Ok(None);
            };
            let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
            let response = request.action.and_then(|action| world.act(action));
            if response.is_some() {
                return Ok(Some(FrameResponse {
                    request_id: request.request_id,
                    response,
                }));
            }
        }
    }
}

impl Plain {
    fn world(&self, method: &'static str) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.seen.push(method);
        world
    }

    fn not_implemented(&self, method: &'static str) -> Result<Response<CommandResponse>, Status> {
        drop(self.world(method));
        Ok(Response::new(CommandResponse {
            success: true,
            message: format!("{method} not yet implemented"),
        }))
    }
}

fn command(done: Option<()>) -> Result<Response<CommandResponse>, Status> {
    Ok(Response::new(CommandResponse {
        success: done.is_some(),
        message: String::new(),
    }))
}

fn placeholder(
    request: Request<CaptureRequest>,
    bytes_per_pixel: usize,
) -> Result<Response<ImageResponse>, Status> {
    let image = World::placeholder(request.get_ref(), bytes_per_pixel);
    Ok(Response::new(image))
}

#[tonic::async_trait]
impl UeSynthService for Plain {
    type ControlStreamStream = Pin<Box<dyn Stream<Item = Result<FrameResponse, Status>> + Send>>;

    /// No headers go out before the first message is ready, and nothing is read
    /// while a request is being served.
    async fn control_stream(
        &self,
        request: Request<Streaming<ActionRequest>>,
    ) -> Result<Response<Self::ControlStreamStream>, Status> {
        let mut served = Served {
            requests: request.into_inner(),
            world: self.world.clone(),
            cutting: self.cutting.clone(),
        };
        // Only cuts from here on count.
        served.cutting.mark_unchanged();
        let Some(first) = served.next_reply().await? else {
            return Ok(Response::new(stream::empty().boxed()));
        };
        let rest = stream::try_unfold(served, async |mut served| {
            let reply = served.next_reply().await?;
            Ok(reply.map(|reply| (reply, served)))
        });
        let replies = stream::once(async { Ok(first) }).chain(rest);
        Ok(Response::new(replies.boxed()))
    }

    async fn set_camera_transform(
        &self,
        request: Request<proto::SetCameraTransformRequest>,
    ) -> Result<Response<CommandResponse>, Status> {
        let mut world = self.world("SetCameraTransform");
        command(world.set_camera(request.into_inner()))
    }

    async fn get_camera_transform(
        &self,
        _: Request<proto::GetCameraTransformRequest>,
    ) -> Result<Response<proto::GetCameraTransformResponse>, Status> {
        let camera = self.world("GetCameraTransform").camera();
        Ok(Response::new(camera.unwrap_or_default()))
    }

    async fn capture_rgb_image(
        &self,
        request: Request<CaptureRequest>,
    ) -> Result<Response<ImageResponse>, Status> {
        let image = self.world("CaptureRgbImage").rgb(request.get_ref());
        Ok(Response::new(image))
    }

    async fn capture_depth_map(
        &self,
        request: Request<CaptureRequest>,
    ) -> Result<Response<ImageResponse>, Status> {
        drop(self.world("CaptureDepthMap"));
        placeholder(request, 1)
    }

    async fn capture_segmentation_mask(
        &self,
        request: Request<CaptureRequest>,
    ) -> Result<Response<ImageResponse>, Status> {
        drop(self.world("CaptureSegmentationMask"));
        placeholder(request, 3)
    }

    async fn capture_normals(
        &self,
        request: Request<CaptureRequest>,
    ) -> Result<Response<ImageResponse>, Status> {
        drop(self.world("CaptureNormals"));
        placeholder(request, 3)
    }

    async fn capture_optical_flow(
        &self,
        request: Request<CaptureRequest>,
    ) -> Result<Response<ImageResponse>, Status> {
        drop(self.world("CaptureOpticalFlow"));
        placeholder(request, 2)
    }

    async fn set_object_transform(
        &self,
        request: Request<proto::SetObjectTransformRequest>,
    ) -> Result<Response<CommandResponse>, Status> {
        let mut world = self.world("SetObjectTransform");
        command(world.set_object(request.into_inner()))
    }

    async fn get_object_transform(
        &self,
        request: Request<proto::GetObjectTransformRequest>,
    ) -> Result<Response<proto::GetObjectTransformResponse>, Status> {
        let world = self.world("GetObjectTransform");
        let object = world.object(&request.get_ref().object_name);
        Ok(Response::new(object.unwrap_or_default()))
    }

    async fn create_camera(
        &self,
        _: Request<proto::CreateCameraRequest>,
    ) -> Result<Response<CommandResponse>, Status> {
        self.not_implemented("CreateCamera")
    }

    async fn destroy_camera(
        &self,
        _: Request<proto::DestroyCameraRequest>,
    ) -> Result<Response<CommandResponse>, Status> {
        self.not_implemented("DestroyCamera")
    }

    async fn set_resolution(
        &self,
        _: Request<proto::SetResolutionRequest>,
    ) -> Result<Response<CommandResponse>, Status> {
        self.not_implemented("SetResolution")
    }

    async fn spawn_object(
        &self,
        _: Request<proto::SpawnObjectRequest>,
    ) -> Result<Response<CommandResponse>, Status> {
        self.not_implemented("SpawnObject")
    }

    async fn destroy_object(
        &self,
        _: Request<proto::DestroyObjectRequest>,
    ) -> Result<Response<CommandResponse>, Status> {
        self.not_implemented("DestroyObject")
    }

    async fn set_material(
        &self,
        _: Request<proto::SetMaterialRequest>,
    ) -> Result<Response<CommandResponse>, Status> {
        self.not_implemented("SetMaterial")
    }

    async fn set_lighting(
        &self,
        _: Request<proto::SetLightingRequest>,
    ) -> Result<Response<CommandResponse>, Status> {
        self.not_implemented("SetLighting")
    }

    async fn list_objects(
        &self,
        _: Request<()>,
    ) -> Result<Response<proto::ListObjectsResponse>, Status> {
        Ok(Response::new(self.world("ListObjects").list()))
    }
}
