//! What encodings gain on a slow link, and cost on a fast one: frames per second of
//! RGB and depth at 1920x1080, raw and as the client decides.
//!
//!     cargo bench --bench link                      loopback, and 1 Gb/s by a proxy
//!     cargo bench --bench link -- --serve ADDRESS   serves the pictures
//!     cargo bench --bench link -- --measure URL     measures over a real link
//!
//! `just bench-link` does the last two over a network of its own.

#[path = "link/engine.rs"]
mod engine;
mod proxy;

use std::time::{Duration, Instant};

use synthcap::{
    CaptureLoop, Client, Encoding, EncodingChoice, Encodings, Modality, SharedMemory,
    server::Server,
};

/// Bytes per second that TCP gets out of 1 Gb/s Ethernet.
const GIGABIT: f64 = 117.5e6;
/// Requests under way at once: enough to keep link and processors busy.
const IN_FLIGHT: usize = 6;
/// How long each way is measured, several times in turn.
const ROUND: Duration = Duration::from_secs(3);
const ROUNDS: usize = 4;

#[tokio::main]
async fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [.., "--serve", address] | ["--serve", address, ..] => serve(address).await,
        ["--measure", url, ..] | [.., "--measure", url] => compare("this link", url).await,
        other if other.contains(&"--test") => {}
        _ => {
            let server = Server::builder(engine::Pictures::new()).paused(true);
            let server = server.start().await.expect("a free port");
            compare("loopback", &server.url()).await;
            let link = proxy::Link {
                delay: Duration::ZERO,
                bytes_per_s: GIGABIT,
            };
            let proxy = proxy::start(server.local_addr(), link).await;
            compare("1 Gb/s by a proxy", &format!("http://{proxy}")).await;
        }
    }
}

async fn serve(address: &str) {
    let server = Server::builder(engine::Pictures::new()).paused(true);
    let server = server.listen(address).allow_insecure_public(true);
    let server = server.start().await.expect("the address is free");
    println!("serving at {}", server.url());
    std::future::pending().await
}

/// Measures both ways in turn, so that what else the machine does meets both.
async fn compare(link: &str, url: &str) {
    let ways = [
        ("raw", EncodingChoice::Use(Encoding::Raw)),
        ("auto", EncodingChoice::Auto),
    ];
    let mut best = [0.0_f64; 2];
    let mut last = [String::new(), String::new()];
    for _ in 0..ROUNDS {
        for (way, (_, choice)) in ways.iter().enumerate() {
            let (rate, became) = measure(url, *choice).await;
            best[way] = best[way].max(rate);
            last[way] = became;
        }
    }
    for ((name, _), (rate, became)) in ways.iter().zip(best.iter().zip(&last)) {
        println!("{link}: {name} {rate:.1} pairs/s ({became})");
    }
    println!(
        "{link}: auto gives {:.2} times the frames of raw",
        best[1] / best[0]
    );
}

/// Pairs per second, and how they came in the end.
async fn measure(url: &str, choice: EncodingChoice) -> (f64, String) {
    let builder = Client::builder(url).encodings(Encodings::all(choice));
    // It would pass the link by.
    let builder = builder.shared_memory(SharedMemory::Off);
    let client = builder.connect().await.expect("a server listens there");
    let camera = client.default_camera();
    let plan = std::iter::repeat_with(move || camera.images(Modality::Rgb | Modality::Depth));
    let mut frames = CaptureLoop::new(IN_FLIGHT, plan);
    // Until the decision is made and the pipeline full.
    for _ in 0..3 * IN_FLIGHT {
        frames
            .next()
            .await
            .expect("endless")
            .expect("the server lives");
    }
    let begun = Instant::now();
    let (mut count, mut became) = (0, String::new());
    while begun.elapsed() < ROUND {
        let set = frames
            .next()
            .await
            .expect("endless")
            .expect("the server lives");
        count += 1;
        let describe = |frame: &std::sync::Arc<synthcap::Frame>| {
            let megabytes = frame.wire_bytes() as f64 / 1e6;
            format!(
                "{} {} {megabytes:.2} MB",
                frame.modality(),
                frame.encoding()
            )
        };
        became = set
            .frames
            .iter()
            .map(describe)
            .collect::<Vec<_>>()
            .join(", ");
    }
    (f64::from(count) / begun.elapsed().as_secs_f64(), became)
}
