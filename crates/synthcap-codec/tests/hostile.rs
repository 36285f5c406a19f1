//! Decoders of anything at all: an error or an image, never a panic, and nothing
//! allocated by what the data say.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{numbers, shapes};
use proptest::{collection::vec, prelude::*, sample::Index};
use synthcap_codec::{Malformed, depth, flow, ids, jpeg, normals, quantized, rgba};

/// Every decoder on the same data.
fn decode_all(width: usize, pixels: usize, data: &[u8]) -> [Result<(), Malformed>; 7] {
    let mut numbers = vec![[0.0; 3]; pixels];
    let mut pairs = vec![[0.0; 2]; pixels];
    let mut bytes = vec![[0; 4]; pixels];
    let (mut valid, mut words) = (vec![0; pixels], vec![0; pixels]);
    let metres = &mut numbers.as_flattened_mut()[..pixels];
    [
        depth::decode(width, data, metres),
        quantized::decode(width, data, metres),
        rgba::decode(width, data, &mut bytes),
        jpeg::decode(width, data, &mut bytes),
        ids::decode(width, data, &mut words),
        flow::decode(width, data, &mut pairs, &mut valid),
        normals::decode(width, data, &mut numbers),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_survived(
        (width, height) in shapes(),
        data in prop_oneof![
            vec(any::<u8>(), 0..600),
            // What looks like the beginning of a stream gets further.
            vec(prop_oneof![Just(0_u8), Just(1), Just(2), Just(0x48), Just(0xff)], 0..600),
        ],
    ) {
        let _ = decode_all(width, width * height, &data);
    }

    #[test]
    fn a_damaged_image_is_survived(
        (width, metres) in shapes().prop_flat_map(|(width, height)| {
            (Just(width), numbers(width * height))
        }),
        at: Index,
        byte: u8,
        cut in any::<Option<Index>>(),
    ) {
        let mut data = Vec::new();
        quantized::encode(width, &metres, 1e-3, &mut data);
        if let Some(cut) = cut {
            data.truncate(cut.index(data.len()));
        }
        if !data.is_empty() {
            let at = at.index(data.len());
            data[at] = byte;
        }
        let _ = decode_all(width, metres.len(), &data);
    }
}

#[test]
fn an_image_without_pixels_takes_nothing_however_wide_it_says_it_is() {
    for data in [&[][..], &[0], &[0, 0, 0], &[1, 0x48, 0xff, 0, 0, 0, 0, 0]] {
        let results = decode_all(usize::MAX / 8, 0, data);
        assert!(results.iter().any(Result::is_err), "{data:?}");
    }
}

#[test]
fn every_cut_is_noticed() {
    let metres: Vec<_> = (0..99).map(|i| (i as f32).sqrt()).collect();
    let mut data = Vec::new();
    depth::encode(11, &metres, &mut data);
    let mut decoded = vec![0.0; 99];
    for cut in 0..data.len() {
        assert!(
            depth::decode(11, &data[..cut], &mut decoded).is_err(),
            "cut to {cut}"
        );
    }
    data.push(0);
    let error = depth::decode(11, &data, &mut decoded).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there are more data than the image needs"
    );
}

#[test]
fn a_width_that_does_not_fit_is_refused() {
    for (width, pixels) in [(0, 5), (3, 7), (8, 7)] {
        let results = decode_all(width, pixels, &[0; 40]);
        assert!(results.iter().all(Result::is_err), "{width} of {pixels}");
    }
}

#[test]
fn runs_that_overshoot_are_refused() {
    let mut decoded = [0_u32; 6];
    // One run of 2^62 pixels, then one of seven above, then a label beyond 32 bits.
    for data in [
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f][..],
        &[12],
        &[11, 0xff, 0xff, 0xff, 0xff, 0x1f],
        &[0x80; 11],
    ] {
        assert!(ids::decode(3, data, &mut decoded).is_err(), "{data:x?}");
    }
    ids::decode(3, &[10], &mut decoded).unwrap();
}
