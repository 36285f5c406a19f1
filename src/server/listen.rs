//! Taking connections in.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Stream, StreamExt, stream};
#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::JoinSet,
    time::{Sleep, sleep},
};
use tonic::transport::server::Connected;

use super::faults::{FaultyStream, Wire};
use crate::io::BoxedStream;

/// How long a connection may take until it says something, and TLS until it is
/// set up. A peer that connects and is silent would hold its place for ever.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait when the system cannot give another connection, most often
/// because too many files are open.
const BREATHER: Duration = Duration::from_millis(50);

/// How a connection that was taken in becomes one that is served.
#[derive(Clone, Debug)]
pub(super) struct Entrance {
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Arc<tokio_rustls::rustls::ServerConfig>>,
    pub(super) max_connections: usize,
    /// Whether faults may be done to connections.
    pub(super) faulty: bool,
    /// True once the server has stopped; what is still open then is dropped.
    pub(super) ended: watch::Receiver<bool>,
}

/// Connections by TCP.
pub(super) fn tcp(listener: TcpListener) -> impl Stream<Item = io::Result<BoxedStream>> {
    stream::unfold(listener, |listener| async move {
        let taken = listener.accept().await.map(|(stream, _)| {
            // A reply is written at once and whole; waiting for more only delays
            // it. Where that cannot be set it is slower, and no worse.
            let _ = stream.set_nodelay(true);
            Box::new(stream) as BoxedStream
        });
        Some((taken, listener))
    })
}

/// Connections by a Unix socket.
#[cfg(unix)]
pub(super) fn unix(listener: UnixListener) -> impl Stream<Item = io::Result<BoxedStream>> {
    stream::unfold(listener, |listener| async move {
        let taken = listener.accept().await;
        let taken = taken.map(|(stream, _)| Box::new(stream) as BoxedStream);
        Some((taken, listener))
    })
}

impl Entrance {
    /// Takes connections in until there are no more, or nobody wants them.
    pub(super) async fn open(
        self,
        connections: impl Stream<Item = io::Result<BoxedStream>>,
        admitted: mpsc::Sender<io::Result<Accepted>>,
    ) {
        let places = Arc::new(Semaphore::new(self.max_connections));
        let mut arriving = JoinSet::new();
        let mut connections = std::pin::pin!(connections);
        loop {
            let next = tokio::select! {
                next = connections.next() => next,
                Some(_) = arriving.join_next() => continue,
                () = admitted.closed() => return,
            };
            match next {
                Some(Ok(stream)) => match places.clone().try_acquire_owned() {
                    Ok(place) => {
                        let admitted = admitted.clone();
                        arriving.spawn(self.clone().admit(stream, place, admitted));
                    }
                    Err(_) => {
                        let most = self.max_connections;
                        tracing::warn!(most, "refused a connection: as many as allowed are open");
                    }
                },
                Some(Err(error)) => {
                    tracing::warn!(%error, "cannot take a connection in");
                    sleep(BREATHER).await;
                }
                None => break,
            }
        }
        while arriving.join_next().await.is_some() {}
        // The serving would take the end of connections for the end of all.
        admitted.closed().await;
    }

    async fn admit(
        self,
        stream: BoxedStream,
        place: OwnedSemaphorePermit,
        admitted: mpsc::Sender<io::Result<Accepted>>,
    ) {
        let wire = self.faulty.then(Arc::<Wire>::default);
        let stream = match &wire {
            Some(wire) => Box::new(FaultyStream::new(stream, wire.clone())),
            None => stream,
        };
        let secured = self.clone().secure(stream);
        let stream = match tokio::time::timeout(PATIENCE, secured).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::debug!(%error, "a connection failed in its TLS handshake");
                return;
            }
            Err(_) => {
                tracing::debug!("a connection took too long for its TLS handshake");
                return;
            }
        };
        let mut ended = self.ended;
        let accepted = Accepted {
            stream,
            wire,
            ended: Box::pin(async move {
                // Fails when the server is gone, which is an end too.
                let _ = ended.wait_for(|ended| *ended).await;
            }),
            silence: Some(Box::pin(sleep(PATIENCE))),
            _place: place,
        };
        // Fails only when the server is stopping.
        let _ = admitted.send(Ok(accepted)).await;
    }

    #[cfg(feature = "tls")]
    async fn secure(self, stream: BoxedStream) -> io::Result<BoxedStream> {
        let Some(config) = self.tls else {
            return Ok(stream);
        };
        let acceptor = tokio_rustls::TlsAcceptor::from(config);
        Ok(Box::new(acceptor.accept(stream).await?))
    }

    #[cfg(not(feature = "tls"))]
    async fn secure(self, stream: BoxedStream) -> io::Result<BoxedStream> {
        Ok(stream)
    }
}

/// A connection that is served.
pub(super) struct Accepted {
    stream: BoxedStream,
    /// Runs until the peer has said something.
    silence: Option<Pin<Box<Sleep>>>,
    wire: Option<Arc<Wire>>,
    ended: Pin<Box<dyn Future<Output = ()> + Send>>,
    _place: OwnedSemaphorePermit,
}

/// What requests know of the connection that they came over.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) wire: Option<Arc<Wire>>,
}

impl Connected for Accepted {
    type ConnectInfo = Origin;

    fn connect_info(&self) -> Origin {
        Origin {
            wire: self.wire.clone(),
        }
    }
}

impl AsyncRead for Accepted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_ready() {
            self.silence = None;
        } else if self.ended.as_mut().poll(cx).is_ready() {
            let error = io::Error::new(io::ErrorKind::ConnectionAborted, "the server has stopped");
            return Poll::Ready(Err(error));
        } else if let Some(silence) = &mut self.silence
            && silence.as_mut().poll(cx).is_ready()
        {
            let error = io::Error::new(io::ErrorKind::TimedOut, "the peer said nothing");
            return Poll::Ready(Err(error));
        }
        read
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
