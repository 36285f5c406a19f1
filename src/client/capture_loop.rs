//! Predictive capture: the next frames are asked for before this one is used.

use std::{
    collections::VecDeque,
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::Stream;

use super::request::{Request, Ticket};
use crate::Error;

/// What a capture loop asks for: a [`Request`], or a request with a note that
/// comes back beside its result, such as the number of the sample, or the
/// [`BatchItem`](crate::BatchItem) with which to take an image out of a batch.
pub trait Planned: sealed::Sealed {
    /// What the request is worth.
    type Value;
    /// What comes back beside it.
    type Note: Send;
    /// What the loop yields.
    type Output;

    #[doc(hidden)]
    fn split(self) -> (Request<Self::Value>, Self::Note);
    #[doc(hidden)]
    fn join(value: Self::Value, note: Self::Note) -> Self::Output;
}

mod sealed {
    pub trait Sealed {}
    impl<T> Sealed for super::Request<T> {}
    impl<T, N> Sealed for (super::Request<T>, N) {}
}

impl<T> Planned for Request<T> {
    type Value = T;
    type Note = ();
    type Output = T;

    fn split(self) -> (Self, ()) {
        (self, ())
    }

    fn join(value: T, (): ()) -> T {
        value
    }
}

impl<T, N: Send> Planned for (Request<T>, N) {
    type Value = T;
    type Note = N;
    type Output = (T, N);

    fn split(self) -> (Request<T>, N) {
        self
    }

    fn join(value: T, note: N) -> (T, N) {
        (value, note)
    }
}

/// What a capture loop does after a request that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnError {
    /// Yields the error in the request's place and goes on.
    #[default]
    Continue,
    /// Yields the error and ends. Requests behind it are given up, though what
    /// they ask for may still happen.
    Stop,
}

/// Keeps requests in flight, so that rendering, transfer and the caller's own
/// work overlap, and yields their results in order, none left out.
///
/// The plan is an iterator of requests; `(0..).map(|index| ..)` makes one from a
/// function of the frame's number. It is asked for the next request only when
/// there is a place for it, so a loop over an endless plan holds no more than
/// `in_flight` results. With one in flight the loop is sequential: nothing is
/// under way while the caller works. With two, the next frame is made meanwhile,
/// which is enough when every step takes the same time; more smooth out steps
/// that vary, and let a longer link carry more at once.
///
/// What is predicted is that the plan will hold: a frame asked for ahead shows
/// the scene as of then. Loops that steer by what they see want one in flight, or
/// the latest frame.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let server = synthcap_sim::serve(synthcap_sim::SimConfig::small()).await?;
/// # let client = synthcap::Client::connect(server.url()).await?;
/// use synthcap::{CaptureLoop, Vec3};
///
/// let camera = client.default_camera();
/// // Move and capture as one, so that each frame shows its own position.
/// let plan = (0..10).map(|index| {
///     let mut batch = client.batch();
///     batch.add(camera.set_location(Vec3::new(0.0, index as f32, 150.0)));
///     let image = batch.add(camera.rgb());
///     (batch.run(), image)
/// });
/// let mut frames = CaptureLoop::new(2, plan);
/// let mut expected = 0.0;
/// while let Some(result) = frames.next().await {
///     let (mut replies, image) = result?;
///     let image = replies.take(image)?;
///     assert_eq!(image.info().pose.unwrap().location.y, expected);
///     expected += 1.0;
/// }
/// assert_eq!(expected, 10.0);
/// # client.close().await?;
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[must_use = "a capture loop does nothing until it is read"]
pub struct CaptureLoop<I: Iterator<Item: Planned>> {
    plan: Option<I>,
    limit: usize,
    on_error: OnError,
    /// Waits for a place in flight; its slot is made when it has one.
    sending: Option<(Sending<Value<I>>, Note<I>)>,
    /// Oldest first.
    sent: VecDeque<(Slot<Value<I>>, Note<I>)>,
}

type Value<I> = <<I as Iterator>::Item as Planned>::Value;
type Note<I> = <<I as Iterator>::Item as Planned>::Note;
type Output<I> = <<I as Iterator>::Item as Planned>::Output;
type Sending<T> = Pin<Box<dyn Future<Output = Result<Ticket<T>, Refusal>> + Send>>;

/// Why a request could not be sent.
struct Refusal {
    error: Error,
    /// Whether its client has ended, so that no other will be sent either.
    for_good: bool,
}

enum Slot<T> {
    Sent(Ticket<T>),
    /// Could not be sent; keeps its place in the order.
    Refused(Refusal),
}

impl<I> CaptureLoop<I>
where
    I: Iterator<Item: Planned>,
    Value<I>: 'static,
{
    /// A loop over a plan that keeps up to `in_flight` requests under way; zero
    /// counts as one. Each of them also takes a place of its client's own limit.
    pub fn new<P>(in_flight: usize, plan: P) -> Self
    where
        P: IntoIterator<IntoIter = I, Item = I::Item>,
    {
        Self {
            plan: Some(plan.into_iter()),
            limit: in_flight.max(1),
            on_error: OnError::default(),
            sending: None,
            sent: VecDeque::new(),
        }
    }

    /// What to do after a request that failed. Default: go on.
    pub fn on_error(mut self, policy: OnError) -> Self {
        self.on_error = policy;
        self
    }

    /// How many requests are under way, or done and not yet read.
    pub fn in_flight(&self) -> usize {
        self.sent.len() + usize::from(self.sending.is_some())
    }

    /// The next result in order; `None` after the last one, and after a client
    /// that has ended, whether it was closed or ended by itself, for whatever was not
    /// asked for by then.
    ///
    /// Cancel safe: a result that was not returned comes with the next call, and
    /// no request is made twice.
    ///
    /// # Errors
    ///
    /// The item's own error. Unless the policy says otherwise, the loop goes on.
    pub async fn next(&mut self) -> Option<Result<Output<I>, Error>>
    where
        I: Unpin,
    {
        poll_fn(|cx| self.poll_item(cx)).await
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Output<I>, Error>>> {
        self.fill(cx);
        let mut for_good = false;
        let result = match self.sent.front_mut() {
            Some((Slot::Sent(ticket), _)) => ready!(Pin::new(ticket).poll(cx)),
            Some((Slot::Refused(refusal), _)) => {
                for_good = refusal.for_good;
                Err(refusal.error.clone())
            }
            None if self.sending.is_some() => return Poll::Pending,
            None => return Poll::Ready(None),
        };
        let note = self.sent.pop_front().map(|(_, note)| note);
        if result.is_err() {
            self.failed(for_good);
        }
        let joined = note.map(|note| result.map(|value| I::Item::join(value, note)));
        Poll::Ready(joined)
    }

    /// Makes requests until the limit, the client's own limit, or the end of the
    /// plan.
    fn fill(&mut self, cx: &mut Context<'_>) {
        loop {
            if let Some((mut sending, note)) = self.sending.take() {
                let slot = match sending.as_mut().poll(cx) {
                    Poll::Ready(Ok(ticket)) => Slot::Sent(ticket),
                    Poll::Ready(Err(refusal)) => Slot::Refused(refusal),
                    Poll::Pending => {
                        self.sending = Some((sending, note));
                        return;
                    }
                };
                self.sent.push_back((slot, note));
            }
            if self.sent.len() >= self.limit {
                return;
            }
            let Some(planned) = self.plan.as_mut().and_then(Iterator::next) else {
                // Never asked again: iterators may go on after their first None.
                self.plan = None;
                return;
            };
            let (request, note) = planned.split();
            let ended = request.ended();
            let sending = async move {
                let ticket = request.queue().await;
                ticket.map_err(|error| Refusal {
                    error,
                    for_good: ended(),
                })
            };
            self.sending = Some((Box::pin(sending), note));
        }
    }

    /// A request failed; `for_good` when no other can succeed any more.
    fn failed(&mut self, for_good: bool) {
        match self.on_error {
            OnError::Stop => {
                self.plan = None;
                self.sending = None;
                for (slot, _) in self.sent.drain(..) {
                    if let Slot::Sent(ticket) = slot {
                        ticket.cancel();
                    }
                }
            }
            // An endless plan would spin.
            OnError::Continue if for_good => self.plan = None,
            OnError::Continue => {}
        }
    }
}

impl<I> Stream for CaptureLoop<I>
where
    I: Iterator<Item: Planned> + Unpin,
    Value<I>: 'static,
    Note<I>: Unpin,
{
    type Item = Result<Output<I>, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_item(cx)
    }
}

impl<I: Iterator<Item: Planned>> fmt::Debug for CaptureLoop<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaptureLoop")
            .field("limit", &self.limit)
            .field("on_error", &self.on_error)
            .field("under_way", &self.sent.len())
            .finish_non_exhaustive()
    }
}
