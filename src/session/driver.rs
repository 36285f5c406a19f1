//! The I/O around the state machine: one task per client.

use std::{
    collections::{HashMap, VecDeque},
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use futures_util::{
    StreamExt,
    future::{AbortHandle, Abortable, Aborted, abortable},
    stream::FuturesUnordered,
};
use tokio::{
    sync::{mpsc, watch},
    time::Sleep,
};

use super::{
    InFlight, InputBuffering, Job, Outcome, ReconnectPolicy, ResendPolicy,
    burst::Burst,
    decoding::{Decoded, Decoding},
    ending::Ending,
    hub::Hub,
    machine::{Action, Machine, Submission, cancelled},
    meter::LinkRate,
    outbound::Outbound,
    pushes::PushedSet,
    receive::Received,
    transport::{Connection, Inbound, Peer, Transport},
    unary::{Call, CallFailure, Calls},
    waiters::{Waiter, Waiters},
};
use crate::{Answer, Error, ErrorKind, Frame, RequestId, pending::ById, proto::FrameResponse};

/// What a handle wants of its session.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "submissions are nearly all of them, and a box would be an allocation each"
)]
pub(crate) enum Order {
    Submit(Submission<Waiters>),
    Cancel(RequestId),
    /// Who reads what this subscription brings; comes before its submission.
    Reader(RequestId, mpsc::UnboundedSender<PushItem>),
    AddCredits(RequestId, u32),
    Unsubscribe(RequestId),
    Close,
}

/// What the reader of a subscription gets; bounded by the credits given, for there is
/// at most one gap before each capture.
pub(crate) type PushItem = Result<PushedSet<Arc<Frame>>, Error>;

/// The handle's side of a session.
#[derive(Debug)]
pub(crate) struct Session {
    /// Bounded by the places in flight.
    pub(crate) orders: mpsc::UnboundedSender<Order>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) captures: InFlight,
    pub(crate) commands: InFlight,
    pub(crate) peer: watch::Receiver<Peer>,
    /// Set once, when the session has ended, to the reason.
    pub(crate) ended: watch::Receiver<Option<Error>>,
}

/// What a session does by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policies {
    pub(crate) reconnect: ReconnectPolicy,
    pub(crate) resend: ResendPolicy,
    pub(crate) input_buffering: Option<InputBuffering>,
    pub(crate) kept_requests: usize,
    /// The largest image decoded.
    pub(crate) max_image_bytes: u64,
}

/// Starts the task of a session over a connection that is already open.
pub(crate) fn spawn<T: Transport>(
    transport: T,
    first: Connection,
    policies: Policies,
    captures: InFlight,
    commands: InFlight,
) -> Session {
    let (orders, receiver) = mpsc::unbounded_channel();
    let (peer_sender, peer) = watch::channel(first.peer.clone());
    let (ended_sender, ended) = watch::channel(None);
    let hub = Arc::new(Hub::new(policies.kept_requests));
    let driver = Driver {
        ending: Ending::new(
            hub.clone(),
            [captures.clone(), commands.clone()],
            ended_sender,
        ),
        transport: Some(transport),
        machine: Machine::new(policies.reconnect, policies.resend),
        burst: Burst::new(policies.input_buffering),
        ready: Vec::new(),
        orders: receiver,
        link: Link::Down,
        hub: hub.clone(),
        peer: peer_sender,
        actions: Vec::new(),
        readers: HashMap::new(),
        alarm: None,
        decoding: Decoding::new(policies.max_image_bytes),
    };
    tokio::spawn(driver.run(first));
    Session {
        orders,
        hub,
        captures,
        commands,
        peer,
        ended,
    }
}

/// An attempt to connect, which gives the transport back.
type Attempt<T> = Pin<Box<dyn Future<Output = (T, Result<Connection, Error>)> + Send>>;

/// Where messages come from and go to.
enum Link<T> {
    Down,
    Connecting(Attempt<T>),
    Up {
        outbound: Outbound,
        inbound: Inbound,
        rate: LinkRate,
        calls: Calls,
        /// Bounded by the requests in flight, for each ends with its own.
        calling: FuturesUnordered<Abortable<Call>>,
        hang_up: ById<AbortHandle>,
    },
}

enum Event<T> {
    Orders(usize),
    Connected(T, Result<Connection, Error>),
    /// Messages have come, or the end of them.
    Messages,
    /// A message that had to wait went on its way.
    PassedOn,
    Called(Result<Result<FrameResponse, CallFailure>, Aborted>),
    Decoded(Decoded),
    Timer,
}

/// How many orders or replies are taken at once, so that the others get their
/// turn.
const PER_TURN: usize = 64;

/// What came at one turn; kept for its memory.
struct Turn {
    /// Empty between turns.
    orders: Vec<Order>,
    /// Those that are left between turns wait for room among what is decoded, and
    /// nothing more is read until they are gone.
    messages: VecDeque<Result<Received, Error>>,
}

struct Driver<T> {
    /// The first, so that it is dropped before what it has to speak for.
    ending: Ending,
    /// Away while it connects.
    transport: Option<T>,
    machine: Machine<Waiters>,
    burst: Burst<Waiters>,
    /// Requests that may go to the machine now; empty between events.
    ready: Vec<Submission<Waiters>>,
    orders: mpsc::UnboundedReceiver<Order>,
    link: Link<T>,
    hub: Arc<Hub>,
    peer: watch::Sender<Peer>,
    actions: Vec<Action<Waiters>>,
    readers: HashMap<RequestId, mpsc::UnboundedSender<PushItem>>,
    /// Goes off at this time or, when what it was for has ended, for nothing: that
    /// is cheaper than to set it anew with every request that ends.
    alarm: Option<(Instant, Pin<Box<Sleep>>)>,
    decoding: Decoding,
}

impl<T: Transport> Driver<T> {
    /// Runs until the machine closes.
    async fn run(mut self, first: Connection) {
        self.open(first);
        let mut turn = Turn {
            orders: Vec::with_capacity(PER_TURN),
            messages: VecDeque::with_capacity(PER_TURN),
        };
        loop {
            if let Some(reason) = self.perform() {
                self.refuse_late_orders();
                // Gone before anybody is told that it is.
                self.link = Link::Down;
                self.ending.plan(reason);
                return;
            }
            if self.has_stalled() {
                let message = "the server reads no requests any more";
                self.lost(Error::new(ErrorKind::Unreachable, message));
                continue;
            }
            match self.next_event(&mut turn).await {
                // Every handle is gone.
                Event::Orders(0) => self.order(Order::Close),
                Event::Orders(_) => {
                    for order in turn.orders.drain(..) {
                        self.order(order);
                    }
                }
                Event::Connected(transport, result) => {
                    self.transport = Some(transport);
                    match result {
                        Ok(connection) => self.open(connection),
                        Err(error) => self.lost(error),
                    }
                }
                Event::Messages => self.received(&mut turn.messages),
                Event::PassedOn => {}
                Event::Called(Ok(Ok(message))) => self.arrived(message, now()),
                Event::Decoded(decoded) => self.decoded(decoded),
                // Its request has ended.
                Event::Called(Err(Aborted)) => {}
                Event::Called(Ok(Err(failure))) => {
                    let CallFailure { id, error } = failure;
                    self.machine.call_failed(id, &error, &mut self.actions);
                }
                Event::Timer => self.wake(),
            }
        }
    }

    async fn next_event(&mut self, turn: &mut Turn) -> Event<T> {
        self.set_alarm();
        // What had no time at all ends without a race against its reply.
        if self.alarm.as_ref().is_some_and(|(at, _)| *at <= now()) {
            return Event::Timer;
        }
        let messages = &mut turn.messages;
        let may_read = messages.is_empty() && self.decoding.has_room();
        if !messages.is_empty() && self.decoding.has_room() {
            return Event::Messages;
        }
        let timer = async {
            match &mut self.alarm {
                Some((_, alarm)) => alarm.as_mut().await,
                None => std::future::pending().await,
            }
        };
        let network = async {
            match &mut self.link {
                Link::Down => std::future::pending().await,
                Link::Connecting(attempt) => {
                    let (transport, result) = attempt.await;
                    Event::Connected(transport, result)
                }
                Link::Up {
                    outbound,
                    inbound,
                    calling,
                    ..
                } => tokio::select! {
                    () = outbound.pass_on() => Event::PassedOn,
                    () = poll_fn(|cx| poll_messages(inbound, messages, cx)), if may_read => {
                        Event::Messages
                    }
                    Some(called) = calling.next(), if may_read && !calling.is_empty() => {
                        Event::Called(called)
                    }
                    else => std::future::pending().await,
                },
            }
        };
        let decoded = self.decoding.next();
        tokio::select! {
            count = self.orders.recv_many(&mut turn.orders, PER_TURN) => Event::Orders(count),
            event = network => event,
            decoded = decoded => Event::Decoded(decoded),
            () = timer => Event::Timer,
        }
    }

    /// Sees to it that the alarm goes off when something is due.
    fn set_alarm(&mut self) {
        let wakes = [self.machine.next_wake(), self.burst.due()];
        let Some(due) = wakes.into_iter().flatten().min() else {
            return;
        };
        match &mut self.alarm {
            Some((at, _)) if *at <= due => {}
            Some((at, alarm)) => {
                *at = due;
                alarm.as_mut().reset(due.into());
            }
            None => self.alarm = Some((due, Box::pin(tokio::time::sleep_until(due.into())))),
        }
    }

    fn received(&mut self, messages: &mut VecDeque<Result<Received, Error>>) {
        let now = now();
        self.note_link();
        while self.decoding.has_room()
            && let Some(message) = messages.pop_front()
        {
            match message {
                Ok(Received::Message(message)) => {
                    self.arrived(message, now);
                }
                Ok(Received::TooLong { request_id, bytes }) => {
                    self.machine.too_long(&request_id, bytes, &mut self.actions);
                }
                // The last that comes.
                Err(error) => self.lost(error),
            }
        }
    }

    /// Passes on what is known of the link.
    fn note_link(&mut self) {
        if let Link::Up { rate, .. } = &self.link
            && let Some(bytes_per_s) = rate.take()
        {
            self.machine.encodings.auto.link(bytes_per_s);
        }
    }

    /// A message came, whose image may have to be decoded first.
    fn arrived(&mut self, message: FrameResponse, now: Instant) {
        if let Some(message) = self.decoding.pass(message) {
            self.machine.message(message, now, &mut self.actions);
        }
    }

    /// A message whose image has been decoded, or which came after one.
    fn decoded(&mut self, decoded: Decoded) {
        let Decoded { message, result } = decoded;
        let out = &mut self.actions;
        match result {
            Ok(measured) => {
                if let Some(measured) = measured {
                    self.machine.encodings.encoded(&measured);
                }
                self.machine.message(message, now(), out);
            }
            Err(error) => self.machine.undecodable(&message, error, now(), out),
        }
    }

    fn wake(&mut self) {
        self.alarm = None;
        let now = now();
        if self.burst.due().is_some_and(|due| due <= now) {
            self.burst.release(&mut self.ready);
            self.submit_ready();
        }
        self.machine.wake(now, &mut self.actions);
    }

    fn submit_ready(&mut self) {
        for submission in self.ready.drain(..) {
            self.machine.submit(submission, &mut self.actions);
        }
    }

    fn order(&mut self, order: Order) {
        if !matches!(order, Order::Submit(_)) {
            // Whatever else is wanted concerns what is held too, so that goes first.
            self.burst.release(&mut self.ready);
            self.submit_ready();
        }
        let out = &mut self.actions;
        match order {
            Order::Submit(submission) => {
                self.burst.push(submission, now(), &mut self.ready);
                self.submit_ready();
            }
            Order::Cancel(id) => {
                let waiting = self.machine.waiting_mut(id);
                let gone = waiting.and_then(|(job, waiters)| Some((job.clone(), waiters.part()?)));
                match gone {
                    // The others have not given it up, so the request goes on.
                    Some((job, waiter)) => self.end(id, &job, waiter, Err(cancelled(id))),
                    None => self.machine.cancel(id, out),
                }
            }
            Order::Reader(id, reader) => {
                self.readers.insert(id, reader);
            }
            Order::AddCredits(id, credits) => self.machine.add_credits(id, credits, out),
            Order::Unsubscribe(id) => {
                self.readers.remove(&id);
                self.machine.unsubscribe(id, out);
            }
            Order::Close => {
                let reason = Error::new(ErrorKind::Closed, "the client was closed");
                self.machine.close(reason, out);
            }
        }
    }

    fn open(&mut self, connection: Connection) {
        let info = match &connection.peer {
            Peer::Synthcap(info) => Some(info.clone()),
            Peer::Plain => None,
        };
        self.hub.stats.connected();
        self.link = Link::Up {
            outbound: Outbound::new(connection.outbound),
            inbound: connection.inbound,
            calls: connection.calls,
            rate: connection.rate,
            calling: FuturesUnordered::new(),
            hang_up: ById::default(),
        };
        // Receivers may all be gone; then nobody needs to know.
        let _ = self.peer.send(connection.peer);
        self.machine.opened(info.as_deref(), &mut self.actions);
    }

    fn lost(&mut self, error: Error) {
        tracing::warn!(%error, "connection lost");
        self.link = Link::Down;
        self.decoding.clear();
        let random = fastrand::f64();
        self.machine.lost(error, random, now(), &mut self.actions);
        // What was held was not sent, and is now like the rest of that.
        self.burst.release(&mut self.ready);
        self.submit_ready();
    }

    /// Does what the machine wants; the reason when it has closed.
    fn perform(&mut self) -> Option<Error> {
        let mut closed = None;
        // Taken out and put back, so that the buffer is made once.
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            match action {
                Action::Send(request) => {
                    if let Link::Up { outbound, .. } = &mut self.link {
                        outbound.send(request);
                    }
                }
                Action::Call(id, request, until) => {
                    if let Link::Up {
                        calls,
                        calling,
                        hang_up,
                        ..
                    } = &mut self.link
                    {
                        let limit = until.saturating_duration_since(now());
                        let (call, handle) = abortable(calls(id, request, limit));
                        calling.push(call);
                        hang_up.insert(id, handle);
                    }
                }
                Action::Complete {
                    id,
                    job,
                    waiter,
                    result,
                } => {
                    self.let_go(id, &job);
                    self.complete(id, &job, waiter, result);
                }
                Action::Push { id, item, last } => self.push(id, item, last),
                Action::Forget(camera) => self.hub.latest.forget(&camera),
                Action::Connect => self.connect(),
                Action::Closed(reason) => closed = Some(reason),
            }
        }
        self.actions = actions;
        closed
    }

    /// Whether too much that nobody waits for any more has not been sent.
    fn has_stalled(&self) -> bool {
        matches!(&self.link, Link::Up { outbound, .. } if outbound.has_stalled())
    }

    /// A request ended: nothing of it is kept for the way out that can be left out.
    fn let_go(&mut self, id: RequestId, job: &Job) {
        let Link::Up {
            outbound, hang_up, ..
        } = &mut self.link
        else {
            return;
        };
        match self.machine.may_take_back(job) {
            true => outbound.ended(id),
            false => outbound.outlived_by(id),
        }
        if let Some(call) = hang_up.remove(&id) {
            call.abort();
        }
    }

    fn complete(&self, id: RequestId, job: &Job, waiters: Waiters, result: Result<Outcome, Error>) {
        for (earlier, waiter) in waiters.earlier {
            let result = result.clone().map_err(|error| error.of_request(earlier));
            self.end(earlier, job, waiter, result);
        }
        if let Some(waiter) = waiters.own {
            self.end(id, job, waiter, result);
        }
    }

    fn end(&self, id: RequestId, job: &Job, waiter: Waiter, result: Result<Outcome, Error>) {
        let _inside = waiter.span.enter();
        let took = now() - waiter.since;
        self.hub.stats.ended(took, result.as_ref().err());
        if job.is_capture() {
            self.hub.keep(id, &result);
        }
        match &result {
            Ok(outcome) => {
                tracing::trace!(?took, "done");
                self.hub.deliver(outcome, waiter.permit);
            }
            Err(error) => {
                tracing::debug!(?took, %error, "failed");
                self.hub.report_gaps(job, error);
                drop(waiter.permit);
            }
        }
        // The ticket may have been dropped; the frames have their other ways.
        let _ = waiter.reply.send(result);
    }

    fn push(&mut self, id: RequestId, item: PushItem, last: bool) {
        if let Ok((Answer::Images(frames, _), ..)) = &item {
            self.hub.publish(frames);
        }
        if let Some(reader) = self.readers.get(&id) {
            // A reader that is gone says so by an order of its own.
            let _ = reader.send(item);
        }
        if last {
            self.readers.remove(&id);
        }
    }

    fn connect(&mut self) {
        // Without a transport an attempt is already under way.
        if let Some(mut transport) = self.transport.take() {
            self.link = Link::Connecting(Box::pin(async move {
                let result = transport.connect().await;
                (transport, result)
            }));
        }
    }

    /// Requests that were made while the session closed also end, with the reason.
    fn refuse_late_orders(&mut self) {
        self.orders.close();
        self.burst.release(&mut self.ready);
        self.submit_ready();
        while let Ok(order) = self.orders.try_recv() {
            if let Order::Submit(submission) = order {
                self.machine.submit(submission, &mut self.actions);
            }
        }
        self.perform();
    }
}

/// Takes in what has come, and waits only when nothing has. The last message is an
/// error: why there are no more.
fn poll_messages(
    inbound: &mut Inbound,
    messages: &mut VecDeque<Result<Received, Error>>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    while messages.len() < PER_TURN {
        let message = match inbound.as_mut().poll_next(cx) {
            Poll::Ready(Some(message)) => message,
            Poll::Ready(None) => {
                let message = "the server ended the stream";
                Err(Error::new(ErrorKind::Unreachable, message))
            }
            Poll::Pending if messages.is_empty() => return Poll::Pending,
            Poll::Pending => break,
        };
        let is_last = message.is_err();
        messages.push_back(message);
        if is_last {
            break;
        }
    }
    Poll::Ready(())
}

/// The runtime's clock, which tests can pause.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
