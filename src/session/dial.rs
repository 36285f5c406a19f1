//! How the bytes of a connection are got: by TCP or by the program's own
//! dialer, with TLS over either, and what every call over it carries.

use std::{
    fmt,
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header::AUTHORIZATION};
use http_body::{Frame, SizeHint};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::{
    Status,
    body::Body,
    transport::{Channel, Endpoint},
};
use tower_service::Service;
#[cfg(unix)]
use {std::path::PathBuf, tokio::net::UnixStream};

use crate::io::BoxedStream;

type Dialed = Pin<Box<dyn Future<Output = io::Result<BoxedStream>> + Send>>;

/// Where a connection should lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialTarget {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl DialTarget {
    /// The host of the client's URL: a name or an address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port of the client's URL.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// How a client gets its connections, where TCP to the host of its URL is not
/// it: proxies, pipes in memory, simulated networks. It is called for every
/// connection, also after one was lost. For an `https://` URL the client speaks
/// TLS over what it gives.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let server = synthcap_sim::serve(synthcap_sim::SimConfig::small()).await?;
/// use synthcap::{Client, Dialer};
/// use tokio::net::TcpStream;
///
/// // The URL names the simulator; the bytes go by another way.
/// let way = server.local_addr();
/// let dialer = Dialer::new(move |_| TcpStream::connect(way));
/// let client = Client::builder("http://simulator:50051")
///     .dialer(dialer)
///     .connect()
///     .await?;
/// assert_eq!(client.server_info().unwrap().engine_name, "synthcap-sim");
/// # client.close().await?;
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Dialer(Arc<dyn Fn(DialTarget) -> Dialed + Send + Sync>);

impl Dialer {
    /// Gets each connection from this function.
    pub fn new<F, Fut, IO>(dial: F) -> Self
    where
        F: Fn(DialTarget) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<IO>> + Send + 'static,
        IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self(Arc::new(move |target| {
            let dialed = dial(target);
            Box::pin(async move { Ok(Box::new(dialed.await?) as BoxedStream) })
        }))
    }
}

/// The same function, not an equal one.
impl PartialEq for Dialer {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dialer(..)")
    }
}

/// TLS to one server.
#[cfg(feature = "tls")]
#[derive(Clone, Debug)]
pub(crate) struct TlsDialing {
    pub(crate) config: Arc<tokio_rustls::rustls::ClientConfig>,
    pub(crate) server_name: tokio_rustls::rustls::pki_types::ServerName<'static>,
}

/// How the bytes of a connection travel.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    Tcp(HttpConnector),
    /// A Unix socket at this path.
    #[cfg(unix)]
    Socket(PathBuf),
    /// What the program says.
    Own(Dialer),
}

/// How to get the connections of a client.
#[derive(Clone, Debug)]
pub(crate) struct Dialing {
    pub(crate) target: DialTarget,
    pub(crate) way: Way,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<TlsDialing>,
    pub(crate) authorization: Option<HeaderValue>,
}

impl Dialing {
    /// A connection with HTTP/2 set up over it.
    pub(crate) async fn open(&self, endpoint: &Endpoint) -> Result<Line, tonic::transport::Error> {
        let settled = Arc::default();
        let dialing = DialUntilSettled {
            dialing: self.clone(),
            settled: Arc::clone(&settled),
        };
        Ok(Line {
            channel: endpoint.connect_with_connector(dialing).await?,
            authorization: self.authorization.clone(),
            settled,
        })
    }

    async fn dial(self, uri: Uri) -> Result<BoxedStream, DialError> {
        let dialed: io::Result<BoxedStream> = match self.way {
            Way::Own(dialer) => (dialer.0)(self.target).await,
            Way::Tcp(mut tcp) => match tcp.call(uri).await {
                Ok(stream) => Ok(Box::new(stream.into_inner())),
                Err(error) => Err(io::Error::other(error)),
            },
            #[cfg(unix)]
            Way::Socket(path) => match UnixStream::connect(path).await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => Err(error),
            },
        };
        let dialed = dialed.map_err(DialError::Unreachable)?;
        #[cfg(feature = "tls")]
        if let Some(tls) = self.tls {
            let connector = tokio_rustls::TlsConnector::from(tls.config);
            let encrypted = connector.connect(tls.server_name, dialed).await;
            return Ok(Box::new(encrypted.map_err(DialError::Handshake)?));
        }
        Ok(dialed)
    }
}

/// Dials for one channel, until it is known who answers. A channel dials again by
/// itself when its connection is lost; it would go on with whoever answers then,
/// although somebody else said who they are. Connecting again is the session's to
/// do.
struct DialUntilSettled {
    dialing: Dialing,
    settled: Arc<AtomicBool>,
}

impl Service<Uri> for DialUntilSettled {
    type Response = TokioIo<BoxedStream>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let settled = self.settled.load(Ordering::Relaxed);
        let dialing = (!settled).then(|| self.dialing.clone());
        Box::pin(async move {
            let dialing = dialing.ok_or(DialError::Lost)?;
            dialing.dial(uri).await.map(TokioIo::new)
        })
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum DialError {
    Unreachable(io::Error),
    /// There was one.
    Lost,
    #[cfg_attr(not(feature = "tls"), expect(dead_code))]
    Handshake(io::Error),
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable(_) => "no connection",
            Self::Lost => "the connection was lost",
            Self::Handshake(_) => "the TLS handshake failed",
        })
    }
}

impl std::error::Error for DialError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreachable(cause) | Self::Handshake(cause) => Some(cause),
            Self::Lost => None,
        }
    }
}

/// What to look at when there is no connection.
pub(crate) fn question(error: &(dyn std::error::Error + 'static)) -> &'static str {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(DialError::Handshake(_)) = error.downcast_ref() {
            return "TLS failed; does it serve TLS, and do both sides know the other's CA?";
        }
        cause = error.source();
    }
    "is a server listening there?"
}

/// Whether this is a peer that turned a TLS connection down. In TLS 1.3 a client
/// learns only after the handshake that its certificate is missing or unknown,
/// and of the error HTTP/2 keeps no more than the text.
pub(crate) fn is_turned_down(cause: &str) -> bool {
    cause.contains("received fatal alert")
}

/// A connection on which every call carries the client's token.
#[derive(Clone)]
pub(crate) struct Line {
    channel: Channel,
    /// Marked as sensitive, so that nothing below logs or indexes it.
    authorization: Option<HeaderValue>,
    settled: Arc<AtomicBool>,
}

impl Line {
    /// It is known who answers: from now on this is the one connection that it is,
    /// and when it is lost it is over.
    pub(crate) fn settle(&self) {
        self.settled.store(true, Ordering::Relaxed);
    }
}

impl Service<Request<Body>> for Line {
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.channel.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(token) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, token.clone());
        }
        let response = self.channel.call(request);
        Box::pin(async move {
            let mut response = response.await?;
            response.headers_mut().remove(STATUS_DETAILS);
            Ok(response.map(|body| Body::new(WithoutDetails(body))))
        })
    }
}

/// Details of a status, which nothing here reads. Where they are not base64 tonic
/// panics, and with it the task that asked.
const STATUS_DETAILS: &str = "grpc-status-details-bin";

/// A body without the details in its trailers.
struct WithoutDetails(Body);

impl http_body::Body for WithoutDetails {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut frame = ready!(Pin::new(&mut self.0).poll_frame(cx));
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            trailers.remove(STATUS_DETAILS);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
