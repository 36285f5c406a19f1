//! Lossless streams of frames.
//!
//! A stream never drops a frame. What bounds it is the in-flight limit: a frame
//! that nobody has read yet keeps its request's place, so a reader that stops
//! reading stops new captures, and nothing else. Frames that will not come keep no
//! place; of those that follow one another unread there is one item.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
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

enum Item {
    /// The place is given back when the item has been read or the stream is dropped.
    Frame(
        Arc<Frame>,
        #[expect(dead_code, reason = "held")] Arc<Permit>,
    ),
    Gap(Arc<Gap>),
    /// Why there is nothing more.
    End(Error),
}

/// Requests in a row whose frames will not come.
#[derive(Debug)]
struct Gap {
    /// The error of the first of them.
    first: Error,
    /// How many they are; 0 once they have been read.
    unread: AtomicU64,
}

impl Gap {
    fn of(first: Error) -> Self {
        Self {
            first,
            unread: AtomicU64::new(1),
        }
    }

    /// Takes one more in; false when it is too late for that.
    fn grow(&self) -> bool {
        let more = |unread: u64| (unread > 0).then_some(unread + 1);
        let grown = self
            .unread
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        grown.is_ok()
    }

    fn read(&self) -> Error {
        let after = self.unread.swap(0, Ordering::Relaxed).saturating_sub(1);
        if after == 0 {
            return self.first.clone();
        }
        let message = format!("no frames of this request, nor of {after} after it");
        let all = Error::with_source(self.first.kind(), message, self.first.clone());
        let id = self.first.request_id();
        id.map_or(all.clone(), |id| all.of_request(id))
    }
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
    /// The last item, if it is a gap.
    gap: Option<Arc<Gap>>,
}

impl Reader {
    /// False when nobody reads any more.
    fn send(&mut self, item: Item) -> bool {
        self.gap = match &item {
            Item::Gap(gap) => Some(gap.clone()),
            _ => None,
        };
        self.items.send(item).is_ok()
    }

    /// False when nobody reads any more.
    fn report_gap(&mut self, error: &Error) -> bool {
        if self.gap.as_ref().is_some_and(|gap| gap.grow()) {
            return !self.items.is_closed();
        }
        self.send(Item::Gap(Arc::new(Gap::of(error.clone()))))
    }
}

impl FrameStreams {
    /// A stream of the frames that arrive from now on.
    pub(crate) fn open(&self, filter: Filter) -> FrameStream {
        let (sender, items) = mpsc::unbounded_channel();
        let mut reader = Reader {
            filter,
            items: sender,
            gap: None,
        };
        let mut readers = self.lock();
        match &readers.closed {
            Some(error) => {
                reader.send(Item::End(error.clone()));
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
        self.lock().open.retain_mut(|reader| {
            !reader.filter.wants(camera, modality)
                || reader.send(Item::Frame(frame.clone(), place.clone()))
        });
    }

    /// Tells every stream that would have had frames of a request that they will not
    /// come.
    pub(crate) fn report_gap(&self, missing: &[(&CameraName, ModalitySet)], error: &Error) {
        self.lock().open.retain_mut(|reader| {
            let mut frames = missing.iter().flat_map(|(camera, modalities)| {
                modalities.iter().map(|modality| (*camera, modality))
            });
            let is_concerned =
                frames.any(|(camera, modality)| reader.filter.wants(camera, modality));
            !is_concerned || reader.report_gap(error)
        });
    }

    /// Ends every stream, present and future, with this error.
    pub(crate) fn close(&self, error: &Error) {
        let mut readers = self.lock();
        readers.closed = Some(error.clone());
        for mut reader in readers.open.drain(..) {
            reader.send(Item::End(error.clone()));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Readers> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every frame of a kind, in the order of arrival, none left out.
///
/// A request for frames that failed is an `Err` in their place, and the stream goes
/// on. Several that failed one after the other, before the reader came to the first
/// of them, are one `Err`: of the first one's kind, with their count in its text.
/// When the client ends, the last item says why. While frames
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
        match self {
            Self::Frame(frame, _) => frame.fmt(f),
            Self::Gap(gap) => gap.fmt(f),
            Self::End(error) => error.fmt(f),
        }
    }
}

impl Item {
    fn read(self) -> Result<Arc<Frame>, Error> {
        match self {
            Self::Frame(frame, _) => Ok(frame),
            Self::Gap(gap) => Err(gap.read()),
            Self::End(error) => Err(error),
        }
    }
}

impl FrameStream {
    /// The same stream, which threads may wait for as its client allows.
    pub(crate) fn waiting(self, waiting: Waiting) -> Self {
        Self { waiting, ..self }
    }

    /// The next frame; `None` after the client has ended. Cancel safe.
    pub async fn next(&mut self) -> Option<Result<Arc<Frame>, Error>> {
        self.items.recv().await.map(Item::read)
    }
}

impl Stream for FrameStream {
    type Item = Result<Arc<Frame>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = self.items.poll_recv(cx);
        item.map(|item| item.map(Item::read))
    }
}
