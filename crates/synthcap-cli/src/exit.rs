//! How the program ends: one line for people, one number for scripts.

use std::{error::Error as _, fmt, process::ExitCode};

use serde::Serialize;

/// Why the program ended otherwise than well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Failure {
    /// A fault of the program.
    Internal,
    /// A flag, a value or a file given by the user makes no sense.
    Usage,
    /// Nobody answers there, or not in our language.
    Unreachable,
    /// The server cannot do it, or refuses to.
    Refused,
    /// The output folder cannot be used.
    Output,
    /// The disk is full or failed.
    Disk,
    /// The connection or the server failed on the way.
    Lost,
    /// The server breaks the contract.
    Nonconformant,
    /// A data set is not what it should be.
    Invalid,
    /// Ctrl-C.
    Interrupted,
}

/// The list for `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0    all went well
  1    a fault of synthcap itself
  2    a flag, a value or a file given to it makes no sense
  3    the server cannot be reached, or is not a simulator
  4    the server cannot do it, or refuses to
  5    the output folder cannot be used
  6    the disk is full or failed
  7    the connection or the server failed on the way
  8    the server breaks the contract (conformance)
  9    the data set that was checked has faults
  130  ended by Ctrl-C";

impl Failure {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Refused => 4,
            Self::Output => 5,
            Self::Disk => 6,
            Self::Lost => 7,
            Self::Nonconformant => 8,
            Self::Invalid => 9,
            Self::Interrupted => 130,
        }
    }
}

impl From<Failure> for ExitCode {
    fn from(failure: Failure) -> Self {
        failure.code().into()
    }
}

/// A failure with its one line, which names the thing and the remedy.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    pub(crate) failure: Failure,
    pub(crate) line: String,
}

pub(crate) type Result<T> = std::result::Result<T, Stop>;

impl Stop {
    pub(crate) fn new(failure: Failure, line: impl Into<String>) -> Self {
        // Messages of others may have several lines; ours is one.
        let line = line.into();
        let words: Vec<_> = line.split_whitespace().collect();
        Self {
            failure,
            line: words.join(" "),
        }
    }

    pub(crate) fn usage(line: impl Into<String>) -> Self {
        Self::new(Failure::Usage, line)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl From<synthcap::Error> for Stop {
    fn from(error: synthcap::Error) -> Self {
        use synthcap::{ErrorCode, ErrorKind};
        let failure = match error.kind() {
            ErrorKind::InvalidInput => Failure::Usage,
            ErrorKind::Unreachable | ErrorKind::NotASimulator => Failure::Unreachable,
            ErrorKind::Rejected(
                ErrorCode::Unavailable | ErrorCode::Internal | ErrorCode::DeadlineExceeded,
            ) => Failure::Lost,
            ErrorKind::Unsupported(_) | ErrorKind::Rejected(_) => Failure::Refused,
            _ => Failure::Lost,
        };
        // The message of the client tells the cause already.
        let remedy = match failure {
            Failure::Lost => "; see whether the server still runs, then try again",
            _ => "",
        };
        Self::new(failure, format!("{error}{remedy}"))
    }
}

impl From<synthcap_job::JobError> for Stop {
    fn from(error: synthcap_job::JobError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<synthcap_dataset::Error> for Stop {
    fn from(error: synthcap_dataset::Error) -> Self {
        use synthcap_dataset::ErrorKind;
        let (failure, remedy) = match error.kind() {
            ErrorKind::OutputExists => (
                Failure::Output,
                "choose another --out, go on with --resume, or replace the data set there with --overwrite",
            ),
            ErrorKind::OtherJob => (Failure::Output, error.remedy()),
            ErrorKind::NotADataset => (
                Failure::Output,
                "choose another --out, or clear that folder yourself",
            ),
            ErrorKind::OtherFormat => (
                Failure::Output,
                "choose another --out, or the same --format",
            ),
            ErrorKind::InUse | ErrorKind::Unwritable => (Failure::Output, error.remedy()),
            ErrorKind::DiskFull | ErrorKind::Io | ErrorKind::Corrupt => {
                (Failure::Disk, error.remedy())
            }
            ErrorKind::InvalidPlan | ErrorKind::Unsupported => (Failure::Usage, error.remedy()),
            ErrorKind::InvalidSample => (Failure::Refused, error.remedy()),
            _ => (Failure::Internal, error.remedy()),
        };
        let cause = error.source().map(|cause| format!(": {cause}"));
        let cause = cause.unwrap_or_default();
        Self::new(failure, format!("{}{cause}; {remedy}", error.problem()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_lists_every_code() {
        let all = [
            Failure::Internal,
            Failure::Usage,
            Failure::Unreachable,
            Failure::Refused,
            Failure::Output,
            Failure::Disk,
            Failure::Lost,
            Failure::Nonconformant,
            Failure::Invalid,
            Failure::Interrupted,
        ];
        for failure in all {
            let entry = format!("\n  {:<4} ", failure.code());
            assert!(EXIT_CODES.contains(&entry), "{failure:?}");
        }
    }

    #[test]
    fn a_message_is_one_line() {
        let stop = Stop::usage("first\n  second");
        assert_eq!(stop.to_string(), "first second");
    }
}
