//! Everybody on the same work, in turns.

use std::{fmt, path::PathBuf, time::Duration};

use synthcap::{
    Client, SharedMemory,
    server::{Server, ServerHandle},
};

use crate::{
    Error, Measure, Replay, Work,
    baseline::Baseline,
    contender::{
        client,
        python::{Python, Style},
        raw::{Memcpy, RawTcp},
    },
    meter::Meter,
};

/// A way to do the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Contender {
    /// Two threads and a TCP socket.
    RawTcp,
    /// One copy of the reply's bytes.
    Memcpy,
    /// A generated client on a generated server, with tonic's defaults.
    Tonic,
    /// Our client and server over TCP.
    SynthcapTcp,
    /// The same, doing what the one with shared memory does.
    SynthcapTcpWritten,
    /// Our client and server over a Unix socket.
    SynthcapUds,
    /// Our client and server with frames in shared memory. Unlike the others, which
    /// send what was made before and drop what came, the server writes every frame
    /// and the client reads every byte of it.
    SynthcapShm,
    /// A Python client with asyncio on our server.
    PythonAsync,
    /// A Python client with blocking calls on our server.
    PythonSync,
}

impl Contender {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 9] = [
        Self::RawTcp,
        Self::Memcpy,
        Self::Tonic,
        Self::SynthcapTcp,
        Self::SynthcapUds,
        Self::SynthcapTcpWritten,
        Self::SynthcapShm,
        Self::PythonAsync,
        Self::PythonSync,
    ];

    /// The name in tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::RawTcp => "raw_tcp",
            Self::Memcpy => "memcpy",
            Self::Tonic => "tonic",
            Self::SynthcapTcp => "synthcap_tcp",
            Self::SynthcapUds => "synthcap_uds",
            Self::SynthcapTcpWritten => "synthcap_tcp_written",
            Self::SynthcapShm => "synthcap_shm",
            Self::PythonAsync => "python_async",
            Self::PythonSync => "python_sync",
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What to compare, and how long.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The work.
    pub work: Vec<Work>,
    /// How long each contender does each work, in all.
    pub time: Duration,
    /// In how many turns.
    pub turns: u32,
    /// A Python with grpcio and the script, where there is one.
    pub python: Option<(PathBuf, PathBuf)>,
}

/// How everybody did on one piece of work.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The work.
    pub work: Work,
    /// The turn of each contender that is in the middle, by its rate.
    pub measures: Vec<(Contender, Measure)>,
}

impl Compared {
    /// How a contender did.
    pub fn of(&self, contender: Contender) -> Option<&Measure> {
        let found = self.measures.iter().find(|(who, _)| *who == contender);
        found.map(|(_, measure)| measure)
    }

    /// The rate of one contender over that of another.
    pub fn ratio(&self, of: Contender, to: Contender) -> Option<f64> {
        Some(self.of(of)?.per_second / self.of(to)?.per_second)
    }
}

/// Compares, and tells of each piece of work when it is done.
///
/// Must be called within a multi-threaded tokio runtime.
///
/// # Errors
///
/// When a contender cannot do the work, with the reason.
pub async fn compare(
    comparison: &Comparison,
    mut tell: impl FnMut(&Compared),
) -> Result<Vec<Compared>, Error> {
    let mut all = Vec::new();
    for work in &comparison.work {
        let compared = compare_one(comparison, work).await?;
        tell(&compared);
        all.push(compared);
    }
    Ok(all)
}

async fn compare_one(comparison: &Comparison, work: &Work) -> Result<Compared, Error> {
    let mut field = Field::start(work, comparison.python.clone()).await?;
    let turns = comparison.turns.max(1);
    let time = comparison.time / turns;
    let mut measures = Vec::new();
    for contender in Contender::ALL {
        if contender.is_python() && field.python.is_none() {
            continue;
        }
        // The first frames are made, buffers and windows grow.
        if !contender.is_python() {
            field.run(contender, work, (time / 5).min(WARM_UP)).await?;
        }
        measures.push((contender, Vec::new()));
    }
    for _ in 0..turns {
        for (contender, runs) in &mut measures {
            let run = field.run(*contender, work, time).await;
            runs.push(run.map_err(|error| format!("{contender}: {error}"))?);
        }
    }
    field.end().await;
    let middle = |(contender, runs)| (contender, median(runs));
    Ok(Compared {
        work: work.clone(),
        measures: measures.into_iter().map(middle).collect(),
    })
}

const WARM_UP: Duration = Duration::from_millis(300);

fn median(mut runs: Vec<Measure>) -> Measure {
    runs.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    runs.get(runs.len() / 2).copied().unwrap_or_default()
}

impl Contender {
    fn is_python(self) -> bool {
        matches!(self, Self::PythonAsync | Self::PythonSync)
    }
}

/// Everybody, ready to run.
struct Field {
    raw: RawTcp,
    memcpy: Memcpy,
    baseline: Baseline,
    tcp: (ServerHandle, Client),
    written: (ServerHandle, Client),
    uds: (ServerHandle, Client),
    shm: (ServerHandle, Client),
    python: Option<Python>,
    _folder: tempfile::TempDir,
}

impl Field {
    async fn start(work: &Work, python: Option<(PathBuf, PathBuf)>) -> Result<Self, Error> {
        let folder = tempfile::tempdir()?;
        let socket = format!("unix:{}", folder.path().join("bench").display());
        Ok(Self {
            raw: RawTcp::start(work)?,
            memcpy: Memcpy::start(work),
            baseline: Baseline::start(work).await?,
            tcp: served("127.0.0.1:0", work).await?,
            uds: served(&socket, work).await?,
            written: written(work, SharedMemory::Off).await?,
            shm: written(work, SharedMemory::Auto).await?,
            python: python.map(|(interpreter, script)| Python {
                interpreter,
                script,
            }),
            _folder: folder,
        })
    }

    async fn run(
        &mut self,
        contender: Contender,
        work: &Work,
        time: Duration,
    ) -> Result<Measure, Error> {
        let meter = Meter::start(time)?;
        match contender {
            Contender::RawTcp => tokio::task::block_in_place(|| self.raw.run(work, meter)),
            Contender::Memcpy => Ok(tokio::task::block_in_place(|| self.memcpy.run(meter))),
            Contender::Tonic => self.baseline.run(work, meter).await,
            Contender::SynthcapTcp => client::run(&self.tcp.1, work, meter).await,
            Contender::SynthcapUds => client::run(&self.uds.1, work, meter).await,
            Contender::SynthcapTcpWritten => {
                client::run_touching(&self.written.1, work, meter).await
            }
            Contender::SynthcapShm => client::run_touching(&self.shm.1, work, meter).await,
            Contender::PythonAsync => self.python(Style::Async, work, time).await,
            Contender::PythonSync => self.python(Style::Sync, work, time).await,
        }
    }

    async fn python(&self, style: Style, work: &Work, time: Duration) -> Result<Measure, Error> {
        let python = self.python.as_ref().ok_or("there is no Python")?;
        python.run(style, &self.tcp.0.url(), work, time).await
    }

    async fn end(self) {
        for (server, client) in [self.tcp, self.uds, self.written, self.shm] {
            // It ends with its server in any case.
            let _ = client.close().await;
            server.shutdown().await;
        }
    }
}

async fn served(address: &str, work: &Work) -> Result<(ServerHandle, Client), Error> {
    let server = Server::builder(Replay::default())
        .listen(address)
        .start()
        .await?;
    let client = client::connect(&server.url(), work, SharedMemory::Off).await?;
    Ok((server, client))
}

async fn written(
    work: &Work,
    shared_memory: SharedMemory,
) -> Result<(ServerHandle, Client), Error> {
    let server = Server::builder(Replay::writing()).start().await?;
    let client = client::connect(&server.url(), work, shared_memory).await?;
    Ok((server, client))
}
