//! What is asked and forgotten leaves nothing behind, and who stops reading stops
//! nobody else.

mod common;

use std::{sync::Mutex, time::Duration};

use common::{TinyEngine, serve};
use futures_util::stream;
use synthcap::{
    CaptureSet, Client, Delivery, Dialer, ErrorKind, Modality, ServerLimits, Vec3,
    proto::{self, ue_synth_service_client::UeSynthServiceClient as Stub},
    server::{
        Server,
        faults::{Fault, Faults, When},
    },
};
use tokio::io::AsyncWriteExt;

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// Connects through this end of a pipe.
fn once(near: tokio::io::DuplexStream) -> Dialer {
    let near = Mutex::new(Some(near));
    Dialer::new(move |_| {
        let pipe = near.lock().expect("no panic").take();
        async { pipe.ok_or_else(|| std::io::ErrorKind::NotConnected.into()) }
    })
}

#[tokio::test]
async fn a_subscription_that_ends_holds_up_no_engine_in_the_same_task() -> TestResult {
    let (near, far) = tokio::io::duplex(1 << 16);
    let server = Server::builder(TinyEngine::default()).inline(true);
    let server = server.start_on(stream::iter([Ok(far)]))?;
    let builder = Client::builder("http://pipe:1").dialer(once(near));
    let client = builder.connect().await?;
    let set = CaptureSet {
        views: vec![(client.default_camera().view(), Modality::Rgb.into())],
        include_scene: false,
    };
    let first = client.subscribe(set.clone()).open().await?;
    let mut second = client.subscribe(set).open().await?;
    second.next().await.expect("the client lives")?;
    // The credit comes while the first one is still to be cleared away.
    drop(first);
    tokio::select! {
        biased;
        _ = second.next() => panic!("nothing is due"),
        () = std::future::ready(()) => {}
    }
    client.step(1).await?;
    second.next().await.expect("the client lives")?;
    client.close().await?;
    server.shutdown().await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_thousand_abandoned_tickets_leave_nothing_behind() -> TestResult {
    let (near, far) = tokio::io::duplex(1 << 16);
    // Half of them are never answered, half are answered to nobody.
    let faults = Faults::seeded(1).on(When::captures().every(2), Fault::Silence);
    let server = Server::builder(TinyEngine::default()).inline(true);
    let server = server.faults(faults).start_on(stream::iter([Ok(far)]))?;
    let client = Client::builder("http://pipe:1")
        .dialer(once(near))
        .max_captures_in_flight(1000)
        .connect()
        .await?;
    let camera = client.default_camera();
    let limit = Duration::from_secs(5);
    for _ in 0..1000 {
        drop(camera.rgb().timeout(limit).submit()?);
    }
    assert_eq!(client.in_flight(), (1000, 0));
    tokio::time::sleep(2 * limit).await;
    assert_eq!(client.in_flight(), (0, 0));
    let stats = client.stats();
    assert_eq!((stats.requests_ok, stats.requests_failed), (500, 500));
    client.close().await?;
    server.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn a_lossless_stream_that_is_not_read_holds_captures_back_and_nothing_else() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let builder = Client::builder(server.url()).max_captures_in_flight(4);
    let client = builder.connect().await?;
    let camera = client.default_camera();
    let unread = client.frames(Modality::Rgb);
    for _ in 0..4 {
        drop(camera.rgb().await?);
    }
    // Its frames keep their places: the next capture has none.
    let error = camera.rgb().submit().expect_err("four are unread");
    assert_eq!(error.kind(), ErrorKind::InFlightLimit);
    for step in 0..50_u8 {
        camera
            .set_location(Vec3::new(f32::from(step), 0.0, 0.0))
            .await?;
    }
    let other = Client::connect(server.url()).await?;
    other.default_camera().rgb().await?;
    drop(unread);
    camera.rgb().await?;
    Ok(())
}

#[tokio::test]
async fn a_subscription_that_is_not_read_costs_others_nothing() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let camera = client.default_camera();
    let set = CaptureSet {
        views: vec![(camera.view(), Modality::Rgb.into())],
        include_scene: false,
    };
    let subscribe = client.subscribe(set).delivery(Delivery::Lossless);
    let mut unread = subscribe.credits(3).open().await?;
    client.step(500).await?;
    camera.rgb().await?;
    // No more came than it had said it could take.
    for _ in 0..3 {
        unread.next().await.expect("the client lives")?;
    }
    let frames = client.stats().frames;
    assert!(frames <= 1 + 3 + 3, "{frames} frames came");
    Ok(())
}

#[tokio::test]
async fn pushes_wait_for_a_client_that_does_not_read_whatever_credit_it_gave() -> TestResult {
    let valid = serve(TinyEngine::default()).await;
    let client = Client::connect(valid.url()).await?;
    let limits = client.server_info().expect("it is ours").limits;
    let limits = ServerLimits {
        max_in_flight: 4,
        ..limits
    };
    let builder = Server::builder(TinyEngine::default()).paused(true);
    let server = builder.limits(limits).start().await?;

    let channel = tonic::transport::Endpoint::new(server.url())?
        .connect()
        .await?;
    let mut stub = Stub::new(channel);
    let (requests, incoming) = tokio::sync::mpsc::unbounded_channel();
    let view = proto::CaptureView {
        width: 512,
        height: 512,
        modalities: vec![proto::Modality::Rgb as i32],
        ..Default::default()
    };
    requests.send(proto::ActionRequest {
        request_id: "pushes".to_owned(),
        action: Some(proto::action_request::Action::Subscribe(
            proto::SubscribeRequest {
                views: vec![view],
                credits: u32::MAX,
                ..Default::default()
            },
        )),
    })?;
    let incoming = tokio_stream::wrappers::UnboundedReceiverStream::new(incoming);
    let mut unread = stub.control_stream(incoming).await?.into_inner();
    let subscribed = unread.message().await?.expect("a reply");
    assert_eq!(subscribed.request_id, "pushes");

    let other = Client::connect(server.url()).await?;
    other.step(300).await?;
    // Once it reads, what was due last is made up for, without another tick.
    let mut pushed = 0;
    loop {
        let push = unread.message().await?.expect("the stream is open");
        pushed += 1;
        if push.meta.expect("it is ours").tick == 300 {
            break;
        }
    }
    // Those in flight, and what windows and buffers on the way hold.
    assert!((2..40).contains(&pushed), "{pushed} images were made");
    drop(requests);
    Ok(())
}

#[tokio::test]
async fn a_connection_that_is_not_read_stops_no_other_and_no_shutdown() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    // More than every window and buffer on the way holds, by a client that asks and
    // never looks at what comes.
    let channel = tonic::transport::Endpoint::new(server.url())?
        .connect()
        .await?;
    let mut stub = Stub::new(channel);
    let capture = |id: usize| proto::ActionRequest {
        request_id: id.to_string(),
        action: Some(proto::action_request::Action::CaptureRgb(
            proto::CaptureRequest {
                width: 1024,
                height: 1024,
                ..Default::default()
            },
        )),
    };
    let unread = stub
        .control_stream(stream::iter((0..64).map(capture)))
        .await?;
    // Another that has said half a word.
    let mut half = tokio::net::TcpStream::connect(server.local_addr()).await?;
    half.write_all(b"PRI * HTTP/2.0\r\n").await?;
    let client = Client::connect(server.url()).await?;
    for _ in 0..20 {
        client.default_camera().rgb().await?;
    }
    client.close().await?;
    server.shutdown().await;
    drop((unread, half));
    Ok(())
}
