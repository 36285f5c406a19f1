//! The network, behind a trait, so that tests can fake it and faster message
//! layers can replace it.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use http::uri::PathAndQuery;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Request, Status, client::Grpc, codec::CompressionEncoding, metadata::MetadataValue,
    transport::Endpoint,
};

use super::{
    aside::{self, STREAM_HEADER, StreamName},
    dial::{self, Dialing, Line},
    meter::{LinkRate, Metered},
    outbound::HELD_BY_TRANSPORT,
    receive::{Extras, Received, SplitChannel, StreamCodec},
    shared::{SHARED_HEADER, SharedCount, SharedFrames},
    unary::{self, Calls},
};
use crate::{
    Capability, Error, ErrorKind, ServerInfo,
    frame::pool::BufferPool,
    proto::{ActionRequest, ue_synth_service_client::UeSynthServiceClient as Stub},
    wire,
};

/// Who answered.
#[derive(Clone, Debug)]
pub(crate) enum Peer {
    /// A synthcap server, with what it says of itself.
    Synthcap(Arc<ServerInfo>),
    /// A UESynth server without our extensions.
    Plain,
}

/// An open stream.
pub(crate) struct Connection {
    pub(crate) peer: Peer,
    /// Has room for a few; they are taken as the server reads.
    pub(crate) outbound: mpsc::Sender<ActionRequest>,
    pub(crate) inbound: Inbound,
    pub(crate) calls: Calls,
    pub(crate) rate: LinkRate,
}

/// Messages from the server; ends or fails once, when the connection is gone.
pub(crate) type Inbound = Pin<Box<dyn Stream<Item = Result<Received, Error>> + Send>>;

/// Makes connections to one server. Sealed by being private to the crate.
pub(crate) trait Transport: Send + 'static {
    fn connect(&mut self) -> impl Future<Output = Result<Connection, Error>> + Send;
}

/// Connects by tonic over HTTP/2.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    pub(crate) dialing: Dialing,
    pub(crate) endpoint: Endpoint,
    /// How to connect to servers that are known to permit pings, where that
    /// differs.
    pub(crate) pinging: Option<Endpoint>,
    pub(crate) url: Arc<str>,
    pub(crate) connect_timeout: Duration,
    pub(crate) max_message_bytes: usize,
    pub(crate) gzip: bool,
    /// Whether images may be encoded, which leaves nothing for gzip to do.
    pub(crate) encodes: bool,
    /// Where the pixels of received frames go.
    pub(crate) pool: Arc<BufferPool>,
    /// Counts the frames that came through shared memory; `None` when none may.
    pub(crate) shared: Option<SharedCount>,
    /// Whether replies to commands are to come over a connection of their own.
    pub(crate) separate_replies: bool,
}

/// The stream's method.
pub(super) const STREAM_PATH: PathAndQuery =
    PathAndQuery::from_static("/uesynth.UESynthService/ControlStream");

/// Tells a synthcap server that it may compress its replies. Announcing the
/// codec alone does not: many clients do so without wanting it.
pub(crate) const COMPRESS_HEADER: &str = "synthcap-compress";

/// What to do about a peer that is no simulator.
const CHECK_ADDRESS: &str = "is that the address and port of a simulator?";

impl Connector {
    /// Calls over a channel. `known` is who answers: requests are compressed only
    /// for servers of ours, for a server without gzip refuses them.
    fn stub(&self, channel: Line, known: Option<&Peer>) -> Stub<Line> {
        let stub = Stub::new(channel)
            .max_decoding_message_size(self.max_message_bytes)
            .max_encoding_message_size(self.max_message_bytes);
        if !self.gzip {
            return stub;
        }
        let stub = stub.accept_compressed(CompressionEncoding::Gzip);
        match known {
            Some(Peer::Synthcap(_)) => stub.send_compressed(CompressionEncoding::Gzip),
            _ => stub,
        }
    }

    /// The client of the stream, with a message layer of our own.
    /// `compressed` when requests are to be, too.
    pub(super) fn stream(
        &self,
        channel: Metered<Line>,
        compressed: bool,
    ) -> (Grpc<SplitChannel<Metered<Line>>>, StreamCodec) {
        let (limit, extras) = (self.max_message_bytes, Extras::default());
        let channel = SplitChannel::new(channel, limit, self.pool.clone(), extras.clone());
        let stream = Grpc::new(channel)
            .max_decoding_message_size(limit)
            .max_encoding_message_size(limit);
        let gzip = CompressionEncoding::Gzip;
        let stream = match (self.gzip, compressed) {
            (_, true) => stream.accept_compressed(gzip).send_compressed(gzip),
            (true, false) => stream.accept_compressed(gzip),
            (false, false) => stream,
        };
        (stream, StreamCodec { extras })
    }

    fn wants_replies_aside(&self, peer: &Peer) -> bool {
        let Peer::Synthcap(info) = peer else {
            return false;
        };
        self.separate_replies && info.can(Capability::SeparateReplies)
    }

    /// Another connection to a server that is known.
    pub(super) async fn another_line(&self) -> Result<Line, tonic::transport::Error> {
        let endpoint = self.pinging.as_ref().unwrap_or(&self.endpoint);
        self.dialing.open(endpoint).await
    }

    /// A channel, and who is at its other end.
    pub(crate) async fn reach(&self) -> Result<(Line, Peer), Error> {
        let attempt = async {
            let found = self.dial(&self.endpoint).await?;
            match (&self.pinging, &found) {
                // What answers this time is asked too: it may be another server.
                (Some(pinging), (_, Peer::Synthcap(_))) => match self.dial(pinging).await? {
                    (_, Peer::Plain) => Ok(found),
                    pinging => Ok(pinging),
                },
                _ => Ok(found),
            }
        };
        let limit = self.connect_timeout;
        tokio::time::timeout(limit, attempt)
            .await
            .unwrap_or_else(|_| {
                let url = &self.url;
                let message = format!("{url} did not answer within {limit:?}; {CHECK_ADDRESS}");
                Err(Error::new(ErrorKind::Unreachable, message))
            })
    }

    async fn dial(&self, endpoint: &Endpoint) -> Result<(Line, Peer), Error> {
        let channel = self.dialing.open(endpoint).await.map_err(|error| {
            let question = dial::question(&error);
            let (url, cause) = (&self.url, innermost(&error));
            let message = format!("cannot reach {url}: {question}{cause}");
            Error::with_source(ErrorKind::Unreachable, message, error)
        })?;
        let peer = self.identify(channel.clone()).await?;
        channel.settle();
        Ok((channel, peer))
    }

    /// Asks who is at the other end.
    pub(crate) async fn identify(&self, channel: Line) -> Result<Peer, Error> {
        let mut stub = self.stub(channel, None);
        match stub.get_server_info(()).await {
            Ok(info) => {
                let info = wire::info::decode(info.into_inner()).map_err(|error| {
                    let message = format!("{} describes itself badly: {error}", self.url);
                    Error::new(ErrorKind::NotASimulator, message)
                })?;
                Ok(Peer::Synthcap(Arc::new(info)))
            }
            Err(status) if status.code() == Code::Unimplemented => {
                // Every gRPC server says so of a method that it lacks; only one
                // that speaks the protocol answers the oldest query.
                match stub.list_objects(()).await {
                    Ok(_) => Ok(Peer::Plain),
                    Err(status) if status.code() == Code::Unimplemented => {
                        Err(self.not_a_simulator(&status))
                    }
                    Err(status) => Err(self.unanswered(&status)),
                }
            }
            Err(status) => Err(self.unanswered(&status)),
        }
    }

    /// The error when the first call over a new connection failed.
    fn unanswered(&self, status: &Status) -> Error {
        let cause = status_text(status);
        if dial::is_turned_down(&cause) {
            let url = &self.url;
            let message = format!(
                "{url} turned the TLS connection down{cause}; \
                 does it ask for a client certificate, of an authority that it knows?"
            );
            let denied = ErrorKind::Rejected(crate::ErrorCode::PermissionDenied);
            return Error::new(denied, message);
        }
        match status.code() {
            Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded => {
                let message = format!(
                    "{} took the connection, but did not answer{}; {CHECK_ADDRESS}",
                    self.url,
                    status_text(status)
                );
                Error::new(ErrorKind::Unreachable, message)
            }
            Code::Unknown | Code::Internal | Code::Unimplemented => self.not_a_simulator(status),
            _ => self.failed(status),
        }
    }

    /// The error for a stream, or a call to a peer that is known, that failed as a
    /// whole.
    pub(crate) fn failed(&self, status: &Status) -> Error {
        let url = &self.url;
        match status.code() {
            // A broken connection comes as several of these.
            Code::Unavailable
            | Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Unknown
            | Code::Internal => {
                let message = format!("lost the connection to {url}{}", status_text(status));
                Error::new(ErrorKind::Unreachable, message)
            }
            Code::Unauthenticated | Code::PermissionDenied => {
                let message = format!("{url} refused access{}", status_text(status));
                Error::new(
                    ErrorKind::Rejected(crate::ErrorCode::PermissionDenied),
                    message,
                )
            }
            Code::Unimplemented => self.not_a_simulator(status),
            _ => {
                let message = format!("the stream to {url} failed{}", status_text(status));
                Error::new(ErrorKind::Unreachable, message)
            }
        }
    }

    fn not_a_simulator(&self, status: &Status) -> Error {
        let cause = match status.code() {
            Code::Unimplemented => " (it has no such service)".to_owned(),
            _ => status_text(status),
        };
        let url = &self.url;
        let message = format!(
            "{url} answers, but does not speak the UESynth protocol over gRPC{cause}; \
             {CHECK_ADDRESS}"
        );
        Error::new(ErrorKind::NotASimulator, message)
    }
}

/// The deepest cause, where the operating system says what happened.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    format!(" ({cause})")
}

fn status_text(status: &Status) -> String {
    // A broken connection hides in the source; the message only says "transport".
    let cause = std::error::Error::source(status).map(innermost);
    match cause {
        Some(cause) => cause,
        None if status.message().is_empty() => format!(" ({:?})", status.code()),
        None => format!(" ({})", status.message()),
    }
}

impl Connector {
    /// Opens the way for frames of a server on this machine, if it offers one.
    async fn open_shared(&self, peer: &Peer) -> Option<SharedFrames> {
        let count = self.shared.clone()?;
        match peer {
            Peer::Synthcap(info) => {
                SharedFrames::open(info.shared_memory_socket.as_deref()?, count).await
            }
            Peer::Plain => None,
        }
    }
}

impl Transport for Connector {
    async fn connect(&mut self) -> Result<Connection, Error> {
        let (channel, peer) = self.reach().await?;
        let (outbound, requests) = mpsc::channel(HELD_BY_TRANSPORT);
        let mut request = Request::new(ReceiverStream::new(requests));
        let encodes = match &peer {
            Peer::Synthcap(info) => self.encodes && !info.encodings.is_empty(),
            Peer::Plain => false,
        };
        if self.gzip && !encodes {
            let metadata = request.metadata_mut();
            metadata.insert(COMPRESS_HEADER, MetadataValue::from_static("gzip"));
        }
        let mut shared = self.open_shared(&peer).await;
        if let Some(token) = shared.as_ref().and_then(SharedFrames::header) {
            request.metadata_mut().insert(SHARED_HEADER, token);
        }
        let connector = self.clone();
        let calls = unary::calls(self.stub(channel.clone(), Some(&peer)));
        let rate = LinkRate::default();
        let compressed = self.gzip && matches!(peer, Peer::Synthcap(_));
        let (mut stub, codec) = self.stream(Metered::new(channel, rate.clone()), compressed);
        let name = self.wants_replies_aside(&peer).then(StreamName::random);
        if let Some(name) = &name {
            name.put(STREAM_HEADER, &mut request);
        }
        // The response headers are awaited as part of the stream of messages: a
        // plain UESynth server sends none before its first message, and that
        // needs a request first.
        let opened = async move {
            // The channel is connected, and says itself when it is not.
            let ready = stub.ready().await;
            ready.map_err(|error| connector.failed(&Status::from_error(error.into())))?;
            let opened = stub.streaming(request, STREAM_PATH, codec).await;
            let opened = opened.map_err(|status| connector.failed(&status))?;
            // The second call names the first, so it comes after it.
            let replies = match name {
                Some(name) => aside::replies(connector.clone(), name).left_stream(),
                None => stream::pending().right_stream(),
            };
            let frames = opened.into_inner();
            let frames = frames.map_err(move |status| connector.failed(&status));
            Ok(until_first_ends(frames, replies))
        };
        let messages = stream::once(opened).try_flatten().map(move |message| {
            let mut message = message?;
            if let (Some(shared), Received::Message(message)) = (&mut shared, &mut message) {
                shared.resolve(message);
            }
            Ok(message)
        });
        Ok(Connection {
            peer,
            outbound,
            inbound: Box::pin(messages),
            calls,
            rate,
        })
    }
}

/// Both streams' items as they come, until the first of the two ends.
fn until_first_ends<T: Send>(
    first: impl Stream<Item = T> + Send,
    second: impl Stream<Item = T> + Send,
) -> impl Stream<Item = T> + Send {
    let end = stream::once(std::future::ready(None));
    let both = stream::select(first.map(Some).chain(end), second.map(Some));
    both.take_while(|item| std::future::ready(item.is_some()))
        .filter_map(std::future::ready)
}
