//! Normals: of the surface that depth shows, towards the viewer.

use glam::DVec3;
use synthcap::Modality;

use super::point;
use crate::{
    bench::Bench,
    point::{Flaw, Outcome, Point, ensure},
    shot::Shot,
    views::{quantile, unproject},
};

pub(super) fn points() -> Vec<Point> {
    vec![
        point!(Extended, "normals.unit", unit, "normals are of unit length, or zero", needs "fresh.frames"),
        point!(Extended, "normals.facing", facing, "normals point towards the viewer", needs "normals.unit"),
        point!(Extended, "normals.surface", surface, "normals are at right angles to the surface that depth shows", needs "normals.unit", "depth.planar"),
    ]
}

async fn unit(bench: &mut Bench) -> Outcome {
    bench.needs_images(&[Modality::Normals])?;
    let shot = bench.shoot(bench.home, Modality::Normals.into()).await?;
    let vectors = shot.normals()?.vectors();
    let length = |v: &&[f32; 3]| v.iter().map(|c| c * c).sum::<f32>().sqrt();
    let wrong = |v: &&[f32; 3]| {
        let length = length(v);
        length != 0.0 && (length.is_nan() || (length - 1.0).abs() >= 0.01)
    };
    let wrong: Vec<_> = vectors.iter().filter(wrong).collect();
    ensure(wrong.is_empty(), "length 1 or 0", || {
        format!("{} pixels with others, such as {:?}", wrong.len(), wrong[0])
    })?;
    let known = vectors.iter().filter(|v| length(v) > 0.0).count();
    if known == 0 {
        return Err(Flaw::not_judged("the camera sees no surface with a normal"));
    }
    Ok(())
}

/// A normal of the wire in camera axes; `None` where there is none.
fn in_view(shot: &Shot, [x, y, z]: [f32; 3]) -> Option<DVec3> {
    if [x, y, z] == [0.0; 3] {
        return None;
    }
    // The wire's Y points the other way than that of the right-handed world.
    let world = DVec3::new(f64::from(x), -f64::from(y), f64::from(z));
    Some(shot.eye().direction(world))
}

async fn facing(bench: &mut Bench) -> Outcome {
    bench.needs_images(&[Modality::Normals])?;
    let shot = bench.shoot(bench.home, Modality::Normals.into()).await?;
    let normals = shot.normals()?;
    let (mut away, mut count) = (0, 0);
    for y in 0..shot.lens.height {
        for x in 0..shot.lens.width {
            let normal = normals.at(x, y).and_then(|n| in_view(&shot, n));
            let ray = unproject(&shot.lens, x, y, 1.0).normalize();
            if let Some(normal) = normal {
                count += 1;
                // Shading normals may lean over the edge of what is seen.
                away += usize::from(normal.dot(ray) > 0.1);
            }
        }
    }
    let share = away as f64 / f64::from(count.max(1));
    ensure(share < 0.02, "normals towards the viewer", || {
        format!("{:.0} % point away", share * 100.0)
    })
}

async fn surface(bench: &mut Bench) -> Outcome {
    bench.needs_images(&[Modality::Normals, Modality::Depth])?;
    let modalities = Modality::Normals | Modality::Depth | Modality::Segmentation;
    let shot = bench.shoot(bench.home, bench.made(modalities)).await?;
    let normals = shot.normals()?;
    let mut angles = Vec::new();
    for y in 1..shot.lens.height.saturating_sub(1) {
        for x in 1..shot.lens.width.saturating_sub(1) {
            let normal = normals.at(x, y).and_then(|n| in_view(&shot, n));
            if let Some((normal, shown)) = normal.zip(shown_normal(&shot, x, y)) {
                // Which side is another point's business.
                angles.push(normal.dot(shown).abs().min(1.0).acos().to_degrees());
            }
        }
    }
    if angles.len() < 100 {
        return Err(Flaw::not_judged("too few smooth surfaces in view"));
    }
    let count = angles.len();
    let median = quantile(&mut angles, 0.5).unwrap_or_default();
    let most = quantile(&mut angles, 0.8).unwrap_or_default();
    ensure(
        median < 6.0 && most < 25.0,
        "the normals of the surface that depth shows",
        || {
            format!(
                "{median:.0} degrees off in the middle of {count} pixels, {most:.0} at four fifths; are the axes the wire's?"
            )
        },
    )
}

/// The normal that the depths around a pixel make.
fn shown_normal(shot: &Shot, x: u32, y: u32) -> Option<DVec3> {
    let point = |x, y| Some(unproject(&shot.lens, x, y, shot.smooth_depth(x, y)?));
    let across = point(x + 1, y)? - point(x - 1, y)?;
    let down = point(x, y + 1)? - point(x, y - 1)?;
    across.cross(down).try_normalize()
}
