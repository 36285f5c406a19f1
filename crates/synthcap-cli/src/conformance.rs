//! `synthcap conformance`.

use std::time::Duration;

use synthcap_conformance::{Level, Options, check};

use crate::{
    args::{ConformanceArgs, ConformanceLevel},
    exit::{Failure, Result, Stop},
    output,
};

impl From<ConformanceLevel> for Level {
    fn from(level: ConformanceLevel) -> Self {
        match level {
            ConformanceLevel::Plain => Self::Plain,
            ConformanceLevel::Extended => Self::Extended,
            ConformanceLevel::SharedMemory => Self::SharedMemory,
        }
    }
}

/// Looks at a server and prints the report.
///
/// # Errors
///
/// When the server cannot be reached, or breaks the contract.
pub(crate) async fn run(args: ConformanceArgs) -> Result<()> {
    let options = Options {
        level: args.level.into(),
        size: (args.size.width, args.size.height),
        patience: Duration::from_secs(args.patience),
    };
    let report = check(&args.server, &options).await?;
    if args.json {
        let json = serde_json::to_string(&report);
        let json = json.map_err(|e| Stop::new(Failure::Internal, format!("no JSON: {e}")))?;
        output::answer(json)?;
    } else {
        output::answer(&report)?;
    }
    let failed: Vec<_> = report.failed().map(|point| point.id).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let line = format!(
        "the server breaks the contract at {}; see what was expected and seen",
        failed.join(", ")
    );
    Err(Stop::new(Failure::Nonconformant, line))
}
