//! The TLS of a server, before its files are read.

use std::{path::PathBuf, sync::Arc};

use super::ServerError;

/// The files that a server needs for TLS, in PEM form.
#[derive(Clone, Debug)]
pub struct ServerTls {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

impl ServerTls {
    /// The server's certificate, with those that vouch for it up to one that
    /// clients know, and its private key.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            client_ca: None,
        }
    }

    /// Lets only those clients in that have a certificate of these authorities
    /// (mutual TLS).
    #[must_use]
    pub fn client_ca(mut self, path: impl Into<PathBuf>) -> Self {
        self.client_ca = Some(path.into());
        self
    }

    pub(super) fn load(&self) -> Result<Arc<tokio_rustls::rustls::ServerConfig>, ServerError> {
        let identity = (self.certificate.as_path(), self.key.as_path());
        crate::tls::server(identity, self.client_ca.as_deref()).map_err(ServerError::new)
    }
}
