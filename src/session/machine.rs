//! The decisions of a session: (state, input, now) -> actions, one method per
//! kind of input.
//!
//! No I/O, no clock, no randomness and no runtime in here, so that tests can
//! drive it through any order of events. `W` is whoever waits for a reply.

mod replies;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use super::{
    Outcome, ReconnectPolicy, ResendPolicy,
    encodings::Negotiator,
    entry::{Entry, Job},
    plain::{PlainServer, Prepared},
    pushes::{PushedSet, Pushes},
};
use crate::{
    CameraName, Capability, Command, Error, ErrorKind, Frame, Modality, RequestId, ServerInfo,
    pending::{ById, Pending},
    proto::ActionRequest,
    wire::request::{self, Asked},
};

/// A request on its way into the session.
#[derive(Debug)]
pub(crate) struct Submission<W> {
    pub(crate) id: RequestId,
    pub(crate) job: Job,
    pub(crate) deadline: Instant,
    pub(crate) via: Via,
    pub(crate) waiter: W,
}

/// How a request travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    Stream,
    /// As a call of its own, which ends at this time.
    Unary(Instant),
}

/// What a session wants done.
#[derive(Debug)]
pub(crate) enum Action<W> {
    Send(ActionRequest),
    /// Make a unary call, which ends at this time at the latest.
    Call(RequestId, ActionRequest, Instant),
    Complete {
        id: RequestId,
        job: Job,
        waiter: W,
        result: Result<Outcome, Error>,
    },
    /// Something for the reader of a subscription.
    Push {
        id: RequestId,
        item: Result<PushedSet<Arc<Frame>>, Error>,
        /// Nothing comes after it.
        last: bool,
    },
    /// A camera is no more, nor is its newest frame.
    Forget(CameraName),
    Connect,
    /// Nothing is pending any more; whatever is submitted from now on ends at once.
    Closed(Error),
}

#[derive(Debug)]
enum Link {
    Connecting,
    Open {
        plain: bool,
    },
    Waiting {
        until: Instant,
    },
    /// For this reason.
    Closed(Error),
}

/// Of so many cameras that are no more it is remembered, for as long as frames of them
/// may come.
const MOST_DESTROYED: usize = 256;

/// The state of a session.
#[derive(Debug)]
pub(crate) struct Machine<W> {
    link: Link,
    reconnect: ReconnectPolicy,
    resend: ResendPolicy,
    pending: Pending<Entry<W>>,
    pushes: Pushes,
    /// Items of batches that are pending: which batch, and which place in it.
    items: ById<(RequestId, usize)>,
    /// Requests not yet sent, oldest first; only while the link is not open or a
    /// plain server is being asked where its camera is.
    unsent: VecDeque<RequestId>,
    /// Only of use while the link is open to a plain server.
    plain: PlainServer,
    /// Whether the server can be told that a request is not wanted any more.
    cancels: bool,
    pub(crate) encodings: Negotiator,
    /// How often the connection, or the attempt to make one, has failed since the
    /// last good message: one that belongs to a request, and could be read or only
    /// was too long for it.
    failures: u32,
    /// Why the connection was lost the last time.
    last_loss: Option<Error>,
    /// Which run of the server this is, counted from 1.
    run: u32,
    instance: Option<String>,
    plain_order: u64,
    /// The newest request that is known to have changed something.
    newest_change: Option<RequestId>,
    frame_counts: HashMap<(CameraName, Modality), u64>,
    /// Cameras that are no more, each with the request that destroyed it, while
    /// frames of them may still come.
    destroyed: Vec<(CameraName, RequestId)>,
}

impl<W> Machine<W> {
    pub(crate) fn new(reconnect: ReconnectPolicy, resend: ResendPolicy) -> Self {
        Self {
            link: Link::Connecting,
            reconnect,
            resend,
            pending: Pending::new(),
            pushes: Pushes::default(),
            items: ById::default(),
            unsent: VecDeque::new(),
            plain: PlainServer::new(),
            cancels: false,
            encodings: Negotiator::default(),
            failures: 0,
            last_loss: None,
            run: 0,
            instance: None,
            plain_order: 0,
            newest_change: None,
            frame_counts: HashMap::new(),
            destroyed: Vec::new(),
        }
    }

    /// When [`wake`](Self::wake) is due.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        let retry = match self.link {
            Link::Waiting { until } => Some(until),
            _ => None,
        };
        [retry, self.pending.next_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    #[cfg(test)]
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// A request was made.
    pub(crate) fn submit(&mut self, submission: Submission<W>, out: &mut Vec<Action<W>>) {
        let Submission {
            id,
            job,
            deadline,
            via,
            waiter,
        } = submission;
        for (index, item) in job.item_ids(id).enumerate() {
            self.items.insert(item, (id, index));
        }
        if let Job::Subscribe(subscription) = &job {
            self.pushes.open(id, subscription.clone());
        }
        self.pending
            .insert(id, deadline, Entry::new(job, waiter, via));
        if let Link::Closed(reason) = &self.link {
            let error = closed_before_sending(reason);
            self.fail(id, &error, out);
            return;
        }
        self.unsent.push_back(id);
        self.flush(out);
    }

    /// Sends what may be sent now, in the order in which it was asked.
    fn flush(&mut self, out: &mut Vec<Action<W>>) {
        while let Link::Open { plain } = self.link
            && !(plain && self.plain.holds_back())
            && let Some(id) = self.unsent.pop_front()
        {
            self.send(id, plain, out);
        }
    }

    fn send(&mut self, id: RequestId, plain: bool, out: &mut Vec<Action<W>>) {
        let Some(entry) = self.pending.get_mut(id) else {
            return;
        };
        let prepared = match entry.via {
            Via::Unary(_) if plain => self.plain.prepare_call(id, &entry.job),
            Via::Stream if plain => self.plain.prepare(id, &entry.job),
            Via::Unary(_) | Via::Stream => Prepared::Send(entry.job.to_wire(id, &self.encodings)),
        };
        match prepared {
            Prepared::Send(request) => {
                entry.sent = true;
                entry.ever_sent = true;
                if plain {
                    self.plain_order += 1;
                    entry.plain_order = self.plain_order;
                }
                out.push(match entry.via {
                    Via::Stream => Action::Send(request),
                    Via::Unary(until) => Action::Call(id, request, until),
                });
            }
            Prepared::AskFirst(questions) => {
                self.unsent.push_front(id);
                out.extend(questions.map(Action::Send));
            }
            Prepared::Refuse(error) => self.fail(id, &error, out),
        }
    }

    /// A unary call ended without a reply.
    pub(crate) fn call_failed(&mut self, id: RequestId, error: &Error, out: &mut Vec<Action<W>>) {
        self.fail(id, error, out);
    }

    /// Nobody wants the reply to a request any more.
    pub(crate) fn cancel(&mut self, id: RequestId, out: &mut Vec<Action<W>>) {
        let entry = self.pending.get_mut(id);
        if self.cancels && entry.is_some_and(|entry| entry.sent && entry.via == Via::Stream) {
            self.tell_cancelled(id, out);
        }
        self.fail(id, &cancelled(id), out);
    }

    /// A request that is pending: what it asks, and who waits.
    pub(crate) fn waiting_mut(&mut self, id: RequestId) -> Option<(&Job, &mut W)> {
        let entry = self.pending.get_mut(id)?;
        Some((&entry.job, &mut entry.waiter))
    }

    /// Nobody reads a subscription any more.
    pub(crate) fn unsubscribe(&mut self, id: RequestId, out: &mut Vec<Action<W>>) {
        self.end_pushes(id, out);
        // It may not even have been opened yet.
        self.fail(id, &cancelled(id), out);
    }

    /// No more is to be pushed of a subscription. Whether it was opened is told all the
    /// same.
    fn end_pushes(&mut self, id: RequestId, out: &mut Vec<Action<W>>) {
        if self.pushes.close(id) {
            self.tell_cancelled(id, out);
        }
    }

    /// Whether a request that has ended may be taken back from where it waits to be
    /// sent. A plain server's camera is known by what was sent, moves above all.
    pub(crate) fn may_take_back(&self, job: &Job) -> bool {
        let plain = matches!(self.link, Link::Open { plain: true });
        !(plain && matches!(job, Job::One(Command::SetCameraTransform { .. })))
    }

    /// The reader of a subscription is ready for more.
    pub(crate) fn add_credits(&mut self, id: RequestId, credits: u32, out: &mut Vec<Action<W>>) {
        let open = matches!(self.link, Link::Open { plain: false });
        if self.pushes.add_credits(id, credits) && open {
            let asked = Asked::AddCredits(id.to_string(), credits);
            out.push(Action::Send(request::encode(String::new(), asked)));
        }
    }

    /// Spares the server the work, where it can be told.
    fn tell_cancelled(&self, id: RequestId, out: &mut Vec<Action<W>>) {
        if matches!(self.link, Link::Open { plain: false }) {
            let asked = Asked::Cancel(id.to_string());
            out.push(Action::Send(request::encode(String::new(), asked)));
        }
    }

    /// A stream is open; the server's description, or `None` for a plain one.
    pub(crate) fn opened(&mut self, info: Option<&ServerInfo>, out: &mut Vec<Action<W>>) {
        self.link = Link::Open {
            plain: info.is_none(),
        };
        self.cancels = info.is_some_and(|info| info.can(Capability::Cancel));
        self.encodings.opened(info);
        let instance = info.map(|info| info.instance_id.clone());
        // A plain server cannot be told from its successor, and need not be: its
        // order is counted here. One of ours that does not say may be another each
        // time, whose order began anew.
        let says_nothing = instance.as_ref().is_some_and(String::is_empty);
        if self.run == 0 || instance != self.instance || says_nothing {
            self.run += 1;
            self.instance = instance;
            // What has these names now are other cameras.
            self.destroyed.clear();
        }
        for id in self.pushes.ids() {
            self.restore(id, out);
        }
        self.flush(out);
    }

    /// Subscribes again to what was subscribed on the connection before.
    fn restore(&self, id: RequestId, out: &mut Vec<Action<W>>) {
        // One that was never acknowledged is sent like any other request.
        if !self.unsent.contains(&id)
            && let Some(subscription) = self.pushes.to_restore(id)
        {
            let job = Job::Subscribe(subscription);
            out.push(Action::Send(job.to_wire(id, &self.encodings)));
        }
    }

    fn fail(&mut self, id: RequestId, error: &Error, out: &mut Vec<Action<W>>) {
        if let Some(entry) = self.take(id) {
            // A subscription that was not acknowledged never was.
            self.pushes.close(id);
            out.push(Action::Complete {
                id,
                job: entry.job,
                waiter: entry.waiter,
                result: Err(error.of_request(id)),
            });
            self.forget_destroyed(out);
        }
    }

    fn take(&mut self, id: RequestId) -> Option<Entry<W>> {
        let entry = self.pending.remove(id)?;
        for item in entry.job.item_ids(id) {
            self.items.remove(&item);
        }
        Some(entry)
    }

    /// The stream, or the attempt to open one, failed. `random` in 0..1 spreads
    /// the clients that lost the same server.
    pub(crate) fn lost(
        &mut self,
        error: Error,
        random: f64,
        now: Instant,
        out: &mut Vec<Action<W>>,
    ) {
        if matches!(self.link, Link::Closed(_)) {
            return;
        }
        self.plain.forget();
        self.last_loss = Some(error.clone());
        // What is sent again goes before what was never sent.
        let held_back = std::mem::take(&mut self.unsent);
        let gaps = self.pushes.interrupted();
        if !matches!(self.reconnect, ReconnectPolicy::Never) {
            for id in gaps {
                let message = "the connection was lost; captures in between are missing";
                let gap = Error::with_source(ErrorKind::Gap, message, error.clone());
                out.push(Action::Push {
                    id,
                    item: Err(gap.of_request(id)),
                    last: false,
                });
            }
        }
        for id in self.pending.ids_where(|entry| entry.sent) {
            self.resend_or_fail(id, &error, out);
        }
        self.unsent.extend(held_back);
        match self.reconnect {
            ReconnectPolicy::Never => self.close(error, out),
            ReconnectPolicy::Backoff(backoff) => {
                let delay = backoff.delay(self.failures, random);
                self.failures = self.failures.saturating_add(1);
                self.link = Link::Waiting { until: now + delay };
            }
        }
    }

    /// What becomes of a request that was sent when the connection went.
    fn resend_or_fail(&mut self, id: RequestId, error: &Error, out: &mut Vec<Action<W>>) {
        let Some(entry) = self.pending.get_mut(id) else {
            return;
        };
        let again = match (self.resend, &self.reconnect) {
            (_, ReconnectPolicy::Never) | (ResendPolicy::Never, _) => false,
            (ResendPolicy::Idempotent, _) if entry.job.is_query() => true,
            // Older than a change that is known to have been made, it would undo
            // that one.
            (ResendPolicy::Idempotent, _) => {
                entry.job.is_idempotent() && Some(id) > self.newest_change
            }
        };
        if again {
            entry.restart();
            self.unsent.push_back(id);
        } else {
            let message = "the connection was lost after the request was sent; \
                           it may have taken effect or not";
            let lost = Error::with_source(ErrorKind::OutcomeUnknown, message, error.clone());
            self.fail(id, &lost, out);
        }
    }

    /// Time has passed.
    pub(crate) fn wake(&mut self, now: Instant, out: &mut Vec<Action<W>>) {
        while let Some((id, entry)) = self.pending.expire(now) {
            for item in entry.job.item_ids(id) {
                self.items.remove(&item);
            }
            self.pushes.close(id);
            // A server that is behind would make every stale frame before a fresh
            // one. What changes something may still do so.
            let is_read = entry.job.is_query() && !matches!(entry.job, Job::Subscribe(_));
            if self.cancels && entry.sent && entry.via == Via::Stream && is_read {
                self.tell_cancelled(id, out);
            }
            let (kind, message) = match entry {
                Entry {
                    interrupted: true, ..
                } => {
                    let message = "no reply before the deadline, after the connection was lost";
                    (ErrorKind::DeadlineExceeded, message)
                }
                Entry {
                    ever_sent: true, ..
                } => (ErrorKind::DeadlineExceeded, "no reply before the deadline"),
                _ => (ErrorKind::NotSent, self.why_not_sent()),
            };
            let connected = matches!(self.link, Link::Open { .. });
            let loss = self.last_loss.as_ref();
            let error = match loss.filter(|_| entry.interrupted || !connected) {
                Some(loss) => Error::with_source(kind, message, loss.clone()),
                None => Error::new(kind, message),
            };
            out.push(Action::Complete {
                id,
                job: entry.job,
                waiter: entry.waiter,
                result: Err(error.of_request(id)),
            });
        }
        self.forget_destroyed(out);
        self.prune_queues();
        if let Link::Waiting { until } = self.link
            && until <= now
        {
            self.link = Link::Connecting;
            out.push(Action::Connect);
        }
    }

    /// What a request that succeeded did to the cameras.
    fn cameras_changed(&mut self, id: RequestId, job: &Job, out: &mut Vec<Action<W>>) {
        for command in job.commands() {
            match command {
                Command::CreateCamera { camera, .. } => {
                    let known = self.destroyed.len();
                    self.destroyed.retain(|(name, _)| name != camera);
                    if self.destroyed.len() < known {
                        self.forget_counts(camera);
                    }
                }
                Command::DestroyCamera { camera } => {
                    out.push(Action::Forget(camera.clone()));
                    self.destroyed.retain(|(name, _)| name != camera);
                    if !(job.may_show(camera) || self.may_show(camera, id)) {
                        self.forget_counts(camera);
                        continue;
                    }
                    // Their frames go on being counted. Of too many some are let be,
                    // with the last frame that they bring.
                    if self.destroyed.len() == MOST_DESTROYED {
                        self.destroyed.remove(0);
                    }
                    self.destroyed.push((camera.clone(), id));
                }
                // Those of this name are others, or the first again.
                Command::Reset { .. } => self.destroyed.clear(),
                _ => {}
            }
        }
    }

    /// Whether frames may still come of a camera that this request destroyed, or it
    /// is being made again.
    fn may_show(&self, camera: &CameraName, destroyed_by: RequestId) -> bool {
        let shows = self.pending.ids_where(|entry| entry.job.may_show(camera));
        let makes = self.pending.ids_where(|entry| entry.job.makes(camera));
        shows.first().is_some_and(|first| *first < destroyed_by)
            || !makes.is_empty()
            || self.pushes.may_show(camera)
    }

    fn forget_counts(&mut self, camera: &CameraName) {
        self.frame_counts.retain(|(name, _), _| name != camera);
    }

    /// Forgets those of which no frames can come any more, and again what late frames
    /// have brought back.
    fn forget_destroyed(&mut self, out: &mut Vec<Action<W>>) {
        for (camera, by) in std::mem::take(&mut self.destroyed) {
            if self.may_show(&camera, by) {
                self.destroyed.push((camera, by));
            } else {
                self.forget_counts(&camera);
                out.push(Action::Forget(camera));
            }
        }
    }

    fn why_not_sent(&self) -> &'static str {
        match self.link {
            Link::Open { .. } => {
                "not sent: the server did not say before the deadline where its camera is"
            }
            _ => "not sent: no connection to the server before the deadline",
        }
    }

    /// Requests that ended otherwise stay in the queues until their turn; this
    /// keeps the queues from outgrowing the table.
    fn prune_queues(&mut self) {
        let pending = &mut self.pending;
        let limit = 2 * pending.len() + 16;
        if self.unsent.len() > limit {
            self.unsent.retain(|id| pending.get_mut(*id).is_some());
        }
        let is_pending = |id| pending.get_mut(id).is_some();
        self.plain.prune(limit, is_pending);
    }

    /// Ends everything. The one place where a session stops.
    pub(crate) fn close(&mut self, reason: Error, out: &mut Vec<Action<W>>) {
        if matches!(self.link, Link::Closed(_)) {
            return;
        }
        self.link = Link::Closed(reason.clone());
        for id in self.pending.ids_where(|_| true) {
            let sent = self.pending.get_mut(id);
            let sent = sent.is_some_and(|entry| entry.ever_sent);
            let error = if sent {
                let message = "closed before the reply came; it may have taken effect or not";
                Error::with_source(ErrorKind::OutcomeUnknown, message, reason.clone())
            } else {
                closed_before_sending(&reason)
            };
            self.fail(id, &error, out);
        }
        self.unsent.clear();
        for id in self.pushes.ids() {
            self.pushes.close(id);
            out.push(Action::Push {
                id,
                item: Err(reason.clone()),
                last: true,
            });
        }
        out.push(Action::Closed(reason));
    }
}

fn closed_before_sending(reason: &Error) -> Error {
    let message = "closed before the request was sent";
    Error::with_source(ErrorKind::NotSent, message, reason.clone())
}

/// How a request ends that its caller gave up.
pub(super) fn cancelled(id: RequestId) -> Error {
    Error::new(ErrorKind::Cancelled, "cancelled by the caller").of_request(id)
}
