//! Images as NumPy arrays: the numbers as they lie in memory.

use bytes::Bytes;
use synthcap::{Modality, Pixels, frame::PixelData};

use super::{npy, pixels};
use crate::{Error, ErrorKind, Result};

/// How instance IDs are stored in a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdBits {
    Sixteen,
    ThirtyTwo,
}

/// An image as `.npy`: header and body.
///
/// # Errors
///
/// When an instance ID does not fit 16 bits.
pub(crate) fn npy(index: u64, image: &Pixels, ids: IdBits) -> Result<(Vec<u8>, Bytes)> {
    let (width, height) = (image.width(), image.height());
    let raw = || image.clone().into_bytes();
    let (descr, channels, body) = match image {
        Pixels::Rgb(rgb) => ("|u1", 3, pixels::without_alpha(rgb).into()),
        Pixels::Depth(_) => ("<f4", 1, raw()),
        Pixels::Segmentation(segmentation) if ids == IdBits::Sixteen => {
            let narrow = pixels::narrow(index, segmentation)?;
            ("<u2", 1, pixels::little_endian(&narrow).into())
        }
        Pixels::Segmentation(_) => ("<u4", 1, raw()),
        Pixels::Normals(_) => ("<f4", 3, raw()),
        Pixels::Flow(flow) => ("<f4", 3, pixels::flow_triples(flow).into()),
        _ => return Err(unknown(image.modality())),
    };
    let header = match channels {
        1 => npy::header(descr, &[height, width]),
        _ => npy::header(descr, &[height, width, channels]),
    };
    Ok((header, body))
}

/// A modality that came later than this code.
pub(crate) fn unknown(modality: Modality) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("this format cannot carry {modality}"),
        "leave that modality out",
    )
}
