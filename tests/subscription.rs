//! Frames that the server sends by itself.

use crate::common::{TinyEngine, serve};
use synthcap::{
    Backoff, Camera, CaptureSet, Client, Delivery, Dialer, ErrorKind, Modality, ModalitySet,
    ReconnectPolicy, Tick, server::Server,
};
use tokio::{net::TcpStream, sync::mpsc};

type TestResult = Result<(), Box<dyn std::error::Error>>;

fn depth_of(camera: &Camera) -> CaptureSet {
    CaptureSet {
        views: vec![(camera.view(), Modality::Rgb | Modality::Depth)],
        include_scene: true,
    }
}

#[tokio::test]
async fn every_due_capture_comes_in_order_when_it_is_read_in_time() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let set = depth_of(&client.default_camera());
    let mut frames = client
        .subscribe(set)
        .delivery(Delivery::Lossless)
        .open()
        .await?;
    for tick in 0..20 {
        let pushed = frames.next().await.expect("the client lives")?;
        assert_eq!(pushed.stamp.tick, Some(Tick::new(tick)));
        assert_eq!((pushed.frames.len(), pushed.scene.is_some()), (2, true));
        client.step(1).await?;
    }
    assert_eq!(frames.skipped(), 0);
    Ok(())
}

#[tokio::test]
async fn any_rate_is_served_and_no_server_falls_over_it() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let set = depth_of(&client.default_camera());
    client.step(50_000).await?;
    for rate_hz in [1e-300, 1e-20, 1e9, f64::MAX] {
        let mut frames = client
            .subscribe(set.clone())
            .rate_hz(rate_hz)
            .open()
            .await?;
        frames.next().await.expect("the client lives")?;
        client.step(1).await?;
    }
    client.default_camera().rgb().await?;
    Ok(())
}

#[tokio::test]
async fn a_slow_lossless_reader_is_told_what_is_missing() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let set = depth_of(&client.default_camera());
    let mut frames = client
        .subscribe(set)
        .delivery(Delivery::Lossless)
        .credits(2)
        .open()
        .await?;
    client.step(9).await?;
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(match frames.next().await.expect("the client lives") {
            Ok(set) => set.stamp.tick.map(Tick::get).ok_or(ErrorKind::Gap),
            Err(error) => Err(error.kind()),
        });
    }
    // Two by the first credits; the next credit makes up for the last one due.
    assert_eq!(seen, [Ok(0), Ok(1), Err(ErrorKind::Gap), Ok(9)]);
    assert_eq!(frames.skipped(), 7);
    Ok(())
}

#[tokio::test]
async fn a_latest_reader_costs_nothing_while_it_does_not_read() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let camera = client.default_camera();
    let mut frames = client.subscribe(depth_of(&camera)).open().await?;
    assert_eq!(
        frames.next().await.expect("lives")?.stamp.tick,
        Some(Tick::new(0))
    );
    client.step(50).await?;
    // The frame numbers show how many were made: none in between.
    let pushed = frames.next().await.expect("lives")?;
    assert_eq!(pushed.stamp.tick, Some(Tick::new(50)));
    assert_eq!(pushed.frames[0].info().seq.get(), 2);
    let latest = camera
        .latest(Modality::Depth)
        .get()
        .expect("pushed frames too");
    assert_eq!(latest.tick(), Some(Tick::new(50)));
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_captured_is_refused_at_once_or_ends_later() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let nobody = client.camera("nobody");
    let refused = client.subscribe(depth_of(&nobody)).open().await;
    assert!(
        refused
            .expect_err("no such camera")
            .to_string()
            .contains("nobody")
    );

    let second = client.camera("second");
    second.create(synthcap::Transform::IDENTITY).await?;
    let mut frames = client.subscribe(depth_of(&second)).open().await?;
    frames.next().await.expect("lives")?;
    second.destroy().await?;
    client.step(1).await?;
    let error = frames
        .next()
        .await
        .expect("the reason comes")
        .expect_err("gone");
    assert!(error.to_string().contains("second"), "{error}");
    assert!(frames.next().await.is_none());
    Ok(())
}

#[tokio::test]
async fn a_subscription_survives_the_server() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let address = server.local_addr();
    let quick = Backoff {
        initial: std::time::Duration::from_millis(5),
        multiplier: 1.0,
        ..Backoff::default()
    };
    let (tell, mut dialed) = mpsc::unbounded_channel();
    let dialer = Dialer::new(move |_| {
        let _ = tell.send(());
        TcpStream::connect(address)
    });
    let client = Client::builder(server.url())
        .dialer(dialer)
        .reconnect(ReconnectPolicy::Backoff(quick))
        .connect()
        .await?;
    let camera = client.default_camera();
    let set = CaptureSet {
        views: vec![(camera.view(), ModalitySet::ALL)],
        include_scene: false,
    };
    let mut frames = client
        .subscribe(set)
        .delivery(Delivery::Lossless)
        .open()
        .await?;
    let before = frames.next().await.expect("lives")?;
    server.shutdown().await;
    let lost = frames.next().await.expect("lives").expect_err("a gap");
    assert_eq!(lost.kind(), ErrorKind::Gap);
    while dialed.try_recv().is_ok() {}
    for _ in 0..3 {
        dialed.recv().await.expect("it goes on trying");
    }

    let restarted = Server::builder(TinyEngine::default()).paused(true);
    let _server = restarted.listen(address.to_string()).start().await?;
    // However many attempts failed before the one that worked.
    let after = frames.next().await.expect("lives")?;
    assert!(after.stamp.moment > before.stamp.moment);
    assert_eq!(after.frames.len(), 5);
    Ok(())
}
