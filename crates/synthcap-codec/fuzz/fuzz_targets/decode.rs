//! Every decoder on anything at all: an error or an image, never a panic. The first
//! bytes choose the decoder and the shape of the image.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synthcap_codec::{depth, flow, ids, jpeg, normals, quantized, rgba};

fuzz_target!(|input: (u8, u8, u8, &[u8])| {
    let (decoder, width, height, data) = input;
    let width = usize::from(width);
    let pixels = width * usize::from(height % 32);
    // Whether it decodes is the data's business.
    let _ = match decoder % 7 {
        0 => depth::decode(width, data, &mut vec![0.0; pixels]),
        1 => quantized::decode(width, data, &mut vec![0.0; pixels]),
        2 => rgba::decode(width, data, &mut vec![[0; 4]; pixels]),
        3 => ids::decode(width, data, &mut vec![0_u32; pixels]),
        4 => normals::decode(width, data, &mut vec![[0.0; 3]; pixels]),
        5 => flow::decode(width, data, &mut vec![[0.0; 2]; pixels], &mut vec![0; pixels]),
        _ => jpeg::decode(width, data, &mut vec![[0; 4]; pixels]),
    };
});
