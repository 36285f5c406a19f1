//! PNG, encoded for speed.

use png::{BitDepth, ColorType, Compression};

use synthcap::frame::{PixelData as _, Rgb};

use super::pixels;
use crate::{Error, Result};

/// 8 bits per channel, sRGB.
pub(crate) fn rgb8(width: u32, height: u32, rgb: &[u8]) -> Result<Vec<u8>> {
    encode(width, height, ColorType::Rgb, BitDepth::Eight, rgb)
}

/// 8-bit gray.
pub(crate) fn gray8(width: u32, height: u32, gray: &[u8]) -> Result<Vec<u8>> {
    encode(width, height, ColorType::Grayscale, BitDepth::Eight, gray)
}

/// 16-bit gray.
pub(crate) fn gray16(width: u32, height: u32, gray: &[u16]) -> Result<Vec<u8>> {
    let data = pixels::big_endian(gray);
    encode(
        width,
        height,
        ColorType::Grayscale,
        BitDepth::Sixteen,
        &data,
    )
}

/// Three channels of 16 bits.
pub(crate) fn rgb16(width: u32, height: u32, rgb: &[u16]) -> Result<Vec<u8>> {
    let data = pixels::big_endian(rgb);
    encode(width, height, ColorType::Rgb, BitDepth::Sixteen, &data)
}

/// A colour picture, without its alpha.
pub(crate) fn picture(rgb: &Rgb) -> Result<Vec<u8>> {
    rgb8(rgb.width(), rgb.height(), &pixels::without_alpha(rgb))
}

fn encode(
    width: u32,
    height: u32,
    color: ColorType,
    depth: BitDepth,
    data: &[u8],
) -> Result<Vec<u8>> {
    let mut file = Vec::with_capacity(data.len() / 2 + 1024);
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    encoder.set_compression(Compression::Fast);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(data))
        .map_err(|e| Error::internal("image", &e))?;
    Ok(file)
}
