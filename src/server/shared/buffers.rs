//! Where engines get the memory for their images.

use std::{
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

use bytemuck::Pod;
use bytes::Bytes;

use super::{SlotBuffer, Slots, heap::HeapBuffer};
use crate::frame::Samples;

/// Where an engine gets the memory for the images of one capture.
///
/// Whoever asked for them may be on this machine and share memory with the
/// server. What an engine renders into memory from here then reaches that client
/// without a copy; images made elsewhere are copied once.
#[derive(Clone, Debug, Default)]
pub struct PixelBuffers {
    slots: Slots,
}

impl PixelBuffers {
    /// Ordinary memory, for captures that go nowhere else. That of images which are gone
    /// is used again: up to 64 MiB of it is kept for the next ones.
    pub fn heap() -> Self {
        Self::default()
    }

    pub(in crate::server) fn of(slots: Slots) -> Self {
        Self { slots }
    }

    /// Memory for so many numbers; what it holds at first is unspecified.
    ///
    /// ```
    /// use synthcap::{frame::Depth, server::PixelBuffers};
    ///
    /// let mut metres = PixelBuffers::heap().take::<f32>(640 * 480);
    /// metres.fill(2.5);
    /// let depth = Depth::new(640, 480, metres).unwrap();
    /// assert_eq!(depth.at(320, 240), Some(2.5));
    /// ```
    pub fn take<T: Pod>(&self, count: usize) -> PixelBuffer<T> {
        let bytes = count.checked_mul(size_of::<T>());
        let slot = bytes.and_then(|bytes| self.slots.buffer(bytes));
        // No machine has more than the most; to ask for it ends as any failed allocation.
        let bytes = bytes.unwrap_or(usize::MAX);
        let memory = slot.map_or_else(|| Memory::Heap(HeapBuffer::take(bytes)), Memory::Slot);
        PixelBuffer {
            memory,
            element: PhantomData,
        }
    }
}

/// Memory for an image, to be written and then turned into
/// [`Pixels`](crate::Pixels).
pub struct PixelBuffer<T> {
    memory: Memory,
    element: PhantomData<T>,
}

enum Memory {
    Heap(HeapBuffer),
    Slot(SlotBuffer),
}

impl<T: Pod> Deref for PixelBuffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.memory {
            Memory::Heap(heap) => bytemuck::cast_slice(heap),
            Memory::Slot(slot) => bytemuck::cast_slice(slot),
        }
    }
}

impl<T: Pod> DerefMut for PixelBuffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.memory {
            Memory::Heap(heap) => bytemuck::cast_slice_mut(heap),
            Memory::Slot(slot) => bytemuck::cast_slice_mut(slot),
        }
    }
}

impl<T: Pod + Send> From<PixelBuffer<T>> for Samples<T> {
    fn from(buffer: PixelBuffer<T>) -> Self {
        let bytes = match buffer.memory {
            Memory::Heap(heap) => heap.freeze(),
            Memory::Slot(slot) => slot.freeze(),
        };
        // Both are aligned for anything and were made for whole numbers.
        Self::from_bytes(bytes).unwrap_or_else(|| Vec::new().into())
    }
}

impl From<PixelBuffer<u8>> for Bytes {
    fn from(buffer: PixelBuffer<u8>) -> Self {
        Samples::from(buffer).into_bytes()
    }
}

impl<T> fmt::Debug for PixelBuffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.memory {
            Memory::Heap(_) => "ordinary memory",
            Memory::Slot(_) => "shared memory",
        };
        write!(f, "PixelBuffer in {place}")
    }
}
