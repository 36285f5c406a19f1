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
/// many requests are made and given up meanwhile. Where a message must go all the
/// same, the connection counts as lost when too many of them wait.
#[derive(Debug)]
pub(super) struct Outbound {
    channel: mpsc::Sender<ActionRequest>,
    /// In the order of sending.
    waiting: VecDeque<ActionRequest>,
    /// So many of them, at the most, are of requests that have ended.
    outlived: usize,
}

/// So many messages may wait though their requests have ended.
const MOST_OUTLIVED: usize = 4096;

impl Outbound {
    pub(super) fn new(channel: mpsc::Sender<ActionRequest>) -> Self {
        Self {
            channel,
            waiting: VecDeque::new(),
            outlived: 0,
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

    /// A request has ended whose message goes all the same.
    pub(super) fn outlived_by(&mut self, id: RequestId) {
        if self.waiting.is_empty() {
            return;
        }
        let id = id.to_string();
        if self.waiting.iter().any(|message| message.request_id == id) {
            self.outlived += 1;
        }
    }

    /// Whether too many messages wait for which nobody does any more.
    pub(super) fn has_stalled(&self) -> bool {
        self.outlived > MOST_OUTLIVED
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
        self.outlived = self.outlived.min(self.waiting.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: u64) -> ActionRequest {
        ActionRequest {
            request_id: id.to_string(),
            ..Default::default()
        }
    }

    #[tokio::test]
    async fn what_must_go_though_nobody_waits_for_it_is_bounded_too() {
        let (channel, mut read) = mpsc::channel(1);
        let mut outbound = Outbound::new(channel);
        for id in 0..=MOST_OUTLIVED as u64 {
            outbound.send(message(id));
            // The first is with the transport already.
            outbound.outlived_by(RequestId::new(id));
        }
        assert!(!outbound.has_stalled(), "so many may wait");
        outbound.send(message(9999));
        outbound.outlived_by(RequestId::new(9999));
        assert!(outbound.has_stalled());
        // A server that reads on has not.
        for id in 0..10 {
            let first = read.recv().await.expect("there is more");
            assert_eq!(first.request_id, id.to_string());
            outbound.pass_on().await;
        }
        assert!(!outbound.has_stalled());
    }
}
