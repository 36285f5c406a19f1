//! A hundred clients that lose one server in the same instant.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::stream;
use synthcap::{Backoff, Client, Dialer, ReconnectPolicy, server::Server};
use turmoil::net::TcpListener;

use super::engine::{Record, Recording, camera_of};

const CLIENTS: u8 = 100;

/// When the server is gone, and when it listens again.
const CRASH: Duration = Duration::from_secs(2);
const BACK: Duration = Duration::from_millis(2100);

/// When each client was first accepted by the server that came back. A client has
/// a second connection, for replies, as soon as the first one stands.
type Arrivals = Arc<Mutex<BTreeMap<IpAddr, Duration>>>;

async fn serve(arrivals: Arrivals) -> turmoil::Result {
    let listener = TcpListener::bind("0.0.0.0:50051").await?;
    let connections = stream::unfold(listener, move |listener| {
        let arrivals = arrivals.clone();
        async move {
            let accepted = listener.accept().await.map(|(stream, peer)| {
                let now = turmoil::sim_elapsed().expect("within the simulation");
                if let Some(after) = now.checked_sub(CRASH) {
                    let mut arrivals = arrivals.lock().expect("no holder panics");
                    arrivals.entry(peer.ip()).or_insert(after);
                }
                stream
            });
            Some((accepted, listener))
        }
    });
    let server = Server::builder(Recording::new(Record::default(), 1))
        .paused(true)
        .inline(true)
        .start_on(Box::pin(connections))?;
    std::future::pending::<()>().await;
    drop(server);
    Ok(())
}

/// Has the connection before the crash, and asks until it has one again.
async fn lose_and_find(backoff: Backoff) -> turmoil::Result {
    let dialer = Dialer::new(|target| async move {
        turmoil::net::TcpStream::connect((target.host(), target.port())).await
    });
    let client = Client::builder("http://server:50051")
        .dialer(dialer)
        .reconnect(ReconnectPolicy::Backoff(backoff))
        .connect()
        .await?;
    let camera = client.camera(camera_of(0));
    camera.rgb().await?;
    tokio::time::sleep(BACK).await;
    camera.rgb().timeout(Duration::from_secs(20)).await?;
    client.close().await?;
    Ok(())
}

/// When each client came back, from the crash on, in seconds.
fn comeback(backoff: Backoff, seed: u64) -> Vec<f64> {
    fastrand::seed(seed);
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .simulation_duration(Duration::from_secs(60))
        .tick_duration(Duration::from_millis(1))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(2))
        .tcp_capacity(1024)
        .build();
    let arrivals = Arrivals::default();
    let served = arrivals.clone();
    sim.host("server", move || serve(served.clone()));
    for number in 0..CLIENTS {
        sim.client(format!("client-{number}"), lose_and_find(backoff));
    }
    let (mut crashed, mut back) = (false, false);
    loop {
        if !crashed && sim.elapsed() >= CRASH {
            sim.crash("server");
            crashed = true;
        }
        if !back && sim.elapsed() >= BACK {
            sim.bounce("server");
            back = true;
        }
        if sim.step().expect("every client comes back") {
            break;
        }
    }
    let arrivals = arrivals.lock().expect("no holder panics");
    arrivals.values().map(Duration::as_secs_f64).collect()
}

#[test]
fn a_hundred_clients_come_back_one_by_one() {
    for (name, backoff) in [("GRPC", Backoff::GRPC), ("DOUBLING", Backoff::DOUBLING)] {
        let arrivals = comeback(backoff, 7);
        assert_eq!(arrivals.len(), usize::from(CLIENTS), "{name}");
        let first = arrivals.iter().copied().fold(f64::INFINITY, f64::min);
        let last = arrivals.iter().copied().fold(0.0, f64::max);
        let spread = last - first;
        let tenths: Vec<usize> = (0..10)
            .map(|part| {
                let from = first + spread * f64::from(part) / 10.0;
                // The last one is part of the last tenth.
                let to = if part == 9 {
                    f64::INFINITY
                } else {
                    from + spread / 10.0
                };
                arrivals.iter().filter(|at| (from..to).contains(at)).count()
            })
            .collect();
        println!("{name}: back {first:.2} s to {last:.2} s after the crash; by tenths {tenths:?}");
        // Over nearly the whole jitter, and not in one heap.
        let whole = 2.0 * backoff.jitter * backoff.initial.as_secs_f64();
        assert!(spread > 0.9 * whole, "{name}: {spread} s of {whole}");
        assert!(
            tenths.iter().all(|&count| count <= 25),
            "{name}: {tenths:?}"
        );
    }
}
