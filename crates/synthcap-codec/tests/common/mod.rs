//! Images of every shape and kind.
#![allow(unreachable_pub, reason = "a test binary exports nothing")]

use proptest::{collection::vec, prelude::*};

/// Widths and heights, with those at which codecs break: one row, one column,
/// groups of eight just full, just over and just under.
pub fn shapes() -> impl Strategy<Value = (usize, usize)> {
    let side = || prop_oneof![Just(1_usize), 2..10_usize, 15..18_usize, 30..70_usize];
    prop_oneof![
        8 => (side(), side()),
        1 => (Just(1_usize), 1..700_usize),
        1 => (1..700_usize, Just(1_usize)),
        1 => Just((0, 0)),
    ]
}

/// The words of an image: noise, a ramp with a little noise, patches of few values,
/// or one value throughout.
pub fn words(count: usize) -> impl Strategy<Value = Vec<u32>> {
    let ramp = (any::<u32>(), 0..50_u32, 0..20_u32, vec(0..4_u32, count));
    let ramp = ramp.prop_map(|(from, slope, scale, noise)| {
        let word = |(i, noise): (usize, u32)| {
            let ramp = from.wrapping_add(slope.wrapping_mul(i as u32));
            ramp.wrapping_add(noise << scale)
        };
        noise.into_iter().enumerate().map(word).collect()
    });
    let patches = (
        vec(any::<u32>(), 1..5),
        vec((0..5_usize, 1..40_usize), count.min(60)),
    );
    let patches = patches.prop_map(move |(values, runs)| {
        let runs = runs.into_iter();
        let runs = runs.flat_map(|(i, n)| std::iter::repeat_n(values[i % values.len()], n));
        let mut words: Vec<_> = runs.take(count).collect();
        words.resize(count, values[0]);
        words
    });
    let one = any::<u32>().prop_map(move |word| vec![word; count]);
    prop_oneof![3 => vec(any::<u32>(), count), 3 => ramp, 3 => patches, 1 => one]
}

/// Numbers as depth, normals and flow have them, and as they should not.
pub fn numbers(count: usize) -> impl Strategy<Value = Vec<f32>> {
    let special = prop_oneof![
        Just(0x7fc0_0000_u32), // NaN
        Just(0x7f80_0001),     // signalling NaN
        Just(0xffff_ffff),     // negative NaN, full payload
        Just(0x8000_0000),     // -0
        Just(0x7f80_0000),     // +infinity
        Just(0xff80_0000),     // -infinity
        Just(0x0000_0001),     // the smallest there is
        (0.0..100.0_f32).prop_map(f32::to_bits),
    ];
    let mixed = vec(special, count);
    let smooth = (0.1..200.0_f32, -0.01..0.01_f32, vec(-1e-5..1e-5_f32, count));
    let smooth = smooth.prop_map(|(from, slope, noise)| {
        let number = |(i, noise): (usize, f32)| (from + slope * i as f32 + noise).to_bits();
        noise.into_iter().enumerate().map(number).collect()
    });
    let words = prop_oneof![words(count), mixed, smooth];
    words.prop_map(|words| words.into_iter().map(f32::from_bits).collect())
}
