//! The bytes of a gRPC stream, message by message.

use std::{collections::VecDeque, sync::Arc};

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    Extra, Extras,
    packed::{self, Unpacked},
    parser::Parser,
};
use crate::frame::pool::BufferPool;

/// Flag and length before each message.
const PREFIX: usize = 5;
/// From this length on a message is looked into; below, a copy costs nothing.
const LARGE: usize = if cfg!(fuzzing) { 16 } else { 4096 };
/// How much of a message over the limit is kept to find its request ID.
const HEAD: usize = 256;

/// Takes what is large out of a stream of messages.
#[derive(Debug)]
pub(crate) struct Splitter {
    max_message_bytes: usize,
    /// Whether the stream said that messages may be compressed.
    gzip: bool,
    extras: Extras,
    /// How many messages have begun.
    begun: u64,
    state: State,
    parser: Parser,
}

#[derive(Debug)]
enum State {
    /// Between messages, with as many bytes of the prefix.
    Prefix([u8; PREFIX], usize),
    /// Inside a message that is passed on, with as many bytes to come.
    Through(usize),
    /// Inside a message that the parser takes in.
    Apart,
    /// Inside a compressed message of this length, and what has come of it.
    Packed(usize, Vec<u8>),
    /// Inside a message over the limit.
    Skip {
        len: usize,
        left: usize,
        compressed: bool,
        head: Vec<u8>,
    },
}

const BETWEEN: State = State::Prefix([0; PREFIX], 0);

impl Splitter {
    pub(crate) fn new(max_message_bytes: usize, pool: Arc<BufferPool>, extras: Extras) -> Self {
        Self {
            max_message_bytes,
            gzip: false,
            extras,
            begun: 0,
            state: BETWEEN,
            parser: Parser::new(pool),
        }
    }

    /// The stream said in its headers that messages may be compressed with gzip.
    pub(crate) fn with_gzip(mut self, gzip: bool) -> Self {
        self.gzip = gzip;
        self
    }

    /// Takes in a piece of the stream, however it was cut, and appends to `out`
    /// what tonic is to read.
    pub(crate) fn feed(&mut self, piece: &Bytes, out: &mut VecDeque<Bytes>) {
        let (mut at, mut passed) = (0, 0);
        while at < piece.len() {
            let rest = &piece[at..];
            match &mut self.state {
                State::Prefix(prefix, got) => {
                    let used = rest.len().min(PREFIX - *got);
                    prefix[*got..*got + used].copy_from_slice(&rest[..used]);
                    *got += used;
                    let (prefix, whole) = (*prefix, *got == PREFIX);
                    at += used;
                    if !whole || !self.begin(prefix) {
                        pass(piece, passed, at - used, out);
                        passed = at;
                    } else if used < PREFIX {
                        // Its first bytes were held back with the piece before.
                        out.push_back(Bytes::copy_from_slice(&prefix));
                        passed = at;
                    }
                }
                State::Through(left) => {
                    let used = rest.len().min(*left);
                    *left -= used;
                    at += used;
                    if *left == 0 {
                        self.state = BETWEEN;
                    }
                }
                State::Apart => {
                    let used = rest.len().min(self.parser.left());
                    self.parser.feed(&rest[..used]);
                    at += used;
                    passed = at;
                    if self.parser.left() == 0 {
                        self.put_apart(out);
                    }
                }
                State::Packed(len, packed) => {
                    let used = rest.len().min(*len - packed.len());
                    packed.extend_from_slice(&rest[..used]);
                    at += used;
                    passed = at;
                    if packed.len() == *len {
                        let packed = std::mem::take(packed);
                        self.unpack(packed, out);
                    }
                }
                State::Skip { left, head, .. } => {
                    let used = rest.len().min(*left);
                    let kept = used.min(HEAD - head.len());
                    head.extend_from_slice(&rest[..kept]);
                    *left -= used;
                    at += used;
                    passed = at;
                    if *left == 0 {
                        self.skipped(out);
                    }
                }
            }
        }
        pass(piece, passed, at, out);
    }

    /// The stream has ended. Tonic must see that it did so within a message, which
    /// may have been held back.
    pub(crate) fn end(&mut self, out: &mut VecDeque<Bytes>) {
        match std::mem::replace(&mut self.state, BETWEEN) {
            State::Prefix(_, 0) | State::Through(_) => {}
            State::Prefix(..) | State::Apart | State::Packed(..) | State::Skip { .. } => {
                out.push_back(Bytes::from_static(&[0]));
            }
        }
    }

    /// A message begins; whether it is passed on as it is.
    fn begin(&mut self, prefix: [u8; PREFIX]) -> bool {
        let [flag, a, b, c, d] = prefix;
        let len = u32::from_be_bytes([a, b, c, d]) as usize;
        if flag == 1 && self.gzip && (1..=self.max_message_bytes).contains(&len) {
            // It counts when it is unpacked.
            self.state = State::Packed(len, Vec::new());
            return false;
        }
        if flag <= 1 && len > self.max_message_bytes {
            self.state = State::Skip {
                len,
                left: len,
                compressed: flag == 1,
                head: Vec::new(),
            };
            return false;
        }
        self.begun += 1;
        self.state = match flag {
            0 if len >= LARGE => {
                self.parser.begin(len);
                State::Apart
            }
            _ if len == 0 => BETWEEN,
            _ => State::Through(len),
        };
        !matches!(self.state, State::Apart)
    }

    /// A large message is complete.
    fn put_apart(&mut self, out: &mut VecDeque<Bytes>) {
        let (skeleton, pixels) = self.parser.finish();
        if let Some(pixels) = pixels {
            self.extras.push(self.begun, Extra::Pixels(pixels));
        }
        out.push_back(skeleton);
        self.state = BETWEEN;
    }

    /// A compressed message is complete. It goes on as if it had come without.
    fn unpack(&mut self, packed: Vec<u8>, out: &mut VecDeque<Bytes>) {
        self.state = BETWEEN;
        match packed::unpack(&packed, self.max_message_bytes) {
            Unpacked::Whole(message) => {
                self.feed(&prefix(0, message.len()), out);
                self.feed(&message.into(), out);
            }
            Unpacked::TooLong(message) => self.too_long(message.len(), &message, out),
            // Tonic says what is wrong with it.
            Unpacked::Broken => {
                self.begun += 1;
                out.push_back(prefix(1, packed.len()));
                out.push_back(packed.into());
            }
        }
    }

    /// A message over the limit is over.
    fn skipped(&mut self, out: &mut VecDeque<Bytes>) {
        let state = std::mem::replace(&mut self.state, BETWEEN);
        if let State::Skip {
            len,
            compressed,
            head,
            ..
        } = state
        {
            match compressed {
                true => self.too_long(len, &packed::beginning(&head, HEAD), out),
                false => self.too_long(len, &head, out),
            }
        }
    }

    /// In the place of a message over the limit, one that says no more than whose
    /// reply it was.
    fn too_long(&mut self, len: usize, head: &[u8], out: &mut VecDeque<Bytes>) {
        self.begun += 1;
        self.extras.push(self.begun, Extra::TooLong(len as u64));
        let id = only_id(head);
        out.push_back(prefix(0, id.len()));
        out.push_back(Bytes::copy_from_slice(id));
    }
}

/// What stands before a message.
fn prefix(flag: u8, len: usize) -> Bytes {
    let mut prefix = BytesMut::with_capacity(PREFIX);
    prefix.put_u8(flag);
    prefix.put_u32(len as u32);
    prefix.freeze()
}

/// Passes part of a piece on.
fn pass(piece: &Bytes, from: usize, to: usize, out: &mut VecDeque<Bytes>) {
    if from < to {
        out.push_back(piece.slice(from..to));
    }
}

/// The request ID of a message that begins like this, as the field that every
/// encoder writes first; empty when there is none.
fn only_id(head: &[u8]) -> &[u8] {
    let id = match head {
        [0x0a, len @ 0..0x80, rest @ ..] => rest.get(..usize::from(*len)),
        _ => None,
    };
    let id = id.filter(|id| std::str::from_utf8(id).is_ok());
    id.map_or(&[], |id| &head[..2 + id.len()])
}
