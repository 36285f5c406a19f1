//! One large message, byte by byte as it comes: its pixels go to a buffer of
//! their own, the rest to a skeleton that decodes to the same message without
//! them.
//!
//! Knows no more of protobuf than where fields begin and end. What it does not
//! understand it copies, so that the decoder judges it.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use crate::frame::pool::{Buffer, BufferPool};

/// `FrameResponse.image_response`.
const IMAGE_FIELD: u32 = 4;
/// `ImageResponse.image_data`.
const PIXELS_FIELD: u32 = 1;
/// Groups within groups that are followed; the decoder refuses as many.
const DEEPEST: u32 = 100;
/// Flag and length before each gRPC message.
const PREFIX: usize = 5;

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const GROUP_START: u32 = 3;
const GROUP_END: u32 = 4;
const FIXED32: u32 = 5;

/// A large message on its way in.
#[derive(Debug)]
pub(super) struct Parser {
    pool: Arc<BufferPool>,
    /// What the decoder will read, after room for the prefix.
    skeleton: BytesMut,
    /// The same for the image within, whose length is known last.
    image: BytesMut,
    /// Bytes of the message that are still to come.
    left: usize,
    /// Of these, bytes of the image, while inside it.
    image_left: Option<usize>,
    step: Step,
    depth: u32,
    pixels: Option<Bytes>,
}

#[derive(Debug)]
enum Step {
    Tag(Varint),
    /// The length of a field with this tag.
    Length(Varint, Varint),
    /// A varint field's value.
    Value(Varint),
    /// This many bytes to copy.
    Copy(usize),
    Pixels(Buffer),
    /// The message breaks the format.
    Broken,
}

/// A varint as far as it has come, kept as it was written.
#[derive(Clone, Copy, Debug, Default)]
struct Varint {
    bytes: [u8; 10],
    len: usize,
}

impl Varint {
    /// Takes a byte; the value once it is complete, and an error when it is none.
    fn push(&mut self, byte: u8) -> Result<Option<u64>, ()> {
        let slot = self.bytes.get_mut(self.len).ok_or(())?;
        *slot = byte;
        self.len += 1;
        if byte >= 0x80 {
            return Ok(None);
        }
        if self.len == self.bytes.len() && byte > 1 {
            return Err(());
        }
        let value = self.written().iter().rev();
        Ok(Some(value.fold(0, |v, b| v << 7 | u64::from(b & 0x7f))))
    }

    fn written(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Parser {
    pub(super) fn new(pool: Arc<BufferPool>) -> Self {
        Self {
            pool,
            skeleton: BytesMut::new(),
            image: BytesMut::new(),
            left: 0,
            image_left: None,
            step: Step::Tag(Varint::default()),
            depth: 0,
            pixels: None,
        }
    }

    /// Begins a message of this length.
    pub(super) fn begin(&mut self, len: usize) {
        self.skeleton.clear();
        self.skeleton.reserve(256);
        self.skeleton.put_bytes(0, PREFIX);
        self.image_left = None;
        self.left = len;
        self.step = Step::Tag(Varint::default());
        self.depth = 0;
        self.pixels = None;
    }

    /// How many bytes of the message are still to come.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Takes in the next bytes of the message, no more than are still to come.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let level = self.image_left.unwrap_or(self.left);
            let within = &bytes[..bytes.len().min(level)];
            let used = self.advance(within);
            bytes = &bytes[used..];
            self.left -= used;
            if let Some(left) = &mut self.image_left {
                *left -= used;
            }
            self.enter_and_leave();
        }
    }

    /// Takes one step, and tells how many bytes it used: at least one.
    fn advance(&mut self, bytes: &[u8]) -> usize {
        let out = match self.image_left {
            Some(_) => &mut self.image,
            None => &mut self.skeleton,
        };
        match &mut self.step {
            Step::Broken => bytes.len(),
            Step::Copy(left) => {
                let used = bytes.len().min(*left);
                out.extend_from_slice(&bytes[..used]);
                *left -= used;
                if *left == 0 {
                    self.step = Step::Tag(Varint::default());
                }
                used
            }
            Step::Pixels(buffer) => {
                let used = bytes.len().min(buffer.missing());
                buffer.extend(&bytes[..used]);
                if buffer.missing() == 0 {
                    self.pixels_are_in();
                }
                used
            }
            Step::Tag(varint) | Step::Value(varint) | Step::Length(_, varint) => {
                match varint.push(bytes[0]) {
                    Ok(None) => {}
                    Ok(Some(value)) => self.number(value),
                    Err(()) => self.step = Step::Broken,
                }
                1
            }
        }
    }

    /// A varint is complete.
    fn number(&mut self, value: u64) {
        let step = std::mem::replace(&mut self.step, Step::Broken);
        self.step = match step {
            Step::Tag(tag) => self.tagged(tag, value),
            Step::Length(tag, length) => self.sized(tag, length, value),
            Step::Value(written) => {
                self.copy(&written);
                Step::Tag(Varint::default())
            }
            other => other,
        };
    }

    fn copy(&mut self, varint: &Varint) {
        let out = match self.image_left {
            Some(_) => &mut self.image,
            None => &mut self.skeleton,
        };
        out.extend_from_slice(varint.written());
    }

    /// A field begins.
    fn tagged(&mut self, tag: Varint, value: u64) -> Step {
        let Ok(value) = u32::try_from(value) else {
            return Step::Broken;
        };
        if value & 7 == LENGTH {
            return Step::Length(tag, Varint::default());
        }
        self.copy(&tag);
        match value & 7 {
            VARINT => Step::Value(Varint::default()),
            FIXED64 => Step::Copy(8),
            FIXED32 => Step::Copy(4),
            GROUP_START if self.depth < DEEPEST => {
                self.depth += 1;
                Step::Tag(Varint::default())
            }
            GROUP_END if self.depth > 0 => {
                self.depth -= 1;
                Step::Tag(Varint::default())
            }
            _ => Step::Broken,
        }
    }

    /// A field with a length begins; the bytes of the length are still counted as
    /// to come, by one.
    fn sized(&mut self, tag: Varint, length: Varint, value: u64) -> Step {
        let room = self.image_left.unwrap_or(self.left) - 1;
        let Some(len) = usize::try_from(value).ok().filter(|len| *len <= room) else {
            return Step::Broken;
        };
        let field = tag.written().iter().rev();
        let field = field.fold(0_u64, |v, b| v << 7 | u64::from(b & 0x7f)) >> 3;
        let is = |wanted: u32| self.depth == 0 && field == u64::from(wanted);
        if self.image_left.is_none() && is(IMAGE_FIELD) {
            self.image.clear();
            // The last byte of the length is taken off after this step.
            self.image_left = Some(len + 1);
            return Step::Tag(Varint::default());
        }
        if self.image_left.is_some() && is(PIXELS_FIELD) && len > 0 {
            return Step::Pixels(self.pool.take(len));
        }
        self.copy(&tag);
        self.copy(&length);
        if len == 0 {
            return Step::Tag(Varint::default());
        }
        Step::Copy(len)
    }

    /// The decoder finds one byte in place of the pixels. Earlier ones of the same
    /// message would be replaced by the decoder too.
    fn pixels_are_in(&mut self) {
        let step = std::mem::replace(&mut self.step, Step::Tag(Varint::default()));
        if let Step::Pixels(buffer) = step {
            self.pixels = Some(buffer.freeze());
            let tag = PIXELS_FIELD << 3 | LENGTH;
            self.image.extend_from_slice(&[tag as u8, 1, 1]);
        }
    }

    /// Ends the image when all of it is in.
    fn enter_and_leave(&mut self) {
        if self.image_left != Some(0) {
            return;
        }
        self.image_left = None;
        if !self.is_between_fields() {
            self.step = Step::Broken;
            return;
        }
        let tag = IMAGE_FIELD << 3 | LENGTH;
        self.skeleton.put_u8(tag as u8);
        prost::encoding::encode_varint(self.image.len() as u64, &mut self.skeleton);
        self.skeleton.extend_from_slice(&self.image);
    }

    fn is_between_fields(&self) -> bool {
        self.depth == 0 && matches!(self.step, Step::Tag(tag) if tag.len == 0)
    }

    /// The skeleton with its prefix, and the pixels if there were any.
    pub(super) fn finish(&mut self) -> (Bytes, Option<Bytes>) {
        let mut pixels = self.pixels.take();
        if !self.is_between_fields() {
            self.skeleton.truncate(PREFIX);
            // No tag is 0, so that the decoder refuses it as it would the whole.
            self.skeleton.put_u8(0);
            pixels = None;
        }
        let len = (self.skeleton.len() - PREFIX) as u32;
        self.skeleton[1..PREFIX].copy_from_slice(&len.to_be_bytes());
        (self.skeleton.split().freeze(), pixels)
    }
}
