//! Subscriptions as the client's side sees them.
//!
//! Pure bookkeeping, part of the session's state machine: credits that are out,
//! the capture that is coming in, and which numbers were left out.

use std::collections::BTreeMap;

use super::{assembly::Assembly, entry::set_may_show};
use crate::{
    Answer, CameraName, Command, RequestId, Subscription, frame::Stamp,
    proto::frame_response::Response, wire::WireError,
};

/// The subscriptions of one session.
#[derive(Debug, Default)]
pub(crate) struct Pushes {
    open: BTreeMap<RequestId, Open>,
}

#[derive(Debug)]
struct Open {
    subscription: Subscription,
    /// Pushes that the server may still send.
    credits: u32,
    /// The last number that began to come.
    number: u64,
    /// With when it was, as the first part says.
    incoming: Option<(Assembly, Stamp)>,
    skipped: u64,
    /// Whether a connection was lost since the last whole capture.
    interrupted: bool,
}

/// One whole capture that was pushed.
#[derive(Debug)]
pub(crate) struct Pushed {
    pub(crate) answer: Answer,
    /// How many captures were due since the one before it, and not made.
    pub(crate) skipped: u64,
}

impl Pushes {
    pub(crate) fn open(&mut self, id: RequestId, subscription: Subscription) {
        let open = Open {
            credits: subscription.credits,
            subscription,
            number: 0,
            incoming: None,
            skipped: 0,
            interrupted: false,
        };
        self.open.insert(id, open);
    }

    pub(crate) fn close(&mut self, id: RequestId) -> bool {
        self.open.remove(&id).is_some()
    }

    pub(crate) fn contains(&self, id: RequestId) -> bool {
        self.open.contains_key(&id)
    }

    /// Whether any of them may bring frames of this camera. The default camera may be
    /// any.
    pub(crate) fn may_show(&self, camera: &CameraName) -> bool {
        let mut open = self.open.values();
        open.any(|open| set_may_show(&open.subscription.set, camera))
    }

    pub(crate) fn ids(&self) -> Vec<RequestId> {
        self.open.keys().copied().collect()
    }

    /// Notes credits that are given to the server; false for a subscription that
    /// has ended.
    pub(crate) fn add_credits(&mut self, id: RequestId, credits: u32) -> bool {
        let Some(open) = self.open.get_mut(&id) else {
            return false;
        };
        open.credits = open.credits.saturating_add(credits);
        true
    }

    /// The connection is gone, and with it what was coming in. The server's
    /// numbers start over with the next one. Those of which captures are missing
    /// now: each until the next one comes only once, however often the connection,
    /// or an attempt to make one, fails meanwhile.
    pub(crate) fn interrupted(&mut self) -> Vec<RequestId> {
        let mut gaps = Vec::new();
        for (id, open) in &mut self.open {
            if open.incoming.take().is_some() {
                open.credits = open.credits.saturating_add(1);
            }
            open.number = 0;
            if !std::mem::replace(&mut open.interrupted, true) {
                gaps.push(*id);
            }
        }
        gaps
    }

    /// What to ask of a new connection: the same, with the credits that are out.
    pub(crate) fn to_restore(&self, id: RequestId) -> Option<Subscription> {
        self.open.get(&id).map(|open| Subscription {
            credits: open.credits,
            ..open.subscription.clone()
        })
    }

    /// Takes in one part of the push with this number, all of which must be of one
    /// tick.
    pub(crate) fn part(
        &mut self,
        id: RequestId,
        number: u64,
        (index, count): (usize, usize),
        response: Response,
        stamp: Stamp,
    ) -> Result<Option<Pushed>, WireError> {
        let Some(open) = self.open.get_mut(&id) else {
            return Ok(None);
        };
        if open.incoming.is_none() {
            open.begin(number, stamp)?;
        } else if number != open.number {
            let message = format!("push {number} began before push {} was whole", open.number);
            return Err(WireError::new(message));
        }
        let Some((assembly, first)) = &mut open.incoming else {
            return Ok(None);
        };
        if first.tick != stamp.tick {
            return Err(WireError::new("parts of one push differ in their tick"));
        }
        assembly.add(index, count, response)?;
        if !assembly.is_complete() {
            return Ok(None);
        }
        let whole = open.incoming.take();
        let answer = whole.and_then(|(assembly, _)| assembly.finish());
        let skipped = std::mem::take(&mut open.skipped);
        open.interrupted = false;
        Ok(answer.map(|answer| Pushed { answer, skipped }))
    }
}

impl Open {
    fn begin(&mut self, number: u64, stamp: Stamp) -> Result<(), WireError> {
        if number <= self.number {
            let message = format!("push {number} came after push {}", self.number);
            return Err(WireError::new(message));
        }
        self.credits = self
            .credits
            .checked_sub(1)
            .ok_or_else(|| WireError::new("the server pushed more than it had credits for"))?;
        // The first push of a connection has nothing before it.
        self.skipped = if self.number == 0 {
            0
        } else {
            number - self.number - 1
        };
        self.number = number;
        let set = Command::CaptureSet(self.subscription.set.clone());
        self.incoming = Some((Assembly::of(&set), stamp));
        Ok(())
    }
}

/// A push as it is handed to its reader.
pub(crate) type PushedSet<F> = (Answer<F>, Stamp, u64);
