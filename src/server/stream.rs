//! The bidirectional stream: requests in, replies out, in order.

use std::{
    collections::{HashMap, VecDeque},
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use tokio::sync::watch;
use tokio_stream::Stream;
use tonic::{Status, Streaming};

use super::{
    EngineError, PixelBuffers,
    access::Caller,
    encode::{self, Lane},
    executor::{Ran, Runnable},
    faults::Wire,
    host::{Host, Interest, Job, Reply, Work, unexecuted},
    outbox::{Outgoing, Place, Reader, WeakWriter, Writer, outbox},
    send::ReplyBody,
    shared::Slots,
    subscriptions::{Control, Sink},
};
use crate::{
    Answer, Encoding, ErrorCode,
    proto::{ActionRequest, FrameResponse},
    wire::{
        reply::{Failure, Meta},
        reply_out::{self, FailsAs, Response, Responses},
        request::Asked,
        request_in,
    },
};

/// How many requests are taken in at once.
const PER_TURN: usize = 64;

/// The replies of one stream, for tonic to encode.
pub(super) struct Replies {
    reader: Reader,
    taken: Vec<Outgoing>,
    next: VecDeque<Outgoing>,
    slots: Slots,
}

impl Replies {
    fn new(reader: Reader, slots: Slots) -> Self {
        Self {
            reader,
            slots,
            taken: Vec::new(),
            next: VecDeque::new(),
        }
    }

    /// A body that brings the replies, and a stream that has none.
    pub(super) fn into_body(self) -> (Self, ReplyBody) {
        let (_, nothing) = outbox(0);
        let ended = Self::new(nothing, Slots::default());
        (ended, ReplyBody::new(self.reader, self.slots))
    }
}

impl Stream for Replies {
    type Item = Result<FrameResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.next.is_empty() {
            match this.reader.poll_all(cx, &mut this.taken) {
                Poll::Ready(true) => this.next.extend(this.taken.drain(..)),
                Poll::Ready(false) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(this.next.pop_front().map(|mut outgoing| {
            this.slots.place(&mut outgoing.message);
            Ok(outgoing.message)
        }))
    }
}

/// What a stream is served with.
pub(super) struct Serving {
    pub(super) host: Host,
    pub(super) caller: Caller,
    pub(super) slots: Slots,
}

/// Serves one stream until its client leaves or the server stops.
pub(super) fn serve(
    requests: Streaming<ActionRequest>,
    serving: Serving,
    stopping: watch::Receiver<bool>,
) -> (Replies, WeakWriter) {
    let Serving {
        host,
        caller,
        slots,
    } = serving;
    let most = host.limits.max_in_flight as usize;
    let (writer, reader) = outbox(most);
    let named = writer.downgrade();
    let host_encoders = host.encoders.clone();
    let session = Session {
        host,
        caller,
        lane: Lane::new(host_encoders),
        writer,
        jobs: Vec::with_capacity(PER_TURN),
        taken: 0,
        subscribed: Arc::default(),
        cancelled: Arc::new(Cancelled::new(most)),
        slots: slots.clone(),
    };
    tokio::spawn(session.read(requests, stopping));
    (Replies::new(reader, slots), named)
}

/// The replies to the commands of another stream; `None` when they go elsewhere
/// already.
pub(super) fn serve_aside(of: &Writer) -> Option<Replies> {
    let (writer, reader) = outbox(0);
    of.set_aside(writer)
        .then(|| Replies::new(reader, Slots::default()))
}

/// The subscriptions of a stream, which can be given credits.
type Subscribed = Arc<Mutex<HashMap<String, Arc<Control>>>>;

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Requests that were given up before they began.
///
/// Requests are run in the order in which they were taken in. So a note that was
/// made when so many had been taken in has no object left when a later one has begun,
/// and goes. Of the others there are no more than places in flight.
#[derive(Debug)]
struct Cancelled {
    most: usize,
    /// The number of the request that began last.
    begun: AtomicU64,
    count: AtomicUsize,
    notes: Mutex<Vec<(u64, String)>>,
}

impl Cancelled {
    fn new(most: usize) -> Self {
        Self {
            most,
            begun: AtomicU64::new(0),
            count: AtomicUsize::new(0),
            notes: Mutex::default(),
        }
    }

    fn note(&self, taken: u64, id: String) {
        let mut notes = lock(&self.notes);
        let begun = self.begun.load(Ordering::Acquire);
        notes.retain(|(taken, _)| *taken > begun);
        // A client that gives up more than it has asked for names nothing that waits.
        if taken > begun && notes.len() < self.most {
            notes.push((taken, id));
        }
        self.count.store(notes.len(), Ordering::Release);
    }

    /// Whether the request with this number, which begins now, was given up.
    fn has(&self, number: u64, id: &str) -> bool {
        self.begun.store(number, Ordering::Release);
        if self.count.load(Ordering::Acquire) == 0 {
            return false;
        }
        let mut notes = lock(&self.notes);
        notes.retain(|(taken, _)| *taken >= number);
        self.count.store(notes.len(), Ordering::Release);
        notes.iter().any(|(_, given_up)| given_up == id)
    }
}

/// One client's stream.
struct Session {
    host: Host,
    caller: Caller,
    writer: Writer,
    lane: Arc<Lane>,
    /// Taken in and not handed over yet; empty between turns.
    jobs: Vec<Job>,
    /// How many requests have been taken in that are to be answered.
    taken: u64,
    subscribed: Subscribed,
    cancelled: Arc<Cancelled>,
    slots: Slots,
}

impl Session {
    async fn read(
        mut self,
        mut requests: Streaming<ActionRequest>,
        mut stopping: watch::Receiver<bool>,
    ) {
        let mut stopped = pin!(stopping.wait_for(|stopping| *stopping));
        let mut turn = Vec::with_capacity(PER_TURN);
        loop {
            let goes_on = tokio::select! {
                goes_on = poll_fn(|cx| {
                    let polled = poll_requests(&self.writer, &mut requests, &mut turn, cx);
                    if self.writer.push_waits() {
                        self.host.look_for_pushes();
                    }
                    polled
                }) => goes_on,
                _ = &mut stopped => return,
            };
            for (request, place) in turn.drain(..) {
                self.take(request, place);
            }
            self.hand_over();
            if !goes_on {
                return;
            }
        }
    }

    /// Takes one request in.
    fn take(&mut self, request: ActionRequest, place: Place) {
        let id = request.request_id;
        let asked = match request_in::decode(request.action) {
            Ok(asked) => asked,
            Err(error) => {
                let error = EngineError::invalid(error.to_string());
                return self.reply(id, Shape::Other, place).refuse(error);
            }
        };
        let allowed = self.caller.check(&asked);
        match asked {
            Asked::One(command) => {
                let mut reply = self.reply(id, Shape::One(FailsAs::of(&command)), place);
                reply.wanted = encode::wanted(&command);
                self.submit(allowed, Work::Run(Runnable::One(command)), reply);
            }
            Asked::Batch(items) => {
                let (ids, commands): (Vec<_>, Vec<_>) = items.into_iter().unzip();
                let wanted = commands.iter().map(encode::wanted);
                let ids = ids.into_iter().zip(wanted).collect();
                let reply = self.reply(id, Shape::Batch(ids), place);
                self.submit(allowed, Work::Run(Runnable::Batch(commands)), reply);
            }
            Asked::Subscribe(subscription) => {
                let control = Arc::new(Control::default());
                let sink = Box::new(Pusher {
                    id: id.clone(),
                    writer: self.writer.downgrade(),
                    lane: self.lane.clone(),
                    wanted: encode::wanted_of_set(&subscription.set),
                    subscribed: self.subscribed.clone(),
                    slots: self.slots.clone(),
                });
                lock(&self.subscribed).insert(id.clone(), control.clone());
                let reply = self.reply(id, Shape::Other, place);
                self.submit(allowed, Work::Subscribe(subscription, control, sink), reply);
            }
            Asked::AddCredits(id, credits) => {
                // Let go before the engine is asked: where it runs in this very task, a
                // subscription that ends takes itself out of there.
                let control = lock(&self.subscribed).get(&id).cloned();
                if let Some(control) = control {
                    control.add_credits(credits);
                    self.host.look_for_pushes();
                }
            }
            Asked::Cancel(id) => match lock(&self.subscribed).remove(&id) {
                Some(control) => control.cancel(),
                None => self.cancelled.note(self.taken, id),
            },
        }
    }

    fn submit(&mut self, allowed: Result<(), EngineError>, work: Work, reply: Box<StreamReply>) {
        match allowed {
            Ok(()) => self.jobs.extend(self.host.job(work, reply)),
            Err(error) => reply.refuse(error),
        }
    }

    /// Gives the engine what was taken in.
    fn hand_over(&mut self) {
        let Err(refused) = self.host.submit_all(&mut self.jobs) else {
            return;
        };
        for job in self.jobs.drain(..) {
            if let Job::Run { reply, .. } = job {
                let failed = Ran::One(Err(refused.clone().into()), unexecuted());
                drop(reply.send(failed));
            }
        }
        self.writer.flush();
    }

    fn reply(&mut self, id: String, shape: Shape, place: Place) -> Box<StreamReply> {
        self.taken += 1;
        Box::new(StreamReply {
            id,
            shape,
            number: self.taken,
            cancelled: self.cancelled.clone(),
            lane: self.lane.clone(),
            wanted: Vec::new(),
            writer: self.writer.clone(),
            slots: self.slots.clone(),
            wire: self.caller.wire.clone(),
            place: Some(place),
        })
    }
}

/// Takes in what has come; false when nothing will come any more.
///
/// A client that asks faster than it reads is not read from until it has
/// caught up, so what waits here is bounded.
fn poll_requests(
    writer: &Writer,
    requests: &mut Streaming<ActionRequest>,
    turn: &mut Vec<(ActionRequest, Place)>,
    cx: &mut Context<'_>,
) -> Poll<bool> {
    let mut place = None;
    while turn.len() < PER_TURN && !writer.has_left() {
        let Poll::Ready(free) = writer.poll_place(cx) else {
            break;
        };
        place = Some(free);
        match Pin::new(&mut *requests).poll_next(cx) {
            Poll::Ready(Some(Ok(request))) => turn.extend(place.take().map(|p| (request, p))),
            Poll::Ready(None) => return Poll::Ready(false),
            Poll::Ready(Some(Err(status))) => {
                tracing::debug!(%status, "a client's stream ended");
                return Poll::Ready(false);
            }
            Poll::Pending => break,
        }
    }
    // Nobody waits for it but this task, which would wake itself for ever.
    if let Some(place) = place {
        place.give_back();
    }
    if !turn.is_empty() {
        return Poll::Ready(true);
    }
    writer.wake_on_change(cx);
    if writer.has_left() {
        return Poll::Ready(false);
    }
    Poll::Pending
}

/// What is needed to word the reply.
enum Shape {
    One(FailsAs),
    /// The items, each with the encodings of its images.
    Batch(Vec<(String, Vec<Encoding>)>),
    /// A subscription, or something not understood.
    Other,
}

struct StreamReply {
    id: String,
    shape: Shape,
    /// Which request of the stream this is.
    number: u64,
    cancelled: Arc<Cancelled>,
    writer: Writer,
    lane: Arc<Lane>,
    /// The encodings of the images of a single command.
    wanted: Vec<Encoding>,
    slots: Slots,
    wire: Option<Arc<Wire>>,
    /// Goes with the last message.
    place: Option<Place>,
}

impl StreamReply {
    fn refuse(mut self, error: EngineError) {
        self.fail(error.into(), unexecuted());
        self.writer.flush();
    }

    fn fail(&mut self, failure: Failure, meta: Meta) {
        let response = match &self.shape {
            Shape::One(fails_as) => fails_as.response(&failure),
            Shape::Batch(_) | Shape::Other => None,
        };
        let id = std::mem::take(&mut self.id);
        let message = reply_out::failed(id, response, failure, meta);
        let place = self.place.take();
        let message = [Outgoing { message, place }];
        self.lane.send(&self.writer, message, &[]);
    }

    /// The last answer of the request takes its place along.
    fn succeed(
        &mut self,
        id: &str,
        responses: Vec<Response>,
        meta: Meta,
        (wanted, is_last): (&[Encoding], bool),
    ) {
        let count = responses.len();
        let messages = reply_out::success(id, responses, meta);
        let place = self.place.take_if(|_| is_last);
        let messages = last_takes(place, messages, count);
        self.lane.send(&self.writer, messages, wanted);
    }

    /// A single answer, which needs no list.
    fn answer(&mut self, to: &Writer, response: Response, meta: Meta) {
        let id = std::mem::take(&mut self.id);
        let message = reply_out::part(id, response, meta, (0, 1));
        let place = self.place.take();
        let message = [Outgoing { message, place }];
        if to.is_same(&self.writer) {
            self.lane.send(to, message, &[]);
        } else {
            to.push(message);
        }
    }
}

impl Reply for StreamReply {
    fn interest(&self) -> Interest {
        if self.cancelled.has(self.number, &self.id) {
            Interest::Cancelled
        } else if self.writer.has_left() {
            Interest::Left
        } else {
            Interest::Wanted
        }
    }

    fn buffers(&self) -> PixelBuffers {
        PixelBuffers::of(self.slots.clone())
    }

    fn wire(&self) -> Option<&Arc<Wire>> {
        self.wire.as_ref()
    }

    fn silence(self: Box<Self>) {}

    fn send(mut self: Box<Self>, ran: Ran) -> Option<Writer> {
        match ran {
            Ran::One(Ok(answer), meta) => match reply_out::responses(answer) {
                Responses::One(response) => {
                    let writer = self.writer.for_commands().clone();
                    self.answer(&writer, response, meta);
                    return Some(writer);
                }
                Responses::Several(responses) => {
                    let id = std::mem::take(&mut self.id);
                    let wanted = std::mem::take(&mut self.wanted);
                    self.succeed(&id, responses, meta, (&wanted, true));
                }
            },
            Ran::Batch(Ok(answers), meta) => {
                let Shape::Batch(ids) = std::mem::replace(&mut self.shape, Shape::Other) else {
                    let message = "a single command was run as a batch";
                    self.refuse(EngineError::new(ErrorCode::Internal, message));
                    return None;
                };
                let count = answers.len();
                for ((id, wanted), (answer, meta)) in ids.iter().zip(answers) {
                    let responses = reply_out::responses(answer).into_vec();
                    self.succeed(id, responses, meta, (wanted, false));
                }
                // After its items, so it takes their way.
                let writer = self.writer.clone();
                self.answer(&writer, reply_out::batch_done(count), meta);
            }
            Ran::One(Err(failure), meta) | Ran::Batch(Err(failure), meta) => {
                self.fail(failure, meta);
            }
        }
        Some(self.writer)
    }
}

/// So many messages, the last of which has the place.
fn last_takes(
    mut place: Option<Place>,
    messages: impl Iterator<Item = FrameResponse>,
    count: usize,
) -> impl Iterator<Item = Outgoing> {
    messages.enumerate().map(move |(index, message)| Outgoing {
        message,
        place: place.take_if(|_| index + 1 == count),
    })
}

/// Sends what a subscription captures.
struct Pusher {
    id: String,
    /// Weak, so that a subscription does not keep a stream open that is to end.
    writer: WeakWriter,
    lane: Arc<Lane>,
    /// The encodings of the images, in their order.
    wanted: Vec<Encoding>,
    subscribed: Subscribed,
    slots: Slots,
}

impl Sink for Pusher {
    fn is_open(&self) -> bool {
        let writer = self.writer.upgrade();
        writer.is_some_and(|writer| !writer.has_left())
    }

    fn buffers(&self) -> PixelBuffers {
        PixelBuffers::of(self.slots.clone())
    }

    fn place(&self) -> Option<Place> {
        self.writer.upgrade()?.place_for_push()
    }

    fn push(&self, number: u64, captured: Result<Answer, EngineError>, meta: Meta, place: Place) {
        let Some(writer) = self.writer.upgrade() else {
            return;
        };
        let place = Some(place);
        let numbered = |mut message: FrameResponse| {
            if let Some(meta) = &mut message.meta {
                meta.push_number = number;
            }
            message
        };
        match captured {
            Ok(answer) => {
                let responses = reply_out::responses(answer).into_vec();
                let count = responses.len();
                let messages = reply_out::success(&self.id, responses, meta).map(numbered);
                let messages = last_takes(place, messages, count);
                self.lane.send(&writer, messages, &self.wanted);
            }
            Err(error) => {
                let message = reply_out::failed(self.id.clone(), None, error.into(), meta);
                let message = numbered(message);
                self.lane.send(&writer, [Outgoing { message, place }], &[]);
            }
        }
        writer.flush();
    }
}

impl Drop for Pusher {
    fn drop(&mut self) {
        lock(&self.subscribed).remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_kept_for_as_long_as_its_request_may_wait_and_they_are_bounded() {
        let cancelled = Cancelled::new(3);
        let waiting = || lock(&cancelled.notes).len();
        // Two were taken in, none has begun.
        cancelled.note(2, "b".to_owned());
        assert!(!cancelled.has(1, "a"));
        assert!(cancelled.has(2, "b"));
        // Nothing waits that a further note could be about.
        cancelled.note(2, "b".to_owned());
        assert_eq!(waiting(), 0);

        for stray in 0..1000 {
            cancelled.note(3, stray.to_string());
        }
        assert_eq!(waiting(), 3);
        assert!(!cancelled.has(3, "c"));
        cancelled.note(4, "d".to_owned());
        assert!(cancelled.has(4, "d"));
    }
}
