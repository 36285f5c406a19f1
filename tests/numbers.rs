//! What a client counts and keeps: statistics, frames by ID, bursts of commands.

use std::time::Duration;

use crate::common::{TinyEngine, serve};
use synthcap::{
    Client, Error, ErrorKind, InputBuffering, Modality, ReconnectPolicy, RequestId, Rotator, Vec3,
    server::ServerHandle,
};

type TestResult = Result<(), Box<dyn std::error::Error>>;

#[tokio::test]
async fn statistics_count_what_happened() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let camera = client.default_camera();
    let before = client.stats();
    for _ in 0..3 {
        camera.rgb().await?;
    }
    camera.depth().await?;
    client.step(1).await?;
    client
        .camera("nobody")
        .transform()
        .await
        .expect_err("unknown");
    let stats = client.stats();
    assert_eq!((stats.requests_ok, stats.requests_failed), (5, 1));
    // Four images of 8 x 6 pixels of 4 bytes.
    assert_eq!((stats.frames, stats.frame_bytes), (4, 4 * 8 * 6 * 4));
    // Two of the three colour frames were replaced before anybody looked.
    assert_eq!(stats.frames_replaced_unread, 2);
    assert_eq!((stats.captures_in_flight, stats.commands_in_flight), (0, 0));
    assert_eq!(stats.reconnects, 0);
    assert!(stats.latency_p50 <= stats.latency_p99 && stats.latency_p99 <= stats.latency_max);
    assert!(stats.latency_max > Duration::ZERO);
    assert!(stats.frames_per_second_since(&before) > 0.0);
    Ok(())
}

#[tokio::test]
async fn frames_are_found_by_the_id_of_their_request() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::builder(server.url())
        .kept_requests(2)
        .connect()
        .await?;
    let camera = client.default_camera();
    let limit = Duration::from_secs(30);
    // Asked for before it comes, and found again afterwards.
    let early = camera.images(Modality::Rgb | Modality::Flow).submit()?.id();
    let frames = client.frames_of(early, limit).await?;
    assert_eq!(frames.len(), 2);
    assert_eq!(client.frames_of(early, limit).await?, frames);

    let failing = client.camera("nobody").rgb().submit()?.id();
    let error = client.frames_of(failing, limit).await;
    assert!(
        error
            .expect_err("unknown camera")
            .to_string()
            .contains("nobody")
    );

    camera.rgb().await?;
    let gone = client.frames_of(early, Duration::ZERO).await;
    assert_eq!(
        gone.expect_err("two came after it").kind(),
        ErrorKind::DeadlineExceeded
    );
    let never = client.frames_of(RequestId::new(999), Duration::ZERO).await;
    assert_eq!(
        never.expect_err("nobody asked").request_id(),
        Some(RequestId::new(999))
    );
    Ok(())
}

#[tokio::test]
async fn a_burst_of_moves_is_answered_in_full_and_ends_where_it_should() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    for coalesce in [false, true] {
        let buffering = InputBuffering {
            coalesce,
            // Long enough that what is released is released by count or capture, and
            // shorter than the time limit of the moves.
            max_delay: Duration::from_secs(20),
            ..InputBuffering::default()
        };
        let client = Client::builder(server.url())
            .input_buffering(Some(buffering))
            .connect()
            .await?;
        let camera = client.default_camera();
        let mut tickets = Vec::new();
        for x in 1..=100_u8 {
            let place = Vec3::new(f32::from(x), 0.0, 0.0);
            tickets.push(camera.set_location(place).submit()?);
        }
        let image = camera.rgb().await?;
        assert_eq!(image.pixels().as_rgba()[1], 100);
        let mut last = None;
        for ticket in tickets {
            let done = ticket.await?;
            assert!(Some(done.moment()) >= last, "out of order");
            last = Some(done.moment());
        }
        assert!(last < Some(image.moment()));
        client.close().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_held_command_goes_out_when_its_time_has_come() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::builder(server.url())
        .input_buffering(Some(InputBuffering::default()))
        .connect()
        .await?;
    let camera = client.default_camera();
    let moves = [1.0, 2.0, 3.0].map(|x| camera.set_location(Vec3::new(x, 0.0, 0.0)).submit());
    // Nothing else is sent, so only the clock can release the last two.
    for ticket in moves {
        ticket?.await?;
    }
    assert_eq!(camera.transform().await?.location.x, 3.0);
    Ok(())
}

/// Holds every move but the first, for longer than any test takes.
async fn holding(server: &ServerHandle, reconnect: ReconnectPolicy) -> Result<Client, Error> {
    let buffering = InputBuffering {
        coalesce: true,
        max_delay: Duration::from_secs(20),
        above_per_second: 0.0,
        ..InputBuffering::default()
    };
    let builder = Client::builder(server.url()).input_buffering(Some(buffering));
    let client = builder.reconnect(reconnect).connect().await?;
    client.default_camera().set_location(Vec3::ONE).await?;
    Ok(client)
}

fn at(x: f32) -> Vec3 {
    Vec3::new(x, 0.0, 0.0)
}

#[tokio::test]
async fn held_commands_of_a_lost_connection_were_not_sent_and_are_counted() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = holding(&server, ReconnectPolicy::Never).await?;
    let camera = client.default_camera();
    let held = [1.0, 2.0].map(|x| camera.set_location(at(x)).submit());
    let turned = camera.set_rotation(Rotator::ZERO).submit()?;
    let cube = client.object("cube").set_location(at(3.0)).submit()?;
    server.shutdown().await;
    for ticket in held.into_iter().chain([Ok(turned), Ok(cube)]) {
        let ticket = ticket?;
        let id = ticket.id();
        let error = ticket.await.expect_err("the server is gone");
        assert_eq!(
            (error.kind(), error.request_id()),
            (ErrorKind::NotSent, Some(id))
        );
    }
    let stats = client.stats();
    assert_eq!((stats.requests_ok, stats.requests_failed), (1, 4));
    assert_eq!(client.in_flight(), (0, 0));
    Ok(())
}

#[tokio::test]
async fn a_command_that_cannot_wait_so_long_is_not_held() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = holding(&server, ReconnectPolicy::default()).await?;
    let camera = client.default_camera();
    let held = camera.set_location(at(1.0)).submit()?;
    // Nothing else releases the two.
    let limit = Duration::from_secs(10);
    camera.set_location(at(2.0)).timeout(limit).await?;
    held.await?;
    Ok(())
}

#[tokio::test]
async fn who_gives_a_move_up_does_not_cancel_those_it_took_the_place_of() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = holding(&server, ReconnectPolicy::default()).await?;
    let camera = client.default_camera();
    let earlier = [1.0, 2.0].map(|x| camera.set_location(at(x)).submit());
    camera.set_location(at(3.0)).submit()?.cancel();
    for ticket in earlier {
        ticket?.await?;
    }
    let stats = client.stats();
    assert_eq!((stats.requests_ok, stats.requests_failed), (3, 1));
    assert_eq!(client.in_flight(), (0, 0));
    Ok(())
}
