//! The bytes that both sides agree on: messages of the side socket and headers
//! of slots. All numbers are little-endian. `docs/shared-memory.md` is the
//! reference; what is here follows it.

use std::ops::Range;

/// Begins every message and every slot; the last byte is the version.
const MAGIC: [u8; 8] = *b"SYNCSHM\x01";

/// How side sockets are named, so that a client can be sent to no other.
pub const NAME_PREFIX: &str = "synthcap-";

/// The length of a [`Token`].
pub const TOKEN_BYTES: usize = 16;

/// Names one client's side socket on its real connection. Random, and told to
/// that client alone.
pub type Token = [u8; TOKEN_BYTES];

/// The most slots that a pool has.
pub const MAX_SLOTS: u32 = 256;

/// Where the pixels begin: a page of their own, so that they are aligned for
/// anything.
pub(crate) const PIXELS_AT: usize = 4096;

/// Distance between the words of two slots in the control memory, so that no two
/// share a cache line.
pub(crate) const RELEASE_STRIDE: usize = 64;

/// Size of the control memory.
pub(crate) const CONTROL_BYTES: usize = MAX_SLOTS as usize * RELEASE_STRIDE;

const MAGIC_AT: usize = 0;
const SLOT_AT: usize = 8;
pub(crate) const STATE_AT: usize = 16;
pub(crate) const LENGTH_AT: usize = 24;

/// Where a frame lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Placed {
    /// The slot's number.
    pub slot: u32,
    /// How often that slot has been written.
    pub generation: u64,
    /// Bytes of the frame.
    pub length: u64,
}

/// What a slot's memory is in the middle of. The reader's lease is not among
/// them: the reader cannot write there and says so in the control memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Phase {
    Free = 0,
    Writing = 1,
    Ready = 2,
}

/// The state word: generation and phase in one, so that they change together.
pub(crate) fn state(generation: u64, phase: Phase) -> u64 {
    generation << 2 | phase as u64
}

/// The fixed part of a slot's header.
pub(crate) fn slot_header(slot: u32) -> [u8; 12] {
    let mut header = [0; 12];
    header[MAGIC_AT..SLOT_AT].copy_from_slice(&MAGIC);
    header[SLOT_AT..].copy_from_slice(&slot.to_le_bytes());
    header
}

/// A message of the side socket. Only the server sends any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// The first; brings the control memory.
    Hello { token: Token },
    /// A slot is new; brings its memory. Replaces an earlier one of that number.
    Slot { slot: u32, capacity: u64 },
    /// A slot is no more.
    Retire { slot: u32 },
}

/// The length of every message.
pub(crate) const MESSAGE_BYTES: usize = 40;

const KIND: Range<usize> = 8..12;
const SLOT: Range<usize> = 12..16;
const VALUE: Range<usize> = 16..24;
const TOKEN: Range<usize> = 24..40;

const HELLO: u32 = 1;
const NEW_SLOT: u32 = 2;
const RETIRE: u32 = 3;

impl Message {
    pub(crate) fn encode(self) -> [u8; MESSAGE_BYTES] {
        let (kind, slot, value, token) = match self {
            Self::Hello { token } => (HELLO, 0, u64::from(MAX_SLOTS), token),
            Self::Slot { slot, capacity } => (NEW_SLOT, slot, capacity, Token::default()),
            Self::Retire { slot } => (RETIRE, slot, 0, Token::default()),
        };
        let mut bytes = [0; MESSAGE_BYTES];
        bytes[..KIND.start].copy_from_slice(&MAGIC);
        bytes[KIND].copy_from_slice(&kind.to_le_bytes());
        bytes[SLOT].copy_from_slice(&slot.to_le_bytes());
        bytes[VALUE].copy_from_slice(&value.to_le_bytes());
        bytes[TOKEN].copy_from_slice(&token);
        bytes
    }

    /// `None` when the bytes are no message of this version.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; MESSAGE_BYTES] = bytes.try_into().ok()?;
        if bytes[..KIND.start] != MAGIC {
            return None;
        }
        let slot = u32::from_le_bytes(bytes[SLOT].try_into().ok()?);
        let value = u64::from_le_bytes(bytes[VALUE].try_into().ok()?);
        let kind = u32::from_le_bytes(bytes[KIND].try_into().ok()?);
        match kind {
            // A server with more slots than we have words for is not ours.
            HELLO if value == u64::from(MAX_SLOTS) => Some(Self::Hello {
                token: bytes[TOKEN].try_into().ok()?,
            }),
            NEW_SLOT if slot < MAX_SLOTS => Some(Self::Slot {
                slot,
                capacity: value,
            }),
            RETIRE if slot < MAX_SLOTS => Some(Self::Retire { slot }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_is_as_documented() {
        let message = Message::Slot {
            slot: 5,
            capacity: 0x0102,
        };
        let mut expected = b"SYNCSHM\x01\x02\0\0\0\x05\0\0\0\x02\x01".to_vec();
        expected.resize(MESSAGE_BYTES, 0);
        assert_eq!(message.encode()[..], expected);
    }

    proptest! {
        #[test]
        fn every_message_comes_back(token: Token, slot in 0..MAX_SLOTS, capacity: u64) {
            for message in [
                Message::Hello { token },
                Message::Slot { slot, capacity },
                Message::Retire { slot },
            ] {
                prop_assert_eq!(Message::decode(&message.encode()), Some(message));
            }
        }

        #[test]
        fn anything_else_is_refused_quietly(
            bytes in prop::collection::vec(any::<u8>(), 0..80),
            kind in 0_u32..6,
        ) {
            // Random bytes hardly ever have the magic, so it is put in too.
            let mut known = Message::Retire { slot: 0 }.encode();
            let count = bytes.len().min(MESSAGE_BYTES - KIND.end);
            known[KIND].copy_from_slice(&kind.to_le_bytes());
            known[KIND.end..][..count].copy_from_slice(&bytes[..count]);
            prop_assert_eq!(Message::decode(&bytes), None);
            if let Some(message) = Message::decode(&known) {
                prop_assert_eq!(Message::decode(&message.encode()), Some(message));
            }
        }

        #[test]
        fn a_state_tells_generation_and_phase(a in 0_u64..1 << 60, b in 0_u64..1 << 60) {
            let phases = [Phase::Free, Phase::Writing, Phase::Ready];
            for x in phases {
                for y in phases {
                    prop_assert_eq!(state(a, x) == state(b, y), (a, x) == (b, y));
                }
            }
        }
    }
}
