//! A server whose bytes are wrong below the messages: status, headers, lengths,
//! compression. The session outlives each of them.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::{Ready, ready},
    io::Write as _,
    pin::Pin,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use prost::Message as _;
use synthcap::{
    Backoff, Client, Compression, ErrorKind, ReconnectPolicy,
    proto::{
        self, FrameResponse, ImageInfo, ImageResponse, ReplyMeta, ServerInfo, ServerLimits,
        frame_response::Response as Reply,
    },
};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Streaming, body::Body, codec::CompressionEncoding, server::NamedService};
use tower_service::Service;

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// A body of these pieces, then trailers.
struct Pieces(VecDeque<Bytes>, Option<HeaderMap>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = self.0.pop_front().map(Frame::data);
        Poll::Ready(data.or_else(|| self.1.take().map(Frame::trailers)).map(Ok))
    }
}

fn headers(pairs: &[(&'static str, &'static [u8])]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &'static [u8])| {
        let value = HeaderValue::from_bytes(value).expect("allowed in HTTP");
        (http::HeaderName::from_static(name), value)
    };
    pairs.iter().map(pair).collect()
}

fn response(first: &[(&'static str, &'static [u8])], pieces: Vec<Vec<u8>>) -> Response<Body> {
    let ok = headers(&[("grpc-status", b"0")]);
    let pieces = pieces.into_iter().map(Bytes::from).collect();
    let mut response = Response::new(Body::new(Pieces(pieces, Some(ok))));
    response
        .headers_mut()
        .extend(headers(&[("content-type", b"application/grpc")]));
    response.headers_mut().extend(headers(first));
    response
}

/// A message with its gRPC prefix, which may say what it likes.
fn message(flag: u8, length: usize, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(length).expect("fits").to_be_bytes();
    [&[flag], &length[..], bytes].concat()
}

fn whole(flag: u8, bytes: &[u8]) -> Vec<u8> {
    message(flag, bytes.len(), bytes)
}

/// The reply to the request with this ID: an image of one pixel.
fn image(id: u64) -> Vec<u8> {
    let info = ImageInfo {
        modality: proto::Modality::Rgb as i32,
        pixel_type: proto::PixelType::Rgba8 as i32,
        encoding: proto::Encoding::Raw as i32,
        camera_name: "main".into(),
        ..Default::default()
    };
    let reply = FrameResponse {
        request_id: id.to_string(),
        response: Some(Reply::ImageResponse(ImageResponse {
            image_data: vec![9; 4].into(),
            width: 1,
            height: 1,
            format: "rgba".into(),
            info: Some(info),
            ..Default::default()
        })),
        meta: Some(ReplyMeta {
            order: 1,
            ..Default::default()
        }),
    };
    reply.encode_to_vec()
}

/// A quarter of a GiB, packed, that begins like this.
fn bomb(begins: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::fast();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), level);
    packed.write_all(begins).expect("memory");
    let zeros = vec![0; 1 << 20];
    for _ in 0..256 {
        packed.write_all(&zeros).expect("memory");
    }
    packed.finish().expect("memory")
}

type Wrong = fn() -> Response<Body>;

/// What is wrong with the stream, one after the other.
const WRONGS: &[Wrong] = &[
    || {
        response(
            &[
                ("grpc-status", b"13"),
                ("grpc-status-details-bin", b"!!! no base64"),
            ],
            vec![],
        )
    },
    || {
        response(
            &[("grpc-status", b"13"), ("grpc-message", b"%ff%fe\xff")],
            vec![],
        )
    },
    || response(&[("grpc-status", b"many")], vec![]),
    || response(&[("content-type", b"text/html")], vec![b"<html>".to_vec()]),
    || response(&[("grpc-encoding", b"brotli")], vec![whole(1, b"x")]),
    // Longer than anything that follows, and than the limit.
    || response(&[], vec![message(0, u32::MAX as usize, b"x")]),
    || response(&[], vec![message(0, 100, b"ten bytes.")]),
    || response(&[], vec![vec![0, 0]]),
    || response(&[], vec![whole(7, b"x")]),
    // Field 1, the request ID, is text; this is not.
    || response(&[], vec![whole(0, b"\x0a\x02\xff\xfe")]),
    || {
        response(
            &[],
            vec![whole(0, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")],
        )
    },
    || response(&[("grpc-encoding", b"gzip")], vec![whole(1, b"not gzip")]),
    || response(&[("grpc-encoding", b"gzip")], vec![whole(1, &BOMB)]),
];

/// Packed beforehand: that takes longer than a request waits, where machines are slow.
static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| bomb(&[]));

fn server_info() -> Response<Body> {
    let info = ServerInfo {
        modalities: vec![proto::Modality::Rgb as i32],
        limits: Some(ServerLimits::default()),
        ..Default::default()
    };
    response(&[], vec![whole(0, &info.encode_to_vec())])
}

#[derive(Clone)]
enum Raw {
    /// Serves the wrong with this number; beyond the last nothing is wrong.
    Wrong(Arc<AtomicUsize>),
    Bombing,
}

impl NamedService for Raw {
    const NAME: &'static str = "uesynth.UESynthService";
}

impl Service<Request<Body>> for Raw {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let is_info = request.uri().path().ends_with("/GetServerInfo");
        ready(Ok(match self {
            _ if is_info => server_info(),
            Self::Bombing => bombing(request),
            Self::Wrong(index) => match WRONGS.get(index.load(Ordering::Relaxed)) {
                Some(wrong) => wrong(),
                // Whichever of the first IDs is waited for.
                None => {
                    let replies = (1..=2 * WRONGS.len() as u64).map(|id| whole(0, &image(id)));
                    response(&[], replies.collect())
                }
            },
        }))
    }
}

struct Replies(mpsc::UnboundedReceiver<Bytes>);

impl http_body::Body for Replies {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let reply = self.0.poll_recv(cx);
        reply.map(|reply| reply.map(Frame::data).map(Ok))
    }
}

async fn reply_to(requests: Body, replies: mpsc::UnboundedSender<Bytes>) {
    let decoder = tonic_prost::ProstDecoder::<proto::ActionRequest>::default();
    let mut requests =
        Streaming::new_request(decoder, requests, Some(CompressionEncoding::Gzip), None);
    let mut bombs = [true, false].into_iter().cycle();
    while let Ok(Some(request)) = requests.message().await {
        let id = request.request_id;
        let reply = match bombs.next() {
            Some(true) => {
                let id = FrameResponse {
                    request_id: id,
                    ..Default::default()
                };
                whole(1, &bomb(&id.encode_to_vec()))
            }
            _ => whole(0, &image(id.parse().expect("a number"))),
        };
        if replies.send(reply.into()).is_err() {
            return;
        }
    }
}

/// Replies to each request for itself: every second time with a bomb.
fn bombing(request: Request<Body>) -> Response<Body> {
    let (replies, body) = mpsc::unbounded_channel();
    tokio::spawn(reply_to(request.into_body(), replies));
    let mut response = Response::new(Body::new(Replies(body)));
    *response.headers_mut() = headers(&[
        ("content-type", b"application/grpc"),
        ("grpc-encoding", b"gzip"),
    ]);
    response
}

/// The most memory that this process ever had, in MiB.
#[cfg(target_os = "linux")]
fn most_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.and_then(|kib| kib.parse::<usize>().ok())
        .expect("a number")
        / 1024
}

#[tokio::test]
async fn the_session_outlives_whatever_is_wrong_below_its_messages() -> TestResult {
    LazyLock::force(&BOMB);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let wrong = Arc::new(AtomicUsize::new(0));
    let server = tonic::transport::Server::builder().add_service(Raw::Wrong(wrong.clone()));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let soon = Backoff {
        initial: Duration::from_millis(20),
        max: Duration::from_millis(50),
        ..Backoff::DOUBLING
    };
    let client = Client::builder(format!("http://{address}"))
        .compression(Compression::Gzip)
        .max_message_bytes(1 << 20)
        .reconnect(ReconnectPolicy::Backoff(soon))
        .connect()
        .await?;
    let camera = client.camera("main");
    #[cfg(target_os = "linux")]
    let before = most_memory();
    for index in 0..WRONGS.len() {
        wrong.store(index, Ordering::Relaxed);
        let limit = Duration::from_millis(500);
        let error = camera
            .rgb()
            .timeout(limit)
            .await
            .expect_err("nothing can come");
        let ends = [ErrorKind::DeadlineExceeded, ErrorKind::NotSent];
        assert!(ends.contains(&error.kind()), "{index}: {error:?}");
        let why = std::error::Error::source(&error);
        assert!(why.is_some(), "{index}: it does not say why: {error:?}");
        assert_eq!(client.in_flight(), (0, 0));
    }
    #[cfg(target_os = "linux")]
    {
        let grown = most_memory() - before;
        assert!(
            grown < 128,
            "{grown} MiB, where the limit of a message is 1 MiB"
        );
    }
    wrong.store(WRONGS.len(), Ordering::Relaxed);
    assert_eq!(camera.rgb().await?.pixels().as_rgba(), [9; 4]);
    client.close().await?;
    Ok(())
}

#[tokio::test]
async fn a_bomb_fails_its_own_request_and_the_stream_goes_on() -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tonic::transport::Server::builder().add_service(Raw::Bombing);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let client = Client::builder(format!("http://{address}"))
        .compression(Compression::Gzip)
        .max_message_bytes(1 << 20)
        .connect()
        .await?;
    let camera = client.camera("main");
    for _ in 0..3 {
        let error = camera.rgb().await.expect_err("a bomb");
        assert_eq!(error.kind(), ErrorKind::BadReply, "{error}");
        assert!(error.to_string().contains("max_message_bytes"), "{error}");
        assert_eq!(camera.rgb().await?.pixels().as_rgba(), [9; 4]);
    }
    assert_eq!(client.stats().reconnects, 0);
    client.close().await?;
    Ok(())
}
