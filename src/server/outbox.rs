//! The replies of one stream on their way out, and the places of the requests
//! that they answer.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering, fence},
    },
    task::{Context, Poll, Waker},
};

use crate::proto::FrameResponse;

/// A message on its way out.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) message: FrameResponse,
    /// The place in flight that is free once the message is sent.
    pub(super) place: Option<Place>,
}

/// The replies of a stream, with this many places in flight.
pub(super) fn outbox(places: usize) -> (Writer, Reader) {
    let shared = Arc::new(Shared {
        state: Mutex::default(),
        left: AtomicBool::new(false),
        places: AtomicUsize::new(places),
        room: Mutex::default(),
        push_waits: AtomicBool::new(false),
    });
    let writer = Writer(Arc::new(WriterEnd {
        shared: shared.clone(),
        aside: OnceLock::new(),
    }));
    (writer, Reader(shared))
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// The client is gone.
    left: AtomicBool,
    /// Free places.
    places: AtomicUsize,
    /// Who takes requests in, while there is no room for them.
    room: Mutex<Option<Waker>>,
    /// Something was due to be pushed and found no place.
    push_waits: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    messages: Vec<Outgoing>,
    finished: bool,
    waker: Option<Waker>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_room(&self) {
        let waker = self
            .room
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The place of a request, or of what a subscription pushes, among those in flight;
/// free when dropped.
#[derive(Debug)]
pub(super) struct Place(Option<Arc<Shared>>);

impl Place {
    /// Frees it as if it had never been taken: whoever waits for one is not woken.
    pub(super) fn give_back(mut self) {
        if let Some(shared) = self.0.take() {
            shared.places.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take()
            && shared.places.fetch_add(1, Ordering::AcqRel) == 0
        {
            shared.wake_room();
        }
    }
}

/// The side that replies. Cheap to clone; the stream ends with the last of them.
#[derive(Clone, Debug)]
pub(super) struct Writer(Arc<WriterEnd>);

#[derive(Debug)]
struct WriterEnd {
    shared: Arc<Shared>,
    /// Where replies to commands go instead, once the client has asked for that.
    aside: OnceLock<Writer>,
}

impl Drop for WriterEnd {
    fn drop(&mut self) {
        let waker = {
            let mut state = self.shared.lock();
            state.finished = true;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Writer {
    /// Adds messages; they go when [`flush`](Self::flush) is called at the latest.
    pub(super) fn push(&self, messages: impl IntoIterator<Item = Outgoing>) {
        let shared = &self.0.shared;
        if !shared.left.load(Ordering::Acquire) {
            shared.lock().messages.extend(messages);
        }
    }

    /// Sees to it that what was added goes out.
    pub(super) fn flush(&self) {
        let waker = self.0.shared.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether the client is gone.
    pub(super) fn has_left(&self) -> bool {
        self.0.shared.left.load(Ordering::Acquire)
    }

    /// Takes a place, if one is free.
    pub(super) fn place(&self) -> Option<Place> {
        let shared = &self.0.shared;
        let take = |free: usize| free.checked_sub(1);
        let taken = shared
            .places
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take);
        taken.is_ok().then(|| Place(Some(shared.clone())))
    }

    /// Takes a place for what is to be pushed. Where there is none, whoever takes
    /// requests in is woken when there is, and finds that a push [waits](Self::push_waits).
    pub(super) fn place_for_push(&self) -> Option<Place> {
        self.place().or_else(|| {
            self.0.shared.push_waits.store(true, Ordering::Relaxed);
            // One may have come free since. Either that is seen here, or whoever gave
            // it back sees that a push waits.
            fence(Ordering::SeqCst);
            self.place()
        })
    }

    /// Whether a push has found no place since this was asked last.
    pub(super) fn push_waits(&self) -> bool {
        fence(Ordering::SeqCst);
        self.0.shared.push_waits.swap(false, Ordering::Relaxed)
    }

    /// Takes a place. Only one task may wait for one.
    pub(super) fn poll_place(&self, cx: &Context<'_>) -> Poll<Place> {
        let place = self.place().or_else(|| {
            self.wake_on_change(cx);
            // One may have come free since.
            self.place()
        });
        place.map_or(Poll::Pending, Poll::Ready)
    }

    /// Wakes the task when a place comes free or the client leaves.
    pub(super) fn wake_on_change(&self, cx: &Context<'_>) {
        let room = &self.0.shared.room;
        let mut waker = room.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    /// From now on replies to commands go to this stream, for as long as it is
    /// there; false when there is such a one already.
    pub(super) fn set_aside(&self, writer: Writer) -> bool {
        self.0.aside.set(writer).is_ok()
    }

    /// Where replies to commands go.
    pub(super) fn for_commands(&self) -> &Self {
        let aside = self.0.aside.get();
        aside.filter(|aside| !aside.has_left()).unwrap_or(self)
    }

    /// Whether two write to the same stream.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A writer that does not keep the stream open.
    pub(super) fn downgrade(&self) -> WeakWriter {
        WeakWriter(Arc::downgrade(&self.0))
    }
}

/// A writer that does not keep the stream open.
#[derive(Clone, Debug)]
pub(super) struct WeakWriter(std::sync::Weak<WriterEnd>);

impl WeakWriter {
    pub(super) fn upgrade(&self) -> Option<Writer> {
        self.0.upgrade().map(Writer)
    }
}

/// The side that sends.
#[derive(Debug)]
pub(super) struct Reader(Arc<Shared>);

impl Reader {
    /// Takes everything out, in order, into `messages`, which must be empty; false
    /// when there will be no more.
    pub(super) fn poll_all(
        &mut self,
        cx: &Context<'_>,
        messages: &mut Vec<Outgoing>,
    ) -> Poll<bool> {
        let mut state = self.0.lock();
        std::mem::swap(&mut state.messages, messages);
        if !messages.is_empty() {
            return Poll::Ready(true);
        }
        if state.finished {
            return Poll::Ready(false);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.left.store(true, Ordering::Release);
        let unsent = std::mem::take(&mut self.0.lock().messages);
        drop(unsent);
        self.0.wake_room();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::task::{ArcWake, waker};

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl ArcWake for Wakes {
        fn wake_by_ref(wakes: &Arc<Self>) {
            wakes.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn who_waits_is_woken_by_a_place_that_comes_free_but_not_by_one_given_back() {
        let wakes = Arc::new(Wakes::default());
        let waker = waker(wakes.clone());
        let cx = Context::from_waker(&waker);
        let (writer, _reader) = outbox(1);

        // As a task does that finds no request for the last place, again and again.
        for _ in 0..3 {
            writer.wake_on_change(&cx);
            let Poll::Ready(place) = writer.poll_place(&cx) else {
                panic!("it is free");
            };
            place.give_back();
        }
        assert_eq!(wakes.0.load(Ordering::Relaxed), 0);

        let place = writer.place().expect("it is free");
        assert!(writer.poll_place(&cx).is_pending());
        drop(place);
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        assert!(writer.poll_place(&cx).is_ready());
    }
}
