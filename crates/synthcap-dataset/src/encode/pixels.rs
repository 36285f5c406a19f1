//! Pixels as the numbers that files hold.

use synthcap::frame::{Depth, Flow, Rgb, Segmentation};

use crate::{Error, ErrorKind, Result};

/// Red, green and blue of each pixel.
pub(crate) fn without_alpha(rgb: &Rgb) -> Vec<u8> {
    let (pixels, _) = rgb.as_rgba().as_chunks::<4>();
    bytes_of(pixels, |[r, g, b, _]| [r, g, b])
}

/// Instance IDs as three bytes each, the lowest first.
pub(crate) fn panoptic(ids: &[u32]) -> Vec<u8> {
    bytes_of(ids, |id| {
        let [r, g, b, _] = id.to_le_bytes();
        [r, g, b]
    })
}

/// The bytes of each number one after the other.
fn bytes_of<T: Copy, const N: usize>(numbers: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    let cells: Vec<[u8; N]> = numbers.iter().map(|number| bytes(*number)).collect();
    cells.into_flattened()
}

/// Instance IDs as 16 bits.
///
/// # Errors
///
/// When one does not fit.
pub(crate) fn narrow(index: u64, segmentation: &Segmentation) -> Result<Vec<u16>> {
    let ids = segmentation.ids();
    // Whether any has a higher bit is found several at a time; the highest ID is not.
    let bits = ids.iter().fold(0, |bits, id| bits | id);
    if u16::try_from(bits).is_err() {
        let highest = ids.iter().copied().max().unwrap_or_default();
        return Err(Error::new(
            ErrorKind::InvalidSample,
            format!(
                "instance ID {highest} in sample {index} does not fit the 16 bits that the plan promised"
            ),
            "leave the highest instance ID out of the plan, and IDs are stored with 32 bits",
        ));
    }
    Ok(ids.iter().map(|id| *id as u16).collect())
}

/// As PNG has 16-bit numbers.
pub(crate) fn big_endian(numbers: &[u16]) -> Vec<u8> {
    bytes_of(numbers, u16::to_be_bytes)
}

/// As NumPy has 16-bit numbers.
pub(crate) fn little_endian(numbers: &[u16]) -> Vec<u8> {
    bytes_of(numbers, u16::to_le_bytes)
}

/// u, v and validity of each pixel side by side.
pub(crate) fn flow_triples(flow: &Flow) -> Vec<u8> {
    let pixels = flow.vectors().iter().zip(flow.validity());
    let triples: Vec<[f32; 3]> = pixels
        .map(|([u, v], valid)| [*u, *v, f32::from(*valid)])
        .collect();
    bytemuck::cast_slice(&triples).to_vec()
}

/// Depth in 16 bits, with so many steps to the metre; 0 where nothing is, and where
/// it is too far to be told.
pub(crate) fn depth_steps(depth: &Depth, per_metre: f32) -> Vec<u16> {
    let metres = depth.metres().iter();
    let steps = metres.map(|metres| {
        let steps = (metres * per_metre).round();
        // Infinity and what is not a number fail the comparison.
        if (0.0..=f32::from(u16::MAX)).contains(&steps) {
            steps as u16
        } else {
            0
        }
    });
    steps.collect()
}

/// Flow as the KITTI benchmark has it: u and v as 64ths of a pixel from 2^15 up, and
/// 1 where they are valid. What 16 bits cannot hold is not valid.
pub(crate) fn kitti_flow(flow: &Flow) -> Vec<u16> {
    let step = |v: f32| {
        // In f64, where the sum is exact.
        let v = f64::from(v);
        let step = (v * 64.0 + 32_768.0).round();
        (0.0..=65_535.0).contains(&step).then_some(step as u16)
    };
    let pixels = flow.vectors().iter().zip(flow.validity());
    let triples = pixels.map(|([u, v], valid)| match (step(*u), step(*v), valid) {
        (Some(u), Some(v), 1..) => [u, v, 1],
        _ => [0, 0, 0],
    });
    triples.flatten().collect()
}
