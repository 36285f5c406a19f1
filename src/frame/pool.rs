//! Buffers for pixels on their way in: aligned, and used again.
//!
//! Fresh memory of a frame's size costs as much as copying the frame, because
//! the system zeroes every page of it; and a message's bytes lie wherever the
//! parts before them end. So pixels get a buffer of their own, which comes back
//! here when the last clone of the frame is dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytemuck::{Pod, Zeroable};
use bytes::Bytes;

/// One cache line; a buffer of them suits every pixel type and vector register.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u8; 64]);

const LINE: usize = size_of::<Line>();

/// A stated size is believed up to here, and beyond only as far as bytes have
/// come to bear it out.
const BELIEVED: usize = 8 << 20;

/// Free buffers, up to a number of bytes; beyond that, those that come back are
/// given to the allocator.
#[derive(Debug)]
pub(crate) struct BufferPool {
    free: Mutex<Free>,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct Free {
    /// The last one used at the end, for what of it is still in the cache.
    buffers: Vec<Vec<Line>>,
    bytes: usize,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Line")
    }
}

impl BufferPool {
    pub(crate) fn new(max_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Mutex::default(),
            max_bytes,
        })
    }

    /// An empty buffer that will take this many bytes.
    pub(crate) fn take(self: &Arc<Self>, len: usize) -> Buffer {
        let lines = self.take_free(len);
        Buffer {
            lines: lines.unwrap_or_else(|| fresh(len.min(BELIEVED))),
            filled: 0,
            len,
            pool: Arc::downgrade(self),
        }
    }

    /// The newest free buffer of a fitting size, neither too small nor wasteful.
    fn take_free(&self, len: usize) -> Option<Vec<Line>> {
        let mut free = self.lock();
        let fits = |lines: &Vec<Line>| {
            let capacity = lines.len() * LINE;
            capacity >= len && capacity / 4 <= len
        };
        let index = free.buffers.iter().rposition(fits)?;
        let lines = free.buffers.remove(index);
        free.bytes -= lines.len() * LINE;
        Some(lines)
    }

    fn give_back(&self, lines: Vec<Line>) {
        let bytes = lines.len() * LINE;
        if bytes > self.max_bytes {
            return;
        }
        let mut free = self.lock();
        // The oldest go first: sizes that nobody asks for any more.
        let mut surplus = 0;
        while free.bytes + bytes > self.max_bytes {
            free.bytes -= free.buffers[surplus].len() * LINE;
            surplus += 1;
        }
        free.buffers.drain(..surplus);
        free.buffers.push(lines);
        free.bytes += bytes;
    }

    fn lock(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fresh(bytes: usize) -> Vec<Line> {
    bytemuck::zeroed_vec(bytes.div_ceil(LINE))
}

/// A buffer of the pool that is being filled.
#[derive(Debug)]
pub(crate) struct Buffer {
    lines: Vec<Line>,
    filled: usize,
    len: usize,
    pool: Weak<BufferPool>,
}

impl Buffer {
    /// How many bytes are still to come.
    pub(crate) fn missing(&self) -> usize {
        self.len - self.filled
    }

    /// Copies in what comes next; at most as much as is missing.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        let end = self.filled + bytes.len();
        assert!(
            end <= self.len,
            "a buffer takes no more than it was made for"
        );
        if end > self.lines.len() * LINE {
            self.grow(end);
        }
        let all: &mut [u8] = bytemuck::cast_slice_mut(&mut self.lines);
        all[self.filled..end].copy_from_slice(bytes);
        self.filled = end;
    }

    /// Makes room for twice what has come, which bears the stated size out.
    fn grow(&mut self, end: usize) {
        let mut lines = fresh(self.len.min(2 * end));
        let kept = self.filled.div_ceil(LINE);
        lines[..kept].copy_from_slice(&self.lines[..kept]);
        self.lines = lines;
    }

    /// The filled part, which goes back to the pool when its last clone is
    /// dropped.
    pub(crate) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.lines)[..self.filled]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.give_back(std::mem::take(&mut self.lines));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(pool: &Arc<BufferPool>, len: usize) -> Bytes {
        let mut buffer = pool.take(len);
        while buffer.missing() > 0 {
            let part = vec![7; buffer.missing().min(100_000)];
            buffer.extend(&part);
        }
        buffer.freeze()
    }

    #[test]
    fn a_dropped_buffer_is_used_again() {
        let pool = BufferPool::new(1 << 20);
        let first = filled(&pool, 5000);
        let (clone, address) = (first.clone(), first.as_ptr());
        drop(first);
        let other = filled(&pool, 5000);
        assert_ne!(other.as_ptr(), address, "a clone still has it");
        drop(clone);
        let again = filled(&pool, 4990);
        assert_eq!(again.as_ptr(), address);
        assert_eq!(again, vec![7; 4990]);
        assert!(address.cast::<Line>().is_aligned());
    }

    #[test]
    fn only_a_fitting_buffer_is_taken() {
        let pool = BufferPool::new(1 << 20);
        let big = filled(&pool, 100_000);
        let address = big.as_ptr();
        drop(big);
        let (small, larger) = (filled(&pool, 1000), filled(&pool, 200_000));
        assert_ne!(small.as_ptr(), address, "wasteful");
        assert_ne!(larger.as_ptr(), address, "too small");
        assert_eq!(filled(&pool, 90_000).as_ptr(), address);
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_oldest_goes() {
        let pool = BufferPool::new(10_000);
        let (a, b, c) = (
            filled(&pool, 4096),
            filled(&pool, 4096),
            filled(&pool, 4096),
        );
        let (second, third) = (b.as_ptr(), c.as_ptr());
        drop((a, b, c));
        assert_eq!(pool.lock().bytes, 8192);
        drop(filled(&pool, 50_000));
        let kept = [filled(&pool, 4096), filled(&pool, 4096)];
        assert_eq!(kept.map(|bytes| bytes.as_ptr()), [third, second]);
    }

    #[test]
    fn a_stated_size_alone_takes_little_memory() {
        let pool = BufferPool::new(0);
        let mut buffer = pool.take(1 << 30);
        buffer.extend(&[1; 10]);
        assert!(buffer.lines.len() * LINE <= BELIEVED);
        for _ in 0..3 {
            buffer.extend(&vec![2; BELIEVED]);
        }
        assert!(buffer.lines.len() * LINE <= 8 * BELIEVED);
        assert_eq!(buffer.as_ref()[9..11], [1, 2]);
    }
}
