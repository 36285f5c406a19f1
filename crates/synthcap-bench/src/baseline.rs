//! Client and server as generated, with tonic's defaults: what one writes first.

use std::{collections::VecDeque, net::SocketAddr, pin::Pin, time::Instant};

use bytes::Bytes;
use proto::{
    ActionRequest, CaptureRequest, CommandResponse, FrameResponse, ImageResponse,
    SetCameraTransformRequest, Transform, Vector3,
    action_request::Action,
    frame_response,
    ue_synth_service_client::UeSynthServiceClient,
    ue_synth_service_server::{UeSynthService, UeSynthServiceServer},
};
use synthcap::Modality;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use tokio_stream::{
    Stream, StreamExt as _,
    wrappers::{ReceiverStream, TcpListenerStream},
};
use tonic::{Request, Response, Status, Streaming, transport::Channel};

use crate::{Error, Kind, Measure, Work, meter::Meter};

/// The generated messages, which only this module sees.
#[allow(
    missing_docs,
    clippy::all,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "generated"
)]
mod proto {
    tonic::include_proto!("uesynth");
}

/// Answers every request at once, with frames made beforehand.
struct Replies {
    frames: Vec<(Modality, Bytes)>,
}

impl Replies {
    fn to(frames: &[(Modality, Bytes)], request: ActionRequest) -> FrameResponse {
        let response = match request.action {
            Some(Action::CaptureRgb(asked)) => image(frames, Modality::Rgb, &asked),
            Some(Action::CaptureDepth(asked)) => image(frames, Modality::Depth, &asked),
            Some(Action::CaptureSegmentation(asked)) => {
                image(frames, Modality::Segmentation, &asked)
            }
            Some(Action::CaptureNormals(asked)) => image(frames, Modality::Normals, &asked),
            Some(Action::CaptureOpticalFlow(asked)) => image(frames, Modality::Flow, &asked),
            Some(Action::SetCameraTransform(_)) | None => {
                frame_response::Response::CommandResponse(CommandResponse {
                    success: true,
                    message: "camera moved".to_owned(),
                })
            }
        };
        FrameResponse {
            request_id: request.request_id,
            response: Some(response),
        }
    }
}

fn image(
    frames: &[(Modality, Bytes)],
    modality: Modality,
    asked: &CaptureRequest,
) -> frame_response::Response {
    let frame = frames.iter().find(|(made, _)| *made == modality);
    frame_response::Response::ImageResponse(ImageResponse {
        image_data: frame.map(|(_, bytes)| bytes.clone()).unwrap_or_default(),
        width: asked.width,
        height: asked.height,
        format: "rgba".to_owned(),
    })
}

#[tonic::async_trait]
impl UeSynthService for Replies {
    type ControlStreamStream =
        Pin<Box<dyn Stream<Item = Result<FrameResponse, Status>> + Send + 'static>>;

    async fn control_stream(
        &self,
        request: Request<Streaming<ActionRequest>>,
    ) -> Result<Response<Self::ControlStreamStream>, Status> {
        let frames = self.frames.clone();
        let requests = request.into_inner();
        let replies = requests.map(move |request| Ok(Self::to(&frames, request?)));
        Ok(Response::new(Box::pin(replies)))
    }
}

/// A generated client on a generated server.
pub(crate) struct Baseline {
    requests: mpsc::Sender<ActionRequest>,
    replies: Streaming<FrameResponse>,
    serving: JoinHandle<()>,
}

/// Far beyond any frame; tonic's default of 4 MiB would refuse most of them.
const LARGEST: usize = 1 << 30;

impl Baseline {
    pub(crate) async fn start(work: &Work) -> Result<Self, Error> {
        let frame = |(modality, bytes)| (modality, vec![7_u8; bytes].into());
        let frames = work.kind.image_bytes().into_iter().map(frame).collect();
        let (address, serving) = serve(Replies { frames }).await?;
        let channel = Channel::from_shared(format!("http://{address}"))?;
        let mut stub =
            UeSynthServiceClient::new(channel.connect().await?).max_decoding_message_size(LARGEST);
        let room = work.in_flight * work.kind.image_bytes().len().max(1);
        let (requests, receiver) = mpsc::channel(room);
        let replies = stub.control_stream(ReceiverStream::new(receiver)).await?;
        Ok(Self {
            requests,
            replies: replies.into_inner(),
            serving,
        })
    }

    pub(crate) async fn run(&mut self, work: &Work, mut meter: Meter) -> Result<Measure, Error> {
        let mut asked = VecDeque::with_capacity(work.in_flight);
        let mut next_id = 0_u64;
        loop {
            while asked.len() < work.in_flight && meter.goes_on() {
                for action in actions(work.kind, next_id) {
                    let request_id = next_id.to_string();
                    next_id += 1;
                    let action = Some(action);
                    self.requests
                        .send(ActionRequest { request_id, action })
                        .await?;
                }
                asked.push_back(Instant::now());
            }
            let Some(since) = asked.pop_front() else {
                return Ok(meter.finish());
            };
            for _ in 0..work.kind.image_bytes().len().max(1) {
                let reply = self.replies.message().await?;
                let reply = reply.ok_or("the baseline's server ended the stream")?;
                check(work.kind, &reply)?;
            }
            meter.done(since);
        }
    }
}

impl Drop for Baseline {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(replies: Replies) -> Result<(SocketAddr, JoinHandle<()>), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let service = UeSynthServiceServer::new(replies);
    let serving = tokio::spawn(async move {
        // Ends when it is aborted.
        let _ = tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpListenerStream::new(listener))
            .await;
    });
    Ok((address, serving))
}

/// The requests of one piece of work: a set is several, for the contract has none.
fn actions(kind: Kind, number: u64) -> Vec<Action> {
    let Kind::Images {
        width,
        height,
        modalities,
    } = kind
    else {
        let location = Vector3 {
            x: number as f32,
            ..Vector3::default()
        };
        return vec![Action::SetCameraTransform(SetCameraTransformRequest {
            camera_name: "replay".to_owned(),
            transform: Some(Transform {
                location: Some(location),
                ..Transform::default()
            }),
        })];
    };
    let asked = CaptureRequest {
        camera_name: "replay".to_owned(),
        width,
        height,
    };
    let action = |modality| match modality {
        Modality::Depth => Action::CaptureDepth(asked.clone()),
        Modality::Segmentation => Action::CaptureSegmentation(asked.clone()),
        Modality::Normals => Action::CaptureNormals(asked.clone()),
        Modality::Flow => Action::CaptureOpticalFlow(asked.clone()),
        _ => Action::CaptureRgb(asked.clone()),
    };
    modalities.iter().map(action).collect()
}

/// Whether the reply is one; what is in it is not looked at by anybody's bench.
fn check(kind: Kind, reply: &FrameResponse) -> Result<(), Error> {
    match (&reply.response, kind) {
        (Some(frame_response::Response::CommandResponse(_)), Kind::Command) => Ok(()),
        (Some(frame_response::Response::ImageResponse(image)), Kind::Images { .. })
            if !image.image_data.is_empty() =>
        {
            Ok(())
        }
        _ => Err("the baseline's server answered something else".into()),
    }
}
