//! Replies, as a client reads them.

use std::time::Duration;

use super::{WireError, basics, image};
use crate::{
    Answer, CapturedImage, ErrorCode, SceneState, Tick, Transform,
    proto::{self, frame_response::Response},
};

/// Circumstances of a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) tick: Tick,
    pub(crate) sim_time: Duration,
    pub(crate) order: u64,
    /// Wall clock since the Unix epoch.
    pub(crate) received: Duration,
    /// Wall clock since the Unix epoch.
    pub(crate) sent: Duration,
}

/// A request failed on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    pub(crate) batch_index: Option<u32>,
}

fn meta_from_wire(meta: &proto::ReplyMeta) -> Meta {
    Meta {
        tick: Tick::new(meta.tick),
        sim_time: Duration::from_nanos(meta.sim_time_ns),
        order: meta.order,
        received: Duration::from_nanos(meta.server_receive_time_ns),
        sent: Duration::from_nanos(meta.server_send_time_ns),
    }
}

/// One message of the stream as a client reads it.
#[derive(Debug)]
pub(crate) struct Part {
    /// `None` from a plain UESynth server.
    pub(crate) meta: Option<Meta>,
    pub(crate) index: usize,
    pub(crate) count: usize,
    pub(crate) body: Result<Response, Failure>,
}

/// Splits a stream message into its circumstances and its content.
pub(crate) fn decode(message: proto::FrameResponse) -> Result<Part, WireError> {
    let wire_meta = message.meta.unwrap_or_default();
    let error = wire_meta.error.as_ref().map(|error| Failure {
        code: basics::error_code(error.code),
        message: error.message.clone(),
        batch_index: error.batch_index,
    });
    let body = match (error, message.response) {
        (Some(failure), _) => Err(failure),
        (None, Some(response)) => {
            let is_plain = wire_meta.order == 0;
            let failure = untyped_failure(&response).or_else(|| {
                // Only a plain server claims success for what it lacks.
                is_plain.then(|| hollow_success(&response)).flatten()
            });
            failure.map_or(Ok(response), Err)
        }
        (None, None) => {
            return Err(WireError::new("the reply has no content that we know"));
        }
    };
    // A server run counts its first execution as 1, so 0 means "no meta".
    let meta = (wire_meta.order != 0).then(|| meta_from_wire(&wire_meta));
    Ok(Part {
        meta,
        index: wire_meta.part_index as usize,
        count: wire_meta.part_count.max(1) as usize,
        body,
    })
}

/// The camera transform in a reply to a query that nobody but the session made.
pub(crate) fn camera_transform(message: proto::FrameResponse) -> Result<Transform, WireError> {
    match decode(message)?.body.map(|response| piece(response, None)) {
        Ok(Ok(Piece::Answer(Answer::CameraTransform(transform)))) => Ok(transform),
        Ok(Err(error)) => Err(error),
        Ok(Ok(_)) => Err(WireError::new("the reply is of another kind")),
        Err(failure) => Err(WireError::new(failure.message)),
    }
}

/// The failure in a reply that has no typed error: a plain UESynth server's.
fn untyped_failure(response: &Response) -> Option<Failure> {
    let message = match response {
        Response::CommandResponse(reply) if !reply.success => &reply.message,
        // Success is never set by a plain server, so only the transform counts.
        Response::CameraTransform(reply) if reply.transform.is_none() => &reply.message,
        Response::ObjectTransform(reply) if reply.transform.is_none() => &reply.message,
        _ => return None,
    };
    Some(Failure {
        code: ErrorCode::FailedPrecondition,
        message: format!("the server says {message:?}"),
        batch_index: None,
    })
}

/// A plain UESynth server reports success for commands that it does not have,
/// and says so in the text only.
fn hollow_success(response: &Response) -> Option<Failure> {
    let Response::CommandResponse(reply) = response else {
        return None;
    };
    let text = reply.message.to_ascii_lowercase();
    let is_hollow = text.contains("not yet implemented") || text.contains("not implemented");
    is_hollow.then(|| Failure {
        code: ErrorCode::Unsupported,
        message: format!(
            "the server reports success but did nothing: {:?}",
            reply.message
        ),
        batch_index: None,
    })
}

/// One part of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    Image(CapturedImage),
    Scene(SceneState),
    Answer(Answer),
    BatchDone,
}

/// Reads the content of a reply, given which image is expected if one is.
pub(crate) fn piece(
    response: Response,
    expected: Option<&image::Expected>,
) -> Result<Piece, WireError> {
    let answer = match (response, expected) {
        (Response::ImageResponse(message), Some(expected)) => {
            return image::decode(message, expected).map(Piece::Image);
        }
        (Response::ImageResponse(_), None) => {
            return Err(WireError::new("an image came where none was asked for"));
        }
        (_, Some(expected)) => {
            return Err(WireError::new(format!(
                "something other than the {} image came",
                expected.modality
            )));
        }
        (Response::SceneState(scene), None) => {
            return basics::scene_state(scene).map(Piece::Scene);
        }
        (Response::BatchResponse(_), None) => return Ok(Piece::BatchDone),
        (Response::CommandResponse(reply), None) if reply.success => Answer::Done(reply.message),
        (Response::CommandResponse(reply), None) => {
            return Err(WireError::new(format!(
                "the server says: {}",
                reply.message
            )));
        }
        // Success is never set by a plain server, so only the transform counts.
        (Response::CameraTransform(reply), None) => {
            Answer::CameraTransform(basics::transform(reply.transform, "a camera transform")?)
        }
        (Response::ObjectTransform(reply), None) => {
            Answer::ObjectTransform(basics::transform(reply.transform, "an object transform")?)
        }
        (Response::ObjectsList(list), None) => {
            Answer::Objects(list.object_names.into_iter().map(Into::into).collect())
        }
        (Response::CameraList(list), None) => {
            let cameras = list.cameras.into_iter().map(basics::camera_state);
            Answer::Cameras(cameras.collect::<Result<_, _>>()?)
        }
    };
    Ok(Piece::Answer(answer))
}
