//! Connecting to a server that may ask who comes.

use synthcap::{Client, TlsFiles, Token};

use crate::{
    args::AccessArgs,
    exit::{Result, Stop},
};

/// The variable that holds a token where no file is named.
const TOKEN_VARIABLE: &str = "SYNTHCAP_TOKEN";

/// Connects to a server.
///
/// # Errors
///
/// When a file cannot be read, and when the server cannot be reached or refuses.
pub(crate) async fn connect(server: &str, access: AccessArgs) -> Result<Client> {
    let mut builder = Client::builder(server).tls(TlsFiles {
        ca_file: access.ca,
        cert_file: access.cert,
        key_file: access.key,
        server_name: access.server_name,
    });
    let token = match (access.token_file, std::env::var(TOKEN_VARIABLE)) {
        (Some(file), _) => Some(Token::from_file(file)?),
        (None, Ok(text)) if !text.is_empty() => {
            let named = |error| Stop::usage(format!("{TOKEN_VARIABLE}: {error}"));
            Some(Token::new(text).map_err(named)?)
        }
        _ => None,
    };
    if let Some(token) = token {
        builder = builder.token(token);
    }
    Ok(builder.connect().await?)
}
