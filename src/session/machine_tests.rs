//! The session's decisions in virtual time, under any order of events.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use proptest::{collection::vec, prelude::*};

use super::{
    Backoff, Job, Outcome, ReconnectPolicy, ResendPolicy, Submission,
    machine::{Action, Machine, Via},
};
use crate::{
    CaptureSet, Command, Error, ErrorKind, Modality, PartialTransform, RequestId, Rotator,
    ServerInfo, Transform, Vec3, View,
    proto::{
        self, ActionRequest, FrameResponse, action_request::Action as Asked,
        frame_response::Response,
    },
};

const BACKOFF: Backoff = Backoff {
    jitter: 0.0,
    ..Backoff::DOUBLING
};

/// What a test asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rgb,
    Set,
    Query,
    Move,
    PartialMove,
    Spawn,
    Step,
    Reset,
    BatchWithStep,
    BatchOfMoves,
}

const KINDS: [Kind; 10] = [
    Kind::Rgb,
    Kind::Set,
    Kind::Query,
    Kind::Move,
    Kind::PartialMove,
    Kind::Spawn,
    Kind::Step,
    Kind::Reset,
    Kind::BatchWithStep,
    Kind::BatchOfMoves,
];

impl Kind {
    fn job(self) -> Job {
        let mv = |transform| Command::SetCameraTransform {
            camera: Default::default(),
            transform,
        };
        let whole = mv(Transform::IDENTITY.into());
        let rgb = Command::Capture {
            view: View::default().with_size(1, 1),
            modality: Modality::Rgb,
        };
        Job::One(match self {
            Self::Rgb => rgb,
            Self::Set => Command::CaptureSet(CaptureSet {
                views: vec![(View::default(), Modality::Rgb | Modality::Depth)],
                include_scene: false,
            }),
            Self::Query => Command::GetCameraTransform {
                camera: Default::default(),
            },
            Self::Move => whole,
            Self::PartialMove => mv(PartialTransform::location(Vec3::ZERO)),
            Self::Spawn => Command::SpawnObject {
                object: "x".into(),
                asset: String::new(),
                transform: PartialTransform::default(),
            },
            Self::Step => Command::Step { ticks: 1 },
            Self::Reset => Command::Reset { seed: None },
            Self::BatchWithStep => return Job::Batch(vec![Command::Step { ticks: 1 }, rgb]),
            Self::BatchOfMoves => return Job::Batch(vec![whole.clone(), whole]),
        })
    }

    fn may_go_twice(self) -> bool {
        !matches!(
            self,
            Self::Spawn | Self::Step | Self::Reset | Self::BatchWithStep
        )
    }
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Event {
    Submit(Kind, u64),
    Open {
        plain: bool,
        instance: u8,
    },
    /// A good reply to one of what was sent; a plain server passes over all
    /// before it.
    Reply(usize),
    BadReply(usize, Spoil),
    UnknownId,
    Lost,
    Pass(u64),
    Cancel(usize),
    Close,
}

#[derive(Clone, Copy, Debug)]
enum Spoil {
    NoContent,
    WrongCount,
    WrongKind,
    Rejected,
    Twice,
}

fn event() -> impl Strategy<Value = Event> {
    let spoil = prop::sample::select(vec![
        Spoil::NoContent,
        Spoil::WrongCount,
        Spoil::WrongKind,
        Spoil::Rejected,
        Spoil::Twice,
    ]);
    prop_oneof![
        8 => (prop::sample::select(KINDS.to_vec()), 1..60_u64)
            .prop_map(|(kind, seconds)| Event::Submit(kind, seconds)),
        4 => (any::<bool>(), 0..3_u8)
            .prop_map(|(plain, instance)| Event::Open { plain, instance }),
        8 => (0..20_usize).prop_map(Event::Reply),
        3 => (0..20_usize, spoil).prop_map(|(which, spoil)| Event::BadReply(which, spoil)),
        1 => Just(Event::UnknownId),
        2 => Just(Event::Lost),
        4 => (0..40_u64).prop_map(Event::Pass),
        1 => (0..20_usize).prop_map(Event::Cancel),
        1 => prop::bool::weighted(0.2)
            .prop_map(|close| if close { Event::Close } else { Event::UnknownId }),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Link {
    Connecting,
    Open { plain: bool },
    Waiting { until: Instant },
    Closed,
}

#[derive(Debug)]
struct Asking {
    kind: Kind,
    deadline: Instant,
    times_sent: u32,
    ended: Option<Result<(), ErrorKind>>,
}

/// A network and its users, as the machine sees them, that check every action.
struct World {
    machine: Machine<RequestId>,
    now: Instant,
    link: Link,
    /// Connections lost since the last message.
    failures: u32,
    next_id: u64,
    asked: BTreeMap<RequestId, Asking>,
    /// Sent over this connection and not replied to, in order.
    wire: VecDeque<ActionRequest>,
    last_sent: Option<RequestId>,
    order: u64,
    cancelled: Option<RequestId>,
}

impl World {
    fn new(reconnect: ReconnectPolicy, resend: ResendPolicy) -> Self {
        Self {
            machine: Machine::new(reconnect, resend),
            now: Instant::now(),
            link: Link::Connecting,
            failures: 0,
            next_id: 1,
            asked: BTreeMap::new(),
            wire: VecDeque::new(),
            last_sent: None,
            order: 0,
            cancelled: None,
        }
    }

    fn submit(&mut self, kind: Kind, seconds: u64) -> RequestId {
        self.submit_job(kind, kind.job(), seconds)
    }

    fn submit_job(&mut self, kind: Kind, job: Job, seconds: u64) -> RequestId {
        let id = RequestId::new(self.next_id);
        self.next_id += job.id_count();
        let deadline = self.now + Duration::from_secs(seconds);
        let asking = Asking {
            kind,
            deadline,
            times_sent: 0,
            ended: None,
        };
        self.asked.insert(id, asking);
        let submission = Submission {
            via: Via::Stream,
            id,
            job,
            deadline,
            waiter: id,
        };
        self.turn(|machine, out, _| machine.submit(submission, out));
        id
    }

    fn open(&mut self, plain: bool, instance: u8) {
        self.link = Link::Open { plain };
        self.last_sent = None;
        self.wire.clear();
        let info = ServerInfo {
            instance_id: instance.to_string(),
            ..server_info()
        };
        let info = (!plain).then_some(info);
        self.turn(|machine, out, _| machine.opened(info.as_ref(), out));
    }

    fn lose(&mut self) {
        let delay = BACKOFF.delay(self.failures, 0.5);
        self.failures += 1;
        self.link = Link::Waiting {
            until: self.now + delay,
        };
        self.wire.clear();
        self.turn(|machine, out, now| {
            let error = Error::new(ErrorKind::Unreachable, "gone");
            machine.lost(error, 0.5, now, out);
        });
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        let due = matches!(self.link, Link::Waiting { until } if until <= self.now);
        let actions = self.turn(|machine, out, now| machine.wake(now, out));
        assert_eq!(actions.connects, u32::from(due), "connects when it is time");
        if due {
            self.link = Link::Connecting;
        }
        for asking in self.asked.values() {
            assert!(asking.ended.is_some() || asking.deadline > self.now);
        }
        let wake = self.machine.next_wake();
        assert!(wake.is_none_or(|wake| wake > self.now), "nothing is due");
    }

    fn receive(&mut self, message: FrameResponse) {
        self.turn(|machine, out, now| machine.message(message, now, out));
        let failures = self.machine.failures();
        assert!(failures == 0 || failures == self.failures);
        self.failures = failures;
    }

    /// Replies to one of what was sent; a plain server has passed over the rest
    /// before it.
    fn reply(&mut self, which: usize, spoil: Option<Spoil>) {
        let Link::Open { plain } = self.link else {
            return;
        };
        if self.wire.is_empty() {
            return;
        }
        let which = which % self.wire.len();
        let request = if plain {
            self.wire.drain(..=which).next_back()
        } else {
            self.wire.remove(which)
        };
        let Some(request) = request else { return };
        let id = request.request_id.clone();
        let mut replies = replies(&request, plain, &mut self.order);
        match spoil {
            None => {}
            Some(Spoil::Twice) => replies.extend(replies.clone()),
            Some(spoil) => replies
                .iter_mut()
                .for_each(|reply| reply_badly(reply, spoil)),
        }
        for reply in replies {
            self.receive(reply);
        }
        let asking = id.parse().ok().map(RequestId::new);
        let asking = asking.and_then(|id| self.asked.get(&id));
        // Some kinds of request have no reply on a plain server.
        if let (Some(asking), None, false) = (asking, spoil, plain) {
            assert!(asking.ended.is_some(), "a whole reply ends its request");
        }
    }

    fn close(&mut self) {
        let actions = self.turn(|machine, out, _| {
            machine.close(Error::new(ErrorKind::Closed, "enough"), out);
        });
        let closed = u32::from(self.link != Link::Closed);
        assert_eq!(actions.closes, closed, "closes once");
        self.link = Link::Closed;
        assert!(self.asked.values().all(|asking| asking.ended.is_some()));
        assert_eq!(
            self.machine.next_wake(),
            None,
            "nothing is left to wait for"
        );
    }

    fn act(&mut self, event: Event) {
        match event {
            Event::Submit(kind, seconds) => {
                let id = self.submit(kind, seconds);
                if self.link == Link::Closed {
                    assert_eq!(self.asked[&id].ended, Some(Err(ErrorKind::NotSent)));
                }
            }
            Event::Open { plain, instance } => {
                if self.link == Link::Connecting {
                    self.open(plain, instance);
                }
            }
            Event::Reply(which) => self.reply(which, None),
            Event::BadReply(which, spoil) => self.reply(which, Some(spoil)),
            Event::UnknownId => {
                if matches!(self.link, Link::Open { .. }) {
                    for id in ["999999", "", "x", "-1"] {
                        self.receive(FrameResponse {
                            request_id: id.into(),
                            ..Default::default()
                        });
                    }
                }
            }
            Event::Lost => {
                if matches!(self.link, Link::Open { .. } | Link::Connecting) {
                    self.lose();
                }
            }
            Event::Pass(seconds) => self.pass(seconds),
            Event::Cancel(which) => {
                let id = RequestId::new(which as u64 + 1);
                self.cancelled = Some(id);
                self.turn(|machine, out, _| machine.cancel(id, out));
                self.cancelled = None;
            }
            Event::Close => self.close(),
        }
    }

    /// Gives the machine an input and checks what it wants done.
    fn turn(
        &mut self,
        input: impl FnOnce(&mut Machine<RequestId>, &mut Vec<Action<RequestId>>, Instant),
    ) -> Counts {
        let mut out = Vec::new();
        input(&mut self.machine, &mut out, self.now);
        let mut counts = Counts::default();
        for action in out {
            assert_eq!(counts.closes, 0, "closing is the last action");
            match action {
                Action::Send(request) => self.sent(request),
                Action::Complete {
                    id, waiter, result, ..
                } => {
                    assert_eq!(id, waiter, "the right one is told");
                    self.ended(id, result);
                }
                Action::Call(..) => panic!("nothing was asked beside the stream"),
                Action::Push { .. } => panic!("nothing was subscribed to"),
                Action::Forget(camera) => panic!("{camera} was not destroyed"),
                Action::Connect => counts.connects += 1,
                Action::Closed(_) => counts.closes += 1,
            }
        }
        counts
    }

    fn sent(&mut self, request: ActionRequest) {
        assert!(matches!(self.link, Link::Open { .. }), "sent into the void");
        if let Ok(raw) = request.request_id.parse() {
            let id = RequestId::new(raw);
            assert!(self.last_sent < Some(id), "sent out of order");
            self.last_sent = Some(id);
            let asking = self.asked.get_mut(&id).expect("was asked");
            assert_eq!(asking.ended, None, "sent after its end");
            asking.times_sent += 1;
            let once = asking.times_sent == 1;
            assert!(once || asking.kind.may_go_twice(), "sent twice: {asking:?}");
        }
        self.wire.push_back(request);
    }

    fn ended(&mut self, id: RequestId, result: Result<Outcome, Error>) {
        let cancelled = self.cancelled == Some(id);
        let asking = self.asked.get_mut(&id).expect("was asked");
        let result = result.map(|_| ()).map_err(|error| error.kind());
        assert_eq!(asking.ended, None, "ended twice, again with {result:?}");
        let was_sent = asking.times_sent > 0;
        match result {
            Ok(()) | Err(ErrorKind::OutcomeUnknown | ErrorKind::Rejected(_)) => {
                assert!(was_sent, "{result:?} of what was never sent");
            }
            Err(ErrorKind::NotSent) => assert!(!was_sent, "was sent"),
            Err(ErrorKind::DeadlineExceeded) => {
                assert!(was_sent && asking.deadline <= self.now);
            }
            Err(ErrorKind::Cancelled) => assert!(cancelled),
            // A partial move that a plain server leaves unanswered before it is
            // sent also ends so.
            Err(ErrorKind::NoReply) => assert_eq!(self.link, Link::Open { plain: true }),
            Err(ErrorKind::BadReply) => assert!(matches!(self.link, Link::Open { .. })),
            other => panic!("{other:?} is no end of a request"),
        }
        asking.ended = Some(result);
    }
}

#[derive(Debug, Default)]
struct Counts {
    connects: u32,
    closes: u32,
}

fn server_info() -> ServerInfo {
    let info = proto::ServerInfo {
        limits: Some(Default::default()),
        ..Default::default()
    };
    crate::wire::info::decode(info).expect("nothing is wrong with it")
}

fn image(modality: Modality, plain: bool) -> Response {
    let info = proto::ImageInfo {
        modality: proto::Modality::from(modality) as i32,
        pixel_type: match modality {
            Modality::Rgb => proto::PixelType::Rgba8 as i32,
            _ => proto::PixelType::DepthMF32 as i32,
        },
        encoding: proto::Encoding::Raw as i32,
        ..Default::default()
    };
    Response::ImageResponse(proto::ImageResponse {
        image_data: vec![0; 4].into(),
        width: 1,
        height: 1,
        info: (!plain).then_some(info),
        ..Default::default()
    })
}

fn bodies(action: &Asked, plain: bool) -> Vec<Response> {
    let done = Response::CommandResponse(proto::CommandResponse {
        success: true,
        ..Default::default()
    });
    let transform = Some(proto::Transform::default());
    match action {
        Asked::CaptureRgb(_) => vec![image(Modality::Rgb, plain)],
        Asked::CaptureSet(_) => [Modality::Rgb, Modality::Depth]
            .map(|modality| image(modality, plain))
            .into(),
        Asked::GetCameraTransform(_) => {
            vec![Response::CameraTransform(
                proto::GetCameraTransformResponse {
                    transform,
                    ..Default::default()
                },
            )]
        }
        Asked::ListObjects(()) => vec![Response::ObjectsList(Default::default())],
        Asked::Batch(_) => vec![Response::BatchResponse(Default::default())],
        _ => vec![done],
    }
}

/// A good reply, as a server of either kind sends it.
fn replies(request: &ActionRequest, plain: bool, order: &mut u64) -> Vec<FrameResponse> {
    let action = request.action.as_ref().expect("something is asked");
    let mut replies = Vec::new();
    if let Asked::Batch(batch) = action {
        for item in &batch.items {
            replies.extend(self::replies(item, plain, order));
        }
    }
    *order += 1;
    let bodies = bodies(action, plain);
    let part_count = bodies.len() as u32;
    let parts = bodies.into_iter().enumerate();
    replies.extend(parts.map(|(index, body)| FrameResponse {
        request_id: request.request_id.clone(),
        response: Some(body),
        meta: (!plain).then(|| proto::ReplyMeta {
            order: *order,
            part_index: index as u32,
            part_count,
            ..Default::default()
        }),
    }));
    replies
}

fn reply_badly(reply: &mut FrameResponse, spoil: Spoil) {
    let meta = reply.meta.get_or_insert_default();
    match spoil {
        Spoil::NoContent => reply.response = None,
        Spoil::WrongCount => meta.part_count += 7,
        Spoil::WrongKind => reply.response = Some(Response::CameraList(Default::default())),
        Spoil::Rejected => meta.error = Some(Default::default()),
        Spoil::Twice => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_request_ends_exactly_once(
        events in vec(event(), 1..120),
        resend in prop::sample::select(vec![ResendPolicy::Never, ResendPolicy::Idempotent]),
    ) {
        let mut world = World::new(ReconnectPolicy::Backoff(BACKOFF), resend);
        for event in events {
            world.act(event);
        }
        world.close();
        if resend == ResendPolicy::Never {
            prop_assert!(world.asked.values().all(|asking| asking.times_sent <= 1));
        }
    }

    /// On a plain server that serves everything, the camera ends where the moves
    /// say, each leaving alone what it does not name, whatever is lost between.
    #[test]
    fn partial_moves_keep_the_rest_on_a_plain_server(
        steps in vec((camera_step(), -9..9_i8), 1..60),
    ) {
        let mut world = World::new(
            ReconnectPolicy::Backoff(BACKOFF),
            ResendPolicy::Idempotent,
        );
        let start = Transform::new(Vec3::new(1.0, 2.0, 3.0), Rotator::new(4.0, 5.0, 6.0));
        let (mut camera, mut expected) = (start, start);
        world.open(true, 0);
        for (what, value) in steps {
            let value = f32::from(value);
            let location = Vec3::new(value, 0.0, 0.0);
            let rotation = Rotator::new(0.0, value, 0.0);
            let transform = match what {
                0 => Transform::new(location, rotation).into(),
                1 => PartialTransform::location(location),
                2 => PartialTransform::rotation(rotation),
                3 => {
                    serve_one(&mut world, &mut camera);
                    continue;
                }
                4 => {
                    world.submit(Kind::Query, 100_000);
                    continue;
                }
                _ => {
                    world.lose();
                    world.pass(60);
                    world.open(true, 0);
                    continue;
                }
            };
            expected = transform.over(expected);
            let command = Command::SetCameraTransform { camera: Default::default(), transform };
            world.submit_job(Kind::Move, Job::One(command), 100_000);
        }
        while !world.wire.is_empty() {
            serve_one(&mut world, &mut camera);
        }
        prop_assert_eq!((camera.location, camera.rotation), (expected.location, expected.rotation));
        prop_assert!(world.asked.values().all(|asking| asking.ended == Some(Ok(()))));
    }
}

/// Moves in full and in part, serving often, queries, and a rare loss.
fn camera_step() -> impl Strategy<Value = u8> {
    prop_oneof![1 => Just(0), 4 => 1..3_u8, 6 => Just(3), 3 => Just(4), 1 => Just(5_u8)]
}

/// A plain server takes the next request, and its reply arrives.
fn serve_one(world: &mut World, camera: &mut Transform) {
    let Some(request) = world.wire.pop_front() else {
        return;
    };
    let mut replies = replies(&request, true, &mut world.order);
    match (request.action, &mut replies[0].response) {
        (Some(Asked::SetCameraTransform(m)), _) => {
            let asked = m.transform.unwrap_or_default();
            // What is absent is reset.
            camera.location = asked.location.unwrap_or_default().into();
            camera.rotation = asked.rotation.unwrap_or_default().into();
        }
        (Some(Asked::GetCameraTransform(_)), Some(Response::CameraTransform(reply))) => {
            reply.transform = Some((*camera).into());
        }
        _ => {}
    }
    for reply in replies {
        world.receive(reply);
    }
}

#[test]
fn waits_grow_until_a_message_comes_not_until_a_connection_does() {
    let mut world = World::new(ReconnectPolicy::Backoff(BACKOFF), ResendPolicy::Idempotent);
    let mut waits = Vec::new();
    for round in 0..5 {
        world.open(false, 0);
        if round == 3 {
            world.submit(Kind::Rgb, 10_000);
            world.reply(0, None);
        }
        world.lose();
        let wake = world.machine.next_wake().expect("it will try again");
        waits.push((wake - world.now).as_secs());
        world.now = wake;
        world.pass(0);
    }
    assert_eq!(waits, [1, 2, 4, 1, 2]);
}

#[test]
fn messages_that_belong_to_nothing_are_no_sign_of_health() {
    let mut world = World::new(ReconnectPolicy::Backoff(BACKOFF), ResendPolicy::Idempotent);
    let mut waits = Vec::new();
    for _ in 0..3 {
        world.open(false, 0);
        world.act(Event::UnknownId);
        for id in ["999999", "", "x"] {
            world.turn(|machine, out, _| machine.too_long(id, 1 << 30, out));
        }
        world.lose();
        let wake = world.machine.next_wake().expect("it will try again");
        waits.push((wake - world.now).as_secs());
        world.now = wake;
        world.pass(0);
    }
    assert_eq!(waits, [1, 2, 4]);
}

#[test]
fn a_move_does_not_go_out_again_after_a_newer_one_was_made() {
    for replied in [true, false] {
        let mut world = World::new(ReconnectPolicy::Backoff(BACKOFF), ResendPolicy::Idempotent);
        world.open(false, 0);
        let older = world.submit(Kind::Move, 60);
        let newer = world.submit(Kind::Move, 60);
        let look = world.submit(Kind::Query, 60);
        if replied {
            world.reply(1, None);
        }
        world.lose();
        // It would undo what is known to be; a query undoes nothing.
        let unknown = replied.then_some(Err(ErrorKind::OutcomeUnknown));
        assert_eq!(world.asked[&older].ended, unknown);
        assert_eq!(world.asked[&look].ended, None);
        assert_eq!(world.asked[&newer].ended, replied.then_some(Ok(())));
    }
}

#[test]
fn what_went_out_again_and_ran_out_of_time_is_not_called_unsent() {
    let mut world = World::new(ReconnectPolicy::Backoff(BACKOFF), ResendPolicy::Idempotent);
    world.open(false, 0);
    let moved = world.submit(Kind::Move, 5);
    world.lose();
    let never = world.submit(Kind::Move, 5);
    world.pass(10);
    let ended = |id: RequestId| world.asked[&id].ended;
    assert_eq!(ended(moved), Some(Err(ErrorKind::DeadlineExceeded)));
    assert_eq!(ended(never), Some(Err(ErrorKind::NotSent)));
}

#[test]
fn without_reconnecting_the_end_says_what_was_sent() {
    let mut world = World::new(ReconnectPolicy::Never, ResendPolicy::Idempotent);
    let mut out = Vec::new();
    world.open(false, 0);
    let sent = world.submit(Kind::Rgb, 5);
    let error = Error::new(ErrorKind::Unreachable, "gone");
    world.machine.lost(error, 0.5, world.now, &mut out);
    assert!(matches!(out.last(), Some(Action::Closed(_))));
    let ends = out.iter().filter_map(|action| match action {
        Action::Complete { id, result, .. } => Some((*id, result.as_ref().err()?.kind())),
        _ => None,
    });
    let ends: Vec<_> = ends.collect();
    assert_eq!(ends, [(sent, ErrorKind::OutcomeUnknown)]);
}
