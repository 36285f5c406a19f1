//! Images are decoded beside the session's task, and arrive in order all the same.

use std::{future::Future, pin::Pin, sync::Arc, thread, time::Instant};

use futures_util::{StreamExt, stream::FuturesOrdered};
use tokio::sync::Semaphore;

use crate::{
    encoding::Measured,
    proto::{FrameResponse, frame_response::Response},
    wire::{WireError, encoding},
};

/// A message whose image, if it has one, is raw; or whose image could not be
/// decoded.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) message: FrameResponse,
    /// What decoding took, if there was anything to decode.
    pub(super) result: Result<Option<Measured>, WireError>,
}

type Work = Pin<Box<dyn Future<Output = Decoded> + Send>>;

/// The messages that are being decoded, and those that came after them.
pub(super) struct Decoding {
    /// Bounded by what is in flight.
    waiting: FuturesOrdered<Work>,
    /// As many as there are processors.
    places: Arc<Semaphore>,
    /// The largest image decoded, in bytes.
    limit: u64,
}

impl Decoding {
    pub(super) fn new(limit: u64) -> Self {
        let places = thread::available_parallelism().map_or(1, usize::from);
        Self {
            waiting: FuturesOrdered::new(),
            places: Arc::new(Semaphore::new(places)),
            limit,
        }
    }

    /// Gives a message back that there is nothing to wait for, and keeps others.
    pub(super) fn pass(&mut self, message: FrameResponse) -> Option<FrameResponse> {
        let is_encoded = matches!(
            &message.response,
            Some(Response::ImageResponse(image)) if encoding::is_encoded(image)
        );
        if is_encoded {
            let decoding = decode(message, self.limit, self.places.clone());
            // Begun at once, so that it goes on while the stream is read.
            let task = tokio::spawn(decoding);
            self.waiting.push_back(Box::pin(async move {
                match task.await {
                    Ok(decoded) => decoded,
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                }
            }));
            return None;
        }
        if self.waiting.is_empty() {
            return Some(message);
        }
        let ready = Decoded {
            message,
            result: Ok(None),
        };
        self.waiting.push_back(Box::pin(std::future::ready(ready)));
        None
    }

    /// The next message that was kept; waits for ever while there is none. Cancel
    /// safe.
    pub(super) async fn next(&mut self) -> Decoded {
        match self.waiting.next().await {
            Some(decoded) => decoded,
            None => std::future::pending().await,
        }
    }

    /// Forgets everything, because the connection that it came from is gone.
    pub(super) fn clear(&mut self) {
        self.waiting = FuturesOrdered::new();
    }
}

async fn decode(message: FrameResponse, limit: u64, places: Arc<Semaphore>) -> Decoded {
    // Never closed; without a place it would only be slower.
    let _place = places.acquire_owned().await;
    let work = move || {
        let mut message = message;
        let begun = Instant::now();
        let result = match &mut message.response {
            Some(Response::ImageResponse(image)) => encoding::decode(image, limit),
            _ => Ok(None),
        };
        let result = result.map(|measured| {
            measured.map(|measured| Measured {
                decode_time: begun.elapsed(),
                ..measured
            })
        });
        Decoded { message, result }
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(decoded) => decoded,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
