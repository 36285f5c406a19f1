//! Depth: metres along the optical axis.

use glam::DVec3;
use synthcap::{Modality, ModalitySet};

use super::point;
use crate::{
    bench::Bench,
    point::{Flaw, Outcome, Point, ensure},
    shot::Shot,
    views::{project, quantile, unproject},
};

pub(super) fn points() -> Vec<Point> {
    vec![
        point!(Extended, "depth.numbers", numbers, "depth is positive, or infinite where nothing is", needs "fresh.frames"),
        point!(Extended, "depth.planar", planar, "depth is along the axis: a turned camera sees the same points", needs "depth.numbers", "lens.focal", "lens.center"),
        point!(Extended, "depth.metres", metres, "depth is in metres: a step forward of so many brings things so much nearer", needs "depth.numbers"),
        point!(Extended, "labels.aligned", aligned, "labels and depth of one set are of one instant, also after a tick and a move", needs "depth.numbers"),
    ]
}

/// Depth, with labels where there are any.
fn with_labels(bench: &Bench) -> Outcome<ModalitySet> {
    bench.needs_images(&[Modality::Depth])?;
    Ok(bench.made(Modality::Depth | Modality::Segmentation))
}

async fn numbers(bench: &mut Bench) -> Outcome {
    bench.needs_images(&[Modality::Depth])?;
    let shot = bench.shoot(bench.home, Modality::Depth.into()).await?;
    let metres = shot.depth()?.metres();
    let wrong: Vec<_> = metres.iter().filter(|z| z.is_nan() || **z <= 0.0).collect();
    ensure(wrong.is_empty(), "positive or infinite numbers", || {
        format!(
            "{} of {} pixels are not, such as {}",
            wrong.len(),
            metres.len(),
            wrong[0]
        )
    })?;
    if metres.iter().all(|z| z.is_infinite()) {
        return Err(Flaw::not_judged("the camera sees nothing but background"));
    }
    Ok(())
}

/// How many pixels there must be to tell.
const ENOUGH: usize = 100;

async fn planar(bench: &mut Bench) -> Outcome {
    let modalities = with_labels(bench)?;
    let a = bench.shoot(bench.home, modalities).await?;
    let turn = a.lens.horizontal_fov_deg().min(80.0) * 0.3;
    let b = bench
        .shoot(a.eye().turned(DVec3::Y, turn).pose(), modalities)
        .await?;
    let mut errors = Vec::new();
    each_pixel(&a, |x, y, z| {
        let point = a.eye().seen_from(&b.eye(), unproject(&a.lens, x, y, z));
        let measured = project(&b.lens, point).and_then(|at| b.depth_between(at));
        if let Some(measured) = measured {
            errors.push((measured / point.z - 1.0).abs());
        }
    });
    let count = errors.len();
    let median = quantile(&mut errors, 0.5).filter(|_| count >= ENOUGH);
    let median = median.ok_or_else(|| Flaw::not_judged("too few smooth surfaces in view"))?;
    ensure(
        median < 0.01,
        format!("the same points after a turn by {turn:.0} degrees"),
        || {
            let percent = median * 100.0;
            format!(
                "depths off by {percent:.1} % in the middle of {count} pixels; is it the distance along each pixel's ray?"
            )
        },
    )
}

fn each_pixel(shot: &Shot, mut see: impl FnMut(u32, u32, f64)) {
    for y in 0..shot.lens.height {
        for x in 0..shot.lens.width {
            if let Some(z) = shot.smooth_depth(x, y) {
                see(x, y, z);
            }
        }
    }
}

async fn metres(bench: &mut Bench) -> Outcome {
    let modalities = with_labels(bench)?;
    let a = bench.shoot(bench.home, modalities).await?;
    let mut central = Vec::new();
    each_pixel(&a, |x, y, z| {
        if is_central(&a, x, y) {
            central.push(z);
        }
    });
    let middle = quantile(&mut central, 0.5);
    let middle =
        middle.ok_or_else(|| Flaw::not_judged("nothing smooth in the middle of the picture"))?;
    // Small against the scene whatever the unit, but not against its numbers.
    let small = (middle * 0.08).min(0.2);
    let mut seen = None;
    for step in [small, middle * 0.08] {
        let (ratio, count) = nearer_by(bench, &a, step, modalities).await?;
        if count >= ENOUGH / 4 && (ratio - 1.0).abs() < 0.05 {
            return Ok(());
        }
        if count >= ENOUGH / 4 && seen.is_none() {
            seen = Some((step, ratio));
        }
    }
    let (step, ratio) =
        seen.ok_or_else(|| Flaw::not_judged("too few smooth surfaces in the middle"))?;
    let unit = if (ratio / 100.0 - 1.0).abs() < 0.1 {
        "; are they centimetres?"
    } else {
        ""
    };
    let expected = format!("a step forward of {step:.3} m to bring things {step:.3} m nearer");
    Err(Flaw::failed(
        expected,
        format!("{:.3} nearer{unit}", ratio * step),
    ))
}

fn is_central(shot: &Shot, x: u32, y: u32) -> bool {
    let (width, height) = (shot.lens.width, shot.lens.height);
    let middle = |at: u32, size: u32| at.abs_diff(size / 2) < size / 7;
    middle(x, width) && middle(y, height)
}

/// How much nearer things come for a metre of a step forward, in the middle of
/// the picture, and for how many pixels that could be told.
async fn nearer_by(
    bench: &Bench,
    a: &Shot,
    step_m: f64,
    modalities: ModalitySet,
) -> Outcome<(f64, usize)> {
    let forward = DVec3::new(0.0, 0.0, step_m);
    let b = bench
        .shoot(a.eye().moved(forward).pose(), modalities)
        .await?;
    let mut ratios = Vec::new();
    each_pixel(a, |x, y, z| {
        if !is_central(a, x, y) {
            return;
        }
        // Where the point appears depends on its depth only through the share of
        // the step, so the unit matters little here.
        let point = unproject(&a.lens, x, y, z) - forward;
        let measured = project(&b.lens, point).and_then(|at| b.depth_between(at));
        if let Some(measured) = measured {
            ratios.push((z - measured) / step_m);
        }
    });
    let count = ratios.len();
    Ok((quantile(&mut ratios, 0.5).unwrap_or_default(), count))
}

async fn aligned(bench: &mut Bench) -> Outcome {
    let both = [Modality::Depth, Modality::Segmentation];
    bench.needs_images(&both)?;
    let modalities = both.into_iter().collect();
    let home = bench.shoot(bench.home, modalities).await?;
    let away = home
        .eye()
        .turned(DVec3::Y, 8.0)
        .turned(DVec3::X, 4.0)
        .pose();
    agree(&home, "before any tick")?;
    let moved = if bench.can(synthcap::Capability::Step) && bench.can(synthcap::Capability::Batch) {
        let [_, moved] = bench
            .shoot_over_a_tick([bench.home, away], [modalities; 2])
            .await?;
        moved
    } else {
        bench.shoot(away, modalities).await?
    };
    agree(&moved, "after a tick and a move")
}

/// A jump in depth by this factor is an outline.
const JUMP: f32 = 1.15;

fn agree(shot: &Shot, when: &str) -> Outcome {
    let depth = shot.depth()?;
    let ids = shot.segmentation();
    let ids = ids.ok_or_else(|| Flaw::failed("a segmentation", "none"))?;
    let pairs = depth.metres().iter().zip(ids.ids());
    let differ = pairs
        .filter(|(z, id)| z.is_infinite() != (**id == 0))
        .count();
    let share = differ as f64 / depth.metres().len().max(1) as f64;
    ensure(
        share < 0.005,
        format!("infinite depth exactly where the ID is 0, {when}"),
        || format!("they differ in {:.1} % of the pixels", share * 100.0),
    )?;
    let (mut jumps, mut outlines) = (0, 0);
    for y in 0..shot.lens.height {
        for x in 1..shot.lens.width {
            let at = |x| depth.at(x, y).unwrap_or(f32::INFINITY);
            let (left, right) = (at(x - 1), at(x));
            if left.is_finite() && right.is_finite() && left.max(right) > left.min(right) * JUMP {
                jumps += 1;
                outlines += usize::from(ids.at(x - 1, y) != ids.at(x, y));
            }
        }
    }
    if jumps < 20 {
        return Ok(());
    }
    let share = outlines as f64 / jumps as f64;
    // Things hide parts of themselves too, but not mostly.
    ensure(
        share > 0.4,
        format!("most jumps in depth to lie between different IDs, {when}"),
        || format!("{:.0} % of {jumps} do", share * 100.0),
    )
}
