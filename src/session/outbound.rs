//! Messages on their way to the transport, which takes them as the server reads.

use std::{collections::VecDeque, future};

use tokio::sync::mpsc::{self, error::TrySendError};

use crate::{
    RequestId,
    proto::{ActionRequest, action_request::Action},
};

/// How many messages the transport holds at the most.
pub(super) const HELD_BY_TRANSPORT: usize = 256;

/// Where messages go, and those that it has no room for while the server does not
/// read.
///
/// What waits here leaves when its request ends, so there are no more of them than
/// requests in flight, and a server that has stopped costs no more memory however
/// many requests are made and given up meanwhile.
#[derive(Debug)]
pub(super) struct Outbound {
    channel: mpsc::Sender<ActionRequest>,
    /// In the order of sending.
    waiting: VecDeque<ActionRequest>,
}

impl Outbound {
    pub(super) fn new(channel: mpsc::Sender<ActionRequest>) -> Self {
        Self {
            channel,
            waiting: VecDeque::new(),
        }
    }

    /// Sends a message after all before it. A cancel of what still waits here takes
    /// that back, and is not sent itself.
    pub(super) fn send(&mut self, message: ActionRequest) {
        if let Some(Action::Cancel(cancel)) = &message.action
            && self.take_back(&cancel.request_id)
        {
            return;
        }
        if !self.waiting.is_empty() {
            if !self.adds_to_credits(&message) {
                self.waiting.push_back(message);
            }
            return;
        }
        match self.channel.try_send(message) {
            Err(TrySendError::Full(message)) => self.waiting.push_back(message),
            // The stream is going down, which its other half reports.
            Ok(()) | Err(TrySendError::Closed(_)) => {}
        }
    }

    /// A request has ended: its message need not go, if it has not.
    pub(super) fn ended(&mut self, id: RequestId) {
        if !self.waiting.is_empty() {
            self.take_back(&id.to_string());
        }
    }

    /// Whether these are credits that went to others of their subscription, which wait.
    fn adds_to_credits(&mut self, message: &ActionRequest) -> bool {
        let Some(Action::AddCredits(more)) = &message.action else {
            return false;
        };
        let waiting = self.waiting.iter_mut();
        let mut credits = waiting.filter_map(|message| match &mut message.action {
            Some(Action::AddCredits(credits)) => Some(credits),
            _ => None,
        });
        match credits.find(|credits| credits.request_id == more.request_id) {
            Some(credits) => {
                credits.credits = credits.credits.saturating_add(more.credits);
                true
            }
            None => false,
        }
    }

    fn take_back(&mut self, id: &str) -> bool {
        let mut waiting = self.waiting.iter();
        let place = waiting.position(|message| message.request_id == id);
        place.and_then(|place| self.waiting.remove(place)).is_some()
    }

    /// Passes on what waits, as soon as there is room for some of it; waits for ever
    /// while nothing does. Cancel safe.
    pub(super) async fn pass_on(&mut self) {
        if self.waiting.is_empty() {
            return future::pending().await;
        }
        let Ok(place) = self.channel.reserve().await else {
            // As when sending.
            return future::pending().await;
        };
        let mut place = Some(place);
        while let Some(free) = place.take()
            && let Some(message) = self.waiting.pop_front()
        {
            free.send(message);
            place = self.channel.try_reserve().ok();
        }
    }
}
