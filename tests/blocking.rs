//! The client without an async runtime of the caller's own.

use std::{thread, time::Duration};

use crate::common::{TinyEngine, serve};
use synthcap::{
    Client, Error, ErrorKind, Modality, ModalitySet, RequestId, Vec3, blocking,
    server::ServerHandle,
};
use tokio::runtime::Runtime;

type TestResult = Result<(), Box<dyn std::error::Error>>;

const LONG: Duration = Duration::from_secs(60);

/// A server on a runtime that the client has nothing to do with.
fn server() -> (Runtime, ServerHandle) {
    let runtime = Runtime::new().expect("a runtime");
    let server = runtime.block_on(serve(TinyEngine::default()));
    (runtime, server)
}

#[test]
fn everything_works_on_a_plain_thread() -> TestResult {
    let (_runtime, server) = server();
    let client = blocking::Client::connect(server.url())?;
    let camera = client.default_camera();
    assert_eq!(camera.rgb().wait()?.width(), 8);

    let mut ticket = camera.depth().submit()?;
    let depth = ticket.wait_timeout(LONG).expect("a minute is enough")?;
    assert_eq!(depth.pixels().at(0, 0), Some(0.0));
    assert!(camera.rgb().submit()?.wait().is_ok());

    let mut batch = client.batch();
    let first = batch.add(camera.depth());
    batch.add(client.step(1));
    let second = batch.add(camera.depth());
    let mut replies = batch.run().wait()?;
    let (first, second) = (replies.take(first)?, replies.take(second)?);
    assert!(second.tick() > first.tick());

    let cube = client.object("cube");
    cube.set_location(Vec3::ONE).wait()?;
    assert_eq!(cube.transform().wait()?.location, Vec3::ONE);
    assert!(client.ping()?.1.is_some());
    client.close()?;
    Ok(())
}

#[test]
fn frames_are_waited_for_by_recency_and_one_by_one() -> TestResult {
    let (_runtime, server) = server();
    let client = blocking::Client::connect(server.url())?;
    let camera = client.default_camera();
    let latest = camera.latest(Modality::Rgb);
    let none = latest.wait_newer_than(Default::default(), Duration::ZERO)?;
    assert!(none.is_none());
    let mut frames = client.frames(Modality::Rgb);
    let late = frames
        .wait_timeout(Duration::ZERO)
        .expect("the client lives");
    let late = late.expect_err("nobody captured");
    assert_eq!(late.kind(), ErrorKind::DeadlineExceeded);

    let moved = camera.set_location(Vec3::new(5.0, 0.0, 0.0)).wait()?;
    for _ in 0..3 {
        drop(camera.rgb().submit()?);
    }
    let fresh = latest.wait_at_or_after(moved.moment(), LONG)?;
    let fresh = fresh.expect("a minute is enough");
    assert_eq!(fresh.info().pose.expect("described").location.x, 5.0);
    let read: Vec<_> = frames.wait_iter().take(3).collect::<Result<_, _>>()?;
    let numbers: Vec<_> = read.iter().map(|frame| frame.info().seq.get()).collect();
    assert_eq!(numbers, [1, 2, 3]);

    // Closing ends an iterator that sleeps on another thread.
    let reader = thread::spawn(move || frames.wait_iter().last());
    client.close()?;
    let last = reader.join().expect("no panic").expect("the reason");
    assert_eq!(last.expect_err("closed").kind(), ErrorKind::Closed);
    Ok(())
}

#[test]
fn inside_a_runtime_it_works_and_the_async_clients_requests_are_refused() -> TestResult {
    let (_runtime, server) = server();
    let url = server.url();
    // One thread, which a deadlock would stop.
    let inner = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    inner.block_on(async {
        let client = blocking::Client::connect(&url)?;
        assert_eq!(client.default_camera().rgb().wait()?.width(), 8);
        assert!(client.ping()?.1.is_some());
        client.close()?;

        let client = synthcap::Client::connect(&url).await?;
        let camera = client.default_camera();
        let error = camera.rgb().wait().expect_err("it would wait for itself");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(".await"), "{error}");
        let error = camera.rgb().submit()?.wait().expect_err("the same");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let mut frames = client.frames(ModalitySet::ALL);
        let error = frames.wait_next().expect("an item").expect_err("the same");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        // A thread of one's own may wait while this one runs the session.
        let waiting = thread::spawn(move || camera.rgb().wait());
        while !waiting.is_finished() {
            tokio::task::yield_now().await;
        }
        assert!(waiting.join().expect("no panic").is_ok());
        client.close().await?;
        TestResult::Ok(())
    })
}

#[test]
fn handles_outlive_the_client_and_dropping_the_last_ends_the_thread() -> TestResult {
    let (_runtime, server) = server();
    let client = blocking::Client::connect(server.url())?;
    let camera = client.default_camera();
    let mut frames = client.frames(Modality::Rgb);
    drop(client);
    camera.rgb().wait()?;
    frames.wait_next().expect("the camera lives")?;
    drop(camera);
    let last = frames.wait_next().expect("the reason comes first");
    assert_eq!(last.expect_err("ended").kind(), ErrorKind::Closed);
    assert!(frames.wait_next().is_none());
    Ok(())
}

#[test]
fn a_thread_that_does_not_read_its_own_stream_is_told_so() -> TestResult {
    let (_runtime, server) = server();
    let builder = blocking::ClientConfig::builder();
    let config = builder
        .url(server.url())
        .max_captures_in_flight(1)
        .build()?;
    let client = blocking::Client::connect_with(config)?;
    let camera = client.default_camera();
    let mut frames = client.frames(Modality::Rgb);
    camera.rgb().wait()?;
    let refused = camera.rgb().timeout(Duration::from_millis(1)).wait();
    let refused = refused.expect_err("the first frame waits unread");
    assert_eq!(refused.kind(), ErrorKind::InFlightLimit);
    frames.wait_next().expect("one")?;
    camera.rgb().wait()?;
    Ok(())
}

#[test]
fn a_server_that_is_not_there_is_an_error_and_no_hang() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("bound").to_string();
    drop(free);
    let error = blocking::Client::connect(address).expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    let error = blocking::Client::connect("localhost").expect_err("no port");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn who_waits_is_told_that_the_runtime_of_the_client_has_ended() -> TestResult {
    let (runtime, server) = server();
    let own = Runtime::new()?;
    let client = own.block_on(Client::connect(server.url()))?;
    let camera = client.default_camera();
    let latest = camera.latest(Modality::Rgb);
    let mut frames = client.frames(Modality::Rgb);
    drop(own);
    let newest = latest.wait_newer_than(Default::default(), LONG);
    let next = frames.wait_timeout(LONG).expect("the reason, not the end");
    let found = runtime.block_on(client.frames_of(RequestId::new(1), LONG));
    let kinds = [newest.err(), next.err(), found.err()];
    let kinds = kinds.map(|error| error.as_ref().map(Error::kind));
    assert_eq!(kinds, [Some(ErrorKind::Closed); 3]);
    assert!(camera.rgb().submit().is_err());
    Ok(())
}
