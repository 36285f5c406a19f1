//! From settings to the connector of a session.

use std::sync::Arc;

use tonic::transport::Endpoint;

use super::{ClientConfig, Compression, KeepalivePolicy, invalid};
use crate::{Error, session::Connector};

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
            endpoint,
            pinging,
            url: Arc::from(url),
            connect_timeout: self.connect_timeout,
            max_message_bytes: self.max_message_bytes,
            gzip: self.compression == Compression::Gzip,
        })
    }

    /// The full address, and an endpoint that does not ping.
    fn quiet_endpoint(&self) -> Result<(String, Endpoint), Error> {
        let url = if self.url.contains("://") {
            self.url.clone()
        } else {
            format!("http://{}", self.url)
        };
        let unusable = |why: &str| {
            invalid(format!(
                "{:?} is no server address ({why}); write it like http://127.0.0.1:50051",
                self.url
            ))
        };
        let endpoint = Endpoint::from_shared(url.clone()).map_err(|_| unusable("not a URL"))?;
        if endpoint.uri().scheme_str() != Some("http") {
            return Err(unusable("only http:// is built in"));
        }
        if endpoint.uri().port().is_none() {
            return Err(unusable("the port is missing"));
        }
        let endpoint = endpoint
            .connect_timeout(self.connect_timeout)
            .tcp_nodelay(true)
            .tcp_keepalive(self.tcp_keepalive)
            .initial_stream_window_size(self.stream_window_bytes)
            .initial_connection_window_size(self.connection_window_bytes)
            .max_frame_size(self.max_frame_bytes);
        Ok((url, endpoint))
    }
}
