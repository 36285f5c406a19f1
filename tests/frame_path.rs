//! What the message layer promises beyond passing messages: a message over the
//! limit costs its own request only, replies to commands do not wait behind
//! frames, pixels lie as their type wants it, and Unix sockets serve as well.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use crate::common::{TinyEngine, serve};
use synthcap::{
    Capability, Client, Dialer, ErrorKind, Modality, ModalitySet, SharedMemory, Vec3,
    server::Server,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
};

type TestResult = Result<(), Box<dyn std::error::Error>>;

#[tokio::test]
async fn a_reply_over_the_limit_fails_its_own_request() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::builder(server.url())
        .max_message_bytes(64 << 10)
        .shared_memory(SharedMemory::Off)
        .connect()
        .await?;
    let camera = client.default_camera();
    // All in flight together; 256x256 RGBA takes 256 KiB.
    let before = camera.with_size(64, 64).rgb().submit()?;
    let large = camera.with_size(256, 256).rgb().submit()?;
    let after = camera.with_size(64, 64).rgb().submit()?;
    let set = camera
        .with_size(100, 100)
        .images(Modality::Rgb | Modality::Normals)
        .submit()?;
    before.await?;
    for error in [
        large.await.expect_err("over the limit"),
        set.await.expect_err("its normals are over the limit"),
    ] {
        assert_eq!(error.kind(), ErrorKind::BadReply, "{error}");
        assert!(error.to_string().contains("max_message_bytes"), "{error}");
    }
    assert_eq!(after.await?.width(), 64);
    assert_eq!(client.stats().reconnects, 0);
    assert_eq!(client.in_flight(), (0, 0));
    Ok(())
}

#[tokio::test]
async fn compressed_replies_take_the_ordinary_way() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::builder(server.url())
        .compression(synthcap::Compression::Gzip)
        .connect()
        .await?;
    let set = client.default_camera().with_size(200, 150);
    let set = set.images(ModalitySet::ALL).await?;
    assert_eq!(set.frames.len(), 5);
    assert!(set.frames.iter().all(|frame| frame.height() == 150));
    Ok(())
}

#[tokio::test]
async fn pixels_come_back_to_buffers_of_their_own() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let camera = client.default_camera().with_size(320, 240);
    let mut addresses = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let frame = camera.depth().await?;
        let metres = frame.pixels().metres();
        assert_eq!((metres.len(), metres[0]), (320 * 240, 0.0));
        assert!(metres.as_ptr().cast::<[u128; 4]>().is_aligned());
        addresses.insert(metres.as_ptr() as usize);
    }
    // Each is dropped before the next is asked for, but for those that the client
    // keeps: the latest, and the last few by their ID.
    assert!(addresses.len() <= 12, "{} buffers", addresses.len());
    Ok(())
}

/// Passes bytes on while the gate is open, and counts those that come back.
async fn through_gate<N, F>(near: N, far: F, gate: watch::Receiver<bool>, count: Arc<AtomicU64>)
where
    N: AsyncRead + AsyncWrite + Send,
    F: AsyncRead + AsyncWrite + Send,
{
    let (mut from_client, mut to_client) = tokio::io::split(near);
    let (mut from_server, mut to_server) = tokio::io::split(far);
    let forth = async {
        // Ends with the connection.
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
    };
    let back = async {
        let (mut gate, mut buffer) = (gate, vec![0; 16 << 10]);
        while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
            if gate.wait_for(|open| *open).await.is_err() {
                return;
            }
            count.fetch_add(read as u64, Ordering::SeqCst);
            if to_client.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(forth, back);
}

#[tokio::test]
async fn a_move_is_answered_while_a_frame_is_held_up() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let address = server.local_addr();
    let (gate, open) = watch::channel(true);
    let (dials, returned) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
    let count = returned.clone();
    // The first connection is the stream's, the second that of the replies.
    let dialer = Dialer::new(move |_| {
        let first = dials.fetch_add(1, Ordering::SeqCst) == 0;
        let (open, count) = (open.clone(), count.clone());
        async move {
            let far = TcpStream::connect(address).await?;
            let (near, mine) = tokio::io::duplex(1 << 16);
            let gate = if first { open } else { watch::channel(true).1 };
            let count = if first { count } else { Arc::default() };
            tokio::spawn(through_gate(mine, far, gate, count));
            Ok(near)
        }
    });
    let client = Client::builder(server.url())
        .dialer(dialer)
        .connect()
        .await?;
    assert!(
        client
            .server_info()
            .expect("ours")
            .can(Capability::SeparateReplies)
    );
    let camera = client.default_camera();
    // Until the second connection stands, replies come over the first.
    loop {
        let before = returned.load(Ordering::SeqCst);
        camera.set_location(Vec3::ZERO).await?;
        if returned.load(Ordering::SeqCst) == before {
            break;
        }
    }
    gate.send_replace(false);
    let mut frame = camera.with_size(64, 64).rgb().submit()?;
    let moved = camera.set_location(Vec3::new(7.0, 0.0, 0.0)).await?;
    assert!(frame.try_take().is_none(), "the gate is shut");
    gate.send_replace(true);
    let frame = frame.await?;
    // Asked before the move, so it was executed before it, whichever came first.
    assert!(frame.moment() < moved.moment());
    assert_eq!(frame.info().pose.expect("described").location.x, 0.0);
    Ok(())
}

#[tokio::test]
async fn replies_come_with_the_frames_when_nobody_wants_them_apart() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let dials = Arc::new(AtomicUsize::new(0));
    let (address, counter) = (server.local_addr(), dials.clone());
    let dialer = Dialer::new(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        TcpStream::connect(address)
    });
    let client = Client::builder(server.url())
        .dialer(dialer)
        .separate_replies(false)
        .connect()
        .await?;
    client.default_camera().set_location(Vec3::ZERO).await?;
    assert_eq!(dials.load(Ordering::SeqCst), 1);
    Ok(())
}

#[tokio::test]
async fn a_lost_connection_of_replies_is_made_again() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let address = server.local_addr();
    let (cut, cutting) = watch::channel(false);
    let dials = Arc::new(AtomicUsize::new(0));
    // What has come over the connection for frames.
    let came = Arc::new(AtomicUsize::new(0));
    let counted = came.clone();
    let dialer = Dialer::new(move |_| {
        let dial = dials.fetch_add(1, Ordering::SeqCst);
        let (mut cutting, counted) = (cutting.clone(), counted.clone());
        async move {
            let (mut from, mut to) = TcpStream::connect(address).await?.into_split();
            let (near, mine) = tokio::io::duplex(1 << 16);
            let (mut asked, mut answered) = tokio::io::split(mine);
            tokio::spawn(async move {
                let mut bytes = vec![0; 1 << 14];
                let down = async {
                    while let Ok(count @ 1..) = from.read(&mut bytes).await {
                        if dial == 0 {
                            counted.fetch_add(count, Ordering::SeqCst);
                        }
                        if answered.write_all(&bytes[..count]).await.is_err() {
                            break;
                        }
                    }
                };
                let cut = async {
                    match dial {
                        1 => drop(cutting.wait_for(|cut| *cut).await),
                        _ => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = down => {}
                    _ = tokio::io::copy(&mut asked, &mut to) => {}
                    () = cut => {}
                }
            });
            Ok(near)
        }
    });
    let client = Client::builder(server.url())
        .dialer(dialer)
        .connect()
        .await?;
    // A move whose reply did not come with the frames came over the other.
    loop {
        let before = came.load(Ordering::SeqCst);
        client.default_camera().set_location(Vec3::ZERO).await?;
        if came.load(Ordering::SeqCst) == before {
            break;
        }
    }
    cut.send_replace(true);
    // Hangs if the loss goes unnoticed.
    while client.stats().reconnects == 0 {
        client.default_camera().set_location(Vec3::ZERO).await?;
    }
    client.default_camera().rgb().await?;
    Ok(())
}

#[tokio::test]
async fn a_thousand_requests_in_flight_all_end() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::builder(server.url())
        .max_captures_in_flight(1000)
        .connect()
        .await?;
    let camera = client.default_camera().with_size(40, 40);
    let mut tickets = Vec::new();
    for _ in 0..1000 {
        tickets.push(camera.rgb().submit()?);
    }
    for ticket in tickets {
        assert_eq!(ticket.await?.width(), 40);
    }
    Ok(())
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn a_unix_socket_serves_this_user_and_goes_with_its_server() -> TestResult {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("sim.sock");
        let address = format!("unix:{}", path.display());
        let start = || {
            Server::builder(TinyEngine::default())
                .listen(&address)
                .start()
        };
        let server = start().await?;
        assert_eq!(server.url(), format!("unix://{}", path.display()));
        assert_eq!(path.metadata()?.permissions().mode() & 0o777, 0o600);

        let client = Client::connect(server.url()).await?;
        let camera = client.default_camera();
        camera.set_location(Vec3::new(3.0, 0.0, 0.0)).await?;
        let frame = camera.with_size(300, 200).rgb().await?;
        assert_eq!(frame.pixels().as_rgba()[1], 3);

        let taken = start().await.expect_err("a server listens there");
        assert!(taken.to_string().contains("sim.sock"), "{taken}");
        client.close().await?;
        server.shutdown().await;
        assert!(!path.exists());
        Ok(())
    }

    #[tokio::test]
    async fn a_socket_left_behind_is_taken_over_and_a_file_is_not() -> TestResult {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("sim.sock");
        let address = format!("unix:{}", path.display());
        drop(std::os::unix::net::UnixListener::bind(&path)?);
        assert!(path.exists(), "nobody removed it");
        let builder = Server::builder(TinyEngine::default()).listen(&address);
        let server = builder.start().await?;
        Client::connect(server.url()).await?.close().await?;
        server.shutdown().await;

        std::fs::write(&path, "precious")?;
        let builder = Server::builder(TinyEngine::default()).listen(&address);
        let refused = builder.start().await.expect_err("a file of somebody's");
        assert!(refused.to_string().contains("no socket"), "{refused}");
        assert_eq!(std::fs::read_to_string(&path)?, "precious");
        Ok(())
    }
}
