//! Frames of a server on the same machine come through shared memory, and over
//! the connection whenever that cannot be.
#![cfg(target_os = "linux")]

use std::{sync::Arc, time::Duration};

use crate::common::TinyEngine;
use synthcap::{
    CaptureSet, Client, ClientBuilder, Frame, Modality, ModalitySet, SharedMemory, View,
    server::{Server, ServerHandle, SharedMemoryLimits},
};

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// A server that shares images of any size, up to so many bytes in all.
async fn serve(max_bytes: u64) -> ServerHandle {
    let limits = SharedMemoryLimits {
        max_bytes,
        min_image_bytes: 1,
    };
    let server = Server::builder(TinyEngine::default()).paused(true);
    let started = server.shared_memory(Some(limits)).start().await;
    started.expect("a free port on loopback")
}

fn patient(url: String) -> ClientBuilder {
    Client::builder(url).request_timeout(Duration::from_secs(60))
}

/// Every kind of image of one tick, all cameras' pixels known.
async fn everything(client: &Client) -> Result<Vec<Arc<Frame>>, synthcap::Error> {
    let view = View::default().with_size(33, 7);
    let set = CaptureSet {
        views: vec![(view, ModalitySet::ALL)],
        include_scene: false,
    };
    Ok(client.capture_set(set).await?.frames.clone())
}

fn check(frames: &[Arc<Frame>]) {
    assert_eq!(frames.len(), 5);
    for frame in frames {
        let count = 33 * 7;
        match frame.pixels() {
            synthcap::Pixels::Rgb(p) => {
                assert_eq!(p.as_rgba(), [0, 0, 0, 255].repeat(count));
            }
            synthcap::Pixels::Depth(p) => assert_eq!(p.metres(), vec![0.0; count]),
            synthcap::Pixels::Segmentation(p) => assert_eq!(p.ids(), vec![7; count]),
            synthcap::Pixels::Normals(p) => {
                assert_eq!(p.vectors(), vec![[0.0, 0.0, 1.0]; count]);
            }
            synthcap::Pixels::Flow(p) => {
                assert_eq!(p.vectors(), vec![[1.5, -2.0]; count]);
                assert_eq!(p.validity(), vec![1; count]);
            }
            other => panic!("unknown pixels {other:?}"),
        }
    }
}

#[tokio::test]
async fn every_kind_of_image_comes_through_it() -> TestResult {
    let server = serve(1 << 20).await;
    let client = patient(server.url()).connect().await?;
    for round in 1..=100 {
        check(&everything(&client).await?);
        assert_eq!(client.stats().frames_shared, 5 * round);
    }
    client.close().await?;
    server.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn either_side_can_do_without() -> TestResult {
    let server = serve(1 << 20).await;
    let client = patient(server.url()).shared_memory(SharedMemory::Off);
    let client = client.connect().await?;
    check(&everything(&client).await?);
    assert_eq!(client.stats().frames_shared, 0);

    // What the environment demands of servers is above what their code says.
    if std::env::var_os("SYNTHCAP_SERVER_SHARED_MEMORY").is_none() {
        let server = Server::builder(TinyEngine::default()).shared_memory(None);
        let server = server.paused(true).start().await?;
        let client = patient(server.url()).connect().await?;
        assert_eq!(
            client
                .server_info()
                .and_then(|info| info.shared_memory_socket.clone()),
            None
        );
        check(&everything(&client).await?);
        assert_eq!(client.stats().frames_shared, 0);
    }
    Ok(())
}

#[tokio::test]
async fn what_has_no_room_comes_over_the_connection() -> TestResult {
    // Two slots of a page and its header, and no more.
    let server = serve(2 * 8192).await;
    let client = patient(server.url()).connect().await?;
    let camera = client.default_camera();
    let mut kept = Vec::new();
    for _ in 0..10 {
        kept.push(camera.depth().await?);
    }
    assert_eq!(client.stats().frames_shared, 2);
    for frame in &kept {
        assert_eq!(frame.pixels().metres().len(), 8 * 6);
    }
    // The recent frames and the latest one are kept too; when others have come
    // in their place, the two slots are free again.
    kept.clear();
    for _ in 0..20 {
        camera.rgb().await?;
        camera.depth().await?;
    }
    assert!(client.stats().frames_shared > 2);
    Ok(())
}

#[tokio::test]
async fn frames_outlive_the_client_and_the_server() -> TestResult {
    let server = serve(1 << 20).await;
    let client = patient(server.url()).connect().await?;
    let frames = everything(&client).await?;
    assert_eq!(client.stats().frames_shared, 5);
    client.close().await?;
    check(&frames);
    server.shutdown().await;
    check(&frames);
    Ok(())
}

#[tokio::test]
async fn given_up_requests_give_their_slots_back() -> TestResult {
    let server = serve(16 * 8192).await;
    let client = patient(server.url()).connect().await?;
    let camera = client.default_camera();
    for _ in 0..200 {
        drop(camera.depth().submit()?);
        camera.rgb().await?;
    }
    // Nobody waited for the depth frames, and all of them had a slot.
    assert_eq!(client.stats().frames_shared, 400);
    Ok(())
}

#[tokio::test]
async fn lossless_streams_and_subscriptions_lose_nothing() -> TestResult {
    let server = serve(4 * 8192).await;
    let client = patient(server.url()).connect().await?;
    let camera = client.default_camera();
    let mut frames = camera.frames(Modality::Depth);
    for _ in 0..40 {
        drop(camera.depth().queue().await?);
        client.step(1).await?;
    }
    for tick in 0..40_u32 {
        let frame = frames.next().await.ok_or("the stream ended")??;
        let synthcap::Pixels::Depth(depth) = frame.pixels() else {
            return Err("another kind of image".into());
        };
        assert_eq!(depth.metres(), vec![tick as f32; 48]);
    }
    assert!(client.stats().frames_shared >= 4, "as many as have room");
    Ok(())
}
