//! The kit that turns a simulator into a server.
//!
//! Implement [`Engine`], hand it to [`Server::builder`], and every UESynth and
//! synthcap client can use it. The engine runs on one thread of its own: all
//! clients' requests meet in one queue, which that thread empties between ticks.

mod access;
mod catalog;
mod check;
mod clock;
mod config;
mod encode;
mod engine;
mod executor;
pub mod faults;
mod host;
mod lanes;
mod listen;
mod outbox;
mod queue;
mod send;
mod service;
mod shared;
mod stream;
mod subscriptions;
#[cfg(feature = "tls")]
mod tls;
mod unary;
#[cfg(unix)]
mod unix;

pub use access::{Permissions, Tokens};
pub use config::{Server, ServerBuilder, ServerError, ServerHandle};
pub use engine::{Captured, CapturedView, Engine, EngineError, EngineInfo, ResolvedView};
pub use shared::{PixelBuffer, PixelBuffers, SharedMemoryLimits};
#[cfg(feature = "tls")]
pub use tls::ServerTls;
