//! What the program says: answers on stdout, everything else on stderr.
//!
//! Whoever reads may stop at any time, as `head` does, and a disk that stdout goes to
//! may be full. Neither may end work that is under way.

use std::{
    fmt,
    io::{self, Write as _},
};

use crate::exit::{Failure, Result, Stop};

/// Prints an answer to stdout, and ends its line.
///
/// # Errors
///
/// As [`printed`].
pub(crate) fn answer(line: impl fmt::Display) -> Result<()> {
    let mut stdout = io::stdout().lock();
    printed(writeln!(stdout, "{line}").and_then(|()| stdout.flush()))
}

/// What became of printing to stdout. A reader that has gone away has seen enough, and
/// that is no failure.
///
/// # Errors
///
/// When the answer could not be written otherwise, such as to a full disk.
pub(crate) fn printed(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Stop::new(
            Failure::Disk,
            format!("cannot write to stdout: {error}; free some space or send it elsewhere"),
        )),
        _ => Ok(()),
    }
}

/// Says a line on stderr. When nobody can read it, there is nobody to tell.
pub(crate) fn remark(line: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
