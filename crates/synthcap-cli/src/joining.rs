//! `synthcap merge`: parts of a job become its data set.

use std::time::Instant;

use synthcap_dataset::{Existing, Options, Unmerged};

use crate::{args::MergeArgs, capture::Report, exit::Result, settings::writers};

/// Joins parts and prints the summary.
///
/// # Errors
///
/// When they don't make up a whole, or the output folder cannot be used.
pub(crate) fn run(args: MergeArgs) -> Result<()> {
    let mut report = Report::new(0);
    let json = args.json;
    let outcome = merge(args, &mut report);
    report.print(outcome, json)
}

fn merge(args: MergeArgs, report: &mut Report) -> Result<()> {
    let start = Instant::now();
    let parts = Unmerged::read(&args.parts)?;
    let formats = parts.identity()["formats"].as_array().into_iter().flatten();
    let formats: Vec<_> = formats
        .filter_map(|f| Some(f.as_str()?.to_owned()))
        .collect();
    let mut options = Options::default();
    if args.overwrite {
        options.existing = Existing::Replace;
    }
    let summary = synthcap_dataset::merge(&parts, &args.out, writers(&formats)?, &options)?;
    report.part_of(summary.samples);
    report.written(&summary, 0, start.elapsed());
    summary
        .failure
        .map_or(Ok(()), |failure| Err(failure.into()))
}
