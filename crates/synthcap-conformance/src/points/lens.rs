//! Intrinsics: turned in place, every pixel goes where the stated lens says.
//!
//! A turn about the camera's own centre needs no depth: the picture of one pose
//! follows from that of another by the lens alone. The lens under which the two
//! agree best must be the one stated.

use glam::DVec3;
use synthcap::{Intrinsics, Modality, ModalitySet};

use super::point;
use crate::{
    bench::Bench,
    point::{Flaw, Outcome, Point, ensure},
    shot::Shot,
    views::{project, unproject},
};

pub(super) fn points() -> Vec<Point> {
    vec![
        point!(Extended, "lens.focal", focal, "pixels move as the stated focal lengths say when the camera turns", needs "fresh.frames"),
        point!(Extended, "lens.center", center, "the picture turns about the stated principal point when the camera rolls", needs "fresh.frames"),
        point!(Extended, "lens.resized", resized, "another image size keeps the field of view", needs "image.described"),
        point!(
            Extended,
            "lens.set",
            set,
            "intrinsics that are set are those of the next image"
        ),
    ]
}

/// What to compare: labels where there are any, for they have no shading.
fn features(bench: &Bench) -> ModalitySet {
    let labels = bench.made(Modality::Segmentation.into());
    if labels.is_empty() {
        Modality::Rgb.into()
    } else {
        labels
    }
}

/// How little two pixels agree, 0 to 1.
fn unlike(a: &Shot, (ax, ay): (u32, u32), b: &Shot, (bx, by): (u32, u32)) -> f64 {
    if let (Some(a), Some(b)) = (a.segmentation(), b.segmentation()) {
        return f64::from(a.at(ax, ay) != b.at(bx, by));
    }
    let pixel = |shot: &Shot, x: u32, y: u32| {
        let at = (y as usize * shot.lens.width as usize + x as usize) * 4;
        let bytes = shot.rgb().and_then(|rgb| rgb.as_rgba().get(at..at + 3));
        bytes.map_or([0; 3], |bytes| [bytes[0], bytes[1], bytes[2]])
    };
    let (a, b) = (pixel(a, ax, ay), pixel(b, bx, by));
    let sum: u32 = a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b))).sum();
    f64::from(sum.min(90)) / 90.0
}

/// The share of the first picture's pixels that do not show up where a lens says.
/// `None` when too few lie in both.
fn mismatch(a: &Shot, b: &Shot, lens: &Intrinsics) -> Option<f64> {
    let (from, to) = (a.eye(), b.eye());
    let (mut sum, mut count) = (0.0, 0u32);
    for y in 0..lens.height {
        for x in 0..lens.width {
            let ray = unproject(lens, x, y, 1.0);
            let Some([u, v]) = project(lens, from.direction_from(&to, ray)) else {
                continue;
            };
            sum += unlike(a, (x, y), b, (u as u32, v as u32));
            count += 1;
        }
    }
    (count > lens.width * lens.height / 8).then(|| sum / f64::from(count))
}

/// The candidate with the least mismatch, and how much the others stand out
/// against it: (candidate, its mismatch, the worst mismatch).
fn best<T: Copy>(
    candidates: impl IntoIterator<Item = T>,
    mut mismatch: impl FnMut(T) -> Option<f64>,
) -> Option<(T, f64, f64)> {
    let mut found: Option<(T, f64)> = None;
    let mut worst = 0.0_f64;
    for candidate in candidates {
        let Some(off) = mismatch(candidate) else {
            continue;
        };
        worst = worst.max(off);
        if found.is_none_or(|(_, least)| off < least) {
            found = Some((candidate, off));
        }
    }
    found.map(|(candidate, least)| (candidate, least, worst))
}

/// A scene must change at least so much under a wrong lens to tell a right one.
const TELLING: f64 = 0.01;

async fn focal(bench: &mut Bench) -> Outcome {
    let features = features(bench);
    let a = bench.shoot(bench.home, features).await?;
    let wide = a.lens.horizontal_fov_deg().min(90.0);
    for (axis, what, turn) in [(DVec3::Y, "fx", wide * 0.3), (DVec3::X, "fy", wide * 0.2)] {
        let b = bench
            .shoot(a.eye().turned(axis, turn).pose(), features)
            .await?;
        let steps = -24..=24;
        let scale = |step: i32| 1.01_f64.powi(step);
        let along_x = axis == DVec3::Y;
        let found = best(steps, |step| {
            let mut lens = a.lens;
            if along_x {
                lens.fx *= scale(step);
            } else {
                lens.fy *= scale(step);
            }
            mismatch(&a, &b, &lens)
        });
        let Some((step, least, worst)) = found else {
            return Err(Flaw::not_judged(
                "a turned camera sees nothing of what it saw",
            ));
        };
        if worst - least < TELLING {
            return Err(Flaw::not_judged("too little in view to tell focal lengths"));
        }
        let stated = if along_x { a.lens.fx } else { a.lens.fy };
        ensure(
            step.abs() <= 3,
            format!("{what} {stated:.1} as stated"),
            || {
                format!(
                    "{what} {:.1} fits best, by {:.1} % of the pixels",
                    stated * scale(step),
                    (worst - least) * 100.0
                )
            },
        )?;
        ensure(
            least < 0.2,
            format!("turning by {turn:.0} degrees to move the picture"),
            || {
                format!(
                    "{:.0} % of the pixels are elsewhere under any focal length; are the signs of the axes right?",
                    least * 100.0
                )
            },
        )?;
    }
    Ok(())
}

async fn center(bench: &mut Bench) -> Outcome {
    let features = features(bench);
    let a = bench.shoot(bench.home, features).await?;
    let b = bench
        .shoot(a.eye().turned(DVec3::Z, 180.0).pose(), features)
        .await?;
    let most = (a.lens.width.min(a.lens.height) / 16).max(3) as i32;
    let offsets = (-most..=most).flat_map(|dx| (-most..=most).map(move |dy| (dx, dy)));
    let found = best(offsets, |(dx, dy)| {
        let mut lens = a.lens;
        // Half a pixel of the centre moves the turned picture by a whole one.
        lens.cx += f64::from(dx) / 2.0;
        lens.cy += f64::from(dy) / 2.0;
        mismatch(&a, &b, &lens)
    });
    let Some(((dx, dy), least, worst)) = found else {
        return Err(Flaw::not_judged(
            "a rolled camera sees nothing of what it saw",
        ));
    };
    if worst - least < TELLING {
        return Err(Flaw::not_judged(
            "too little in view to tell the principal point",
        ));
    }
    let (cx, cy) = (a.lens.cx, a.lens.cy);
    ensure(
        dx.abs() <= 1 && dy.abs() <= 1,
        format!("the centre at ({cx:.1}, {cy:.1}) as stated"),
        || {
            format!(
                "({:.1}, {:.1}) fits best",
                cx + f64::from(dx) / 2.0,
                cy + f64::from(dy) / 2.0
            )
        },
    )?;
    ensure(
        least < 0.2,
        "a roll of 180 degrees to turn the picture over",
        || format!("{:.0} % of the pixels are elsewhere", least * 100.0),
    )
}

async fn resized(bench: &mut Bench) -> Outcome {
    let own = bench
        .info()?
        .cameras
        .first()
        .map(|camera| camera.intrinsics);
    let own = own.ok_or_else(|| Flaw::not_judged("the server states no camera"))?;
    let (width, height) = ((bench.size.0 / 2).max(1), bench.size.1);
    let image = bench
        .client
        .default_camera()
        .with_size(width, height)
        .rgb()
        .await?;
    let got = image
        .info()
        .intrinsics
        .ok_or_else(|| Flaw::failed("intrinsics", "none"))?;
    let wanted = own.resized(width, height);
    close(&wanted, &got)
}

fn close(wanted: &Intrinsics, got: &Intrinsics) -> Outcome {
    let numbers = |k: &Intrinsics| {
        [
            k.fx,
            k.fy,
            k.cx,
            k.cy,
            f64::from(k.width),
            f64::from(k.height),
        ]
    };
    let pairs = numbers(wanted).into_iter().zip(numbers(got));
    let near = pairs
        .into_iter()
        .all(|(a, b)| (a - b).abs() <= 1e-3 * a.abs().max(1.0));
    let text = |k: &Intrinsics| format!("fx fy cx cy width height {:.2?}", numbers(k));
    ensure(near, text(wanted), || text(got))
}

async fn set(bench: &mut Bench) -> Outcome {
    bench.needs(synthcap::Capability::Intrinsics)?;
    let camera = bench.client.default_camera();
    let before = camera.intrinsics().await?.value;
    let tried = async {
        camera.set_fov(40.0).await?;
        let narrow = Intrinsics::from_horizontal_fov(40.0, before.width, before.height);
        let (width, height) = bench.size;
        let image = bench.camera().rgb().await?;
        let got = image
            .info()
            .intrinsics
            .ok_or_else(|| Flaw::failed("intrinsics", "none"))?;
        close(&narrow.resized(width, height), &got)
    };
    let tried = tried.await;
    camera.set_intrinsics(before).await?;
    tried?;
    let again = camera.intrinsics().await?.value;
    close(&before, &again)
}
