//! The newest frame of each camera and modality.
//!
//! A reader takes what is there and never blocks the writer; the writer replaces
//! and never waits for readers. Knows no runtime: waiting works under any.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwapOption;
use event_listener::Event;

use crate::{CameraName, Error, ErrorCode, ErrorKind, Frame, FrameSeq, Modality, frame::Moment};

/// All slots of one client.
#[derive(Debug, Default)]
pub(crate) struct LatestFrames {
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    by_key: HashMap<(CameraName, Modality), Arc<Slot>>,
    /// What was counted by slots that are gone.
    replaced_unread: u64,
    closed: Option<Error>,
}

impl LatestFrames {
    /// The slot of a camera and modality, made when it does not exist yet.
    pub(crate) fn slot(&self, camera: &CameraName, modality: Modality) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (camera.clone(), modality);
        if let Some(slot) = slots.by_key.get(&key) {
            return slot.clone();
        }
        let slot = Arc::new(Slot::default());
        if let Some(error) = &slots.closed {
            slot.close(error.clone());
        }
        slots.by_key.insert(key, slot.clone());
        slot
    }

    /// Drops the slots of a camera that was destroyed, and ends all waiting for its
    /// frames.
    pub(crate) fn forget(&self, camera: &CameraName) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        for modality in Modality::ALL {
            if let Some(slot) = slots.by_key.remove(&(camera.clone(), modality)) {
                slots.replaced_unread += slot.replaced_unread();
                let message = format!("camera {:?} was destroyed", camera.as_str());
                let not_found = ErrorKind::Rejected(ErrorCode::NotFound);
                slot.close(Error::new(not_found, message));
            }
        }
    }

    /// How many frames were replaced before anybody looked at them, in all slots.
    pub(crate) fn replaced_unread(&self) -> u64 {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let present = slots.by_key.values().map(|slot| slot.replaced_unread());
        slots.replaced_unread + present.sum::<u64>()
    }

    /// Ends every wait, present and future, with this error.
    pub(crate) fn close(&self, error: &Error) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.closed = Some(error.clone());
        for slot in slots.by_key.values() {
            slot.close(error.clone());
        }
    }
}

/// One camera's newest frame of one modality.
#[derive(Default)]
pub(crate) struct Slot {
    current: ArcSwapOption<Frame>,
    changed: Event,
    /// The number of the newest frame that somebody has looked at.
    read: AtomicU64,
    replaced_unread: AtomicU64,
    closed: OnceLock<Error>,
}

impl Slot {
    /// Replaces the frame. Only the session does so, which keeps numbers rising.
    pub(crate) fn publish(&self, frame: Arc<Frame>) {
        let replaced = self.current.swap(Some(frame));
        let unread = |old: &Arc<Frame>| old.info().seq.get() > self.read.load(Ordering::Relaxed);
        if replaced.as_ref().is_some_and(unread) {
            self.replaced_unread.fetch_add(1, Ordering::Relaxed);
        }
        self.changed.notify(usize::MAX);
    }

    /// The newest frame, which counts as read from now on.
    pub(crate) fn get(&self) -> Option<Arc<Frame>> {
        let frame = self.current.load_full()?;
        // Usually already so; a plain load keeps readers off each other's line.
        let seq = frame.info().seq.get();
        if self.read.load(Ordering::Relaxed) < seq {
            self.read.fetch_max(seq, Ordering::Relaxed);
        }
        Some(frame)
    }

    /// The newest frame, without counting it as read.
    pub(crate) fn peek(&self) -> Option<Arc<Frame>> {
        self.current.load_full()
    }

    /// How many frames were replaced before anybody looked at them.
    pub(crate) fn replaced_unread(&self) -> u64 {
        self.replaced_unread.load(Ordering::Relaxed)
    }

    /// Waits for a frame with a higher number.
    pub(crate) async fn newer_than(&self, seq: FrameSeq) -> Result<Arc<Frame>, Error> {
        self.wait(|frame| frame.info().seq > seq).await
    }

    /// Waits for a frame taken at or after this moment.
    pub(crate) async fn at_or_after(&self, moment: Moment) -> Result<Arc<Frame>, Error> {
        self.wait(|frame| frame.moment() >= moment).await
    }

    async fn wait(&self, good: impl Fn(&Frame) -> bool) -> Result<Arc<Frame>, Error> {
        loop {
            // Listen first: what is published between look and wait is not missed.
            let changed = self.changed.listen();
            let current = self.current.load();
            if current.as_deref().is_some_and(&good)
                && let Some(frame) = self.get()
            {
                return Ok(frame);
            }
            drop(current);
            if let Some(error) = self.closed.get() {
                return Err(error.clone());
            }
            changed.await;
        }
    }

    fn close(&self, error: Error) {
        // The first reason is the one that counts.
        let _ = self.closed.set(error);
        self.changed.notify(usize::MAX);
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("current", &self.current.load())
            .field("replaced_unread", &self.replaced_unread())
            .finish_non_exhaustive()
    }
}
