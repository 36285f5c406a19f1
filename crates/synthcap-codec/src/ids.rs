//! Instance IDs, u32 per pixel, without loss.
//!
//! # Format
//!
//! The IDs as [runs], and nothing after them.

use crate::{Malformed, runs};

/// Appends the encoded image, of rows of `width` pixels.
///
/// # Panics
///
/// When the width does not divide the pixel count.
pub fn encode(width: usize, ids: &[u32], out: &mut Vec<u8>) {
    runs::encode(width, ids, out);
}

/// Decodes an image of rows of `width` pixels into `ids`.
///
/// # Errors
///
/// When the data are not an encoded image of just this size; `ids` then holds
/// anything.
pub fn decode(width: usize, data: &[u8], ids: &mut [u32]) -> Result<(), Malformed> {
    runs::decode(width, data, ids)
}
