//! The stream, message by message, as no client would use it.

use std::time::Duration;

use synthcap::proto::{
    ActionRequest, ErrorCode, FrameResponse, action_request::Action,
    ue_synth_service_client::UeSynthServiceClient,
};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Response, Status, Streaming, transport::Channel};

use crate::point::{Flaw, Outcome};

pub(crate) type Stub = UeSynthServiceClient<Channel>;

/// One stream of a client.
pub(crate) struct Wire {
    requests: mpsc::UnboundedSender<ActionRequest>,
    replies: Replies,
    patience: Duration,
    next: u32,
}

enum Replies {
    /// A plain server sends no headers before its first reply.
    Opening(JoinHandle<Result<Response<Streaming<FrameResponse>>, Status>>),
    Open(Box<Streaming<FrameResponse>>),
}

impl Wire {
    pub(crate) fn open(stub: &Stub, patience: Duration) -> Self {
        let (requests, receiver) = mpsc::unbounded_channel();
        let mut stub = stub.clone();
        let opened = async move {
            let requests = UnboundedReceiverStream::new(receiver);
            stub.control_stream(requests).await
        };
        Self {
            requests,
            replies: Replies::Opening(tokio::spawn(opened)),
            patience,
            next: 0,
        }
    }

    /// Sends a request under a new ID, which is no number: clients may choose.
    pub(crate) fn send(&mut self, action: impl Into<Option<Action>>) -> String {
        self.next += 1;
        let id = format!("point-{}", self.next);
        self.send_as(&id, action);
        id
    }

    /// Sends a request under this ID.
    pub(crate) fn send_as(&self, id: &str, action: impl Into<Option<Action>>) {
        // A stream that has ended shows when the reply is waited for.
        let _ = self.requests.send(ActionRequest {
            request_id: id.to_owned(),
            action: action.into(),
        });
    }

    /// The next message, whatever it answers.
    pub(crate) async fn receive(&mut self) -> Outcome<FrameResponse> {
        let patience = self.patience;
        let message = timeout(patience, self.message()).await;
        let message = message.map_err(|_| {
            Flaw::failed(
                "a reply",
                format!("none within {patience:?}, the stream open"),
            )
        })??;
        message.ok_or_else(|| Flaw::failed("a reply", "the server ended the stream"))
    }

    async fn message(&mut self) -> Result<Option<FrameResponse>, Status> {
        if let Replies::Opening(opening) = &mut self.replies {
            let opened = opening.await;
            let opened = opened.map_err(|error| Status::internal(error.to_string()))?;
            self.replies = Replies::Open(Box::new(opened?.into_inner()));
        }
        match &mut self.replies {
            Replies::Open(replies) => replies.message().await,
            Replies::Opening(_) => Ok(None),
        }
    }

    /// Asks, and takes the first message of the answer.
    pub(crate) async fn ask(
        &mut self,
        action: impl Into<Option<Action>>,
    ) -> Outcome<FrameResponse> {
        let id = self.send(action);
        self.answer_to(&id).await
    }

    /// The next message, which must be to this request.
    pub(crate) async fn answer_to(&mut self, id: &str) -> Outcome<FrameResponse> {
        let reply = self.receive().await?;
        if reply.request_id == id {
            return Ok(reply);
        }
        let seen = format!("a reply to {:?}", reply.request_id);
        Err(Flaw::failed(format!("a reply to {id:?}"), seen))
    }

    /// All messages of one reply.
    pub(crate) async fn parts(&mut self, id: &str) -> Outcome<Vec<FrameResponse>> {
        let first = self.answer_to(id).await?;
        let count = first.meta.as_ref().map_or(1, |meta| meta.part_count.max(1));
        let mut parts = vec![first];
        while parts.len() < count as usize {
            parts.push(self.answer_to(id).await?);
        }
        Ok(parts)
    }
}

/// The code of a refusal; `None` when it succeeded.
pub(crate) fn refusal(reply: &FrameResponse) -> Option<ErrorCode> {
    let error = reply.meta.as_ref()?.error.as_ref()?;
    Some(ErrorCode::try_from(error.code).unwrap_or(ErrorCode::Unspecified))
}
