//! The UESynth protocol as its deployed peers speak it, without any of our
//! extensions: the stubs generated from the contract alone, and a server that
//! behaves like the deployed one, quirks included.
//!
//! Only tests use it. It shares no code with `synthcap`, so that a mistake there
//! cannot hide here.

mod plain;
pub mod proto;
mod world;

pub use plain::PlainServer;
pub use world::{Pose, World};
