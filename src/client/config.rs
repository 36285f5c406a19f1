//! Settings of a client, validated once.

use std::{sync::Arc, time::Duration};

use tonic::transport::Endpoint;

use super::Client;
use crate::{
    Error, ErrorKind, ReconnectPolicy, ResendPolicy,
    session::{Connector, InFlight},
};

/// HTTP/2 keepalive pings.
///
/// gRPC servers in C++ (a plain UESynth server among them) close a connection
/// that pings more often than every five minutes while they send nothing, so
/// this is off unless asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// How often to ping.
    pub interval: Duration,
    /// How long to wait for the answer before the connection counts as lost.
    pub timeout: Duration,
    /// Whether to ping while no request is open.
    pub while_idle: bool,
}

/// Compression of messages by gRPC itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// None: the fastest on one machine and on links of 10 Gb/s.
    #[default]
    Off,
    /// gzip, both ways. Servers of ours compress only for clients that ask so.
    Gzip,
}

/// Settings of a client, before it connects.
///
/// Nothing is checked until [`connect`](Self::connect), which names the first
/// setting that cannot work.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until connect() is awaited"]
pub struct ClientBuilder {
    url: String,
    connect_timeout: Duration,
    request_timeout: Duration,
    max_captures_in_flight: usize,
    max_commands_in_flight: usize,
    max_message_bytes: usize,
    stream_window_bytes: u32,
    connection_window_bytes: u32,
    max_frame_bytes: u32,
    tcp_keepalive: Option<Duration>,
    keepalive: Option<Keepalive>,
    compression: Compression,
    reconnect: ReconnectPolicy,
    resend: ResendPolicy,
}

/// The largest value that HTTP/2 allows for a frame.
const MAX_HTTP2_FRAME_BYTES: u32 = (1 << 24) - 1;
/// The largest value that HTTP/2 allows for a window.
const MAX_HTTP2_WINDOW_BYTES: u32 = (1 << 31) - 1;

impl ClientBuilder {
    /// Default settings for this server, such as `http://127.0.0.1:50051`. A
    /// missing scheme means `http://`.
    pub(super) fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            max_captures_in_flight: 64,
            max_commands_in_flight: 1024,
            max_message_bytes: 256 << 20,
            stream_window_bytes: 16 << 20,
            connection_window_bytes: 32 << 20,
            max_frame_bytes: 1 << 20,
            tcp_keepalive: Some(Duration::from_secs(30)),
            keepalive: None,
            compression: Compression::Off,
            reconnect: ReconnectPolicy::default(),
            resend: ResendPolicy::default(),
        }
    }

    /// How long connecting may take, including the question who answers. Default
    /// 10 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a request may take when it does not say itself. Default 30 s.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How many captures may wait for their reply (or, in a lossless stream, for
    /// their reader) at once. Default 64. Times the size of a frame this bounds
    /// the memory of the client.
    pub fn max_captures_in_flight(mut self, count: usize) -> Self {
        self.max_captures_in_flight = count;
        self
    }

    /// How many other requests may wait for their reply at once. Default 1024.
    /// They are counted apart from captures, so that frames in flight never keep
    /// a camera from moving.
    pub fn max_commands_in_flight(mut self, count: usize) -> Self {
        self.max_commands_in_flight = count;
        self
    }

    /// The largest message accepted or sent, in bytes. Default 256 MiB. A larger
    /// frame fails its request and the connection.
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.max_message_bytes = bytes;
        self
    }

    /// How many bytes the server may send ahead, on the stream and on the
    /// connection. Defaults 16 MiB and 32 MiB; smaller windows slow large frames
    /// down, larger ones hold more memory.
    pub fn windows_bytes(mut self, stream: u32, connection: u32) -> Self {
        self.stream_window_bytes = stream;
        self.connection_window_bytes = connection;
        self
    }

    /// The largest HTTP/2 frame, in bytes, 16,384 to 16,777,215. Default 1 MiB;
    /// small frames cost much of the throughput.
    pub fn max_frame_bytes(mut self, bytes: u32) -> Self {
        self.max_frame_bytes = bytes;
        self
    }

    /// How often TCP itself checks a silent connection; `None` never. Default
    /// 30 s.
    pub fn tcp_keepalive(mut self, interval: Option<Duration>) -> Self {
        self.tcp_keepalive = interval;
        self
    }

    /// Pings by HTTP/2. Default off; see [`Keepalive`] for why.
    pub fn keepalive(mut self, keepalive: Option<Keepalive>) -> Self {
        self.keepalive = keepalive;
        self
    }

    /// Compression by gRPC. Default off.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// What happens when the connection is lost. Default: connect again.
    pub fn reconnect(mut self, policy: ReconnectPolicy) -> Self {
        self.reconnect = policy;
        self
    }

    /// Which requests are sent again after the connection was lost. Default:
    /// those that do no harm twice.
    pub fn resend(mut self, policy: ResendPolicy) -> Self {
        self.resend = policy;
        self
    }

    /// Connects, and asks the server what it can do.
    ///
    /// Must be called within a tokio runtime. Cancel safe: dropping the future
    /// drops the attempt.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a setting that cannot work,
    /// [`ErrorKind::Unreachable`] when nothing answers, and
    /// [`ErrorKind::NotASimulator`] when what answers does not speak the
    /// protocol.
    pub async fn connect(self) -> Result<Client, Error> {
        self.validate()?;
        let connector = self.connector()?;
        let first = crate::session::Transport::connect(&mut connector.clone()).await?;
        Ok(Client::start(
            connector,
            first,
            &self,
            InFlight::new(self.max_captures_in_flight, "captures"),
            InFlight::new(self.max_commands_in_flight, "commands"),
        ))
    }

    pub(super) fn policies(&self) -> (ReconnectPolicy, ResendPolicy) {
        (self.reconnect, self.resend)
    }

    pub(super) fn default_timeout(&self) -> Duration {
        self.request_timeout
    }

    fn validate(&self) -> Result<(), Error> {
        let invalid = |message: String| Err(Error::new(ErrorKind::InvalidInput, message));
        for (name, timeout) in [
            ("connect_timeout", self.connect_timeout),
            ("request_timeout", self.request_timeout),
        ] {
            if timeout.is_zero() {
                return invalid(format!("{name} must be longer than zero"));
            }
        }
        for (name, count) in [
            ("max_captures_in_flight", self.max_captures_in_flight),
            ("max_commands_in_flight", self.max_commands_in_flight),
        ] {
            if !(1..=1 << 20).contains(&count) {
                return invalid(format!("{name} is {count}; it must be 1 to 1048576"));
            }
        }
        if self.max_message_bytes < 4096 {
            return invalid(format!(
                "max_message_bytes is {}; it must be at least 4096",
                self.max_message_bytes
            ));
        }
        if !(16_384..=MAX_HTTP2_FRAME_BYTES).contains(&self.max_frame_bytes) {
            return invalid(format!(
                "max_frame_bytes is {}; it must be 16384 to {MAX_HTTP2_FRAME_BYTES}",
                self.max_frame_bytes
            ));
        }
        for (name, bytes) in [
            ("the stream window", self.stream_window_bytes),
            ("the connection window", self.connection_window_bytes),
        ] {
            if !(65_535..=MAX_HTTP2_WINDOW_BYTES).contains(&bytes) {
                return invalid(format!(
                    "{name} is {bytes} bytes; it must be 65535 to {MAX_HTTP2_WINDOW_BYTES}"
                ));
            }
        }
        match self.keepalive {
            Some(Keepalive {
                interval, timeout, ..
            }) if interval.is_zero() || timeout.is_zero() => {
                invalid("keepalive interval and timeout must be longer than zero".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn connector(&self) -> Result<Connector, Error> {
        let url = if self.url.contains("://") {
            self.url.clone()
        } else {
            format!("http://{}", self.url)
        };
        let unusable = |why: &str| {
            let message = format!(
                "{:?} is no server address ({why}); write it like http://127.0.0.1:50051",
                self.url
            );
            Error::new(ErrorKind::InvalidInput, message)
        };
        let endpoint = Endpoint::from_shared(url.clone()).map_err(|_| unusable("not a URL"))?;
        if endpoint.uri().scheme_str() != Some("http") {
            return Err(unusable("only http:// is built in"));
        }
        if endpoint.uri().port().is_none() {
            return Err(unusable("the port is missing"));
        }
        let mut endpoint = endpoint
            .connect_timeout(self.connect_timeout)
            .tcp_nodelay(true)
            .tcp_keepalive(self.tcp_keepalive)
            .initial_stream_window_size(self.stream_window_bytes)
            .initial_connection_window_size(self.connection_window_bytes)
            .max_frame_size(self.max_frame_bytes);
        if let Some(keepalive) = self.keepalive {
            endpoint = endpoint
                .http2_keep_alive_interval(keepalive.interval)
                .keep_alive_timeout(keepalive.timeout)
                .keep_alive_while_idle(keepalive.while_idle);
        }
        Ok(Connector {
            endpoint,
            url: Arc::from(url),
            connect_timeout: self.connect_timeout,
            max_message_bytes: self.max_message_bytes,
            gzip: self.compression == Compression::Gzip,
        })
    }
}
