//! Arguments as people type them.

use std::{ffi::OsString, num::NonZeroU64, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use synthcap::{Modality, ModalitySet};
use synthcap_dataset::FORMATS;
use synthcap_job::Size;

use crate::{bench::BenchArgs, exit::EXIT_CODES};

/// Capture synthetic training data from simulators over gRPC.
#[derive(Debug, Parser)]
#[command(name = "synthcap", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Capture a labelled data set, from the embedded simulator or from a server
    Capture(CaptureArgs),
    /// Show what a capture would make: samples, scenes, splits, bytes, time
    Plan(PlanArgs),
    /// Join the parts that captures with --shard have made
    Merge(MergeArgs),
    /// Check a data set of any format: files, labels, geometry
    Validate(ValidateArgs),
    /// Write a page to look at about a data set
    Report(ReportArgs),
    /// Serve the embedded simulator to clients until Ctrl-C
    Serve(ServeArgs),
    /// Show what a server is and can do
    Info(InfoArgs),
    /// Measure how fast frames and commands get through
    Bench(Box<BenchArgs>),
    /// Tell whether a server keeps the contract, point by point
    Conformance(ConformanceArgs),
}

const CAPTURE_EXAMPLES: &str = "\
Examples:
  synthcap capture --frames 48 --out demo
  synthcap capture --frames 500 --out train --path random --randomize --seed 7
  synthcap capture --frames 200 --out coco --format coco --format webdataset
  synthcap capture job.toml --out train --resume
  synthcap capture --out replay --path demo/frames.jsonl --server http://127.0.0.1:50051

Look at preview.png in the output folder first.

A pose file has one pose per line, `x y z pitch yaw roll` in centimetres and degrees (X forward, Y \
right, Z up), separated by spaces or commas; # begins a comment. Lines of JSON are taken as well: \
objects with these six names, or the lines of a data set's frames.jsonl.";

/// What a data set is to hold: a job file, flags, or both. Flags come over the file.
#[derive(Debug, Args)]
pub(crate) struct JobArgs {
    /// A job file, see docs/jobs.md; flags come over it
    #[arg(value_name = "JOB.toml")]
    pub(crate) job: Option<PathBuf>,

    /// How many frames [default: 48, or as many as the pose file has]
    #[arg(long, value_name = "N")]
    pub(crate) frames: Option<NonZeroU64>,

    /// How many frames share a scene; each scene has a seed of its own [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) frames_per_scene: Option<NonZeroU64>,

    /// The scene [default: the simulator's first, or the server's]
    #[arg(long, value_name = "NAME")]
    pub(crate) scene: Option<String>,

    /// Image size in pixels [default: 640x480]
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub(crate) size: Option<Size>,

    /// The format of the data set; several times for several formats, each in a folder of its
    /// name. Options follow a colon: frames:depth=kitti,flow=flo or webdataset:samples=500.
    /// See the list below [default: frames]
    #[arg(long = "format", value_name = "NAME")]
    pub(crate) formats: Vec<String>,

    /// The licence of the data set, for its card: an SPDX identifier, or words
    #[arg(long, value_name = "TEXT")]
    pub(crate) license: Option<String>,

    /// Which images to take, separated by commas [default: all of rgb, depth, segmentation,
    /// normals, flow that the formats can carry]
    #[arg(long, value_name = "LIST", value_parser = modalities)]
    pub(crate) modalities: Option<ModalitySet>,

    /// What scene, camera path and randomisation are drawn from; the same seed
    /// gives the same data set. A server is reset to it [default: 0, or without a job file the
    /// server's own without a reset]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub(crate) seed: Option<u64>,

    /// Where the camera goes: once around the scene, to random views of it, or
    /// through the poses of a file [default: orbit]
    #[arg(long, value_name = "orbit|random|FILE")]
    pub(crate) path: Option<PathChoice>,

    /// Vary light, materials, object poses and the camera from frame to frame
    #[arg(long)]
    pub(crate) randomize: bool,

    /// Which camera of the scene to use [default: the first]
    #[arg(long, value_name = "NAME")]
    pub(crate) camera: Option<String>,

    /// Any other key of the job file, such as randomize.light.per=scene; several times for
    /// several keys
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,

    /// Capture from this server instead of the embedded simulator; several times for several
    /// servers, over which the frames are spread
    #[arg(long = "server", value_name = "URL")]
    pub(crate) servers: Vec<String>,

    /// Where the embedded simulator finds the glTF files that a job names as assets, such as
    /// mug.glb; a server has a folder of its own, see `synthcap serve --assets`
    #[arg(long, value_name = "DIR")]
    pub(crate) assets: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

/// What `capture` is asked for.
#[derive(Debug, Args)]
#[command(after_help = format!("{CAPTURE_EXAMPLES}\n\n{}\n\n{EXIT_CODES}", formats()))]
pub(crate) struct CaptureArgs {
    #[command(flatten)]
    pub(crate) job: JobArgs,

    /// The folder for the data set; made if need be
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// Replace the data set that stands in the output folder
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Go on with what an interrupted capture of the same job has left in the output folder;
    /// begin when there is nothing
    #[arg(long, conflicts_with = "overwrite")]
    pub(crate) resume: bool,

    /// Make only part I of N, from 0/N to (N-1)/N, for `synthcap merge` [default: what
    /// SLURM_ARRAY_TASK_ID and _COUNT say, or JOB_COMPLETION_INDEX and SYNTHCAP_SHARDS; else all]
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<String>,

    /// Frames after which what is complete is brought to the disk and noted in the journal; so
    /// many a power cut may cost. It is done every 2 seconds in any case
    #[arg(long, value_name = "N", default_value = "64")]
    pub(crate) sync_frames: NonZeroU64,

    /// Write report.html into the data set
    #[arg(long)]
    pub(crate) report: bool,

    /// Print one summary as JSON when done
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `plan` is asked for.
#[derive(Debug, Args)]
#[command(after_help = format!("\
Examples:
  synthcap plan job.toml
  synthcap plan job.toml --frames 100000 --probe 8 --json

Keys of a job file: docs/jobs.md names each with its meaning, unit and default.

{}", formats()))]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) job: JobArgs,

    /// Capture so many frames into a temporary folder, to measure time and bytes; 0 tells only
    /// what is known without
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) probe: u64,

    /// Machines that would share the work
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) shards: NonZeroU64,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `merge` is asked for.
#[derive(Debug, Args)]
#[command(after_help = format!("\
Example:
  synthcap merge part-0 part-1 part-2 part-3 --out train

{EXIT_CODES}"))]
pub(crate) struct MergeArgs {
    /// The folders that captures with --shard have made; they stay as they are
    #[arg(value_name = "PART", required = true)]
    pub(crate) parts: Vec<PathBuf>,

    /// The folder for the whole data set; made if need be
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// Replace the data set that stands in the output folder
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Print one summary as JSON when done
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `validate` is asked for.
#[derive(Debug, Args)]
#[command(after_help = format!("\
Example:
  synthcap validate demo

{EXIT_CODES}"))]
pub(crate) struct ValidateArgs {
    /// The folder of a data set
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `report` is asked for.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  synthcap report demo --out report.html")]
pub(crate) struct ReportArgs {
    /// The folder of a data set
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,

    /// The page to write
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    pub(crate) out: PathBuf,
}

/// What `serve` is asked for.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  synthcap serve --listen 127.0.0.1:50051 --seed 7
  synthcap info --server http://127.0.0.1:50051      (in another terminal)
  synthcap serve --listen 0.0.0.0:50051 --tls-cert server.pem --tls-key server.key \\
      --token-file tokens.txt")]
pub(crate) struct ServeArgs {
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:50051")]
    pub(crate) listen: String,

    /// Image size of the scene's cameras in pixels
    #[arg(long, value_name = "WxH", default_value = "640x480", value_parser = size)]
    pub(crate) size: Size,

    /// What the scene is drawn from
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub(crate) seed: u64,

    /// The scene [default: the simulator's first]
    #[arg(long, value_name = "NAME")]
    pub(crate) scene: Option<String>,

    /// Where glTF files lie that clients may spawn by their names in it; without, there are only
    /// the built-in shapes
    #[arg(long, value_name = "DIR")]
    pub(crate) assets: Option<PathBuf>,

    /// Serve over TLS with this certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The private key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Let only clients in that have a certificate of these authorities (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) client_ca: Option<PathBuf>,

    /// Let only clients in that show a token of this file: one per line, then the permissions that
    /// it gives, of query, capture, control and simulation, separated by commas [default: all]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// Allow an address that other machines can reach, although nothing protects it: whoever
    /// reaches it controls the simulator
    #[arg(long)]
    pub(crate) insecure_public: bool,
}

/// How to be let in by a server.
#[derive(Args, Clone, Debug, Default, PartialEq)]
#[command(next_help_heading = "Access to the server")]
pub(crate) struct AccessArgs {
    /// The certificates that may vouch for an https:// server (PEM) [default: the system's]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// The client's own certificate, for servers that ask for one (PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,

    /// The private key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// The name in the server's certificate, where it is not the address's
    #[arg(long, value_name = "NAME")]
    pub(crate) server_name: Option<String>,

    /// A file with the token to show [default: the variable SYNTHCAP_TOKEN, if set]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

/// What `info` is asked for.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  synthcap info --server http://127.0.0.1:50051")]
pub(crate) struct InfoArgs {
    /// The server
    #[arg(long, value_name = "URL")]
    pub(crate) server: String,

    #[command(flatten)]
    pub(crate) access: AccessArgs,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `conformance` is asked for.
#[derive(Debug, Args)]
#[command(after_help = format!("\
Example:
  synthcap conformance --server http://127.0.0.1:50051

The server is disturbed: its camera is moved, time is stopped and stepped, objects are pushed, and \
where it can be reset, it is. Camera and clock are put back in the end.

{EXIT_CODES}"))]
pub(crate) struct ConformanceArgs {
    /// The server; one that asks for no token or certificate
    #[arg(long, value_name = "URL")]
    pub(crate) server: String,

    /// Up to which level to look: what every UESynth client relies on, what synthcap adds, or
    /// shared memory as well. What the server does not offer is no failure
    #[arg(long, value_enum, default_value_t = ConformanceLevel::SharedMemory)]
    pub(crate) level: ConformanceLevel,

    /// Size of the images to look at, pixels: larger shows smaller errors
    #[arg(long, value_name = "WxH", default_value = "256x192", value_parser = size)]
    pub(crate) size: Size,

    /// How long to wait for any one reply, seconds
    #[arg(long, value_name = "S", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) patience: u64,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A level of the contract, as typed; each includes those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConformanceLevel {
    Plain,
    Extended,
    SharedMemory,
}

/// Where the camera goes, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PathChoice {
    Orbit,
    Random,
    File(PathBuf),
}

impl From<&str> for PathChoice {
    fn from(text: &str) -> Self {
        match text {
            "orbit" => Self::Orbit,
            "random" => Self::Random,
            file => Self::File(file.into()),
        }
    }
}

/// What is wrong with the arguments, in one line.
pub(crate) fn complaint(error: &clap::Error) -> String {
    let text = error.to_string();
    let paragraphs = text.split("\n\n").map(|paragraph| {
        let words: Vec<_> = paragraph.split_whitespace().collect();
        words.join(" ")
    });
    let said: Vec<_> = paragraphs
        .filter(|p| p.starts_with("error: ") || p.starts_with("tip: "))
        .map(|p| p.trim_start_matches("error: ").to_owned())
        .collect();
    format!("{}; see --help", said.join("; "))
}

/// Whether arguments that cannot be read ask for a summary as JSON, which scripts then
/// read of this failure as well.
pub(crate) fn ask_for_summary(args: impl Iterator<Item = OsString>) -> bool {
    let mut args = args.skip(1);
    let command = args.next();
    // Those that end with a summary; the JSON of others is what was asked for.
    let has_summary = command.is_some_and(|name| name == "capture" || name == "merge");
    has_summary
        && args
            .take_while(|arg| arg != "--")
            .any(|arg| arg == "--json")
}

pub(crate) fn size(text: &str) -> Result<Size, String> {
    text.parse()
}

/// The formats, for the help.
fn formats() -> String {
    let lines = FORMATS
        .iter()
        .map(|(name, what)| format!("  {name:<12} {what}"));
    format!("Formats:\n{}", lines.collect::<Vec<_>>().join("\n"))
}

pub(crate) fn modalities(text: &str) -> Result<ModalitySet, String> {
    let names = text.split(',').map(str::trim);
    let set = names
        .map(|name| name.parse::<Modality>().map_err(|e| e.to_string()))
        .collect::<Result<ModalitySet, _>>()?;
    Ok(set)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn capture(args: &[&str]) -> Result<CaptureArgs, clap::Error> {
        let fixed = ["synthcap", "capture", "--out", "demo"];
        let cli = Cli::try_parse_from(fixed.iter().chain(args))?;
        match cli.command {
            Command::Capture(capture) => Ok(capture),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn values_are_read() {
        let args = capture(&[
            "--size",
            "32x8",
            "--modalities",
            "depth, rgb",
            "--path",
            "a/b.txt",
        ]);
        let args = args.expect("good values");
        let args = args.job;
        let size = Size {
            width: 32,
            height: 8,
        };
        assert_eq!(args.size, Some(size));
        assert_eq!(args.modalities, Some(Modality::Rgb | Modality::Depth));
        assert_eq!(args.path, Some(PathChoice::File("a/b.txt".into())));
    }

    #[test]
    fn bad_values_are_named_with_the_remedy() {
        for (args, remedy) in [
            (["--size", "640"], "640x480"),
            (["--size", "0x480"], "from 1 to"),
            (["--size", "640x-1"], "640x480"),
            (["--size", "99999999999x2"], "640x480"),
            (["--size", "20000x20000"], "from 1 to"),
            (["--modalities", "rgb,colour"], "segmentation"),
            (["--modalities", ""], "choose from"),
            (["--frames", "0"], "--frames"),
            (["--seed", "-1"], "--seed"),
            (["--frame", "3"], "'--frames'"),
        ] {
            let error = complaint(&capture(&args).expect_err("bad value"));
            assert!(!error.contains('\n'), "{error}");
            assert!(error.contains(remedy), "{args:?}: {error}");
            assert!(error.contains(args[0]), "{args:?}: {error}");
        }
    }
}
