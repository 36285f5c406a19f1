//! A server's and a client's side in one process, and what the tests look at.
//! Synthcap's own tests use `traces` too.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part"
)]

pub mod traces;

use std::time::Duration;

use synthcap_shm::{Budget, Listener, Pool, Reader};

/// Long enough on any machine; waiting ends when there is something.
pub const LONG: Duration = Duration::from_secs(30);

/// Accepts the next client, which must be on its way.
pub fn accept(listener: &Listener) -> Pool {
    loop {
        if let Some(pool) = listener.accept().expect("a client of this user") {
            return pool;
        }
        std::thread::yield_now();
    }
}

/// Both ends of a side socket.
pub fn pair(budget: &Budget) -> (Pool, Reader) {
    let listener = Listener::bind(budget.clone()).expect("a side socket");
    std::thread::scope(|scope| {
        let client = scope.spawn(|| Reader::connect(listener.name(), LONG));
        let pool = accept(&listener);
        let reader = client.join().expect("no panic");
        (pool, reader.expect("a greeting"))
    })
}

/// What a frame of this generation and seed holds.
pub fn pattern(seed: u64, bytes: usize) -> impl Iterator<Item = u8> {
    (0..bytes as u64).map(move |at| (at.wrapping_mul(31) ^ seed.wrapping_mul(0x9e37)) as u8)
}
