//! `synthcap bench`.

mod args;

use std::{fs, io, path::Path};

pub(crate) use args::BenchArgs;
use args::{BenchEngine, BenchMode};
use serde_json::json;
use synthcap::server::{Server, ServerHandle};
use synthcap_bench::{
    Chart, Comparison, Kind, Load, LoadReport, Machine, Mode, Replay, Work, alloc, compare,
    control, json, load, plot,
};
use synthcap_sim::SimConfig;

use crate::{
    embedded::{self, Listen},
    exit::{Failure, Result, Stop},
    output,
};

/// Measures, and prints what was found.
///
/// # Errors
///
/// When a server cannot be reached or started, or a file cannot be written.
pub(crate) async fn run(args: BenchArgs) -> Result<()> {
    alloc::enable();
    if args.compare {
        return compared(&args).await;
    }
    let reports = if args.guide {
        guide(&args).await?
    } else {
        loads(&args).await?
    };
    if args.json {
        output::answer(json!({ "machine": Machine::this(), "runs": reports }))?;
    }
    Ok(())
}

async fn compared(args: &BenchArgs) -> Result<()> {
    let work = chosen(&args.only)?;
    if let Some(folder) = &args.plot {
        // Before minutes are spent on what could not be drawn then.
        fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    }
    let machine = Machine::this();
    if !args.json {
        output::answer(format_args!("{machine}\n"))?;
    }
    let comparison = Comparison {
        work,
        time: args.duration,
        turns: args.turns.get(),
        python: args
            .python
            .clone()
            .map(|python| (python, args.script.clone())),
    };
    let mut told = Ok(());
    let all = compare(&comparison, |one| {
        if args.json {
            output::remark(format_args!("{}: done", one.work.name()));
        } else if told.is_ok() {
            told = output::answer(one);
        }
    });
    let all = all.await.map_err(stop)?;
    told?;
    let control = control(args.duration).await.map_err(stop)?;
    if let Some(folder) = &args.plot {
        for (name, chart) in [("frames", Chart::Frames), ("commands", Chart::Commands)] {
            write(
                &folder.join(format!("bench-{name}.svg")),
                &plot(chart, &all),
            )?;
        }
    }
    if args.json {
        output::answer(json(&machine, &all, &control).map_err(stop)?)
    } else {
        output::answer(control)
    }
}

/// The work of a comparison; all of it unless some is named.
fn chosen(only: &[String]) -> Result<Vec<Work>> {
    let all = Work::standard();
    let names: Vec<_> = all.iter().map(Work::name).collect();
    let is_wanted = |work: &Work| {
        let name = work.name();
        only.is_empty() || only.iter().any(|begin| name.starts_with(begin.as_str()))
    };
    let work: Vec<_> = all.into_iter().filter(is_wanted).collect();
    if work.is_empty() {
        let names = names.join(", ");
        return Err(Stop::usage(format!(
            "--only names no work; there is {names}"
        )));
    }
    Ok(work)
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &io::Error) -> Stop {
    let path = path.display();
    let line = format!("cannot write {path}: {error}; name a folder that can be written");
    Stop::new(Failure::Output, line)
}

/// One run for each size.
async fn loads(args: &BenchArgs) -> Result<Vec<LoadReport>> {
    let mut reports = Vec::new();
    for work in works(args) {
        let served = Served::start(args, args.engine, work.kind).await?;
        reports.push(one(args, &served, work, args.mode.into()).await?);
        served.end().await;
    }
    Ok(reports)
}

fn works(args: &BenchArgs) -> Vec<Work> {
    let in_flight = args.in_flight.get();
    let work = |kind| Work { kind, in_flight };
    if args.commands {
        return vec![work(Kind::Command)];
    }
    let kinds = args.size.iter().map(|size| Kind::Images {
        width: size.width,
        height: size.height,
        modalities: args.modalities,
    });
    kinds.map(work).collect()
}

/// The three modes of UESynth's guide, with frames made beforehand and with the
/// embedded simulator.
async fn guide(args: &BenchArgs) -> Result<Vec<LoadReport>> {
    let mut reports = Vec::new();
    for work in works(args) {
        for engine in [BenchEngine::Replay, BenchEngine::Sim] {
            let served = Served::start(args, engine, work.kind).await?;
            for (mode, stated) in Kind::GUIDE {
                if !args.json {
                    output::answer(format_args!(
                        "{engine:?}, {mode:?} (UESynth's guide states {stated} per second)"
                    ))?;
                }
                reports.push(one(args, &served, work.clone(), mode).await?);
            }
            served.end().await;
        }
    }
    Ok(reports)
}

async fn one(args: &BenchArgs, served: &Served, work: Work, mode: Mode) -> Result<LoadReport> {
    let asked = Load {
        url: served.url.clone(),
        work,
        mode,
        connections: args.connections.get(),
        time: args.duration,
    };
    let report = load(&asked).await.map_err(stop)?;
    if !args.json {
        output::answer(&report)?;
    }
    Ok(report)
}

/// The server under load, and whether it is ours.
struct Served {
    url: String,
    own: Option<ServerHandle>,
}

impl Served {
    async fn start(args: &BenchArgs, engine: BenchEngine, kind: Kind) -> Result<Self> {
        if let Some(url) = &args.server {
            return Ok(Self {
                url: url.clone(),
                own: None,
            });
        }
        let own = match engine {
            BenchEngine::Replay => {
                let server = Server::builder(Replay::default());
                let server = server.listen(args.listen.clone()).start().await;
                server.map_err(|error| Stop::usage(error.to_string()))?
            }
            BenchEngine::Sim => simulator(args, kind).await?,
        };
        Ok(Self {
            url: own.url(),
            own: Some(own),
        })
    }

    async fn end(self) {
        if let Some(server) = self.own {
            server.shutdown().await;
        }
    }
}

async fn simulator(args: &BenchArgs, kind: Kind) -> Result<ServerHandle> {
    let default = SimConfig::default();
    let (width, height) = match kind {
        Kind::Images { width, height, .. } => (width, height),
        Kind::Command => (default.width, default.height),
    };
    let config = SimConfig {
        width,
        height,
        ..default
    };
    let listen = Listen {
        address: args.listen.clone(),
        paused: true,
        insecure_public: false,
        tokens: None,
        tls: None,
    };
    embedded::serve(config, listen).await
}

impl From<BenchMode> for Mode {
    fn from(mode: BenchMode) -> Self {
        match mode {
            BenchMode::Sync => Self::Sync,
            BenchMode::Direct => Self::Direct,
            BenchMode::Streaming => Self::Streaming,
        }
    }
}

fn stop(error: synthcap_bench::Error) -> Stop {
    match error.downcast::<synthcap::Error>() {
        Ok(error) => Stop::from(*error),
        Err(other) => Stop::new(Failure::Lost, other.to_string()),
    }
}
