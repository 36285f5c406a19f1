//! What every crate in the process logs, at its most talkative, while tokens and
//! keys are in use. A process of its own: what is logged is caught for all of it.

#[path = "common/certificates.rs"]
#[allow(unreachable_pub, reason = "as the other parts of common")]
mod certificates;
mod common;

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use certificates::Authority;
use common::TinyEngine;
use synthcap::{
    Client, TlsFiles, Token,
    server::{Permissions, Server, ServerTls, Tokens},
};

type TestResult = Result<(), Box<dyn std::error::Error>>;

const RIGHT: &str = "right-5e1f0a77";
const WRONG: &str = "wrong-c40b93d2";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no holder panics").write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_logged_at_any_level() -> TestResult {
    let log = Log::default();
    let caught = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || caught.clone())
        .init();
    let authority = Authority::new();
    let identity = authority.sign(&["127.0.0.1"]);
    let server = Server::builder(TinyEngine::default())
        .paused(true)
        .tokens(Tokens::new().with(Token::new(RIGHT)?, Permissions::QUERY))
        .tls(ServerTls::new(&identity.certificate, &identity.key))
        .start()
        .await?;
    let with = |token| -> Result<_, Box<dyn std::error::Error>> {
        let tls = TlsFiles {
            ca_file: Some(authority.file()),
            ..TlsFiles::default()
        };
        let builder = Client::builder(server.url()).tls(tls);
        Ok(builder.token(Token::new(token)?))
    };
    with(WRONG)?.connect().await.expect_err("not known");
    let client = with(RIGHT)?.connect().await?;
    client.ping().await?;
    client.step(1).await.expect_err("not allowed");
    client.close().await?;
    server.shutdown().await;

    let log = String::from_utf8(log.0.lock().expect("no holder panics").clone())?;
    // That the talkative ones were heard, frame by frame.
    for heard in ["h2::", "synthcap::"] {
        assert!(log.contains(heard), "{heard} said nothing");
    }
    let key = std::fs::read_to_string(&identity.key)?;
    let key = &key.lines().nth(1).expect("a key of several lines")[..32];
    for secret in [RIGHT, WRONG, key] {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{line:?}");
    }
    Ok(())
}
