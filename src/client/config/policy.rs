//! The choices that a configuration offers, each an enum with its text form.

use std::{fmt, time::Duration};

/// A set of settings that fits a purpose. Single settings override it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Preset {
    /// Patient and plain, for stepping through a program.
    Development,
    /// For programs that run unattended: fails soon, compresses.
    Production,
    /// As many requests under way as a server takes, and large windows.
    HighThroughput,
    /// Small windows and few requests under way.
    LowMemory,
}

/// When to ping by HTTP/2.
///
/// gRPC servers in C++, a plain UESynth server among them, close a connection
/// that pings more often than every five minutes while they send nothing, or
/// more often than every two hours while no request is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeepalivePolicy {
    /// Never. A dead connection shows by the deadlines of requests, and by TCP's
    /// own keepalive.
    #[default]
    Off,
    /// Pings a synthcap server; a plain UESynth server only as seldom as it
    /// allows. Who answers is found out first, which costs one more connection
    /// when connecting.
    WhereAllowed,
    /// Pings every server. Only for those known to permit it.
    Always,
}

/// HTTP/2 keepalive pings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// When to ping at all. Default off.
    pub policy: KeepalivePolicy,
    /// How often to ping. Default 30 s. A dead connection is noticed after this
    /// and the timeout.
    pub interval: Duration,
    /// How long to wait for the answer before the connection counts as lost.
    /// Default 10 s.
    pub timeout: Duration,
    /// Whether to ping while no request is open. Default no.
    pub while_idle: bool,
}

/// What C++ servers allow while they send nothing, with a margin.
const ALLOWED_EVERYWHERE: Duration = Duration::from_secs(301);

impl Keepalive {
    /// No pings.
    pub const OFF: Self = Self::new(KeepalivePolicy::Off);
    /// Every 30 s with 10 s for the answer, where the server allows it.
    pub const WHERE_ALLOWED: Self = Self::new(KeepalivePolicy::WhereAllowed);

    const fn new(policy: KeepalivePolicy) -> Self {
        Self {
            policy,
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(10),
            while_idle: false,
        }
    }

    /// Whether no known server takes offence at these pings.
    pub(super) fn is_harmless(&self) -> bool {
        self.interval >= ALLOWED_EVERYWHERE && !self.while_idle
    }
}

impl Default for Keepalive {
    fn default() -> Self {
        Self::OFF
    }
}

/// Compression of messages by gRPC itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// None: the fastest on one machine and on links of 10 Gb/s.
    #[default]
    Off,
    /// gzip: replies of any server that compresses, and requests to servers of ours,
    /// which compress only for clients that ask so. Those that can encode images
    /// are asked only when every image is to come raw: an
    /// [`Encoding`](crate::Encoding) saves more in a fraction of the time.
    Gzip,
}

/// Frames of a server on the same machine, through memory that both processes
/// have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SharedMemory {
    /// Never: every frame comes over the connection.
    Off,
    /// Where the server offers it and can be reached so. What does not fit there
    /// comes over the connection, and so does everything when anything fails.
    #[default]
    Auto,
}

/// How much a program should log. The library emits `tracing` events and
/// installs no subscriber; programs read this to set up theirs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// Failures.
    Error,
    /// And what may become one.
    #[default]
    Warn,
    /// And what happens on the whole.
    Info,
    /// And each failed request.
    Debug,
    /// And each request.
    Trace,
}

/// The text forms of an enum, in one table for both directions; the first of
/// each variant is the one that is shown.
macro_rules! text_forms {
    ($name:ident { $($variant:ident: $first:literal $(| $more:literal)*,)* }) => {
        impl $name {
            /// The name in files, variables and messages.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $first,)*
                }
            }

            pub(super) fn from_text(text: &str) -> Option<Self> {
                Some(match text.to_ascii_lowercase().as_str() {
                    $($first $(| $more)* => Self::$variant,)*
                    _ => return None,
                })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

text_forms!(Preset {
    Development: "development",
    Production: "production",
    HighThroughput: "high_throughput",
    LowMemory: "low_memory",
});
text_forms!(KeepalivePolicy {
    Off: "off",
    WhereAllowed: "where_allowed",
    Always: "always",
});
text_forms!(Compression {
    Off: "off",
    Gzip: "gzip",
});
text_forms!(SharedMemory {
    Off: "off",
    Auto: "auto",
});
// The further forms are those of Python's logging, which UESynth's users have in
// their environment.
text_forms!(LogLevel {
    Off: "off",
    Error: "error" | "critical",
    Warn: "warn" | "warning",
    Info: "info",
    Debug: "debug",
    Trace: "trace",
});
