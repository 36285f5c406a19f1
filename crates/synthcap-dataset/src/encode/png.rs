//! PNG, encoded for speed.

use png::{BitDepth, ColorType, Compression, Filter};

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
///
/// The same file as [`rgb8`] makes, row by row while it is in the cache: most of the
/// time that a set takes goes into this.
pub(crate) fn picture(rgb: &Rgb) -> Result<Vec<u8>> {
    let (width, height) = (rgb.width(), rgb.height());
    let row_bytes = width as usize * RGB_BYTES;
    let compressed = compressed_rows(rgb, row_bytes).map_err(|e| Error::internal("image", &e))?;
    if compressed.len() > (row_bytes + 1) * height as usize {
        // Noise, which the encoder stores as it is.
        return rgb8(width, height, &pixels::without_alpha(rgb));
    }
    let mut file = Vec::with_capacity(compressed.len() + 128);
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_chunk(png::chunk::IDAT, &compressed))
        .map_err(|e| Error::internal("image", &e))?;
    Ok(file)
}

const RGB_BYTES: usize = 3;

fn compressed_rows(rgb: &Rgb, row_bytes: usize) -> std::io::Result<Vec<u8>> {
    let (pixels, _) = rgb.as_rgba().as_chunks::<4>();
    let room = Vec::with_capacity(pixels.len() * 2);
    let mut compressor = fdeflate::Compressor::new(room)?;
    let (mut row, mut above) = (vec![0; row_bytes], vec![0; row_bytes]);
    let mut filtered = vec![Filter::Paeth as u8; row_bytes + 1];
    for line in pixels.chunks_exact(rgb.width() as usize) {
        let (triples, _) = row.as_chunks_mut::<RGB_BYTES>();
        for (triple, [r, g, b, _]) in triples.iter_mut().zip(line) {
            *triple = [*r, *g, *b];
        }
        paeth(&row, &above, &mut filtered[1..]);
        compressor.write_data(&filtered)?;
        std::mem::swap(&mut row, &mut above);
    }
    compressor.finish()
}

/// What PNG's Paeth filter makes of a row below another.
fn paeth(row: &[u8], above: &[u8], out: &mut [u8]) {
    // The first pixel has none to its left, so the one above is taken.
    let first = row.iter().zip(above).zip(&mut *out).take(RGB_BYTES);
    first.for_each(|((byte, up), out)| *out = byte.wrapping_sub(*up));
    let neighbours = row.iter().zip(above).zip(&above[RGB_BYTES..]);
    let bytes = row[RGB_BYTES..].iter().zip(&mut out[RGB_BYTES..]);
    for ((byte, out), ((left, corner), up)) in bytes.zip(neighbours) {
        *out = byte.wrapping_sub(predicted(*left, *up, *corner));
    }
}

/// Of left, up and corner the one nearest to left + up - corner.
fn predicted(left: u8, up: u8, corner: u8) -> u8 {
    let [a, b, c] = [left, up, corner].map(i16::from);
    let (to_left, to_up, to_corner) = ((b - c).abs(), (a - c).abs(), (a + b - 2 * c).abs());
    let up_or_corner = if to_up <= to_corner { up } else { corner };
    match to_left <= to_up && to_left <= to_corner {
        true => left,
        false => up_or_corner,
    }
}

/// The filter of every row. To try all five for each row takes half as long again, and
/// makes rendered pictures no smaller: Paeth is the one that is chosen nearly always.
const FILTER: Filter = Filter::Paeth;

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
    encoder.set_filter(FILTER);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(data))
        .map_err(|e| Error::internal("image", &e))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pictures_are_as_the_library_makes_them(
            (width, height, rgba) in (1_u32..20, 1_u32..20, 1_u8..=255).prop_flat_map(|(w, h, most)| {
                let bytes = (w * h * 4) as usize;
                (Just(w), Just(h), prop::collection::vec(0..=most, bytes))
            })
        ) {
            let rgb = Rgb::new(width, height, rgba).expect("size");
            let library = rgb8(width, height, &pixels::without_alpha(&rgb)).expect("encoded");
            let ours = picture(&rgb).expect("encoded");
            prop_assert_eq!(ours, library);
        }
    }
}
