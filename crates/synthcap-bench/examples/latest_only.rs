//! What a reader of the latest 4K frame costs the server's process, beside the bare
//! writing of its frames, over each way.
//!
//!     cargo run --release -p synthcap-bench --example latest_only

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    time::Instant,
};

use synthcap::{Client, SharedMemory, server::Server};
use synthcap_bench::{Error, Replay};

const SIZE: (u32, u32) = (3840, 2160);
const FRAMES: u32 = 300;
/// As many as a reader of the latest frame has going round.
const BUFFERS: usize = 12;

/// CPU time of a process so far, in milliseconds.
fn cpu_ms(pid: u32) -> Result<f64, Error> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').ok_or("a process has a name")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: f64 = ticks.filter_map(|n| n.parse::<f64>().ok()).sum();
    // The unit is a hundredth of a second on every machine that Linux knows today.
    Ok(ticks * 10.0)
}

/// CPU time that writing one frame takes, in milliseconds.
fn writing() -> Result<f64, Error> {
    let bytes = SIZE.0 as usize * SIZE.1 as usize * 4;
    let mut buffers = vec![vec![1_u8; bytes]; BUFFERS];
    let own = std::process::id();
    let before = cpu_ms(own)?;
    for frame in 0..FRAMES {
        let buffer = &mut buffers[frame as usize % BUFFERS];
        std::hint::black_box(buffer).fill(frame as u8);
    }
    Ok((cpu_ms(own)? - before) / f64::from(FRAMES))
}

/// CPU time of the server's process for each frame read, and frames per second.
async fn reading(server: &Child, url: &str, shared: SharedMemory) -> Result<(f64, f64), Error> {
    let client = Client::builder(url).shared_memory(shared).connect().await?;
    let camera = client.default_camera().with_size(SIZE.0, SIZE.1);
    let latest = camera.latest(synthcap::Modality::Rgb);
    for _ in 0..20 {
        drop(camera.rgb().await?);
    }
    let (before, start) = (cpu_ms(server.id())?, Instant::now());
    for _ in 0..FRAMES {
        drop(camera.rgb().await?);
        std::hint::black_box(latest.get());
    }
    let rate = f64::from(FRAMES) / start.elapsed().as_secs_f64();
    let cost = (cpu_ms(server.id())? - before) / f64::from(FRAMES);
    client.close().await?;
    Ok((cost, rate))
}

async fn serve() -> Result<(), Error> {
    let server = Server::builder(Replay::writing()).start().await?;
    println!("{}", server.url());
    std::io::stdout().flush()?;
    std::future::pending().await
}

async fn compare() -> Result<(), Error> {
    let mut server = Command::new(env::current_exe()?)
        .arg("serve")
        .stdout(Stdio::piped())
        .spawn()?;
    let output = server.stdout.take().ok_or("piped")?;
    let mut url = String::new();
    BufReader::new(output).read_line(&mut url)?;
    println!("writing alone      {:6.2} ms of CPU per frame", writing()?);
    for (name, shared) in [
        ("shared memory", SharedMemory::Auto),
        ("TCP", SharedMemory::Off),
    ] {
        let (cost, rate) = reading(&server, url.trim(), shared).await?;
        println!("server, {name:13} {cost:4.2} ms of CPU per frame, {rate:.0} frames/s");
    }
    server.kill()?;
    server.wait()?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    match env::args().nth(1).as_deref() {
        Some("serve") => serve().await,
        _ => compare().await,
    }
}
