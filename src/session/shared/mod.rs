//! Frames that lie in shared memory, on the client's side.
//!
//! They are taken where messages come in, before anybody asks whose they are:
//! a slot returns to the server only through its lease, so the frame of a request
//! that has been given up must be taken too.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::SharedFrames;
#[cfg(target_os = "linux")]
pub(super) use linux::SharedFrames;

/// By which a stream names the token of its client's side socket, in hexadecimal.
pub(crate) const SHARED_HEADER: &str = "synthcap-shared-memory";

/// How many frames came through shared memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedCount(Arc<AtomicU64>);

impl SharedCount {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    #[cfg(target_os = "linux")]
    fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("synthcap_shared_frames_total").increment(1);
    }
}
