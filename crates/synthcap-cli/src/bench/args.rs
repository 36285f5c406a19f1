//! Arguments of `bench`.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, ValueEnum};
use synthcap::ModalitySet;

use synthcap_job::Size;

use crate::{
    args::{modalities, size},
    exit::EXIT_CODES,
};

const BENCH_EXAMPLES: &str = "\
Examples:
  synthcap bench                                    (frames made beforehand, 16 in flight)
  synthcap bench --server http://127.0.0.1:50051 --size 640x480 --modalities rgb,depth
  synthcap bench --commands --in-flight 256 --listen unix:/tmp/synthcap
  synthcap bench --compare                          (beside a socket and a generated stub)

Rates of a machine that does other things as well say little; --compare lets everybody take \
turns, so that its ratios say more. Without --server, CPU time and allocations are those of both \
sides.";

/// What `bench` is asked for.
#[derive(Debug, Args)]
#[command(after_help = format!("{BENCH_EXAMPLES}\n\n{EXIT_CODES}"))]
pub(crate) struct BenchArgs {
    /// Measure this server instead of one of our own
    #[arg(long, value_name = "URL", conflicts_with = "compare")]
    pub(crate) server: Option<String>,

    /// Where our own server listens: host:port, or unix:/path
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) listen: String,

    /// What our own server serves: frames made beforehand, or the simulator
    #[arg(long, value_name = "WHAT", default_value = "replay")]
    pub(crate) engine: BenchEngine,

    /// Image sizes in pixels, separated by commas
    #[arg(
        long,
        value_name = "WxH",
        default_value = "512x512",
        value_parser = size,
        value_delimiter = ','
    )]
    pub(crate) size: Vec<Size>,

    /// Which images each request asks for, separated by commas; several are a set
    #[arg(long, value_name = "LIST", default_value = "rgb", value_parser = modalities)]
    pub(crate) modalities: ModalitySet,

    /// Move a camera instead of taking images
    #[arg(long)]
    pub(crate) commands: bool,

    /// How requests are made: by a sleeping thread, awaited one by one, or several
    /// in flight over the stream
    #[arg(long, value_name = "MODE", default_value = "streaming")]
    pub(crate) mode: BenchMode,

    /// How many requests of each connection wait for their reply
    #[arg(long, value_name = "N", default_value = "16")]
    pub(crate) in_flight: NonZeroUsize,

    /// How many clients, each with a connection of its own
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) connections: NonZeroUsize,

    /// How long, in seconds: each run, or everybody's share of a comparison
    #[arg(long, value_name = "S", default_value = "3", value_parser = seconds)]
    pub(crate) duration: Duration,

    /// Compare with a raw socket, memcpy, a generated stub and Python
    #[arg(long)]
    pub(crate) compare: bool,

    /// Compare only the work whose names begin like these, such as command,rgba_512x512
    #[arg(long, value_name = "LIST", value_delimiter = ',', requires = "compare")]
    pub(crate) only: Vec<String>,

    /// In how many turns everybody's share of a comparison is done; the middle one counts
    #[arg(long, value_name = "N", default_value = "3", requires = "compare")]
    pub(crate) turns: NonZeroU32,

    /// A Python with grpcio and grpcio-tools, for the comparison
    #[arg(long, value_name = "FILE", requires = "compare")]
    pub(crate) python: Option<PathBuf>,

    /// The Python client for it
    #[arg(long, value_name = "FILE", default_value = "benches/python/client.py")]
    pub(crate) script: PathBuf,

    /// Draw the comparison into this folder, as bench-frames.svg and bench-commands.svg
    #[arg(long, value_name = "DIR", requires = "compare")]
    pub(crate) plot: Option<PathBuf>,

    /// Run the three modes of UESynth's guide, with both engines
    #[arg(long, conflicts_with_all = ["compare", "server"])]
    pub(crate) guide: bool,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// What our own server serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchEngine {
    /// Frames made beforehand, so that only the path is measured
    Replay,
    /// The embedded simulator
    Sim,
}

/// How requests are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchMode {
    /// A thread sleeps until each reply has come
    Sync,
    /// Each reply is awaited before the next request
    Direct,
    /// Several requests are in flight
    Streaming,
}

/// How long a text says, in seconds.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.trim_end_matches('s').parse().ok();
    let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let time = time.filter(|time| !time.is_zero() && *time < Duration::from_secs(86_400));
    time.ok_or_else(|| "give a number of seconds above 0, such as 5 or 0.5".to_owned())
}
