//! Replies to commands over a connection of their own, so that they need not wait
//! behind frames that are on their way.
//!
//! Requests still go over the one stream, so their order stays.

use std::{
    future,
    hash::{BuildHasher as _, Hasher as _, RandomState},
};

use futures_util::{Stream, StreamExt, stream};
use tonic::{Request, Status, Streaming, metadata::MetadataValue};

use super::{
    meter::{LinkRate, Metered},
    receive::Received,
    transport::Connector,
};
use crate::{Error, ErrorKind};

/// Names a stream, so that a second call can ask for its replies.
pub(crate) const STREAM_HEADER: &str = "synthcap-stream";
/// Asks for the replies to the commands of the stream with this name.
pub(crate) const REPLIES_OF_HEADER: &str = "synthcap-replies-of";

/// The name of one stream. Whoever knows it can have its replies, so it cannot be
/// guessed.
#[derive(Clone, Debug)]
pub(super) struct StreamName(String);

impl StreamName {
    pub(super) fn random() -> Self {
        // Keyed by the system's randomness, which is what a name needs of it.
        let half = || RandomState::new().build_hasher().finish();
        Self(format!("{:016x}{:016x}", half(), half()))
    }

    pub(super) fn put<T>(&self, header: &'static str, request: &mut Request<T>) {
        if let Ok(name) = MetadataValue::try_from(&self.0) {
            request.metadata_mut().insert(header, name);
        }
    }
}

/// What comes over the connection for replies. Where there is none the replies
/// come with the frames, and nothing comes here; that it is lost is an error.
pub(super) fn replies(
    connector: Connector,
    name: StreamName,
) -> impl Stream<Item = Result<Received, Error>> + Send {
    let opened = async move {
        match open(&connector, &name).await {
            Ok(stream) => read(connector, stream).left_stream(),
            Err(status) => {
                tracing::debug!(%status, "replies come with the frames");
                stream::pending().right_stream()
            }
        }
    };
    stream::once(opened).flatten()
}

async fn open(connector: &Connector, name: &StreamName) -> Result<Streaming<Received>, Status> {
    let line = connector.another_line().await;
    let line = line.map_err(|error| Status::from_error(error.into()))?;
    let (mut stub, codec) = connector.stream(Metered::new(line, LinkRate::default()), false);
    let mut request = Request::new(stream::empty());
    name.put(REPLIES_OF_HEADER, &mut request);
    let ready = stub.ready().await;
    ready.map_err(|error| Status::from_error(error.into()))?;
    let path = super::transport::STREAM_PATH;
    let response = stub.streaming(request, path, codec).await?;
    Ok(response.into_inner())
}

/// What comes over an open stream of replies, and its loss.
struct Reading {
    connector: Connector,
    stream: Streaming<Received>,
    has_brought: bool,
}

impl Reading {
    async fn next(&mut self) -> Result<Received, Error> {
        match self.stream.next().await {
            Some(Ok(message)) => {
                self.has_brought = true;
                Ok(message)
            }
            Some(Err(status)) => Err(self.connector.failed(&status)),
            None if self.has_brought => {
                let message = "the server ended the stream of replies";
                Err(Error::new(ErrorKind::Unreachable, message))
            }
            // A proxy that does not pass the headers on opens a stream of no
            // requests, which ends; the replies come with the frames.
            None => future::pending().await,
        }
    }
}

fn read(
    connector: Connector,
    stream: Streaming<Received>,
) -> impl Stream<Item = Result<Received, Error>> + Send {
    let reading = Reading {
        connector,
        stream,
        has_brought: false,
    };
    // Boxed, so that passing it on costs nothing.
    stream::unfold(Some(Box::new(reading)), async |reading| {
        let mut reading = reading?;
        let next = reading.next().await;
        let rest = next.is_ok().then_some(reading);
        Some((next, rest))
    })
}
