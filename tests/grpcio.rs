//! Against a real gRPC C++ core, which closes connections that ping too often.
//!
//! Needs Python with grpcio and grpcio-tools, so `cargo test` alone passes these
//! over; `just test-grpcio` installs them and runs these.

use std::time::Duration;

use crate::python::PythonServer;
use synthcap::{Backoff, Client, Keepalive, KeepalivePolicy, ReconnectPolicy, ResendPolicy};

type TestResult = Result<(), Box<dyn std::error::Error>>;

fn pings(policy: KeepalivePolicy) -> Keepalive {
    Keepalive {
        policy,
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(20),
        while_idle: true,
    }
}

#[tokio::test]
#[ignore = "needs grpcio: just test-grpcio"]
async fn pings_that_the_server_forbids_are_not_sent_where_allowed() -> TestResult {
    let server = PythonServer::start("tests/grpcio/server.py")?;
    let client = Client::builder(&server.url)
        .keepalive(pings(KeepalivePolicy::WhereAllowed))
        .connect()
        .await?;
    assert!(client.server_info().is_none(), "recognised as plain");
    let camera = client.default_camera().with_size(64, 48);
    assert_eq!(camera.rgb().await?.width(), 64);
    // Time is what this is about: three pings would have closed the connection.
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(client.objects().await?[0].as_str(), "cube");
    assert_eq!(client.stats().reconnects, 0);
    client.close().await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs grpcio: just test-grpcio"]
async fn a_connection_closed_for_its_pings_is_told_and_made_again() -> TestResult {
    let server = PythonServer::start("tests/grpcio/server.py")?;
    let client = Client::builder(&server.url)
        .keepalive(pings(KeepalivePolicy::Always))
        .reconnect(ReconnectPolicy::Backoff(Backoff {
            initial: Duration::from_millis(50),
            ..Backoff::default()
        }))
        .resend(ResendPolicy::Never)
        .connect()
        .await?;
    // This server really enforces the policy: what our default avoids happens.
    // It forgives two pings while it has nothing to send, so stay silent.
    client.objects().await?;
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(client.objects().await?.len(), 1);
    assert!(client.stats().reconnects > 0, "the connection was closed");
    client.close().await?;
    Ok(())
}
