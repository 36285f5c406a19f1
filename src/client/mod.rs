//! The handle that people hold.

mod answers;
mod batch;
mod camera;
mod capture_loop;
mod config;
mod latest;
mod object;
mod pool;
mod reads;
mod request;
mod scene;
mod subscription;
mod wait;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::runtime::Handle;

pub use batch::{Batch, BatchItem, BatchReplies};
pub use camera::{Camera, FrameSet};
pub use capture_loop::{CaptureLoop, OnError, Planned};
pub use config::{
    ClientBuilder, ClientConfig, Compression, Keepalive, KeepalivePolicy, LogLevel, Preset,
    SharedMemory, TlsFiles,
};
pub use latest::Latest;
pub use object::Object;
pub use pool::{
    Lease, Pool, PoolBuilder, PoolResults, PoolStart, PoolStats, Rerun, ServerState, ServerStats,
};
pub use request::{Done, Request, Stamped, Ticket};
pub use subscription::{Delivery, FrameSubscription, Subscribe};
pub(crate) use wait::{Waiting, block_on};

use crate::{
    CameraName, Encodings, Error, ErrorKind, Frame, FrameStream, ModalitySet, ObjectName,
    RequestId, ServerInfo, Stats,
    session::{self, Connection, Connector, InFlight, Order, Peer, Policies, Session},
    streams::Filter,
};

/// A connection to a simulator. Cloning it is cheap and shares the connection;
/// when the last clone is dropped the connection ends in the background.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let server = synthcap_sim::serve(synthcap_sim::SimConfig::small()).await?;
/// use synthcap::Client;
///
/// let client = Client::connect(server.url()).await?;
/// let camera = client.default_camera();
///
/// let image = camera.rgb().await?; // wait for it
/// assert_eq!(image.pixels().image().width(), image.width());
///
/// let ticket = camera.depth().submit()?; // or take its ID and go on
/// println!("asked for depth as request {}", ticket.id());
/// let depth = ticket.await?;
/// assert!(depth.pixels().metres().iter().any(|metres| metres.is_finite()));
///
/// client.close().await?;
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    session: Session,
    connector: Connector,
    request_timeout: Duration,
    encodings: Encodings,
    next_id: AtomicU64,
    /// Where the session's task runs.
    runtime: Handle,
    /// Whether that runtime is our own, so that no thread that waits for a reply
    /// can be one that the reply depends on.
    owns_runtime: bool,
}

impl Client {
    /// Connects with the default settings, such as to `http://127.0.0.1:50051`.
    ///
    /// # Errors
    ///
    /// As [`ClientBuilder::connect`].
    pub async fn connect(url: impl Into<String>) -> Result<Self, Error> {
        Self::builder(url).connect().await
    }

    /// Settings for a connection to this server.
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        ClientConfig::builder().url(url)
    }

    /// Connects with these settings, and asks the server what it can do.
    ///
    /// Must be called within a tokio runtime; without one there is
    /// [`blocking`](crate::blocking). Cancel safe: dropping the future drops the
    /// attempt.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a setting that cannot work,
    /// [`ErrorKind::Unreachable`] when nothing answers, and
    /// [`ErrorKind::NotASimulator`] when what answers does not speak the
    /// protocol.
    pub async fn connect_with(config: ClientConfig) -> Result<Self, Error> {
        Self::connect_on(config, false).await
    }

    /// As [`connect_with`](Self::connect_with); `owns_runtime` when nothing else
    /// runs on the present runtime.
    pub(crate) async fn connect_on(
        config: ClientConfig,
        owns_runtime: bool,
    ) -> Result<Self, Error> {
        config.validate()?;
        let connector = config.connector()?;
        let first = session::Transport::connect(&mut connector.clone()).await?;
        Ok(Self::start(connector, first, &config, owns_runtime))
    }

    fn start(
        connector: Connector,
        first: Connection,
        config: &ClientConfig,
        owns_runtime: bool,
    ) -> Self {
        let session = session::spawn(
            connector.clone(),
            first,
            Policies {
                reconnect: config.reconnect,
                resend: config.resend,
                input_buffering: config.input_buffering,
                kept_requests: config.kept_requests,
                max_image_bytes: config.max_message_bytes as u64,
            },
            InFlight::new(config.max_captures_in_flight, "captures"),
            InFlight::new(config.max_commands_in_flight, "commands"),
        );
        Self {
            inner: Arc::new(Inner {
                session,
                connector,
                request_timeout: config.request_timeout,
                encodings: config.encodings,
                next_id: AtomicU64::new(1),
                runtime: Handle::current(),
                owns_runtime,
            }),
        }
    }

    /// What the server said of itself when the present connection was made;
    /// `None` for a plain UESynth server, which cannot be asked.
    pub fn server_info(&self) -> Option<Arc<ServerInfo>> {
        match &*self.inner.session.peer.borrow() {
            Peer::Synthcap(info) => Some(info.clone()),
            Peer::Plain => None,
        }
    }

    /// Asks the server anew what it is, over a connection of its own, and says
    /// how long the answer took.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unreachable`] when the server does not answer.
    pub async fn ping(&self) -> Result<(Duration, Option<Arc<ServerInfo>>), Error> {
        let connector = self.inner.connector.clone();
        // On the session's runtime, so that it works whoever polls this.
        let asked = self.inner.runtime.spawn(async move {
            let (channel, _) = connector.reach().await?;
            let start = Instant::now();
            let peer = connector.identify(channel).await?;
            Ok((start.elapsed(), peer))
        });
        let answer = asked.await.unwrap_or_else(|_| {
            let message = "the client's runtime has ended";
            Err(self.inner.ended_or(Error::new(ErrorKind::Closed, message)))
        });
        let (took, peer) = answer?;
        Ok(match peer {
            Peer::Synthcap(info) => (took, Some(info)),
            Peer::Plain => (took, None),
        })
    }

    /// A camera by its name; empty for the server's default camera. Nothing is
    /// sent: whether it exists shows with the first request.
    ///
    /// A plain UESynth server has one camera and passes the name over, so there
    /// captures, queries and moves of any but the
    /// [default camera](Self::default_camera) are refused, as
    /// [`ErrorKind::Unsupported`].
    pub fn camera(&self, name: impl Into<CameraName>) -> Camera {
        let name = name.into();
        if name.is_default() {
            return self.default_camera();
        }
        Camera::new(self.inner.clone(), name)
    }

    /// The server's default camera.
    pub fn default_camera(&self) -> Camera {
        // By its real name where that is known, so that its frames are found
        // under one name however they were asked for.
        let info = self.server_info();
        let first = info.as_ref().and_then(|info| info.cameras.first());
        let name = first.map(|camera| camera.name.clone()).unwrap_or_default();
        Camera::new(self.inner.clone(), name)
    }

    /// An object by its name. Nothing is sent: whether it exists shows with the
    /// first request.
    pub fn object(&self, name: impl Into<ObjectName>) -> Object {
        Object::new(self.inner.clone(), name.into())
    }

    /// Several requests that run as one.
    pub fn batch(&self) -> Batch {
        Batch::new(&self.inner)
    }

    /// Every frame of these modalities that is asked for and arrives from now on, of all
    /// cameras.
    ///
    /// What a subscription brings comes to its own stream, and to the latest-frame buffer,
    /// but not here; it takes part in [`FrameSeq`](crate::FrameSeq) all the same.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let server = synthcap_sim::serve(synthcap_sim::SimConfig::small()).await?;
    /// # let client = synthcap::Client::connect(server.url()).await?;
    /// use synthcap::Modality;
    ///
    /// let camera = client.default_camera();
    /// let mut frames = client.frames(Modality::Rgb);
    /// for _ in 0..3 {
    ///     drop(camera.rgb().submit()?); // the ticket is not needed
    /// }
    /// for seq in 1..=3 {
    ///     let frame = frames.next().await.expect("the client lives")?;
    ///     assert_eq!(frame.info().seq.get(), seq);
    /// }
    /// # client.close().await?;
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn frames(&self, modalities: impl Into<ModalitySet>) -> FrameStream {
        let streams = &self.inner.session.hub.streams;
        let stream = streams.open(Filter {
            camera: None,
            modalities: modalities.into(),
        });
        stream.waiting(self.inner.waiting())
    }

    /// Waits for the frames of a capture of which only the ID is known, at the
    /// most this long. They are found for as long as
    /// [`kept_requests`](ClientConfig::kept_requests) newer captures have not
    /// come. Cancel safe.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let server = synthcap_sim::serve(synthcap_sim::SimConfig::small()).await?;
    /// # let client = synthcap::Client::connect(server.url()).await?;
    /// use std::time::Duration;
    ///
    /// let id = client.default_camera().rgb().submit()?.id();
    /// let frames = client.frames_of(id, Duration::from_secs(5)).await?;
    /// assert_eq!(frames[0].info().request_id, id);
    /// # client.close().await?;
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// That of the request, and [`ErrorKind::DeadlineExceeded`] when nothing is
    /// known of it within the time.
    pub async fn frames_of(
        &self,
        id: RequestId,
        timeout: Duration,
    ) -> Result<Vec<Arc<Frame>>, Error> {
        let frames = self.inner.session.hub.recent.wait(id);
        tokio::time::timeout(timeout, frames)
            .await
            .unwrap_or_else(|_| {
                let message = format!("no frames of it within {timeout:?}, or no longer kept");
                Err(Error::new(ErrorKind::DeadlineExceeded, message).of_request(id))
            })
    }

    /// What this client has done so far, in numbers. The same goes to the
    /// [`metrics`](https://docs.rs/metrics) facade as `synthcap_*`, for programs
    /// that install a recorder.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let server = synthcap_sim::serve(synthcap_sim::SimConfig::small()).await?;
    /// # let client = synthcap::Client::connect(server.url()).await?;
    /// let before = client.stats();
    /// client.default_camera().rgb().await?;
    /// let stats = client.stats();
    /// assert_eq!((stats.requests_ok, stats.frames), (1, 1));
    /// println!("{:.0} frames/s", stats.frames_per_second_since(&before));
    /// println!("half within {:?}, all within {:?}", stats.latency_p50, stats.latency_max);
    /// # client.close().await?;
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn stats(&self) -> Stats {
        let hub = &self.inner.session.hub;
        let shared = self.inner.connector.shared.as_ref();
        Stats {
            frames_shared: shared.map_or(0, |count| count.get()),
            ..hub
                .stats
                .snapshot(self.in_flight(), hub.latest.replaced_unread())
        }
    }

    /// How many captures and other requests wait for their reply.
    pub fn in_flight(&self) -> (usize, usize) {
        let session = &self.inner.session;
        (session.captures.taken(), session.commands.taken())
    }

    /// Until the session has ended, whoever ends it.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut ended = self.inner.session.ended.clone();
        async move {
            // Fails when the task is gone, which is an end too.
            let _ = ended.wait_for(Option::is_some).await;
        }
    }

    /// Ends the connection and waits until that is done. Whatever is still
    /// pending ends with an error that says whether it was sent.
    ///
    /// # Errors
    ///
    /// When the client had ended before by itself, with the reason.
    pub async fn close(self) -> Result<(), Error> {
        let session = &self.inner.session;
        // Fails when the session has ended already; the reason follows.
        let _ = session.orders.send(Order::Close);
        let mut ended = session.ended.clone();
        let reason = ended.wait_for(Option::is_some).await;
        match reason.ok().and_then(|reason| reason.clone()) {
            Some(reason) if reason.kind() == ErrorKind::Closed => Ok(()),
            Some(reason) => Err(reason),
            None => Err(Error::new(
                ErrorKind::Closed,
                "the session's task was stopped with its runtime",
            )),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.inner.connector.url)
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// A run of request IDs, of which the first is returned.
    fn next_ids(&self, count: u64) -> RequestId {
        RequestId::new(self.next_id.fetch_add(count, Ordering::Relaxed))
    }

    /// Whether the session has ended, or is about to.
    fn has_ended(&self) -> bool {
        self.session.orders.is_closed()
    }

    /// Why the session ended, or else this error.
    fn ended_or(&self, error: Error) -> Error {
        self.session.ended.borrow().clone().unwrap_or(error)
    }
}
