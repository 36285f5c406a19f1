//! A control loop at a steady rate that sees the freshest frame, never an old
//! one, and is never held up by the simulator.

use std::time::Duration;

use synthcap::{CaptureSet, Client, MissedBeats, Modality, Pacer};
use synthcap_sim::SimConfig;

const RATE_HZ: f64 = 50.0;
const BEATS: u64 = 100;
/// Acting on what is older than this would be worse than not acting.
const MAX_AGE: Duration = Duration::from_millis(60);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = synthcap_sim::serve(SimConfig::small()).await?;
    let client = Client::connect(server.url()).await?;
    let camera = client.default_camera();
    client.resume().await?; // let simulation time run

    // The server pushes; this task only keeps the latest-frame buffer fresh.
    let set = CaptureSet {
        views: vec![(camera.view(), Modality::Rgb.into())],
        include_scene: false,
    };
    let mut pushed = client.subscribe(set).open().await?;
    let feeding = tokio::spawn(async move { while let Some(Ok(_)) = pushed.next().await {} });

    let latest = camera.latest(Modality::Rgb);
    latest.newer_than(Default::default()).await?; // the first frame is there
    // A beat that comes too late is left out: the loop wants the present.
    let mut pacer = Pacer::new(RATE_HZ)?.missed(MissedBeats::Skip);
    let (mut acted, mut stale) = (0, 0);
    for _ in 0..BEATS {
        pacer.beat().await;
        match (latest.age(), latest.get()) {
            (Some(age), Some(_frame)) if age <= MAX_AGE => acted += 1, // act on it
            _ => stale += 1,                                           // hold still
        }
    }

    let stats = pacer.stats();
    println!("acted on {acted} frames, held still {stale} times for lack of a fresh one");
    println!(
        "rate {:.2} Hz of {RATE_HZ}, {} beats missed, lateness p50 {:?}, p99 {:?}, jitter {:?}",
        stats.achieved_hz.unwrap_or_default(),
        stats.missed,
        stats.lateness_p50,
        stats.lateness_p99,
        stats.jitter,
    );
    println!("{} frames were replaced unread", latest.replaced_unread());
    feeding.abort();
    client.close().await?;
    server.shutdown().await;
    Ok(())
}
