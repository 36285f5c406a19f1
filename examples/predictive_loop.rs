//! A capture loop that asks for the next frames while this one is used, against
//! the same loop one by one.

use std::time::{Duration, Instant};

use synthcap::{CaptureLoop, Client, Vec3};
use synthcap_sim::SimConfig;

const FRAMES: u16 = 60;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = synthcap_sim::serve(SimConfig::small()).await?;
    let client = Client::connect(server.url()).await?;
    let one_by_one = orbit(&client, 1).await?;
    let predicted = orbit(&client, 3).await?;
    let gain = one_by_one.as_secs_f64() / predicted.as_secs_f64();
    println!("{FRAMES} frames: {one_by_one:.2?} one by one, {predicted:.2?} with three in flight");
    println!("{gain:.1} times as fast");
    client.close().await?;
    server.shutdown().await;
    Ok(())
}

/// Flies around the scene; how long that took.
async fn orbit(client: &Client, in_flight: usize) -> Result<Duration, synthcap::Error> {
    let camera = client.default_camera().with_size(160, 120);
    let plan = (0..FRAMES).map(|index| {
        let angle = f32::from(index) / f32::from(FRAMES) * std::f32::consts::TAU;
        let from = Vec3::new(400.0 * angle.cos(), 400.0 * angle.sin(), 250.0);
        // Move and capture as one: no frame ahead can show another's position.
        let mut batch = client.batch();
        batch.add(camera.look_at(from, Vec3::ZERO));
        let image = batch.add(camera.rgb());
        // The image's place in the batch comes back with the replies.
        (batch.run(), (image, from))
    });
    let mut frames = CaptureLoop::new(in_flight, plan);
    let start = Instant::now();
    while let Some(result) = frames.next().await {
        let (mut replies, (image, from)) = result?;
        let image = replies.take(image)?;
        if let Some(pose) = image.info().pose {
            assert!(
                (pose.location.x - from.x).abs() < 0.1,
                "each its own position"
            );
        }
        // Stands in for a training step or the writing of a file.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(start.elapsed())
}
