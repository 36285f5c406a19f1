//! TLS by rustls, for both ends, from PEM files.

use std::{fmt::Display, path::Path, sync::Arc};

use tokio_rustls::rustls::{
    self, ClientConfig, RootCertStore,
    client::WebPkiServerVerifier,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
#[cfg(feature = "server")]
use tokio_rustls::rustls::{ServerConfig, server::WebPkiClientVerifier};

/// The only protocol that is spoken over these connections.
const ALPN_HTTP2: &[u8] = b"h2";

/// A certificate with its private key.
pub(crate) type Identity<'a> = (&'a Path, &'a Path);

/// What a client needs: the authorities that it trusts (the system's, when no
/// file names others), and its own certificate for servers that ask for one.
pub(crate) fn client(
    ca: Option<&Path>,
    identity: Option<Identity<'_>>,
) -> Result<Arc<ClientConfig>, String> {
    let roots = match ca {
        Some(path) => authorities(path)?,
        None => system_authorities()?,
    };
    let provider = provider();
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider.clone());
    let verifier = verifier.build().map_err(unusable)?;
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions();
    let builder = builder.map_err(unusable)?.with_webpki_verifier(verifier);
    let mut config = match identity {
        Some(files) => {
            let (certificates, key) = load(files)?;
            let config = builder.with_client_auth_cert(certificates, key);
            config.map_err(|error| mismatch(files, &error))?
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols.push(ALPN_HTTP2.to_vec());
    Ok(Arc::new(config))
}

/// What a server needs: its certificate, and the authorities of which clients
/// must have one, if they must.
#[cfg(feature = "server")]
pub(crate) fn server(
    identity: Identity<'_>,
    client_ca: Option<&Path>,
) -> Result<Arc<ServerConfig>, String> {
    let (certificates, key) = load(identity)?;
    let builder = ServerConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions();
    let builder = builder.map_err(unusable)?;
    let builder = match client_ca {
        Some(path) => {
            let roots = authorities(path)?;
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
            builder.with_client_cert_verifier(verifier.build().map_err(unusable)?)
        }
        None => builder.with_no_client_auth(),
    };
    let config = builder.with_single_cert(certificates, key);
    let mut config = config.map_err(|error| mismatch(identity, &error))?;
    config.alpn_protocols.push(ALPN_HTTP2.to_vec());
    Ok(Arc::new(config))
}

/// Named rather than the process's default, so that it does not matter what else
/// a program links.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn authorities(path: &Path) -> Result<Arc<RootCertStore>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        let added = roots.add(certificate);
        added.map_err(|error| format!("{} holds no usable CA: {error}", path.display()))?;
    }
    Ok(Arc::new(roots))
}

fn system_authorities() -> Result<Arc<RootCertStore>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err("this system has no certificate authorities; name a CA file".to_owned());
    }
    Ok(Arc::new(roots))
}

fn load(
    (certificate, key): Identity<'_>,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let loaded = PrivateKeyDer::from_pem_file(key);
    let loaded = loaded.map_err(|error| unreadable("a private key", key, &error))?;
    Ok((certificates(certificate)?, loaded))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let what = "a certificate";
    let read = CertificateDer::pem_file_iter(path);
    let read = read.map_err(|error| unreadable(what, path, &error))?;
    let all: Result<Vec<_>, _> = read.collect();
    let all = all.map_err(|error| unreadable(what, path, &error))?;
    if all.is_empty() {
        return Err(unreadable(what, path, &"it holds none in PEM form"));
    }
    Ok(all)
}

fn unreadable(what: &str, path: &Path, why: &dyn Display) -> String {
    format!("cannot take {what} from {}: {why}", path.display())
}

fn mismatch((certificate, key): Identity<'_>, why: &rustls::Error) -> String {
    let (certificate, key) = (certificate.display(), key.display());
    format!("the certificate {certificate} and the key {key} cannot be used: {why}")
}

fn unusable(error: impl Display) -> String {
    format!("TLS cannot be set up: {error}")
}
