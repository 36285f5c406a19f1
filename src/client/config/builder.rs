//! Puts a configuration together from its sources.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    ClientConfig, Compression, Keepalive, LogLevel, Preset, SharedMemory, TlsFiles, sources,
    sources::Layer,
};
use crate::{
    Client, Dialer, Encodings, Error, InputBuffering, ReconnectPolicy, ResendPolicy, Token,
};

/// Settings of a client, before it connects.
///
/// Where sources disagree the order is fixed, whatever the order of the calls:
/// explicit calls win over `SYNTHCAP_*` variables, these over `UESYNTH_*`
/// variables, these over the file, and all of them over the preset.
///
/// Nothing is checked until [`build`](Self::build) or
/// [`connect`](Self::connect), which names the first setting that cannot work.
#[derive(Clone, Default)]
#[must_use = "a builder does nothing until connect() is awaited"]
pub struct ClientBuilder {
    preset: Option<Preset>,
    file: Option<Result<Layer, Error>>,
    environment: Option<Result<Layer, Error>>,
    explicit: Vec<Change>,
}

/// One explicit call, made when the other sources are in.
type Change = Arc<dyn Fn(&mut ClientConfig) + Send + Sync>;

macro_rules! setters {
    ($($(#[$doc:meta])* $field:ident: $kind:ty;)*) => {
        impl ClientBuilder {
            $($(#[$doc])*
            pub fn $field(self, $field: $kind) -> Self {
                self.change(move |config| config.$field.clone_from(&$field))
            })*
        }
    };
}

setters! {
    /// Whether an address without TLS is an error. Default no.
    require_tls: bool;
    /// The certificates of `https://`. Default: the system's authorities.
    tls: TlsFiles;
    /// How long connecting may take, including the question who answers. Default
    /// 10 s.
    connect_timeout: Duration;
    /// How long a request may take when it does not say itself. Default 30 s.
    request_timeout: Duration;
    /// How many captures may wait for their reply (or, in a lossless stream, for
    /// their reader) at once. Default 64. Times the size of a frame this bounds
    /// the memory of the client.
    max_captures_in_flight: usize;
    /// How many other requests may wait for their reply at once. Default 1024.
    max_commands_in_flight: usize;
    /// The largest message accepted or sent, in bytes. Default 256 MiB. A larger
    /// reply fails its request and is passed over.
    max_message_bytes: usize;
    /// How many bytes of buffers for pixels are kept to be used again. Default
    /// 256 MiB.
    max_pooled_bytes: usize;
    /// Whether replies to commands come over a second connection, where the server
    /// can do that, so that they need not wait behind frames. Default yes.
    separate_replies: bool;
    /// The largest HTTP/2 frame, in bytes, 16,384 to 16,777,215. Default 1 MiB;
    /// small frames cost much of the throughput.
    max_frame_bytes: u32;
    /// How often TCP itself checks a silent connection; `None` never. Default
    /// 30 s.
    tcp_keepalive: Option<Duration>;
    /// Pings by HTTP/2. Default off; see [`KeepalivePolicy`](super::KeepalivePolicy)
    /// for why.
    keepalive: Keepalive;
    /// Compression by gRPC. Default off.
    compression: Compression;
    /// Frames through shared memory. Default: where the server offers it and is
    /// on this machine.
    shared_memory: SharedMemory;
    /// How images travel, per modality, where a request does not say itself.
    /// Default: the client decides by what it measures.
    encodings: Encodings;
    /// What happens when the connection is lost. Default: connect again.
    reconnect: ReconnectPolicy;
    /// Which requests are sent again after the connection was lost. Default:
    /// those that do no harm twice.
    resend: ResendPolicy;
    /// Whether bursts of commands are gathered before they are sent. Default off.
    input_buffering: Option<InputBuffering>;
    /// Of how many captures the frames are kept to be found by their request's
    /// ID. Default 8.
    kept_requests: usize;
    /// How much the program should log. Default: warnings.
    log_level: LogLevel;
}

impl ClientBuilder {
    fn change(mut self, change: impl Fn(&mut ClientConfig) + Send + Sync + 'static) -> Self {
        self.explicit.push(Arc::new(change));
        self
    }

    /// The server's address, such as `http://127.0.0.1:50051`, the default. A
    /// missing scheme means `http://`.
    pub fn url(self, url: impl Into<String>) -> Self {
        let url = url.into();
        self.change(move |config| config.url.clone_from(&url))
    }

    /// What the client shows to be let in. Default none.
    pub fn token(self, token: Token) -> Self {
        self.change(move |config| config.token = Some(token.clone()))
    }

    /// Another way to connect than TCP to the host of the URL.
    pub fn dialer(self, dialer: Dialer) -> Self {
        self.change(move |config| config.dialer = Some(dialer.clone()))
    }

    /// How many bytes the server may send ahead, on the stream and on the
    /// connection. Defaults 16 MiB and 32 MiB; smaller windows slow large frames
    /// down, larger ones hold more memory.
    pub fn windows_bytes(self, stream: u32, connection: u32) -> Self {
        self.change(move |config| {
            config.stream_window_bytes = stream;
            config.connection_window_bytes = connection;
        })
    }

    /// Starts from a preset instead of the defaults. A call wins over the preset
    /// that a variable or the file names.
    pub fn preset(mut self, preset: Preset) -> Self {
        self.preset = Some(preset);
        self
    }

    /// Reads the environment: `SYNTHCAP_*`, and the `UESYNTH_*` that users of
    /// UESynth have set. Without this call no variable is looked at.
    pub fn env(self) -> Self {
        self.env_from(|name| std::env::var(name).ok())
    }

    /// As [`env`](Self::env), from another environment than the process's own.
    pub fn env_from(mut self, lookup: impl Fn(&str) -> Option<String>) -> Self {
        self.environment = Some(sources::environment(lookup));
        self
    }

    /// Reads a TOML file of settings, each under its key at the top level.
    /// Unknown keys are an error.
    #[cfg(feature = "config-file")]
    pub fn toml_file(mut self, path: impl AsRef<std::path::Path>) -> Self {
        let name = path.as_ref().display().to_string();
        let layer = std::fs::read_to_string(path)
            .map_err(|error| super::invalid(format!("cannot read {name}: {error}")))
            .and_then(|text| sources::toml(&text, &name));
        self.file = Some(layer);
        self
    }

    /// As [`toml_file`](Self::toml_file), of text; `name` is for messages.
    #[cfg(feature = "config-file")]
    pub fn toml_str(mut self, text: &str, name: &str) -> Self {
        self.file = Some(sources::toml(text, name));
        self
    }

    /// The settings, checked.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput), with one line
    /// that names the setting, where it stands and what is expected.
    pub fn build(&self) -> Result<ClientConfig, Error> {
        let file = self.file.clone().transpose()?.unwrap_or_default();
        let environment = self.environment.clone().transpose()?.unwrap_or_default();
        let preset = self.preset.or(environment.preset).or(file.preset);
        let mut config = preset.map(ClientConfig::preset).unwrap_or_default();
        file.apply(&mut config)?;
        environment.apply(&mut config)?;
        for change in &self.explicit {
            change(&mut config);
        }
        config.validate()?;
        Ok(config)
    }

    /// Connects, and asks the server what it can do.
    ///
    /// Must be called within a tokio runtime; without one there is
    /// [`blocking`](crate::blocking). Cancel safe: dropping the future drops the
    /// attempt.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build) and [`Client::connect_with`].
    pub async fn connect(self) -> Result<Client, Error> {
        Client::connect_with(self.build()?).await
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientBuilder").field(&self.build()).finish()
    }
}
