//! Measures the path of frames and commands between a client and a server, beside
//! what it is made of (memory, a socket) and what people use otherwise (a
//! generated stub, a Python client).
//!
//! Everything runs in one process unless a server is named, and the server
//! replays frames made beforehand, so that the path is measured and not a
//! renderer. Contenders take turns on the same work, so that a noisy machine
//! disturbs all of them alike: the ratios count, more than the rates.

pub mod alloc;
mod baseline;
mod compare;
mod contender;
mod control;
mod load;
mod meter;
mod plot;
mod replay;
mod report;
mod work;

pub use compare::{Compared, Comparison, Contender, compare};
pub use control::{ControlReport, control};
pub use load::{Load, LoadReport, Mode, load};
pub use meter::Measure;
pub use plot::{Chart, plot};
pub use replay::Replay;
pub use report::{Machine, json};
pub use work::{Kind, Work};

/// Why a bench could not run, in one line.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
