//! What prediction, a pool and a batch gain, each against doing without, with an
//! engine and a user that take a fixed time. Run it with
//! `cargo bench --bench loops`.

#[path = "loops/engine.rs"]
mod engine;
mod proxy;

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use synthcap::{CaptureLoop, Client, Pool, Vec3, server::Server};
use tokio::runtime::Runtime;

const RENDER: Duration = Duration::from_millis(4);
const WORK: Duration = Duration::from_millis(4);
const LINK_DELAY: Duration = Duration::from_millis(2);

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

/// Thirty frames of 4 ms to render, 4 ms of work with each.
fn prediction(c: &mut Criterion) {
    const FRAMES: usize = 30;
    let runtime = runtime();
    let (client, _server) = runtime.block_on(engine::served(RENDER));
    let mut group = c.benchmark_group("prediction");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(FRAMES as u64));
    for in_flight in [1, 2, 4] {
        group.bench_function(format!("in_flight_{in_flight}"), |b| {
            b.to_async(&runtime).iter(async || {
                let camera = client.default_camera();
                let plan = (0..FRAMES).map(|_| camera.rgb());
                let mut frames = CaptureLoop::new(in_flight, plan);
                while let Some(frame) = frames.next().await {
                    frame.expect("the server lives");
                    tokio::time::sleep(WORK).await;
                }
            });
        });
    }
    group.finish();
}

/// Sixty frames of 4 ms to render, over one server and over two.
fn pool(c: &mut Criterion) {
    const FRAMES: usize = 60;
    let runtime = runtime();
    let mut group = c.benchmark_group("pool");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(FRAMES as u64));
    for count in [1, 2] {
        let (pool, _servers) = runtime.block_on(async {
            let mut builder = Pool::builder();
            let mut servers = Vec::new();
            for _ in 0..count {
                let server = Server::builder(engine::Slow::new(RENDER)).paused(true);
                let server = server.start().await.expect("a free port");
                builder = builder.server(server.url());
                servers.push(server);
            }
            (builder.connect().await.expect("they are up"), servers)
        });
        group.bench_function(format!("servers_{count}"), |b| {
            b.to_async(&runtime).iter(async || {
                let jobs = (0..FRAMES).map(|_| |client: &Client| client.default_camera().rgb());
                for frame in pool.run(jobs).all().await {
                    frame.expect("the servers live");
                }
            });
        });
    }
    group.finish();
}

/// Fifty moves over a link that takes 2 ms each way.
fn batch(c: &mut Criterion) {
    const MOVES: u16 = 50;
    let runtime = runtime();
    let (client, _server) = runtime.block_on(engine::served_over(LINK_DELAY));
    let camera = client.default_camera();
    let to = |index| camera.set_location(Vec3::new(f32::from(index), 0.0, 0.0));
    let mut group = c.benchmark_group("fifty_moves_over_2ms");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(MOVES.into()));
    group.bench_function("one_by_one", |b| {
        b.to_async(&runtime).iter(async || {
            for index in 0..MOVES {
                to(index).await.expect("the server lives");
            }
        });
    });
    group.bench_function("batch", |b| {
        b.to_async(&runtime).iter(async || {
            let mut batch = client.batch();
            for index in 0..MOVES {
                batch.add(to(index));
            }
            batch.run().await.expect("the server lives");
        });
    });
    group.finish();
}

criterion_group!(loops, prediction, pool, batch);
criterion_main!(loops);
