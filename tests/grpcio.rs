//! Against a real gRPC C++ core, which closes connections that ping too often.
//!
//! Needs Python with grpcio and grpcio-tools, so `cargo test` alone passes these
//! over; `just test-grpcio` installs them and runs these.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use synthcap::{Backoff, Client, Keepalive, KeepalivePolicy, ReconnectPolicy, ResendPolicy};

type TestResult = Result<(), Box<dyn std::error::Error>>;

struct PythonServer {
    process: Child,
    url: String,
}

impl PythonServer {
    fn start() -> Result<Self, Box<dyn std::error::Error>> {
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let mut process = Command::new(python)
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/grpcio/server.py"
            ))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or("piped")?;
        let mut port = String::new();
        BufReader::new(output).read_line(&mut port)?;
        let url = format!("http://127.0.0.1:{}", port.trim());
        Ok(Self { process, url })
    }
}

impl Drop for PythonServer {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

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
    let server = PythonServer::start()?;
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
    let server = PythonServer::start()?;
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
