//! Images after a move.

use glam::DVec3;
use synthcap::{ModalitySet, Pixels};

use super::point;
use crate::{
    bench::Bench,
    point::{Flaw, Outcome, Point, ensure},
    shot::Shot,
    views::Eye,
};

pub(super) fn points() -> Vec<Point> {
    vec![
        point!(
            Extended,
            "fresh.order",
            order,
            "an image asked for after a command is of a later moment"
        ),
        point!(Extended, "fresh.frames", frames, "the first images after a move show the move, all of them", needs "image.described"),
        point!(Extended, "fresh.repeat", repeat, "images of an unchanged scene are the same again", needs "fresh.frames"),
    ]
}

async fn order(bench: &mut Bench) -> Outcome {
    let moved = bench.camera().set_transform(bench.home).await?;
    let image = bench.camera().rgb().await?;
    ensure(
        image.moment() > moved.moment(),
        "the image's moment after the command's",
        || format!("{:?} and {:?}", image.moment(), moved.moment()),
    )
}

/// How much two images of one modality differ: the share of bytes.
fn difference(a: &Pixels, b: &Pixels) -> f64 {
    let (a, b) = (a.clone().into_bytes(), b.clone().into_bytes());
    if a.len() != b.len() {
        return 1.0;
    }
    let differ = a.iter().zip(&b).filter(|(a, b)| a != b).count();
    differ as f64 / a.len().max(1) as f64
}

pub(super) fn differences(a: &Shot, b: &Shot) -> Vec<(String, f64)> {
    let pairs = a.frames().iter().zip(b.frames());
    pairs
        .map(|(a, b)| (a.modality().to_string(), difference(a.pixels(), b.pixels())))
        .collect()
}

async fn frames(bench: &mut Bench) -> Outcome {
    let modalities = bench.info()?.modalities;
    let home = Eye::of(&bench.home);
    let mut before = bench.shoot(bench.home, modalities).await?;
    let mut told = false;
    for (yaw, side) in [(9.0, 0.05), (-7.0, -0.1), (0.0, 0.0)] {
        let eye = home.turned(DVec3::Y, yaw).moved(DVec3::new(side, 0.0, 0.0));
        let first = bench.shoot(eye.pose(), modalities).await?;
        let second = bench.look(modalities).await?;
        let old = differences(&first, &before);
        let new = differences(&first, &second);
        for ((name, from_old), (_, from_new)) in old.into_iter().zip(new) {
            told |= from_old > 0.0;
            ensure(
                from_new <= from_old,
                format!("the first {name} after a move to be like the second"),
                || {
                    format!(
                        "{:.1} % of it differs from the second, {:.1} % from the one before the move",
                        from_new * 100.0,
                        from_old * 100.0
                    )
                },
            )?;
        }
        before = second;
    }
    if told {
        return Ok(());
    }
    Err(Flaw::not_judged("the scene looks the same from everywhere"))
}

async fn repeat(bench: &mut Bench) -> Outcome {
    let modalities: ModalitySet = bench.info()?.modalities;
    let first = bench.shoot(bench.home, modalities).await?;
    let second = bench.look(modalities).await?;
    let differ = differences(&first, &second);
    let differ: Vec<_> = differ
        .into_iter()
        .filter(|(_, share)| *share > 0.0)
        .collect();
    ensure(
        differ.is_empty(),
        "the same bytes again, time standing still",
        || {
            let parts = differ
                .iter()
                .map(|(name, share)| format!("{:.2} % of {name}", share * 100.0));
            format!("{} differs", parts.collect::<Vec<_>>().join(", "))
        },
    )
}
