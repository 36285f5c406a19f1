//! The generated protobuf messages and gRPC stubs of `proto/uesynth.proto`.
//!
//! For tools, tests and benchmarks that work on the wire itself. The wire format
//! is a promise; the Rust names here follow the generator and may change with it.
#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::all,
    rustdoc::all
)]

include!(concat!(env!("OUT_DIR"), "/uesynth.rs"));
