//! From settings to the connector of a session.

use std::{net::IpAddr, sync::Arc};

use http::{HeaderValue, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
#[cfg(feature = "tls")]
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::transport::Endpoint;

use super::{ClientConfig, Compression, KeepalivePolicy, SharedMemory, TlsFiles, invalid};
#[cfg(feature = "tls")]
use crate::session::TlsDialing;
use crate::{
    DialTarget, Error, Token,
    frame::pool::BufferPool,
    session::{Connector, Dialing, SharedCount, Way},
};

impl ClientConfig {
    pub(in crate::client) fn connector(&self) -> Result<Connector, Error> {
        let (url, quiet) = self.quiet_endpoint()?;
        let pings = &self.keepalive;
        let pinging = quiet
            .clone()
            .http2_keep_alive_interval(pings.interval)
            .keep_alive_timeout(pings.timeout)
            .keep_alive_while_idle(pings.while_idle);
        let (endpoint, pinging) = match pings.policy {
            KeepalivePolicy::Off => (quiet, None),
            KeepalivePolicy::Always => (pinging, None),
            KeepalivePolicy::WhereAllowed if pings.is_harmless() => (pinging, None),
            KeepalivePolicy::WhereAllowed => (quiet, Some(pinging)),
        };
        Ok(Connector {
            dialing: self.dialing(&url, endpoint.uri())?,
            endpoint,
            pinging,
            url: Arc::from(url),
            connect_timeout: self.connect_timeout,
            max_message_bytes: self.max_message_bytes,
            gzip: self.compression == Compression::Gzip,
            encodes: self.encodings.any_encodes(),
            pool: BufferPool::new(self.max_pooled_bytes),
            separate_replies: self.separate_replies,
            shared: self.shares_memory().then(SharedCount::default),
        })
    }

    /// Whether there can be a server at the address, which need not be there yet.
    pub(super) fn check_url(&self) -> Result<(), Error> {
        self.quiet_endpoint().map(|_| ())
    }

    /// Whether memory may be shared. Not past a dialer, whose connections are to
    /// carry everything.
    fn shares_memory(&self) -> bool {
        self.shared_memory == SharedMemory::Auto && self.dialer.is_none()
    }

    /// The full address, and an endpoint that does not ping.
    fn quiet_endpoint(&self) -> Result<(String, Endpoint), Error> {
        let url = self.full_url()?;
        // Who encrypts is decided here and nowhere else: the endpoint sees plain
        // bytes, and names the scheme in its requests only.
        let bare = url.replacen("https://", "http://", 1);
        let invalid = |_| self.unusable("not a URL");
        let mut endpoint = Endpoint::from_shared(bare).map_err(invalid)?;
        if !is_unix(&url) {
            if endpoint.uri().host().is_none_or(str::is_empty) {
                return Err(self.unusable("the host is missing"));
            }
            if endpoint.uri().port().is_none() {
                return Err(self.unusable("the port is missing"));
            }
            let origin = url.parse().map_err(|_| self.unusable("not a URL"))?;
            endpoint = endpoint.origin(origin);
        }
        let endpoint = endpoint
            .connect_timeout(self.connect_timeout)
            .initial_stream_window_size(self.stream_window_bytes)
            .initial_connection_window_size(self.connection_window_bytes)
            .max_frame_size(self.max_frame_bytes);
        Ok((url, endpoint))
    }

    /// The address with its scheme.
    fn full_url(&self) -> Result<String, Error> {
        if is_unix(&self.url) {
            return self.socket_url();
        }
        let url = match self.url.split_once("://") {
            // Nobody named an address, so nobody asked for one without TLS.
            Some(_) if self.require_tls && self.url == Self::default().url => {
                self.url.replacen("http", "https", 1)
            }
            Some(("http" | "https", _)) => self.url.clone(),
            Some(_) => {
                return Err(self.unusable("only http://, https:// and unix:/// are built in"));
            }
            None if self.require_tls => format!("https://{}", self.url),
            None => format!("http://{}", self.url),
        };
        if url.starts_with("https://") {
            if cfg!(feature = "tls") {
                return Ok(url);
            }
            return Err(self.unusable("this build has no TLS; add the feature `tls`"));
        }
        if self.require_tls {
            return Err(self.unusable("require_tls asks for TLS, so https:// it must be"));
        }
        if self.tls != TlsFiles::default() {
            let message = "certificates are named, but the address is not https://";
            return Err(self.unusable(message));
        }
        Ok(url)
    }

    /// The address of a Unix socket, which only users of this machine reach.
    fn socket_url(&self) -> Result<String, Error> {
        if !cfg!(unix) {
            return Err(self.unusable("there are no Unix sockets here"));
        }
        if socket_path(&self.url) == Some("") {
            return Err(self.unusable("the path of the socket is missing"));
        }
        if self.require_tls || self.tls != TlsFiles::default() {
            return Err(self.unusable("a Unix socket has no TLS, and needs none"));
        }
        Ok(self.url.clone())
    }

    fn unusable(&self, why: &str) -> Error {
        invalid(format!(
            "{:?} is no server address ({why}); write it like http://127.0.0.1:50051",
            self.url
        ))
    }

    fn dialing(&self, url: &str, uri: &Uri) -> Result<Dialing, Error> {
        let host = uri.host().unwrap_or_default();
        let target = DialTarget {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or_default(),
        };
        let authorization = self.authorization()?;
        let encrypted = url.starts_with("https://");
        let local = is_unix(url) || is_local(&target.host);
        if authorization.is_some() && !encrypted && !local {
            tracing::warn!(url, "the token travels unencrypted; use https://");
        }
        Ok(Dialing {
            #[cfg(feature = "tls")]
            tls: encrypted.then(|| self.tls_to(&target)).transpose()?,
            way: self.way(url),
            target,
            authorization,
        })
    }

    fn way(&self, url: &str) -> Way {
        if let Some(dialer) = &self.dialer {
            return Way::Own(dialer.clone());
        }
        #[cfg(unix)]
        if let Some(path) = socket_path(url) {
            return Way::Socket(path.into());
        }
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_keepalive(self.tcp_keepalive);
        tcp.set_connect_timeout(Some(self.connect_timeout));
        Way::Tcp(tcp)
    }

    /// The header that shows the token.
    fn authorization(&self) -> Result<Option<HeaderValue>, Error> {
        let from_file = || self.token_file.as_ref().map(Token::from_file).transpose();
        let token = match &self.token {
            Some(token) => Some(token.clone()),
            None => from_file()?,
        };
        let header = token.map(|token| HeaderValue::try_from(format!("Bearer {}", token.as_str())));
        let header = header.transpose();
        let mut header = header.map_err(|_| invalid("the token is no header".to_owned()))?;
        if let Some(value) = &mut header {
            value.set_sensitive(true);
        }
        Ok(header)
    }

    #[cfg(feature = "tls")]
    fn tls_to(&self, target: &DialTarget) -> Result<TlsDialing, Error> {
        let TlsFiles {
            ca_file,
            cert_file,
            key_file,
            server_name,
        } = &self.tls;
        let identity = match (cert_file, key_file) {
            (Some(certificate), Some(key)) => Some((certificate.as_path(), key.as_path())),
            (None, None) => None,
            _ => {
                let message = "tls_cert_file and tls_key_file go together; name both or neither";
                return Err(invalid(message.to_owned()));
            }
        };
        let config = crate::tls::client(ca_file.as_deref(), identity).map_err(invalid)?;
        let name = server_name.as_ref().unwrap_or(&target.host);
        let server_name = ServerName::try_from(name.clone())
            .map_err(|_| invalid(format!("{name:?} is no name that a certificate can be for")))?;
        Ok(TlsDialing {
            config,
            server_name,
        })
    }
}

fn is_unix(url: &str) -> bool {
    socket_path(url).is_some()
}

/// The path of a Unix socket.
fn socket_path(url: &str) -> Option<&str> {
    let path = url.strip_prefix("unix:")?;
    Some(path.strip_prefix("//").unwrap_or(path))
}

/// Whether only this machine can listen in.
fn is_local(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
