//! What a session keeps about a plain UESynth server: in which order it serves,
//! and where its one camera is.
//!
//! Pure: it says what to send, the machine sends it.

use std::collections::VecDeque;

use super::{encodings::Negotiator, entry::Job};
use crate::{
    CameraName, Capability, Command, Error, ErrorKind, PartialTransform, RequestId, Transform,
    proto::ActionRequest,
    wire::request::{self, Asked},
};

/// Asks where the camera is, on the session's own account.
const POSE_QUERY: &str = "camera-pose";
/// Follows the pose query. Every server answers it, so when its reply comes and
/// the pose has not, there will be none.
const POSE_FENCE: &str = "camera-pose-fence";

/// Which message of ours a reply is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Request(RequestId),
    PoseQuery,
    PoseFence,
}

impl To {
    /// Reads the ID of a reply. Those of requests are decimal numbers; `None` was
    /// never ours.
    pub(crate) fn parse(id: &str) -> Option<Self> {
        match id {
            POSE_QUERY => Some(Self::PoseQuery),
            POSE_FENCE => Some(Self::PoseFence),
            _ => id.parse().ok().map(RequestId::new).map(Self::Request),
        }
    }
}

/// The error of a request that names a camera, of which a plain server has one: it
/// would pass the name over and take that one.
pub(crate) fn only_one_camera(named: &CameraName) -> Error {
    let message = format!(
        "a plain UESynth server would take its one camera in place of {:?}; \
         use the default camera",
        named.as_str()
    );
    Error::new(ErrorKind::Unsupported(Capability::Cameras), message)
}

/// What to do with a request.
#[derive(Debug)]
pub(crate) enum Prepared {
    Send(ActionRequest),
    /// Send these, and hold the request and all after it back until they are
    /// answered.
    AskFirst([ActionRequest; 2]),
    /// It cannot be sent, for this reason.
    Refuse(Error),
}

/// Where the camera will be when everything sent so far has been served.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pose {
    Unknown,
    /// On behalf of this request, which is held back.
    Asked(RequestId),
    Known(Transform),
}

#[derive(Debug)]
struct Sent {
    to: To,
    moves_camera: bool,
}

/// A plain server serves one request after the other, so what was sent is all
/// there is to know about its camera, as long as nobody else moves it.
#[derive(Debug)]
pub(crate) struct PlainServer {
    /// Sent and not answered, in the order in which they are served.
    queue: VecDeque<Sent>,
    pose: Pose,
    /// The last query of the camera, when nothing that moves it was sent since.
    last_read: Option<RequestId>,
}

impl PlainServer {
    pub(crate) fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            pose: Pose::Unknown,
            last_read: None,
        }
    }

    /// Forgets everything: the connection is another, and perhaps the server.
    pub(crate) fn forget(&mut self) {
        self.queue.clear();
        self.pose = Pose::Unknown;
        self.last_read = None;
    }

    /// Whether requests must wait until it is known where the camera is.
    pub(crate) fn holds_back(&self) -> bool {
        matches!(self.pose, Pose::Asked(_))
    }

    /// The message for a request, in which a move of the camera names both
    /// location and rotation: this server would reset what is left out.
    pub(crate) fn prepare(&mut self, id: RequestId, job: &Job) -> Prepared {
        // It may have been made for another server, before the connection was lost.
        if let Some(named) = job.names_camera() {
            return Prepared::Refuse(only_one_camera(named));
        }
        let Job::One(Command::SetCameraTransform { camera, transform }) = job else {
            if matches!(job, Job::One(Command::GetCameraTransform { .. })) {
                self.last_read = Some(id);
            }
            self.sent(To::Request(id), false);
            return Prepared::Send(job.to_wire(id, &Negotiator::default()));
        };
        let base = match (transform.location, transform.rotation, self.pose) {
            (Some(location), Some(rotation), _) => Transform::new(location, rotation),
            (_, _, Pose::Known(pose)) => pose,
            _ => return self.ask(id),
        };
        let pose = transform.over(base);
        self.pose = Pose::Known(pose);
        self.last_read = None;
        self.sent(To::Request(id), true);
        let whole = Job::One(Command::SetCameraTransform {
            camera: camera.clone(),
            transform: PartialTransform {
                location: Some(pose.location),
                rotation: Some(pose.rotation),
                scale: transform.scale,
            },
        });
        Prepared::Send(whole.to_wire(id, &Negotiator::default()))
    }

    /// The message for a request that goes beside the stream, where no order
    /// tells what the camera does meanwhile.
    pub(crate) fn prepare_call(&mut self, id: RequestId, job: &Job) -> Prepared {
        if let Some(named) = job.names_camera() {
            return Prepared::Refuse(only_one_camera(named));
        }
        if let Job::One(Command::SetCameraTransform { transform, .. }) = job {
            if transform.location.is_none() || transform.rotation.is_none() {
                let message = "a plain UESynth server resets what a unary move leaves out; \
                               set location and rotation together, or use the stream";
                return Prepared::Refuse(Error::new(ErrorKind::InvalidInput, message));
            }
            if !self.holds_back() {
                self.pose = Pose::Unknown;
            }
            self.last_read = None;
        }
        Prepared::Send(job.to_wire(id, &Negotiator::default()))
    }

    fn ask(&mut self, id: RequestId) -> Prepared {
        self.pose = Pose::Asked(id);
        self.sent(To::PoseQuery, false);
        self.sent(To::PoseFence, false);
        let query = Command::GetCameraTransform {
            camera: Default::default(),
        };
        let message = |id: &str, command| request::encode(id.to_owned(), Asked::One(command));
        Prepared::AskFirst([
            message(POSE_QUERY, query),
            message(POSE_FENCE, Command::ListObjects),
        ])
    }

    fn sent(&mut self, to: To, moves_camera: bool) {
        self.queue.push_back(Sent { to, moves_camera });
    }

    /// A reply came. The server serves in order and is silent about failure, so
    /// what was sent before and not answered has failed: those requests are
    /// returned.
    pub(crate) fn answered(&mut self, to: To) -> Vec<RequestId> {
        let Some(place) = self.queue.iter().position(|sent| sent.to == to) else {
            return Vec::new();
        };
        let mut failed = Vec::new();
        for sent in self.queue.drain(..=place).take(place) {
            // Later moves may have been filled up from this one; ask anew.
            if sent.moves_camera && matches!(self.pose, Pose::Known(_)) {
                self.pose = Pose::Unknown;
            }
            if let To::Request(id) = sent.to {
                failed.push(id);
            }
        }
        failed
    }

    /// The server answered a query of the camera, ours or a caller's.
    pub(crate) fn read(&mut self, to: To, pose: Transform) {
        let current = match to {
            To::PoseQuery => self.holds_back(),
            To::Request(id) => self.last_read == Some(id) && !self.holds_back(),
            To::PoseFence => false,
        };
        if current {
            self.pose = Pose::Known(pose);
        }
    }

    /// The question came to nothing; the request on whose behalf it was asked.
    pub(crate) fn give_up_asking(&mut self) -> Option<RequestId> {
        let Pose::Asked(asker) = self.pose else {
            return None;
        };
        self.pose = Pose::Unknown;
        Some(asker)
    }

    /// Drops requests that ended otherwise, when they have piled up.
    pub(crate) fn prune(&mut self, limit: usize, mut is_pending: impl FnMut(RequestId) -> bool) {
        if self.queue.len() <= limit {
            return;
        }
        let pose = &mut self.pose;
        self.queue.retain(|sent| {
            let keep = !matches!(sent.to, To::Request(id) if !is_pending(id));
            // Whether the move failed will not be noticed any more.
            if !keep && sent.moves_camera && matches!(pose, Pose::Known(_)) {
                *pose = Pose::Unknown;
            }
            keep
        });
    }
}
