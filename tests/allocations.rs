//! What asking costs in allocations, which shows without a clock when it gets
//! slower.
#![allow(unsafe_code, reason = "a counting allocator is unsafe by its nature")]

mod common;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use common::{TinyEngine, serve};
use synthcap::{Client, Modality, Vec3};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is passed on to the system's allocator; counting touches
// only a constant-initialised thread local, which does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending has no counter any more.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread while it runs something.
fn count<T>(run: impl FnOnce() -> T) -> (usize, T) {
    let before = ALLOCATIONS.get();
    let value = run();
    (ALLOCATIONS.get() - before, value)
}

type TestResult = Result<(), Box<dyn std::error::Error>>;

#[tokio::test]
async fn asking_takes_one_allocation() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let camera = client.default_camera();
    let mut counts = Vec::new();
    for round in 0..200 {
        let place = Vec3::new(round as f32, 0.0, 0.0);
        // The test's runtime has one thread, so only this is counted.
        let (moving, moved) = count(|| camera.set_location(place).submit());
        let (asking, asked) = count(|| camera.rgb().submit());
        counts.extend([moving, asking]);
        moved?.await?;
        asked?.await?;
    }
    counts.sort_unstable();
    assert_eq!(counts[counts.len() / 2], 1, "in the middle");
    // The channel to the session grows by a block every 32 orders.
    let total: usize = counts.iter().sum();
    assert!(
        total <= counts.len() * 17 / 16,
        "{total} in {}",
        counts.len()
    );
    Ok(())
}

#[tokio::test]
async fn reading_the_latest_frame_takes_none() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let camera = client.default_camera();
    let latest = camera.latest(Modality::Rgb);
    camera.rgb().await?;
    latest.get();
    let (allocations, frame) = count(|| latest.get());
    assert_eq!((allocations, frame.is_some()), (0, true));
    Ok(())
}
