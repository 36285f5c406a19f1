//! The bidirectional stream: requests in, replies out, in order.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_stream::Stream;
use tonic::{Status, Streaming};

use super::{
    clock::wall_clock,
    executor::Ran,
    host::{Host, Reply},
};
use crate::{
    Command, ErrorCode,
    proto::{ActionRequest, FrameResponse},
    wire::{
        reply::{Failure, Meta},
        reply_out,
        request::Asked,
        request_in,
    },
};

/// A message on its way out, and the place in flight that it frees when sent.
struct Outgoing {
    message: FrameResponse,
    _place: Arc<OwnedSemaphorePermit>,
}

/// The replies of one stream.
pub(super) struct Replies {
    messages: mpsc::UnboundedReceiver<Outgoing>,
}

impl Stream for Replies {
    type Item = Result<FrameResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.messages.poll_recv(cx);
        next.map(|next| next.map(|outgoing| Ok(outgoing.message)))
    }
}

/// Serves one stream until its client leaves or the server stops.
pub(super) fn serve(
    requests: Streaming<ActionRequest>,
    host: Host,
    stopping: watch::Receiver<bool>,
) -> Replies {
    let (sender, messages) = mpsc::unbounded_channel();
    tokio::spawn(read(requests, host, sender, stopping));
    Replies { messages }
}

async fn read(
    mut requests: Streaming<ActionRequest>,
    host: Host,
    replies: mpsc::UnboundedSender<Outgoing>,
    mut stopping: watch::Receiver<bool>,
) {
    // A client that asks faster than it reads is not read from until it has
    // caught up, so what waits here is bounded.
    let places = Arc::new(Semaphore::new(host.limits.max_in_flight as usize));
    loop {
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        let Ok(place) = place else { return };
        let message = tokio::select! {
            message = requests.message() => message,
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = replies.closed() => return,
        };
        match message {
            Ok(Some(request)) => submit(request, &host, &replies, place),
            Ok(None) => return,
            Err(status) => {
                tracing::debug!(%status, "a client's stream ended");
                return;
            }
        }
    }
}

fn submit(
    request: ActionRequest,
    host: &Host,
    replies: &mpsc::UnboundedSender<Outgoing>,
    place: OwnedSemaphorePermit,
) {
    let mut reply = Box::new(StreamReply {
        id: request.request_id,
        shape: Shape::Unknown,
        replies: replies.clone(),
        place: Arc::new(place),
    });
    let asked = match request_in::decode(request.action) {
        Ok(asked) => asked,
        Err(error) => {
            let failure = Failure {
                code: ErrorCode::InvalidArgument,
                message: error.to_string(),
                batch_index: None,
            };
            reply.fail(failure, unexecuted());
            return;
        }
    };
    reply.shape = match &asked {
        Asked::One(command) => Shape::One(command.clone()),
        Asked::Batch(items) => Shape::Batch(items.iter().map(|(id, _)| id.clone()).collect()),
    };
    if let Err((error, reply)) = host.submit(asked, reply) {
        let failure = Failure {
            code: error.code,
            message: error.message,
            batch_index: None,
        };
        reply.send(Ran::One(Err(failure), unexecuted()));
    }
}

/// The circumstances of a request that never reached the engine.
fn unexecuted() -> Meta {
    Meta {
        received: wall_clock(),
        sent: wall_clock(),
        ..Meta::default()
    }
}

/// What is needed to word the reply.
enum Shape {
    Unknown,
    One(Command),
    Batch(Vec<String>),
}

struct StreamReply {
    id: String,
    shape: Shape,
    replies: mpsc::UnboundedSender<Outgoing>,
    place: Arc<OwnedSemaphorePermit>,
}

impl StreamReply {
    fn push(&self, message: FrameResponse) {
        let outgoing = Outgoing {
            message,
            _place: self.place.clone(),
        };
        // Fails only when the client has left.
        let _ = self.replies.send(outgoing);
    }

    fn fail(&self, failure: Failure, meta: Meta) {
        let response = match &self.shape {
            Shape::One(command) => reply_out::failure_response(command, &failure),
            Shape::Unknown | Shape::Batch(_) => None,
        };
        self.push(reply_out::failed(self.id.clone(), response, failure, meta));
    }

    fn succeed(&self, id: &str, responses: Vec<reply_out::Response>, meta: Meta) {
        for message in reply_out::success(id, responses, meta) {
            self.push(message);
        }
    }
}

impl Reply for StreamReply {
    fn is_wanted(&self) -> bool {
        !self.replies.is_closed()
    }

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
            (Ran::Batch(Ok(_), meta), Shape::Unknown | Shape::One(_)) => {
                let failure = Failure {
                    code: ErrorCode::Internal,
                    message: "a single command was run as a batch".to_owned(),
                    batch_index: None,
                };
                self.fail(failure, meta);
            }
        }
    }
}
