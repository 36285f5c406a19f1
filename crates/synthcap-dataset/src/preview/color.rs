//! Colours that let a person judge depth, labels, normals and flow.

use super::canvas::Color;

/// The viridis colour map (by S. van der Walt and N. Smith, CC0), every tenth.
const VIRIDIS: [Color; 11] = [
    [0x44, 0x01, 0x54],
    [0x48, 0x24, 0x75],
    [0x41, 0x44, 0x87],
    [0x35, 0x5f, 0x8d],
    [0x2a, 0x78, 0x8e],
    [0x21, 0x91, 0x8c],
    [0x22, 0xa8, 0x84],
    [0x44, 0xbf, 0x70],
    [0x7a, 0xd1, 0x51],
    [0xbd, 0xdf, 0x26],
    [0xfd, 0xe7, 0x25],
];

/// Perceptually uniform, from dark violet at 0 to yellow at 1.
pub(super) fn viridis(t: f32) -> Color {
    let t = t.clamp(0.0, 1.0) * 10.0;
    let i = (t as usize).min(9);
    mix(VIRIDIS[i], VIRIDIS[i + 1], t - i as f32)
}

/// A colour on the way from `a` to `b`.
pub(super) fn mix(a: Color, b: Color, t: f32) -> Color {
    std::array::from_fn(|i| {
        let (a, b) = (f32::from(a[i]), f32::from(b[i]));
        (a + (b - a) * t).round() as u8
    })
}

/// A colour that stays with an ID and differs from those of its neighbours: the
/// hue turns by the golden angle, and lightness takes turns too.
pub(super) fn instance(id: u32) -> Color {
    const GOLDEN_ANGLE: f64 = 2.399_963_229_728_653;
    const LIGHTNESS: [f64; 3] = [0.72, 0.58, 0.83];
    let hue = f64::from(id) * GOLDEN_ANGLE;
    oklch(LIGHTNESS[id as usize % 3], 0.16, hue)
}

/// OKLCH, whose lightness is what people see, to sRGB.
fn oklch(lightness: f64, chroma: f64, hue_rad: f64) -> Color {
    let (a, b) = (chroma * hue_rad.cos(), chroma * hue_rad.sin());
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
    let linear = [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s,
    ];
    linear.map(|c: f64| {
        let c = c.clamp(0.0, 1.0);
        let encoded = if c <= 0.003_130_8 {
            12.92 * c
        } else {
            1.055 * c.powf(1.0 / 2.4) - 0.055
        };
        (encoded * 255.0).round() as u8
    })
}

/// A unit vector: each axis from -1 (0) to 1 (255).
pub(super) fn normal(n: [f32; 3]) -> Color {
    n.map(|c| ((c * 0.5 + 0.5) * 255.0).round().clamp(0.0, 255.0) as u8)
}

/// The colour wheel of optical flow: hue is direction, white is no motion, full
/// colour is `max_px`, and what is faster gets darker.
pub(super) fn flow([u, v]: [f32; 2], max_px: f32) -> Color {
    let length = u.hypot(v) / max_px;
    let turn = v.atan2(u) / std::f32::consts::TAU;
    let pure = hue(turn.rem_euclid(1.0));
    if length <= 1.0 {
        mix([255; 3], pure, length)
    } else {
        mix([0; 3], pure, 0.75)
    }
}

/// A pure hue, by parts of a full turn from red.
fn hue(turn: f32) -> Color {
    let channel = |offset: f32| {
        let x = ((turn * 6.0 + offset).rem_euclid(6.0) - 3.0).abs() - 1.0;
        (x.clamp(0.0, 1.0) * 255.0).round() as u8
    };
    [channel(0.0), channel(4.0), channel(2.0)]
}

/// How pixels look that hold nothing or nothing valid.
pub(super) fn hatch(x: i32, y: i32) -> Color {
    if (x + y).rem_euclid(8) < 2 {
        [74, 78, 86]
    } else {
        [44, 47, 54]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wheel_is_white_in_the_middle_and_red_to_the_right() {
        assert_eq!(flow([0.0, 0.0], 4.0), [255, 255, 255]);
        assert_eq!(flow([4.0, 0.0], 4.0), [255, 0, 0]);
        assert_eq!(flow([-4.0, 0.0], 4.0), [0, 255, 255]);
    }

    #[test]
    fn neighbouring_instances_look_different() {
        for id in 1..200_u32 {
            let (a, b) = (instance(id), instance(id + 1));
            let far = a.iter().zip(b).any(|(a, b)| a.abs_diff(b) > 40);
            assert!(far, "{id}: {a:?} {b:?}");
        }
    }

    #[test]
    fn depth_colours_run_from_end_to_end() {
        assert_eq!(viridis(0.0), VIRIDIS[0]);
        assert_eq!(viridis(1.0), VIRIDIS[10]);
        assert_eq!(viridis(f32::MAX), VIRIDIS[10]);
    }
}
