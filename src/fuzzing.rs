//! The ways in for fuzzers: bytes of a peer, to everything that reads them.
//!
//! Only there when built with `--cfg fuzzing`; no part of the library's interface.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use prost::Message as _;

use crate::{
    CameraName, CaptureSet, Command, Error, ErrorKind, Modality, ReconnectPolicy, RequestId,
    ResendPolicy, SceneQuery, ServerInfo, Subscription, View,
    proto::{ActionRequest, FrameResponse, ServerInfo as WireInfo},
    session::{Action, Job, Machine, Submission, Via},
    wire,
};

/// What a server sends: the first byte says whether it is a plain one, and then
/// come messages, each after its length in two bytes. Every request must end
/// exactly once.
pub fn session(bytes: &[u8]) {
    let Some((kind, mut rest)) = bytes.split_first() else {
        return;
    };
    let plain = kind & 1 == 1;
    let mut waiting = Waiting::new(plain);
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(after.len());
        let (message, after) = after.split_at(length);
        rest = after;
        match FrameResponse::decode(message) {
            Ok(message) => waiting.message(message),
            // The stream would end here.
            Err(_) => waiting.lose(plain),
        }
    }
    waiting.finish();
}

/// Requests that wait, and how they ended.
struct Waiting {
    machine: Machine<RequestId>,
    now: Instant,
    actions: Vec<Action<RequestId>>,
    ended: BTreeMap<RequestId, bool>,
}

impl Waiting {
    fn new(plain: bool) -> Self {
        let policy = ReconnectPolicy::default();
        let mut waiting = Self {
            machine: Machine::new(policy, ResendPolicy::Idempotent),
            now: Instant::now(),
            actions: Vec::new(),
            ended: BTreeMap::new(),
        };
        waiting.open(plain);
        let mut next = 1;
        for job in jobs() {
            let id = RequestId::new(next);
            next += job.id_count();
            waiting.ended.insert(id, false);
            let submission = Submission {
                id,
                job,
                deadline: waiting.now + Duration::from_secs(30),
                via: Via::Stream,
                waiter: id,
            };
            waiting.machine.submit(submission, &mut waiting.actions);
        }
        waiting.settle();
        waiting
    }

    fn open(&mut self, plain: bool) {
        let info = wire::info::decode(WireInfo {
            limits: Some(Default::default()),
            ..Default::default()
        });
        let info: Option<ServerInfo> = info.ok().filter(|_| !plain);
        self.machine.opened(info.as_ref(), &mut self.actions);
    }

    fn message(&mut self, message: FrameResponse) {
        self.machine.message(message, self.now, &mut self.actions);
        self.settle();
    }

    fn lose(&mut self, plain: bool) {
        let error = Error::new(ErrorKind::Unreachable, "undecodable");
        self.machine.lost(error, 0.5, self.now, &mut self.actions);
        self.now += Duration::from_secs(200);
        self.machine.wake(self.now, &mut self.actions);
        self.open(plain);
        self.settle();
    }

    fn settle(&mut self) {
        for action in self.actions.drain(..) {
            if let Action::Complete { waiter, .. } = action {
                let ended = self.ended.insert(waiter, true);
                assert_eq!(ended, Some(false), "{waiter} ended twice");
            }
        }
    }

    fn finish(mut self) {
        let reason = Error::new(ErrorKind::Closed, "the end");
        self.machine.close(reason, &mut self.actions);
        self.settle();
        assert!(self.ended.values().all(|ended| *ended), "{:?}", self.ended);
    }
}

/// One of each kind of reply.
fn jobs() -> Vec<Job> {
    let view = View::default().with_size(2, 2);
    let set = CaptureSet {
        views: vec![(View::default(), Modality::Rgb | Modality::Flow)],
        include_scene: true,
    };
    let camera = CameraName::default();
    let move_on = Command::SetCameraTransform {
        camera: camera.clone(),
        transform: crate::PartialTransform::location(crate::Vec3::ZERO),
    };
    let mut jobs: Vec<_> = [
        Modality::Rgb,
        Modality::Depth,
        Modality::Segmentation,
        Modality::Normals,
        Modality::Flow,
    ]
    .into_iter()
    .map(|modality| {
        Job::One(Command::Capture {
            view: view.clone(),
            modality,
        })
    })
    .collect();
    jobs.push(Job::One(Command::CaptureSet(set.clone())));
    jobs.push(Job::One(Command::GetCameraTransform { camera }));
    jobs.push(Job::One(Command::ListObjects));
    jobs.push(Job::One(Command::ListCameras));
    jobs.push(Job::One(Command::GetScene(SceneQuery::default())));
    jobs.push(Job::One(move_on.clone()));
    jobs.push(Job::Batch(vec![move_on, Command::Step { ticks: 1 }]));
    jobs.push(Job::Subscribe(Subscription {
        set,
        rate_hz: 0.0,
        credits: 4,
    }));
    jobs
}

/// A client's request, as the server kit reads it, and what that would be on the
/// wire again.
pub fn request(bytes: &[u8]) {
    let Ok(request) = ActionRequest::decode(bytes) else {
        return;
    };
    let Ok(asked) = wire::request_in::decode(request.action) else {
        return;
    };
    let again = wire::request::encode(request.request_id, asked);
    let read = wire::request_in::decode(again.action.clone());
    assert!(
        read.is_ok(),
        "what was read cannot be read again: {again:?}"
    );
}

/// The bytes of a server's stream of messages, however they are cut: what comes
/// of them is what tonic makes of them.
pub fn receive(bytes: &[u8]) {
    crate::session::fuzzed::compare(bytes);
}

/// What a server says of itself, and the texts of files and variables.
pub fn texts(bytes: &[u8]) {
    if let Ok(info) = WireInfo::decode(bytes) {
        // Nothing but that it does not panic: most are refused.
        let _ = wire::info::decode(info);
    }
    let text = String::from_utf8_lossy(bytes);
    let _ = crate::Token::new(&text);
    let _ = crate::server::Tokens::parse(&text);
    let _ = text.parse::<Modality>();
    #[cfg(feature = "config-file")]
    let _ = crate::ClientConfig::builder()
        .toml_str(&text, "fuzz")
        .build();
    let url = crate::ClientConfig::builder().url(text).build();
    let _ = url.map(|config| config.entries());
}
