//! PNG, encoded for speed.

use png::{BitDepth, ColorType, Compression};

use crate::{Error, Result};

/// 8 bits per channel, sRGB.
pub(crate) fn rgb8(width: u32, height: u32, rgb: &[u8]) -> Result<Vec<u8>> {
    encode(width, height, ColorType::Rgb, BitDepth::Eight, rgb)
}

/// 16-bit gray; the samples are big-endian, as PNG has them.
pub(crate) fn gray16(width: u32, height: u32, big_endian: &[u8]) -> Result<Vec<u8>> {
    encode(
        width,
        height,
        ColorType::Grayscale,
        BitDepth::Sixteen,
        big_endian,
    )
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
