//! Middlebury's `.flo`: a tag, the size, then pairs of numbers.

use synthcap::frame::{Flow, PixelData as _};

/// What stands where the flow is unknown; readers take anything above 1e9 as that.
const UNKNOWN: f32 = 1e10;

/// Header and body of a file.
pub(crate) fn encode(flow: &Flow) -> (Vec<u8>, Vec<u8>) {
    let mut head = b"PIEH".to_vec();
    head.extend(flow.width().to_le_bytes());
    head.extend(flow.height().to_le_bytes());
    let pixels = flow.vectors().iter().zip(flow.validity());
    let vectors: Vec<[f32; 2]> = pixels
        .map(|(uv, valid)| if *valid == 0 { [UNKNOWN; 2] } else { *uv })
        .collect();
    (head, bytemuck::cast_slice(&vectors).to_vec())
}
