//! Depth, f32 per pixel, without loss.
//!
//! # Format
//!
//! One [plane](crate::planes) of the pixels' [words](crate::planes::order), and
//! nothing after it. On a flat surface depth changes almost linearly over the
//! image, so that the gradient leaves only the rounding of the numbers; a
//! background of equal pixels costs next to nothing.

use crate::{Malformed, check_width, planes};

/// Appends the encoded image, of rows of `width` pixels.
///
/// # Panics
///
/// When the width does not divide the pixel count.
pub fn encode(width: usize, metres: &[f32], out: &mut Vec<u8>) {
    let height = planes::height(width, metres.len());
    let fill = |y: usize, row: &mut [u32]| {
        for (word, &value) in row.iter_mut().zip(&metres[y * width..]) {
            *word = planes::order(value);
        }
    };
    planes::encode(width, height, fill, out);
}

/// Decodes an image of rows of `width` pixels into `metres`.
///
/// # Errors
///
/// When the data are not an encoded image of just this size; `metres` then holds
/// anything.
pub fn decode(width: usize, data: &[u8], metres: &mut [f32]) -> Result<(), Malformed> {
    check_width(width, metres.len())?;
    let height = planes::height(width, metres.len());
    let put = |y: usize, row: &[u32]| {
        for (value, &word) in metres[y * width..].iter_mut().zip(row) {
            *value = planes::restore(word);
        }
    };
    match planes::decode(width, height, data, put)? {
        [] => Ok(()),
        _ => Err(Malformed::trailing()),
    }
}
