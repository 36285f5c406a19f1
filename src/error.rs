//! The one error type of the client, and the codes that servers answer with.

use std::{error::Error as StdError, fmt, sync::Arc};

use crate::{Capability, Modality, RequestId};

/// Why a server refused or failed a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// The request itself is wrong.
    InvalidArgument,
    /// No such camera, object, asset or light.
    NotFound,
    /// The name is taken.
    AlreadyExists,
    /// This server cannot do it at all.
    Unsupported,
    /// A limit or a full queue; may work later.
    ResourceExhausted,
    /// Not in the present state.
    FailedPrecondition,
    /// The server gave up in time.
    DeadlineExceeded,
    /// Cancelled on the server.
    Cancelled,
    /// Not allowed.
    PermissionDenied,
    /// Shutting down or restarting.
    Unavailable,
    /// A fault of the server or its engine.
    Internal,
}

impl ErrorCode {
    /// Whether the same request may succeed later.
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::ResourceExhausted | Self::Unavailable)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::InvalidArgument => "invalid argument",
            Self::NotFound => "not found",
            Self::AlreadyExists => "already exists",
            Self::Unsupported => "unsupported",
            Self::ResourceExhausted => "resource exhausted",
            Self::FailedPrecondition => "failed precondition",
            Self::DeadlineExceeded => "deadline exceeded",
            Self::Cancelled => "cancelled",
            Self::PermissionDenied => "permission denied",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        })
    }
}

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting or argument is wrong; nothing was sent.
    InvalidInput,
    /// The server could not be reached.
    Unreachable,
    /// Something answered that does not speak the protocol.
    NotASimulator,
    /// The server lacks a capability, and it cannot be emulated without a weaker
    /// guarantee; nothing was sent.
    Unsupported(Capability),
    /// The server does not make images of this modality; nothing was sent.
    UnsupportedModality(Modality),
    /// As many requests as allowed wait for their reply already; nothing was sent.
    InFlightLimit,
    /// No reply in time. The request may still take effect.
    DeadlineExceeded,
    /// The caller cancelled it.
    Cancelled,
    /// The connection was lost before the request was sent.
    NotSent,
    /// The connection was lost after the request was sent: it may have taken
    /// effect or not.
    OutcomeUnknown,
    /// The client was closed.
    Closed,
    /// The server answered with an error.
    Rejected(ErrorCode),
    /// A plain UESynth server passed the request over in silence, which is how it
    /// reports failure.
    NoReply,
    /// Something is missing between two items of a lossless stream; it goes on.
    Gap,
    /// The reply breaks the protocol: wrong length, wrong type, bad text.
    BadReply,
}

/// An error of the client. Match on [`kind`](Self::kind).
///
/// Cloning is cheap: several waiters may be told of the same failure.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    request: Option<RequestId>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            request: None,
            source: None,
        }))
    }

    pub(crate) fn with_source(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            request: None,
            source: Some(source.into()),
        }))
    }

    /// The same error, as that of one request.
    pub(crate) fn of_request(&self, request: RequestId) -> Self {
        Self(Arc::new(Inner {
            kind: self.0.kind,
            message: self.0.message.clone(),
            request: Some(request),
            source: self
                .0
                .source
                .as_ref()
                .map(|_| Box::new(self.clone()) as Box<dyn StdError + Send + Sync>),
        }))
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The request that failed, when it was one.
    pub fn request_id(&self) -> Option<RequestId> {
        self.0.request
    }

    /// Whether the same request may succeed if made again. Where the outcome of
    /// the first is unknown, that is for the caller to weigh.
    pub fn is_retryable(&self) -> bool {
        match self.0.kind {
            ErrorKind::Unreachable
            | ErrorKind::InFlightLimit
            | ErrorKind::DeadlineExceeded
            | ErrorKind::NotSent
            | ErrorKind::OutcomeUnknown => true,
            ErrorKind::Rejected(code) => code.is_retryable(),
            _ => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(request) = self.0.request {
            write!(f, "request {request}: ")?;
        }
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("request", &self.0.request)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source = self.0.source.as_deref()?;
        Some(source)
    }
}
