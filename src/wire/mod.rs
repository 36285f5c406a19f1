//! Between the domain's types and the protobuf messages, in both directions.
//!
//! Client and server kit share this, so that each field is mapped in one place.
//! Decoding never trusts the peer: what does not fit is a [`WireError`].

pub(crate) mod basics;
pub(crate) mod encoding;
#[cfg(feature = "server")]
pub(crate) mod encoding_out;
#[cfg(test)]
mod hostile_tests;
pub(crate) mod image;
#[cfg(feature = "server")]
pub(crate) mod image_out;
pub(crate) mod info;
#[cfg(feature = "server")]
pub(crate) mod info_out;
pub(crate) mod reply;
#[cfg(feature = "server")]
pub(crate) mod reply_out;
pub(crate) mod request;
#[cfg(feature = "server")]
pub(crate) mod request_in;

use std::fmt;

/// A message that breaks the contract, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WireError(pub(crate) String);

impl WireError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WireError {}
