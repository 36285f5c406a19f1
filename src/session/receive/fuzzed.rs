//! The same bytes by tonic alone and through the splitter, for fuzzers.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::{Body, Frame};
use prost::Message as _;
use tokio_stream::Stream;
use tonic::{
    Code, Status, Streaming,
    codec::{Codec, CompressionEncoding, DecodeBuf, Decoder},
};

use super::{Extras, Received, Splitter, StreamCodec, body::SplitBody};
use crate::{frame::pool::BufferPool, proto::FrameResponse};

const LIMIT: usize = 1 << 20;

struct Pieces(VecDeque<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Frame::data).map(Ok))
    }
}

struct Plain;

impl Decoder for Plain {
    type Item = Received;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Received>, Status> {
        let message = FrameResponse::decode(buffer);
        let message = message.map_err(|error| Status::internal(error.to_string()))?;
        Ok(Some(Received::Message(message)))
    }
}

/// Everything a stream brings, and how it ends.
fn all(mut stream: Streaming<Received>) -> (Vec<Received>, Result<(), Code>) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut messages = Vec::new();
    loop {
        match Pin::new(&mut stream).poll_next(&mut cx) {
            Poll::Ready(Some(Ok(message))) => messages.push(message),
            Poll::Ready(Some(Err(status))) => return (messages, Err(status.code())),
            Poll::Ready(None) | Poll::Pending => return (messages, Ok(())),
        }
    }
}

/// A body in pieces: where they begin comes first, counted by the first byte.
fn pieces(bytes: &[u8]) -> Option<VecDeque<Bytes>> {
    let (count, rest) = bytes.split_first()?;
    let (cuts, body) = rest.split_at_checked(2 * usize::from(count % 8))?;
    let cut = |pair: &[u8]| usize::from(u16::from_le_bytes([pair[0], pair[1]]));
    let mut cuts: Vec<_> = cuts.chunks(2).map(|p| cut(p) % (body.len() + 1)).collect();
    cuts.extend([0, body.len()]);
    cuts.sort_unstable();
    let body = Bytes::copy_from_slice(body);
    let spans = cuts.windows(2);
    Some(spans.map(|span| body.slice(span[0]..span[1])).collect())
}

/// Panics where the two differ.
pub(crate) fn compare(bytes: &[u8]) {
    let Some(pieces) = pieces(bytes) else { return };
    let (ok, gzip) = (http::StatusCode::OK, Some(CompressionEncoding::Gzip));
    let extras = Extras::default();
    let splitter = Splitter::new(LIMIT, BufferPool::new(1 << 20), extras.clone()).with_gzip(true);
    let body = SplitBody::new(Pieces(pieces.clone()), Some(splitter));
    let decoder = StreamCodec { extras }.decoder();
    let ours = all(Streaming::new_response(
        decoder,
        body,
        ok,
        gzip,
        Some(LIMIT),
    ));
    let tonics = Pieces(pieces);
    let tonics = all(Streaming::new_response(
        Plain,
        tonics,
        ok,
        gzip,
        Some(LIMIT),
    ));
    // Of messages over the limit tonic makes the end of the stream; we go on.
    if tonics.1 != Err(Code::OutOfRange) {
        // Of a body that ends within a message each makes an error of its own.
        let (ours, tonics) = [ours, tonics]
            .map(|(messages, end)| (messages, end.is_ok()))
            .into();
        // NaN differs from itself, so what is compared is the text.
        assert_eq!(format!("{ours:?}"), format!("{tonics:?}"));
    }
}
