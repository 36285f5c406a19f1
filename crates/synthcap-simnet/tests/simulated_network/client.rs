//! A client that asks for this and that, whatever becomes of the network.

use std::time::Duration;

use synthcap::{
    Backoff, Client, Dialer, Done, Error, ErrorCode, ErrorKind, Frame, Keepalive, KeepalivePolicy,
    ReconnectPolicy, Transform, Vec3,
    frame::{Moment, Rgb},
};
use tokio::task::JoinSet;

use super::engine::{Record, camera_of};

/// How many requests each client makes while the network misbehaves.
const REQUESTS: u32 = 100;

/// The longest that a request may take.
const LONGEST: Duration = Duration::from_secs(3);

#[derive(Clone, Debug)]
enum Asked {
    Capture,
    Move(f32),
    Spawn(String),
    Step,
    SpawnAndStep(String),
    Query,
}

/// What a request that succeeded brought.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, on the stack"
)]
enum Brought {
    Frame(Frame<Rgb>),
    Moved(Moment),
    Nothing,
}

struct Ended {
    asked: Asked,
    result: Result<Brought, Error>,
}

/// A client over the simulated network.
async fn connect(number: u8) -> Client {
    let dialer = Dialer::new(|target| async move {
        turmoil::net::TcpStream::connect((target.host(), target.port())).await
    });
    let builder = Client::builder("http://server:50051")
        .dialer(dialer)
        .connect_timeout(Duration::from_millis(800))
        .max_captures_in_flight(16)
        .reconnect(ReconnectPolicy::Backoff(Backoff {
            initial: Duration::from_millis(50),
            max: Duration::from_secs(1),
            ..Backoff::DOUBLING
        }))
        // What finds a peer that is half gone; TCP is simulated without.
        .keepalive(Keepalive {
            policy: KeepalivePolicy::Always,
            interval: Duration::from_millis(400),
            timeout: Duration::from_millis(400),
            while_idle: true,
        });
    loop {
        match builder.clone().connect().await {
            Ok(client) => return client,
            Err(error) => tracing::debug!(number, %error, "not yet"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Makes its requests, waits until each has ended, and checks what can be checked
/// from this side.
pub async fn run(number: u8, seed: u64, record: Record) -> turmoil::Result {
    let mut random = fastrand::Rng::with_seed(seed ^ u64::from(number));
    let client = connect(number).await;
    let mut asking = JoinSet::new();
    for count in 0..REQUESTS {
        let asked = choose(&mut random, number, count);
        let limit = LONGEST.mul_f64(random.f64().max(0.02));
        let (client, record) = (client.clone(), record.clone());
        let beside = random.u8(..8) == 0;
        if random.u8(..10) == 0 {
            // Asked and forgotten; it must leave nothing behind.
            let camera = client.camera(camera_of(number));
            drop(camera.rgb().timeout(limit).submit());
        }
        asking.spawn(ask(client, number, asked, limit, beside, record));
        tokio::time::sleep(Duration::from_millis(random.u64(..200))).await;
    }
    let ends = asking.join_all().await;
    check(&ends, &record, number);
    // All is well again by now: a request succeeds, and nothing is left over.
    let camera = client.camera(camera_of(number));
    while let Err(error) = camera.rgb().timeout(LONGEST).await {
        tracing::debug!(number, %error, "still not");
    }
    // What was forgotten runs out of time.
    tokio::time::sleep(LONGEST).await;
    if client.in_flight() != (0, 0) {
        record.violation(format!("still in flight: {:?}", client.in_flight()));
    }
    client.close().await?;
    Ok(())
}

fn choose(random: &mut fastrand::Rng, number: u8, count: u32) -> Asked {
    let name = format!("object-{number}-{count}");
    match random.u8(..10) {
        0..=3 => Asked::Capture,
        // Ever larger, so that going back shows.
        4..=5 => Asked::Move(count as f32 + 1.0),
        6 => Asked::Spawn(name),
        7 => Asked::Step,
        8 => Asked::SpawnAndStep(name),
        _ => Asked::Query,
    }
}

async fn ask(
    client: Client,
    number: u8,
    asked: Asked,
    limit: Duration,
    beside: bool,
    record: Record,
) -> Ended {
    let camera = client.camera(camera_of(number));
    let nothing = |_: Done| Brought::Nothing;
    let result = match &asked {
        Asked::Capture if beside => camera
            .rgb()
            .timeout(limit)
            .unary()
            .await
            .map(Brought::Frame),
        Asked::Capture => camera.rgb().timeout(limit).await.map(Brought::Frame),
        Asked::Query => camera
            .transform()
            .timeout(limit)
            .await
            .map(|_| Brought::Nothing),
        Asked::Step => client.step(1).timeout(limit).await.map(nothing),
        Asked::Spawn(name) => {
            let spawn = client
                .object(name.as_str())
                .spawn("any", Transform::IDENTITY);
            spawn.timeout(limit).await.map(nothing)
        }
        Asked::SpawnAndStep(name) => {
            let mut batch = client.batch();
            batch.add(
                client
                    .object(name.as_str())
                    .spawn("any", Transform::IDENTITY),
            );
            batch.add(client.step(1));
            batch.run().timeout(limit).await.map(|_| Brought::Nothing)
        }
        Asked::Move(x) => {
            let moved = camera.set_location(Vec3::new(*x, 0.0, 0.0));
            let moved = moved.timeout(limit).await;
            if moved.is_ok() {
                let mut facts = record.facts();
                let known = facts.acknowledged.entry(camera_of(number)).or_default();
                *known = known.max(*x);
            }
            moved.map(|done| Brought::Moved(done.moment()))
        }
    };
    let end = match &result {
        Ok(_) => "ok".to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    };
    record.end(format!("{number} {asked:?} {end}"));
    Ended { asked, result }
}

fn check(ends: &[Ended], record: &Record, number: u8) {
    if ends.len() != REQUESTS as usize {
        record.violation(format!("{} of {REQUESTS} requests ended", ends.len()));
    }
    for Ended { asked, result } in ends {
        if let Err(error) = result
            && !is_possible(error.kind())
        {
            record.violation(format!("{number}: {asked:?} ended with {error:?}"));
        }
        let (Asked::Spawn(name) | Asked::SpawnAndStep(name)) = asked else {
            continue;
        };
        let times = record.facts().spawned.get(name).copied().unwrap_or(0);
        let right = match result.as_ref().map_err(Error::kind) {
            Ok(_) => times == 1,
            Err(ErrorKind::OutcomeUnknown | ErrorKind::DeadlineExceeded) => times <= 1,
            Err(_) => times == 0,
        };
        if !right {
            let end = result.as_ref().err();
            record.violation(format!(
                "{name} was spawned {times} times; it ended as {end:?}"
            ));
        }
    }
    check_freshness(ends, record);
}

/// How a request may end here.
fn is_possible(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::DeadlineExceeded
            | ErrorKind::NotSent
            | ErrorKind::OutcomeUnknown
            | ErrorKind::InFlightLimit
            | ErrorKind::Rejected(ErrorCode::Internal | ErrorCode::Unavailable)
    )
}

/// A frame whose moment is not before a move's shows that move, or a later one.
fn check_freshness(ends: &[Ended], record: &Record) {
    let moves = ends
        .iter()
        .filter_map(|ended| match (&ended.asked, &ended.result) {
            (Asked::Move(x), Ok(Brought::Moved(moment))) => Some((*x, *moment)),
            _ => None,
        });
    let moves: Vec<_> = moves.collect();
    for ended in ends {
        let Ok(Brought::Frame(frame)) = &ended.result else {
            continue;
        };
        let shown = f32::from(frame.pixels().as_rgba()[0]);
        let pose = frame.info().pose.map(|pose| pose.location.x);
        if pose != Some(shown) {
            record.violation(format!(
                "the pose {pose:?} is not that of the pixels, {shown}"
            ));
        }
        // Of moves in the same run of the server: moments of other runs are told
        // apart by the pixels, which a new engine begins anew.
        let seen = moves.iter().filter(|(_, moment)| *moment <= frame.moment());
        let last = seen.max_by_key(|(_, moment)| *moment);
        if let Some((x, moment)) = last
            && same_run(*moment, frame.moment())
            && shown < *x
        {
            record.violation(format!("a frame shows {shown} after {x} was set"));
        }
    }
}

/// Moments print their run; they have no other way to tell it.
fn same_run(one: Moment, other: Moment) -> bool {
    let run = |moment: Moment| {
        let text = format!("{moment:?}");
        text.split(',').next().map(str::to_owned)
    };
    run(one) == run(other)
}
