//! Simulation time: it passes by steps, stops when paused, and starts over the
//! same.

use synthcap::{Capability, ModalitySet};

use super::{freshness::differences, point};
use crate::{
    bench::Bench,
    point::{Flaw, Outcome, Point, ensure},
    shot::Shot,
};

pub(super) fn points() -> Vec<Point> {
    vec![
        point!(
            Extended,
            "time.step",
            step,
            "a step of n ticks is n ticks, and time passes with them"
        ),
        point!(Extended, "time.pause", pause, "paused, time stands still"),
        point!(Extended, "time.reset", reset, "a reset starts over at tick 0, with the same images for the same seed and steps", needs "reply.set"),
    ]
}

async fn step(bench: &mut Bench) -> Outcome {
    bench.needs(Capability::Step)?;
    let cameras = bench.client.cameras().await?.stamp;
    let stepped = bench.client.step(3).await?.stamp;
    let tick = |stamp: synthcap::Stamp| stamp.tick.map_or(0, synthcap::Tick::get);
    ensure(
        tick(stepped) == tick(cameras) + 3,
        format!("tick {}", tick(cameras) + 3),
        || tick(stepped).to_string(),
    )?;
    let (before, after) = (cameras.sim_time, stepped.sim_time);
    ensure(
        after > before,
        format!("a simulation time above {before:?}"),
        || format!("{after:?}"),
    )?;
    let rate = bench.info()?.tick_rate_hz;
    if rate > 0.0 {
        let passed = after
            .unwrap_or_default()
            .saturating_sub(before.unwrap_or_default());
        let wanted = 3.0 / rate;
        let off = (passed.as_secs_f64() / wanted - 1.0).abs();
        ensure(
            off < 0.02,
            format!("{wanted:.4} s for 3 ticks at {rate} Hz"),
            || format!("{passed:?}"),
        )?;
    }
    Ok(())
}

async fn pause(bench: &mut Bench) -> Outcome {
    bench.needs(Capability::Step)?;
    let first = bench.client.pause().await?.stamp;
    // Long enough in round trips for some ticks, were time running.
    for _ in 0..20 {
        bench
            .look(bench.made(synthcap::Modality::Rgb.into()))
            .await?;
    }
    let last = bench.client.cameras().await?.stamp;
    ensure(
        first.tick == last.tick,
        format!("tick {:?} still", first.tick),
        || format!("{:?}", last.tick),
    )
}

async fn reset(bench: &mut Bench) -> Outcome {
    bench.needs(Capability::Reset)?;
    let seed = bench.info()?.seed;
    let modalities = bench.info()?.modalities;
    let first = run(bench, seed, modalities).await?;
    let second = run(bench, seed, modalities).await?;
    let differ: Vec<_> = differences(&first, &second)
        .into_iter()
        .filter_map(|(name, share)| (share > 0.0).then_some(name))
        .collect();
    ensure(
        differ.is_empty(),
        format!("the same bytes after reset({seed}) and two ticks"),
        || format!("other {}", differ.join(", ")),
    )
}

async fn run(bench: &Bench, seed: u64, modalities: ModalitySet) -> Outcome<Shot> {
    let stamp = bench.client.reset(Some(seed)).await?.stamp;
    ensure(
        stamp.tick.is_some_and(|tick| tick.get() == 0),
        "tick 0 after a reset",
        || format!("{:?}", stamp.tick),
    )?;
    bench.client.pause().await?;
    if bench.can(Capability::Step) {
        bench.client.step(2).await?;
    }
    let shot = bench.shoot(bench.home, modalities).await?;
    let ticks = shot.stamp.tick.map_or(0, synthcap::Tick::get);
    if bench.can(Capability::Step) && ticks != 2 {
        return Err(Flaw::failed(
            "tick 2, two steps after a reset",
            ticks.to_string(),
        ));
    }
    Ok(shot)
}
