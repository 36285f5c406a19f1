//! Tells whether a server keeps the contract, point by point.
//!
//! A server can answer everything and still be wrong: depth along the ray instead
//! of the axis, centimetres for metres, labels a tick behind the colours, flow
//! the other way round. So each point looks at what the server *shows*: it moves
//! the camera and reprojects, compares labels of the same instant, sends what
//! must be refused. Only what the server says it can do is asked for.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use synthcap_conformance::{Level, Options, check};
//!
//! let server = synthcap_sim::serve(synthcap_sim::SimConfig::small()).await?;
//! let options = Options { level: Level::Plain, ..Options::default() };
//! let report = check(&server.url(), &options).await?;
//! assert!(report.is_conformant(), "{report}");
//! # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! The server must be one that may be disturbed: its camera is moved, time is
//! stopped and stepped, objects are pushed, and where it can be reset, it is. The
//! camera and the clock are put back in the end.
//!
//! # Levels
//!
//! [`Level::Plain`] is what every UESynth client relies on, so servers of both
//! kinds must keep it. [`Level::Extended`] is the rest of the protocol, as far as
//! the server offers it. [`Level::SharedMemory`] holds what only images by shared
//! memory must keep, where a server offers them.

mod bench;
mod point;
mod points;
mod report;
mod shot;
mod views;
mod wire;

use std::time::Duration;

use synthcap::Error;

use bench::Bench;
pub use report::{Level, PointReport, Report, Verdict};

/// How to look at a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Up to which level. Default: all of them.
    pub level: Level,
    /// Size of the images to look at, pixels. Default 256x192. Larger shows
    /// smaller errors and takes longer; cut to what the server makes.
    pub size: (u32, u32),
    /// How long to wait for any one reply. Default 30 s.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            level: Level::SharedMemory,
            size: (256, 192),
            patience: Duration::from_secs(30),
        }
    }
}

/// Looks at the server at this address. What it breaks is in the report, not an
/// error.
///
/// Must be called within a tokio runtime. Not cancel safe: dropped before it
/// returns, the camera stays where it was moved last.
///
/// # Errors
///
/// When nothing answers there, or what answers does not speak the protocol.
pub async fn check(url: &str, options: &Options) -> Result<Report, Error> {
    let mut bench = Bench::connect(url, options).await?;
    let mut report = Report::new(url, bench.info.as_deref());
    for point in points::all() {
        if point.level > options.level {
            continue;
        }
        let verdict = point.judge(&mut bench, &report).await;
        report.add(&point, verdict);
    }
    bench.restore().await;
    Ok(report)
}
