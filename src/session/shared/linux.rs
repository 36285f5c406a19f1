//! Frames in sealed memory files, passed over the server's side socket.

use std::{fmt::Write as _, time::Duration};

use synthcap_shm::{Error, Placed, Reader};
use tonic::metadata::{Ascii, MetadataValue};

use super::SharedCount;
use crate::proto::{FrameResponse, frame_response::Response};

/// How long the greeting of a server on this machine may take. Without one, the
/// connection is used for everything.
const PATIENCE: Duration = Duration::from_secs(1);

/// The client's end of a side socket.
#[derive(Debug)]
pub(in crate::session) struct SharedFrames {
    reader: Reader,
    count: SharedCount,
}

impl SharedFrames {
    /// Connects to a server's side socket; `None` where that cannot be.
    pub(in crate::session) async fn open(socket: &str, count: SharedCount) -> Option<Self> {
        let name = socket.to_owned();
        let connected = tokio::task::spawn_blocking(move || Reader::connect(&name, PATIENCE));
        match connected.await {
            Ok(Ok(reader)) => Some(Self { reader, count }),
            Ok(Err(error)) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::info!(%error, cause, "frames come over the connection");
                None
            }
            Err(_) => None,
        }
    }

    /// What the stream says of itself, so that the server places its frames here.
    pub(in crate::session) fn header(&self) -> Option<MetadataValue<Ascii>> {
        let mut text = String::new();
        for byte in self.reader.token() {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text.parse().ok()
    }

    /// Puts the pixels of a message into it. What cannot be found stays named
    /// there, so that the request fails and says so.
    pub(in crate::session) fn resolve(&mut self, message: &mut FrameResponse) {
        let Some(Response::ImageResponse(image)) = &mut message.response else {
            return;
        };
        let Some(shared) = image.shared else { return };
        let placed = Placed {
            slot: shared.slot,
            generation: shared.generation,
            length: shared.length,
        };
        match self.reader.lease(placed) {
            Ok(lease) => {
                self.count.increment();
                image.image_data = lease.into();
                image.shared = None;
            }
            Err(error) => report(&error),
        }
    }
}

fn report(error: &Error) {
    tracing::warn!(%error, "the server names a frame that is not there");
}
