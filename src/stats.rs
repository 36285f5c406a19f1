//! What a client has done so far, in numbers.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use crate::{Error, ErrorKind, Frame, frame::raw_bytes};

/// The longest latency that is told apart, in microseconds: one hour.
const LONGEST_US: u64 = 3_600_000_000;

/// Counts, from the session's task; read by whoever asks.
#[derive(Debug)]
pub(crate) struct Recorder {
    started: Instant,
    requests_ok: AtomicU64,
    requests_failed: AtomicU64,
    frames: AtomicU64,
    frame_bytes: AtomicU64,
    wire_bytes: AtomicU64,
    connections: AtomicU64,
    /// `None` only if the bounds above were not acceptable, and they are.
    latency_us: Mutex<Option<Histogram<u64>>>,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            requests_ok: AtomicU64::new(0),
            requests_failed: AtomicU64::new(0),
            frames: AtomicU64::new(0),
            frame_bytes: AtomicU64::new(0),
            wire_bytes: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            latency_us: Mutex::new(Histogram::new_with_max(LONGEST_US, 3).ok()),
        }
    }

    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("synthcap_connections_total").increment(1);
    }

    /// A request ended after this long.
    pub(crate) fn ended(&self, took: Duration, failure: Option<&Error>) {
        let Some(failure) = failure else {
            self.requests_ok.fetch_add(1, Ordering::Relaxed);
            metrics::counter!("synthcap_requests_total", "outcome" => "ok").increment(1);
            metrics::histogram!("synthcap_request_seconds").record(took.as_secs_f64());
            let us = u64::try_from(took.as_micros()).unwrap_or(LONGEST_US);
            let mut latency = self
                .latency_us
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(latency) = latency.as_mut() {
                latency.saturating_record(us.clamp(1, LONGEST_US));
            }
            return;
        };
        self.requests_failed.fetch_add(1, Ordering::Relaxed);
        let outcome = outcome_label(failure.kind());
        metrics::counter!("synthcap_requests_total", "outcome" => outcome).increment(1);
    }

    /// A frame came.
    pub(crate) fn frame(&self, frame: &Frame) {
        let (bytes, wire_bytes) = (raw_bytes(frame.pixels()), frame.wire_bytes());
        self.frames.fetch_add(1, Ordering::Relaxed);
        self.frame_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.wire_bytes.fetch_add(wire_bytes, Ordering::Relaxed);
        let modality = frame.modality().name();
        metrics::counter!("synthcap_frames_total", "modality" => modality).increment(1);
        metrics::counter!("synthcap_frame_bytes_total").increment(bytes);
        metrics::counter!("synthcap_wire_bytes_total").increment(wire_bytes);
    }

    pub(crate) fn snapshot(&self, in_flight: (usize, usize), replaced_unread: u64) -> Stats {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let latency = self
            .latency_us
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let quantile = |q: f64| {
            let us = latency
                .as_ref()
                .map_or(0, |latency| latency.value_at_quantile(q));
            Duration::from_micros(us)
        };
        Stats {
            uptime: self.started.elapsed(),
            captures_in_flight: in_flight.0,
            commands_in_flight: in_flight.1,
            requests_ok: load(&self.requests_ok),
            requests_failed: load(&self.requests_failed),
            frames: load(&self.frames),
            // Counted where messages come in.
            frames_shared: 0,
            frame_bytes: load(&self.frame_bytes),
            wire_bytes: load(&self.wire_bytes),
            frames_replaced_unread: replaced_unread,
            reconnects: load(&self.connections).saturating_sub(1),
            latency_p50: quantile(0.5),
            latency_p90: quantile(0.9),
            latency_p99: quantile(0.99),
            latency_max: quantile(1.0),
        }
    }
}

/// How the `metrics` facade names the end of a request.
fn outcome_label(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::DeadlineExceeded => "deadline",
        ErrorKind::Cancelled => "cancelled",
        ErrorKind::NotSent => "not_sent",
        ErrorKind::OutcomeUnknown => "outcome_unknown",
        ErrorKind::Rejected(_) | ErrorKind::NoReply => "rejected",
        ErrorKind::BadReply => "bad_reply",
        _ => "other",
    }
}

/// What a client has done so far. Latencies are those of requests that
/// succeeded, from the call to the complete reply, to three digits.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Since the client was made.
    pub uptime: Duration,
    /// Captures that wait for their reply, or in a lossless stream for a reader.
    pub captures_in_flight: usize,
    /// Other requests that wait for their reply.
    pub commands_in_flight: usize,
    /// Requests that succeeded.
    pub requests_ok: u64,
    /// Requests that failed, in whatever way.
    pub requests_failed: u64,
    /// Frames received.
    pub frames: u64,
    /// How many of all that the server sent came through shared memory, wanted or
    /// not.
    pub frames_shared: u64,
    /// Bytes of their pixels, uncompressed.
    pub frame_bytes: u64,
    /// Bytes that they took on the wire, encoded or raw.
    pub wire_bytes: u64,
    /// Frames in the latest-frame buffer that were replaced before anybody
    /// looked at them.
    pub frames_replaced_unread: u64,
    /// How often the connection was made again.
    pub reconnects: u64,
    /// Half of the requests took no longer.
    pub latency_p50: Duration,
    /// Nine of ten requests took no longer.
    pub latency_p90: Duration,
    /// 99 of 100 requests took no longer.
    pub latency_p99: Duration,
    /// The slowest request.
    pub latency_max: Duration,
}

impl Stats {
    /// Frames per second since the earlier of the two was taken.
    pub fn frames_per_second_since(&self, earlier: &Self) -> f64 {
        per_second(self.frames - earlier.frames, self.uptime - earlier.uptime)
    }

    /// Successful requests per second since the earlier of the two was taken.
    pub fn requests_per_second_since(&self, earlier: &Self) -> f64 {
        let count = self.requests_ok - earlier.requests_ok;
        per_second(count, self.uptime - earlier.uptime)
    }
}

fn per_second(count: u64, time: Duration) -> f64 {
    if time.is_zero() {
        return 0.0;
    }
    count as f64 / time.as_secs_f64()
}
