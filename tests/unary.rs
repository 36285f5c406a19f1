//! Requests as calls of their own, beside the stream.

use std::time::Duration;

use crate::common::{TinyEngine, serve};
use synthcap::{
    Capability, Client, ErrorCode, ErrorKind, Modality, PartialTransform, Tick, Transform, Vec3,
};
use uesynth_contract::PlainServer;

type TestResult = Result<(), Box<dyn std::error::Error>>;

#[tokio::test]
async fn a_call_gives_what_the_stream_gives() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let camera = client.default_camera();
    client.step(2).await?;

    let moved = camera
        .set_location(Vec3::new(5.0, 0.0, 0.0))
        .unary()
        .await?;
    assert_eq!(moved.stamp.tick, Some(Tick::new(2)));
    let pose = camera.transform().unary().await?;
    assert_eq!(pose.location.x, 5.0);
    assert!(pose.moment() > moved.moment());

    let (rgb, depth) = (camera.rgb().unary().await?, camera.depth().unary().await?);
    assert_eq!(depth.pixels().at(0, 0), Some(2.0));
    assert_eq!(rgb.info().pose.expect("described").location.x, 5.0);
    assert_eq!(camera.segmentation().unary().await?.width(), 8);
    assert_eq!(camera.normals().unary().await?.width(), 8);
    assert_eq!(camera.flow().unary().await?.width(), 8);

    let ball = client.object("ball");
    ball.spawn("shape:sphere", Transform::IDENTITY)
        .unary()
        .await?;
    ball.set_location(Vec3::ONE).unary().await?;
    assert_eq!(ball.transform().unary().await?.location, Vec3::ONE);
    assert_eq!(client.objects().unary().await?.len(), 2);
    ball.destroy().unary().await?;
    let second = client.camera("second");
    second.create(PartialTransform::default()).unary().await?;
    second.set_resolution(4, 2).unary().await?;
    assert_eq!(second.rgb().await?.width(), 4);
    second.destroy().unary().await?;
    Ok(())
}

#[tokio::test]
async fn frames_of_calls_reach_the_buffer_and_the_streams_in_one_count() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let camera = client.default_camera();
    let mut frames = client.frames(Modality::Rgb);
    let first = camera.rgb().await?;
    let ticket = camera.rgb().unary().submit()?;
    let id = ticket.id();
    assert!(id > first.info().request_id);
    assert_eq!(ticket.await?.info().seq.get(), 2);
    let latest = camera.latest(Modality::Rgb).get().expect("two came");
    assert_eq!(latest.info().request_id, id);
    let seen = [frames.next().await, frames.next().await];
    let seen = seen.map(|frame| frame.expect("alive").expect("good").info().seq.get());
    assert_eq!(seen, [1, 2]);
    Ok(())
}

#[tokio::test]
async fn failures_of_calls_are_those_of_the_stream() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let nope = client.camera("nope");
    for (called, streamed) in [
        (
            nope.transform().unary().await.err(),
            nope.transform().await.err(),
        ),
        (
            nope.set_location(Vec3::ZERO).unary().await.err(),
            nope.set_location(Vec3::ZERO).await.err(),
        ),
    ] {
        let (called, streamed) = (called.expect("none"), streamed.expect("none"));
        assert_eq!(called.kind(), ErrorKind::Rejected(ErrorCode::NotFound));
        assert_eq!(called.kind(), streamed.kind());
        assert!(called.to_string().contains("\"nope\""), "{called}");
    }
    let error = nope.rgb().unary().await.expect_err("there is none");
    assert_eq!(error.kind(), ErrorKind::Rejected(ErrorCode::NotFound));

    let error = client.step(1).unary().await.expect_err("only the stream");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("step"), "{error}");
    let mut batch = client.batch();
    batch.add(client.default_camera().rgb().unary());
    let error = batch.run().await.expect_err("a batch is one message");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);

    let late = client
        .default_camera()
        .rgb()
        .timeout(Duration::ZERO)
        .unary();
    let error = late.await.expect_err("no time at all");
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(client.in_flight(), (0, 0));
    client.default_camera().rgb().unary().await?;
    Ok(())
}

#[tokio::test]
async fn a_plain_servers_hollow_success_is_an_error() -> TestResult {
    let server = PlainServer::start().await?;
    server.world().camera = Some(([3.0, 0.0, 0.0], [0.0; 3]));
    server.world().viewport = (2, 1);
    let client = Client::connect(server.url()).await?;
    assert!(client.server_info().is_none());
    let camera = client.camera("new");
    let error = camera.create(PartialTransform::default()).await;
    let error = error.expect_err("silent on the stream, so never sent");
    assert_eq!(error.kind(), ErrorKind::Unsupported(Capability::Cameras));
    let error = camera.create(PartialTransform::default()).unary().await;
    let error = error.expect_err("says so in words only");
    assert_eq!(error.kind(), ErrorKind::Rejected(ErrorCode::Unsupported));
    assert!(error.to_string().contains("not yet implemented"), "{error}");

    // Never sets `success`, and yet it is one.
    let pose = client.default_camera().transform().unary().await?;
    assert_eq!(pose.location.x, 3.0);
    let image = client
        .default_camera()
        .with_size(2, 1)
        .rgb()
        .unary()
        .await?;
    assert_eq!(image.width(), 2);
    assert!(image.moment() > pose.moment());
    let error = client.default_camera().depth().unary().await;
    let error = error.expect_err("a placeholder");
    assert_eq!(
        error.kind(),
        ErrorKind::UnsupportedModality(Modality::Depth)
    );
    Ok(())
}

#[tokio::test]
async fn one_tick_reads_are_refused_where_they_cannot_be_kept() -> TestResult {
    let server = PlainServer::start().await?;
    let client = Client::connect(server.url()).await?;
    let error = client.object_transforms(["a", "b"]).await;
    let error = error.expect_err("no batches");
    assert_eq!(error.kind(), ErrorKind::Unsupported(Capability::Batch));
    let error = client.default_camera().fov().await.expect_err("unknown");
    assert_eq!(error.kind(), ErrorKind::Unsupported(Capability::Cameras));
    Ok(())
}
