//! Faults of a connection's bytes.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::Fault;
use crate::io::BoxedStream;

/// What will happen to a connection. Shared between its bytes and its requests.
#[derive(Debug, Default)]
pub(in crate::server) struct Wire(Mutex<Option<Armed>>);

#[derive(Debug)]
struct Armed {
    fault: Fault,
    random: fastrand::Rng,
    /// How many bytes go out before.
    left: u64,
}

impl Wire {
    /// Sets a fault off. The first one stays: a connection breaks but once.
    pub(super) fn arm(&self, fault: Fault, random: fastrand::Rng) {
        let left = match fault {
            Fault::Cut { after_bytes }
            | Fault::Garbage { after_bytes }
            | Fault::Stall { after_bytes } => after_bytes,
            _ => 0,
        };
        self.lock().get_or_insert(Armed {
            fault,
            random,
            left,
        });
    }

    fn lock(&self) -> MutexGuard<'_, Option<Armed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to do with this many bytes that are to go out.
    fn next(&self, wanted: usize) -> Step {
        let mut armed = self.lock();
        let Some(armed) = &mut *armed else {
            return Step::Pass(wanted);
        };
        if armed.left > 0 {
            let most = usize::try_from(armed.left).unwrap_or(usize::MAX);
            return Step::Pass(wanted.min(most));
        }
        match armed.fault {
            Fault::Cut { .. } => Step::Cut,
            Fault::Stall { .. } => Step::Stall,
            Fault::Garbage { .. } => {
                let mut garbage = vec![0; wanted.min(4096)];
                armed.random.fill(&mut garbage);
                Step::Instead(garbage)
            }
            Fault::Drip { bytes_per_second } => {
                // Ten times a second, so that a drip is even.
                let portion = (bytes_per_second / 10).max(1);
                let pause = f64::from(portion) / f64::from(bytes_per_second.max(1));
                let portion = usize::try_from(portion).unwrap_or(wanted);
                Step::Slowly(wanted.min(portion), Duration::from_secs_f64(pause))
            }
            _ => Step::Pass(wanted),
        }
    }

    fn went_out(&self, bytes: usize) {
        if let Some(armed) = &mut *self.lock() {
            armed.left = armed.left.saturating_sub(bytes as u64);
        }
    }

    /// Whether nothing comes in any more.
    fn is_dead(&self) -> bool {
        let armed = self.lock();
        let armed = armed.as_ref().filter(|armed| armed.left == 0);
        armed.is_some_and(|armed| matches!(armed.fault, Fault::Stall { .. }))
    }
}

enum Step {
    Pass(usize),
    Instead(Vec<u8>),
    Slowly(usize, Duration),
    Stall,
    Cut,
}

/// A connection to which its [`Wire`] happens.
pub(in crate::server) struct FaultyStream {
    /// `None` once it was cut.
    stream: Option<BoxedStream>,
    wire: Arc<Wire>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl FaultyStream {
    pub(in crate::server) fn new(stream: BoxedStream, wire: Arc<Wire>) -> Self {
        Self {
            stream: Some(stream),
            wire,
            pause: None,
        }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut BoxedStream>> {
        let stream = self.stream.as_mut().map(Pin::new);
        stream.ok_or_else(|| io::ErrorKind::ConnectionReset.into())
    }
}

impl AsyncRead for FaultyStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.wire.is_dead() {
            return Poll::Pending;
        }
        self.stream()?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for FaultyStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(pause) = &mut self.pause {
            std::task::ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let wire = self.wire.clone();
        let (written, pause) = match wire.next(bytes.len()) {
            Step::Pass(count) => (self.stream()?.poll_write(cx, &bytes[..count]), None),
            Step::Instead(garbage) => (self.stream()?.poll_write(cx, &garbage), None),
            Step::Slowly(count, pause) => {
                let written = self.stream()?.poll_write(cx, &bytes[..count]);
                (written, Some(pause))
            }
            Step::Stall => return Poll::Pending,
            Step::Cut => {
                // Closed for good, in both directions.
                self.stream = None;
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
        };
        if let Poll::Ready(Ok(count)) = written {
            self.pause = pause.map(|pause| Box::pin(sleep(pause)));
            wire.went_out(count);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.stream() {
            Ok(stream) => stream.poll_shutdown(cx),
            // It was cut, which is a shutdown too.
            Err(_) => Poll::Ready(Ok(())),
        }
    }
}
