//! Frames between two processes of one machine, without a copy through a socket.
//!
//! A server keeps a [`Pool`] of slots per client; each slot is a memory file of
//! its own, sealed so that it can neither shrink nor be written by whoever
//! receives it, and passed once over a Unix socket beside the real connection.
//! The real connection then carries only where a frame is: a [`Placed`]. The
//! client's [`Reader`] turns that into a [`Lease`], which is the pixels in place;
//! dropping the lease gives the slot back by one atomic store.
//!
//! Nothing has a name in any file system, so nothing stays behind whoever dies,
//! and only processes of the same user are talked to. The protocol, byte by
//! byte, is in `docs/shared-memory.md` of the repository.
//!
//! Linux only; elsewhere this crate is empty.
//!
#![cfg_attr(target_os = "linux", doc = "```")]
#![cfg_attr(not(target_os = "linux"), doc = "```ignore")]
//! use std::time::Duration;
//! use synthcap_shm::{Budget, Listener, Reader};
//!
//! // The server listens; its connection tells the client where.
//! let listener = Listener::bind(Budget::of_bytes(64 << 20))?;
//! let name = listener.name().to_owned();
//! let client = std::thread::spawn(move || Reader::connect(&name, Duration::from_secs(5)));
//! let pool = loop {
//!     if let Some(pool) = listener.accept()? {
//!         break pool;
//!     }
//!     std::thread::yield_now();
//! };
//! let mut reader = client.join().expect("no panic")?;
//!
//! // The server renders into a slot and says where that is.
//! let mut pixels = pool.buffer(1920 * 1080 * 4).expect("within the budget");
//! pixels.fill(7);
//! let placed = pool.place(&pixels.freeze()).expect("it is one of its slots");
//!
//! // The client reads it where it lies.
//! let lease = reader.lease(placed)?;
//! assert_eq!((lease.len(), lease[0]), (1920 * 1080 * 4, 7));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
#![cfg(target_os = "linux")]

mod budget;
mod error;
mod layout;
mod listener;
mod memory;
mod pool;
mod reader;
mod slots;
mod socket;

pub use budget::Budget;
pub use error::Error;
pub use layout::{MAX_SLOTS, NAME_PREFIX, Placed, TOKEN_BYTES, Token};
pub use listener::Listener;
pub use pool::{Pool, SlotBuffer};
pub use reader::{Lease, Reader};
