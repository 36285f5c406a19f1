//! The messages of a sample.

use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use prost_types::Timestamp;
use synthcap::{Convention, Intrinsics, Pixels, Transform, frame::PixelData as _};

use crate::{
    Result,
    encode::{array, pixels, png},
};

/// Foxglove's messages.
#[allow(missing_docs, unreachable_pub, clippy::all)]
mod foxglove {
    include!(concat!(env!("OUT_DIR"), "/foxglove.rs"));
}

/// The description of all messages that each file carries.
pub(super) const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/foxglove.bin"));

/// The fixed frame in which poses are told.
pub(super) const WORLD: &str = "world";

/// When, and of which camera.
pub(super) struct Header<'a> {
    pub(super) time: Duration,
    pub(super) frame_id: &'a str,
}

impl Header<'_> {
    fn timestamp(&self) -> Option<Timestamp> {
        Some(Timestamp {
            seconds: self.time.as_secs() as i64,
            nanos: self.time.subsec_nanos() as i32,
        })
    }
}

/// An image: colour as PNG, the others as they lie in memory.
pub(super) fn image(header: &Header<'_>, index: u64, image: &Pixels) -> Result<Vec<u8>> {
    let raw = |encoding: &str, bytes_per_pixel: u32, data: Bytes| {
        foxglove::RawImage {
            timestamp: header.timestamp(),
            frame_id: header.frame_id.to_owned(),
            width: image.width(),
            height: image.height(),
            encoding: encoding.to_owned(),
            step: image.width() * bytes_per_pixel,
            data,
        }
        .encode_to_vec()
    };
    match image {
        Pixels::Rgb(rgb) => Ok(foxglove::CompressedImage {
            timestamp: header.timestamp(),
            frame_id: header.frame_id.to_owned(),
            data: png::picture(rgb)?.into(),
            format: "png".to_owned(),
        }
        .encode_to_vec()),
        Pixels::Depth(_) => Ok(raw("32FC1", 4, image.clone().into_bytes())),
        Pixels::Segmentation(segmentation) => {
            let ids = pixels::narrow(index, segmentation)?;
            let bytes = bytemuck::cast_slice(&ids).to_vec();
            Ok(raw("16UC1", 2, bytes.into()))
        }
        _ => Err(array::unknown(image.modality())),
    }
}

/// The intrinsics of a camera without distortion.
pub(super) fn calibration(header: &Header<'_>, lens: &Intrinsics) -> Vec<u8> {
    let [a, b, c] = lens.matrix();
    let projection = [a, b, c].map(|[x, y, z]| [x, y, z, 0.0]);
    foxglove::CameraCalibration {
        timestamp: header.timestamp(),
        frame_id: header.frame_id.to_owned(),
        width: lens.width,
        height: lens.height,
        distortion_model: "plumb_bob".to_owned(),
        d: vec![0.0; 5],
        k: [a, b, c].concat(),
        r: vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p: projection.concat(),
    }
    .encode_to_vec()
}

/// Where the camera is: metres, its axes as OpenCV has them.
pub(super) fn transform(header: &Header<'_>, pose: &Transform) -> Vec<u8> {
    let rows = pose.camera_to_world(Convention::OpenCv);
    let [x, y, z, w] = quaternion(&rows);
    foxglove::FrameTransform {
        timestamp: header.timestamp(),
        parent_frame_id: WORLD.to_owned(),
        child_frame_id: header.frame_id.to_owned(),
        translation: Some(foxglove::Vector3 {
            x: rows[0][3],
            y: rows[1][3],
            z: rows[2][3],
        }),
        rotation: Some(foxglove::Quaternion { x, y, z, w }),
    }
    .encode_to_vec()
}

/// x, y, z, w of the rotation in a matrix. Begins with the greatest of the four, so
/// that nothing is divided by a small number.
fn quaternion(m: &[[f64; 4]; 4]) -> [f64; 4] {
    let trace = m[0][0] + m[1][1] + m[2][2];
    if trace > 0.0 {
        let s = (trace + 1.0).sqrt() * 2.0;
        let [x, y, z] = [(2, 1), (0, 2), (1, 0)].map(|(a, b)| (m[a][b] - m[b][a]) / s);
        return [x, y, z, s / 4.0];
    }
    let greatest = (0..3).max_by(|a, b| m[*a][*a].total_cmp(&m[*b][*b]));
    let i = greatest.unwrap_or_default();
    let (j, k) = ((i + 1) % 3, (i + 2) % 3);
    let s = (1.0 + m[i][i] - m[j][j] - m[k][k]).max(0.0).sqrt() * 2.0;
    let mut q = [0.0; 4];
    q[i] = s / 4.0;
    q[j] = (m[j][i] + m[i][j]) / s;
    q[k] = (m[k][i] + m[i][k]) / s;
    q[3] = (m[k][j] - m[j][k]) / s;
    q
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use synthcap::{Rotator, Vec3};

    use super::*;

    proptest! {
        #[test]
        fn quaternions_turn_as_the_matrix_does(
            pitch in -90.0_f32..90.0, yaw in -180.0_f32..180.0, roll in -180.0_f32..180.0
        ) {
            let pose = Transform::new(Vec3::ZERO, Rotator::new(pitch, yaw, roll));
            let rows = pose.camera_to_world(Convention::OpenCv);
            let [x, y, z, w] = quaternion(&rows);
            let again = [
                [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - z * w), 2.0 * (x * z + y * w)],
                [2.0 * (x * y + z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - x * w)],
                [2.0 * (x * z - y * w), 2.0 * (y * z + x * w), 1.0 - 2.0 * (x * x + y * y)],
            ];
            for (r, row) in again.iter().enumerate() {
                for (c, value) in row.iter().enumerate() {
                    prop_assert!((value - rows[r][c]).abs() < 1e-9, "{rows:?} {again:?}");
                }
            }
        }
    }
}
