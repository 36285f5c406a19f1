//! The client and the server kit over a network that does not exist: partitions,
//! lost machines, half-open connections, restarts and faults of the server, drawn
//! from a seed. What must hold then:
//!
//! * every request ends, exactly once, in a way that is true;
//! * nothing that must not is executed twice;
//! * no change that was acknowledged is undone by an older one;
//! * frames show what their moments promise;
//! * nothing is left over.
//!
//! `SYNTHCAP_SEEDS=from..to` says which seeds are run. A seed decides the network,
//! the faults and what is asked, and a failing one nearly always fails again. Two
//! things stay outside of it: the system's clock, whose date HTTP responses carry,
//! and the system's randomness, which names streams; both shift by a byte where a
//! reply is cut.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    reason = "a test of several files"
)]

mod client;
mod engine;
mod herd;

use std::{
    iter,
    num::NonZero,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use engine::{Record, Recording};
use futures_util::stream;
use synthcap::{
    ErrorCode,
    server::{
        Server,
        faults::{Fault, Faults, When},
    },
};
use turmoil::{Sim, net::TcpListener};

const CLIENTS: u8 = 2;

/// How long the network misbehaves.
const HARDSHIP: Duration = Duration::from_secs(12);

/// How long a simulation may take: by then every deadline and every wait is over.
const END: Duration = Duration::from_secs(60);

fn faults(seed: u64) -> Faults {
    let jitter = Fault::Latency {
        delay: Duration::ZERO,
        jitter: Duration::from_millis(300),
    };
    let rare = |probability| When::any().probability(probability);
    Faults::seeded(seed)
        .on(rare(0.01), Fault::Cut { after_bytes: 0 })
        .on(
            rare(0.02),
            Fault::Cut {
                after_bytes: seed % 1500,
            },
        )
        .on(
            rare(0.01),
            Fault::Stall {
                after_bytes: seed % 900,
            },
        )
        .on(rare(0.02), Fault::Silence)
        .on(rare(0.02), Fault::Error(ErrorCode::Internal))
        .on(rare(0.10), jitter)
}

async fn serve(seed: u64, record: Record) -> turmoil::Result {
    let listener = TcpListener::bind("0.0.0.0:50051").await?;
    let connections = stream::unfold(listener, |listener| async {
        let accepted = listener.accept().await.map(|(stream, _)| stream);
        Some((accepted, listener))
    });
    let engine = Recording::new(record.clone(), CLIENTS);
    let number = u64::from(record.facts().engines);
    let server = Server::builder(engine)
        .paused(true)
        .inline(true)
        .faults(faults(seed.wrapping_mul(31) + number))
        .start_on(Box::pin(connections))?;
    std::future::pending::<()>().await;
    drop(server);
    Ok(())
}

/// Tells what happens, with `SYNTHCAP_STORY` set.
fn story(now: Duration, what: &str, trouble: &Trouble) {
    if std::env::var_os("SYNTHCAP_STORY").is_some() {
        eprintln!("{now:?}: {what} {trouble:?}");
    }
}

/// What goes wrong with the network at present.
#[derive(Debug)]
enum Trouble {
    Partition(String),
    /// One direction only.
    Deaf(String, String),
    Held(String),
    Crashed,
}

impl Trouble {
    fn begin(random: &mut fastrand::Rng, sim: &mut Sim<'_>) -> Self {
        let client = format!("client-{}", random.u8(..CLIENTS));
        let server = "server";
        match random.u8(..5) {
            0 => {
                sim.partition(client.as_str(), server);
                Self::Partition(client)
            }
            1 => {
                sim.partition_oneway(client.as_str(), server);
                Self::Deaf(client, server.to_owned())
            }
            2 => {
                sim.partition_oneway(server, client.as_str());
                Self::Deaf(server.to_owned(), client)
            }
            3 => {
                sim.hold(client.as_str(), server);
                Self::Held(client)
            }
            _ => {
                sim.crash(server);
                Self::Crashed
            }
        }
    }

    fn end(self, sim: &mut Sim<'_>) {
        match self {
            Self::Partition(client) => sim.repair(client.as_str(), "server"),
            Self::Deaf(from, to) => sim.repair_oneway(from.as_str(), to.as_str()),
            Self::Held(client) => sim.release(client.as_str(), "server"),
            Self::Crashed => sim.bounce("server"),
        }
    }
}

/// Runs one seed; what went wrong, if anything did.
fn simulate(seed: u64) -> Result<Record, String> {
    fastrand::seed(seed);
    let mut random = fastrand::Rng::with_seed(seed);
    let record = Record::default();
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .simulation_duration(END)
        .tick_duration(Duration::from_millis(2))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(40))
        .tcp_capacity(1024)
        .build();
    let served = record.clone();
    sim.host("server", move || serve(seed, served.clone()));
    for number in 0..CLIENTS {
        let asking = client::run(number, seed, record.clone());
        sim.client(format!("client-{number}"), asking);
    }
    let mut trouble: Option<(Duration, Trouble)> = None;
    let mut quiet_until = Duration::from_millis(random.u64(..2500));
    loop {
        let now = sim.elapsed();
        match trouble.take() {
            Some((until, present)) if now >= until || now >= HARDSHIP => {
                story(now, "end", &present);
                present.end(&mut sim);
                quiet_until = now + Duration::from_millis(random.u64(..2500));
            }
            None if now >= quiet_until && now < HARDSHIP => {
                let until = now + Duration::from_millis(random.u64(1..1500));
                let begun = Trouble::begin(&mut random, &mut sim);
                story(now, "begin", &begun);
                trouble = Some((until, begun));
            }
            present => trouble = present,
        }
        match sim.step() {
            Ok(true) => break,
            Ok(false) => {}
            Err(error) => return Err(format!("it did not end well: {error}")),
        }
    }
    let violations = record.facts().violations.join("; ");
    match violations.as_str() {
        "" => Ok(record),
        violations => Err(violations.to_owned()),
    }
}

fn seeds() -> Range<u64> {
    let text = std::env::var("SYNTHCAP_SEEDS").unwrap_or_else(|_| "0..20".to_owned());
    let ends = text
        .split_once("..")
        .expect("SYNTHCAP_SEEDS is like 0..1000");
    ends.0.parse().expect("a number")..ends.1.parse().expect("a number")
}

/// Runs each seed; how its requests ended, or what went wrong. A network is of one
/// thread, and they share nothing.
fn on_all_threads(seeds: Range<u64>) -> Vec<(u64, Result<Vec<String>, String>)> {
    let next = AtomicU64::new(seeds.start);
    let kinds = |record: Record| {
        let kind = |end: &String| end.rsplit(' ').next().expect("a word").to_owned();
        record.facts().ends.iter().map(kind).collect()
    };
    let run = || {
        let mine = iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        mine.take_while(|&seed| seed < seeds.end)
            .map(|seed| (seed, simulate(seed).map(kinds)))
            .collect::<Vec<_>>()
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        let ended = running.into_iter().map(|thread| thread.join());
        ended.flat_map(|seeds| seeds.expect("no panic")).collect()
    })
}

#[test]
fn whatever_the_network_does_every_request_ends_truly() {
    let seeds = seeds();
    let mut ends = std::collections::BTreeMap::<String, u32>::new();
    let mut failed = Vec::new();
    let count = seeds.end.saturating_sub(seeds.start);
    for (seed, ended) in on_all_threads(seeds) {
        match ended {
            Ok(kinds) => kinds
                .into_iter()
                .for_each(|kind| *ends.entry(kind).or_default() += 1),
            Err(why) => {
                eprintln!("seed {seed}: {why}");
                failed.push(seed);
            }
        }
    }
    println!("{count} seeds; the requests ended so: {ends:?}");
    assert!(failed.is_empty(), "failing seeds: {failed:?}");
    // Without these the hardship was none.
    for kind in ["ok", "DeadlineExceeded", "OutcomeUnknown"] {
        assert!(
            count < 10 || ends.contains_key(kind),
            "no {kind} in {ends:?}"
        );
    }
}
