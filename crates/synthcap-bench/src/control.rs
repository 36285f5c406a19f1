//! How long a camera move takes to be answered while frames flow.

use std::{
    collections::VecDeque,
    fmt,
    time::{Duration, Instant},
};

use serde::Serialize;
use synthcap::{Camera, Client, Modality, Vec3, server::Server};
use tokio::time::sleep;

use crate::{Error, Measure, Replay, meter::Meter};

/// The frames that flow.
const SIZE: (u32, u32) = (3840, 2160);
const IN_FLIGHT: usize = 8;
/// Between one move and the next, as in a loop that steers at some 100 Hz.
const PAUSE: Duration = Duration::from_millis(5);

/// Latencies of camera moves.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ControlReport {
    /// While nothing else is asked.
    pub alone: Measure,
    /// While 4K frames flow, with the replies behind them.
    pub behind_frames: Measure,
    /// While 4K frames flow, with the replies over a connection of their own.
    pub apart: Measure,
}

/// Measures moves, in turns.
///
/// Must be called within a multi-threaded tokio runtime.
///
/// # Errors
///
/// When the server cannot be started or a request fails.
pub async fn control(time: Duration) -> Result<ControlReport, Error> {
    let server = Server::builder(Replay::default()).start().await?;
    let url = server.url();
    let time = time / 3;
    let report = ControlReport {
        alone: moves(&url, true, false, time).await?,
        behind_frames: moves(&url, false, true, time).await?,
        apart: moves(&url, true, true, time).await?,
    };
    server.shutdown().await;
    Ok(report)
}

async fn moves(url: &str, apart: bool, frames: bool, time: Duration) -> Result<Measure, Error> {
    let client = Client::builder(url)
        .separate_replies(apart)
        .connect()
        .await?;
    let camera = client.default_camera();
    let flowing = frames.then(|| tokio::spawn(flow(camera.with_size(SIZE.0, SIZE.1))));
    // Until frames flow and the second connection stands.
    sleep(Duration::from_millis(300)).await;
    let mut meter = Meter::start(time)?;
    let mut x = 0.0;
    while meter.goes_on() {
        x += 1.0;
        let since = Instant::now();
        camera.set_location(Vec3::new(x, 0.0, 0.0)).await?;
        meter.done(since);
        sleep(PAUSE).await;
    }
    if let Some(flowing) = flowing {
        flowing.abort();
    }
    client.close().await?;
    Ok(meter.finish())
}

/// Keeps frames on their way until it is stopped.
async fn flow(camera: Camera) -> Result<(), synthcap::Error> {
    let mut asked = VecDeque::new();
    loop {
        while asked.len() < IN_FLIGHT {
            asked.push_back(camera.image(Modality::Rgb).submit()?);
        }
        if let Some(frame) = asked.pop_front() {
            drop(frame.await?);
        }
    }
}

impl fmt::Display for ControlReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "a camera move, answered after (us):")?;
        for (name, measure) in [
            ("alone", &self.alone),
            ("behind 4K frames", &self.behind_frames),
            ("apart from 4K frames", &self.apart),
        ] {
            writeln!(
                f,
                "  {name:21} half {:>8.0}  90 of 100 {:>8.0}  99 of 100 {:>8.0}",
                measure.p50_us, measure.p90_us, measure.p99_us
            )?;
        }
        Ok(())
    }
}
