//! The kit's faults, each seen from both ends.

use std::{sync::Arc, time::Duration};

use crate::common::TinyEngine;
use synthcap::{
    Backoff, CaptureSet, Client, Command, Delivery, Error, ErrorCode, ErrorKind, Modality,
    ReconnectPolicy, Transform, Vec3,
    server::{
        Server, ServerHandle,
        faults::{Fault, Faults, When},
    },
};

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// Soon again, for tests that lose connections.
const SOON: ReconnectPolicy = ReconnectPolicy::Backoff(Backoff {
    initial: Duration::from_millis(1),
    ..Backoff::GRPC
});

async fn serve(faults: Faults) -> Result<ServerHandle, Box<dyn std::error::Error>> {
    let builder = Server::builder(TinyEngine::default()).paused(true);
    Ok(builder.faults(faults).start().await?)
}

async fn connect(server: &ServerHandle) -> Result<Client, Error> {
    let builder = Client::builder(server.url()).reconnect(SOON);
    builder.connect().await
}

fn kinds<T>(results: Vec<Result<T, Error>>) -> Vec<Option<ErrorKind>> {
    let kinds = results.into_iter().map(|result| result.err());
    kinds.map(|error| error.map(|error| error.kind())).collect()
}

#[tokio::test]
async fn an_error_strikes_what_it_is_aimed_at_and_nothing_is_executed() -> TestResult {
    let spawns = When::command(|command| matches!(command, Command::SpawnObject { .. }));
    let busy = Fault::Error(ErrorCode::ResourceExhausted);
    let engine = TinyEngine::default();
    let spawned = engine.spawned.clone();
    let server = Server::builder(engine).faults(Faults::seeded(1).on(spawns.nth(2), busy));
    let server = server.start().await?;
    let client = connect(&server).await?;
    let mut results = Vec::new();
    for name in ["a", "b", "c"] {
        client.default_camera().rgb().await?;
        results.push(client.object(name).spawn("any", Transform::IDENTITY).await);
    }
    let rejected = Some(ErrorKind::Rejected(ErrorCode::ResourceExhausted));
    assert_eq!(kinds(results), [None, rejected, None]);
    let spawned = spawned.lock().expect("no panic");
    assert_eq!(*spawned, ["a".into(), "c".into()]);
    Ok(())
}

#[tokio::test]
async fn silence_ends_by_the_deadline_on_the_stream_and_beside_it() -> TestResult {
    let server = serve(Faults::seeded(1).on(When::captures(), Fault::Silence)).await?;
    let client = connect(&server).await?;
    let camera = client.default_camera();
    let short = Duration::from_millis(200);
    let (stream, unary) = tokio::join!(async { camera.rgb().timeout(short).await }, async {
        camera.rgb().timeout(short).unary().await
    });
    let late = Some(ErrorKind::DeadlineExceeded);
    assert_eq!(kinds(vec![stream.map(drop), unary.map(drop)]), [late, late]);
    camera.transform().await?;
    assert_eq!(client.in_flight(), (0, 0));
    Ok(())
}

#[tokio::test]
async fn late_replies_overtake_one_another_and_still_find_their_requests() -> TestResult {
    let jitter = Fault::Latency {
        delay: Duration::ZERO,
        jitter: Duration::from_millis(20),
    };
    let server = serve(Faults::seeded(3).on(When::any(), jitter)).await?;
    let client = connect(&server).await?;
    let camera = client.default_camera();
    let mut tickets = Vec::new();
    for x in 0..50_u8 {
        let place = Vec3::new(f32::from(x), 0.0, 0.0);
        drop(camera.set_location(place).queue().await?);
        tickets.push((x, camera.rgb().queue().await?));
    }
    for (x, ticket) in tickets {
        assert_eq!(ticket.await?.pixels().as_rgba()[1], x);
    }
    Ok(())
}

/// Every way to break a connection, in the middle of a reply.
const BREAKS: [Fault; 3] = [
    Fault::Cut { after_bytes: 20 },
    Fault::Garbage { after_bytes: 20 },
    Fault::Cut { after_bytes: 0 },
];

#[tokio::test]
async fn a_broken_connection_costs_a_capture_nothing_and_a_step_its_certainty() -> TestResult {
    for fault in BREAKS {
        let steps = When::command(|command| matches!(command, Command::Step { .. }));
        let faults = Faults::seeded(5)
            .on(When::captures().nth(2), fault)
            .on(steps.nth(1), fault);
        let server = serve(faults).await?;
        let client = connect(&server).await?;
        let camera = client.default_camera();
        for _ in 0..3 {
            assert_eq!(camera.rgb().await?.pixels().as_rgba()[0], 0, "{fault:?}");
        }
        assert_eq!(client.stats().reconnects, 1, "{fault:?}");
        let error = client.step(1).await.expect_err("nobody can know");
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{fault:?}");
        // It was executed once, and not sent again.
        assert_eq!(camera.rgb().await?.pixels().as_rgba()[0], 1, "{fault:?}");
        assert_eq!(client.in_flight(), (0, 0));
        client.close().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_connection_that_went_dead_ends_requests_by_their_deadlines() -> TestResult {
    let stall = Fault::Stall { after_bytes: 9 };
    let server = serve(Faults::seeded(5).on(When::captures().nth(2), stall)).await?;
    let client = connect(&server).await?;
    let camera = client.default_camera();
    camera.rgb().await?;
    let short = Duration::from_millis(100);
    let results = [
        camera.rgb().timeout(short).await.map(drop),
        camera.depth().timeout(short).await.map(drop),
        client.step(1).timeout(short).await.map(drop),
    ];
    let late = Some(ErrorKind::DeadlineExceeded);
    assert_eq!(kinds(results.into()), [late; 3]);
    // Another client is not concerned, and the server can stop.
    connect(&server).await?.default_camera().rgb().await?;
    client.close().await?;
    server.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn a_slow_drip_is_slow_and_whole() -> TestResult {
    let drip = Fault::Drip {
        bytes_per_second: 1000,
    };
    let server = serve(Faults::seeded(5).on(When::captures().nth(1), drip)).await?;
    let client = connect(&server).await?;
    let camera = client.default_camera();
    let start = tokio::time::Instant::now();
    let image = camera.rgb().await?;
    assert_eq!(image.pixels().as_rgba().len(), 8 * 6 * 4);
    // A reply of 192 bytes and more, at the rate.
    assert!(start.elapsed() > Duration::from_millis(100));
    assert_eq!(client.stats().reconnects, 0);
    Ok(())
}

#[tokio::test]
async fn a_subscription_goes_on_after_its_connection_was_cut() -> TestResult {
    let transforms = When::command(|c| matches!(c, Command::GetCameraTransform { .. }));
    let faults = Faults::seeded(5).on(transforms.nth(1), Fault::Cut { after_bytes: 3 });
    let server = serve(faults).await?;
    let client = connect(&server).await?;
    let camera = client.default_camera();
    let set = CaptureSet {
        views: vec![(camera.view(), Modality::Rgb.into())],
        include_scene: false,
    };
    let subscribe = client.subscribe(set).delivery(Delivery::Lossless);
    let mut frames = subscribe.open().await?;
    frames.next().await.expect("lives")?;
    camera.transform().await?; // cut off, and asked again
    let gap = frames.next().await.expect("lives");
    assert_eq!(gap.expect_err("a gap").kind(), ErrorKind::Gap);
    client.step(1).await?;
    // What was due at once, then what the step made due.
    let mut last = frames.next().await.expect("lives")?;
    while last.stamp.tick.map(|tick| tick.get()) != Some(1) {
        last = frames.next().await.expect("lives")?;
    }
    Ok(())
}

#[tokio::test]
async fn the_same_seed_strikes_the_same_requests() -> TestResult {
    let struck = async |seed| {
        let error = Fault::Error(ErrorCode::Internal);
        let half = When::captures().probability(0.5);
        let server = serve(Faults::seeded(seed).on(half, error)).await?;
        let client = connect(&server).await?;
        let camera = Arc::new(client.default_camera());
        let mut struck = Vec::new();
        for _ in 0..64 {
            struck.push(camera.rgb().await.is_err());
        }
        Ok::<_, Box<dyn std::error::Error>>(struck)
    };
    let (one, again, other) = (struck(1).await?, struck(1).await?, struck(2).await?);
    assert_eq!(one, again);
    assert_ne!(one, other);
    let hits = one.iter().filter(|hit| **hit).count();
    assert!((16..48).contains(&hits), "{hits}");
    Ok(())
}

#[tokio::test]
async fn an_engine_without_a_thread_answers_all_the_same() -> TestResult {
    let server = Server::builder(TinyEngine::default()).inline(true);
    let server = server.start().await?;
    let client = connect(&server).await?;
    client.step(3).await?;
    assert_eq!(
        client.default_camera().rgb().await?.pixels().as_rgba()[0],
        3
    );
    let error = client.resume().await.expect_err("time passes by steps");
    let refused = ErrorKind::Rejected(ErrorCode::FailedPrecondition);
    assert_eq!(error.kind(), refused);
    client.close().await?;
    server.shutdown().await;
    Ok(())
}
