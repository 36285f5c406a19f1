//! Encodings on the wire: their numbers, what is asked of them, and how what came
//! is decoded.

use bytes::Bytes;
use synthcap_codec::{Malformed, depth, flow, ids, normals, quantized, rgba};

use super::{WireError, basics};
use crate::{
    Encoding, EncodingChoice, Encodings, Modality, ModalitySet, View,
    encoding::Measured,
    frame::Samples,
    proto::{self, Encoding as Wire},
};

/// The quality of a JPEG that names none.
const DEFAULT_QUALITY: u32 = 85;
/// The error of quantised depth that names none, micrometres.
const DEFAULT_ERROR_UM: u32 = 1000;

/// What this build can encode and decode.
#[cfg(feature = "jpeg")]
const BUILT_IN: &[Wire] = &[
    Wire::RgbaPacked,
    Wire::Jpeg,
    Wire::DepthPacked,
    Wire::DepthQuantized,
    Wire::IdRuns,
    Wire::NormalPacked,
    Wire::FlowPacked,
];
#[cfg(not(feature = "jpeg"))]
const BUILT_IN: &[Wire] = &[
    Wire::RgbaPacked,
    Wire::DepthPacked,
    Wire::DepthQuantized,
    Wire::IdRuns,
    Wire::NormalPacked,
    Wire::FlowPacked,
];

/// The number for an encoding of a modality.
pub(super) fn format(encoding: Encoding, modality: Modality) -> Wire {
    match (encoding, modality) {
        (Encoding::Raw, _) => Wire::Raw,
        (Encoding::Jpeg { .. }, _) => Wire::Jpeg,
        (Encoding::Quantized { .. }, _) => Wire::DepthQuantized,
        (Encoding::Lossless, Modality::Rgb) => Wire::RgbaPacked,
        (Encoding::Lossless, Modality::Depth) => Wire::DepthPacked,
        (Encoding::Lossless, Modality::Segmentation) => Wire::IdRuns,
        (Encoding::Lossless, Modality::Normals) => Wire::NormalPacked,
        (Encoding::Lossless, Modality::Flow) => Wire::FlowPacked,
    }
}

/// The modality of an encoding's number; `None` for raw, which is of all.
fn modality_of(format: Wire) -> Option<Modality> {
    match format {
        Wire::Unspecified | Wire::Raw => None,
        Wire::RgbaPacked | Wire::Jpeg => Some(Modality::Rgb),
        Wire::DepthPacked | Wire::DepthQuantized => Some(Modality::Depth),
        Wire::IdRuns => Some(Modality::Segmentation),
        Wire::NormalPacked => Some(Modality::Normals),
        Wire::FlowPacked => Some(Modality::Flow),
    }
}

/// The encoding of a number, with its parameters.
fn encoding(format: Wire, jpeg_quality: u32, max_error_um: u32) -> Encoding {
    let or = |value: u32, default: u32| if value == 0 { default } else { value };
    match format {
        Wire::Unspecified | Wire::Raw => Encoding::Raw,
        Wire::Jpeg => Encoding::Jpeg {
            quality: or(jpeg_quality, DEFAULT_QUALITY).min(100) as u8,
        },
        Wire::DepthQuantized => Encoding::Quantized {
            max_error_um: or(max_error_um, DEFAULT_ERROR_UM),
        },
        Wire::RgbaPacked
        | Wire::DepthPacked
        | Wire::IdRuns
        | Wire::NormalPacked
        | Wire::FlowPacked => Encoding::Lossless,
    }
}

/// How an image of this modality is said to be encoded; `None` when it is not in
/// a way that the modality has.
pub(super) fn stated(info: &proto::ImageInfo, modality: Modality) -> Option<Encoding> {
    let format = Wire::try_from(info.encoding).ok()?;
    let fits = match format {
        Wire::Unspecified => false,
        Wire::Raw => true,
        format => modality_of(format) == Some(modality),
    };
    fits.then(|| encoding(format, info.jpeg_quality, info.max_depth_error_um))
}

/// The encodings that a client would have, as a request carries them.
#[derive(Debug, Default)]
pub(super) struct Accepted {
    pub(super) encodings: Vec<i32>,
    pub(super) jpeg_quality: u32,
    pub(super) max_depth_error_um: u32,
}

impl Accepted {
    /// Of a view, for these modalities. What the client still has to decide, or
    /// wants raw, is not in it.
    pub(super) fn of(view: &View, modalities: impl Into<ModalitySet>) -> Self {
        let mut accepted = Self::default();
        for modality in modalities.into().iter() {
            let Some(EncodingChoice::Use(encoding)) = view.encodings.get(modality) else {
                continue;
            };
            match encoding {
                Encoding::Raw => continue,
                Encoding::Lossless => {}
                Encoding::Jpeg { quality } => accepted.jpeg_quality = quality.into(),
                Encoding::Quantized { max_error_um } => accepted.max_depth_error_um = max_error_um,
            }
            accepted.encodings.push(format(encoding, modality) as i32);
            if !encoding.is_lossless() {
                let instead = format(Encoding::Lossless, modality);
                accepted.encodings.push(instead as i32);
            }
        }
        accepted
    }

    /// For each modality the best that this build has.
    pub(super) fn choose(&self) -> Encodings {
        let formats = self.encodings.iter().copied().map(Wire::try_from);
        let known = formats.filter_map(Result::ok);
        known
            .filter(|format| BUILT_IN.contains(format))
            .fold(Encodings::UNSET, |chosen, format| {
                match modality_of(format) {
                    Some(modality) if chosen.get(modality).is_none() => {
                        let parameters = (self.jpeg_quality, self.max_depth_error_um);
                        chosen.with(modality, encoding(format, parameters.0, parameters.1))
                    }
                    _ => chosen,
                }
            })
    }
}

/// What a server can send besides raw.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct EncodingSupport(u64);

impl EncodingSupport {
    /// Everything that this build has.
    #[cfg(feature = "server")]
    pub(crate) fn built_in() -> Self {
        Self::from_numbers(BUILT_IN.iter().map(|format| *format as i32))
    }

    pub(super) fn from_numbers(numbers: impl Iterator<Item = i32>) -> Self {
        let bit = |number: i32| {
            u32::try_from(number)
                .ok()
                .and_then(|n| 1_u64.checked_shl(n))
        };
        Self(numbers.filter_map(bit).fold(0, |all, bit| all | bit))
    }

    #[cfg(feature = "server")]
    pub(super) fn to_numbers(self) -> Vec<i32> {
        (0..u64::BITS as i32)
            .filter(|n| self.0 >> n & 1 == 1)
            .collect()
    }

    /// Whether there is nothing but raw.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether images of a modality can come so. Raw is always there.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let server = synthcap_sim::serve(synthcap_sim::SimConfig::small()).await?;
    /// # let client = synthcap::Client::connect(server.url()).await?;
    /// use synthcap::{Encoding, Modality};
    ///
    /// let offered = client.server_info().unwrap().encodings;
    /// assert!(offered.has(Modality::Depth, Encoding::MILLIMETRE));
    /// assert!(!offered.has(Modality::Flow, Encoding::MILLIMETRE));
    /// # client.close().await?;
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn has(self, modality: Modality, encoding: Encoding) -> bool {
        let format = format(encoding, modality);
        let offered = self.0 >> format as i32 & 1 == 1;
        encoding == Encoding::Raw || (encoding.suits(modality) && offered)
    }

    /// Whether this build can also read it.
    pub(crate) fn can_use(self, modality: Modality, encoding: Encoding) -> bool {
        let format = format(encoding, modality);
        self.has(modality, encoding) && (format == Wire::Raw || BUILT_IN.contains(&format))
    }
}

impl std::fmt::Debug for EncodingSupport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = BUILT_IN
            .iter()
            .filter(|format| self.0 >> **format as i32 & 1 == 1);
        f.debug_set().entries(known).finish()
    }
}

/// Whether there is something to decode. What is of an unknown encoding is left
/// for the check against what was asked.
pub(crate) fn is_encoded(image: &proto::ImageResponse) -> bool {
    let format = image
        .info
        .as_ref()
        .map(|info| Wire::try_from(info.encoding));
    matches!(format, Some(Ok(format)) if modality_of(format).is_some())
}

/// How many bytes an image would take decoded, by what it says of itself.
pub(crate) fn decoded_bytes(image: &proto::ImageResponse) -> Option<u64> {
    let modality = basics::modality(image.info.as_ref()?.modality)?;
    Some(decoded_size(image, modality).1)
}

/// The pixels of an image as it says, and the bytes that they take decoded.
fn decoded_size(image: &proto::ImageResponse, modality: Modality) -> (u64, u64) {
    let pixels = u64::from(image.width) * u64::from(image.height);
    (
        pixels,
        pixels.saturating_mul(modality.bytes_per_pixel() as u64),
    )
}

/// Decodes the pixels of an image in place, if they take at most `limit` bytes;
/// says what it took, but for the time.
pub(crate) fn decode(
    image: &mut proto::ImageResponse,
    limit: u64,
) -> Result<Option<Measured>, WireError> {
    let Some(info) = &image.info else {
        return Ok(None);
    };
    let Some(modality) = basics::modality(info.modality) else {
        return Ok(None);
    };
    let (Some(encoding), Ok(format)) = (stated(info, modality), Wire::try_from(info.encoding))
    else {
        return Ok(None);
    };
    if format == Wire::Raw {
        return Ok(None);
    }
    let wire_bytes = image.image_data.len() as u64;
    if info.encoded_bytes != wire_bytes {
        return Err(WireError::new(format!(
            "the {modality} image states {} encoded bytes, but there are {wire_bytes}",
            info.encoded_bytes
        )));
    }
    let (pixels, raw_bytes) = decoded_size(image, modality);
    if pixels == 0 {
        return Err(WireError::new(format!(
            "the {modality} image states {} encoded bytes, but is {}x{}",
            info.encoded_bytes, image.width, image.height
        )));
    }
    if raw_bytes > limit {
        return Err(WireError::new(format!(
            "the {modality} image would take {raw_bytes} bytes decoded, \
             which is over the limit of {limit}; raise max_message_bytes"
        )));
    }
    let (width, pixels) = (image.width as usize, pixels as usize);
    let decoded = unpack(format, width, pixels, &image.image_data);
    image.image_data = decoded.map_err(|error| {
        WireError::new(format!(
            "the {modality} image in {encoding} is malformed: {error}"
        ))
    })?;
    Ok(Some(Measured {
        modality,
        encoding,
        raw_bytes,
        wire_bytes,
        encode_time: std::time::Duration::from_nanos(info.encode_time_ns),
        decode_time: std::time::Duration::ZERO,
    }))
}

fn unpack(format: Wire, width: usize, pixels: usize, data: &[u8]) -> Result<Bytes, Malformed> {
    Ok(match format {
        Wire::Unspecified | Wire::Raw => Bytes::copy_from_slice(data),
        Wire::RgbaPacked => {
            let mut colours = vec![[0; 4]; pixels];
            rgba::decode(width, data, &mut colours)?;
            colours.into_flattened().into()
        }
        Wire::Jpeg => unpack_jpeg(width, pixels, data)?,
        Wire::DepthPacked => {
            let mut metres = vec![0.0; pixels];
            depth::decode(width, data, &mut metres)?;
            Samples::from(metres).into_bytes()
        }
        Wire::DepthQuantized => {
            let mut metres = vec![0.0; pixels];
            quantized::decode(width, data, &mut metres)?;
            Samples::from(metres).into_bytes()
        }
        Wire::IdRuns => {
            let mut numbers = vec![0_u32; pixels];
            ids::decode(width, data, &mut numbers)?;
            Samples::from(numbers).into_bytes()
        }
        Wire::NormalPacked => {
            let mut vectors = vec![[0.0; 3]; pixels];
            normals::decode(width, data, &mut vectors)?;
            Samples::from(vectors).into_bytes()
        }
        Wire::FlowPacked => unpack_flow(width, pixels, data)?,
    })
}

#[cfg(feature = "jpeg")]
fn unpack_jpeg(width: usize, pixels: usize, data: &[u8]) -> Result<Bytes, Malformed> {
    let mut colours = vec![[0; 4]; pixels];
    synthcap_codec::jpeg::decode(width, data, &mut colours)?;
    Ok(colours.into_flattened().into())
}

#[cfg(not(feature = "jpeg"))]
fn unpack_jpeg(_: usize, _: usize, _: &[u8]) -> Result<Bytes, Malformed> {
    Err(Malformed::unsupported())
}

/// Both planes of flow in one buffer, the vectors aligned.
fn unpack_flow(width: usize, pixels: usize, data: &[u8]) -> Result<Bytes, Malformed> {
    let bytes = pixels * Modality::Flow.bytes_per_pixel();
    let mut words = vec![0_u32; bytes.div_ceil(size_of::<u32>())];
    let planes = bytemuck::cast_slice_mut::<u32, u8>(&mut words);
    let (vectors, rest) = planes.split_at_mut(pixels * size_of::<[f32; 2]>());
    let vectors = bytemuck::cast_slice_mut(vectors);
    flow::decode(width, data, vectors, &mut rest[..pixels])?;
    Ok(Samples::from(words).into_bytes().slice(..bytes))
}
