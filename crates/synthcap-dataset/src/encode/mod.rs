//! File formats of single images.

pub(crate) mod npy;
pub(crate) mod png;
