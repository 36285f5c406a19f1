//! What a person sees who connects to something that is no simulator.

use std::time::Duration;

use synthcap::{Client, Error, ErrorKind};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use uesynth_contract::{PlainServer, World};

type TestResult = Result<(), Box<dyn std::error::Error>>;

async fn refused_by(address: std::net::SocketAddr) -> Error {
    let builder = Client::builder(format!("http://{address}"));
    let limited = builder.connect_timeout(Duration::from_secs(2));
    let error = limited.connect().await.expect_err("no simulator is there");
    let text = error.to_string();
    assert!(
        text.ends_with('?') || text.contains("? ("),
        "no remedy: {text}"
    );
    assert!(!text.contains('\n'), "more than one line: {text}");
    assert!(text.contains(&address.to_string()), "not named: {text}");
    assert_no_repetition(&text);
    error
}

/// A cause that is told twice helps nobody.
fn assert_no_repetition(text: &str) {
    let mut words: Vec<_> = text
        .split(['(', ')', ':', ';', '?'])
        .map(str::trim)
        .collect();
    words.retain(|words| words.len() > 8);
    let count = words.len();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), count, "says something twice: {text}");
}

#[tokio::test]
async fn nothing_listens() -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    drop(listener);
    let error = refused_by(address).await;
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    assert!(
        error.to_string().contains("is a server listening there?"),
        "{error}"
    );
    assert!(error.to_string().contains("refused"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_listener_that_says_nothing() -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let error = refused_by(address).await;
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    assert!(error.to_string().contains("2s"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_listener_that_hangs_up() -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let error = refused_by(address).await;
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    Ok(())
}

#[tokio::test]
async fn a_web_server() -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = [0; 16];
            // What the client says first is no request in HTTP/1.1.
            let _ = connection.read(&mut request).await;
            let answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 3\r\n\r\nno\n";
            let _ = connection.write_all(answer).await;
            let _ = connection.shutdown().await;
        }
    });
    let error = refused_by(address).await;
    assert_eq!(error.kind(), ErrorKind::NotASimulator, "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("does not speak the UESynth protocol"),
        "{text}"
    );
    Ok(())
}

#[tokio::test]
async fn a_grpc_server_of_another_kind() -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let routes = tonic::service::Routes::default();
    let server = tonic::transport::Server::builder().add_routes(routes);
    tokio::spawn(server.serve_with_incoming(incoming));
    let error = refused_by(address).await;
    assert_eq!(error.kind(), ErrorKind::NotASimulator, "{error:?}");
    Ok(())
}

#[tokio::test]
async fn a_reachable_server_is_no_wrong_peer() -> TestResult {
    let server = PlainServer::serve(World::small()).await?;
    Client::connect(server.url()).await?.close().await?;
    Ok(())
}
