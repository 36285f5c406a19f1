//! The stubs generated from the contract.
#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::all,
    rustdoc::all
)]

tonic::include_proto!("uesynth");
