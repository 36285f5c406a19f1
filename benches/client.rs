//! What the client itself costs: asking, and reading the newest frame.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use synthcap::{Client, InputBuffering, Modality, Ticket, Vec3};
use synthcap_sim::SimConfig;
use tokio::runtime::Runtime;

/// How many requests are in flight at once while asking is timed.
const ROUND: u64 = 4096;

fn connect(runtime: &Runtime, buffering: Option<InputBuffering>) -> Client {
    runtime.block_on(async {
        let server = synthcap_sim::serve(SimConfig::small())
            .await
            .expect("a port");
        let url = server.url();
        // Serves for as long as the runtime lives.
        std::mem::forget(server);
        Client::builder(url)
            .max_commands_in_flight(1 << 16)
            .input_buffering(buffering)
            .connect()
            .await
            .expect("a server")
    })
}

fn asking(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let client = connect(&runtime, None);
    let camera = client.default_camera();
    criterion.bench_function("submit returns its ID", |bencher| {
        bencher.iter_custom(|iterations| {
            let mut spent = Duration::ZERO;
            let mut left = iterations;
            while left > 0 {
                let round = left.min(ROUND);
                let mut tickets: Vec<Ticket<_>> = Vec::with_capacity(round as usize);
                let start = Instant::now();
                for x in 0..round {
                    let place = Vec3::new(x as f32, 0.0, 0.0);
                    tickets.push(camera.set_location(place).submit().expect("a place"));
                }
                spent += start.elapsed();
                left -= round;
                runtime.block_on(async {
                    for ticket in tickets {
                        ticket.await.expect("a reply");
                    }
                });
            }
            spent
        });
    });
}

fn reading(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let client = connect(&runtime, None);
    let camera = client.default_camera().with_size(8, 8);
    let latest = camera.latest(Modality::Depth);
    // A writer at full speed: another thread captures without pause.
    let writing = runtime.spawn(async move { while camera.depth().await.is_ok() {} });
    runtime
        .block_on(latest.newer_than(Default::default()))
        .expect("a frame");
    criterion.bench_function("latest frame with a writer at full speed", |bencher| {
        bencher.iter(|| black_box(latest.get()));
    });
    writing.abort();
}

fn bursts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("burst of 1024 moves of one camera");
    group.throughput(Throughput::Elements(1024));
    let coalesce = InputBuffering {
        coalesce: true,
        ..InputBuffering::default()
    };
    let wide = InputBuffering {
        max_commands: 256,
        ..coalesce
    };
    for (name, buffering) in [
        ("sent at once", None),
        ("gathered", Some(InputBuffering::default())),
        ("coalesced, 8", Some(coalesce)),
        ("coalesced, 256", Some(wide)),
    ] {
        let runtime = Runtime::new().expect("a runtime");
        let client = connect(&runtime, buffering);
        let camera = client.default_camera();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                runtime.block_on(async {
                    let mut last = None;
                    for x in 0..1024_u16 {
                        let place = Vec3::new(f32::from(x), 0.0, 0.0);
                        last = Some(camera.set_location(place).submit().expect("a place"));
                    }
                    last.expect("one was made").await.expect("a reply")
                })
            });
        });
    }
    group.finish();
}

criterion_group!(benches, asking, reading, bursts);
criterion_main!(benches);
