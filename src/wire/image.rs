//! Images, as a client reads them: what to believe of them.

use std::time::Duration;

use super::{WireError, basics, encoding};
use crate::{
    CameraName, CapturedImage, Encoding, EncodingChoice, Label, Modality, Pixels, Transfer,
    frame::{Depth, Flow, FlowDirection, Normals, Rgb, Segmentation},
    proto,
};

/// The first bytes of every PNG file.
const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

pub(super) fn pixel_type(modality: Modality) -> proto::PixelType {
    match modality {
        Modality::Rgb => proto::PixelType::Rgba8,
        Modality::Depth => proto::PixelType::DepthMF32,
        Modality::Segmentation => proto::PixelType::IdU32,
        Modality::Normals => proto::PixelType::NormalF32x3,
        Modality::Flow => proto::PixelType::FlowF32x2ValidU8,
    }
}

/// What was asked for, against which an image is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    /// Empty: the default camera, whatever its name.
    pub(crate) camera: CameraName,
    pub(crate) modality: Modality,
    /// Pixels; 0: whatever the server chose.
    pub(crate) width: u32,
    /// Pixels; 0: whatever the server chose.
    pub(crate) height: u32,
    /// What the image may have lost.
    pub(crate) encoding: Option<EncodingChoice>,
}

/// Reads an image whose pixels have been decoded, if they were encoded.
pub(crate) fn decode(
    image: proto::ImageResponse,
    expected: &Expected,
) -> Result<CapturedImage, WireError> {
    if let Some(shared) = image.shared {
        return Err(WireError::new(format!(
            "the image is said to lie in slot {} of shared memory, generation {}, which is not there",
            shared.slot, shared.generation
        )));
    }
    match image.info.clone() {
        Some(info) => decode_described(image, info, expected),
        None => decode_plain(image, expected),
    }
}

fn decode_described(
    image: proto::ImageResponse,
    info: proto::ImageInfo,
    expected: &Expected,
) -> Result<CapturedImage, WireError> {
    let Expected { modality, .. } = *expected;
    if basics::modality(info.modality) != Some(modality) {
        return Err(WireError::new(format!(
            "asked for {modality}, but the image is of modality number {}",
            info.modality
        )));
    }
    let encoding = encoding::stated(&info, modality);
    let (Some(encoding), true) = (encoding, info.pixel_type == pixel_type(modality) as i32) else {
        return Err(WireError::new(format!(
            "the {modality} image has pixel type {} in encoding {}, which were not asked for",
            info.pixel_type, info.encoding
        )));
    };
    if !encoding.may_stand_for(expected.encoding) {
        return Err(WireError::new(format!(
            "the {modality} image came as {encoding}, which loses more than was asked for"
        )));
    }
    let differs = |asked: u32, got: u32| asked != 0 && asked != got;
    if differs(expected.width, image.width) || differs(expected.height, image.height) {
        return Err(WireError::new(format!(
            "asked for {}x{}, but the image is {}x{}",
            expected.width, expected.height, image.width, image.height
        )));
    }
    if !expected.camera.is_default() && expected.camera.as_str() != info.camera_name {
        return Err(WireError::new(format!(
            "asked for camera {:?}, but the image is of {:?}",
            expected.camera, info.camera_name
        )));
    }
    let direction = match proto::FlowDirection::try_from(info.flow_direction) {
        Ok(proto::FlowDirection::Forward) => FlowDirection::Forward,
        _ => FlowDirection::Backward,
    };
    let transfer = Transfer {
        encoding,
        wire_bytes: match encoding {
            Encoding::Raw => image.image_data.len() as u64,
            _ => info.encoded_bytes,
        },
        encode_time: Duration::from_nanos(info.encode_time_ns),
    };
    let labels = info.labels.into_iter().map(Label::from).collect();
    Ok(CapturedImage {
        transfer,
        pixels: pixels(modality, image, labels, direction)?,
        camera: info.camera_name.into(),
        pose: Some(basics::transform(info.camera_pose, "the camera's pose")?),
        intrinsics: info.intrinsics.map(basics::intrinsics).transpose()?,
    })
}

fn pixels(
    modality: Modality,
    image: proto::ImageResponse,
    labels: Vec<Label>,
    direction: FlowDirection,
) -> Result<Pixels, WireError> {
    let (width, height, data) = (image.width, image.height, image.image_data);
    let torn = |error: crate::frame::SizeMismatch| WireError::new(error.to_string());
    Ok(match modality {
        Modality::Rgb => Rgb::new(width, height, data).map_err(torn)?.into(),
        Modality::Depth => Depth::from_bytes(width, height, data).map_err(torn)?.into(),
        Modality::Segmentation => Segmentation::from_bytes(width, height, data, labels)
            .map_err(torn)?
            .into(),
        Modality::Normals => Normals::from_bytes(width, height, data)
            .map_err(torn)?
            .into(),
        Modality::Flow => Flow::from_planes(width, height, data, direction)
            .map_err(torn)?
            .into(),
    })
}

/// An image of a plain UESynth server. Its colour is raw RGBA whose stated size
/// may be wrong; everything else it sends is a placeholder.
fn decode_plain(
    image: proto::ImageResponse,
    expected: &Expected,
) -> Result<CapturedImage, WireError> {
    if expected.modality != Modality::Rgb {
        return Err(WireError::new(format!(
            "a plain UESynth server has no {}; what it sends is a placeholder",
            expected.modality
        )));
    }
    let (width, height) = plain_size(&image, expected)?;
    let transfer = Transfer::raw(image.image_data.len() as u64);
    let rgb = Rgb::new(width, height, image.image_data)
        .map_err(|error| WireError::new(error.to_string()))?;
    Ok(CapturedImage {
        // A plain server has one camera and ignores the name.
        camera: expected.camera.clone(),
        pose: None,
        intrinsics: None,
        transfer,
        pixels: rgb.into(),
    })
}

/// The size that agrees with the bytes: the stated one, else the one asked for.
fn plain_size(image: &proto::ImageResponse, expected: &Expected) -> Result<(u32, u32), WireError> {
    let data = &image.image_data;
    if data.starts_with(PNG_SIGNATURE) {
        return Err(WireError::new(
            "the server sent colour as PNG where raw RGBA is the contract",
        ));
    }
    let candidates = [
        (image.width, image.height),
        (expected.width, expected.height),
    ];
    let fits = |&(w, h): &(u32, u32)| {
        let pixels = u64::from(w) * u64::from(h);
        pixels > 0 && pixels.checked_mul(4) == Some(data.len() as u64)
    };
    candidates.into_iter().find(fits).ok_or_else(|| {
        WireError::new(format!(
            "the server states {}x{} but sent {} bytes, which is another size; \
             name the viewport's width and height in the request",
            image.width,
            image.height,
            data.len()
        ))
    })
}
