//! Tonic alone is the reference: the same bytes, however they are cut, give the
//! same messages and the same end.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body::{Body, Frame};
use proptest::prelude::*;
use prost::Message as _;
use tokio_stream::Stream;
use tonic::{
    Code, Status, Streaming,
    codec::{Codec, CompressionEncoding, DecodeBuf, Decoder},
};

use super::{Extras, Received, StreamCodec, body::SplitBody, splitter::Splitter};
use crate::{
    frame::pool::BufferPool,
    proto::{
        CommandResponse, FrameResponse, ImageInfo, ImageResponse, Label, ReplyMeta,
        frame_response::Response,
    },
};

const LIMIT: usize = 100_000;

/// A body that brings what it is given and ends with these trailers.
struct Pieces(VecDeque<Bytes>, Option<http::HeaderMap>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = self.0.pop_front().map(Frame::data);
        let frame = data.or_else(|| self.1.take().map(Frame::trailers));
        Poll::Ready(frame.map(Ok))
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
            Poll::Ready(None) => return (messages, Ok(())),
            Poll::Pending => panic!("all pieces are ready"),
        }
    }
}

fn pieces(bytes: &Bytes, cuts: &[usize]) -> VecDeque<Bytes> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    let spans = cuts.windows(2);
    spans.map(|span| bytes.slice(span[0]..span[1])).collect()
}

fn body(bytes: &Bytes, cuts: &[usize], status: &str) -> Pieces {
    let mut trailers = http::HeaderMap::new();
    if let Ok(status) = status.parse() {
        trailers.insert("grpc-status", status);
    }
    Pieces(
        pieces(bytes, cuts),
        (!status.is_empty()).then_some(trailers),
    )
}

fn by_tonic(body: Pieces) -> (Vec<Received>, Result<(), Code>) {
    let gzip = Some(CompressionEncoding::Gzip);
    let ok = http::StatusCode::OK;
    all(Streaming::new_response(Plain, body, ok, gzip, Some(LIMIT)))
}

fn by_us(body: Pieces) -> (Vec<Received>, Result<(), Code>) {
    let extras = Extras::default();
    let pool = BufferPool::new(1 << 20);
    let splitter = Splitter::new(LIMIT, Arc::clone(&pool), extras.clone()).with_gzip(true);
    let body = SplitBody::new(body, Some(splitter));
    let decoder = StreamCodec { extras }.decoder();
    let gzip = Some(CompressionEncoding::Gzip);
    let ok = http::StatusCode::OK;
    all(Streaming::new_response(
        decoder,
        body,
        ok,
        gzip,
        Some(LIMIT),
    ))
}

fn prefixed(flag: u8, message: &[u8]) -> Vec<u8> {
    let mut out = vec![flag];
    out.put_u32(message.len() as u32);
    out.extend_from_slice(message);
    out
}

fn gzipped(message: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::read::GzEncoder::new(message, flate2::Compression::fast());
    let mut out = Vec::new();
    std::io::Read::read_to_end(&mut encoder, &mut out).expect("memory is enough");
    out
}

fn image(len: usize, seed: u8, name: String) -> Response {
    let pixel = |i: usize| (i as u8).wrapping_mul(31).wrapping_add(seed);
    Response::ImageResponse(ImageResponse {
        image_data: (0..len).map(pixel).collect::<Vec<_>>().into(),
        width: seed.into(),
        height: 3,
        format: "rgba".to_owned(),
        info: Some(ImageInfo {
            camera_name: name.clone(),
            labels: vec![
                Label {
                    instance_id: 9,
                    object_name: name,
                    ..Label::default()
                };
                3
            ],
            ..ImageInfo::default()
        }),
        meta: None,
        shared: None,
    })
}

fn response() -> impl Strategy<Value = Option<Response>> {
    let images = (0_usize..30_000, any::<u8>(), "[a-z]{0,9}");
    prop_oneof![
        5 => images.prop_map(|(len, seed, name)| Some(image(len, seed, name))),
        2 => "\\PC{0,6000}".prop_map(|message| {
            Some(Response::CommandResponse(CommandResponse { success: true, message, meta: None }))
        }),
        1 => Just(None),
    ]
}

fn message() -> impl Strategy<Value = FrameResponse> {
    ("[0-9]{0,8}", response(), any::<Option<u64>>()).prop_map(|(request_id, response, tick)| {
        let meta = tick.map(|tick| ReplyMeta {
            tick,
            ..ReplyMeta::default()
        });
        FrameResponse {
            request_id,
            response,
            meta,
        }
    })
}

/// Fields that a schema of the future may have, of every wire type.
fn unknown() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(vec![0xd8, 0x3e, 0x96, 0x01]),
        Just([&[0xd9, 0x3e][..], &[7; 8]].concat()),
        Just([&[0xda, 0x3e, 5][..], b"hello"].concat()),
        Just([&[0xdb, 0x3e, 0x0a, 2][..], b"in", &[0xdc, 0x3e]].concat()),
        Just([&[0xdd, 0x3e][..], &[7; 4]].concat()),
        // The image field again, with pixels, without, and none of them.
        Just(vec![0x22, 4, 0x0a, 2, 1, 2]),
        Just(vec![0x22, 2, 0x0a, 0]),
        Just(vec![0x22, 0]),
        // The same with tags and lengths longer than they need be.
        Just(vec![0xa2, 0x00, 0x86, 0x00, 0x8a, 0x00, 0x82, 0x00, 1, 2]),
        // Another kind of reply, which takes the image's place.
        Just(vec![0x12, 2, 0x08, 1]),
    ]
}

/// One message as bytes, in one of the ways in which it may be written.
fn written() -> impl Strategy<Value = Vec<u8>> {
    let fields = || proptest::collection::vec(unknown(), 0..3);
    (message(), fields(), fields(), 0..8_u8).prop_map(|(message, before, after, way)| {
        let body = [before.concat(), message.encode_to_vec(), after.concat()].concat();
        match way {
            0 => prefixed(1, &gzipped(&body)),
            _ => prefixed(0, &body),
        }
    })
}

proptest! {
    #[test]
    fn any_cut_of_any_messages_reads_as_tonic_reads_it(
        messages in proptest::collection::vec(written(), 0..6),
        cuts in proptest::collection::vec(any::<usize>(), 0..24),
        status in prop_oneof![Just("0"), Just("0"), Just("9"), Just("")],
    ) {
        let bytes = Bytes::from(messages.concat());
        let ours = by_us(body(&bytes, &cuts, status));
        prop_assert_eq!(ours, by_tonic(body(&bytes, &[], status)));
    }

    #[test]
    fn spoilt_bytes_fail_where_they_fail_with_tonic(
        messages in proptest::collection::vec(written(), 1..3),
        cuts in proptest::collection::vec(any::<usize>(), 0..6),
        spoilt in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..4),
        end in any::<usize>(),
    ) {
        let mut bytes = messages.concat();
        for (place, byte) in spoilt {
            // Mostly in the first fields, where the structure is.
            let place = if place % 3 == 0 { place % bytes.len() } else { place % 64 % bytes.len() };
            bytes[place] = byte;
        }
        if end % 4 == 0 {
            bytes.truncate(end % (bytes.len() + 1));
        }
        let bytes = Bytes::from(bytes);
        let (messages, end) = by_us(body(&bytes, &cuts, ""));
        let theirs = by_tonic(body(&bytes, &[], ""));
        if ends_behind_a_prefix(&bytes) {
            // Tonic takes that for an end between messages; ours does not.
            prop_assert_eq!(messages, theirs.0);
            prop_assert!(end.is_err());
        } else if theirs.1 == Err(Code::OutOfRange) {
            // A message over the limit ends tonic's stream; ours passes it over.
            prop_assert_eq!(&messages[..theirs.0.len()], &theirs.0[..]);
        } else {
            prop_assert_eq!((messages, end), theirs);
        }
    }
}

/// Whether a stream ends where the bytes of a message should begin.
fn ends_behind_a_prefix(mut bytes: &[u8]) -> bool {
    while let Some(([_, len @ ..], rest)) = bytes.split_first_chunk::<5>() {
        let len = u32::from_be_bytes(*len) as usize;
        match rest.get(len..) {
            Some(next) => bytes = next,
            None => return rest.is_empty(),
        }
    }
    false
}

#[test]
fn a_stream_that_ends_behind_a_prefix_ends_within_a_message() {
    let large = Bytes::from_static(&[0, 0, 0, 0x10, 13]);
    assert!(ends_behind_a_prefix(&large));
    for cuts in [&[][..], &[2]] {
        let end = (Vec::new(), Err(Code::Internal));
        assert_eq!(by_us(body(&large, cuts, "")), end);
    }
}

#[test]
fn a_message_over_the_limit_is_passed_over_and_named() {
    let long = |id: &str| FrameResponse {
        request_id: id.to_owned(),
        response: Some(image(LIMIT, 1, "main".to_owned())),
        meta: None,
    };
    let good = FrameResponse {
        response: Some(image(8000, 2, String::new())),
        ..long("4")
    };
    let noise: Vec<u8> = (0..LIMIT * 3)
        .map(|i| ((i * i) >> 3) as u8 ^ fastrand::u8(..))
        .collect();
    let mut incompressible = long("2").encode_to_vec();
    incompressible.extend([0xda, 0x3e]);
    prost::encoding::encode_varint(noise.len() as u64, &mut incompressible);
    incompressible.extend(noise);
    let bytes = Bytes::from(
        [
            prefixed(0, &long("1").encode_to_vec()),
            prefixed(1, &gzipped(&incompressible)),
            // A bomb: within the limit as it comes, and over it unpacked.
            prefixed(1, &gzipped(&long("3").encode_to_vec())),
            prefixed(0, &good.encode_to_vec()),
        ]
        .concat(),
    );
    let (messages, end) = by_us(body(&bytes, &[3, 17, 60_000, 140_000], "0"));
    assert_eq!(end, Ok(()));
    let [first, second, third, last] = &messages[..] else {
        panic!("four messages, not {}", messages.len());
    };
    for (message, id) in [(first, "1"), (second, "2"), (third, "3")] {
        let Received::TooLong { request_id, bytes } = message else {
            panic!("{message:?} is not over the limit");
        };
        assert_eq!(request_id, id);
        assert!(*bytes > LIMIT as u64);
    }
    assert_eq!(*last, Received::Message(good));
}

#[test]
fn large_pixels_lie_aligned_and_are_copied_once() {
    let message = FrameResponse {
        request_id: "17".to_owned(),
        response: Some(image(40_000, 3, "main".to_owned())),
        meta: None,
    };
    let mut bytes = BytesMut::new();
    bytes.put_slice(&prefixed(0, &message.encode_to_vec()));
    let extras = Extras::default();
    let pool = BufferPool::new(1 << 20);
    let mut splitter = Splitter::new(LIMIT, pool, extras.clone());
    let mut out = VecDeque::new();
    while bytes.has_remaining() {
        let piece = bytes.split_to(bytes.len().min(1000)).freeze();
        splitter.feed(&piece, &mut out);
    }
    // Tonic gathers what is left, which is little.
    assert!(out.iter().map(Bytes::len).sum::<usize>() < 200);
    let Some(super::Extra::Pixels(pixels)) = extras.of(1) else {
        panic!("the pixels come apart");
    };
    assert!(pixels.as_ptr().cast::<[u128; 4]>().is_aligned());
    let Some(Response::ImageResponse(image)) = message.response else {
        panic!("made as an image");
    };
    assert_eq!(pixels, image.image_data);
}
