//! A million frames at flat memory, over a real socket; server and client in one
//! process, so that it is the memory of both.
#![cfg(target_os = "linux")]

#[path = "simulated_network/engine.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the simulated network"
)]
mod engine;

use std::{collections::VecDeque, time::Instant};

use engine::{Record, Recording, camera_of};
use synthcap::{Client, Modality, server::Server};

/// How many frames are asked for ahead.
const AHEAD: usize = 32;
/// By then every buffer and pool has grown as far as it will.
const WARM: u64 = 20_000;
/// What the allocator may keep or give back as it likes, MiB.
const SLACK_MIB: f64 = 4.0;

fn memory_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.and_then(|kib| kib.parse::<f64>().ok())
        .expect("a number")
        / 1024.0
}

/// Tickets, forgotten tickets and a lossless stream, in turns.
async fn frames(client: &Client, count: u64) {
    let camera = client.camera(camera_of(0));
    let mut stream = client.frames(Modality::Rgb);
    let mut waiting = VecDeque::new();
    for number in 0..count {
        let ticket = camera.rgb().queue().await.expect("the server lives");
        if number % 10 > 0 {
            waiting.push_back(ticket);
        }
        if waiting.len() == AHEAD {
            let oldest = waiting.pop_front().expect("there are some");
            oldest.await.expect("the server lives");
        }
        if number >= AHEAD as u64 {
            let frame = stream.next().await.expect("the client lives");
            frame.expect("nothing is left out");
        }
    }
    for ticket in waiting {
        ticket.await.expect("the server lives");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; `just test-million` runs it"]
async fn a_million_frames_take_no_more_memory_than_the_first() {
    let asked = std::env::var("SYNTHCAP_FRAMES");
    let count = asked.map_or(1_000_000, |text| text.parse().expect("a number"));
    let engine = Recording::new(Record::default(), 1);
    let server = Server::builder(engine).paused(true).start();
    let server = server.await.expect("a free port");
    let client = Client::connect(server.url()).await.expect("it serves");
    frames(&client, WARM).await;
    let (first, start) = (memory_mib(), Instant::now());
    let mut most = first;
    for _ in 0..100 {
        frames(&client, count / 100).await;
        most = most.max(memory_mib());
    }
    let last = memory_mib();
    println!(
        "{count} frames in {:.0} s; memory at first {first:.1} MiB, at last {last:.1} MiB, \
         at most {most:.1} MiB",
        start.elapsed().as_secs_f64()
    );
    assert!(
        last < first + SLACK_MIB,
        "it grew by {:.1} MiB",
        last - first
    );
    assert_eq!(client.in_flight(), (0, 0));
}
