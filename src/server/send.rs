//! The sending side of the stream's message layer.
//!
//! Tonic copies every message into one buffer before it sends it, which for a
//! frame is a copy too many. So a stream that is not compressed has a body of our
//! own: small messages are written together, and an image as its first bytes, the
//! pixels as the engine made them, and the rest.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body as HttpBody, Frame};
use prost::{
    Message as _,
    encoding::{encode_varint, encoded_len_varint},
};
use tonic::{body::Body, codegen::Service, server::NamedService};

use super::{
    outbox::{Outgoing, Place, Reader},
    shared::Slots,
};
use crate::proto::{FrameResponse, ImageResponse, frame_response};

/// Pixels from this size on are sent from where they lie; below, a copy costs
/// less than a piece of their own.
const LARGE: usize = 4096;
/// Small messages are gathered up to about this size.
const GATHERED: usize = 32 << 10;

/// Flag and length before each message.
const PREFIX: usize = 5;
/// `FrameResponse.request_id`, `FrameResponse.image_response` and
/// `ImageResponse.image_data`, each a field with a length.
const REQUEST_ID: u8 = 1 << 3 | 2;
const IMAGE: u8 = 4 << 3 | 2;
const PIXELS: u8 = 1 << 3 | 2;

/// The replies of a stream as the body of its response.
#[derive(Debug)]
pub(super) struct ReplyBody {
    replies: Reader,
    slots: Slots,
    taken: Vec<Outgoing>,
    pieces: VecDeque<Piece>,
    buffer: BytesMut,
    end: End,
}

#[derive(Debug)]
struct Piece {
    bytes: Bytes,
    /// Of the request whose pixels these are: what waits here counts as in flight.
    _place: Option<Place>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    NotYet,
    Trailers,
    Done,
}

impl ReplyBody {
    pub(super) fn new(replies: Reader, slots: Slots) -> Self {
        Self {
            replies,
            slots,
            taken: Vec::new(),
            pieces: VecDeque::new(),
            buffer: BytesMut::new(),
            end: End::NotYet,
        }
    }

    /// Turns the messages that were taken into pieces.
    fn write(&mut self) {
        for mut outgoing in self.taken.drain(..) {
            self.slots.place(&mut outgoing.message);
            if let Some(pixels) = large_pixels(&mut outgoing.message) {
                write_around(
                    &outgoing.message,
                    pixels.len(),
                    &mut self.buffer,
                    |buffer| {
                        let bytes = buffer.split().freeze();
                        self.pieces.push_back(Piece {
                            bytes,
                            _place: None,
                        });
                    },
                );
                self.pieces.push_back(Piece {
                    bytes: pixels,
                    _place: outgoing.place,
                });
                continue;
            }
            write_whole(&outgoing.message, &mut self.buffer);
            if self.buffer.len() >= GATHERED {
                let bytes = self.buffer.split().freeze();
                self.pieces.push_back(Piece {
                    bytes,
                    _place: None,
                });
            }
        }
        if !self.buffer.is_empty() {
            let bytes = self.buffer.split().freeze();
            self.pieces.push_back(Piece {
                bytes,
                _place: None,
            });
        }
    }
}

impl HttpBody for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(piece.bytes))));
            }
            match self.end {
                End::NotYet => {}
                End::Trailers => {
                    self.end = End::Done;
                    let mut trailers = HeaderMap::new();
                    trailers.insert("grpc-status", HeaderValue::from_static("0"));
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
                End::Done => return Poll::Ready(None),
            }
            let this = &mut *self;
            if ready!(this.replies.poll_all(cx, &mut this.taken)) {
                this.write();
            } else {
                this.end = End::Trailers;
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.end == End::Done
    }
}

/// Takes the pixels out of a message that has many of them.
fn large_pixels(message: &mut FrameResponse) -> Option<Bytes> {
    match &mut message.response {
        Some(frame_response::Response::ImageResponse(image)) if image.image_data.len() >= LARGE => {
            Some(std::mem::take(&mut image.image_data))
        }
        _ => None,
    }
}

fn write_prefix(len: usize, buffer: &mut BytesMut) {
    buffer.put_u8(0);
    // The kit's limits keep images far below 4 GiB.
    buffer.put_u32(len as u32);
}

fn write_whole(message: &FrameResponse, buffer: &mut BytesMut) {
    let len = message.encoded_len();
    buffer.reserve(PREFIX + len);
    write_prefix(len, buffer);
    message.encode_raw(buffer);
}

/// Writes a message whose pixels have been taken out, in the order in which the
/// whole would be encoded; at the place of the pixels calls `pixels`.
fn write_around(
    message: &FrameResponse,
    pixels_len: usize,
    buffer: &mut BytesMut,
    pixels: impl FnOnce(&mut BytesMut),
) {
    let Some(frame_response::Response::ImageResponse(image)) = &message.response else {
        return;
    };
    let id = message.request_id.as_bytes();
    let id_len = match id.len() {
        0 => 0,
        len => sized(len),
    };
    let image_len = sized(pixels_len) + image.encoded_len();
    let meta_len = message
        .meta
        .as_ref()
        .map_or(0, |meta| prost::encoding::message::encoded_len(META, meta));
    let len = id_len + sized(image_len) + meta_len;
    buffer.reserve(4 * PREFIX + PREFIX + id_len);
    write_prefix(len, buffer);
    if !id.is_empty() {
        buffer.put_u8(REQUEST_ID);
        encode_varint(id.len() as u64, buffer);
        buffer.put_slice(id);
    }
    buffer.put_u8(IMAGE);
    encode_varint(image_len as u64, buffer);
    buffer.put_u8(PIXELS);
    encode_varint(pixels_len as u64, buffer);
    pixels(buffer);
    ImageResponse::encode_raw(image, buffer);
    if let Some(meta) = &message.meta {
        prost::encoding::message::encode(META, meta, buffer);
    }
}

/// `FrameResponse.meta`.
const META: u32 = 1100;

/// Bytes of a field with a length: a tag of one byte, the length, the content.
fn sized(len: usize) -> usize {
    1 + encoded_len_varint(len as u64) + len
}

/// A body on its way past tonic, in the extensions of the response that it is for.
#[derive(Clone, Debug)]
pub(super) struct Handover(Arc<Mutex<Option<ReplyBody>>>);

impl Handover {
    pub(super) fn new(body: ReplyBody) -> Self {
        Self(Arc::new(Mutex::new(Some(body))))
    }

    fn take(&self) -> Option<ReplyBody> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The generated service, with the bodies that were handed over in the place of
/// those that it made.
#[derive(Clone, Debug)]
pub(super) struct WithOwnBodies<S>(pub(super) S);

impl<S: NamedService> NamedService for WithOwnBodies<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for WithOwnBodies<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let response = self.0.call(request);
        Box::pin(async move {
            let mut response = response.await?;
            let handover = response.extensions_mut().remove::<Handover>();
            Ok(match handover.and_then(|handover| handover.take()) {
                Some(body) => response.map(|_| Body::new(body)),
                None => response,
            })
        })
    }
}
