//! What can go wrong.

use std::{fmt, io};

/// Why shared memory cannot be used. Whoever gets it can go on over the ordinary
/// connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The system refused something.
    System {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The other side is not who it must be, or does not keep the protocol.
    Peer(String),
}

impl Error {
    pub(crate) fn peer(what: impl Into<String>) -> Self {
        Self::Peer(what.into())
    }
}

/// Says what was being done when the system refused.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, Error>;
}

impl<T> Doing<T> for rustix::io::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T, Error> {
        self.map_err(|error| Error::System {
            doing,
            source: error.into(),
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System { doing, .. } => write!(f, "shared memory: cannot {doing}"),
            Self::Peer(what) => write!(f, "shared memory: {what}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System { source, .. } => Some(source),
            Self::Peer(_) => None,
        }
    }
}
