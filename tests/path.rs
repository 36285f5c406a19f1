//! The whole path over a real socket: client, stream, server kit, engine.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::common::{TinyEngine, serve};
use synthcap::{
    CameraName, CameraState, CaptureSet, Client, ErrorCode, ErrorKind, FrameSeq, Modality,
    ModalitySet, PartialTransform, Rotator, ServerLimits, Tick, Transform, Vec3,
    proto::{self, ue_synth_service_client::UeSynthServiceClient as Stub},
    server::{Captured, Engine, EngineError, EngineInfo, ResolvedView, Server, ServerHandle},
};
use tonic::transport::{Channel, Endpoint};

type TestResult = Result<(), Box<dyn std::error::Error>>;

#[tokio::test]
async fn a_ticket_has_its_id_at_once_and_its_frame_later() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let camera = client.default_camera();
    assert_eq!(camera.name().as_str(), "main");

    let first = camera.rgb().submit()?;
    let second = camera.with_size(4, 2).depth().submit()?;
    assert!(second.id() > first.id());
    let depth = second.await?;
    let image = first.await?;
    assert_eq!((image.width(), image.height()), (8, 6));
    assert_eq!((depth.width(), depth.height()), (4, 2));
    assert_eq!(depth.pixels().at(3, 1), Some(0.0));
    assert!(depth.moment() > image.moment());
    assert_eq!(client.in_flight(), (0, 0));
    client.close().await?;
    server.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn a_capture_set_is_of_one_tick_with_everything_in_order() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let second = client.camera("second");
    second
        .create(Transform::new(Vec3::new(9.0, 0.0, 0.0), Rotator::ZERO))
        .await?;
    client.step(3).await?;
    let views = vec![
        (client.default_camera().view(), ModalitySet::ALL),
        (second.view().with_size(2, 2), Modality::Rgb.into()),
    ];
    let set = client
        .capture_set(CaptureSet {
            views,
            include_scene: true,
        })
        .await?;
    let order: Vec<_> = set
        .frames
        .iter()
        .map(|frame| (frame.info().camera.as_str().to_owned(), frame.modality()))
        .collect();
    let mut expected: Vec<_> = Modality::ALL
        .map(|modality| ("main".to_owned(), modality))
        .into();
    expected.push(("second".to_owned(), Modality::Rgb));
    assert_eq!(order, expected);
    assert!(set.frames.iter().all(|f| f.tick() == Some(Tick::new(3))));
    let scene = set.scene.expect("asked for");
    assert_eq!(scene.objects[0].views.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_batch_with_a_wrong_item_changes_nothing() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let camera = client.default_camera();
    let mut batch = client.batch();
    batch.add(camera.set_location(Vec3::new(50.0, 0.0, 0.0)));
    batch.add(client.step(1));
    batch.add(client.object("nobody").set_location(Vec3::ZERO));
    let error = batch.run().await.expect_err("there is no such object");
    assert_eq!(error.kind(), ErrorKind::Rejected(ErrorCode::NotFound));
    assert!(error.to_string().contains("batch item 2"), "{error}");

    let pose = camera.transform().await?;
    assert_eq!(pose.location, Vec3::ZERO);
    assert_eq!(pose.stamp.tick, Some(Tick::new(0)));
    Ok(())
}

#[tokio::test]
async fn a_batch_that_could_not_be_checked_as_a_whole_changes_nothing() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let camera = client.camera("side");
    camera.create(PartialTransform::default()).await?;

    let mut batch = client.batch();
    batch.add(client.step(1));
    batch.add(client.reset(Some(3)));
    // It would be gone by then.
    batch.add(camera.rgb());
    let error = batch.run().await.expect_err("who knows what is there");
    let kind = ErrorKind::Rejected(ErrorCode::InvalidArgument);
    assert_eq!(error.kind(), kind);
    assert!(error.to_string().contains("batch item 1"), "{error}");
    assert_eq!(camera.rgb().await?.tick(), Some(Tick::new(0)));

    let mut batch = client.batch();
    (0..11).for_each(|_| drop(batch.add(client.step(10_000))));
    let error = batch.run().await.expect_err("too long for one request");
    assert_eq!(error.kind(), kind);
    assert_eq!(camera.rgb().await?.tick(), Some(Tick::new(0)));

    let mut batch = client.batch();
    batch.add(client.step(1));
    batch.add(client.reset(Some(3)));
    batch.run().await?;
    assert!(camera.rgb().await.is_err());
    let frame = client.default_camera().rgb().await?;
    assert_eq!(frame.tick(), Some(Tick::new(0)));
    Ok(())
}

/// A client without anything of ours.
async fn stub(server: &ServerHandle) -> Result<Stub<Channel>, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(server.url())?;
    Ok(Stub::new(endpoint.connect().await?))
}

/// Panics while the flag is set when somebody wants to know what it has.
struct Shy(TinyEngine, Arc<AtomicBool>);

impl Engine for Shy {
    fn info(&self) -> EngineInfo {
        self.0.info()
    }
    fn cameras(&self) -> Vec<CameraState> {
        let hides = self.1.load(Ordering::Relaxed);
        assert!(!hides, "nobody looks at me");
        self.0.cameras()
    }
    fn tick(&mut self) -> Duration {
        self.0.tick()
    }
    fn set_camera_transform(
        &mut self,
        camera: &CameraName,
        transform: &PartialTransform,
    ) -> Result<(), EngineError> {
        self.0.set_camera_transform(camera, transform)
    }
    fn capture(&mut self, views: &[ResolvedView], scene: bool) -> Result<Captured, EngineError> {
        self.0.capture(views, scene)
    }
}

#[tokio::test]
async fn an_engine_that_panics_when_described_is_there_for_the_next_request() -> TestResult {
    let hides = Arc::new(AtomicBool::new(false));
    let engine = Shy(TinyEngine::default(), hides.clone());
    let server = Server::builder(engine).paused(true).start().await?;
    let client = Client::connect(server.url()).await?;
    hides.store(true, Ordering::Relaxed);
    let mut stub = stub(&server).await?;
    let status = stub.get_server_info(()).await.expect_err("it panicked");
    assert_eq!(status.code(), tonic::Code::Internal);
    assert!(status.message().contains("nobody looks at me"), "{status}");
    hides.store(false, Ordering::Relaxed);
    client.default_camera().rgb().await?;
    stub.get_server_info(()).await?;
    Ok(())
}

#[tokio::test]
async fn limits_under_which_nobody_could_ask_anything_are_refused() -> TestResult {
    let valid = serve(TinyEngine::default()).await;
    let client = Client::connect(valid.url()).await?;
    let limits = client.server_info().expect("it is ours").limits;
    let invalid = ServerLimits {
        max_in_flight: 0,
        ..limits
    };
    let builder = Server::builder(TinyEngine::default());
    let error = builder.limits(invalid).start().await.expect_err("nothing");
    assert!(error.to_string().contains("max_in_flight"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_colour_that_is_no_number_never_reaches_the_engine() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let mut stub = stub(&server).await?;
    let reply = stub.set_lighting(proto::SetLightingRequest {
        intensity: 1.0,
        color: Some(proto::Vector3 {
            x: f32::NAN,
            ..Default::default()
        }),
        ..Default::default()
    });
    let reply = reply.await?.into_inner();
    assert!(
        !reply.success && reply.message.contains("colour"),
        "{reply:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_batch_sees_what_its_own_items_make() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let object = client.object("ball");
    let camera = client.camera("late");
    let mut batch = client.batch();
    batch.add(object.spawn("shape:sphere", Transform::IDENTITY));
    let before = batch.add(client.default_camera().depth());
    batch.add(client.step(1));
    batch.add(object.set_scale(Vec3::new(2.0, 2.0, 2.0)));
    batch.add(camera.create(PartialTransform::default()));
    let after = batch.add(camera.depth());
    let mut replies = batch.run().await?;
    let (before, after) = (replies.take(before)?, replies.take(after)?);
    assert_eq!(before.tick(), Some(Tick::new(0)));
    assert_eq!(after.tick(), Some(Tick::new(1)));
    assert_eq!(after.pixels().at(0, 0), Some(1.0));
    assert_eq!(object.transform().await?.scale.x, 2.0);
    Ok(())
}

#[tokio::test]
async fn a_full_house_refuses_or_waits_as_the_caller_chooses() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::builder(server.url())
        .max_captures_in_flight(2)
        .connect()
        .await?;
    let camera = client.default_camera();
    // Frames that wait unread in a lossless stream keep their places.
    let mut frames = camera.frames(Modality::Rgb);
    let first = camera.rgb().submit()?;
    let second = camera.rgb().submit()?;
    let (first, _) = (first.await?, second.await?);
    let refused = camera.rgb().submit().expect_err("two frames wait unread");
    assert_eq!(refused.kind(), ErrorKind::InFlightLimit);
    // A move is not held up by them.
    camera.set_location(Vec3::ZERO).await?;

    let read = frames.next().await.expect("the client lives")?;
    assert_eq!(read.info().request_id, first.info().request_id);
    drop(read);
    camera.rgb().queue().await?.await?;
    Ok(())
}

#[tokio::test]
async fn the_latest_frame_is_provably_newer_than_a_move() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let camera = client.default_camera();
    let latest = camera.latest(Modality::Rgb);
    camera.rgb().await?;
    let stale = latest.get().expect("just captured");
    let moved = camera.set_location(Vec3::new(5.0, 0.0, 0.0)).await?;
    assert!(stale.moment() < moved.moment());
    for _ in 0..3 {
        drop(camera.rgb().submit()?);
    }
    let fresh = latest.at_or_after(moved.moment()).await?;
    assert_eq!(fresh.info().pose.expect("described").location.x, 5.0);
    let newest = latest.get().expect("there is one").info().seq;
    let (next, asked) = tokio::join!(latest.newer_than(newest), camera.rgb());
    assert!(next?.info().seq > newest);
    asked?;
    Ok(())
}

#[tokio::test]
async fn failures_are_typed_and_name_the_thing() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let cases = [
        (
            client.camera("nope").transform().await.err(),
            ErrorCode::NotFound,
            "\"nope\"",
        ),
        (
            client.default_camera().with_size(9000, 9).rgb().await.err(),
            ErrorCode::InvalidArgument,
            "9000x9",
        ),
        (
            client.default_camera().set_fov(180.0).await.err(),
            ErrorCode::InvalidArgument,
            "180",
        ),
        (
            client
                .default_camera()
                .set_location(Vec3::new(f32::NAN, 0.0, 0.0))
                .await
                .err(),
            ErrorCode::InvalidArgument,
            "not a number",
        ),
        (
            client.default_camera().destroy().await.err(),
            ErrorCode::FailedPrecondition,
            "last",
        ),
        (
            client
                .object("cube")
                .spawn("shape:cube", Transform::IDENTITY)
                .await
                .err(),
            ErrorCode::AlreadyExists,
            "\"cube\"",
        ),
        (
            client
                .object("x")
                .spawn("panic", Transform::IDENTITY)
                .await
                .err(),
            ErrorCode::Internal,
            "panicked",
        ),
    ];
    for (error, code, text) in cases {
        let error = error.expect("each of these is wrong");
        assert_eq!(error.kind(), ErrorKind::Rejected(code), "{error}");
        assert!(
            error.to_string().contains(text),
            "{error} does not say {text}"
        );
    }
    // The engine goes on after its panic.
    client.default_camera().rgb().await?;
    Ok(())
}

#[tokio::test]
async fn closing_ends_everything_with_a_reason() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let camera = client.default_camera();
    let mut frames = client.frames(ModalitySet::ALL);
    let latest = camera.latest(Modality::Flow);
    let waiting = tokio::spawn(async move { latest.newer_than(Default::default()).await });
    client.close().await?;
    let error = waiting.await?.expect_err("no flow was ever captured");
    assert_eq!(error.kind(), ErrorKind::Closed);
    let last = frames.next().await.expect("the reason comes first");
    assert_eq!(last.expect_err("closed").kind(), ErrorKind::Closed);
    assert!(frames.next().await.is_none());
    let refused = camera.rgb().submit().expect_err("closed");
    assert_eq!(refused.kind(), ErrorKind::Closed);
    Ok(())
}

#[tokio::test]
async fn a_running_server_ticks_and_a_paused_one_does_not() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let camera = client.default_camera();
    let still = [camera.depth().await?.tick(), camera.depth().await?.tick()];
    assert_eq!(still, [Some(Tick::new(0)); 2]);
    client.resume().await?;
    // Ends because time runs; a server that does not tick makes the test hang.
    while camera.depth().await?.tick() < Some(Tick::new(2)) {}
    let paused = client.pause().await?;
    assert_eq!(camera.depth().await?.tick(), paused.stamp.tick);
    client.reset(Some(5)).await?;
    assert_eq!(camera.depth().await?.tick(), Some(Tick::new(0)));
    Ok(())
}

#[tokio::test]
async fn failures_that_nobody_has_read_are_one_item_of_a_stream() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let (camera, nobody) = (client.default_camera(), client.camera("nobody"));
    let mut frames = client.frames(ModalitySet::ALL);
    let mut first = None;
    for _ in 0..100 {
        let failed = nobody.images(ModalitySet::ALL).submit()?;
        first = first.or(Some(failed.id()));
        failed.await.expect_err("no such camera");
    }
    camera.rgb().await?;
    nobody.rgb().await.expect_err("no such camera");
    let all = frames.next().await.expect("lives").expect_err("a hundred");
    let not_found = ErrorKind::Rejected(ErrorCode::NotFound);
    assert_eq!((all.kind(), all.request_id()), (not_found, first));
    assert!(all.to_string().contains("99 after it"), "{all}");
    frames.next().await.expect("lives")?;
    let last = frames.next().await.expect("lives").expect_err("one more");
    assert!(!last.to_string().contains("after it"), "{last}");
    // Read, so the next is another.
    nobody.rgb().await.expect_err("no such camera");
    frames.next().await.expect("lives").expect_err("another");
    Ok(())
}

#[tokio::test]
async fn the_newest_frames_of_a_camera_go_with_it() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let camera = client.camera("episode");
    let gone = ErrorKind::Rejected(ErrorCode::NotFound);
    for _ in 0..3 {
        camera.create(Transform::IDENTITY).await?;
        let latest = camera.latest(Modality::Rgb);
        // Some of their frames may come after the word that the camera is gone.
        let size = camera.with_size(512, 512);
        let mut tickets = Vec::new();
        for _ in 0..8 {
            tickets.push(size.rgb().submit()?);
        }
        let destroyed = camera.destroy().submit()?;
        for (index, ticket) in (1..).zip(tickets) {
            let seq = ticket.await?.info().seq.get();
            assert_eq!(seq, index, "numbered anew, without a break");
        }
        destroyed.await?;
        let error = latest.newer_than(FrameSeq::new(8)).await.expect_err("gone");
        assert_eq!(error.kind(), gone);
        assert!(
            camera.latest(Modality::Rgb).get().is_none(),
            "nothing stays"
        );
    }
    // A frame that goes along with the camera is counted on.
    camera.create(Transform::IDENTITY).await?;
    camera.rgb().await?;
    let mut batch = client.batch();
    let last = batch.add(camera.rgb());
    batch.add(camera.destroy());
    let last = batch.run().await?.take(last)?;
    assert_eq!(last.info().seq.get(), 2);
    // Others are left alone.
    let main = client.default_camera();
    let latest = main.latest(Modality::Rgb);
    main.rgb().await?;
    assert!(latest.get().is_some());
    Ok(())
}

#[tokio::test]
async fn a_camera_that_a_reset_brings_back_keeps_its_newest_frame() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let main = client.camera(client.default_camera().transform().await.map(|_| "main")?);
    client.camera("b").create(Transform::IDENTITY).await?;
    // It may bring frames of any camera, for as long as it is open.
    let subscribed = client
        .subscribe(CaptureSet {
            views: vec![(client.default_camera().view(), Modality::Depth.into())],
            include_scene: false,
        })
        .open()
        .await?;
    main.destroy().await?;
    client.reset(None).await?;
    let latest = main.latest(Modality::Rgb);
    main.rgb().await?;
    drop(subscribed);
    client.step(1).await?;
    client.step(1).await?;
    assert!(latest.get().is_some() && main.latest(Modality::Rgb).get().is_some());
    main.rgb().await?;
    assert_eq!(
        latest.newer_than(FrameSeq::new(1)).await?.info().seq.get(),
        2
    );
    Ok(())
}

#[tokio::test]
async fn who_waits_for_a_frame_of_a_destroyed_camera_is_told() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let camera = client.camera("episode");
    camera.create(Transform::IDENTITY).await?;
    let latest = camera.latest(Modality::Depth);
    let waiting = tokio::spawn(async move { latest.newer_than(FrameSeq::default()).await });
    camera.destroy().await?;
    let error = waiting.await?.expect_err("no depth was ever captured");
    assert!(error.to_string().contains("destroyed"), "{error}");
    Ok(())
}
