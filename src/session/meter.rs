//! How fast the link is, from what it brings anyway.
//!
//! While a message is under way nothing but the link holds its next bytes back:
//! the server has all of it. So only the time between pieces of one message
//! counts, and a server that has nothing to send does not look like a slow link.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use http_body::Body as HttpBody;
use tonic::{
    body::Body,
    codegen::{Bytes, Service},
};

/// Flag and length before each message of gRPC.
const PREFIX: usize = 5;
/// How many bytes the estimate looks back on, roughly.
const WINDOW_BYTES: f64 = 16e6;
/// How many bytes it takes to say anything.
const LEAST_BYTES: f64 = 1e6;

/// The rate of one connection's link, as last measured. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct LinkRate(Arc<AtomicU64>);

impl LinkRate {
    /// Bytes per second; `None` when nothing new was measured.
    pub(crate) fn take(&self) -> Option<f64> {
        // Looked at first, because most messages bring nothing new.
        if self.0.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let rate = f64::from_bits(self.0.swap(0, Ordering::Relaxed));
        (rate > 0.0).then_some(rate)
    }

    fn set(&self, bytes_per_s: f64) {
        self.0.store(bytes_per_s.to_bits(), Ordering::Relaxed);
    }
}

/// Follows the messages in a response's bytes.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// Bytes of the present message that are still to come.
    missing: usize,
    /// What has come of the next message's prefix.
    prefix: [u8; PREFIX],
    prefix_len: usize,
    last: Option<Instant>,
    /// Bytes that came while a message was under way, and how long they took;
    /// older ones count less and less.
    bytes: f64,
    time: Duration,
    rate: LinkRate,
}

impl Meter {
    pub(super) fn new(rate: LinkRate) -> Self {
        Self {
            rate,
            ..Self::default()
        }
    }

    /// These bytes came at this time.
    pub(super) fn feed(&mut self, piece: &[u8], now: Instant) {
        let under_way = piece.len().min(self.missing);
        if under_way > 0
            && let Some(last) = self.last
        {
            self.count(under_way, now.saturating_duration_since(last));
        }
        self.last = Some(now);
        self.follow(piece);
    }

    fn count(&mut self, bytes: usize, took: Duration) {
        let bytes = bytes as f64;
        let fading = (-bytes / WINDOW_BYTES).exp();
        self.bytes = self.bytes * fading + bytes;
        self.time = self.time.mul_f64(fading) + took;
        if self.bytes >= LEAST_BYTES && !self.time.is_zero() {
            self.rate.set(self.bytes / self.time.as_secs_f64());
        }
    }

    fn follow(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            let skipped = piece.len().min(self.missing);
            self.missing -= skipped;
            piece = &piece[skipped..];
            let taken = piece.len().min(PREFIX - self.prefix_len);
            let (now, rest) = piece.split_at(taken);
            self.prefix[self.prefix_len..][..taken].copy_from_slice(now);
            self.prefix_len += taken;
            piece = rest;
            if self.prefix_len == PREFIX {
                let [_, length @ ..] = self.prefix;
                self.missing = u32::from_be_bytes(length) as usize;
                self.prefix_len = 0;
            }
        }
    }
}

/// A channel whose responses are metered.
#[derive(Clone, Debug)]
pub(super) struct Metered<S> {
    channel: S,
    rate: LinkRate,
}

impl<S> Metered<S> {
    pub(super) fn new(channel: S, rate: LinkRate) -> Self {
        Self { channel, rate }
    }
}

impl<S> Service<http::Request<Body>> for Metered<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.channel.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let meter = Meter::new(self.rate.clone());
        let response = self.channel.call(request);
        Box::pin(async move {
            let response = response.await?;
            Ok(response.map(|body| Body::new(MeteredBody { body, meter })))
        })
    }
}

struct MeteredBody {
    body: Body,
    meter: Meter,
}

impl HttpBody for MeteredBody {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, tonic::Status>>> {
        let next = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &next
            && let Some(data) = frame.data_ref()
        {
            self.meter.feed(data, Instant::now());
        }
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message of this many bytes, with its prefix.
    fn message(len: u32) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.extend(len.to_be_bytes());
        bytes.resize(PREFIX + len as usize, 7);
        bytes
    }

    /// Feeds messages in pieces that take `us` microseconds each, with `pause_us`
    /// more between messages.
    fn measure(len: u32, piece: usize, us: u64, pause_us: u64) -> Option<f64> {
        let rate = LinkRate::default();
        let mut meter = Meter::new(rate.clone());
        let mut now = Instant::now();
        for _ in 0..8 {
            now += Duration::from_micros(pause_us);
            for piece in message(len).chunks(piece) {
                now += Duration::from_micros(us);
                meter.feed(piece, now);
            }
        }
        rate.take()
    }

    #[test]
    fn a_pause_between_messages_is_not_the_link() {
        let (busy, idle) = (
            measure((8 << 20) - 5, 1 << 20, 8000, 0),
            measure((8 << 20) - 5, 1 << 20, 8000, 999_999),
        );
        let (busy, idle) = (busy.expect("measured"), idle.expect("measured"));
        assert!((busy - idle).abs() < 1.0, "{busy} and {idle}");
        let expected = f64::from(1 << 20) / 8e-3;
        assert!((busy / expected - 1.0).abs() < 0.1, "{busy} for {expected}");
    }

    #[test]
    fn small_messages_say_nothing() {
        assert_eq!(measure(1000, 4096, 10, 0), None);
    }

    #[test]
    fn messages_are_followed_through_pieces_of_any_size() {
        for piece in [1, 3, 7, 4096] {
            let mut meter = Meter::default();
            let stream = [message(3), message(0), message(10)].concat();
            for piece in stream.chunks(piece) {
                meter.feed(piece, Instant::now());
            }
            assert_eq!(
                (meter.missing, meter.prefix_len),
                (0, 0),
                "pieces of {piece}"
            );
        }
    }

    #[test]
    fn a_changed_link_shows_within_a_few_messages() {
        let rate = LinkRate::default();
        let mut meter = Meter::new(rate.clone());
        let mut now = Instant::now();
        for (ms, count) in [(1, 50), (10, 48)] {
            for _ in 0..count {
                for piece in message(1 << 20).chunks(1 << 18) {
                    now += Duration::from_millis(ms);
                    meter.feed(piece, now);
                }
            }
        }
        let slow = f64::from(1 << 18) / 10e-3;
        let seen = rate.take().expect("measured");
        assert!((seen / slow - 1.0).abs() < 0.2, "{seen} for {slow}");
    }
}
