//! Capture loops: order, back-pressure, failures, cancellation.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::common::{TinyEngine, serve};
use futures_util::FutureExt;
use synthcap::{CaptureLoop, Client, ErrorCode, ErrorKind, OnError, ReconnectPolicy, Vec3};

type TestResult = Result<(), Box<dyn std::error::Error>>;

#[tokio::test]
async fn results_come_in_order_with_what_each_frame_moved() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let camera = client.default_camera();
    for in_flight in [1, 2, 7] {
        let plan = (0..20_u8).map(|index| {
            let mut batch = client.batch();
            batch.add(camera.set_location(Vec3::new(f32::from(index), 0.0, 0.0)));
            let image = batch.add(camera.rgb());
            (batch.run(), (index, image))
        });
        let mut frames = CaptureLoop::new(in_flight, plan);
        let mut seen = Vec::new();
        while let Some(result) = frames.next().await {
            let (mut replies, (index, image)) = result?;
            let image = replies.take(image)?;
            assert_eq!(image.pixels().image().get_pixel(0, 0).0[1], index);
            seen.push(index);
        }
        assert_eq!(seen, (0..20).collect::<Vec<_>>());
        assert!(frames.next().await.is_none());
    }
    Ok(())
}

#[tokio::test]
async fn no_more_is_asked_for_than_may_be_in_flight() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    // The client's own limit is the smaller one for the last case.
    let client = Client::builder(server.url())
        .max_captures_in_flight(3)
        .connect()
        .await?;
    let camera = client.default_camera();
    for (in_flight, most) in [(1, 1), (3, 3), (8, 8)] {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let plan = (0..).map(|_| {
            count.fetch_add(1, Ordering::Relaxed);
            camera.rgb()
        });
        let mut frames = CaptureLoop::new(in_flight, plan);
        assert_eq!(asked.load(Ordering::Relaxed), 0, "lazy until read");
        for read in 1..=10 {
            frames.next().await.expect("endless")?;
            let ahead = asked.load(Ordering::Relaxed) - read;
            assert!(ahead < most, "{ahead} ahead with {in_flight}");
            assert_eq!(ahead, frames.in_flight());
            assert!(client.in_flight().0 <= 3);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_failed_item_is_an_error_in_its_place() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let plan = |client: Client| {
        (0..6).map(move |index| match index {
            2 => client.camera("nobody").rgb(),
            _ => client.default_camera().rgb(),
        })
    };
    let mut frames = CaptureLoop::new(3, plan(client.clone()));
    let mut kinds = Vec::new();
    while let Some(result) = frames.next().await {
        kinds.push(result.err().map(|error| error.kind()));
    }
    let missing = Some(ErrorKind::Rejected(ErrorCode::NotFound));
    assert_eq!(kinds, [None, None, missing, None, None, None]);

    let mut frames = CaptureLoop::new(3, plan(client.clone())).on_error(OnError::Stop);
    let mut results = Vec::new();
    while let Some(result) = frames.next().await {
        results.push(result.is_ok());
    }
    assert_eq!(results, [true, true, false]);
    assert_eq!(frames.in_flight(), 0);
    Ok(())
}

#[tokio::test]
async fn a_dropped_wait_loses_and_repeats_nothing() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let camera = client.default_camera();
    let plan = (0..50).map(|index| (camera.rgb(), index));
    let mut frames = CaptureLoop::new(4, plan);
    let mut seen = Vec::new();
    loop {
        // Polled once and dropped, again and again.
        match frames.next().now_or_never() {
            None => tokio::task::yield_now().await,
            Some(Some(result)) => seen.push(result?.1),
            Some(None) => break,
        }
    }
    assert_eq!(seen, (0..50).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test]
async fn a_closed_client_ends_an_endless_loop() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let camera = client.default_camera();
    let mut frames = CaptureLoop::new(2, std::iter::repeat_with(|| camera.rgb()));
    frames.next().await.expect("endless")?;
    client.clone().close().await?;
    let mut last = None;
    while let Some(result) = frames.next().await {
        last = Some(result);
    }
    let error = last.expect("says why").expect_err("closed");
    assert_eq!(error.kind(), ErrorKind::Closed);
    Ok(())
}

#[tokio::test]
async fn a_client_that_ended_by_itself_ends_an_endless_loop() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let builder = Client::builder(server.url()).reconnect(ReconnectPolicy::Never);
    let client = builder.connect().await?;
    let camera = client.default_camera();
    let mut frames = CaptureLoop::new(2, std::iter::repeat_with(|| camera.rgb()));
    frames.next().await.expect("endless")?;
    server.shutdown().await;
    let mut kinds = Vec::new();
    while let Some(result) = frames.next().await {
        kinds.extend(result.err().map(|error| error.kind()));
        assert!(
            kinds.len() < 10,
            "what was under way, and no more: {kinds:?}"
        );
    }
    assert_eq!(kinds.last(), Some(&ErrorKind::Unreachable));
    let error = camera.rgb().submit().expect_err("it has ended");
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    Ok(())
}
