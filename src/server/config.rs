//! Starting and stopping a server.

use std::{
    fmt,
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};

use futures_util::{Stream, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{codec::CompressionEncoding, service::interceptor::InterceptedService};

#[cfg(feature = "tls")]
use super::ServerTls;
#[cfg(unix)]
use super::unix::{self, SocketFile};
use super::{
    Engine, SharedMemoryLimits, Tokens,
    access::guard,
    faults::Faults,
    host::{DEFAULT_LIMITS, EngineThread, Host, Hosting},
    lanes::Lanes,
    listen::{self, Entrance},
    send::WithOwnBodies,
    service::Service,
    shared::SideSocket,
};
use crate::{ServerLimits, io::BoxedStream, proto::ue_synth_service_server::UeSynthServiceServer};

/// The entry to serving an engine.
#[derive(Clone, Copy, Debug)]
pub struct Server;

impl Server {
    /// Settings for serving this engine.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use synthcap::{Client, server::Server};
    /// use synthcap_sim::{SimConfig, Simulator};
    ///
    /// let engine = Simulator::new(SimConfig::small())?;
    /// let server = Server::builder(engine).start().await?;
    ///
    /// let client = Client::connect(server.url()).await?;
    /// assert_eq!(client.server_info().unwrap().engine_name, "synthcap-sim");
    /// client.close().await?;
    /// server.shutdown().await;
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn builder<E: Engine>(engine: E) -> ServerBuilder<E> {
        ServerBuilder {
            engine,
            address: "127.0.0.1:0".to_owned(),
            limits: DEFAULT_LIMITS,
            queue: 4096,
            paused: false,
            insecure_public: false,
            max_connections: 1024,
            inline: false,
            faults: None,
            tokens: None,
            #[cfg(feature = "tls")]
            tls: None,
            shared_memory: Some(SharedMemoryLimits::default()),
        }
    }
}

/// Settings of a server, before it starts.
#[must_use = "a builder does nothing until start() is awaited"]
pub struct ServerBuilder<E> {
    engine: E,
    address: String,
    limits: ServerLimits,
    queue: usize,
    paused: bool,
    insecure_public: bool,
    max_connections: usize,
    inline: bool,
    faults: Option<Faults>,
    tokens: Option<Tokens>,
    #[cfg(feature = "tls")]
    tls: Option<ServerTls>,
    shared_memory: Option<SharedMemoryLimits>,
}

impl<E> fmt::Debug for ServerBuilder<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder")
            .field("address", &self.address)
            .field("limits", &self.limits)
            .field("queue", &self.queue)
            .field("paused", &self.paused)
            .field("insecure_public", &self.insecure_public)
            .field("max_connections", &self.max_connections)
            .field("tokens", &self.tokens)
            .field("shared_memory", &self.shared_memory)
            .finish_non_exhaustive()
    }
}

impl<E: Engine> ServerBuilder<E> {
    /// Where to listen, as `host:port`, or `unix:/path` for a Unix socket that
    /// only this user can connect to. Default `127.0.0.1:0`, a free port on this
    /// machine only.
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.address = address.into();
        self
    }

    /// What clients may ask at the most. Defaults: images of 8192x8192, requests
    /// of 4 MiB, 1024 requests in flight per stream, 1024 items in a batch, 64
    /// images in a set, 256 subscriptions.
    ///
    /// A limit of 0 is refused when the server starts, but for subscriptions, of which
    /// there may be none.
    pub fn limits(mut self, limits: ServerLimits) -> Self {
        self.limits = limits;
        self
    }

    /// How many requests of all clients may wait for the engine. Default 4096;
    /// more are refused with an error that says to try again.
    pub fn queue(mut self, requests: usize) -> Self {
        self.queue = requests.max(1);
        self
    }

    /// Starts with simulation time standing still. Default: it runs.
    pub fn paused(mut self, paused: bool) -> Self {
        self.paused = paused;
        self
    }

    /// Allows an address that other machines can reach, although nothing here
    /// protects it: whoever reaches it controls the simulator. Default: refused
    /// without [`tls`](Self::tls) or [`tokens`](Self::tokens).
    pub fn allow_insecure_public(mut self, allow: bool) -> Self {
        self.insecure_public = allow;
        self
    }

    /// How many connections may be open. Default 1024; further ones are closed at
    /// once. A connection that says nothing for 10 s is closed too.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// Serves only those who show one of these tokens, and each only what the
    /// token allows: other requests end with `PermissionDenied`. Default: anybody
    /// may do everything. Without TLS whoever can listen in learns the tokens.
    pub fn tokens(mut self, tokens: Tokens) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// Serves over TLS only. Default: unencrypted.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Runs the engine within the tasks that serve the clients, without a thread of
    /// its own; simulation time then passes by steps only. For simulated networks,
    /// where nothing may depend on a thread's timing. Default: no.
    pub fn inline(mut self, inline: bool) -> Self {
        self.inline = inline;
        self
    }

    /// Does faults on purpose, for tests of clients. Default: none.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = Some(faults);
        self
    }

    /// What is spent on shared memory, through which clients of the same user on
    /// this machine get their images without a copy through a socket; `None`
    /// offers none. Default: [`SharedMemoryLimits::default`], on Linux. The
    /// variable `SYNTHCAP_SERVER_SHARED_MEMORY` overrides it: `off`, or the size
    /// in bytes from which images are shared.
    pub fn shared_memory(mut self, limits: Option<SharedMemoryLimits>) -> Self {
        self.shared_memory = limits;
        self
    }

    /// Starts serving; returns once the address is bound.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// When the address is unknown, in use, or public without protection; when
    /// the files of TLS cannot be used; when a limit is 0.
    pub async fn start(self) -> Result<ServerHandle, ServerError> {
        if let Some(path) = self.address.strip_prefix("unix:") {
            let path = path.trim_start_matches("//").to_owned();
            return self.start_unix(&path);
        }
        let address = self.resolve()?;
        let shared = SharedMemoryLimits::from_env(self.shared_memory).map_err(ServerError)?;
        let listener = TcpListener::bind(address).await.map_err(|error| {
            let remedy = "choose another with --listen, or port 0 for a free one";
            ServerError(format!("cannot listen on {address}: {error}; {remedy}"))
        })?;
        let address = listener.local_addr().map_err(unusable)?;
        let url = format!("{}://{address}", self.scheme());
        self.serve(address, url, listen::tcp(listener), shared)
    }

    /// Starts serving at a Unix socket.
    #[cfg(unix)]
    fn start_unix(self, path: &str) -> Result<ServerHandle, ServerError> {
        let (listener, file) = unix::bind(path.as_ref()).map_err(|error| {
            let remedy = "choose another path, in a folder of your own";
            ServerError(format!("cannot listen on unix:{path}: {error}; {remedy}"))
        })?;
        let url = format!("unix://{}", file.path.display());
        let shared = SharedMemoryLimits::from_env(self.shared_memory).map_err(ServerError)?;
        let mut handle = self.serve(NOWHERE, url, listen::unix(listener), shared)?;
        handle.socket = Some(file);
        Ok(handle)
    }

    #[cfg(not(unix))]
    fn start_unix(self, path: &str) -> Result<ServerHandle, ServerError> {
        Err(ServerError(format!(
            "cannot listen on unix:{path}: this system has no Unix sockets; use host:port"
        )))
    }

    /// Starts serving connections that come from elsewhere, such as pipes in
    /// memory or a simulated network. When there are no more of them, those that
    /// are open go on. The address of such a server is 0.0.0.0:0. It shares no
    /// memory: everything goes over those connections.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use futures_util::stream;
    /// use synthcap::{Client, Dialer, server::Server};
    /// use synthcap_sim::{SimConfig, Simulator};
    ///
    /// let (near, far) = tokio::io::duplex(1 << 16);
    /// let engine = Simulator::new(SimConfig::small())?;
    /// let server = Server::builder(engine).start_on(stream::iter([Ok(far)]))?;
    ///
    /// let near = std::sync::Mutex::new(Some(near));
    /// let dialer = Dialer::new(move |_| {
    ///     let pipe = near.lock().unwrap().take();
    ///     async { pipe.ok_or_else(|| std::io::ErrorKind::NotConnected.into()) }
    /// });
    /// let client = Client::builder("http://pipe:1").dialer(dialer).connect().await?;
    /// client.default_camera().rgb().await?;
    /// # client.close().await?;
    /// # server.shutdown().await;
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// When the files of TLS cannot be used, or a limit is 0.
    pub fn start_on<S, IO>(self, connections: S) -> Result<ServerHandle, ServerError>
    where
        S: Stream<Item = io::Result<IO>> + Send + 'static,
        IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let boxed = connections.map(|taken| taken.map(|stream| Box::new(stream) as BoxedStream));
        let url = format!("{}://{NOWHERE}", self.scheme());
        self.serve(NOWHERE, url, boxed, None)
    }

    fn serve(
        self,
        address: SocketAddr,
        url: String,
        connections: impl Stream<Item = io::Result<BoxedStream>> + Send + 'static,
        shared: Option<SharedMemoryLimits>,
    ) -> Result<ServerHandle, ServerError> {
        usable(&self.limits)?;
        let (stop, stopping) = watch::channel(false);
        let (end, ended) = watch::channel(false);
        let entrance = Entrance {
            #[cfg(feature = "tls")]
            tls: self.tls.as_ref().map(ServerTls::load).transpose()?,
            max_connections: self.max_connections,
            faulty: self.faults.is_some(),
            ended,
        };
        let hosting = Hosting {
            limits: self.limits,
            queue: self.queue,
            paused: self.paused,
            inline: self.inline,
            faults: self.faults,
        };
        let (host, thread) = Host::start(self.engine, hosting).map_err(unusable)?;
        let (admitted, incoming) = mpsc::channel(16);
        let tokens = self.tokens.map(Arc::new);
        let incoming = ReceiverStream::new(incoming);
        let side_socket = shared.and_then(|limits| SideSocket::open(limits, stopping.clone()));
        let served = serve(
            incoming,
            host.clone(),
            side_socket,
            tokens,
            stopping.clone(),
        );
        let serving = async move {
            // The entrance closes when the serving has ended.
            tokio::join!(
                entrance.open(connections, admitted),
                within_grace(served, stopping, end)
            );
        };
        Ok(ServerHandle {
            address,
            url,
            stop,
            running: Some((tokio::spawn(serving), host, thread)),
            #[cfg(unix)]
            socket: None,
        })
    }

    fn scheme(&self) -> &'static str {
        if self.is_encrypted() { "https" } else { "http" }
    }

    #[cfg(feature = "tls")]
    fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    #[cfg(not(feature = "tls"))]
    fn is_encrypted(&self) -> bool {
        false
    }

    fn resolve(&self) -> Result<SocketAddr, ServerError> {
        let text = &self.address;
        let mut found = text.to_socket_addrs().map_err(|error| {
            let form = "write it like 127.0.0.1:50051";
            ServerError(format!(
                "{text:?} is no address to listen on: {error}; {form}"
            ))
        })?;
        let address = found.next();
        let address =
            address.ok_or_else(|| ServerError(format!("{text:?} is no address to listen on")))?;
        let protected = self.is_encrypted() || self.tokens.is_some();
        if address.ip().is_loopback() || protected || self.insecure_public {
            return Ok(address);
        }
        Err(ServerError(format!(
            "{address} can be reached from other machines, and nothing protects it; listen on \
             127.0.0.1, protect it by tokens or TLS (--token-file, --tls-cert with --tls-key), \
             or allow it in words: --insecure-public, in code allow_insecure_public(true)"
        )))
    }
}

/// The address of a server that has none.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Limits under which a server would answer nobody are a mistake.
fn usable(limits: &ServerLimits) -> Result<(), ServerError> {
    let each = [
        ("max_width", u64::from(limits.max_width)),
        ("max_height", limits.max_height.into()),
        ("max_message_bytes", limits.max_message_bytes),
        ("max_in_flight", limits.max_in_flight.into()),
        ("max_batch_items", limits.max_batch_items.into()),
        ("max_set_images", limits.max_set_images.into()),
    ];
    match each.into_iter().find(|(_, limit)| *limit == 0) {
        Some((name, _)) => Err(ServerError(format!(
            "the limit {name} is 0, under which nothing could be asked; give at least 1"
        ))),
        None => Ok(()),
    }
}

fn unusable(error: io::Error) -> ServerError {
    ServerError(format!("cannot serve: {error}"))
}

/// How long clients have, when a server stops, to take what is on its way to them.
const GRACE: Duration = Duration::from_secs(5);

/// Lets the serving end by itself once it is told to stop, but not for ever: a
/// client that does not read would keep it open.
async fn within_grace(
    served: impl Future<Output = ()>,
    mut stopping: watch::Receiver<bool>,
    end: watch::Sender<bool>,
) {
    let patience = async {
        // Ends also when the handle is dropped.
        let _ = stopping.wait_for(|stopping| *stopping).await;
        tokio::time::sleep(GRACE).await;
    };
    let mut served = std::pin::pin!(served);
    tokio::select! {
        () = &mut served => return,
        () = patience => {}
    }
    end.send_replace(true);
    served.await;
}

async fn serve(
    incoming: ReceiverStream<io::Result<listen::Accepted>>,
    host: Host,
    side_socket: Option<SideSocket>,
    tokens: Option<Arc<Tokens>>,
    mut stopping: watch::Receiver<bool>,
) {
    let largest = usize::try_from(host.limits.max_message_bytes).unwrap_or(usize::MAX);
    let service = UeSynthServiceServer::new(Service {
        host,
        lanes: Lanes::default(),
        side_socket,
        stopping: stopping.clone(),
    })
    .max_decoding_message_size(largest)
    .accept_compressed(CompressionEncoding::Gzip)
    .send_compressed(CompressionEncoding::Gzip);
    let stopped = async move {
        // Ends also when the handle is dropped.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    let served = tonic::transport::Server::builder()
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(8 << 20)
        .max_frame_size(1 << 20)
        .http2_keepalive_interval(Some(Duration::from_secs(60)))
        .add_service(InterceptedService::new(
            WithOwnBodies(service),
            guard(tokens),
        ))
        .serve_with_incoming_shutdown(incoming, stopped)
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "the server failed");
    }
}

/// A running server. Dropping it asks the server to stop and does not wait.
#[derive(Debug)]
pub struct ServerHandle {
    address: SocketAddr,
    url: String,
    stop: watch::Sender<bool>,
    running: Option<(JoinHandle<()>, Host, EngineThread)>,
    /// Goes with the handle.
    #[cfg(unix)]
    socket: Option<SocketFile>,
}

impl ServerHandle {
    /// Where it really listens; 0.0.0.0:0 for a Unix socket.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The address as clients take it.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Stops: open streams end (at the latest after 5 s, whether or not their
    /// clients read), queued requests are still executed, and the engine is dropped. Returns when all of that is done.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        let Some((serving, host, thread)) = self.running.take() else {
            return;
        };
        // A panic of the task ends the server just as well.
        let _ = serving.await;
        let ended = tokio::task::spawn_blocking(move || {
            host.stop();
            thread.join();
        });
        let _ = ended.await;
        // A Unix socket goes when this handle is dropped, which is now.
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// A server could not be started; one line that names the thing and the remedy.
#[derive(Clone, Debug)]
pub struct ServerError(String);

impl ServerError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ServerError {}
