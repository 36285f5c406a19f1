//! The I/O around the state machine: one task per client.

use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc, time::Instant};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    InFlight, Job, Outcome, Permit, ReconnectPolicy, ResendPolicy,
    machine::{Action, Machine, Submission},
    pushes::PushedSet,
    transport::{Connection, Inbound, Peer, Transport},
    unary::{Call, CallFailure, Calls},
};
use crate::{
    Answer, Command, Error, ErrorKind, Frame, RequestId,
    latest::LatestFrames,
    proto::{ActionRequest, FrameResponse},
    streams::FrameStreams,
};

/// Who waits for a reply, and the place in flight that it holds.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) reply: oneshot::Sender<Result<Outcome, Error>>,
    pub(crate) permit: Permit,
}

/// Where frames go besides to those who asked for them.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    pub(crate) latest: LatestFrames,
    pub(crate) streams: FrameStreams,
}

impl Hub {
    /// Hands the frames of a request out. The place in flight is kept until every
    /// lossless stream has read them, which is what holds back whoever captures.
    fn deliver(&self, outcome: &Outcome, permit: Permit) {
        // Made only when there is a stream to hold it.
        let place = (!self.streams.is_empty()).then(|| Arc::new(permit));
        let answers = outcome.answers.iter();
        let frames = answers.flat_map(|(answer, _)| match answer {
            Answer::Images(frames, _) => frames.as_slice(),
            _ => &[],
        });
        for frame in frames {
            self.publish(std::slice::from_ref(frame));
            if let Some(place) = &place {
                self.streams.offer(frame, place);
            }
        }
    }

    /// Puts frames where the newest are kept.
    fn publish(&self, frames: &[Arc<Frame>]) {
        for frame in frames {
            let slot = self.latest.slot(&frame.info().camera, frame.modality());
            slot.publish(frame.clone());
        }
    }

    /// Tells the lossless streams which frames will not come.
    fn report_gaps(&self, job: &Job, error: &Error) {
        for command in job.commands() {
            match command {
                Command::Capture { view, modality } => {
                    self.streams.report_gap(&view.camera, *modality, error);
                }
                Command::CaptureSet(set) => {
                    for (view, modalities) in &set.views {
                        for modality in modalities.iter() {
                            self.streams.report_gap(&view.camera, modality, error);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn close(&self, error: &Error) {
        self.latest.close(error);
        self.streams.close(error);
    }
}

/// What a handle wants of its session.
#[derive(Debug)]
pub(crate) enum Order {
    Submit(Submission<Waiter>),
    Cancel(RequestId),
    /// Who reads what this subscription brings; comes before its submission.
    Reader(RequestId, mpsc::UnboundedSender<PushItem>),
    AddCredits(RequestId, u32),
    Unsubscribe(RequestId),
    Close,
}

/// What the reader of a subscription gets; bounded by the credits given.
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

/// Starts the task of a session over a connection that is already open.
pub(crate) fn spawn<T: Transport>(
    transport: T,
    first: Connection,
    reconnect: ReconnectPolicy,
    resend: ResendPolicy,
    captures: InFlight,
    commands: InFlight,
) -> Session {
    let (orders, receiver) = mpsc::unbounded_channel();
    let (peer_sender, peer) = watch::channel(first.peer.clone());
    let (ended_sender, ended) = watch::channel(None);
    let hub = Arc::new(Hub::default());
    let driver = Driver {
        transport: Some(transport),
        machine: Machine::new(reconnect, resend),
        orders: receiver,
        link: Link::Down,
        hub: hub.clone(),
        limits: [captures.clone(), commands.clone()],
        peer: peer_sender,
        actions: Vec::new(),
        readers: HashMap::new(),
    };
    tokio::spawn(async move {
        let reason = driver.run(first).await;
        // Receivers may all be gone; then nobody needs to know.
        let _ = ended_sender.send(Some(reason));
    });
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
        outbound: mpsc::UnboundedSender<ActionRequest>,
        inbound: Inbound,
        calls: Calls,
        /// Bounded by the requests in flight, and each by its deadline.
        calling: FuturesUnordered<Call>,
    },
}

enum Event<T> {
    Orders(usize),
    Connected(T, Result<Connection, Error>),
    Message(Option<Result<FrameResponse, Error>>),
    Called(Result<FrameResponse, CallFailure>),
    Timer,
}

/// How many orders are taken at once, so that replies get their turn.
const ORDERS_PER_TURN: usize = 64;

struct Driver<T> {
    /// Away while it connects.
    transport: Option<T>,
    machine: Machine<Waiter>,
    orders: mpsc::UnboundedReceiver<Order>,
    link: Link<T>,
    hub: Arc<Hub>,
    limits: [InFlight; 2],
    peer: watch::Sender<Peer>,
    actions: Vec<Action<Waiter>>,
    readers: HashMap<RequestId, mpsc::UnboundedSender<PushItem>>,
}

impl<T: Transport> Driver<T> {
    /// Runs until the machine closes; returns the reason.
    async fn run(mut self, first: Connection) -> Error {
        self.open(first);
        let mut batch = Vec::with_capacity(ORDERS_PER_TURN);
        loop {
            if let Some(reason) = self.perform() {
                return reason;
            }
            match self.next_event(&mut batch).await {
                // Every handle is gone.
                Event::Orders(0) => self.order(Order::Close),
                Event::Orders(_) => {
                    for order in batch.drain(..) {
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
                Event::Message(Some(Ok(message))) => {
                    self.machine.message(message, now(), &mut self.actions);
                }
                Event::Message(Some(Err(error))) => self.lost(error),
                Event::Message(None) => {
                    let message = "the server ended the stream";
                    self.lost(Error::new(ErrorKind::Unreachable, message));
                }
                Event::Called(Ok(message)) => {
                    self.machine.message(message, now(), &mut self.actions);
                }
                Event::Called(Err(failure)) => {
                    let CallFailure { id, error } = failure;
                    self.machine.call_failed(id, &error, &mut self.actions);
                }
                Event::Timer => self.machine.wake(now(), &mut self.actions),
            }
        }
    }

    async fn next_event(&mut self, batch: &mut Vec<Order>) -> Event<T> {
        let wake = self.machine.next_wake();
        let timer = async {
            match wake {
                Some(at) => tokio::time::sleep_until(at.into()).await,
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
                    inbound, calling, ..
                } => tokio::select! {
                    message = inbound.next() => Event::Message(message),
                    Some(called) = calling.next() => Event::Called(called),
                },
            }
        };
        tokio::select! {
            count = self.orders.recv_many(batch, ORDERS_PER_TURN) => Event::Orders(count),
            event = network => event,
            () = timer => Event::Timer,
        }
    }

    fn order(&mut self, order: Order) {
        let out = &mut self.actions;
        match order {
            Order::Submit(submission) => self.machine.submit(submission, out),
            Order::Cancel(id) => self.machine.cancel(id, out),
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
        self.link = Link::Up {
            outbound: connection.outbound,
            inbound: connection.inbound,
            calls: connection.calls,
            calling: FuturesUnordered::new(),
        };
        // Receivers may all be gone; then nobody needs to know.
        let _ = self.peer.send(connection.peer);
        self.machine.opened(info.as_deref(), &mut self.actions);
    }

    fn lost(&mut self, error: Error) {
        tracing::warn!(%error, "connection lost");
        self.link = Link::Down;
        let random = fastrand::f64();
        self.machine.lost(error, random, now(), &mut self.actions);
    }

    /// Does what the machine wants; the reason when it has closed.
    fn perform(&mut self) -> Option<Error> {
        let mut closed = None;
        // Taken out and put back, so that the buffer is made once.
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            match action {
                Action::Send(request) => {
                    if let Link::Up { outbound, .. } = &self.link {
                        // Fails only when the stream is going down, which its
                        // other half reports.
                        let _ = outbound.send(request);
                    }
                }
                Action::Call(id, request, until) => {
                    if let Link::Up { calls, calling, .. } = &self.link {
                        let limit = until.saturating_duration_since(now());
                        calling.push(calls(id, request, limit));
                    }
                }
                Action::Complete {
                    id,
                    job,
                    waiter,
                    result,
                } => self.complete(id, &job, waiter, result),
                Action::Push { id, item, last } => self.push(id, item, last),
                Action::Connect => self.connect(),
                Action::Closed(reason) => closed = Some(reason),
            }
        }
        self.actions = actions;
        if let Some(reason) = &closed {
            self.hub.close(reason);
            self.limits.iter().for_each(InFlight::close);
            self.refuse_late_orders(reason);
        }
        closed
    }

    fn complete(&self, id: RequestId, job: &Job, waiter: Waiter, result: Result<Outcome, Error>) {
        match &result {
            Ok(outcome) => {
                tracing::trace!(%id, "request done");
                self.hub.deliver(outcome, waiter.permit);
            }
            Err(error) => {
                tracing::debug!(%id, %error, "request failed");
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
    fn refuse_late_orders(&mut self, reason: &Error) {
        self.orders.close();
        while let Ok(order) = self.orders.try_recv() {
            if let Order::Submit(submission) = order {
                let message = "closed before the request was sent";
                let error = Error::with_source(ErrorKind::NotSent, message, reason.clone());
                let error = error.of_request(submission.id);
                let _ = submission.waiter.reply.send(Err(error));
            }
        }
    }
}

/// The runtime's clock, which tests can pause.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
