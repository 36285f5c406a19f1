//! Waiting without an async runtime: a thread sleeps until its future is woken.

use std::{
    convert::Infallible,
    future::Future,
    ops::ControlFlow,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use tokio::runtime::Handle;

use super::{Inner, Latest, Request, Ticket};
use crate::{Error, ErrorKind, Frame, FrameSeq, FrameStream, frame::Moment};

/// Which threads may sleep until something arrives.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Waiting {
    /// Those that no async runtime runs on: the session may run there too, and
    /// would wait for itself.
    #[default]
    OutsideRuntimes,
    /// All: the session has a thread of its own.
    Anywhere,
}

impl Waiting {
    fn check(self) -> Result<(), Error> {
        match self {
            Self::OutsideRuntimes if Handle::try_current().is_ok() => {
                let message = "waiting here would block a thread of an async runtime, perhaps \
                               the one that the reply depends on; use .await, or a client made \
                               by synthcap::blocking";
                Err(Error::new(ErrorKind::InvalidInput, message))
            }
            _ => Ok(()),
        }
    }
}

impl Inner {
    pub(super) fn waiting(&self) -> Waiting {
        if self.owns_runtime {
            Waiting::Anywhere
        } else {
            Waiting::OutsideRuntimes
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    sleep_through(future, || {
        thread::park();
        ControlFlow::<Infallible>::Continue(())
    })
    .unwrap_or_else(|never| match never {})
}

/// Runs a future on this thread; `None` when time is up first.
fn run<F: Future>(future: F, limit: Duration) -> Option<F::Output> {
    // A limit too far ahead to be an instant is none.
    let Some(until) = Instant::now().checked_add(limit) else {
        return Some(block_on(future));
    };
    let sleep = || {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return ControlFlow::Break(());
        }
        thread::park_timeout(left);
        ControlFlow::Continue(())
    };
    sleep_through(future, sleep).ok()
}

/// Polls whenever `sleep` returns, until it gives up.
fn sleep_through<F: Future, B>(
    future: F,
    mut sleep: impl FnMut() -> ControlFlow<B>,
) -> Result<F::Output, B> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Ok(output);
        }
        if let ControlFlow::Break(reason) = sleep() {
            return Err(reason);
        }
    }
}

impl<T> Request<T> {
    /// Makes the request and sleeps until its result is there: at most its time
    /// limit for a place in flight, and as long for the reply. For threads without
    /// an async runtime.
    ///
    /// # Errors
    ///
    /// As awaiting it, and [`ErrorKind::InFlightLimit`] when no place came free in
    /// time; and [`ErrorKind::InvalidInput`] on a thread of an async
    /// runtime, unless the client was made by [`blocking`](crate::blocking).
    pub fn wait(self) -> Result<T, Error> {
        self.waiting().check()?;
        let limit = self.how.timeout;
        // Frames that wait unread in a lossless stream keep their places, and
        // their reader may be this very thread.
        let ticket = run(self.queue(), limit).unwrap_or_else(|| {
            let message = format!("no place in flight came free within {limit:?}");
            Err(Error::new(ErrorKind::InFlightLimit, message))
        });
        block_on(ticket?)
    }
}

impl<T> Ticket<T> {
    /// Sleeps until the result is there, at the latest until the request's time
    /// limit. For threads without an async runtime.
    ///
    /// # Errors
    ///
    /// As [`Request::wait`].
    pub fn wait(self) -> Result<T, Error> {
        self.waiting().check()?;
        block_on(self)
    }

    /// As [`wait`](Self::wait), but gives up after this time with `None`. The
    /// request goes on, and the ticket can be waited for again or cancelled.
    /// After `Some` the ticket is spent.
    pub fn wait_timeout(&mut self, limit: Duration) -> Option<Result<T, Error>> {
        if let Err(error) = self.waiting().check() {
            return Some(Err(error));
        }
        run(self, limit)
    }
}

impl Latest {
    /// As [`newer_than`](Self::newer_than), for threads without an async runtime:
    /// sleeps until the frame is there; `None` when the time is up first.
    ///
    /// # Errors
    ///
    /// When the client ends, with the reason; and as [`Request::wait`].
    pub fn wait_newer_than(
        &self,
        seq: FrameSeq,
        limit: Duration,
    ) -> Result<Option<Arc<Frame>>, Error> {
        self.waiting.check()?;
        run(self.newer_than(seq), limit).transpose()
    }

    /// As [`at_or_after`](Self::at_or_after), for threads without an async
    /// runtime: sleeps until the frame is there; `None` when the time is up first.
    ///
    /// # Errors
    ///
    /// When the client ends, with the reason; and as [`Request::wait`].
    pub fn wait_at_or_after(
        &self,
        moment: Moment,
        limit: Duration,
    ) -> Result<Option<Arc<Frame>>, Error> {
        self.waiting.check()?;
        run(self.at_or_after(moment), limit).transpose()
    }
}

impl FrameStream {
    /// As [`next`](Self::next), for threads without an async runtime: sleeps until
    /// the next frame. `None` after the client has ended.
    ///
    /// Sleeps as long as nobody captures; [`wait_timeout`](Self::wait_timeout)
    /// has a limit. On a thread of an async runtime the item is an
    /// [`ErrorKind::InvalidInput`], unless the client was made by
    /// [`blocking`](crate::blocking).
    pub fn wait_next(&mut self) -> Option<Result<Arc<Frame>, Error>> {
        if let Err(error) = self.waiting.check() {
            return Some(Err(error));
        }
        block_on(self.next())
    }

    /// As [`wait_next`](Self::wait_next), with a limit.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::DeadlineExceeded`] when no item came in time; the stream goes
    /// on.
    pub fn wait_timeout(&mut self, limit: Duration) -> Option<Result<Arc<Frame>, Error>> {
        if let Err(error) = self.waiting.check() {
            return Some(Err(error));
        }
        run(self.next(), limit).unwrap_or_else(|| {
            let message = format!("no frame came within {limit:?}");
            Some(Err(Error::new(ErrorKind::DeadlineExceeded, message)))
        })
    }

    /// The frames as an iterator that sleeps between them and ends with the
    /// client; see [`wait_next`](Self::wait_next).
    pub fn wait_iter(&mut self) -> impl Iterator<Item = Result<Arc<Frame>, Error>> {
        std::iter::from_fn(|| self.wait_next())
    }
}
