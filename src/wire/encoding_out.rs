//! Encoding images, as a server sends them.

use std::time::Instant;

use bytes::Bytes;
use synthcap_codec::{depth, flow, ids, normals, quantized, rgba};

use super::{basics, encoding::format};
use crate::{Encoding, Modality, frame::Samples, proto};

/// Smaller images go raw: the detour costs more than the bytes.
const WORTHWHILE: usize = 4 << 10;

/// Whether encoding would be tried at all.
pub(crate) fn is_worthwhile(image: &proto::ImageResponse, wanted: Encoding) -> bool {
    wanted != Encoding::Raw && image.image_data.len() >= WORTHWHILE
}

/// Encodes the pixels of a raw image in place; leaves it raw when that is smaller.
pub(crate) fn encode(image: &mut proto::ImageResponse, wanted: Encoding) {
    let begun = Instant::now();
    let Some(info) = &mut image.info else { return };
    let Some(modality) = basics::modality(info.modality) else {
        return;
    };
    let width = image.width as usize;
    let mut out = Vec::with_capacity(image.image_data.len() / 2);
    let Some(used) = pack(modality, wanted, width, &image.image_data, &mut out) else {
        return;
    };
    if out.len() >= image.image_data.len() {
        return;
    }
    match used {
        Encoding::Jpeg { quality } => info.jpeg_quality = quality.into(),
        Encoding::Quantized { max_error_um } => info.max_depth_error_um = max_error_um,
        Encoding::Raw | Encoding::Lossless => {}
    }
    info.encoding = format(used, modality) as i32;
    info.encoded_bytes = out.len() as u64;
    info.encode_time_ns = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
    image.image_data = out.into();
}

/// Appends the encoded pixels and says which encoding was used; `None` when there
/// is none that suits.
fn pack(
    modality: Modality,
    wanted: Encoding,
    width: usize,
    raw: &Bytes,
    out: &mut Vec<u8>,
) -> Option<Encoding> {
    match (modality, wanted) {
        (_, Encoding::Raw) => return None,
        (Modality::Rgb, Encoding::Jpeg { quality }) => {
            if pack_jpeg(width, raw, quality, out) {
                return Some(wanted);
            }
            rgba::encode(width, raw.as_chunks().0, out);
        }
        (Modality::Depth, Encoding::Quantized { max_error_um }) => {
            let metres = Samples::from_bytes(raw.clone())?;
            let max_error_m = (f64::from(max_error_um.max(1)) * 1e-6) as f32;
            quantized::encode(width, &metres, max_error_m, out);
            return Some(wanted);
        }
        (Modality::Rgb, _) => rgba::encode(width, raw.as_chunks().0, out),
        (Modality::Depth, _) => depth::encode(width, &Samples::from_bytes(raw.clone())?, out),
        (Modality::Segmentation, _) => ids::encode(width, &Samples::from_bytes(raw.clone())?, out),
        (Modality::Normals, _) => normals::encode(width, &Samples::from_bytes(raw.clone())?, out),
        (Modality::Flow, _) => {
            let pixels = raw.len() / Modality::Flow.bytes_per_pixel();
            let split = pixels * size_of::<[f32; 2]>();
            let vectors = Samples::from_bytes(raw.slice(..split))?;
            flow::encode(width, &vectors, &raw[split..], out);
        }
    }
    Some(Encoding::Lossless)
}

#[cfg(feature = "jpeg")]
fn pack_jpeg(width: usize, raw: &[u8], quality: u8, out: &mut Vec<u8>) -> bool {
    synthcap_codec::jpeg::encode(width, raw.as_chunks().0, quality, out)
}

#[cfg(not(feature = "jpeg"))]
fn pack_jpeg(_: usize, _: &[u8], _: u8, _: &mut Vec<u8>) -> bool {
    false
}
