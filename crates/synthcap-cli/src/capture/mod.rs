//! `synthcap capture`: from settings to a finished data set.

mod report;
mod scene;
mod shot;

use std::{collections::VecDeque, time::Instant};

use synthcap::{Client, server::ServerHandle};
use synthcap_dataset::{DatasetWriter, Options, Summary};
use synthcap_sim::SimConfig;

use self::{
    report::Report,
    scene::Scene,
    shot::{Pending, Photographer},
};
use crate::{
    access,
    embedded::{self, Listen},
    exit::{Failure, Result, Stop},
    progress::Progress,
    settings::CaptureSettings,
    signal::Interrupt,
};

/// Frames asked for ahead of the one that is waited for: enough that the server
/// never waits for us, few enough to end soon when asked to.
const AHEAD: usize = 3;

/// Captures a data set and prints the summary.
///
/// # Errors
///
/// What went wrong first. What is complete by then is kept.
pub(crate) async fn run(settings: CaptureSettings) -> Result<()> {
    let json = settings.json;
    let mut report = Report::new(&settings);
    let outcome = capture(settings, &mut report).await;
    report.print(&outcome, json);
    outcome
}

async fn capture(settings: CaptureSettings, report: &mut Report) -> Result<()> {
    let mut interrupt = Interrupt::listen()?;
    let interrupted = || Stop::new(Failure::Interrupted, "interrupted before the first frame");
    let (client, server) = tokio::select! {
        source = connect(&settings) => source?,
        () = interrupt.wait() => return Err(interrupted()),
    };
    let captured = async {
        let scene = tokio::select! {
            scene = Scene::prepare(&client, &settings) => scene?,
            () = interrupt.wait() => return Err(interrupted()),
        };
        report.scene(&scene);
        let captured = write(&client, &settings, &scene, &mut interrupt, report).await;
        scene.restore(&client).await;
        captured
    };
    let captured = captured.await;
    // The data set is written; what the connection has to say no longer matters.
    let _ = client.close().await;
    if let Some(server) = server {
        server.shutdown().await;
    }
    captured
}

/// The server of the settings, or the embedded one.
async fn connect(settings: &CaptureSettings) -> Result<(Client, Option<ServerHandle>)> {
    if let Some(url) = &settings.server {
        let client = access::connect(url, settings.access.clone()).await?;
        return Ok((client, None));
    }
    let config = SimConfig {
        seed: settings.seed.unwrap_or_default(),
        width: settings.size.width,
        height: settings.size.height,
        ..SimConfig::default()
    };
    let listen = Listen {
        address: "127.0.0.1:0".to_owned(),
        paused: true,
        ..Listen::default()
    };
    let server = embedded::serve(config, listen).await?;
    let client = Client::connect(server.url()).await?;
    Ok((client, Some(server)))
}

/// Captures all frames into the output folder.
async fn write(
    client: &Client,
    settings: &CaptureSettings,
    scene: &Scene,
    interrupt: &mut Interrupt,
    report: &mut Report,
) -> Result<()> {
    let mut options = Options::default();
    options.existing = settings.existing;
    let formats = settings.writers()?;
    let mut writer = DatasetWriter::create(&settings.out, scene.plan(settings), formats, options)?;
    let start = Instant::now();
    let mut progress = Progress::start(settings.frames);
    let photographer = Photographer::new(client, settings, scene);
    let shot = shoot(
        &photographer,
        settings.frames,
        &mut writer,
        interrupt,
        &mut progress,
    )
    .await;
    let finished = tokio::task::block_in_place(|| writer.finish());
    progress.finish();
    let summary: Summary = finished?;
    report.written(&summary, start.elapsed());
    shot?;
    summary
        .failure
        .map_or(Ok(()), |failure| Err(failure.into()))
}

/// Asks for one frame after the other, a few ahead, and hands them to the writer.
async fn shoot(
    photographer: &Photographer<'_>,
    frames: u64,
    writer: &mut DatasetWriter,
    interrupt: &mut Interrupt,
    progress: &mut Progress,
) -> Result<()> {
    let mut pending: VecDeque<Pending> = VecDeque::new();
    let mut next = 0;
    loop {
        while next < frames && pending.len() <= AHEAD {
            pending.push_back(photographer.ask(next).await?);
            next += 1;
        }
        let Some(first) = pending.pop_front() else {
            return Ok(());
        };
        let index = first.index();
        let sample = tokio::select! {
            sample = first.sample() => sample?,
            () = interrupt.wait() => {
                let line = format!("interrupted after {index} of {frames} frames");
                return Err(Stop::new(Failure::Interrupted, line));
            }
        };
        // Waits only while the disk is slower than the simulator.
        tokio::task::block_in_place(|| writer.push(sample))?;
        progress.update(index + 1);
    }
}
