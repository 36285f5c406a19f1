//! Counts allocations, in programs that install [`Counting`].
#![allow(unsafe_code, reason = "a global allocator is unsafe by its nature")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

/// The system's allocator, with counters.
///
/// ```
/// use synthcap_bench::alloc::{self, Counting};
///
/// #[global_allocator]
/// static ALLOCATOR: Counting = Counting;
///
/// alloc::enable();
/// let before = alloc::count();
/// let text = std::hint::black_box(String::from("on the heap"));
/// assert_eq!(alloc::count() - before, 1);
/// drop(text);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Counting;

/// One counter to a cache line, so that threads do not count against each other.
#[repr(align(128))]
struct Slot(AtomicU64);

const SLOTS: usize = 64;

static ENABLED: AtomicBool = AtomicBool::new(false);
static COUNTS: [Slot; SLOTS] = [const { Slot(AtomicU64::new(0)) }; SLOTS];
static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static MINE: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Begins to count. Until then the allocator is as good as the system's own.
pub fn enable() {
    ENABLED.store(true, Ordering::Relaxed);
}

/// Allocations since counting began, by all threads; 0 in programs that have not
/// installed the allocator.
pub fn count() -> u64 {
    COUNTS
        .iter()
        .map(|slot| slot.0.load(Ordering::Relaxed))
        .sum()
}

fn note() {
    if !ENABLED.load(Ordering::Relaxed) {
        return;
    }
    // A thread that is ending has no slot any more.
    let slot = MINE.try_with(|mine| {
        if mine.get() == usize::MAX {
            mine.set(NEXT.fetch_add(1, Ordering::Relaxed) % SLOTS);
        }
        mine.get()
    });
    COUNTS[slot.unwrap_or(0)].0.fetch_add(1, Ordering::Relaxed);
}

// SAFETY: everything is passed on to the system's allocator; counting touches
// statics and a constant-initialised thread local, which do not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}
