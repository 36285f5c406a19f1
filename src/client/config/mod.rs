//! Settings of a client: one plain type, validated once.

mod builder;
mod endpoint;
mod policy;
mod settings;
mod sources;

use std::{path::PathBuf, time::Duration};

pub use builder::ClientBuilder;
pub use policy::{Compression, Keepalive, KeepalivePolicy, LogLevel, Preset, SharedMemory};

use crate::{
    Dialer, EncodingChoice, Encodings, Error, ErrorKind, InputBuffering, ReconnectPolicy,
    ResendPolicy, Token, encoding::show_choice, session::LONGEST,
};

/// Everything that can be set about a client.
///
/// Made by a [builder](Self::builder) out of a preset, a file, the environment
/// and explicit calls, or by changing fields of [`ClientConfig::default()`];
/// checked when built and when a client is made of it. The reference table is
/// `docs/configuration.md`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClientConfig {
    /// The server's address. Default `http://127.0.0.1:50051`. A missing scheme
    /// means `http://`; the port must be named. `unix:///path` is a Unix socket on
    /// this machine, which is faster than TCP.
    pub url: String,
    /// Whether an address without TLS is an error; a missing scheme then means
    /// `https://`. Default no.
    pub require_tls: bool,
    /// The certificates of `https://`. Default: the system's authorities, and no
    /// certificate of the client's own.
    pub tls: TlsFiles,
    /// What the client shows to be let in. Default none. Without TLS whoever can
    /// listen in learns it.
    pub token: Option<Token>,
    /// A file that holds the token; read once, when a client is made. Not used
    /// where [`token`](Self::token) is set. Default none.
    pub token_file: Option<PathBuf>,
    /// Another way to connect than TCP to the host of the URL. Default none. Only
    /// code can set it.
    pub dialer: Option<Dialer>,
    /// How long connecting may take, including the question who answers. Default
    /// 10 s. Each attempt to connect again has the same limit.
    pub connect_timeout: Duration,
    /// How long a request may take when it does not say itself. Default 30 s.
    /// What takes longer fails with `DeadlineExceeded` and may still take effect.
    pub request_timeout: Duration,
    /// How many captures may wait for their reply (or, in a lossless stream, for
    /// their reader) at once. Default 64. Times the size of a frame this bounds
    /// the memory of the client.
    pub max_captures_in_flight: usize,
    /// How many other requests may wait for their reply at once. Default 1024.
    /// They are counted apart from captures, so that frames in flight never keep
    /// a camera from moving.
    pub max_commands_in_flight: usize,
    /// The largest message accepted or sent, in bytes. Default 256 MiB. A larger
    /// reply fails its request and is passed over.
    pub max_message_bytes: usize,
    /// How many bytes of buffers for pixels are kept to be used again, when the
    /// frames that had them are gone. Default 256 MiB; beyond that they are freed.
    /// Less than the frames in flight take costs throughput, and nothing else.
    pub max_pooled_bytes: usize,
    /// Whether replies to commands come over a second connection, where the server
    /// can do that. Default yes: behind frames that are on their way they would
    /// wait, a camera move for as long as the frames take. Requests keep to the one
    /// stream and to their order.
    pub separate_replies: bool,
    /// How many bytes the server may send ahead on the stream. Default 16 MiB.
    /// A window smaller than a frame slows large frames down; a larger one holds
    /// more memory.
    pub stream_window_bytes: u32,
    /// How many bytes the server may send ahead on the whole connection. Default
    /// 32 MiB.
    pub connection_window_bytes: u32,
    /// The largest HTTP/2 frame, in bytes, 16,384 to 16,777,215. Default 1 MiB;
    /// small frames cost much of the throughput.
    pub max_frame_bytes: u32,
    /// How often TCP itself checks a silent connection; `None` never. Default
    /// 30 s. Noticing a peer that vanished takes several such intervals.
    pub tcp_keepalive: Option<Duration>,
    /// Pings by HTTP/2. Default off, because plain UESynth servers close a
    /// connection for them.
    pub keepalive: Keepalive,
    /// Compression by gRPC. Default off. It costs more time than it saves but on
    /// slow links.
    pub compression: Compression,
    /// Frames through shared memory. Default: where the server offers it and is
    /// on this machine. Elsewhere frames come over the connection.
    pub shared_memory: SharedMemory,
    /// How images travel, per modality, where a request does not say itself.
    /// Default: [`EncodingChoice::Auto`](crate::EncodingChoice::Auto) for all.
    pub encodings: Encodings,
    /// What happens when the connection is lost. Default: connect again, with
    /// gRPC's waits.
    pub reconnect: ReconnectPolicy,
    /// Which requests are sent again after the connection was lost. Default:
    /// those that do no harm twice.
    pub resend: ResendPolicy,
    /// Whether bursts of commands are gathered before they are sent. Default off:
    /// every command goes at once. It saves work at high rates, for a delay of
    /// a few milliseconds.
    pub input_buffering: Option<InputBuffering>,
    /// Of how many captures the frames are kept to be found by their request's
    /// ID. Default 8. They stay in memory until that many newer ones have come; 0
    /// keeps none.
    pub kept_requests: usize,
    /// How much the program should log. Default: warnings. The library itself
    /// installs no log subscriber.
    pub log_level: LogLevel,
}

/// The files of TLS, all in PEM form, and the name that is expected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificates of the authorities that may vouch for the server. Default:
    /// those of the system. A server's own certificate, signed by itself, will do.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate, for servers that ask for one (mutual TLS).
    pub cert_file: Option<PathBuf>,
    /// Its private key.
    pub key_file: Option<PathBuf>,
    /// The name that the server's certificate must be for. Default: the host of
    /// the URL.
    pub server_name: Option<String>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:50051".to_owned(),
            require_tls: false,
            tls: TlsFiles::default(),
            token: None,
            token_file: None,
            dialer: None,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            max_captures_in_flight: 64,
            max_commands_in_flight: 1024,
            max_message_bytes: 256 << 20,
            max_pooled_bytes: 256 << 20,
            separate_replies: true,
            stream_window_bytes: 16 << 20,
            connection_window_bytes: 32 << 20,
            max_frame_bytes: 1 << 20,
            tcp_keepalive: Some(Duration::from_secs(30)),
            keepalive: Keepalive::OFF,
            compression: Compression::Off,
            shared_memory: SharedMemory::Auto,
            encodings: Encodings::all(EncodingChoice::Auto),
            reconnect: ReconnectPolicy::default(),
            resend: ResendPolicy::default(),
            input_buffering: None,
            kept_requests: 8,
            log_level: LogLevel::Warn,
        }
    }
}

/// The largest value that HTTP/2 allows for a frame.
const MAX_HTTP2_FRAME_BYTES: u32 = (1 << 24) - 1;
/// The largest value that HTTP/2 allows for a window.
const MAX_HTTP2_WINDOW_BYTES: u32 = (1 << 31) - 1;

impl ClientConfig {
    /// Default settings, to be changed from several sources.
    ///
    /// ```
    /// use std::time::Duration;
    /// use synthcap::{ClientConfig, Preset};
    ///
    /// let config = ClientConfig::builder()
    ///     .preset(Preset::Production)
    ///     .env_from(|name| (name == "UESYNTH_PORT").then(|| "50061".into()))
    ///     .connect_timeout(Duration::from_secs(3))
    ///     .build()?;
    /// assert_eq!(config.url, "http://localhost:50061");
    /// assert_eq!(config.request_timeout, Duration::from_secs(2));
    /// # Ok::<_, synthcap::Error>(())
    /// ```
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// The settings of a preset, in the spirit of UESynth's guide, and defaults
    /// for the rest.
    pub fn preset(preset: Preset) -> Self {
        let mib = |count: usize| count << 20;
        let (seconds, commands, captures, message_bytes) = match preset {
            Preset::Development => (30, 1024, 50, mib(100)),
            Preset::Production => (2, 4096, 500, mib(150)),
            Preset::HighThroughput => (1, 8192, 1000, mib(200)),
            Preset::LowMemory => (5, 1024, 100, mib(100)),
        };
        let base = Self {
            request_timeout: Duration::from_secs(seconds),
            max_commands_in_flight: commands,
            max_captures_in_flight: captures,
            max_message_bytes: message_bytes,
            keepalive: Keepalive::WHERE_ALLOWED,
            compression: Compression::Gzip,
            ..Self::default()
        };
        match preset {
            Preset::Development => Self {
                compression: Compression::Off,
                ..base
            },
            Preset::Production => base,
            Preset::HighThroughput => Self {
                input_buffering: Some(InputBuffering::default()),
                stream_window_bytes: 32 << 20,
                connection_window_bytes: 64 << 20,
                max_frame_bytes: 4 << 20,
                ..base
            },
            Preset::LowMemory => Self {
                kept_requests: 1,
                max_pooled_bytes: mib(16),
                stream_window_bytes: 1 << 20,
                connection_window_bytes: 2 << 20,
                max_frame_bytes: 64 << 10,
                ..base
            },
        }
    }

    /// Every setting with its value, as in a file: what a program prints when
    /// asked for its configuration.
    pub fn entries(&self) -> Vec<(&'static str, String)> {
        let all = settings::SETTINGS.iter();
        all.map(|setting| (setting.key, (setting.show)(self)))
            .collect()
    }

    /// Names the first setting that cannot work.
    pub(super) fn validate(&self) -> Result<(), Error> {
        self.check_url()?;
        self.validate_times()?;
        let waits = match &self.reconnect {
            ReconnectPolicy::Never => None,
            ReconnectPolicy::Backoff(backoff) => backoff.unusable(),
        };
        let gathering = self.input_buffering.as_ref();
        if let Some(why) = waits.or_else(|| gathering.and_then(InputBuffering::unusable)) {
            return Err(invalid(why));
        }
        if let Some((modality, choice)) = self.encodings.unsuitable() {
            let choice = show_choice(&choice);
            return Err(invalid(format!("{modality} cannot be encoded as {choice}")));
        }
        let in_flight = 1..=1 << 20;
        let windows = 65_535..=MAX_HTTP2_WINDOW_BYTES as usize;
        let frames = 16_384..=MAX_HTTP2_FRAME_BYTES as usize;
        for (name, value, allowed) in [
            (
                "max_captures_in_flight",
                self.max_captures_in_flight,
                in_flight.clone(),
            ),
            (
                "max_commands_in_flight",
                self.max_commands_in_flight,
                in_flight,
            ),
            ("max_message_bytes", self.max_message_bytes, 4096..=1 << 31),
            ("max_pooled_bytes", self.max_pooled_bytes, 0..=usize::MAX),
            ("max_frame_bytes", self.max_frame_bytes as usize, frames),
            (
                "stream_window_bytes",
                self.stream_window_bytes as usize,
                windows.clone(),
            ),
            (
                "connection_window_bytes",
                self.connection_window_bytes as usize,
                windows,
            ),
        ] {
            if !allowed.contains(&value) {
                let (least, most) = (allowed.start(), allowed.end());
                return Err(invalid(format!(
                    "{name} is {value}; it must be {least} to {most}"
                )));
            }
        }
        Ok(())
    }

    fn validate_times(&self) -> Result<(), Error> {
        for (name, time) in [
            ("connect_timeout", Some(self.connect_timeout)),
            ("request_timeout", Some(self.request_timeout)),
            ("tcp_keepalive", self.tcp_keepalive),
            ("the keepalive interval", Some(self.keepalive.interval)),
            ("the keepalive timeout", Some(self.keepalive.timeout)),
        ] {
            if time.is_some_and(|time| time.is_zero()) {
                return Err(invalid(format!("{name} must be longer than zero")));
            }
            if time.is_some_and(|time| time > LONGEST) {
                return Err(invalid(format!("{name} must be at most 2^30 seconds")));
            }
        }
        Ok(())
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}
