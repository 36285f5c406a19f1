//! Images as small pictures inside the page.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    encode::png,
    validate::image::{Array, Numbers},
};

/// Longest side, pixels.
const SIDE: u32 = 240;

/// An image as a picture that people understand, as the address of an `img`; `None`
/// for what has none.
pub(super) fn thumbnail(modality: &str, array: &Array) -> Option<String> {
    let color = colors(modality, array)?;
    let step = f64::from(array.width.max(array.height)) / f64::from(SIDE);
    let step = step.max(1.0);
    let side = |full: u32| ((f64::from(full) / step) as u32).max(1);
    let (width, height) = (side(array.width), side(array.height));
    let mut rgb = Vec::with_capacity((width * height * 3) as usize);
    for y in 0..height {
        for x in 0..width {
            let source =
                |small: u32, full: u32| (((f64::from(small) + 0.5) * step) as u32).min(full - 1);
            let at = source(y, array.height) * array.width + source(x, array.width);
            rgb.extend(color(at as usize));
        }
    }
    let file = png::rgb8(width, height, &rgb).ok()?;
    Some(format!("data:image/png;base64,{}", STANDARD.encode(file)))
}

type Color<'a> = Box<dyn Fn(usize) -> [u8; 3] + 'a>;

fn colors<'a>(modality: &str, array: &'a Array) -> Option<Color<'a>> {
    let byte = |x: f32| (x.clamp(0.0, 1.0) * 255.0) as u8;
    match modality {
        "rgb" => match &array.numbers {
            Numbers::U8(rgb) if array.channels == 3 => Some(Box::new(|at| {
                [rgb[3 * at], rgb[3 * at + 1], rgb[3 * at + 2]]
            })),
            _ => None,
        },
        "depth" => {
            let metres = array.floats(1)?;
            let finite = || metres.iter().copied().filter(|z| z.is_finite());
            let near = finite().fold(f32::INFINITY, f32::min);
            let far = finite().fold(0.0, f32::max);
            Some(Box::new(move |at| match metres[at] {
                z if z.is_finite() => {
                    // Near is bright.
                    let t = 1.0 - ((z / near).ln() / (far / near).ln().max(1e-6)).clamp(0.0, 1.0);
                    [
                        byte(t),
                        byte(0.15 + 0.75 * t * t),
                        byte(0.45 + 0.25 * (1.0 - t)),
                    ]
                }
                _ => [16, 16, 24],
            }))
        }
        "segmentation" => {
            let ids = array.ids()?;
            Some(Box::new(move |at| match ids[at] {
                0 => [24, 24, 28],
                id => {
                    let hash = id.wrapping_mul(0x9e37_79b9);
                    [hash >> 8, hash >> 16, hash >> 24].map(|c| 64 + (c as u8) / 4 * 3)
                }
            }))
        }
        "normals" => {
            let xyz = array.floats(3)?;
            Some(Box::new(move |at| {
                std::array::from_fn(|i| byte(xyz[3 * at + i] * 0.5 + 0.5))
            }))
        }
        "flow" => {
            let uvw = array.floats(3)?;
            let length = |at: usize| uvw[3 * at].hypot(uvw[3 * at + 1]);
            let most = (0..uvw.len() / 3).map(length).fold(1e-6, f32::max);
            Some(Box::new(move |at| match uvw[3 * at + 2] {
                0.0 => [40, 40, 40],
                _ => {
                    let (u, v) = (uvw[3 * at] / most, uvw[3 * at + 1] / most);
                    [
                        byte(0.5 + 0.5 * u),
                        byte(0.5 + 0.5 * v),
                        byte(0.5 - 0.25 * (u + v)),
                    ]
                }
            }))
        }
        _ => None,
    }
}
