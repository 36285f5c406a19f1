//! Arguments as people type them.

use std::{num::NonZeroU64, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use synthcap::{Modality, ModalitySet};
use synthcap_dataset::FORMATS;

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
  synthcap capture --out replay --path demo/frames.jsonl --server http://127.0.0.1:50051

Look at preview.png in the output folder first.

A pose file has one pose per line, `x y z pitch yaw roll` in centimetres and degrees (X forward, Y \
right, Z up), separated by spaces or commas; # begins a comment. Lines of JSON are taken as well: \
objects with these six names, or the lines of a data set's frames.jsonl.";

/// What `capture` is asked for.
#[derive(Debug, Args)]
#[command(after_help = format!("{CAPTURE_EXAMPLES}\n\n{}\n\n{EXIT_CODES}", formats()))]
pub(crate) struct CaptureArgs {
    /// How many frames [default: 48, or as many as the pose file has]
    #[arg(long, value_name = "N")]
    pub(crate) frames: Option<NonZeroU64>,

    /// The folder for the data set; made if need be
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// Image size in pixels
    #[arg(long, value_name = "WxH", default_value = "640x480", value_parser = size)]
    pub(crate) size: Size,

    /// The format of the data set; several times for several formats, each in a folder of its
    /// name. Options follow a colon: frames:depth=kitti,flow=flo or webdataset:samples=500.
    /// See the list below
    #[arg(long = "format", value_name = "NAME", default_value = "frames")]
    pub(crate) formats: Vec<String>,

    /// The licence of the data set, for its card: an SPDX identifier, or words
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) license: String,

    /// Which images to take, separated by commas [default: all of rgb, depth, segmentation,
    /// normals, flow that the formats can carry]
    #[arg(long, value_name = "LIST", value_parser = modalities)]
    pub(crate) modalities: Option<ModalitySet>,

    /// What scene, camera path and randomisation are drawn from; the same seed
    /// gives the same data set. A server is reset to it [default: 0, or the
    /// server's own without a reset]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub(crate) seed: Option<u64>,

    /// Where the camera goes: once around the scene, to random views of it, or
    /// through the poses of a file
    #[arg(long, value_name = "orbit|random|FILE", default_value = "orbit")]
    pub(crate) path: PathChoice,

    /// Vary light, materials, object poses and the camera from frame to frame
    #[arg(long)]
    pub(crate) randomize: bool,

    /// Capture from this server instead of the embedded simulator
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,

    #[command(flatten)]
    pub(crate) access: AccessArgs,

    /// Which camera of the scene to use [default: the first]
    #[arg(long, value_name = "NAME")]
    pub(crate) camera: Option<String>,

    /// Replace the data set that stands in the output folder
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Print one summary as JSON when done
    #[arg(long)]
    pub(crate) json: bool,
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

/// An image size in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
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

pub(crate) fn size(text: &str) -> Result<Size, String> {
    /// Far beyond any sensor; larger numbers are typing errors.
    const MOST: u32 = 16_384;
    let sides = text.split_once(['x', 'X']);
    let number = |side: &str| side.parse::<u32>().ok();
    let size = sides.and_then(|(w, h)| Some((number(w)?, number(h)?)));
    match size {
        Some((width, height)) if (1..=MOST).contains(&width) && (1..=MOST).contains(&height) => {
            Ok(Size { width, height })
        }
        Some(_) => Err(format!("each side must be from 1 to {MOST} pixels")),
        None => Err("give width and height, such as 640x480".to_owned()),
    }
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
    fn defaults_make_a_whole_data_set() {
        let args = capture(&[]).expect("defaults");
        assert_eq!(
            args.size,
            Size {
                width: 640,
                height: 480
            }
        );
        assert_eq!(args.modalities, None);
        assert_eq!(args.formats, ["frames"]);
        assert_eq!(args.path, PathChoice::Orbit);
        assert_eq!((args.frames, args.seed), (None, None));
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
        assert_eq!(
            args.size,
            Size {
                width: 32,
                height: 8
            }
        );
        assert_eq!(args.modalities, Some(Modality::Rgb | Modality::Depth));
        assert_eq!(args.path, PathChoice::File("a/b.txt".into()));
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
