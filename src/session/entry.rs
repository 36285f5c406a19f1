//! One pending request: what it asked, what has come of the reply, who waits.

use super::{assembly::Assembly, encodings::Negotiator, machine::Via};
use crate::{
    Answer, CameraName, CaptureSet, Command, ModalitySet, RequestId, Subscription, View,
    frame::Stamp,
    proto::{ActionRequest, frame_response::Response},
    wire::{
        WireError,
        request::{self, Asked},
    },
};

/// What a request asks for. The items of a batch have the IDs that follow the
/// batch's own, so that no list of them needs to be kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Job {
    One(Command),
    Batch(Vec<Command>),
    Subscribe(Subscription),
}

/// Whether a set may bring frames of this camera. The default camera may be any.
pub(super) fn set_may_show(set: &CaptureSet, camera: &CameraName) -> bool {
    set.views
        .iter()
        .any(|(view, _)| view_may_show(view, camera))
}

fn view_may_show(view: &View, camera: &CameraName) -> bool {
    view.camera.is_default() || view.camera == *camera
}

impl Job {
    pub(crate) fn commands(&self) -> &[Command] {
        match self {
            Self::One(command) => std::slice::from_ref(command),
            Self::Batch(commands) => commands,
            Self::Subscribe(_) => &[],
        }
    }

    /// The name used in messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::One(command) => command.name(),
            Self::Batch(_) => "batch",
            Self::Subscribe(_) => "subscribe",
        }
    }

    pub(crate) fn is_batch(&self) -> bool {
        matches!(self, Self::Batch(_))
    }

    pub(crate) fn is_capture(&self) -> bool {
        self.commands().iter().any(Command::is_capture)
    }

    /// Whether it changes nothing on the server.
    pub(crate) fn is_query(&self) -> bool {
        self.commands().iter().all(Command::is_query)
    }

    pub(crate) fn is_idempotent(&self) -> bool {
        self.commands().iter().all(Command::is_idempotent)
    }

    /// How many request IDs it takes.
    pub(crate) fn id_count(&self) -> u64 {
        match self {
            Self::One(_) | Self::Subscribe(_) => 1,
            Self::Batch(commands) => 1 + commands.len() as u64,
        }
    }

    /// The IDs of the items of a batch; none for a single command.
    pub(crate) fn item_ids(&self, own: RequestId) -> impl Iterator<Item = RequestId> + use<> {
        (1..self.id_count()).map(move |offset| RequestId::new(own.get() + offset))
    }

    /// The views whose images it asks for, with what of each.
    pub(crate) fn for_each_view(&mut self, mut see: impl FnMut(&mut View, ModalitySet)) {
        let commands = match self {
            Self::One(command) => std::slice::from_mut(command),
            Self::Batch(commands) => commands,
            Self::Subscribe(subscription) => {
                let views = subscription.set.views.iter_mut();
                return views.for_each(|(view, modalities)| see(view, *modalities));
            }
        };
        for command in commands {
            match command {
                Command::Capture { view, modality } => see(view, (*modality).into()),
                Command::CaptureSet(set) => {
                    let views = set.views.iter_mut();
                    views.for_each(|(view, modalities)| see(view, *modalities));
                }
                _ => {}
            }
        }
    }

    /// A camera that it looks through, asks for or moves by its name.
    pub(crate) fn names_camera(&self) -> Option<&CameraName> {
        fn of_set(set: &CaptureSet) -> Option<&CameraName> {
            let names = set.views.iter().map(|(view, _)| &view.camera);
            named(names)
        }
        fn named<'a>(mut names: impl Iterator<Item = &'a CameraName>) -> Option<&'a CameraName> {
            names.find(|name| !name.is_default())
        }
        if let Self::Subscribe(subscription) = self {
            return of_set(&subscription.set);
        }
        named(self.commands().iter().filter_map(|command| match command {
            Command::Capture { view, .. } => Some(&view.camera),
            Command::CaptureSet(set) => of_set(set),
            Command::GetCameraTransform { camera } | Command::SetCameraTransform { camera, .. } => {
                Some(camera)
            }
            _ => None,
        }))
    }

    /// Whether it may bring frames of this camera. The default camera may be any.
    pub(crate) fn may_show(&self, camera: &CameraName) -> bool {
        self.commands().iter().any(|command| match command {
            Command::Capture { view, .. } => view_may_show(view, camera),
            Command::CaptureSet(set) => set_may_show(set, camera),
            _ => false,
        })
    }

    /// Whether it makes a camera of this name.
    pub(crate) fn makes(&self, camera: &CameraName) -> bool {
        let mut commands = self.commands().iter();
        commands
            .any(|it| matches!(it, Command::CreateCamera { camera: made, .. } if made == camera))
    }

    /// The message, with the encodings that are best for this server now.
    pub(crate) fn to_wire(&self, id: RequestId, encodings: &Negotiator) -> ActionRequest {
        let mut job = self.clone();
        job.for_each_view(|view, modalities| encodings.resolve(view, modalities));
        let asked = match job {
            Self::One(command) => Asked::One(command),
            Self::Subscribe(subscription) => Asked::Subscribe(subscription),
            Self::Batch(commands) => {
                let ids = self.item_ids(id).map(|id| id.to_string());
                Asked::Batch(ids.zip(commands).collect())
            }
        };
        request::encode(id.to_string(), asked)
    }
}

/// What has come so far, for each command.
#[derive(Debug)]
enum Replies {
    One(Reply),
    Several(Vec<Reply>),
}

/// What has come of the reply to one command, and when the last of it did.
type Reply = (Assembly, Option<Stamp>);

impl Replies {
    fn as_slice(&self) -> &[Reply] {
        match self {
            Self::One(reply) => std::slice::from_ref(reply),
            Self::Several(replies) => replies,
        }
    }

    fn as_mut_slice(&mut self) -> &mut [Reply] {
        match self {
            Self::One(reply) => std::slice::from_mut(reply),
            Self::Several(replies) => replies,
        }
    }
}

/// A pending request. `W` is whoever waits for the reply.
#[derive(Debug)]
pub(crate) struct Entry<W> {
    pub(crate) job: Job,
    pub(crate) waiter: W,
    /// Whether it was sent over the present connection.
    pub(crate) sent: bool,
    /// Whether it was sent over any connection, and so may have taken effect.
    pub(crate) ever_sent: bool,
    /// Whether a connection was lost that it had been sent over.
    pub(crate) interrupted: bool,
    pub(crate) via: Via,
    /// Its place in the order in which a plain server executes; 0 elsewhere.
    pub(crate) plain_order: u64,
    replies: Replies,
    /// When the last of it came.
    ended: Option<Stamp>,
}

impl<W> Entry<W> {
    pub(crate) fn new(job: Job, waiter: W, via: Via) -> Self {
        let reply = |command| (Assembly::of(command), None);
        let replies = match &job {
            Job::Subscribe(_) => Replies::One((Assembly::acknowledgement(), None)),
            Job::One(command) => Replies::One(reply(command)),
            Job::Batch(commands) => Replies::Several(commands.iter().map(reply).collect()),
        };
        Self {
            replies,
            job,
            waiter,
            sent: false,
            ever_sent: false,
            interrupted: false,
            via,
            plain_order: 0,
            ended: None,
        }
    }

    /// Forgets what has come of the reply, because the request goes out again.
    pub(crate) fn restart(&mut self) {
        self.sent = false;
        self.interrupted = true;
        for (assembly, stamp) in self.replies.as_mut_slice() {
            assembly.restart();
            *stamp = None;
        }
    }

    /// Takes in a part of the reply to one command; true when that ends the
    /// request.
    pub(crate) fn add(
        &mut self,
        item: usize,
        index: usize,
        count: usize,
        response: Response,
        stamp: Stamp,
    ) -> Result<bool, WireError> {
        let is_batch = self.job.is_batch();
        let Some((assembly, reply_stamp)) = self.replies.as_mut_slice().get_mut(item) else {
            return Err(WireError::new("the reply is to no item of the batch"));
        };
        if let Some(first) = reply_stamp
            && first.tick != stamp.tick
        {
            return Err(WireError::new(
                "parts of one capture set differ in their tick",
            ));
        }
        assembly.add(index, count, response)?;
        *reply_stamp = Some(stamp);
        if is_batch || !assembly.is_complete() {
            return Ok(false);
        }
        self.ended = Some(stamp);
        Ok(true)
    }

    /// The batch itself was answered, which ends it.
    pub(crate) fn batch_done(&mut self, stamp: Stamp) -> Result<bool, WireError> {
        let mut replies = self.replies.as_slice().iter();
        if !replies.all(|(reply, _)| reply.is_complete()) {
            return Err(WireError::new("the batch ended before all its items did"));
        }
        self.ended = Some(stamp);
        Ok(true)
    }

    /// What was asked, who waits, and the answers with their stamps; `None` for
    /// those while anything is missing.
    #[expect(clippy::type_complexity, reason = "read in one place only")]
    pub(crate) fn finish(self) -> (Job, W, Option<(Vec<(Answer, Stamp)>, Stamp)>) {
        let whole = |(assembly, stamp): Reply| Some((assembly.finish()?, stamp?));
        let answers = match self.replies {
            Replies::One(reply) => whole(reply).map(|answer| vec![answer]),
            Replies::Several(replies) => replies.into_iter().map(whole).collect(),
        };
        (self.job, self.waiter, answers.zip(self.ended))
    }
}
