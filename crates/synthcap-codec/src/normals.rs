//! Normals, three f32 per pixel, without loss.
//!
//! # Format
//!
//! Three [planes], of the x, the y and the z of all pixels as
//! [words](crate::planes::order), one after the other, and nothing after them.

use crate::{Malformed, check_width, planes};

/// Appends the encoded image, of rows of `width` pixels.
///
/// # Panics
///
/// When the width does not divide the pixel count.
pub fn encode(width: usize, vectors: &[[f32; 3]], out: &mut Vec<u8>) {
    planes::encode_vectors(width, vectors, out);
}

/// Decodes an image of rows of `width` pixels into `vectors`.
///
/// # Errors
///
/// When the data are not an encoded image of just this size; `vectors` then holds
/// anything.
pub fn decode(width: usize, data: &[u8], vectors: &mut [[f32; 3]]) -> Result<(), Malformed> {
    check_width(width, vectors.len())?;
    match planes::decode_vectors(width, data, vectors)? {
        [] => Ok(()),
        _ => Err(Malformed::trailing()),
    }
}
