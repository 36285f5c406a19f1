//! Lossless streams of frames.
//!
//! A stream never drops a frame. What bounds it is the in-flight limit: a frame
//! that nobody has read yet keeps its request's place, so a reader that stops
//! reading stops new captures, and nothing else.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use futures_util::Stream;
use tokio::sync::mpsc;

use crate::{CameraName, Error, Frame, Modality, ModalitySet, client::Waiting, session::Permit};

/// Which frames a stream is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    /// `None`: every camera.
    pub(crate) camera: Option<CameraName>,
    pub(crate) modalities: ModalitySet,
}

impl Filter {
    fn wants(&self, camera: &CameraName, modality: Modality) -> bool {
        self.modalities.contains(modality)
            && self.camera.as_ref().is_none_or(|wanted| wanted == camera)
    }
}

struct Item {
    frame: Result<Arc<Frame>, Error>,
    /// Given back when the item has been read or the stream is dropped.
    _place: Option<Arc<Permit>>,
}

/// All lossless streams of one client.
#[derive(Debug, Default)]
pub(crate) struct FrameStreams {
    readers: Mutex<Readers>,
}

#[derive(Debug, Default)]
struct Readers {
    open: Vec<Reader>,
    closed: Option<Error>,
}

#[derive(Debug)]
struct Reader {
    filter: Filter,
    items: mpsc::UnboundedSender<Item>,
}

impl Reader {
    /// False when nobody reads any more.
    fn send(&self, frame: Result<Arc<Frame>, Error>, place: Option<Arc<Permit>>) -> bool {
        let item = Item {
            frame,
            _place: place,
        };
        self.items.send(item).is_ok()
    }
}

impl FrameStreams {
    /// A stream of the frames that arrive from now on.
    pub(crate) fn open(&self, filter: Filter) -> FrameStream {
        let (sender, items) = mpsc::unbounded_channel();
        let reader = Reader {
            filter,
            items: sender,
        };
        let mut readers = self.lock();
        match &readers.closed {
            Some(error) => {
                reader.send(Err(error.clone()), None);
            }
            None => readers.open.push(reader),
        }
        FrameStream {
            items,
            waiting: Waiting::default(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().open.is_empty()
    }

    /// Gives a frame to every stream that wants it.
    pub(crate) fn offer(&self, frame: &Arc<Frame>, place: &Arc<Permit>) {
        let (camera, modality) = (&frame.info().camera, frame.modality());
        self.lock().open.retain(|reader| {
            !reader.filter.wants(camera, modality)
                || reader.send(Ok(frame.clone()), Some(place.clone()))
        });
    }

    /// Tells every stream that would have had a frame that it is missing.
    pub(crate) fn report_gap(&self, camera: &CameraName, modality: Modality, error: &Error) {
        self.lock().open.retain(|reader| {
            !reader.filter.wants(camera, modality) || reader.send(Err(error.clone()), None)
        });
    }

    /// Ends every stream, present and future, with this error.
    pub(crate) fn close(&self, error: &Error) {
        let mut readers = self.lock();
        readers.closed = Some(error.clone());
        for reader in readers.open.drain(..) {
            reader.send(Err(error.clone()), None);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Readers> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every frame of a kind, in the order of arrival, none left out.
///
/// A frame that was asked for and failed is an `Err` in its place, and the
/// stream goes on; when the client ends, the last item says why. While frames
/// wait here unread their requests count as in flight, so a slow reader makes
/// [`submit`](crate::Request::submit) refuse captures, or
/// [`queue`](crate::Request::queue) wait; nothing is dropped.
///
/// Reading is cancel safe.
#[derive(Debug)]
pub struct FrameStream {
    items: mpsc::UnboundedReceiver<Item>,
    pub(crate) waiting: Waiting,
}

impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.frame.fmt(f)
    }
}

impl FrameStream {
    /// The same stream, which threads may wait for as its client allows.
    pub(crate) fn waiting(self, waiting: Waiting) -> Self {
        Self { waiting, ..self }
    }

    /// The next frame; `None` after the client has ended. Cancel safe.
    pub async fn next(&mut self) -> Option<Result<Arc<Frame>, Error>> {
        self.items.recv().await.map(|item| item.frame)
    }
}

impl Stream for FrameStream {
    type Item = Result<Arc<Frame>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = self.items.poll_recv(cx);
        item.map(|item| item.map(|item| item.frame))
    }
}
