//! Bursts of commands: held back for a moment, so that they travel together.
//!
//! Pure bookkeeping with the time passed in. Off while commands are rare, so
//! that a single one is never delayed.

use std::time::{Duration, Instant};

use super::{Job, LONGEST, Submission};
use crate::{Command, PartialTransform};

/// How bursts of commands are gathered before they are sent.
///
/// While commands come faster than `above_per_second`, each waits until
/// `max_commands` are together or the first of them has waited for `max_delay`.
/// Captures, queries and batches are never held, and send what is held before
/// them, so the order stays.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let server = synthcap_sim::serve(synthcap_sim::SimConfig::small()).await?;
/// use synthcap::{Client, InputBuffering, Vec3};
///
/// let gather = InputBuffering { coalesce: true, ..InputBuffering::default() };
/// let client = Client::builder(server.url()).input_buffering(Some(gather)).connect().await?;
/// let camera = client.default_camera();
/// for x in 0..100 {
///     drop(camera.set_location(Vec3::new(x as f32, 0.0, 150.0)).submit()?);
/// }
/// // Whatever was gathered goes before the capture.
/// let image = camera.rgb().await?;
/// assert_eq!(image.info().pose.unwrap().location.x, 99.0);
/// # client.close().await?;
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputBuffering {
    /// How many commands travel together at the most, at least 1. Default 8.
    pub max_commands: usize,
    /// How long a command waits at the most. Default 3 ms. One whose time limit is
    /// shorter does not wait.
    pub max_delay: Duration,
    /// At which rate holding begins, in commands per second; 0 always holds.
    /// Default 5.
    pub above_per_second: f64,
    /// Whether a move takes the place of an earlier one of the same camera or
    /// object that is still held; both then end with the later one's reply. When
    /// the later one is cancelled, the earlier one still gets it. Default no: every
    /// move reaches the server.
    pub coalesce: bool,
}

impl Default for InputBuffering {
    fn default() -> Self {
        Self {
            max_commands: 8,
            max_delay: Duration::from_millis(3),
            above_per_second: 5.0,
            coalesce: false,
        }
    }
}

impl InputBuffering {
    /// Why commands cannot be gathered so, in one line.
    pub(crate) fn unusable(&self) -> Option<String> {
        let rate = self.above_per_second;
        if self.max_commands == 0 {
            return Some("max_commands of the input buffering must be at least 1".to_owned());
        }
        if self.max_delay > LONGEST {
            return Some(
                "max_delay of the input buffering must be at most 2^30 seconds".to_owned(),
            );
        }
        // Said so that NaN is not.
        (!(rate.is_finite() && rate >= 0.0)).then(|| {
            format!("above_per_second of the input buffering is {rate}; it must be 0 or more")
        })
    }
}

/// Joins two waiters, so that one reply ends both.
pub(crate) trait Join {
    fn join(&mut self, id: crate::RequestId, earlier: Self);
}

/// Commands that are held back.
#[derive(Debug)]
pub(crate) struct Burst<W> {
    settings: Option<InputBuffering>,
    held: Vec<Submission<W>>,
    /// When the first that is held must go.
    due: Option<Instant>,
    last: Option<Instant>,
    /// A moving average of the time between commands, in seconds.
    interval: f64,
}

impl<W: Join> Burst<W> {
    pub(crate) fn new(settings: Option<InputBuffering>) -> Self {
        Self {
            settings,
            held: Vec::new(),
            due: None,
            last: None,
            interval: f64::INFINITY,
        }
    }

    /// When [`release`](Self::release) is due, if anything is held.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Takes a request in and appends to `ready` what may go now, in order.
    pub(crate) fn push(
        &mut self,
        submission: Submission<W>,
        now: Instant,
        ready: &mut Vec<Submission<W>>,
    ) {
        let Some(settings) = self.settings else {
            ready.push(submission);
            return;
        };
        if !is_setter(&submission.job) {
            self.release(ready);
            ready.push(submission);
            return;
        }
        if !self.is_burst(settings, now) {
            self.release(ready);
            ready.push(submission);
            return;
        }
        let due = *self.due.get_or_insert(now + settings.max_delay);
        // Nothing runs out of time in here.
        let hurries = submission.deadline <= due;
        self.hold(submission, settings);
        if hurries || self.held.len() >= settings.max_commands {
            self.release(ready);
        }
    }

    /// Gives everything that is held.
    pub(crate) fn release(&mut self, ready: &mut Vec<Submission<W>>) {
        self.due = None;
        ready.append(&mut self.held);
    }

    fn is_burst(&mut self, settings: InputBuffering, now: Instant) -> bool {
        let passed = self.last.replace(now).map(|last| now - last);
        let Some(passed) = passed else {
            return false;
        };
        let passed = passed.as_secs_f64();
        // Half of the weight on the newest: a burst is seen within few commands,
        // and a pause ends it at once.
        self.interval = if self.interval.is_finite() {
            (self.interval + passed) / 2.0
        } else {
            passed
        };
        self.interval * settings.above_per_second < 1.0
    }

    fn hold(&mut self, mut submission: Submission<W>, settings: InputBuffering) {
        if settings.coalesce {
            let mut held = self.held.iter();
            let earlier = held.rposition(|held| same_target(&held.job, &submission.job));
            // An earlier one with a shorter time limit would have to wait beyond it.
            let latest = submission.deadline.checked_sub(settings.max_delay);
            let joins = |index: &usize| Some(self.held[*index].deadline) >= latest;
            if let Some(index) = earlier.filter(joins) {
                let earlier = self.held.remove(index);
                submission.job = merged(&earlier.job, submission.job);
                submission.waiter.join(earlier.id, earlier.waiter);
            }
        }
        self.held.push(submission);
    }
}

/// Whether it only sets something, so that a moment's delay does no harm.
fn is_setter(job: &Job) -> bool {
    matches!(
        job,
        Job::One(
            Command::SetCameraTransform { .. }
                | Command::SetObjectTransform { .. }
                | Command::SetMaterial { .. }
                | Command::SetLighting(_)
                | Command::SetEnvironment(_)
        )
    )
}

fn same_target(a: &Job, b: &Job) -> bool {
    use Command::{SetCameraTransform as Camera, SetObjectTransform as Object};
    match (a, b) {
        (Job::One(Camera { camera: a, .. }), Job::One(Camera { camera: b, .. })) => a == b,
        (Job::One(Object { object: a, .. }), Job::One(Object { object: b, .. })) => a == b,
        _ => false,
    }
}

/// The later move, with the earlier one's parts where it has none.
fn merged(earlier: &Job, later: Job) -> Job {
    let Some(earlier) = moved(earlier) else {
        return later;
    };
    let over = |later: PartialTransform| PartialTransform {
        location: later.location.or(earlier.location),
        rotation: later.rotation.or(earlier.rotation),
        scale: later.scale.or(earlier.scale),
    };
    match later {
        Job::One(Command::SetCameraTransform { camera, transform }) => {
            Job::One(Command::SetCameraTransform {
                camera,
                transform: over(transform),
            })
        }
        Job::One(Command::SetObjectTransform { object, transform }) => {
            Job::One(Command::SetObjectTransform {
                object,
                transform: over(transform),
            })
        }
        other => other,
    }
}

fn moved(job: &Job) -> Option<PartialTransform> {
    match job {
        Job::One(
            Command::SetCameraTransform { transform, .. }
            | Command::SetObjectTransform { transform, .. },
        ) => Some(*transform),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RequestId, Rotator, Vec3, View};

    impl Join for Vec<u64> {
        fn join(&mut self, id: RequestId, earlier: Self) {
            self.extend(earlier);
            self.push(id.get());
        }
    }

    fn submission(id: u64, command: Command) -> Submission<Vec<u64>> {
        Submission {
            id: RequestId::new(id),
            job: Job::One(command),
            deadline: Instant::now() + Duration::from_secs(60),
            via: crate::session::Via::Stream,
            waiter: Vec::new(),
        }
    }

    fn move_to(x: f32) -> Command {
        Command::SetCameraTransform {
            camera: "main".into(),
            transform: PartialTransform::location(Vec3::new(x, 0.0, 0.0)),
        }
    }

    /// Feeds commands at these times (in ms) and tells which IDs left when.
    fn run(settings: InputBuffering, inputs: &[(u64, Command)]) -> Vec<(u64, Vec<u64>)> {
        let start = Instant::now();
        let mut burst = Burst::new(Some(settings));
        let mut log = Vec::new();
        for (id, (ms, command)) in inputs.iter().enumerate() {
            let mut ready = Vec::new();
            let now = start + Duration::from_millis(*ms);
            burst.push(submission(id as u64, command.clone()), now, &mut ready);
            log.push((*ms, ready.iter().map(|s| s.id.get()).collect()));
        }
        log
    }

    #[test]
    fn rare_commands_pass_at_once() {
        let inputs = [(0, move_to(0.0)), (500, move_to(1.0)), (1000, move_to(2.0))];
        let log = run(InputBuffering::default(), &inputs);
        assert_eq!(log, [(0, vec![0]), (500, vec![1]), (1000, vec![2])]);
    }

    #[test]
    fn a_burst_travels_in_groups_and_in_order() {
        let inputs: Vec<_> = (0..6).map(|ms| (ms, move_to(ms as f32))).collect();
        let settings = InputBuffering {
            max_commands: 3,
            ..InputBuffering::default()
        };
        let groups: Vec<_> = run(settings, &inputs)
            .into_iter()
            .map(|(_, ids)| ids)
            .collect();
        assert_eq!(
            groups,
            [vec![0], vec![], vec![], vec![1, 2, 3], vec![], vec![]]
        );
    }

    #[test]
    fn nothing_is_held_beyond_its_time_limit() {
        let settings = InputBuffering {
            coalesce: true,
            max_delay: Duration::from_secs(10),
            ..InputBuffering::default()
        };
        let mut burst = Burst::new(Some(settings));
        let (start, mut ready) = (Instant::now(), Vec::new());
        for (id, limit) in [60, 60, 20, 60, 5].into_iter().enumerate() {
            let now = start + Duration::from_millis(id as u64);
            let moving = submission(id as u64, move_to(id as f32));
            let moving = Submission {
                deadline: now + Duration::from_secs(limit),
                ..moving
            };
            burst.push(moving, now, &mut ready);
            assert!(burst.due() <= Some(start + Duration::from_millis(10_001)));
        }
        // The third takes the place of the second, which may wait longer than it. The
        // fourth must not keep the third waiting, and the last cannot wait itself.
        let left: Vec<_> = ready
            .iter()
            .map(|s| (s.id.get(), s.waiter.clone()))
            .collect();
        assert_eq!(left, [(0, vec![]), (2, vec![1]), (4, vec![3])]);
        assert_eq!(burst.due(), None);
    }

    #[test]
    fn a_capture_sends_what_is_held_before_it() {
        let capture = Command::Capture {
            view: View::of("main"),
            modality: crate::Modality::Rgb,
        };
        let inputs = [(0, move_to(0.0)), (1, move_to(1.0)), (2, capture)];
        let log = run(InputBuffering::default(), &inputs);
        assert_eq!(log[2], (2, vec![1, 2]));
    }

    #[test]
    fn coalescing_keeps_the_latest_of_each_part_and_every_waiter() {
        let settings = InputBuffering {
            coalesce: true,
            ..InputBuffering::default()
        };
        let mut burst = Burst::new(Some(settings));
        let (start, mut ready) = (Instant::now(), Vec::new());
        let turn = Command::SetCameraTransform {
            camera: "main".into(),
            transform: PartialTransform::rotation(Rotator::new(0.0, 90.0, 0.0)),
        };
        for (id, command) in [move_to(0.0), move_to(1.0), turn, move_to(3.0)]
            .into_iter()
            .enumerate()
        {
            let now = start + Duration::from_micros(id as u64);
            burst.push(submission(id as u64, command), now, &mut ready);
        }
        ready.clear();
        burst.release(&mut ready);
        let [only] = &ready[..] else {
            panic!("one move is left, not {ready:?}");
        };
        assert_eq!((only.id.get(), only.waiter.as_slice()), (3, &[1, 2][..]));
        let transform = moved(&only.job).expect("a move");
        assert_eq!(transform.location, Some(Vec3::new(3.0, 0.0, 0.0)));
        assert_eq!(transform.rotation, Some(Rotator::new(0.0, 90.0, 0.0)));
    }
}
