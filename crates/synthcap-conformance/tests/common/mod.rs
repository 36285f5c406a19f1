//! Servers with one fault each.
#![allow(unreachable_pub, reason = "a test's own module")]

pub mod engine;
pub mod proxy;
