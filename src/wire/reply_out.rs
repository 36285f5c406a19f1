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

/// The response parts of an answer: one, but for capture sets.
pub(crate) fn responses(answer: Answer) -> Vec<Response> {
    match answer {
        Answer::Done(message) => vec![Response::CommandResponse(done(message))],
        Answer::CameraTransform(transform) => {
            vec![Response::CameraTransform(
                proto::GetCameraTransformResponse {
                    transform: Some(transform.into()),
                    success: true,
                    ..Default::default()
                },
            )]
        }
        Answer::ObjectTransform(transform) => {
            vec![Response::ObjectTransform(
                proto::GetObjectTransformResponse {
                    transform: Some(transform.into()),
                    success: true,
                    ..Default::default()
                },
            )]
        }
        Answer::Images(images, scene) => {
            let images = images.into_iter().map(image_out::encode);
            let images = images.map(Response::ImageResponse);
            let scene = scene.map(|scene| Response::SceneState(scene.into()));
            images.chain(scene).collect()
        }
        Answer::Objects(names) => vec![Response::ObjectsList(object_list(names))],
        Answer::Cameras(cameras) => vec![Response::CameraList(proto::CameraList {
            cameras: cameras.into_iter().map(Into::into).collect(),
        })],
        Answer::Scene(scene) => vec![Response::SceneState(scene.into())],
    }
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
pub(crate) fn failure_response(command: &Command, failure: &Failure) -> Option<Response> {
    let message = failure.message.clone();
    match command {
        Command::GetCameraTransform { .. } => Some(Response::CameraTransform(
            proto::GetCameraTransformResponse {
                message,
                ..Default::default()
            },
        )),
        Command::GetObjectTransform { .. } => Some(Response::ObjectTransform(
            proto::GetObjectTransformResponse {
                message,
                ..Default::default()
            },
        )),
        Command::Capture { .. }
        | Command::CaptureSet(_)
        | Command::ListObjects
        | Command::ListCameras
        | Command::GetScene(_) => None,
        _ => Some(Response::CommandResponse(proto::CommandResponse {
            success: false,
            message,
            meta: None,
        })),
    }
}

/// The stream messages of a successful request.
pub(crate) fn success(
    request_id: &str,
    responses: Vec<Response>,
    meta: Meta,
) -> Vec<proto::FrameResponse> {
    let part_count = responses.len() as u32;
    let parts = responses.into_iter().enumerate();
    parts
        .map(|(index, response)| proto::FrameResponse {
            request_id: request_id.to_owned(),
            response: Some(response),
            meta: Some(proto::ReplyMeta {
                part_index: index as u32,
                part_count,
                ..meta.into()
            }),
        })
        .collect()
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
