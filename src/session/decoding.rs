//! Images are decoded beside the session's task, and arrive in order all the same.

use std::{future::Future, pin::Pin, sync::Arc, thread, time::Instant};

use futures_util::{StreamExt, stream::FuturesOrdered};
use prost::Message as _;
use tokio::{sync::Semaphore, task::JoinError};

use crate::{
    encoding::Measured,
    proto::{FrameResponse, ImageResponse, frame_response::Response},
    wire::{WireError, encoding},
};

/// How many messages are kept at the most, however small they are.
const MOST_KEPT: usize = 256;

/// A message whose image, if it has one, is raw; or whose image could not be
/// decoded.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) message: FrameResponse,
    /// What decoding took, if there was anything to decode.
    pub(super) result: Result<Option<Measured>, WireError>,
}

/// Decodes an image in place, if it takes at most so many bytes.
type Decoder = fn(&mut ImageResponse, u64) -> Result<Option<Measured>, WireError>;

/// A message on its way, with the bytes that it was counted as.
type Work = Pin<Box<dyn Future<Output = (u64, Decoded)> + Send>>;

/// The messages that are being decoded, and those that came after them.
///
/// A peer may send few bytes that become many, to requests of nobody. So what is
/// kept here is bounded by itself: while there is no [room](Self::room) the stream
/// is not read on, and the peer has to wait.
pub(super) struct Decoding {
    waiting: FuturesOrdered<Work>,
    /// Of all that wait, as they are or will be once they are decoded.
    bytes: u64,
    /// As many as there are processors.
    places: Arc<Semaphore>,
    /// The largest image decoded, in bytes, and where the messages that wait begin
    /// to be too many.
    limit: u64,
    decoder: Decoder,
}

impl Decoding {
    pub(super) fn new(limit: u64) -> Self {
        Self::by(encoding::decode, limit)
    }

    fn by(decoder: Decoder, limit: u64) -> Self {
        let places = thread::available_parallelism().map_or(1, usize::from);
        Self {
            waiting: FuturesOrdered::new(),
            bytes: 0,
            places: Arc::new(Semaphore::new(places)),
            limit,
            decoder,
        }
    }

    /// Whether another message may be passed on. One too many at the most is kept,
    /// so there is always room for one.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.is_empty() || (self.waiting.len() < MOST_KEPT && self.bytes < self.limit)
    }

    /// Gives a message back that there is nothing to wait for, and keeps others.
    pub(super) fn pass(&mut self, message: FrameResponse) -> Option<FrameResponse> {
        let is_encoded = matches!(
            &message.response,
            Some(Response::ImageResponse(image)) if encoding::is_encoded(image)
        );
        if self.waiting.is_empty() && !is_encoded {
            return Some(message);
        }
        let bytes = self.bytes_of(&message);
        self.bytes += bytes;
        if is_encoded {
            // What is left to say whose it was, should the decoder break.
            let empty = FrameResponse {
                request_id: message.request_id.clone(),
                response: None,
                meta: message.meta.clone(),
            };
            let decoding = decode(message, self.decoder, self.limit, self.places.clone());
            // Begun at once, so that it goes on while the stream is read.
            let task = tokio::spawn(decoding);
            self.waiting.push_back(Box::pin(async move {
                let error = match task.await {
                    Ok(Ok(decoded)) => return (bytes, decoded),
                    Ok(Err(error)) | Err(error) => error,
                };
                if error.is_cancelled() {
                    // The runtime ends, and whoever waits here with it.
                    return std::future::pending().await;
                }
                // A fault of ours, or no thread to be had, which must not cost more
                // than this one image.
                let failed = WireError::new(format!("its decoder failed: {error}"));
                let message = empty;
                let result = Err(failed);
                (bytes, Decoded { message, result })
            }));
            return None;
        }
        let ready = Decoded {
            message,
            result: Ok(None),
        };
        self.waiting
            .push_back(Box::pin(std::future::ready((bytes, ready))));
        None
    }

    /// What a message takes here, as it is and decoded. What is stated to be over
    /// the limit will not be decoded.
    fn bytes_of(&self, message: &FrameResponse) -> u64 {
        let decoded = match &message.response {
            Some(Response::ImageResponse(image)) if encoding::is_encoded(image) => {
                encoding::decoded_bytes(image)
            }
            _ => None,
        };
        message.encoded_len() as u64 + decoded.filter(|it| *it <= self.limit).unwrap_or(0)
    }

    /// The next message that was kept; waits for ever while there is none. Cancel
    /// safe.
    pub(super) async fn next(&mut self) -> Decoded {
        match self.waiting.next().await {
            Some((bytes, decoded)) => {
                self.bytes -= bytes;
                decoded
            }
            None => std::future::pending().await,
        }
    }

    /// Forgets everything, because the connection that it came from is gone.
    pub(super) fn clear(&mut self) {
        self.waiting = FuturesOrdered::new();
        self.bytes = 0;
    }
}

async fn decode(
    message: FrameResponse,
    decoder: Decoder,
    limit: u64,
    places: Arc<Semaphore>,
) -> Result<Decoded, JoinError> {
    // Never closed; without a place it would only be slower.
    let _place = places.acquire_owned().await;
    let work = move || {
        let mut message = message;
        let begun = Instant::now();
        let result = match &mut message.response {
            Some(Response::ImageResponse(image)) => decoder(image, limit),
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
    tokio::task::spawn_blocking(work).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{Encoding, ImageInfo, Modality};

    /// A message of a few bytes that become 4 x `pixels`.
    fn packed(id: u32, pixels: u32) -> FrameResponse {
        FrameResponse {
            request_id: id.to_string(),
            response: Some(Response::ImageResponse(ImageResponse {
                width: pixels,
                height: 1,
                info: Some(ImageInfo {
                    modality: Modality::Rgb as i32,
                    encoding: Encoding::RgbaPacked as i32,
                    ..Default::default()
                }),
                ..Default::default()
            })),
            meta: None,
        }
    }

    fn plain(id: u32) -> FrameResponse {
        FrameResponse {
            request_id: id.to_string(),
            ..Default::default()
        }
    }

    #[tokio::test]
    async fn little_that_becomes_much_is_read_no_further_than_the_limit() {
        let mut decoding = Decoding::by(|_, _| Ok(None), 1000);
        let mut kept = 0;
        while decoding.has_room() {
            assert!(decoding.pass(packed(kept, 100)).is_none());
            kept += 1;
        }
        assert_eq!(kept, 3, "two of them are below the limit of 1000 bytes");
        // What does not become much is counted too.
        decoding.clear();
        let mut kept = 0;
        while decoding.has_room() {
            // It is over the limit, so nothing will be made of it.
            assert!(decoding.pass(packed(kept, u32::MAX)).is_none());
            kept += 1;
        }
        assert!(kept > 10 && kept <= MOST_KEPT as u32, "{kept}");
        for id in 0..kept {
            assert_eq!(decoding.next().await.message.request_id, id.to_string());
        }
        assert_eq!((decoding.bytes, decoding.has_room()), (0, true));
    }

    #[tokio::test]
    async fn a_decoder_that_panics_fails_its_own_message_only() {
        let breaks = |image: &mut ImageResponse, _| match image.width {
            13 => panic!("a fault of the decoder"),
            _ => Ok(None),
        };
        let mut decoding = Decoding::by(breaks, 1 << 20);
        for message in [packed(1, 12), packed(2, 13), packed(3, 14), plain(4)] {
            assert!(decoding.pass(message).is_none());
        }
        for id in 1..=4 {
            let Decoded { message, result } = decoding.next().await;
            assert_eq!(message.request_id, id.to_string());
            assert_eq!(result.is_err(), id == 2);
        }
        assert!(decoding.pass(plain(5)).is_some(), "nothing waits any more");
    }
}
