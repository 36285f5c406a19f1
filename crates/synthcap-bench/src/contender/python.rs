//! A Python client of the contract, as most users have it today, in a process of
//! its own.

use std::{path::PathBuf, process::Stdio, time::Duration};

use serde::Deserialize;
use tokio::process::Command;

use crate::{Error, Kind, Measure, Work};

/// How the Python client waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// One asyncio stream.
    Async,
    /// One blocking stub.
    Sync,
}

/// A Python with grpcio, and the script that it runs.
#[derive(Clone, Debug)]
pub(crate) struct Python {
    pub(crate) interpreter: PathBuf,
    pub(crate) script: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Said {
    requests: u64,
    seconds: f64,
}

impl Python {
    pub(crate) async fn run(
        &self,
        style: Style,
        url: &str,
        work: &Work,
        time: Duration,
    ) -> Result<Measure, Error> {
        let mut command = Command::new(&self.interpreter);
        command
            .arg(&self.script)
            .args(["--server", url.trim_start_matches("http://")])
            .args(["--seconds", &time.as_secs_f64().to_string()])
            .args(["--in-flight", &work.in_flight.to_string()])
            .args([
                "--style",
                match style {
                    Style::Async => "async",
                    Style::Sync => "sync",
                },
            ]);
        if let Kind::Images {
            width,
            height,
            modalities,
        } = work.kind
        {
            let names: Vec<_> = modalities.iter().map(|modality| modality.name()).collect();
            command
                .args(["--size", &format!("{width}x{height}")])
                .args(["--modalities", &names.join(",")]);
        }
        let output = command.stderr(Stdio::inherit()).output().await?;
        if !output.status.success() {
            let script = self.script.display();
            return Err(format!("{script} ended with {}", output.status).into());
        }
        let said: Said = serde_json::from_slice(&output.stdout)?;
        let wall = Duration::try_from_secs_f64(said.seconds)?;
        Ok(Measure::counted(said.requests, wall))
    }
}
