//! Images, as a server sends them.

use super::image::pixel_type;
use crate::{
    CapturedImage, Modality, Pixels,
    frame::{FlowDirection, PixelData},
    proto,
};

/// The text of the `format` field, which UESynth's clients look at.
fn format_name(modality: Modality) -> &'static str {
    match modality {
        Modality::Rgb => "rgba",
        Modality::Depth => "depth_m_f32",
        Modality::Segmentation => "id_u32",
        Modality::Normals => "normal_f32x3",
        Modality::Flow => "flow_f32x2_valid_u8",
    }
}

/// An image, raw.
pub(crate) fn encode(image: CapturedImage) -> proto::ImageResponse {
    let modality = image.pixels.modality();
    let (width, height) = (image.pixels.width(), image.pixels.height());
    let direction = match &image.pixels {
        Pixels::Flow(flow) => match flow.direction() {
            FlowDirection::Backward => proto::FlowDirection::Backward,
            FlowDirection::Forward => proto::FlowDirection::Forward,
        },
        _ => proto::FlowDirection::Unspecified,
    };
    let labels = match &image.pixels {
        Pixels::Segmentation(segmentation) => segmentation.labels().to_vec(),
        _ => Vec::new(),
    };
    proto::ImageResponse {
        width,
        height,
        format: format_name(modality).to_owned(),
        image_data: image.pixels.into_bytes(),
        info: Some(proto::ImageInfo {
            modality: proto::Modality::from(modality) as i32,
            pixel_type: pixel_type(modality) as i32,
            encoding: proto::Encoding::Raw as i32,
            camera_name: (&image.camera).into(),
            camera_pose: image.pose.map(Into::into),
            intrinsics: image.intrinsics.map(Into::into),
            flow_direction: direction as i32,
            labels: labels.into_iter().map(Into::into).collect(),
            ..Default::default()
        }),
        meta: None,
        shared: None,
    }
}
