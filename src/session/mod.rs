//! One task that owns the stream and all mutable state of a connection.
//!
//! [`machine`] decides, [`driver`] does the I/O around it, [`transport`] is the
//! network behind a trait.

mod aside;
mod assembly;
mod backoff;
mod burst;
mod decoding;
mod dial;
mod driver;
mod encodings;
mod ending;
mod entry;
mod hub;
mod limiter;
mod machine;
#[cfg(test)]
mod machine_tests;
mod meter;
mod outbound;
mod plain;
mod pushes;
mod receive;
mod shared;
mod transport;
mod unary;
mod waiters;

use std::{sync::Arc, time::Duration};

#[cfg(feature = "server")]
pub(crate) use aside::{REPLIES_OF_HEADER, STREAM_HEADER};
pub use backoff::Backoff;
pub use burst::InputBuffering;
#[cfg(feature = "tls")]
pub(crate) use dial::TlsDialing;
pub use dial::{DialTarget, Dialer};
pub(crate) use dial::{Dialing, Way};
pub(crate) use driver::{Order, Policies, PushItem, Session, spawn};
pub(crate) use entry::Job;
pub(crate) use limiter::{InFlight, Permit};
#[cfg(fuzzing)]
pub(crate) use machine::{Action, Machine};
pub(crate) use machine::{Submission, Via};
pub(crate) use plain::only_one_camera;
#[cfg(fuzzing)]
pub(crate) use receive::fuzzed;
#[cfg(all(feature = "server", target_os = "linux"))]
pub(crate) use shared::SHARED_HEADER;
pub(crate) use shared::SharedCount;
#[cfg(feature = "server")]
pub(crate) use transport::COMPRESS_HEADER;
pub(crate) use transport::{Connection, Connector, Peer, Transport};
pub(crate) use unary::has_method;
pub(crate) use waiters::{Waiter, Waiters};

use crate::{Answer, Frame, frame::Stamp};

/// The longest time that a setting may be: an instant much further ahead cannot be
/// computed everywhere.
pub(crate) const LONGEST: Duration = Duration::from_secs(1 << 30);

/// What became of a request that succeeded: one answer per command.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) answers: Vec<(Answer<Arc<Frame>>, Stamp)>,
    pub(crate) stamp: Stamp,
}

/// What happens when the connection is lost.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ReconnectPolicy {
    /// The client ends; every request is told why.
    Never,
    /// Connect again after these waits, for as long as the client lives. Requests
    /// made meanwhile wait for the connection until their deadline.
    Backoff(Backoff),
}

impl Default for ReconnectPolicy {
    fn default() -> Self {
        Self::Backoff(Backoff::default())
    }
}

/// Which requests are sent again when the connection was lost before the reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResendPolicy {
    /// None: each ends with [`ErrorKind::OutcomeUnknown`](crate::ErrorKind).
    Never,
    /// Captures, queries and absolute setters, which do no harm twice. Spawn,
    /// destroy, step and reset are never sent again.
    #[default]
    Idempotent,
}
