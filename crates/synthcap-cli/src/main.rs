//! The synthcap command: arguments, then validated settings, then a run.

#![warn(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they panic when nobody reads; `output` does not"
)]

mod access;
mod args;
mod bench;
mod capture;
mod checking;
mod conformance;
mod embedded;
mod exit;
mod info;
mod joining;
mod output;
mod planning;
mod progress;
mod serve;
mod settings;
mod signal;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    args::{Cli, Command},
    capture::Report,
    exit::{Failure, Result, Stop},
};

/// Counts for `bench`, and otherwise costs nothing.
#[global_allocator]
static ALLOCATOR: synthcap_bench::alloc::Counting = synthcap_bench::alloc::Counting;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version are answers, not complaints.
        Err(help) if !help.use_stderr() => return ended(output::printed(help.print())),
        Err(wrong) => {
            let complaint = Err(Stop::usage(args::complaint(&wrong)));
            let outcome = match args::ask_for_summary(std::env::args_os()) {
                true => Report::new(0).print(complaint, true),
                false => complaint,
            };
            return ended(outcome);
        }
    };
    ended(run(cli.command))
}

fn ended(outcome: Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            output::remark(format_args!("error: {stop}"));
            stop.failure.into()
        }
    }
}

fn run(command: Command) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Stop::new(Failure::Internal, format!("cannot start the runtime: {e}")))?;
    runtime.block_on(async {
        match command {
            Command::Capture(args) => capture::run(args).await,
            Command::Plan(args) => planning::run(args).await,
            Command::Merge(args) => joining::run(args),
            Command::Validate(args) => checking::validate(args),
            Command::Report(args) => checking::report(args),
            Command::Serve(args) => serve::run(args).await,
            Command::Info(args) => info::run(args).await,
            Command::Bench(args) => bench::run(*args).await,
            Command::Conformance(args) => conformance::run(args).await,
        }
    })
}
