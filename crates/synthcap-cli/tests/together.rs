//! The program as a user runs it.

mod access;
mod bad_input;
mod bench;
mod capture;
mod common;
mod conformance;
mod cut;
mod jobs;
mod output;
mod serve;
mod validate;
