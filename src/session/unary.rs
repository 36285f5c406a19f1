//! Requests as calls of their own beside the stream, over its connection.
//!
//! The reply is given back as the stream would bring it, so that everything
//! after it (deadlines, numbers of frames, who is told) has one path.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use tonic::{Code, Request, Response as Reply, Status};

use super::{Job, dial::Line};
use crate::{
    Command, Error, ErrorCode, ErrorKind, RequestId,
    proto::{
        ActionRequest, FrameResponse, ReplyMeta, action_request::Action, frame_response::Response,
        ue_synth_service_client::UeSynthServiceClient as Stub,
    },
};

/// A call that is under way.
pub(crate) type Call = Pin<Box<dyn Future<Output = Result<FrameResponse, CallFailure>> + Send>>;

/// Makes calls over one connection.
pub(crate) type Calls = Arc<dyn Fn(RequestId, ActionRequest, Duration) -> Call + Send + Sync>;

/// A call that ended without a reply.
#[derive(Debug)]
pub(crate) struct CallFailure {
    pub(crate) id: RequestId,
    pub(crate) error: Error,
}

/// Whether the contract has a unary method for this.
pub(crate) fn has_method(job: &Job) -> bool {
    let Job::One(command) = job else { return false };
    matches!(
        command,
        Command::SetCameraTransform { .. }
            | Command::GetCameraTransform { .. }
            | Command::Capture { .. }
            | Command::SetObjectTransform { .. }
            | Command::GetObjectTransform { .. }
            | Command::CreateCamera { .. }
            | Command::DestroyCamera { .. }
            | Command::SetResolution { .. }
            | Command::SpawnObject { .. }
            | Command::DestroyObject { .. }
            | Command::SetMaterial { .. }
            | Command::SetLighting(_)
            | Command::ListObjects
    )
}

pub(super) fn calls(stub: Stub<Line>) -> Calls {
    Arc::new(move |id, request, limit| {
        let stub = stub.clone();
        let called = async move {
            match call(stub, request, limit).await {
                Ok(response) => Ok(response),
                // The stream shares the connection and reports its end; until
                // then, or the deadline, the request is as one on the stream.
                Err(status) if is_broken(&status) => std::future::pending().await,
                Err(status) => Err(refusal(&status)),
            }
        };
        Box::pin(async move {
            let called = tokio::time::timeout(limit, called).await;
            let result = called.unwrap_or_else(|_| {
                let message = "no reply before the deadline";
                Err(Error::new(ErrorKind::DeadlineExceeded, message))
            });
            result.map_err(|error| CallFailure { id, error })
        })
    })
}

/// Whether the connection failed rather than the server: only then is there a
/// cause besides the status itself.
fn is_broken(status: &Status) -> bool {
    std::error::Error::source(status).is_some()
}

async fn call(
    mut stub: Stub<Line>,
    request: ActionRequest,
    limit: Duration,
) -> Result<FrameResponse, Status> {
    /// One method: how it is called, and how its reply travels on the stream.
    macro_rules! answer {
        ($method:ident, $message:expr, $variant:ident) => {{
            let mut message = Request::new($message);
            message.set_timeout(limit);
            let mut reply = stub.$method(message).await.map(Reply::into_inner)?;
            let meta = reply.meta.take();
            (Response::$variant(reply), meta)
        }};
    }
    let lacking = || Status::unimplemented("the contract has no such unary method");
    let (response, meta): (Response, Option<ReplyMeta>) = match request.action {
        Some(Action::SetCameraTransform(m)) => answer!(set_camera_transform, m, CommandResponse),
        Some(Action::GetCameraTransform(m)) => answer!(get_camera_transform, m, CameraTransform),
        Some(Action::CaptureRgb(m)) => answer!(capture_rgb_image, m, ImageResponse),
        Some(Action::CaptureDepth(m)) => answer!(capture_depth_map, m, ImageResponse),
        Some(Action::CaptureSegmentation(m)) => {
            answer!(capture_segmentation_mask, m, ImageResponse)
        }
        Some(Action::CaptureNormals(m)) => answer!(capture_normals, m, ImageResponse),
        Some(Action::CaptureOpticalFlow(m)) => answer!(capture_optical_flow, m, ImageResponse),
        Some(Action::SetObjectTransform(m)) => answer!(set_object_transform, m, CommandResponse),
        Some(Action::GetObjectTransform(m)) => answer!(get_object_transform, m, ObjectTransform),
        Some(Action::CreateCamera(m)) => answer!(create_camera, m, CommandResponse),
        Some(Action::DestroyCamera(m)) => answer!(destroy_camera, m, CommandResponse),
        Some(Action::SetResolution(m)) => answer!(set_resolution, m, CommandResponse),
        Some(Action::SpawnObject(m)) => answer!(spawn_object, m, CommandResponse),
        Some(Action::DestroyObject(m)) => answer!(destroy_object, m, CommandResponse),
        Some(Action::SetMaterial(m)) => answer!(set_material, m, CommandResponse),
        Some(Action::SetLighting(m)) => answer!(set_lighting, m, CommandResponse),
        Some(Action::ListObjects(())) => answer!(list_objects, (), ObjectsList),
        _ => return Err(lacking()),
    };
    Ok(FrameResponse {
        request_id: request.request_id,
        response: Some(response),
        meta,
    })
}

/// The error of a call that the server refused.
fn refusal(status: &Status) -> Error {
    let kind = match status.code() {
        Code::InvalidArgument => ErrorKind::Rejected(ErrorCode::InvalidArgument),
        Code::NotFound => ErrorKind::Rejected(ErrorCode::NotFound),
        Code::AlreadyExists => ErrorKind::Rejected(ErrorCode::AlreadyExists),
        Code::Unimplemented => ErrorKind::Rejected(ErrorCode::Unsupported),
        Code::ResourceExhausted => ErrorKind::Rejected(ErrorCode::ResourceExhausted),
        Code::FailedPrecondition => ErrorKind::Rejected(ErrorCode::FailedPrecondition),
        Code::DeadlineExceeded => ErrorKind::DeadlineExceeded,
        Code::Cancelled => ErrorKind::Rejected(ErrorCode::Cancelled),
        Code::PermissionDenied | Code::Unauthenticated => {
            ErrorKind::Rejected(ErrorCode::PermissionDenied)
        }
        Code::Unavailable => ErrorKind::Rejected(ErrorCode::Unavailable),
        // How tonic reports a message over the limit.
        Code::OutOfRange => ErrorKind::BadReply,
        _ => ErrorKind::Rejected(ErrorCode::Internal),
    };
    let message = match status.message() {
        "" => format!("the server answered with status {:?}", status.code()),
        message => message.to_owned(),
    };
    Error::new(kind, message)
}
