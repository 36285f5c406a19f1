//! The encodings of synthcap, and what they are measured against.

use std::io::{Read, Write};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use synthcap::Modality;
use synthcap_codec::{depth, flow, ids, jpeg, normals, quantized, rgba};

/// One way to encode the bytes of an image.
pub(crate) struct Codec {
    pub(crate) name: &'static str,
    pub(crate) loses: bool,
    pub(crate) suits: fn(Modality) -> bool,
    pub(crate) encode: fn(Modality, usize, &[u8], &mut Vec<u8>),
    pub(crate) decode: fn(Modality, usize, &[u8], &mut [u8]),
}

pub(crate) const CODECS: &[Codec] = &[
    Codec {
        name: "**lossless**",
        loses: false,
        suits: |_| true,
        encode: encode_lossless,
        decode: decode_lossless,
    },
    Codec {
        name: "**quantized:1mm**",
        loses: true,
        suits: |modality| modality == Modality::Depth,
        encode: |_, width, raw, out| quantized::encode(width, bytemuck::cast_slice(raw), 1e-3, out),
        decode: |_, width, data, raw| {
            let metres = bytemuck::cast_slice_mut(raw);
            quantized::decode(width, data, metres).expect("it was encoded");
        },
    },
    Codec {
        name: "**jpeg:85**",
        loses: true,
        suits: |modality| modality == Modality::Rgb,
        encode: |_, width, raw, out| {
            assert!(jpeg::encode(width, raw.as_chunks().0, 85, out));
        },
        decode: |_, width, data, raw| {
            jpeg::decode(width, data, raw.as_chunks_mut().0).expect("it was encoded");
        },
    },
    Codec {
        name: "gzip 6",
        loses: false,
        suits: |_| true,
        encode: |_, _, raw, out| gzip(raw, Compression::new(6), out),
        decode: |_, _, data, raw| gunzip(data, raw),
    },
    Codec {
        name: "gzip 1",
        loses: false,
        suits: |_| true,
        encode: |_, _, raw, out| gzip(raw, Compression::fast(), out),
        decode: |_, _, data, raw| gunzip(data, raw),
    },
    Codec {
        name: "PNG",
        loses: false,
        // The others have no form in it but their bytes as colours.
        suits: |modality| modality.bytes_per_pixel() == 4,
        encode: |_, width, raw, out| {
            let height = raw.len() / 4 / width;
            let mut encoder = png::Encoder::new(out, width as u32, height as u32);
            encoder.set_color(png::ColorType::Rgba);
            let mut writer = encoder.write_header().expect("into memory");
            writer.write_image_data(raw).expect("into memory");
        },
        decode: |_, _, data, raw| {
            let decoder = png::Decoder::new(std::io::Cursor::new(data));
            let mut reader = decoder.read_info().expect("it was encoded");
            reader.next_frame(raw).expect("it was encoded");
        },
    },
];

fn encode_lossless(modality: Modality, width: usize, raw: &[u8], out: &mut Vec<u8>) {
    match modality {
        Modality::Rgb => rgba::encode(width, raw.as_chunks().0, out),
        Modality::Depth => depth::encode(width, bytemuck::cast_slice(raw), out),
        Modality::Segmentation => ids::encode(width, bytemuck::cast_slice(raw), out),
        Modality::Normals => normals::encode(width, bytemuck::cast_slice(raw), out),
        _ => {
            let (vectors, valid) = raw.split_at(raw.len() / 9 * 8);
            flow::encode(width, bytemuck::cast_slice(vectors), valid, out);
        }
    }
}

fn decode_lossless(modality: Modality, width: usize, data: &[u8], raw: &mut [u8]) {
    let decoded = match modality {
        Modality::Rgb => rgba::decode(width, data, raw.as_chunks_mut().0),
        Modality::Depth => depth::decode(width, data, bytemuck::cast_slice_mut(raw)),
        Modality::Segmentation => ids::decode(width, data, bytemuck::cast_slice_mut(raw)),
        Modality::Normals => normals::decode(width, data, bytemuck::cast_slice_mut(raw)),
        _ => {
            let (vectors, valid) = raw.split_at_mut(raw.len() / 9 * 8);
            flow::decode(width, data, bytemuck::cast_slice_mut(vectors), valid)
        }
    };
    decoded.expect("it was encoded");
}

fn gzip(raw: &[u8], level: Compression, out: &mut Vec<u8>) {
    let mut encoder = GzEncoder::new(out, level);
    encoder.write_all(raw).expect("into memory");
    encoder.finish().expect("into memory");
}

fn gunzip(data: &[u8], raw: &mut [u8]) {
    GzDecoder::new(data)
        .read_exact(raw)
        .expect("it was encoded");
}
