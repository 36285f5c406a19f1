//! Many captures in flight at once, and every frame in the order of arrival.

use synthcap::{Client, Modality};
use synthcap_sim::SimConfig;

const FRAMES: usize = 100;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = synthcap_sim::serve(SimConfig::small()).await?;
    let client = Client::builder(server.url())
        // Bounds the memory: no more frames than this exist at a time.
        .max_captures_in_flight(16)
        .connect()
        .await?;
    let camera = client.default_camera();
    let mut frames = camera.frames(Modality::Rgb);

    // One task asks. `queue` waits for a place in flight, not for the reply; the
    // ticket is not needed, because the stream has every frame.
    let asking = tokio::spawn(async move {
        for _ in 0..FRAMES {
            drop(camera.rgb().queue().await?);
        }
        Ok::<_, synthcap::Error>(())
    });

    // Another reads. Were it slower, the asking would wait; nothing is dropped.
    let start = std::time::Instant::now();
    for expected in 1..=FRAMES as u64 {
        let frame = frames.next().await.ok_or("the client ended")??;
        assert_eq!(frame.info().seq.get(), expected, "none is missing");
    }
    asking.await??;
    let rate = FRAMES as f64 / start.elapsed().as_secs_f64();
    println!("{FRAMES} frames, none missing, {rate:.0} per second");

    client.close().await?;
    server.shutdown().await;
    Ok(())
}
