//! A request that has not been made yet, and the ticket of one that has.

use std::{
    fmt,
    future::{Future, IntoFuture},
    ops::Deref,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{Inner, wait::Waiting};
use crate::{
    CameraName, Capability, Command, EncodingChoice, Error, ErrorKind, Modality, ModalitySet,
    RequestId,
    encoding::show_choice,
    frame::{Moment, Stamp},
    session::{
        Job, LONGEST, Order, Outcome, Peer, Permit, Submission, Via, Waiter, Waiters, has_method,
        only_one_camera,
    },
};

/// Reads what a request is worth out of its outcome.
pub(super) enum Read<T> {
    /// All of it.
    Whole(fn(Outcome) -> Result<T, Error>),
    /// What it says of one camera.
    OfCamera(CameraName, fn(Outcome, &CameraName) -> Result<T, Error>),
}

impl<T> Read<T> {
    pub(super) fn apply(&self, outcome: Outcome) -> Result<T, Error> {
        match self {
            Self::Whole(read) => read(outcome),
            Self::OfCamera(name, read) => read(outcome, name),
        }
    }
}

impl<T> Clone for Read<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Whole(read) => Self::Whole(*read),
            Self::OfCamera(name, read) => Self::OfCamera(name.clone(), *read),
        }
    }
}

/// Something that can be asked of a server, not asked yet.
///
/// Three ways to ask it:
///
/// * **direct**: `request.await` waits for the result;
/// * **streaming**: [`submit`](Self::submit) gives a [`Ticket`] with the request
///   ID at once, without waiting for anything;
/// * [`queue`](Self::queue) does the same, but waits for a place when as many
///   requests as allowed are in flight;
/// * **blocking**: [`wait`](Self::wait) needs no async runtime of the caller's.
#[must_use = "a request does nothing until it is awaited, submitted or queued"]
pub struct Request<T> {
    inner: Arc<Inner>,
    job: Result<Job, Error>,
    /// What the server lacks for it.
    lacks: Option<Error>,
    pub(super) how: How,
    read: Read<T>,
}

impl<T> Request<T> {
    pub(super) fn new(
        inner: &Arc<Inner>,
        job: Job,
        needs: Needs,
        read: fn(Outcome) -> Result<T, Error>,
    ) -> Self {
        Self::reading(inner, job, needs, Read::Whole(read))
    }

    pub(super) fn reading(inner: &Arc<Inner>, mut job: Job, needs: Needs, read: Read<T>) -> Self {
        let mut unsuitable = None;
        job.for_each_view(|view, _| {
            unsuitable = unsuitable.or(view.encodings.unsuitable());
            view.encodings = view.encodings.or(inner.encodings);
        });
        let peer = inner.session.peer.borrow();
        let lacks = needs.check(&peer).and_then(|()| has_camera(&peer, &job));
        let job = match unsuitable {
            None => Ok(job),
            Some((modality, choice)) => {
                let message = format!("{modality} cannot be encoded as {}", show_choice(&choice));
                Err(Error::new(ErrorKind::InvalidInput, message))
            }
        };
        Self {
            job,
            lacks: lacks.err(),
            how: How::new(inner),
            inner: inner.clone(),
            read,
        }
    }

    /// A request that is known to be wrong before it is sent.
    pub(super) fn refused(
        inner: &Arc<Inner>,
        error: Error,
        read: fn(Outcome) -> Result<T, Error>,
    ) -> Self {
        Self {
            job: Err(error),
            lacks: None,
            how: How::new(inner),
            inner: inner.clone(),
            read: Read::Whole(read),
        }
    }

    /// Gives this request its own time limit in place of the client's. Beyond 34
    /// years (2^30 s) it makes no difference.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.how.timeout = timeout;
        self
    }

    /// How the images of this request travel, in place of what the client's
    /// settings say. It concerns the modalities that can be encoded so, and the
    /// frame says what became of it: see [`Frame::encoding`](crate::Frame::encoding).
    /// A request for no such image fails with [`ErrorKind::InvalidInput`].
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let server = synthcap_sim::serve(synthcap_sim::SimConfig::small()).await?;
    /// # let client = synthcap::Client::connect(server.url()).await?;
    /// use synthcap::Encoding;
    ///
    /// let camera = client.default_camera();
    /// let exact = camera.depth().encoding(Encoding::Raw).await?;
    /// let close = camera.depth().encoding(Encoding::MILLIMETRE).await?;
    /// assert!(close.wire_bytes() < exact.wire_bytes() / 5);
    /// let pairs = exact.pixels().metres().iter().zip(close.pixels().metres());
    /// let finite = pairs.filter(|(exact, _)| exact.is_finite());
    /// assert!(finite.into_iter().all(|(exact, close)| (exact - close).abs() < 1.001e-3));
    /// assert!(camera.flow().encoding(Encoding::MILLIMETRE).await.is_err());
    /// # client.close().await?;
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn encoding(mut self, choice: impl Into<EncodingChoice>) -> Self {
        let choice = choice.into();
        let Ok(job) = &mut self.job else { return self };
        let mut concerned = false;
        job.for_each_view(|view, modalities| {
            for modality in modalities.iter().filter(|modality| choice.suits(*modality)) {
                view.encodings = view.encodings.with(modality, choice);
                concerned = true;
            }
        });
        if !concerned {
            let (name, choice) = (job.name(), show_choice(&choice));
            let message = format!("{name} asks for no image that can be encoded as {choice}");
            self.job = Err(Error::new(ErrorKind::InvalidInput, message));
        }
        self
    }

    /// Whether running it twice leaves the same state as running it once, as
    /// [`Command::is_idempotent`] says; of a batch, when all its items do.
    pub fn is_idempotent(&self) -> bool {
        self.job.as_ref().map_or(true, Job::is_idempotent)
    }

    /// Sends this request as a call of its own, over the connection of the stream,
    /// instead of through the stream. Result, time limit and errors are the same;
    /// a call overtakes what waits in the stream before it, and no order is kept
    /// between the two.
    ///
    /// Captures of one image, transforms, creating and destroying cameras and
    /// objects, resolution, material, light and the list of objects have such a
    /// method; for anything else the request fails with
    /// [`ErrorKind::InvalidInput`]. A plain UESynth server is asked even for what
    /// it never answers on its stream; "not yet implemented" is an error with
    /// [`ErrorCode::Unsupported`](crate::ErrorCode::Unsupported), although the
    /// server calls it a success.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let server = synthcap_sim::serve(synthcap_sim::SimConfig::small()).await?;
    /// # let client = synthcap::Client::connect(server.url()).await?;
    /// let camera = client.default_camera();
    /// let (called, streamed) = (camera.depth().unary().await?, camera.depth().await?);
    /// assert_eq!(called.width(), streamed.width());
    /// assert!(client.step(1).unary().await.is_err());
    /// # client.close().await?;
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn unary(mut self) -> Self {
        self.how.unary = true;
        let plain = matches!(&*self.inner.session.peer.borrow(), Peer::Plain);
        match &self.job {
            Ok(job) if !has_method(job) => {
                let message = format!(
                    "{} has no unary method; send it over the stream",
                    job.name()
                );
                self.job = Err(Error::new(ErrorKind::InvalidInput, message));
            }
            Ok(job) if job.names_camera().is_some() => {}
            Ok(_) if plain && lacks_only_a_capability(self.lacks.as_ref()) => self.lacks = None,
            _ => {}
        }
        self
    }

    /// What is to be sent, unless it is known that it cannot work.
    fn ready(job: Result<Job, Error>, lacks: Option<Error>) -> Result<Job, Error> {
        match lacks {
            Some(error) => job.and(Err(error)),
            None => job,
        }
    }

    pub(super) fn waiting(&self) -> Waiting {
        self.inner.waiting()
    }

    /// Tells whether the client has ended, so that no request of it can succeed.
    pub(super) fn ended(&self) -> impl Fn() -> bool + Send + use<T> {
        let inner = self.inner.clone();
        move || inner.has_ended()
    }

    /// Makes the request and returns at once with its ID; never waits.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InFlightLimit`] when as many requests as allowed wait for
    /// their reply already, [`ErrorKind::Unsupported`] when the server lacks the
    /// capability; after the client has ended, the error that it ended with:
    /// [`ErrorKind::Closed`] when it was closed, and without reconnecting mostly
    /// [`ErrorKind::Unreachable`]. Nothing was sent then.
    pub fn submit(self) -> Result<Ticket<T>, Error> {
        let job = Self::ready(self.job, self.lacks)?;
        let permit = self.inner.places(&job).try_take();
        let permit = permit.map_err(|error| self.inner.ended_or(error))?;
        let id = self.inner.next_ids(job.id_count());
        send(&self.inner, id, job, self.how, permit, self.read)
    }

    /// As [`submit`](Self::submit), with another order for the session before it.
    pub(super) fn submit_with(
        self,
        before: impl FnOnce(RequestId) -> Order,
    ) -> Result<Ticket<T>, Error> {
        let job = Self::ready(self.job, self.lacks)?;
        let permit = self.inner.places(&job).try_take();
        let permit = permit.map_err(|error| self.inner.ended_or(error))?;
        let id = self.inner.next_ids(job.id_count());
        let sent = self.inner.session.orders.send(before(id));
        sent.map_err(|_| self.inner.ended_or(closed()))?;
        send(&self.inner, id, job, self.how, permit, self.read)
    }

    /// Makes the request as soon as there is a place in flight, and returns with
    /// its ID. Does not wait for the reply.
    ///
    /// Cancel safe: dropped before it returns, nothing was sent.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit), but for the limit.
    pub async fn queue(self) -> Result<Ticket<T>, Error> {
        let job = Self::ready(self.job, self.lacks)?;
        let permit = self.inner.places(&job).take().await;
        let permit = permit.map_err(|error| self.inner.ended_or(error))?;
        let id = self.inner.next_ids(job.id_count());
        send(&self.inner, id, job, self.how, permit, self.read)
    }

    /// The commands and how to read their outcome, for a batch.
    pub(super) fn into_parts(self) -> (Result<Job, Error>, Read<T>) {
        if self.how.unary {
            let message = "a batch travels over the stream; leave unary() out of it";
            let error = Error::new(ErrorKind::InvalidInput, message);
            return (Err(error), self.read);
        }
        (Self::ready(self.job, self.lacks), self.read)
    }
}

impl<T> fmt::Debug for Request<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("job", &self.job)
            .field("how", &self.how)
            .finish_non_exhaustive()
    }
}

impl<T: 'static> IntoFuture for Request<T> {
    type Output = Result<T, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Makes the request and waits for its result. Dropping the future does not
    /// take the request back.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.queue().await?.await })
    }
}

/// How a request travels, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    pub(super) timeout: Duration,
    unary: bool,
}

impl How {
    fn new(inner: &Inner) -> Self {
        Self {
            timeout: inner.request_timeout,
            unary: false,
        }
    }

    fn via(self, deadline: Instant) -> Via {
        if self.unary {
            Via::Unary(deadline)
        } else {
            Via::Stream
        }
    }
}

/// Whether a request was refused for a capability, which a newer UESynth server
/// may have as a unary method.
fn lacks_only_a_capability(lacks: Option<&Error>) -> bool {
    lacks.is_some_and(|error| matches!(error.kind(), ErrorKind::Unsupported(_)))
}

fn send<T>(
    inner: &Arc<Inner>,
    id: RequestId,
    job: Job,
    how: How,
    permit: Permit,
    read: Read<T>,
) -> Result<Ticket<T>, Error> {
    let (reply, outcome) = oneshot::channel();
    // A child of the caller's span; costs nothing while nobody listens.
    let span = tracing::debug_span!("request", %id, what = job.name());
    // The session's clock, which tests can pause and simulations make up.
    let now = tokio::time::Instant::now().into_std();
    let deadline = now + how.timeout.min(LONGEST);
    let submission = Submission {
        id,
        job,
        deadline,
        via: how.via(deadline),
        waiter: Waiters::from(Waiter {
            reply,
            permit,
            since: now,
            span,
        }),
    };
    let sent = inner.session.orders.send(Order::Submit(submission));
    sent.map_err(|_| inner.ended_or(closed()))?;
    Ok(Ticket {
        id,
        inner: inner.clone(),
        outcome,
        read,
    })
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the client was closed")
}

/// What a request needs of the server, known before it is sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Needs {
    /// Every server has it.
    Nothing,
    /// A capability, which a plain UESynth server lacks.
    Extension(Capability),
    /// A capability that a plain UESynth server has too.
    Known(Capability),
    /// One image; a plain UESynth server only has colour.
    Images(ModalitySet),
    /// Several images of one tick.
    ImageSet(ModalitySet),
    /// Two capabilities that a plain UESynth server lacks.
    Both(Capability, Capability),
}

impl Needs {
    fn check(self, peer: &Peer) -> Result<(), Error> {
        match self {
            Self::Nothing => Ok(()),
            Self::Extension(capability) => has(peer, capability, false),
            Self::Known(capability) => has(peer, capability, true),
            Self::Images(modalities) => makes(peer, modalities),
            Self::Both(first, second) => {
                has(peer, first, false)?;
                has(peer, second, false)
            }
            Self::ImageSet(modalities) => {
                has(peer, Capability::CaptureSet, false)?;
                makes(peer, modalities)
            }
        }
    }
}

fn who(peer: &Peer) -> &'static str {
    match peer {
        Peer::Plain => "a plain UESynth server",
        Peer::Synthcap(_) => "this server",
    }
}

fn has(peer: &Peer, capability: Capability, plain_has_it: bool) -> Result<(), Error> {
    let can = match peer {
        Peer::Plain => plain_has_it,
        Peer::Synthcap(info) => info.can(capability),
    };
    if can {
        return Ok(());
    }
    let message = format!("{} lacks the capability {capability}", who(peer));
    Err(Error::new(ErrorKind::Unsupported(capability), message))
}

/// Whether the server tells the camera that is named from its others.
fn has_camera(peer: &Peer, job: &Job) -> Result<(), Error> {
    match (peer, job.names_camera()) {
        (Peer::Plain, Some(named)) => Err(only_one_camera(named)),
        _ => Ok(()),
    }
}

fn makes(peer: &Peer, modalities: ModalitySet) -> Result<(), Error> {
    let made = match peer {
        Peer::Plain => Modality::Rgb.into(),
        Peer::Synthcap(info) => info.modalities,
    };
    let missing = modalities.difference(made).iter().next();
    let Some(missing) = missing else {
        return Ok(());
    };
    let message = format!("{} makes no {missing} images", who(peer));
    Err(Error::new(ErrorKind::UnsupportedModality(missing), message))
}

/// A request that was made: its ID, and a future for the result.
///
/// Await it, poll it with [`try_take`](Self::try_take), or drop it: a frame
/// still reaches the latest-frame buffer and the lossless streams.
#[must_use = "dropping a ticket is fine, but say so with drop()"]
pub struct Ticket<T> {
    id: RequestId,
    inner: Arc<Inner>,
    outcome: oneshot::Receiver<Result<Outcome, Error>>,
    read: Read<T>,
}

impl<T> Ticket<T> {
    /// The request's ID.
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// The result if it has come, without waiting. After that the ticket is
    /// spent.
    pub fn try_take(&mut self) -> Option<Result<T, Error>> {
        match self.outcome.try_recv() {
            Ok(outcome) => Some(outcome.and_then(|outcome| self.read.apply(outcome))),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(Err(self.gone())),
        }
    }

    /// Gives the request up. Its reply, should one come, is ignored; what it
    /// asks for may still happen.
    pub fn cancel(self) {
        // Fails only when the session has ended, and the request with it.
        let _ = self.inner.session.orders.send(Order::Cancel(self.id));
    }

    pub(super) fn waiting(&self) -> Waiting {
        self.inner.waiting()
    }

    fn gone(&self) -> Error {
        self.inner.ended_or(closed()).of_request(self.id)
    }
}

impl<T> Future for Ticket<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = std::task::ready!(Pin::new(&mut self.outcome).poll(cx));
        Poll::Ready(match outcome {
            Ok(outcome) => outcome.and_then(|outcome| self.read.apply(outcome)),
            Err(_) => Err(self.gone()),
        })
    }
}

impl<T> fmt::Debug for Ticket<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A value from a server, with when it was true there.
#[derive(Clone, Debug, PartialEq)]
pub struct Stamped<T> {
    /// The value.
    pub value: T,
    /// When.
    pub stamp: Stamp,
}

impl<T> Stamped<T> {
    /// Place in the server's order of execution; a frame at or after it shows the
    /// effect.
    pub fn moment(&self) -> Moment {
        self.stamp.moment
    }
}

impl<T> Deref for Stamped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// A command was carried out; the text is the server's, for people.
pub type Done = Stamped<String>;

impl Inner {
    fn places(&self, job: &Job) -> &crate::session::InFlight {
        if job.is_capture() {
            &self.session.captures
        } else {
            &self.session.commands
        }
    }

    /// A request for one command whose answer is only that it was done.
    pub(super) fn done(self: &Arc<Self>, command: Command, needs: Needs) -> Request<Done> {
        Request::new(self, Job::One(command), needs, super::answers::done)
    }
}
