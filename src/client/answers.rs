//! Reads the answers of requests as what their callers asked for.

use std::sync::Arc;

use super::{FrameSet, request::Stamped};
use crate::{
    Answer, CameraState, Error, ErrorKind, Frame, ObjectName, SceneState, Transform,
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
