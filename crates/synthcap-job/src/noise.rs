//! What a real sensor makes of a clean image. Each model is a pure function of the
//! image, its settings and a seed.
//!
//! **Colour.** sRGB is turned to linear light, which exposes a pixel of
//! [`full_well_e`](Sensor::full_well_e) electrons at full scale: 2^ev times the light
//! of the clean image. Shot noise has the variance of the electrons' number, readout
//! adds noise of its own, the well overflows at full scale, and the result goes back
//! to 8 bits of sRGB.
//!
//! **Depth.** A camera that triangulates measures disparity, so its error grows with
//! the square of the distance: standard deviation [`sigma_m`](DepthNoise::sigma_m) +
//! [`sigma_per_m`](DepthNoise::sigma_per_m) (z - offset)², and depth comes in steps of
//! z² [`step_per_m`](DepthNoise::step_per_m). It sees nothing outside its range,
//! nothing where depth jumps, and loses some pixels anywhere; those read as
//! background.
//!
//! Noise is a sum of four even draws, which is as good as normal up to twice its
//! deviation, ends at 3.5 times, and is the same number on every machine.

use synthcap::frame::{Depth, PixelData as _, Rgb};

use crate::{DepthNoise, Draw, JobError, Result, Sensor};

/// A colour image through a sensor, at an exposure in stops.
///
/// ```
/// use synthcap::frame::Rgb;
/// use synthcap_job::{Draw, Sensor, noise};
///
/// let clean = Rgb::new(8, 8, vec![128; 8 * 8 * 4])?;
/// let one = noise::rgb(&clean, &Sensor::default(), 0.0, Draw::new(7, 0, "sensor"))?;
/// let again = noise::rgb(&clean, &Sensor::default(), 0.0, Draw::new(7, 0, "sensor"))?;
/// assert_ne!(one, clean);
/// assert_eq!(one, again);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// When the image contradicts its own size.
pub fn rgb(clean: &Rgb, sensor: &Sensor, exposure_ev: f64, mut draw: Draw) -> Result<Rgb> {
    let light: Vec<f64> = (0..=255)
        .map(|byte| to_linear(f64::from(byte) / 255.0))
        .collect();
    let gain = exposure_ev.exp2();
    // Without shot noise the number of electrons only sets the unit of the readout.
    let (well, shot) = match sensor.full_well_e > 0.0 {
        true => (sensor.full_well_e, 1.0),
        false => (10_000.0, 0.0),
    };
    let mut noisy = clean.as_rgba().to_vec();
    for pixel in noisy.as_chunks_mut::<4>().0 {
        for channel in &mut pixel[..3] {
            let electrons = (light[usize::from(*channel)] * gain * well).min(well);
            let sigma = (shot * electrons + sensor.read_noise_e.powi(2)).sqrt();
            let measured = (electrons + sigma * normal(&mut draw)).clamp(0.0, well);
            *channel = (to_srgb(measured / well) * 255.0).round() as u8;
        }
    }
    Rgb::new(clean.width(), clean.height(), noisy).map_err(|e| JobError::new(e.to_string()))
}

/// A depth image as a depth camera measures it.
///
/// # Errors
///
/// When the image contradicts its own size.
pub fn depth(clean: &Depth, model: &DepthNoise, mut draw: Draw) -> Result<Depth> {
    let (width, height) = (clean.width() as usize, clean.height() as usize);
    let metres = clean.metres();
    let noisy: Vec<f32> = (0..metres.len())
        .map(|at| {
            // Drawn for every pixel, so that none depends on what another shows.
            let (lost, error) = (draw.range(0.0, 1.0) < model.dropout, normal(&mut draw));
            let z = f64::from(metres[at]);
            let seen = model
                .range_m
                .within(model.range_m.low(), model.range_m.high())
                && (model.range_m.low()..=model.range_m.high()).contains(&z);
            if lost || !seen || on_edge(metres, width, height, at, model.edge_m) {
                return Depth::BACKGROUND;
            }
            measured(z, model, error) as f32
        })
        .collect();
    let image = Depth::new(clean.width(), clean.height(), noisy);
    image.map_err(|e| JobError::new(e.to_string()))
}

fn measured(z: f64, model: &DepthNoise, error: f64) -> f64 {
    let sigma = model.sigma_m + model.sigma_per_m * (z - model.offset_m).powi(2);
    let with_error = (z + sigma * error).max(1e-3);
    if model.step_per_m == 0.0 {
        return with_error;
    }
    // Even steps of disparity, in units of step_per_m: z = 1 / (disparity step).
    let disparity = (1.0 / (with_error * model.step_per_m)).round().max(1.0);
    1.0 / (disparity * model.step_per_m)
}

/// Whether depth jumps between a pixel and one of its four neighbours.
fn on_edge(metres: &[f32], width: usize, height: usize, at: usize, jump_m: f64) -> bool {
    if jump_m == 0.0 {
        return false;
    }
    let (x, y) = (at % width, at / width);
    let neighbors = [
        (x > 0).then(|| at - 1),
        (x + 1 < width).then_some(at + 1),
        (y > 0).then(|| at - width),
        (y + 1 < height).then_some(at + width),
    ];
    neighbors.into_iter().flatten().any(|other| {
        let step = f64::from(metres[at]) - f64::from(metres[other]);
        // The nearer side is seen as well as ever.
        step > jump_m
    })
}

/// A number of mean 0 and standard deviation 1.
fn normal(draw: &mut Draw) -> f64 {
    let bits = draw.next();
    let sum: u64 = (0..4).map(|i| bits >> (16 * i) & 0xffff).sum();
    // Four even numbers have a variance of 4 / 12.
    (sum as f64 / 65_536.0 - 2.0) * 3.0_f64.sqrt()
}

fn to_linear(srgb: f64) -> f64 {
    if srgb <= 0.040_45 {
        srgb / 12.92
    } else {
        ((srgb + 0.055) / 1.055).powf(2.4)
    }
}

fn to_srgb(linear: f64) -> f64 {
    if linear <= 0.003_130_8 {
        linear * 12.92
    } else {
        1.055 * linear.powf(1.0 / 2.4) - 0.055
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Range;

    fn gray(value: u8) -> Rgb {
        Rgb::new(100, 100, vec![value; 100 * 100 * 4]).expect("size")
    }

    /// Mean and standard deviation of the linear light.
    fn light(image: &Rgb) -> (f64, f64) {
        let values: Vec<_> = image
            .as_rgba()
            .as_chunks::<4>()
            .0
            .iter()
            .flat_map(|p| p[..3].to_vec())
            .map(|byte| to_linear(f64::from(byte) / 255.0))
            .collect();
        spread(&values)
    }

    fn spread(values: &[f64]) -> (f64, f64) {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
        (mean, (variance / values.len() as f64).sqrt())
    }

    fn sensor() -> Sensor {
        Sensor {
            full_well_e: 2000.0,
            read_noise_e: 0.0,
            ..Sensor::default()
        }
    }

    #[test]
    fn noise_is_normal_enough() {
        let mut draw = Draw::new(1, 1, "normal");
        let values: Vec<_> = (0..40_000).map(|_| normal(&mut draw)).collect();
        let (mean, sigma) = spread(&values);
        assert!(
            mean.abs() < 0.02 && (sigma - 1.0).abs() < 0.02,
            "{mean} {sigma}"
        );
        let within = values.iter().filter(|x| x.abs() < 1.0).count() as f64 / 40_000.0;
        assert!((within - 0.68).abs() < 0.03, "{within}");
    }

    #[test]
    fn shot_noise_is_the_root_of_the_light() {
        for value in [90_u8, 140, 190] {
            let clean = to_linear(f64::from(value) / 255.0);
            let noisy = rgb(&gray(value), &sensor(), 0.0, Draw::new(3, 0, "s")).expect("image");
            let (mean, sigma) = light(&noisy);
            let expected = (clean * 2000.0).sqrt() / 2000.0;
            assert!(
                (mean - clean).abs() < 0.01 * clean,
                "{value}: {mean} {clean}"
            );
            assert!(
                (sigma - expected).abs() < 0.06 * expected,
                "{value}: {sigma} {expected}"
            );
        }
    }

    #[test]
    fn exposure_doubles_the_light_and_the_well_overflows() {
        let brighter =
            |ev| light(&rgb(&gray(100), &sensor(), ev, Draw::new(3, 0, "s")).expect("image")).0;
        assert!((brighter(1.0) / brighter(0.0) - 2.0).abs() < 0.02);
        assert!((brighter(-1.0) / brighter(0.0) - 0.5).abs() < 0.02);
        assert!(brighter(8.0) > 0.97);
        let alpha = rgb(&gray(100), &sensor(), 1.0, Draw::new(3, 0, "s")).expect("image");
        assert_eq!(alpha.as_rgba()[3], 100, "alpha is no light");
    }

    fn wall(z: f32) -> Depth {
        Depth::new(100, 100, vec![z; 10_000]).expect("size")
    }

    #[test]
    fn depth_errors_grow_with_the_square_of_the_distance() {
        let model = DepthNoise {
            step_per_m: 0.0,
            dropout: 0.0,
            ..DepthNoise::default()
        };
        for (z, expected) in [
            (1.0, 0.0012 + 0.0019 * 0.36),
            (4.0, 0.0012 + 0.0019 * 12.96),
        ] {
            let noisy = depth(&wall(z), &model, Draw::new(5, 0, "d")).expect("image");
            let values: Vec<_> = noisy.metres().iter().map(|z| f64::from(*z)).collect();
            let (mean, sigma) = spread(&values);
            assert!((mean - f64::from(z)).abs() < expected * 0.1, "{mean}");
            assert!(
                (sigma - expected).abs() < expected * 0.06,
                "{sigma} {expected}"
            );
        }
    }

    #[test]
    fn depth_comes_in_steps_of_disparity() {
        let model = DepthNoise {
            dropout: 0.0,
            ..DepthNoise::default()
        };
        let noisy = depth(&wall(4.0), &model, Draw::new(5, 0, "d")).expect("image");
        let mut levels: Vec<_> = noisy.metres().to_vec();
        levels.sort_by(f32::total_cmp);
        levels.dedup();
        let step = 16.0 * model.step_per_m as f32;
        assert!(levels.len() > 2);
        let good = levels
            .windows(2)
            .all(|w| ((w[1] - w[0]) / step - 1.0).abs() < 0.1);
        assert!(good, "{levels:?}");
    }

    #[test]
    fn what_a_depth_camera_cannot_see_is_lost() {
        let model = DepthNoise {
            sigma_m: 0.0,
            sigma_per_m: 0.0,
            step_per_m: 0.0,
            dropout: 0.1,
            range_m: Range::new(0.5, 5.0),
            ..DepthNoise::default()
        };
        for z in [0.2, 6.0, f32::INFINITY] {
            let gone = depth(&wall(z), &model, Draw::new(5, 0, "d")).expect("image");
            assert!(gone.metres().iter().all(|z| *z == Depth::BACKGROUND), "{z}");
        }
        let some = depth(&wall(2.0), &model, Draw::new(5, 0, "d")).expect("image");
        let lost = some.metres().iter().filter(|z| z.is_infinite()).count();
        assert!((900..1100).contains(&lost), "{lost}");
        // A step: its farther side is in the shadow of the nearer one.
        let metres: Vec<f32> = (0..100)
            .map(|i| if i % 10 < 5 { 1.0 } else { 2.0 })
            .collect();
        let step = Depth::new(10, 10, metres).expect("size");
        let model = DepthNoise {
            dropout: 0.0,
            ..model
        };
        let seen = depth(&step, &model, Draw::new(5, 0, "d")).expect("image");
        assert_eq!(seen.metres()[54], 1.0);
        assert_eq!(seen.metres()[55], f32::INFINITY);
        assert_eq!(seen.metres()[56], 2.0);
    }
}
