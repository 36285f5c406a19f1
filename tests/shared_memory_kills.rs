//! Client and server in two processes that share memory, and one is killed.
//!
//! This program runs itself once more as the other process. `just test-shm-kills`
//! kills each side a hundred times.
#![cfg(target_os = "linux")]

mod common;
#[path = "../crates/synthcap-shm/tests/common/traces.rs"]
#[allow(unreachable_pub, reason = "it is public where it comes from")]
mod traces;

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use common::TinyEngine;
use synthcap::{
    Client, ErrorKind, ReconnectPolicy,
    server::{Server, ServerHandle, SharedMemoryLimits},
};
use tokio::sync::{Mutex, MutexGuard};
use traces::traces;

type TestResult = Result<(), Box<dyn std::error::Error>>;

const ROLE: &str = "SYNTHCAP_KILLS_ROLE";
const SIZE: (u32, u32) = (640, 480);
/// Room for a few frames only, so that slots go round.
const LIMITS: SharedMemoryLimits = SharedMemoryLimits {
    max_bytes: 24 << 20,
    min_image_bytes: 1,
};

async fn serve() -> ServerHandle {
    let server = Server::builder(TinyEngine::default()).paused(true);
    let started = server.shared_memory(Some(LIMITS)).start().await;
    started.expect("a free port on loopback")
}

/// The other process. Killed when dropped.
struct Other {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Other {
    fn start(role: &str) -> std::io::Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args(["--exact", "the_other_process", "--ignored", "--nocapture"])
            .env(ROLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Self {
            to: child.stdin.take().expect("piped"),
            from: BufReader::new(child.stdout.take().expect("piped")),
            child,
        })
    }

    /// The next line meant for us, past what the test harness prints.
    fn hear(&mut self) -> String {
        let mut line = String::new();
        while self.from.read_line(&mut line).expect("text") > 0 {
            if let Some((_, said)) = line.split_once('>') {
                return said.trim().to_owned();
            }
            line.clear();
        }
        panic!("the other process ended");
    }

    fn kill(mut self) -> std::io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tell(line: &str) -> std::io::Result<()> {
    println!("\n>{line}");
    std::io::stdout().flush()
}

/// Captures without end, and keeps some frames.
async fn capture_for_ever(url: String) -> TestResult {
    let client = Client::connect(url).await?;
    let camera = client.default_camera().with_size(SIZE.0, SIZE.1);
    let mut kept = std::collections::VecDeque::new();
    loop {
        let mut tickets = Vec::new();
        for _ in 0..8 {
            tickets.push(camera.rgb().queue().await?);
        }
        for ticket in tickets {
            kept.push_back(ticket.await?);
        }
        kept.drain(..kept.len().saturating_sub(5));
        tell(&client.stats().frames_shared.to_string())?;
    }
}

/// Not a test: what this program does when it is the other process.
#[tokio::test]
#[ignore = "is started by the tests as a process of its own"]
async fn the_other_process() -> TestResult {
    match env::var(ROLE).as_deref() {
        Ok("server") => {
            let server = serve().await;
            tell(&server.url())?;
            std::future::pending().await
        }
        Ok("client") => {
            let mut url = String::new();
            std::io::stdin().read_line(&mut url)?;
            capture_for_ever(url.trim().to_owned()).await
        }
        _ => Ok(()),
    }
}

/// One test at a time: a process that is being started has, for a moment, a copy
/// of every descriptor of this one.
async fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::const_new(());
    ALONE.lock().await
}

/// How often each side is killed.
fn rounds() -> usize {
    let rounds = env::var("SYNTHCAP_KILLS").ok();
    rounds.map_or(3, |rounds| rounds.parse().expect("a number"))
}

/// Waits until nothing but these lines is left, however long that takes.
async fn until_left(name: &str, expected: impl Fn(&str) -> bool) {
    while !traces(name).iter().all(|line| expected(line)) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_client_leaves_the_server_as_it_was() -> TestResult {
    let _alone = alone().await;
    let server = serve().await;
    let own = Client::connect(server.url()).await?;
    let name = own
        .server_info()
        .and_then(|info| info.shared_memory_socket.clone());
    let name = name.ok_or("shared memory is offered")?;
    own.close().await?;
    for round in 0..rounds() {
        let mut client = Other::start("client")?;
        writeln!(client.to, "{}", server.url())?;
        for _ in 0..1 + round % 4 {
            let shared: u64 = client.hear().parse()?;
            assert!(shared > 0);
        }
        client.kill()?;
        // Of the server there is still the socket itself.
        until_left(&name, |line| line.starts_with("sockets")).await;
        // The next client has all the room again.
        let next = Client::connect(server.url()).await?;
        let camera = next.default_camera().with_size(SIZE.0, SIZE.1);
        let mut kept = Vec::new();
        for _ in 0..10 {
            kept.push(camera.rgb().await?);
        }
        assert_eq!(next.stats().frames_shared, 10, "round {round}");
        next.close().await?;
    }
    server.shutdown().await;
    until_left(&name, |_| false).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_leaves_the_frames_and_nothing_else() -> TestResult {
    let _alone = alone().await;
    for round in 0..rounds() {
        let mut server = Other::start("server")?;
        let url = server.hear();
        let client = Client::builder(url)
            .reconnect(ReconnectPolicy::Never)
            .connect()
            .await?;
        let name = client
            .server_info()
            .and_then(|info| info.shared_memory_socket.clone());
        let name = name.ok_or("shared memory is offered")?;
        let camera = client.default_camera().with_size(SIZE.0, SIZE.1);
        let mut kept = Vec::new();
        for _ in 0..1 + round % 6 {
            kept.push(camera.rgb().await?);
        }
        assert_eq!(client.stats().frames_shared, kept.len() as u64);
        let tickets: Result<Vec<_>, _> = (0..16).map(|_| camera.rgb().submit()).collect();
        server.kill()?;
        // Every request ends, with its frame or with the reason.
        for ticket in tickets? {
            match ticket.await {
                Ok(frame) => kept.push(frame),
                Err(error) => assert!(
                    matches!(error.kind(), ErrorKind::OutcomeUnknown | ErrorKind::NotSent),
                    "round {round}: {error}"
                ),
            }
        }
        drop((camera, client));
        let pixels = [0, 0, 0, 255].repeat((SIZE.0 * SIZE.1) as usize);
        assert!(kept.iter().all(|frame| frame.pixels().as_rgba() == pixels));
        assert!(!traces(&name).is_empty(), "the frames are still mapped");
        drop(kept);
        until_left(&name, |_| false).await;
    }
    Ok(())
}
