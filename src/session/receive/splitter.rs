//! The bytes of a gRPC stream, message by message.

use std::{collections::VecDeque, io::Read as _, sync::Arc};

use bytes::{BufMut, Bytes, BytesMut};
use flate2::read::GzDecoder;

use super::{Extra, Extras, parser::Parser};
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
            extras,
            begun: 0,
            state: BETWEEN,
            parser: Parser::new(pool),
        }
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
            State::Prefix(..) | State::Apart | State::Skip { .. } => {
                out.push_back(Bytes::from_static(&[0]));
            }
        }
    }

    /// A message begins; whether it is passed on as it is.
    fn begin(&mut self, prefix: [u8; PREFIX]) -> bool {
        self.begun += 1;
        let [flag, a, b, c, d] = prefix;
        let len = u32::from_be_bytes([a, b, c, d]) as usize;
        self.state = match flag {
            0 | 1 if len > self.max_message_bytes => State::Skip {
                len,
                left: len,
                compressed: flag == 1,
                head: Vec::new(),
            },
            0 if len >= LARGE => {
                self.parser.begin(len);
                State::Apart
            }
            _ if len == 0 => BETWEEN,
            _ => State::Through(len),
        };
        !matches!(self.state, State::Skip { .. } | State::Apart)
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
            let head = if compressed { inflated(&head) } else { head };
            self.extras.push(self.begun, Extra::TooLong(len as u64));
            out.push_back(only_id(&head));
        }
    }
}

/// Passes part of a piece on.
fn pass(piece: &Bytes, from: usize, to: usize, out: &mut VecDeque<Bytes>) {
    if from < to {
        out.push_back(piece.slice(from..to));
    }
}

/// What the beginning of a compressed message says, as far as it goes.
fn inflated(head: &[u8]) -> Vec<u8> {
    let mut decoder = GzDecoder::new(head);
    let mut text = [0; HEAD];
    let mut len = 0;
    // Ends with an error, because the message goes on.
    while let Ok(more @ 1..) = decoder.read(&mut text[len..]) {
        len += more;
    }
    text[..len].to_vec()
}

/// A message with the request ID of one that begins like this, as every encoder
/// writes it; empty when there is none.
fn only_id(head: &[u8]) -> Bytes {
    let id = match head {
        [0x0a, len @ 0..0x80, rest @ ..] => rest.get(..usize::from(*len)),
        _ => None,
    };
    let id = id.filter(|id| std::str::from_utf8(id).is_ok());
    let field = id.map_or(&[][..], |id| &head[..2 + id.len()]);
    let mut message = BytesMut::with_capacity(PREFIX + field.len());
    message.put_u8(0);
    message.put_u32(field.len() as u32);
    message.extend_from_slice(field);
    message.freeze()
}
