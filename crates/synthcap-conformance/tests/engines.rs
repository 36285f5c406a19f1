//! Engines behind the Python kit, seen by our client.
//!
//! Needs Python with what the engines need, so `cargo test` alone passes these
//! over; `just test-engines` installs it and runs these.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use synthcap::{
    Backoff, Client, ErrorCode, ErrorKind, ReconnectPolicy, ResendPolicy, Rotator, Transform, Vec3,
};
use synthcap_conformance::{Options, Verdict, check};

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// A server of `examples/engines`; killed when dropped.
struct Engine {
    process: Child,
    url: String,
}

impl Engine {
    fn start(module: &str, args: &[&str]) -> Result<Self, Box<dyn std::error::Error>> {
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let mut process = Command::new(python)
            .current_dir(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../examples/engines"
            ))
            .args(["-m", module])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or("piped")?;
        let mut line = String::new();
        let mut reader = BufReader::new(output);
        while !line.starts_with("serving on ") {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Err(format!("{module} ended before it served").into());
            }
        }
        let url = line.trim_start_matches("serving on ");
        let url = url.split(';').next().unwrap_or_default().to_owned();
        // What else it says must not fill the pipe.
        std::thread::spawn(move || for _ in reader.lines() {});
        Ok(Self { process, url })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
#[ignore = "needs the Python kit: just test-engines"]
async fn an_engine_that_fails_fails_its_request_alone() -> TestResult {
    let engine = Engine::start("tests.naughty", &["--listen", "127.0.0.1:0"])?;
    let client = Client::connect(&engine.url).await?;
    for (camera, code, word) in [
        ("raises", ErrorCode::Internal, "the lens is dirty"),
        ("refuses", ErrorCode::FailedPrecondition, "open it"),
        ("wrong_shape", ErrorCode::Internal, "(16, 12, 3)"),
        ("none_at_all", ErrorCode::Internal, "NoneType"),
    ] {
        let error = client.camera(camera).rgb().await.expect_err(camera);
        assert_eq!(error.kind(), ErrorKind::Rejected(code), "{error}");
        assert!(error.to_string().contains(word), "{error}");
        client.camera("good").rgb().await?;
    }
    client.close().await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the Python kit: just test-engines"]
async fn an_engine_that_hangs_meets_the_deadline_and_the_server_still_says_who_it_is() -> TestResult
{
    let engine = Engine::start("tests.naughty", &["--listen", "127.0.0.1:0"])?;
    let client = Client::connect(&engine.url).await?;
    let hanging = client
        .camera("hangs")
        .rgb()
        .timeout(Duration::from_millis(300));
    let error = hanging.await.expect_err("it hangs for an hour");
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
    let (_, info) = client.ping().await?;
    assert_eq!(info.expect("not plain").engine_name, "naughty");
    // What waits for the engine is told by its deadline too.
    let waiting = client
        .camera("good")
        .rgb()
        .timeout(Duration::from_millis(300));
    let error = waiting.await.expect_err("the engine is busy");
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
    client.close().await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the Python kit: just test-engines"]
async fn an_engine_that_dies_is_a_lost_connection_and_the_client_goes_on_when_it_is_back()
-> TestResult {
    let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let listen = ["--listen", free.as_str()];
    let mut first = Engine::start("tests.naughty", &listen)?;
    let client = Client::builder(&first.url)
        .resend(ResendPolicy::Never)
        .reconnect(ReconnectPolicy::Backoff(Backoff {
            initial: Duration::from_millis(50),
            max: Duration::from_millis(200),
            ..Backoff::GRPC
        }))
        .connect()
        .await?;
    let before = client.camera("good").rgb().await?.moment();
    let dying = client.camera("segfaults").rgb().submit()?;
    let behind = client.step(1).submit()?;
    let error = dying.await.expect_err("the process dies");
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    let error = behind.await.expect_err("the process died");
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    first.process.wait()?;

    let _second = Engine::start("tests.naughty", &listen)?;
    let pose = Transform::new(Vec3::new(7.0, 0.0, 0.0), Rotator::ZERO);
    client.camera("good").set_transform(pose).await?;
    let image = client.camera("good").rgb().await?;
    assert_eq!(image.pixels().as_rgba()[0], 7);
    assert!(
        image.moment() > before,
        "another run of the server is later"
    );
    client.close().await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs MuJoCo: just test-engines"]
async fn mujoco_keeps_the_contract() -> TestResult {
    let args = ["--listen", "127.0.0.1:0", "--size", "320x240"];
    keeps_the_contract("mujoco_server", &args, &[]).await
}

#[tokio::test]
#[ignore = "needs Blender: just test-blender"]
async fn blender_keeps_the_contract() -> TestResult {
    let args = [
        "--listen",
        "127.0.0.1:0",
        "--size",
        "320x240",
        "--samples",
        "4",
    ];
    keeps_the_contract("blender_server", &args, &[]).await
}

/// Every point passes but those that the engine does not offer, and those named.
async fn keeps_the_contract(module: &str, args: &[&str], but: &[&str]) -> TestResult {
    let engine = Engine::start(module, args)?;
    let options = Options {
        patience: Duration::from_secs(120),
        ..Options::default()
    };
    let report = check(&engine.url, &options).await?;
    println!("{report}");
    assert!(report.is_conformant(), "{report}");
    let judged = |verdict: &Verdict| !matches!(verdict, Verdict::NotJudged { .. });
    for point in &report.points {
        assert!(
            judged(&point.verdict) || but.contains(&point.id),
            "{report}"
        );
    }
    Ok(())
}
