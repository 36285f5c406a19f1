//! Ordinary memory for images. That of images which are gone is used again: fresh
//! memory costs the system a page fault for every four kilobytes, at every frame.

use std::{
    collections::VecDeque,
    ops::{Deref, DerefMut},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;

/// So much is kept at the most until it is needed, in bytes.
const KEPT: usize = 64 << 20;
/// Memory smaller than this is not worth it, in bytes.
const WORTH_KEEPING: usize = 64 << 10;

/// Aligned for all that pixels are made of.
type Word = u128;

/// What is kept, that which lies there longest first.
static KEPT_WORDS: Mutex<VecDeque<Vec<Word>>> = Mutex::new(VecDeque::new());

fn size_of_words(words: &[Word]) -> usize {
    size_of_val(words)
}

/// Memory for an image.
pub(super) struct HeapBuffer {
    words: Vec<Word>,
    len: usize,
}

impl HeapBuffer {
    /// So many bytes; what they hold is unspecified.
    pub(super) fn take(len: usize) -> Self {
        let count = len.div_ceil(size_of::<Word>());
        let mut kept = KEPT_WORDS.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = kept.iter().position(|words| words.len() == count);
        let words = fitting.and_then(|index| kept.remove(index));
        drop(kept);
        Self {
            words: words.unwrap_or_else(|| bytemuck::zeroed_vec(count)),
            len,
        }
    }

    /// The bytes, to be read from here on; nothing is copied.
    pub(super) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl Drop for HeapBuffer {
    fn drop(&mut self) {
        let words = std::mem::take(&mut self.words);
        if size_of_words(&words) < WORTH_KEEPING || size_of_words(&words) > KEPT {
            return;
        }
        let mut kept = KEPT_WORDS.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back(words);
        let mut size: usize = kept.iter().map(|words| size_of_words(words)).sum();
        let mut too_much = Vec::new();
        while size > KEPT
            && let Some(oldest) = kept.pop_front()
        {
            size -= size_of_words(&oldest);
            too_much.push(oldest);
        }
        // Giving memory back takes its time: nobody is to wait for it.
        drop(kept);
        drop(too_much);
    }
}

impl Deref for HeapBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }
}

impl DerefMut for HeapBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.len]
    }
}

impl AsRef<[u8]> for HeapBuffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A size that nothing else asks for.
    const ODD: usize = (1 << 20) + 4321;

    // One test, for what is kept is kept for the whole process.
    #[test]
    fn memory_of_images_that_are_gone_is_used_again_and_not_too_much_is_kept() {
        let mut first = HeapBuffer::take(ODD);
        first.fill(7);
        let place = first.as_ptr();
        let bytes = first.freeze();
        let other = HeapBuffer::take(ODD);
        assert_ne!(other.as_ptr(), place, "it is still read");
        assert!(bytes.iter().all(|byte| *byte == 7));
        drop(bytes);
        assert_eq!(HeapBuffer::take(ODD).as_ptr(), place);

        for extra in 0..12 {
            drop(HeapBuffer::take((9 << 20) + extra * 16));
        }
        drop(HeapBuffer::take(KEPT + 16));
        let kept = KEPT_WORDS.lock().unwrap_or_else(PoisonError::into_inner);
        let size: usize = kept.iter().map(|words| size_of_words(words)).sum();
        assert!(size <= KEPT, "{size}");
        assert!(size > KEPT / 2, "{size}");
    }
}
