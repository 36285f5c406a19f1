//! Flow: where things were a tick ago, and where that is known.

use glam::DVec3;
use synthcap::{Capability, Modality, ModalitySet, frame::FlowDirection};

use super::point;
use crate::{
    bench::Bench,
    point::{Flaw, Outcome, Point, ensure},
    shot::Shot,
    views::{project, quantile, unproject},
};

pub(super) fn points() -> Vec<Point> {
    vec![
        point!(Extended, "flow.true", truth, "flow leads each pixel to where it was at the last tick, in the direction stated", needs "depth.planar", "depth.metres"),
        point!(Extended, "flow.valid", valid, "flow is valid where a point was in view at both ticks, and only there", needs "flow.true"),
    ]
}

/// The camera a tick ago and now, with depth at both and flow now.
async fn over_a_tick(bench: &Bench) -> Outcome<[Shot; 2]> {
    bench.needs_images(&[Modality::Flow, Modality::Depth])?;
    bench.needs(Capability::Step)?;
    bench.needs(Capability::Batch)?;
    let before = bench.made(Modality::Depth | Modality::Segmentation);
    let now: ModalitySet = before | Modality::Flow;
    let home = bench.shoot(bench.home, before).await?;
    let mut depths: Vec<f64> = home
        .depth()?
        .metres()
        .iter()
        .map(|z| f64::from(*z))
        .collect();
    depths.retain(|z| z.is_finite());
    let middle = quantile(&mut depths, 0.5).unwrap_or(1.0);
    let step = DVec3::new(middle * 0.02, middle * 0.01, middle * 0.01);
    let turn = home.lens.horizontal_fov_deg() * 0.05;
    let eye = home.eye().turned(DVec3::Y, turn).moved(step);
    bench
        .shoot_over_a_tick([bench.home, eye.pose()], [before, now])
        .await
}

/// For each smooth pixel whose flow the two depths tell: its place, where it was
/// (`None`: out of view), and whether what was there then is the same point.
fn told(from: &Shot, to: &Shot, mut see: impl FnMut(u32, u32, Option<[f64; 2]>, bool)) {
    for y in 0..from.lens.height {
        for x in 0..from.lens.width {
            let Some(z) = from.smooth_depth(x, y) else {
                continue;
            };
            let point = from
                .eye()
                .seen_from(&to.eye(), unproject(&from.lens, x, y, z));
            let at = project(&to.lens, point);
            let there = at.and_then(|at| to.depth_between(at));
            let same = there.is_some_and(|there| (there / point.z - 1.0).abs() < 0.004);
            see(x, y, at, same);
        }
    }
}

/// The flow's own pixels first, then those it leads to.
fn ends([before, now]: &[Shot; 2]) -> Outcome<(&Shot, &Shot, FlowDirection)> {
    let direction = now.flow()?.direction();
    Ok(match direction {
        FlowDirection::Forward => (before, now, direction),
        _ => (now, before, direction),
    })
}

async fn truth(bench: &mut Bench) -> Outcome {
    let shots = over_a_tick(bench).await?;
    let flow = shots[1].flow()?;
    let (from, to, direction) = ends(&shots)?;
    let mut errors = Vec::new();
    let mut lengths = Vec::new();
    told(from, to, |x, y, at, same| {
        let (Some(at), true, Some([u, v])) = (at, same, flow.at(x, y)) else {
            return;
        };
        let expected = [at[0] - f64::from(x) - 0.5, at[1] - f64::from(y) - 0.5];
        errors.push((expected[0] - f64::from(u)).hypot(expected[1] - f64::from(v)));
        lengths.push(expected[0].hypot(expected[1]));
    });
    let count = errors.len();
    if count < 100 {
        return match flow.validity().iter().any(|valid| *valid != 0) {
            true => Err(Flaw::not_judged(
                "too few smooth surfaces in view at both ticks",
            )),
            false => Err(Flaw::failed("flow after a tick", "none is valid")),
        };
    }
    let length = quantile(&mut lengths, 0.5).unwrap_or_default();
    // Things may move by themselves; most of what is in view stands.
    let median = quantile(&mut errors, 0.5).unwrap_or_default();
    ensure(
        median < 0.25 + 0.02 * length,
        format!(
            "{direction:?} flow as the two poses and depths make it, {length:.1} pixels in the middle"
        ),
        || {
            format!(
                "{median:.1} pixels off in the middle of {count}; is it of the other direction, sign or unit?"
            )
        },
    )
}

async fn valid(bench: &mut Bench) -> Outcome {
    let shots = over_a_tick(bench).await?;
    let flow = shots[1].flow()?;
    let (from, to, _) = ends(&shots)?;
    let (mut outside, mut claimed, mut inside, mut missed) = (0u32, 0u32, 0u32, 0u32);
    told(from, to, |x, y, at, same| {
        let is_valid = flow.at(x, y).is_some();
        if at.is_none() {
            outside += 1;
            claimed += u32::from(is_valid);
        } else if same {
            inside += 1;
            missed += u32::from(!is_valid);
        }
    });
    let share = |part: u32, of: u32| f64::from(part) / f64::from(of.max(1));
    ensure(
        share(claimed, outside) < 0.05,
        "no flow for what was out of view",
        || {
            format!(
                "{:.0} % of {outside} such pixels are valid",
                share(claimed, outside) * 100.0
            )
        },
    )?;
    ensure(
        share(missed, inside) < 0.1,
        "flow for what was in view at both ticks",
        || {
            format!(
                "{:.0} % of {inside} such pixels are not valid",
                share(missed, inside) * 100.0
            )
        },
    )?;
    let background = from.depth()?.metres().iter().zip(flow.validity());
    let wrong = background
        .filter(|(z, valid)| z.is_infinite() && **valid != 0)
        .count();
    ensure(wrong == 0, "no flow for background", || {
        format!("{wrong} pixels of it are valid")
    })
}
