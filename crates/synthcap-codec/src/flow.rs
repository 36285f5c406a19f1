//! Optical flow, two f32 and a byte of validity per pixel, without loss.
//!
//! # Format
//!
//! Two [planes], of the u and the v of all pixels as
//! [words](crate::planes::order), then the validity bytes as [runs],
//! and nothing after them. Invalid pixels keep their vector too.

use crate::{Malformed, check_width, planes, runs};

/// Appends the encoded image, of rows of `width` pixels.
///
/// # Panics
///
/// When the width does not divide the pixel count, or there are not as many
/// validity bytes as vectors.
pub fn encode(width: usize, vectors: &[[f32; 2]], valid: &[u8], out: &mut Vec<u8>) {
    assert_eq!(vectors.len(), valid.len(), "one validity byte per vector");
    planes::encode_vectors(width, vectors, out);
    runs::encode(width, valid, out);
}

/// Decodes an image of rows of `width` pixels into `vectors` and `valid`.
///
/// # Errors
///
/// When the data are not an encoded image of just this size, or the two slices
/// differ in length; they then hold anything.
pub fn decode(
    width: usize,
    data: &[u8],
    vectors: &mut [[f32; 2]],
    valid: &mut [u8],
) -> Result<(), Malformed> {
    check_width(width, vectors.len())?;
    if vectors.len() != valid.len() {
        return Err(Malformed::new("vectors and validity differ in length"));
    }
    let data = planes::decode_vectors(width, data, vectors)?;
    runs::decode(width, data, valid)
}
