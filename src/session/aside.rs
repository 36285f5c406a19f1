//! Replies to commands over a connection of their own, so that they need not wait
//! behind frames that are on their way.
//!
//! Requests still go over the one stream, so their order stays.

use std::{
    future,
    hash::{BuildHasher as _, Hasher as _, RandomState},
};

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
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

fn read(
    connector: Connector,
    stream: Streaming<Received>,
) -> impl Stream<Item = Result<Received, Error>> + Send {
    let ended = || {
        let message = "the server ended the stream of replies";
        future::ready(Err(Error::new(ErrorKind::Unreachable, message)))
    };
    stream
        .map_err(move |status| connector.failed(&status))
        .chain(stream::once(future::ready(())).then(move |()| ended()))
}
