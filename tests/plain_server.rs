//! Our client against a server made only from the UESynth contract, quirks
//! included.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use synthcap::{
    Backoff, Camera, Capability, CaptureSet, Client, Dialer, Done, Error, ErrorKind, Modality,
    ModalitySet, ObjectName, PartialTransform, ReconnectPolicy, Request, Rotator, Transform, Vec3,
    View,
};
use tokio::net::TcpStream;
use uesynth_contract::{PlainServer, World};

type TestResult = Result<(), Box<dyn std::error::Error>>;

async fn start() -> Result<(PlainServer, Client), Box<dyn std::error::Error>> {
    let server = PlainServer::start().await?;
    let client = Client::connect(server.url()).await?;
    Ok((server, client))
}

const HERE: Transform = Transform::new(Vec3::new(1.0, 2.0, 3.0), Rotator::new(4.0, 5.0, 6.0));

#[tokio::test]
async fn it_is_recognised_and_serves_what_it_has() -> TestResult {
    // Its headers are withheld until the first reply; this would hang on them.
    let (server, client) = start().await?;
    assert!(client.server_info().is_none());
    let camera = client.default_camera();

    let image = camera.with_size(8, 6).rgb().await?;
    assert_eq!((image.width(), image.height()), (8, 6));
    assert_eq!(image.pixels().as_rgba().len(), 8 * 6 * 4);
    assert_eq!((image.tick(), image.info().pose), (None, None));

    camera.set_transform(HERE).await?;
    assert_eq!(camera.transform().await?.value, HERE);
    assert_eq!(server.world().camera, Some(([1., 2., 3.], [4., 5., 6.])));

    assert_eq!(client.objects().await?.value, [ObjectName::from("cube")]);
    let cube = client.object("cube");
    cube.set_location(Vec3::new(7.0, 0.0, 0.0)).await?;
    assert_eq!(cube.transform().await?.location.x, 7.0);
    client.close().await?;
    server.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn the_stated_size_counts_only_when_the_bytes_agree() -> TestResult {
    let (server, client) = start().await?;
    let camera = client.default_camera();
    let error = camera.rgb().await.expect_err("8x6 is stated as 1920x1080");
    assert_eq!(error.kind(), ErrorKind::BadReply);
    let text = error.to_string();
    assert!(
        text.contains("1920x1080") && text.contains("192 bytes"),
        "{text}"
    );
    assert!(text.contains("width and height"), "no remedy: {text}");

    server.world().viewport = (1920, 1080);
    let image = camera.rgb().await?;
    assert_eq!((image.width(), image.height()), (1920, 1080));
    let error = camera
        .with_size(8, 6)
        .rgb()
        .await
        .expect_err("another size");
    assert_eq!(error.kind(), ErrorKind::BadReply);
    Ok(())
}

#[tokio::test]
async fn silence_ends_with_the_next_answer() -> TestResult {
    let (_server, client) = start().await?;
    let camera = client.default_camera().with_size(8, 6);
    let before = camera.rgb().submit()?;
    let silent = client.object("nobody").transform().submit()?;
    let also_silent = client.object("nobody").set_location(Vec3::ZERO).submit()?;
    let after = camera.rgb().submit()?;
    before.await?;
    let error = silent.await.expect_err("there is no such object");
    assert_eq!(error.kind(), ErrorKind::NoReply, "{error}");
    let error = also_silent.await.expect_err("there is no such object");
    assert_eq!(error.kind(), ErrorKind::NoReply, "{error}");
    after.await?;
    Ok(())
}

#[tokio::test]
async fn an_answer_that_nobody_wants_any_more_tells_of_silence_too() -> TestResult {
    let (_server, client) = start().await?;
    let silent = client.object("nobody").transform().submit()?;
    client.default_camera().transform().submit()?.cancel();
    let error = silent.await.expect_err("there is no such object");
    assert_eq!(error.kind(), ErrorKind::NoReply, "{error}");
    Ok(())
}

#[tokio::test]
async fn silence_ends_by_the_deadline_when_nothing_follows() -> TestResult {
    let (_server, client) = start().await?;
    let request = client.object("nobody").transform();
    let error = request.timeout(Duration::from_millis(50)).await;
    let error = error.expect_err("nothing answers this");
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    Ok(())
}

#[tokio::test]
async fn what_it_lacks_is_refused_by_name_and_not_sent() -> TestResult {
    let (server, client) = start().await?;
    let camera = client.default_camera();
    let seen = server.world().seen.len();
    let mut batch = client.batch();
    batch.add(camera.rgb());
    let lacking = [
        (camera.depth().await.err(), Err(Modality::Depth)),
        (
            camera.segmentation().await.err(),
            Err(Modality::Segmentation),
        ),
        (camera.normals().await.err(), Err(Modality::Normals)),
        (camera.flow().await.err(), Err(Modality::Flow)),
        (
            camera.images(ModalitySet::ALL).await.err(),
            Ok(Capability::CaptureSet),
        ),
        (
            client
                .capture_set(CaptureSet {
                    views: vec![(View::default(), Modality::Rgb.into())],
                    include_scene: false,
                })
                .await
                .err(),
            Ok(Capability::CaptureSet),
        ),
        (batch.run().await.err(), Ok(Capability::Batch)),
        (client.step(1).await.err(), Ok(Capability::Step)),
        (client.reset(None).await.err(), Ok(Capability::Reset)),
        (client.cameras().await.err(), Ok(Capability::Cameras)),
        (camera.set_fov(90.0).await.err(), Ok(Capability::Intrinsics)),
        (
            client.object("x").destroy().await.err(),
            Ok(Capability::Spawn),
        ),
        (
            client.set_time_of_day(9.0).await.err(),
            Ok(Capability::TimeOfDay),
        ),
    ];
    for (error, what) in lacking {
        let error = error.expect("a plain server has none of these");
        let (kind, name) = match what {
            Ok(capability) => (ErrorKind::Unsupported(capability), capability.to_string()),
            Err(modality) => (
                ErrorKind::UnsupportedModality(modality),
                modality.to_string(),
            ),
        };
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(&name), "{error}");
    }
    // Served in order, so anything sent before would have been seen by now.
    camera.transform().await?;
    assert_eq!(server.world().seen[seen..], ["get_camera_transform"]);
    Ok(())
}

#[tokio::test]
async fn a_partial_move_keeps_the_rest() -> TestResult {
    let (server, client) = start().await?;
    server.world().camera = Some(([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]));
    let camera = client.default_camera().with_size(8, 6);
    // Nothing is known yet: the session asks, and what follows keeps its place.
    let moved = camera.set_location(Vec3::new(9.0, 8.0, 7.0)).submit()?;
    let image = camera.rgb().submit()?;
    moved.await?;
    assert_eq!(image.await?.pixels().as_rgba()[0], 9);
    assert_eq!(server.world().camera, Some(([9., 8., 7.], [4., 5., 6.])));

    // From here on it knows, and need not ask.
    let seen = server.world().seen.len();
    drop(camera.set_rotation(Rotator::new(0.0, 90.0, 0.0)).submit()?);
    camera.set_location(Vec3::new(1.0, 0.0, 0.0)).await?;
    assert_eq!(server.world().camera, Some(([1., 0., 0.], [0., 90., 0.])));
    assert_eq!(server.world().seen[seen..], ["set_camera_transform"; 2]);
    camera.set_transform(PartialTransform::default()).await?;
    assert_eq!(server.world().camera, Some(([1., 0., 0.], [0., 90., 0.])));

    // Somebody else moved it; asking brings the client up to date.
    server.world().camera = Some(([0.0; 3], [0.0, 0.0, 30.0]));
    camera.transform().await?;
    camera.set_location(Vec3::new(2.0, 0.0, 0.0)).await?;
    assert_eq!(server.world().camera, Some(([2., 0., 0.], [0., 0., 30.])));
    Ok(())
}

#[tokio::test]
async fn a_partial_move_fails_alone_when_the_camera_cannot_be_asked() -> TestResult {
    let mut world = World::small();
    world.camera = None;
    let server = PlainServer::serve(world).await?;
    let client = Client::connect(server.url()).await?;
    let camera = client.default_camera().with_size(8, 6);
    let moved = camera.set_location(Vec3::ZERO).submit()?;
    let image = camera.rgb().submit()?;
    let error = moved.await.expect_err("there is no camera");
    assert_eq!(error.kind(), ErrorKind::NoReply, "{error}");
    image.await?;
    assert!(!server.world().seen.contains(&"set_camera_transform"));
    Ok(())
}

#[tokio::test]
async fn frames_are_fresh_by_the_order_of_the_stream() -> TestResult {
    let (_server, client) = start().await?;
    let camera = client.default_camera().with_size(8, 6);
    let latest = camera.latest(Modality::Rgb);
    let stale = camera.rgb().await?;
    let moved = camera.set_transform(HERE).await?;
    assert!(stale.moment() < moved.moment());
    drop(camera.rgb().submit()?);
    let fresh = latest.at_or_after(moved.moment()).await?;
    assert!(fresh.moment() > moved.moment());
    let rgb = fresh.as_ref().clone().typed::<synthcap::frame::Rgb>();
    let rgb = rgb.map_err(|_| "colour was asked for")?;
    assert_eq!(rgb.pixels().as_rgba()[0], 1, "the camera's X shows");
    Ok(())
}

#[tokio::test]
async fn a_cut_stream_is_made_anew_and_order_goes_on() -> TestResult {
    let server = PlainServer::start().await?;
    let backoff = synthcap::Backoff {
        initial: Duration::from_millis(1),
        ..Default::default()
    };
    let client = Client::builder(server.url())
        .reconnect(ReconnectPolicy::Backoff(backoff))
        .connect()
        .await?;
    let camera = client.default_camera();
    let before = camera.set_transform(HERE).await?;
    server.cut_streams();
    // While nobody was looking, the camera was moved; what the client knew of
    // it went with the stream.
    server.world().camera = Some(([0.0; 3], [0.0, 0.0, 30.0]));
    // Idempotent, so it is sent again should the cut come after it.
    let after = camera.transform().await?;
    assert!(after.moment() > before.moment());
    camera.set_location(Vec3::new(2.0, 0.0, 0.0)).await?;
    assert_eq!(server.world().camera, Some(([2., 0., 0.], [0., 0., 30.])));
    Ok(())
}

#[tokio::test]
async fn a_move_of_a_camera_that_it_does_not_have_is_refused() -> TestResult {
    let server = PlainServer::start().await?;
    let client = Client::connect(server.url()).await?;
    let seen = server.world().seen.len();
    let other = client.camera("other");
    for refused in of(&other).into_iter().chain(of(&other).map(Request::unary)) {
        refused_for_its_camera(refused.await);
    }
    refused_for_its_camera(other.rgb().unary().await);
    refused_for_its_camera(other.transform().await);
    assert_eq!(server.world().seen.len(), seen, "nothing was sent");
    Ok(())
}

/// Moves in part and in full.
fn of(camera: &Camera) -> [Request<Done>; 2] {
    [camera.set_location(Vec3::ZERO), camera.set_transform(HERE)]
}

fn refused_for_its_camera<T>(result: Result<T, Error>) {
    let Err(error) = result else {
        panic!("there is one camera");
    };
    let kind = ErrorKind::Unsupported(Capability::Cameras);
    assert_eq!(error.kind(), kind);
    assert!(error.to_string().contains("\"other\""), "{error}");
}

#[tokio::test]
async fn what_was_meant_for_a_camera_of_another_server_is_refused() -> TestResult {
    let ours = crate::common::serve(crate::common::TinyEngine::default()).await;
    let plain = PlainServer::start().await?;
    let way = Arc::new(Mutex::new(ours.local_addr()));
    let to = way.clone();
    let dialer = Dialer::new(move |_| TcpStream::connect(*to.lock().expect("no panic")));
    let soon = Backoff {
        initial: Duration::from_millis(1),
        ..Backoff::GRPC
    };
    let client = Client::builder("http://simulator:1")
        .dialer(dialer)
        .reconnect(ReconnectPolicy::Backoff(soon))
        .connect()
        .await?;
    let other = client.camera("other");
    // Nothing is wrong with them when they are made.
    let moving = other.set_transform(HERE);
    let called = other.set_transform(HERE).unary();
    let (looking, asking) = (other.rgb(), other.transform());
    *way.lock().expect("no panic") = plain.local_addr();
    ours.shutdown().await;
    refused_for_its_camera(moving.await);
    refused_for_its_camera(called.await);
    refused_for_its_camera(looking.await);
    refused_for_its_camera(asking.await);
    // Served in order, so anything sent before would have been seen by now.
    client.default_camera().transform().await?;
    let seen = plain.world().seen.clone();
    let of_cameras = seen
        .iter()
        .filter(|name| name.contains("camera") || name.contains("capture"));
    assert_eq!(of_cameras.count(), 1, "{seen:?}");
    Ok(())
}
