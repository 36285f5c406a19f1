//! Where there is no shared memory to be had.

use std::ops::{Deref, DerefMut};

use bytes::Bytes;
use tokio::sync::watch;
use tonic::metadata::MetadataMap;

use super::SharedMemoryLimits;

/// There is none.
#[derive(Clone, Debug)]
pub(in crate::server) enum SideSocket {}

impl SideSocket {
    pub(in crate::server) fn open(_: SharedMemoryLimits, _: watch::Receiver<bool>) -> Option<Self> {
        None
    }

    pub(in crate::server) fn name(&self) -> &str {
        match *self {}
    }

    pub(in crate::server) fn slots(&self, _: &MetadataMap) -> Slots {
        match *self {}
    }
}

/// There are none.
#[derive(Clone, Debug, Default)]
pub(in crate::server) struct Slots;

impl Slots {
    pub(in crate::server) fn buffer(&self, _: usize) -> Option<SlotBuffer> {
        None
    }

    pub(super) fn place_bytes(&self, _: &Bytes) -> Option<(u32, u64, u64)> {
        None
    }
}

/// There is none.
#[derive(Debug)]
pub(in crate::server) enum SlotBuffer {}

impl SlotBuffer {
    pub(super) fn freeze(self) -> Bytes {
        match self {}
    }
}

impl Deref for SlotBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match *self {}
    }
}

impl DerefMut for SlotBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        match *self {}
    }
}
