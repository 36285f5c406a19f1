//! Reads the answers of requests as what their callers asked for.

use std::sync::Arc;

use super::{FrameSet, request::Stamped};
use crate::{
    Answer, CameraName, CameraState, Error, ErrorCode, ErrorKind, Frame, Intrinsics, ObjectName,
    ObjectState, SceneState, Transform,
    frame::{Stamp, TypedPixels},
    session::Outcome,
};

/// The answer of a request for one command.
fn only(outcome: Outcome) -> Result<(Answer<Arc<Frame>>, Stamp), Error> {
    let mut answers = outcome.answers;
    match (answers.pop(), answers.is_empty()) {
        (Some(answer), true) => Ok(answer),
        _ => Err(mismatch()),
    }
}

/// The assembly of replies lets only fitting kinds through but for commands with
/// a single reply, where a server may still answer another question.
fn mismatch() -> Error {
    let message = "the server answered with another kind of reply than was asked for";
    Error::new(ErrorKind::BadReply, message)
}

macro_rules! reader {
    ($name:ident, $variant:ident, $value:ty) => {
        pub(super) fn $name(outcome: Outcome) -> Result<Stamped<$value>, Error> {
            match only(outcome)? {
                (Answer::$variant(value), stamp) => Ok(Stamped { value, stamp }),
                _ => Err(mismatch()),
            }
        }
    };
}

reader!(done, Done, String);
reader!(camera_transform, CameraTransform, Transform);
reader!(object_transform, ObjectTransform, Transform);
reader!(objects, Objects, Vec<ObjectName>);
reader!(cameras, Cameras, Vec<CameraState>);
reader!(scene, Scene, SceneState);

/// What a list of cameras says of one; the first is the default one.
pub(super) fn camera_state(
    outcome: Outcome,
    name: &CameraName,
) -> Result<Stamped<CameraState>, Error> {
    let Stamped { value, stamp } = cameras(outcome)?;
    let mut all = value.into_iter();
    let found = all.find(|camera| name.is_default() || camera.name == *name);
    let value = found.ok_or_else(|| not_found("camera", name.as_str()))?;
    Ok(Stamped { value, stamp })
}

pub(super) fn camera_intrinsics(
    outcome: Outcome,
    name: &CameraName,
) -> Result<Stamped<Intrinsics>, Error> {
    let Stamped { value, stamp } = camera_state(outcome, name)?;
    let value = value.intrinsics;
    Ok(Stamped { value, stamp })
}

pub(super) fn camera_fov(outcome: Outcome, name: &CameraName) -> Result<Stamped<f64>, Error> {
    let Stamped { value, stamp } = camera_intrinsics(outcome, name)?;
    let value = value.horizontal_fov_deg();
    Ok(Stamped { value, stamp })
}

/// The only object of a scene query.
pub(super) fn object_state(outcome: Outcome) -> Result<Stamped<ObjectState>, Error> {
    let Stamped { mut value, stamp } = scene(outcome)?;
    let value = value.objects.pop().ok_or_else(mismatch)?;
    Ok(Stamped { value, stamp })
}

/// The answers of a batch of queries, in its order.
fn each<T>(
    outcome: Outcome,
    read: impl Fn(Answer<Arc<Frame>>) -> Option<T>,
) -> Result<Stamped<Vec<T>>, Error> {
    let Outcome { answers, stamp } = outcome;
    let values = answers.into_iter().map(|(answer, _)| read(answer));
    let value = values.collect::<Option<_>>().ok_or_else(mismatch)?;
    Ok(Stamped { value, stamp })
}

pub(super) fn object_transforms(outcome: Outcome) -> Result<Stamped<Vec<Transform>>, Error> {
    each(outcome, |answer| match answer {
        Answer::ObjectTransform(transform) => Some(transform),
        _ => None,
    })
}

pub(super) fn camera_transforms(outcome: Outcome) -> Result<Stamped<Vec<Transform>>, Error> {
    each(outcome, |answer| match answer {
        Answer::CameraTransform(transform) => Some(transform),
        _ => None,
    })
}

fn not_found(what: &str, name: &str) -> Error {
    let message = format!("there is no {what} {name:?}");
    Error::new(ErrorKind::Rejected(ErrorCode::NotFound), message)
}

pub(super) fn frame<P: TypedPixels>(outcome: Outcome) -> Result<Frame<P>, Error> {
    let frame = any_frame(outcome)?;
    let frame = Arc::unwrap_or_clone(frame);
    frame.typed().map_err(|_| mismatch())
}

pub(super) fn any_frame(outcome: Outcome) -> Result<Arc<Frame>, Error> {
    let mut set = frame_set(outcome)?;
    set.frames.pop().ok_or_else(mismatch)
}

pub(super) fn frame_set(outcome: Outcome) -> Result<FrameSet, Error> {
    match only(outcome)? {
        (Answer::Images(frames, scene), stamp) => Ok(FrameSet {
            frames,
            scene,
            stamp,
        }),
        _ => Err(mismatch()),
    }
}
