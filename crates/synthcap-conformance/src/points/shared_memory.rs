//! Images that come by memory which client and server share.

use glam::DVec3;
use synthcap::{Client, Modality, SharedMemory, frame::Rgb};

use super::{freshness::differences, point};
use crate::{
    bench::Bench,
    point::{Flaw, Outcome, Point, ensure},
    views::Eye,
};

pub(super) fn points() -> Vec<Point> {
    vec![
        point!(
            SharedMemory,
            "shm.images",
            images,
            "images by shared memory are those that the stream carries",
            needs "fresh.repeat"
        ),
        point!(
            SharedMemory,
            "shm.held",
            held,
            "an image that is held keeps its pixels, however many follow",
            needs "shm.images"
        ),
    ]
}

/// Smaller images are not worth sharing.
const LEAST: (u32, u32) = (320, 240);

/// A client that takes shared memory, and the size of its images.
async fn sharing(bench: &Bench) -> Outcome<(Client, (u32, u32))> {
    let info = bench.info()?;
    if info.shared_memory_socket.is_none() {
        let lacks = "the server shares no memory".to_owned();
        return Err(Flaw::NotOffered(lacks));
    }
    let (width, height) = (bench.size.0.max(LEAST.0), bench.size.1.max(LEAST.1));
    if width > info.limits.max_width || height > info.limits.max_height {
        return Err(Flaw::not_judged(
            "the server's images are too small to share",
        ));
    }
    let client = Client::builder(&bench.url)
        .request_timeout(bench.patience)
        .shared_memory(SharedMemory::Auto)
        .connect()
        .await?;
    Ok((client, (width, height)))
}

fn shared_something(client: &Client) -> Outcome {
    if client.stats().frames_shared > 0 {
        return Ok(());
    }
    Err(Flaw::not_judged(
        "the server offers shared memory, but sent nothing by it; is it another user's, or on another machine?",
    ))
}

async fn images(bench: &mut Bench) -> Outcome {
    let (client, size) = sharing(bench).await?;
    bench.camera().set_transform(bench.home).await?;
    let mut by_stream = bench.resized(size);
    let modalities = by_stream.info()?.modalities;
    let carried = by_stream.look(modalities).await?;
    by_stream.client = client.clone();
    let shared = by_stream.look(modalities).await?;
    shared_something(&client)?;
    let differ: Vec<_> = differences(&carried, &shared)
        .into_iter()
        .filter_map(|(name, share)| (share > 0.0).then_some(name))
        .collect();
    ensure(differ.is_empty(), "the same bytes by both ways", || {
        format!("other {}", differ.join(", "))
    })
}

async fn held(bench: &mut Bench) -> Outcome {
    bench.needs_images(&[Modality::Rgb])?;
    let (client, (width, height)) = sharing(bench).await?;
    let camera = client.default_camera().with_size(width, height);
    camera.set_transform(bench.home).await?;
    let first = camera.capture::<Rgb>().await?;
    let copy = first.pixels().as_rgba().to_vec();
    shared_something(&client)?;
    let mut held = Vec::new();
    for step in 0..MANY {
        let eye = Eye::of(&bench.home).turned(DVec3::Y, f64::from(step));
        camera.set_transform(eye.pose()).await?;
        held.push(camera.rgb().await?);
    }
    camera.set_transform(bench.home).await?;
    ensure(
        first.pixels().as_rgba() == copy,
        format!("the first image unchanged, {MANY} others held"),
        || "other pixels".to_owned(),
    )
}

/// More than a server keeps places for, or enough to see them used again.
const MANY: u32 = 40;
