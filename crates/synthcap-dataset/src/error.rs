//! The one error type of this crate.

use std::{
    error::Error as StdError,
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The result of this crate's operations.
pub type Result<T> = std::result::Result<T, Error>;

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The plan of the data set makes no sense; nothing was written.
    InvalidPlan,
    /// The format cannot carry what the plan asks for; nothing was written.
    Unsupported,
    /// The output folder holds something, and overwriting was not asked for.
    OutputExists,
    /// Overwriting was asked for, but the folder holds something that this crate
    /// did not write. It is left alone.
    NotADataset,
    /// The folder holds a data set of other formats. It is left alone.
    OtherFormat,
    /// The folder holds the data of another capture job, or parts of different jobs
    /// were to be joined. Nothing is touched.
    OtherJob,
    /// Another writer has the output folder open.
    InUse,
    /// The output folder or a file in it cannot be made or written.
    Unwritable,
    /// The disk, the quota or the permitted file size is used up.
    DiskFull,
    /// The file system failed otherwise.
    Io,
    /// A file of the set does not hold what it must.
    Corrupt,
    /// A sample is not what the plan says, or contradicts itself.
    InvalidSample,
    /// A fault of this crate or of a writer.
    Internal,
}

/// An error of the data set writers. Match on [`kind`](Self::kind).
///
/// Cloning is cheap: the caller that pushes samples and the one that finishes
/// the set may be told of the same failure.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    problem: String,
    remedy: String,
    path: Option<PathBuf>,
    source: Option<io::Error>,
}

impl Error {
    /// An error for a [`Writer`](crate::Writer) of one's own: what is wrong,
    /// naming the thing, and what to do about it, each a part of one line.
    pub fn new(kind: ErrorKind, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            problem: problem.into(),
            remedy: remedy.into(),
            path: None,
            source: None,
        }))
    }

    /// The same kind of error, with the file or folder that it is about.
    pub(crate) fn at(
        kind: ErrorKind,
        path: &Path,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self(Arc::new(Inner {
            kind,
            problem: problem.into(),
            remedy: remedy.into(),
            path: Some(path.to_owned()),
            source: None,
        }))
    }

    /// What the file system answered when it was asked to `verb` this path.
    pub(crate) fn io(verb: &str, path: &Path, source: io::Error) -> Self {
        let (kind, remedy) = match source.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => (
                ErrorKind::DiskFull,
                "free some space there, or choose a folder on another disk",
            ),
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory => (
                ErrorKind::Unwritable,
                "choose a folder that you may write to",
            ),
            _ => (ErrorKind::Io, "check the disk, or choose another folder"),
        };
        Self(Arc::new(Inner {
            kind,
            problem: format!("cannot {verb} {}", path.display()),
            remedy: remedy.to_owned(),
            path: Some(path.to_owned()),
            source: Some(source),
        }))
    }

    /// Something that our own code should have made impossible.
    pub(crate) fn internal(what: &str, why: &dyn fmt::Display) -> Self {
        Self::new(
            ErrorKind::Internal,
            format!("cannot make the {what}: {why}"),
            "please report this",
        )
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What is wrong, naming the thing; without the remedy.
    pub fn problem(&self) -> &str {
        &self.0.problem
    }

    /// What to do about it.
    pub fn remedy(&self) -> &str {
        &self.0.remedy
    }

    /// The file or folder it is about.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.0.problem, self.0.remedy)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("problem", &self.0.problem)
            .field("remedy", &self.0.remedy)
            .field("path", &self.0.path)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source = self.0.source.as_ref()?;
        Some(source)
    }
}
