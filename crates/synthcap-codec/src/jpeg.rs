//! Colour, four bytes per pixel, as JPEG.
//!
//! # Format
//!
//! A baseline JPEG file (ITU-T T.81) with three components (JFIF, YCbCr), of just
//! the image's size. Alpha is dropped and decodes as 255. The encoder keeps colour
//! at full resolution at a quality of 90 and above and halves it below (4:2:0).

use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::JpegDecoder;

use crate::{Malformed, check_width};

/// From this quality on colour keeps its full resolution.
#[cfg(feature = "jpeg-encode")]
const FULL_COLOR_QUALITY: u8 = 90;

/// Appends the encoded image, of rows of `width` pixels, at a quality of 1 (small)
/// to 100 (good). `false`, and nothing is appended, when it is no JPEG's size:
/// neither side may be 0 or above 65,535.
///
/// # Panics
///
/// When the width does not divide the pixel count.
#[cfg(feature = "jpeg-encode")]
#[cfg_attr(docsrs, doc(cfg(feature = "jpeg-encode")))]
pub fn encode(width: usize, pixels: &[[u8; 4]], quality: u8, out: &mut Vec<u8>) -> bool {
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    let height = crate::planes::height(width, pixels.len());
    let (Ok(columns), Ok(rows)) = (u16::try_from(width), u16::try_from(height)) else {
        return false;
    };
    let before = out.len();
    let mut encoder = Encoder::new(&mut *out, quality.clamp(1, 100));
    encoder.set_sampling_factor(if quality >= FULL_COLOR_QUALITY {
        SamplingFactor::R_4_4_4
    } else {
        SamplingFactor::R_4_2_0
    });
    let pixels = pixels.as_flattened();
    let done = encoder.encode(pixels, columns, rows, ColorType::Rgba);
    if done.is_err() {
        out.truncate(before);
    }
    done.is_ok()
}

/// Decodes an image of rows of `width` pixels into `pixels`.
///
/// # Errors
///
/// When the data are not a JPEG of just this size; `pixels` then holds anything.
pub fn decode(width: usize, data: &[u8], pixels: &mut [[u8; 4]]) -> Result<(), Malformed> {
    check_width(width, pixels.len())?;
    let height = pixels.len().checked_div(width).unwrap_or(0);
    let options = DecoderOptions::default()
        .set_max_width(width)
        .set_max_height(height)
        .set_strict_mode(true)
        .jpeg_set_out_colorspace(ColorSpace::RGBA);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(data), options);
    let refused = |_| Malformed::new("it is no JPEG of this size");
    decoder.decode_headers().map_err(refused)?;
    if decoder.dimensions() != Some((width, height)) {
        return Err(Malformed::new("the JPEG is of another size"));
    }
    decoder
        .decode_into(pixels.as_flattened_mut())
        .map_err(refused)
}
