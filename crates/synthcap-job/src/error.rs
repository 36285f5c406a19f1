//! The one error type of this crate.

use std::fmt;

/// The result of this crate's operations.
pub type Result<T> = std::result::Result<T, JobError>;

/// What is wrong with a job: one line that names the thing, the place and the
/// remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobError(String);

impl JobError {
    /// An error with its line.
    pub fn new(line: impl Into<String>) -> Self {
        Self(line.into())
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for JobError {}
