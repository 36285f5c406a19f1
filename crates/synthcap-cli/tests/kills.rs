//! A server that is a real process, and what real processes suffer: it is killed in
//! the middle of its work, or stopped for a while.
#![cfg(unix)]

mod common;

use std::{collections::BTreeMap, time::Duration};

use common::{serve, serve_at};
use synthcap::{
    Backoff, Client, Error, ErrorKind, ReconnectPolicy, RequestId, Tick, Ticket, Transform, Vec3,
};

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// How a request may end that was under way when its server was killed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// Asked again of the next server, and answered.
    Repeatable,
    /// Answered, or not sent, or nobody knows.
    Once,
}

type Ends = BTreeMap<RequestId, (Kind, Result<(), ErrorKind>)>;

/// Waits for each of these and notes its end.
async fn note<T: 'static>(ends: &mut Ends, kind: Kind, ticket: Ticket<T>) {
    let id = ticket.id();
    let end = ticket.await.map(drop).map_err(|error: Error| error.kind());
    let before = ends.insert(id, (kind, end));
    assert_eq!(before, None, "request {id} ended twice");
}

async fn connect(url: &str) -> Result<Client, Error> {
    let soon = Backoff {
        initial: Duration::from_millis(20),
        max: Duration::from_millis(200),
        ..Backoff::DOUBLING
    };
    let builder = Client::builder(url).reconnect(ReconnectPolicy::Backoff(soon));
    // More than enough for a server to start anew on a busy machine.
    builder
        .request_timeout(Duration::from_secs(60))
        .connect()
        .await
}

fn kills() -> u64 {
    let asked = std::env::var("SYNTHCAP_KILLS");
    asked.map_or(3, |text| text.parse().expect("SYNTHCAP_KILLS is a number"))
}

#[tokio::test]
async fn a_killed_server_leaves_no_request_without_its_end() -> TestResult {
    let (mut server, url) = serve(&[]);
    let address = url.trim_start_matches("http://").to_owned();
    let client = connect(&url).await?;
    let camera = client.default_camera();
    let mut counts = BTreeMap::<String, u32>::new();
    for kill in 0..kills() {
        let first = camera.rgb().submit()?;
        let (mut captures, mut moves, mut others) = (vec![], vec![], vec![]);
        for index in 0..8_u8 {
            captures.push(camera.depth().submit()?);
            moves.push(
                camera
                    .set_location(Vec3::new(f32::from(index), 0.0, 200.0))
                    .submit()?,
            );
            let object = client.object(format!("object-{kill}-{index}"));
            others.push(object.spawn("shape:cube", Transform::IDENTITY).submit()?);
            others.push(client.step(1).submit()?);
        }
        let asked = 1 + captures.len() + moves.len() + others.len();
        let mut ends = Ends::new();
        // By then the server is at work, and never as far as the last time.
        note(&mut ends, Kind::Repeatable, first).await;
        for ticket in captures.drain(..(kill % 7) as usize) {
            note(&mut ends, Kind::Repeatable, ticket).await;
        }
        server.kill();
        drop(server);
        server = serve_at(&address, &[]).0;
        for ticket in captures {
            note(&mut ends, Kind::Repeatable, ticket).await;
        }
        for ticket in moves {
            note(&mut ends, Kind::Once, ticket).await;
        }
        for ticket in others {
            note(&mut ends, Kind::Once, ticket).await;
        }
        assert_eq!(ends.len(), asked);
        for (id, (kind, end)) in ends {
            let right = match end {
                Ok(()) => true,
                Err(ErrorKind::OutcomeUnknown | ErrorKind::NotSent) => kind == Kind::Once,
                Err(_) => false,
            };
            assert!(right, "kill {kill}: request {id} ended with {end:?}");
            *counts.entry(format!("{kind:?} {end:?}")).or_default() += 1;
        }
        assert_eq!(client.in_flight(), (0, 0));
        // If the server was quick enough to answer all, only this asks the next one.
        camera.depth().await?;
    }
    println!("{} kills; requests ended so: {counts:?}", kills());
    assert!(client.stats().reconnects >= kills());
    client.close().await?;
    Ok(())
}

#[tokio::test]
async fn a_server_that_was_stopped_for_longer_than_the_deadline_goes_on() -> TestResult {
    let (server, url) = serve(&[]);
    let client = connect(&url).await?;
    let camera = client.default_camera();
    client.pause().await?;
    let before = camera.rgb().await?.tick();
    server.signal("-STOP");
    let short = Duration::from_millis(300);
    for _ in 0..3 {
        let error = camera
            .rgb()
            .timeout(short)
            .await
            .expect_err("it stands still");
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    }
    let error = client.step(1).timeout(short).await;
    let error = error.expect_err("it stands still");
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(client.in_flight(), (0, 0));
    server.signal("-CONT");
    // Over the same connection, and late replies are nobody's.
    let after = camera.rgb().await?.tick();
    let steps = |tick: Option<Tick>| tick.map(Tick::get);
    assert_eq!(steps(after), steps(before).map(|tick| tick + 1));
    assert_eq!(client.stats().reconnects, 0);
    client.close().await?;
    Ok(())
}
