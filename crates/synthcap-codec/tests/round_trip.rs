//! What is encoded decodes to what it was: exactly, or to within the error stated.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{numbers, shapes, words};
use proptest::prelude::*;
use synthcap_codec::{depth, flow, ids, jpeg, normals, quantized, rgba};

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

/// A shape and an image of it, of `N` numbers per pixel.
fn images<const N: usize>() -> impl Strategy<Value = (usize, Vec<[f32; N]>)> {
    shapes().prop_flat_map(|(width, height)| {
        let numbers = numbers(N * width * height);
        numbers.prop_map(move |numbers| (width, numbers.as_chunks().0.to_vec()))
    })
}

fn labels() -> impl Strategy<Value = (usize, Vec<u32>)> {
    shapes().prop_flat_map(|(width, height)| (Just(width), words(width * height)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn colour_is_exact((width, words) in labels()) {
        let pixels: Vec<_> = words.iter().map(|word| word.to_le_bytes()).collect();
        let mut encoded = Vec::new();
        rgba::encode(width, &pixels, &mut encoded);
        let mut decoded = vec![[9; 4]; pixels.len()];
        rgba::decode(width, &encoded, &mut decoded).unwrap();
        prop_assert_eq!(decoded, pixels);
    }

    #[test]
    fn ids_are_exact((width, ids) in labels()) {
        let mut encoded = Vec::new();
        ids::encode(width, &ids, &mut encoded);
        let mut decoded = vec![9; ids.len()];
        ids::decode(width, &encoded, &mut decoded).unwrap();
        prop_assert_eq!(decoded, ids);
    }

    #[test]
    fn depth_is_exact((width, pixels) in images::<1>()) {
        let metres = pixels.as_flattened();
        let mut encoded = Vec::new();
        depth::encode(width, metres, &mut encoded);
        let mut decoded = vec![9.0; metres.len()];
        depth::decode(width, &encoded, &mut decoded).unwrap();
        prop_assert_eq!(bits(&decoded), bits(metres));
    }

    #[test]
    fn normals_are_exact((width, vectors) in images::<3>()) {
        let mut encoded = Vec::new();
        normals::encode(width, &vectors, &mut encoded);
        let mut decoded = vec![[9.0; 3]; vectors.len()];
        normals::decode(width, &encoded, &mut decoded).unwrap();
        prop_assert_eq!(bits(decoded.as_flattened()), bits(vectors.as_flattened()));
    }

    #[test]
    fn flow_is_exact((width, vectors) in images::<2>(), odd in 0..9_usize, seed: u8) {
        // Validity is 0 or 1 by promise, but any byte comes back as it was.
        let byte = |i: usize| if odd > 0 && i % (odd + 5) == odd { seed } else { 1 };
        let valid: Vec<_> = (0..vectors.len()).map(byte).collect();
        let mut encoded = Vec::new();
        flow::encode(width, &vectors, &valid, &mut encoded);
        let (mut uv, mut flags) = (vec![[9.0; 2]; vectors.len()], vec![9; valid.len()]);
        flow::decode(width, &encoded, &mut uv, &mut flags).unwrap();
        prop_assert_eq!(bits(uv.as_flattened()), bits(vectors.as_flattened()));
        prop_assert_eq!(flags, valid);
    }

    #[test]
    fn quantized_depth_keeps_its_bound(
        (width, pixels) in images::<1>(),
        max_error in prop_oneof![Just(1e-3_f32), Just(0.5), 1e-30..1e-6_f32, 1.0..1e30_f32],
    ) {
        let metres = pixels.as_flattened();
        let mut encoded = Vec::new();
        quantized::encode(width, metres, max_error, &mut encoded);
        let mut decoded = vec![9.0; metres.len()];
        quantized::decode(width, &encoded, &mut decoded).unwrap();
        for (&got, &was) in decoded.iter().zip(metres) {
            if was.is_finite() {
                let error = (f64::from(got) - f64::from(was)).abs();
                prop_assert!(error <= f64::from(max_error), "{} became {}", was, got);
            } else {
                prop_assert_eq!(got.to_bits(), was.to_bits());
            }
        }
    }
}

#[test]
fn jpeg_keeps_the_picture_and_its_size() {
    for (width, height) in [(1, 1), (1, 37), (53, 1), (17, 23), (64, 48)] {
        let pixel = |i: usize| {
            let (x, y) = (i % width, i / width);
            [(4 * x) as u8, (5 * y) as u8, (2 * (x + y)) as u8, 255]
        };
        let pixels: Vec<_> = (0..width * height).map(pixel).collect();
        let mut sizes = Vec::new();
        for (quality, tolerance) in [(30, 40), (95, 8)] {
            let mut encoded = Vec::new();
            assert!(jpeg::encode(width, &pixels, quality, &mut encoded));
            let mut decoded = vec![[0; 4]; pixels.len()];
            jpeg::decode(width, &encoded, &mut decoded).unwrap();
            let pairs = decoded.as_flattened().iter().zip(pixels.as_flattened());
            let worst = pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            assert!(
                worst <= tolerance,
                "{width}x{height} at {quality}: off by {worst}"
            );
            sizes.push(encoded.len());
        }
        let is_small = pixels.len() < 100;
        assert!(
            is_small || sizes[0] < sizes[1],
            "{width}x{height}: {sizes:?}"
        );
    }
}

#[test]
fn jpeg_refuses_what_has_no_such_size() {
    let mut encoded = vec![1];
    assert!(!jpeg::encode(
        70_000,
        &vec![[0; 4]; 70_000],
        80,
        &mut encoded
    ));
    assert!(!jpeg::encode(0, &[], 80, &mut encoded));
    assert_eq!(encoded, [1]);
}
