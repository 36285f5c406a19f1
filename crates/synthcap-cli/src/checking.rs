//! `synthcap validate` and `synthcap report`.

use crate::{
    args::{ReportArgs, ValidateArgs},
    exit::{Failure, Result, Stop},
    output,
};

/// Checks a data set and tells its faults.
///
/// # Errors
///
/// When it has faults, or is none.
pub(crate) fn validate(args: ValidateArgs) -> Result<()> {
    let findings = synthcap_dataset::validate(&args.folder)?;
    if args.json {
        output::answer(serde_json::to_string(&findings).unwrap_or_default())?;
    } else {
        output::answer(findings.to_string().trim_end())?;
    }
    if findings.is_sound() {
        return Ok(());
    }
    Err(Stop::new(
        Failure::Invalid,
        format!(
            "{} has {} faults; make those samples again",
            args.folder.display(),
            findings.count()
        ),
    ))
}

/// Writes a page about a data set.
///
/// # Errors
///
/// When the set cannot be read or the page not written.
pub(crate) fn report(args: ReportArgs) -> Result<()> {
    synthcap_dataset::write_report(&args.folder, &args.out)?;
    output::answer(format_args!("look at {}", args.out.display()))
}
