//! One call, one answer: the methods besides the stream.

use std::sync::Arc;

use tokio::{runtime::Handle, sync::oneshot};
use tonic::{Code, Response, Status};

use super::{
    EngineError,
    access::Caller,
    encode,
    executor::{Ran, Runnable},
    faults::Wire,
    host::{Host, Interest, Reply, Work},
    outbox::Writer,
};
use crate::{
    Answer, Command, ErrorCode, proto,
    wire::{
        image_out,
        reply::{Failure, Meta},
        reply_out,
    },
};

struct Waiting {
    outcome: oneshot::Sender<Ran>,
    wire: Option<Arc<Wire>>,
    runtime: Handle,
}

impl Reply for Waiting {
    fn interest(&self) -> Interest {
        if self.outcome.is_closed() {
            Interest::Left
        } else {
            Interest::Wanted
        }
    }

    fn send(self: Box<Self>, ran: Ran) -> Option<Writer> {
        // Fails only when the caller has left.
        let _ = self.outcome.send(ran);
        None
    }

    fn wire(&self) -> Option<&Arc<Wire>> {
        self.wire.as_ref()
    }

    fn silence(mut self: Box<Self>) {
        let runtime = self.runtime.clone();
        runtime.spawn(async move { self.outcome.closed().await });
    }
}

/// Runs one command, if its caller may have it run, and waits for its outcome.
async fn run(
    host: &Host,
    caller: Caller,
    command: Command,
) -> Result<(Result<Answer, Failure>, Meta), Status> {
    let refused = |error: EngineError| Status::new(code(error.code), error.message);
    caller.check_command(&command).map_err(refused)?;
    let (sender, outcome) = oneshot::channel();
    let reply = Waiting {
        outcome: sender,
        wire: caller.wire,
        runtime: Handle::current(),
    };
    let work = Work::Run(Runnable::One(command));
    let submitted = host.submit(work, Box::new(reply));
    submitted.map_err(refused)?;
    match outcome.await {
        Ok(Ran::One(result, meta)) => Ok((result, meta)),
        Ok(Ran::Batch(..)) => Err(Status::internal("a single command was run as a batch")),
        Err(_) => Err(Status::unavailable("the server is stopping")),
    }
}

/// The gRPC status code of an error code of ours.
fn code(code: ErrorCode) -> Code {
    match code {
        ErrorCode::InvalidArgument => Code::InvalidArgument,
        ErrorCode::NotFound => Code::NotFound,
        ErrorCode::AlreadyExists => Code::AlreadyExists,
        ErrorCode::Unsupported => Code::Unimplemented,
        ErrorCode::ResourceExhausted => Code::ResourceExhausted,
        ErrorCode::FailedPrecondition => Code::FailedPrecondition,
        ErrorCode::DeadlineExceeded => Code::DeadlineExceeded,
        ErrorCode::Cancelled => Code::Cancelled,
        ErrorCode::PermissionDenied => Code::PermissionDenied,
        ErrorCode::Unavailable => Code::Unavailable,
        ErrorCode::Internal => Code::Internal,
    }
}

pub(super) fn status(failure: Failure) -> Status {
    Status::new(code(failure.code), failure.message)
}

fn unexpected() -> Status {
    Status::internal("the engine answered another question")
}

fn meta_of(meta: Meta, failure: Option<&Failure>) -> Option<proto::ReplyMeta> {
    Some(proto::ReplyMeta {
        error: failure.cloned().map(Into::into),
        ..meta.into()
    })
}

/// A command whose reply is success or a message.
pub(super) async fn command(
    host: &Host,
    caller: Caller,
    command: Command,
) -> Result<Response<proto::CommandResponse>, Status> {
    let (result, meta) = run(host, caller, command).await?;
    let failure = result.as_ref().err().cloned();
    let message = match result {
        Ok(Answer::Done(message)) => message,
        Ok(_) => return Err(unexpected()),
        Err(failure) => failure.message,
    };
    Ok(Response::new(proto::CommandResponse {
        success: failure.is_none(),
        message,
        meta: meta_of(meta, failure.as_ref()),
    }))
}

/// One image. A failure is a gRPC status, for the message has no place for it.
pub(super) async fn image(
    host: &Host,
    caller: Caller,
    command: Command,
) -> Result<Response<proto::ImageResponse>, Status> {
    let wanted = encode::wanted(&command).first().copied();
    let (result, meta) = run(host, caller, command).await?;
    let Answer::Images(mut images, _) = result.map_err(status)? else {
        return Err(unexpected());
    };
    let image = image_out::encode(images.pop().ok_or_else(unexpected)?);
    let image = match wanted {
        Some(wanted) => host.encoders.encode(image, wanted).await,
        None => image,
    };
    Ok(Response::new(proto::ImageResponse {
        meta: meta_of(meta, None),
        ..image
    }))
}

pub(super) async fn camera_transform(
    host: &Host,
    caller: Caller,
    command: Command,
) -> Result<Response<proto::GetCameraTransformResponse>, Status> {
    let (result, meta) = run(host, caller, command).await?;
    let failure = result.as_ref().err().cloned();
    let transform = match result {
        Ok(Answer::CameraTransform(transform)) => Some(transform.into()),
        Ok(_) => return Err(unexpected()),
        Err(_) => None,
    };
    Ok(Response::new(proto::GetCameraTransformResponse {
        transform,
        success: failure.is_none(),
        meta: meta_of(meta, failure.as_ref()),
        message: failure.map(|failure| failure.message).unwrap_or_default(),
    }))
}

pub(super) async fn object_transform(
    host: &Host,
    caller: Caller,
    command: Command,
) -> Result<Response<proto::GetObjectTransformResponse>, Status> {
    let (result, meta) = run(host, caller, command).await?;
    let failure = result.as_ref().err().cloned();
    let transform = match result {
        Ok(Answer::ObjectTransform(transform)) => Some(transform.into()),
        Ok(_) => return Err(unexpected()),
        Err(_) => None,
    };
    Ok(Response::new(proto::GetObjectTransformResponse {
        transform,
        success: failure.is_none(),
        meta: meta_of(meta, failure.as_ref()),
        message: failure.map(|failure| failure.message).unwrap_or_default(),
    }))
}

pub(super) async fn objects(
    host: &Host,
    caller: Caller,
) -> Result<Response<proto::ListObjectsResponse>, Status> {
    let (result, meta) = run(host, caller, Command::ListObjects).await?;
    let Answer::Objects(names) = result.map_err(status)? else {
        return Err(unexpected());
    };
    Ok(Response::new(proto::ListObjectsResponse {
        meta: meta_of(meta, None),
        ..reply_out::object_list(names)
    }))
}
