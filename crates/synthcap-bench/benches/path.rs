//! One request at a time over the whole path, for comparing one version of the
//! code with the next: `cargo bench -p synthcap-bench`. Comparisons with others
//! are the command's, `synthcap bench --compare`.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use synthcap::{
    Client, Modality, Vec3,
    server::{Server, ServerHandle},
};
use synthcap_bench::Replay;
use tokio::runtime::Runtime;

/// Pixels of a side.
const SIDES: [u32; 3] = [256, 512, 1024];

fn served(runtime: &Runtime, address: &str) -> (Client, ServerHandle) {
    runtime.block_on(async {
        let server = Server::builder(Replay::default()).listen(address);
        let server = server.start().await.expect("a free address");
        let client = Client::connect(server.url()).await.expect("it serves");
        (client, server)
    })
}

fn path(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let socket = format!("unix:{}", folder.path().join("bench").display());
    for (name, address) in [("tcp", "127.0.0.1:0"), ("unix", &socket)] {
        let (client, _server) = served(&runtime, address);
        let camera = client.default_camera();
        let mut group = criterion.benchmark_group(name);
        group.bench_function("move", |bencher| {
            let moved = async || camera.set_location(Vec3::ZERO).await.expect("moved");
            bencher.to_async(&runtime).iter(moved);
        });
        for side in SIDES {
            let camera = camera.with_size(side, side);
            group.throughput(Throughput::Bytes(u64::from(side) * u64::from(side) * 4));
            group.bench_function(BenchmarkId::new("rgba", side), |bencher| {
                let taken = async || camera.image(Modality::Rgb).await.expect("a frame");
                bencher.to_async(&runtime).iter(taken);
            });
        }
        group.finish();
    }
}

criterion_group!(benches, path);
criterion_main!(benches);
