//! Replies, as a server answers them.

use super::{
    image_out,
    info_out::nanos,
    reply::{Failure, Meta},
};
use crate::{Answer, Command, ObjectName, proto};

pub(crate) use crate::proto::frame_response::Response;

impl From<Meta> for proto::ReplyMeta {
    fn from(meta: Meta) -> Self {
        Self {
            tick: meta.tick.get(),
            sim_time_ns: nanos(meta.sim_time),
            order: meta.order,
            server_receive_time_ns: nanos(meta.received),
            server_send_time_ns: nanos(meta.sent),
            ..Self::default()
        }
    }
}

impl From<Failure> for proto::ErrorDetail {
    fn from(failure: Failure) -> Self {
        Self {
            code: proto::ErrorCode::from(failure.code) as i32,
            retryable: failure.code.is_retryable(),
            message: failure.message,
            batch_index: failure.batch_index,
        }
    }
}

/// The answer of a batch itself.
pub(crate) fn batch_done(item_count: usize) -> Response {
    Response::BatchResponse(proto::BatchResponse {
        item_count: item_count as u32,
    })
}

/// The response parts of an answer.
#[expect(
    clippy::large_enum_variant,
    reason = "single answers are nearly all of them, and a box would be an allocation each"
)]
pub(crate) enum Responses {
    One(Response),
    /// Of a capture set.
    Several(Vec<Response>),
}

impl Responses {
    pub(crate) fn into_vec(self) -> Vec<Response> {
        match self {
            Self::One(response) => vec![response],
            Self::Several(responses) => responses,
        }
    }
}

/// The response parts of an answer: one, but for capture sets.
pub(crate) fn responses(answer: Answer) -> Responses {
    Responses::One(match answer {
        Answer::Done(message) => Response::CommandResponse(done(message)),
        Answer::CameraTransform(transform) => {
            Response::CameraTransform(proto::GetCameraTransformResponse {
                transform: Some(transform.into()),
                success: true,
                ..Default::default()
            })
        }
        Answer::ObjectTransform(transform) => {
            Response::ObjectTransform(proto::GetObjectTransformResponse {
                transform: Some(transform.into()),
                success: true,
                ..Default::default()
            })
        }
        Answer::Images(images, scene) => {
            let images = images.into_iter().map(image_out::encode);
            let images = images.map(Response::ImageResponse);
            let scene = scene.map(|scene| Response::SceneState(scene.into()));
            return Responses::Several(images.chain(scene).collect());
        }
        Answer::Objects(names) => Response::ObjectsList(object_list(names)),
        Answer::Cameras(cameras) => Response::CameraList(proto::CameraList {
            cameras: cameras.into_iter().map(Into::into).collect(),
        }),
        Answer::Scene(scene) => Response::SceneState(scene.into()),
    })
}

fn done(message: String) -> proto::CommandResponse {
    proto::CommandResponse {
        success: true,
        message,
        meta: None,
    }
}

pub(crate) fn object_list(names: Vec<ObjectName>) -> proto::ListObjectsResponse {
    proto::ListObjectsResponse {
        object_names: names.iter().map(Into::into).collect(),
        meta: None,
    }
}

/// How UESynth's own clients are told of a failure, where a message of theirs can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailsAs {
    CameraTransform,
    ObjectTransform,
    Command,
    /// No message of theirs can.
    Nothing,
}

impl FailsAs {
    pub(crate) fn of(command: &Command) -> Self {
        match command {
            Command::GetCameraTransform { .. } => Self::CameraTransform,
            Command::GetObjectTransform { .. } => Self::ObjectTransform,
            Command::Capture { .. }
            | Command::CaptureSet(_)
            | Command::ListObjects
            | Command::ListCameras
            | Command::GetScene(_) => Self::Nothing,
            _ => Self::Command,
        }
    }

    pub(crate) fn response(self, failure: &Failure) -> Option<Response> {
        let message = failure.message.clone();
        Some(match self {
            Self::Nothing => return None,
            Self::CameraTransform => Response::CameraTransform(proto::GetCameraTransformResponse {
                message,
                ..Default::default()
            }),
            Self::ObjectTransform => Response::ObjectTransform(proto::GetObjectTransformResponse {
                message,
                ..Default::default()
            }),
            Self::Command => Response::CommandResponse(proto::CommandResponse {
                success: false,
                message,
                meta: None,
            }),
        })
    }
}

/// The stream messages of a successful request.
pub(crate) fn success(
    request_id: &str,
    responses: Vec<Response>,
    meta: Meta,
) -> impl Iterator<Item = proto::FrameResponse> {
    let count = responses.len() as u32;
    let parts = (0..count).zip(responses);
    parts.map(move |(index, response)| part(request_id.to_owned(), response, meta, (index, count)))
}

/// One of the stream messages of a successful request, with its place among them.
pub(crate) fn part(
    request_id: String,
    response: Response,
    meta: Meta,
    (part_index, part_count): (u32, u32),
) -> proto::FrameResponse {
    proto::FrameResponse {
        request_id,
        response: Some(response),
        meta: Some(proto::ReplyMeta {
            part_index,
            part_count,
            ..meta.into()
        }),
    }
}

/// The stream message of a failed request.
pub(crate) fn failed(
    request_id: String,
    response: Option<Response>,
    failure: Failure,
    meta: Meta,
) -> proto::FrameResponse {
    proto::FrameResponse {
        request_id,
        response,
        meta: Some(proto::ReplyMeta {
            error: Some(failure.into()),
            ..meta.into()
        }),
    }
}
