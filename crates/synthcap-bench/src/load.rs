//! One client, or several, at full speed against one server.

use std::{fmt, time::Duration};

use serde::Serialize;
use synthcap::{Client, SharedMemory};
use tokio::task::JoinSet;

use crate::{
    Error, Kind, Measure, Work,
    contender::client,
    meter::{Meter, peak_memory, reset_peak_memory},
};

/// How a program asks, as UESynth's guide distinguishes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A thread that sleeps until each reply has come.
    Sync,
    /// A task that awaits each reply before it asks again.
    Direct,
    /// Requests in flight over the stream.
    Streaming,
}

/// What to do to a server.
#[derive(Clone, Debug)]
pub struct Load {
    /// The server.
    pub url: String,
    /// The work, by each connection.
    pub work: Work,
    /// How the work is asked for.
    pub mode: Mode,
    /// How many clients, each with a connection of its own.
    pub connections: usize,
    /// How long.
    pub time: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct LoadReport {
    /// What was asked, over and over.
    pub name: String,
    /// How.
    pub mode: Mode,
    /// How many requests of each connection were in flight.
    pub in_flight: usize,
    /// How many clients asked.
    pub connections: usize,
    /// Bytes of payload in each reply.
    pub bytes: usize,
    /// Bytes of payload per second.
    pub bytes_per_second: f64,
    /// The most memory that this process had meanwhile, in bytes.
    pub peak_memory_bytes: Option<u64>,
    /// All connections together.
    #[serde(flatten)]
    pub measure: Measure,
}

/// Puts the load on.
///
/// Must be called within a multi-threaded tokio runtime.
///
/// # Errors
///
/// When the server cannot be reached or a request fails.
pub async fn load(load: &Load) -> Result<LoadReport, Error> {
    let work = Work {
        in_flight: match load.mode {
            Mode::Streaming => load.work.in_flight,
            Mode::Sync | Mode::Direct => 1,
        },
        ..load.work.clone()
    };
    let mut clients = Vec::new();
    for _ in 0..load.connections.max(1) {
        let client = client::connect(&load.url, &work, SharedMemory::Auto).await?;
        // The first frames are made, buffers and windows grow.
        client::run(&client, &work, Meter::start(WARM_UP)?).await?;
        clients.push(client);
    }
    reset_peak_memory();
    let mut running = JoinSet::new();
    for client in &clients {
        running.spawn(one(client.clone(), work.clone(), load.mode, load.time));
    }
    let mut runs = Vec::new();
    while let Some(run) = running.join_next().await {
        runs.push(run??);
    }
    let measure = Measure::together(&runs);
    for client in clients {
        client.close().await?;
    }
    Ok(LoadReport {
        name: work.kind.name(),
        mode: load.mode,
        in_flight: work.in_flight,
        connections: load.connections.max(1),
        bytes: work.kind.bytes(),
        bytes_per_second: measure.per_second * work.kind.bytes() as f64,
        peak_memory_bytes: peak_memory(),
        measure,
    })
}

const WARM_UP: Duration = Duration::from_millis(300);

async fn one(client: Client, work: Work, mode: Mode, time: Duration) -> Result<Measure, Error> {
    let meter = Meter::start(time)?;
    match mode {
        Mode::Direct | Mode::Streaming => client::run(&client, &work, meter).await,
        Mode::Sync => {
            // A thread that no runtime runs on, as in a program without one.
            let ended = std::thread::spawn(move || client::run_blocking(&client, &work, meter));
            let joined = tokio::task::spawn_blocking(move || ended.join()).await?;
            joined.map_err(|_| "the thread panicked")?
        }
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let m = &self.measure;
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        writeln!(
            f,
            "{}: {} requests in {:.1} s, {:.0} per second, {:.2} GB/s",
            self.name,
            m.requests,
            m.seconds,
            m.per_second,
            self.bytes_per_second / 1e9
        )?;
        writeln!(
            f,
            "  latency in us: half {:.0}, 90 of 100 {:.0}, 99 of 100 {:.0}, all {:.0}",
            m.p50_us, m.p90_us, m.p99_us, m.max_us
        )?;
        write!(
            f,
            "  of this process, per request: {:.1} us of CPU, {:.1} allocations",
            m.cpu_us, m.allocations
        )?;
        if let Some(peak) = self.peak_memory_bytes {
            write!(f, "; at most {:.0} MiB of memory", mib(peak))?;
        }
        Ok(())
    }
}

impl Kind {
    /// The modes in the order of UESynth's guide, with the rates it states.
    pub const GUIDE: [(Mode, &'static str); 3] = [
        (Mode::Sync, "10-50"),
        (Mode::Direct, "50-200"),
        (Mode::Streaming, "100-1000+"),
    ];
}
