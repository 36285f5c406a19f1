//! The bidirectional stream: requests in, replies out, in order.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_stream::Stream;
use tonic::{Status, Streaming};

use super::{
    EngineError, PixelBuffers,
    access::Caller,
    executor::{Ran, Runnable},
    faults::Wire,
    host::{Host, Interest, Reply, Work, failure, unexecuted},
    send::ReplyBody,
    shared::Slots,
    subscriptions::{Control, Sink},
};
use crate::{
    Answer, Command, ErrorCode,
    proto::{ActionRequest, FrameResponse},
    wire::{
        reply::{Failure, Meta},
        reply_out::{self, Response},
        request::Asked,
        request_in,
    },
};

/// A message on its way out.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) message: FrameResponse,
    /// The place in flight that is free once the message is sent; pushes have
    /// none, for they are bounded by their credits.
    _place: Option<Arc<OwnedSemaphorePermit>>,
}

/// The replies of one stream.
pub(super) struct Replies {
    messages: mpsc::UnboundedReceiver<Outgoing>,
    slots: Slots,
}

impl Replies {
    /// A body that brings the replies, and a stream that has none.
    pub(super) fn into_body(self) -> (Self, ReplyBody) {
        let (_, messages) = mpsc::unbounded_channel();
        let ended = Self {
            messages,
            slots: Slots::default(),
        };
        (ended, ReplyBody::new(self.messages, self.slots))
    }
}

impl Stream for Replies {
    type Item = Result<FrameResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.messages.poll_recv(cx);
        next.map(|next| {
            next.map(|mut outgoing| {
                self.slots.place(&mut outgoing.message);
                Ok(outgoing.message)
            })
        })
    }
}

/// Serves one stream until its client leaves or the server stops.
pub(super) fn serve(
    requests: Streaming<ActionRequest>,
    host: Host,
    caller: Caller,
    slots: Slots,
    stopping: watch::Receiver<bool>,
) -> Replies {
    let (sender, messages) = mpsc::unbounded_channel();
    let session = Session {
        host,
        caller,
        replies: sender,
        open: Arc::default(),
        slots: slots.clone(),
    };
    tokio::spawn(session.read(requests, stopping));
    Replies { messages, slots }
}

/// The requests of a stream that can still be cancelled or given credits.
type Controls = Arc<Mutex<HashMap<String, Arc<Control>>>>;

fn lock(controls: &Controls) -> MutexGuard<'_, HashMap<String, Arc<Control>>> {
    controls.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One client's stream.
struct Session {
    host: Host,
    caller: Caller,
    replies: mpsc::UnboundedSender<Outgoing>,
    open: Controls,
    slots: Slots,
}

impl Session {
    async fn read(
        self,
        mut requests: Streaming<ActionRequest>,
        mut stopping: watch::Receiver<bool>,
    ) {
        // A client that asks faster than it reads is not read from until it has
        // caught up, so what waits here is bounded.
        let places = Arc::new(Semaphore::new(self.host.limits.max_in_flight as usize));
        loop {
            let place = tokio::select! {
                place = places.clone().acquire_owned() => place,
                _ = stopping.wait_for(|stopping| *stopping) => return,
                () = self.replies.closed() => return,
            };
            let Ok(place) = place else { return };
            let message = tokio::select! {
                message = requests.message() => message,
                _ = stopping.wait_for(|stopping| *stopping) => return,
                () = self.replies.closed() => return,
            };
            match message {
                Ok(Some(request)) => self.take(request, place),
                Ok(None) => return,
                Err(status) => {
                    tracing::debug!(%status, "a client's stream ended");
                    return;
                }
            }
        }
    }

    /// Takes one request in.
    fn take(&self, request: ActionRequest, place: OwnedSemaphorePermit) {
        let id = request.request_id;
        let asked = match request_in::decode(request.action) {
            Ok(asked) => asked,
            Err(error) => {
                let error = EngineError::invalid(error.to_string());
                self.reply(id, Shape::Other, place).refuse(error);
                return;
            }
        };
        let allowed = self.caller.check(&asked);
        match asked {
            Asked::One(command) => {
                let reply = self.reply(id, Shape::One(command.clone()), place);
                self.submit(allowed, Work::Run(Runnable::One(command)), reply);
            }
            Asked::Batch(items) => {
                let (ids, commands) = items.into_iter().unzip();
                let reply = self.reply(id, Shape::Batch(ids), place);
                self.submit(allowed, Work::Run(Runnable::Batch(commands)), reply);
            }
            Asked::Subscribe(subscription) => {
                let reply = self.reply(id, Shape::Other, place);
                let sink = Box::new(Pusher {
                    id: reply.id.clone(),
                    replies: self.replies.downgrade(),
                    open: self.open.clone(),
                    slots: self.slots.clone(),
                });
                let control = reply.control.clone();
                lock(&self.open).insert(reply.id.clone(), control.clone());
                self.submit(allowed, Work::Subscribe(subscription, control, sink), reply);
            }
            Asked::AddCredits(id, credits) => {
                if let Some(control) = lock(&self.open).get(&id) {
                    control.add_credits(credits);
                    self.host.credits_came();
                }
            }
            Asked::Cancel(id) => {
                if let Some(control) = lock(&self.open).remove(&id) {
                    control.cancel();
                }
            }
        }
    }

    fn submit(&self, allowed: Result<(), EngineError>, work: Work, reply: Box<StreamReply>) {
        if let Err(error) = allowed {
            reply.refuse(error);
        } else if let Err((error, reply)) = self.host.submit(work, reply) {
            reply.send(Ran::One(Err(failure(error)), unexecuted()));
        }
    }

    fn reply(&self, id: String, shape: Shape, place: OwnedSemaphorePermit) -> Box<StreamReply> {
        let control = Arc::new(Control::default());
        if !matches!(shape, Shape::Other) {
            lock(&self.open).insert(id.clone(), control.clone());
        }
        Box::new(StreamReply {
            id,
            shape,
            control,
            open: self.open.clone(),
            replies: self.replies.clone(),
            slots: self.slots.clone(),
            wire: self.caller.wire.clone(),
            place: Arc::new(place),
        })
    }
}

/// What is needed to word the reply.
enum Shape {
    One(Command),
    Batch(Vec<String>),
    /// A subscription, or something not understood.
    Other,
}

struct StreamReply {
    id: String,
    shape: Shape,
    control: Arc<Control>,
    open: Controls,
    replies: mpsc::UnboundedSender<Outgoing>,
    slots: Slots,
    wire: Option<Arc<Wire>>,
    place: Arc<OwnedSemaphorePermit>,
}

impl StreamReply {
    fn push(&self, message: FrameResponse) {
        let outgoing = Outgoing {
            message,
            _place: Some(self.place.clone()),
        };
        // Fails only when the client has left.
        let _ = self.replies.send(outgoing);
    }

    fn refuse(&self, error: EngineError) {
        self.fail(failure(error), unexecuted());
    }

    fn fail(&self, failure: Failure, meta: Meta) {
        let response = match &self.shape {
            Shape::One(command) => reply_out::failure_response(command, &failure),
            Shape::Batch(_) | Shape::Other => None,
        };
        self.push(reply_out::failed(self.id.clone(), response, failure, meta));
    }

    fn succeed(&self, id: &str, responses: Vec<Response>, meta: Meta) {
        for message in reply_out::success(id, responses, meta) {
            self.push(message);
        }
    }
}

impl Drop for StreamReply {
    /// Whatever became of it, the request can no longer be cancelled.
    fn drop(&mut self) {
        if !matches!(self.shape, Shape::Other) {
            lock(&self.open).remove(&self.id);
        }
    }
}

impl Reply for StreamReply {
    fn interest(&self) -> Interest {
        if self.control.is_cancelled() {
            Interest::Cancelled
        } else if self.replies.is_closed() {
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

    fn send(self: Box<Self>, ran: Ran) {
        match (ran, &self.shape) {
            (Ran::One(Ok(answer), meta), _) => {
                self.succeed(&self.id, reply_out::responses(answer), meta);
            }
            (Ran::Batch(Ok(answers), meta), Shape::Batch(ids)) => {
                let count = answers.len();
                for (id, (answer, meta)) in ids.iter().zip(answers) {
                    self.succeed(id, reply_out::responses(answer), meta);
                }
                self.succeed(&self.id, vec![reply_out::batch_done(count)], meta);
            }
            (Ran::One(Err(failure), meta) | Ran::Batch(Err(failure), meta), _) => {
                self.fail(failure, meta);
            }
            (Ran::Batch(Ok(_), _), Shape::One(_) | Shape::Other) => {
                let message = "a single command was run as a batch";
                self.refuse(EngineError::new(ErrorCode::Internal, message));
            }
        }
    }
}

/// Sends what a subscription captures.
struct Pusher {
    id: String,
    /// Weak, so that a subscription does not keep a stream open that is to end.
    replies: mpsc::WeakUnboundedSender<Outgoing>,
    open: Controls,
    slots: Slots,
}

impl Sink for Pusher {
    fn is_open(&self) -> bool {
        let replies = self.replies.upgrade();
        replies.is_some_and(|replies| !replies.is_closed())
    }

    fn buffers(&self) -> PixelBuffers {
        PixelBuffers::of(self.slots.clone())
    }

    fn push(&self, number: u64, captured: Result<Answer, EngineError>, meta: Meta) {
        let mut messages = match captured {
            Ok(answer) => reply_out::success(&self.id, reply_out::responses(answer), meta),
            Err(error) => vec![reply_out::failed(
                self.id.clone(),
                None,
                failure(error),
                meta,
            )],
        };
        for message in &mut messages {
            if let Some(meta) = &mut message.meta {
                meta.push_number = number;
            }
        }
        let Some(replies) = self.replies.upgrade() else {
            return;
        };
        for message in messages {
            let _place = None;
            // Fails only when the client has left.
            let _ = replies.send(Outgoing { message, _place });
        }
    }
}

impl Drop for Pusher {
    fn drop(&mut self) {
        lock(&self.open).remove(&self.id);
    }
}
