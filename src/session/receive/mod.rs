//! The receiving side of the stream's message layer.
//!
//! Tonic gathers every message in one contiguous buffer, which for a frame is a
//! copy too many, into memory that no pixel type may be read from in place. So
//! the bytes pass through a [`Splitter`] first: it takes the pixels out of large
//! messages, straight into a pooled, aligned buffer of their own, and hands tonic
//! what is left. The decoder puts the two together again. Small messages, status and
//! errors go tonic's way untouched. A message over the limit ends a request and not
//! the stream, which tonic would end.

mod body;
mod codec;
#[cfg(fuzzing)]
pub(crate) mod fuzzed;
mod packed;
mod parser;
#[cfg(test)]
mod reference_tests;
mod splitter;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

pub(super) use body::SplitChannel;
use bytes::Bytes;
pub(super) use codec::StreamCodec;
pub(super) use splitter::Splitter;

use crate::proto::FrameResponse;

/// What the stream brings.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "messages are nearly all of them, and a box would be an allocation each"
)]
pub(crate) enum Received {
    Message(FrameResponse),
    /// A message over the limit, which was passed over.
    TooLong {
        /// Whose reply it was; empty when that could not be told.
        request_id: String,
        /// At least.
        bytes: u64,
    },
}

/// What was kept apart from a message, on its way around tonic.
#[derive(Debug, PartialEq)]
enum Extra {
    /// The pixels, in whose place the message has a mark.
    Pixels(Bytes),
    /// The message had this many bytes, or more, and is reduced to its request ID.
    TooLong(u64),
}

/// The way around tonic: extras by the number of their message.
#[derive(Clone, Debug, Default)]
pub(super) struct Extras(Arc<Mutex<VecDeque<(u64, Extra)>>>);

impl Extras {
    fn push(&self, message: u64, extra: Extra) {
        self.lock().push_back((message, extra));
    }

    fn of(&self, message: u64) -> Option<Extra> {
        let mut waiting = self.lock();
        let next = waiting.front().map(|(number, _)| *number);
        if next == Some(message) {
            return waiting.pop_front().map(|(_, extra)| extra);
        }
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(u64, Extra)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
