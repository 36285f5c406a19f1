//! What is encoded on the way is what the engine made, or as near as was asked.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::try_join_all;
use synthcap::{
    CaptureSet, Client, Encoding, EncodingChoice, Encodings, ErrorKind, Frame, Modality,
    ModalitySet, Pixels, SharedMemory, server::ServerHandle,
};
use synthcap_sim::SimConfig;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

type TestResult = Result<(), Box<dyn std::error::Error>>;

async fn serve() -> Result<ServerHandle, synthcap_sim::SimError> {
    synthcap_sim::serve(SimConfig::small()).await
}

/// A client that has every modality encoded so.
async fn client_with(
    server: &ServerHandle,
    encodings: Encodings,
) -> Result<Client, synthcap::Error> {
    // Through shared memory every server on this machine is close.
    let builder = Client::builder(server.url()).encodings(encodings);
    let builder = builder.shared_memory(SharedMemory::Off);
    builder.connect().await
}

fn bytes(frame: &Frame) -> bytes::Bytes {
    frame.pixels().clone().into_bytes()
}

#[tokio::test]
async fn what_is_lossless_is_the_engines_to_the_bit() -> TestResult {
    let server = serve().await?;
    let raw = client_with(&server, Encodings::all(Encoding::Raw)).await?;
    let packed = client_with(&server, Encodings::all(Encoding::Lossless)).await?;
    for (width, height) in [(0, 0), (129, 67), (1, 1200), (1201, 1)] {
        for modality in Modality::ALL {
            let [raw, packed] = [&raw, &packed].map(|client| {
                let camera = client.default_camera().with_size(width, height);
                camera.image(modality)
            });
            let (raw, packed) = (raw.await?, packed.await?);
            assert_eq!(bytes(&raw), bytes(&packed), "{modality} {width}x{height}");
            assert_eq!(raw.encoding(), Encoding::Raw);
            assert_eq!(raw.wire_bytes(), bytes(&raw).len() as u64);
            if packed.encoding() == Encoding::Lossless {
                assert!(packed.wire_bytes() < raw.wire_bytes());
            } else {
                // Only where there is next to nothing to gain.
                assert_eq!(packed.encoding(), Encoding::Raw);
                assert!(raw.wire_bytes() < 16 << 10, "{modality} {width}x{height}");
            }
        }
    }
    let (raw, packed) = (raw.stats(), packed.stats());
    assert_eq!(raw.frame_bytes, packed.frame_bytes);
    assert_eq!(raw.wire_bytes, raw.frame_bytes);
    assert!(packed.wire_bytes * 2 < packed.frame_bytes, "{packed:?}");
    Ok(())
}

#[tokio::test]
async fn every_way_to_ask_carries_the_encoding() -> TestResult {
    let server = serve().await?;
    let client = client_with(&server, Encodings::all(Encoding::Lossless)).await?;
    let camera = client.default_camera();
    let all = ModalitySet::ALL;

    let set = camera.images(all).await?;
    let mut batch = client.batch();
    let moved = batch.add(client.step(1));
    let (image, images) = (batch.add(camera.depth()), batch.add(camera.images(all)));
    let mut replies = batch.run().await?;
    replies.take(moved)?;
    let mut frames = set.frames;
    frames.extend(replies.take(images)?.frames);
    assert_eq!(replies.take(image)?.encoding(), Encoding::Lossless);
    let views = vec![(camera.view(), all)];
    let subscription = client.subscribe(CaptureSet {
        views,
        include_scene: true,
    });
    let mut subscription = subscription.open().await?;
    frames.extend(
        subscription
            .next()
            .await
            .expect("one is due at once")?
            .frames,
    );
    assert_eq!(frames.len(), 3 * all.len());
    assert!(
        frames
            .iter()
            .all(|frame| frame.encoding() == Encoding::Lossless)
    );
    assert_eq!(camera.flow().unary().await?.encoding(), Encoding::Lossless);

    // A request, or a camera, overrules the settings.
    assert_eq!(
        camera.rgb().encoding(Encoding::Raw).await?.encoding(),
        Encoding::Raw
    );
    let close = camera.with_encoding(Modality::Depth, Encoding::MILLIMETRE);
    let set = close.images(Modality::Depth | Modality::Flow).await?;
    let encodings: Vec<_> = set.frames.iter().map(|frame| frame.encoding()).collect();
    assert_eq!(encodings, [Encoding::MILLIMETRE, Encoding::Lossless]);
    Ok(())
}

#[tokio::test]
async fn what_loses_keeps_to_what_was_asked() -> TestResult {
    let server = serve().await?;
    let client = client_with(&server, Encodings::all(Encoding::Raw)).await?;
    let camera = client.default_camera();
    let exact = camera.depth().await?;
    for max_error_um in [1, 1000, 50_000] {
        let asked = Encoding::Quantized { max_error_um };
        let close = camera.depth().encoding(asked).await?;
        assert_eq!(close.encoding(), asked);
        for (exact, close) in exact.pixels().metres().iter().zip(close.pixels().metres()) {
            let error = (f64::from(*exact) - f64::from(*close)).abs();
            let bound = f64::from(max_error_um) * 1e-6;
            assert!(exact == close || error <= bound, "{exact} became {close}");
        }
    }
    let exact = camera.rgb().await?;
    let [good, small] = [95, 20].map(|quality| camera.rgb().encoding(Encoding::Jpeg { quality }));
    let (good, small) = (good.await?, small.await?);
    assert_eq!(small.encoding(), Encoding::Jpeg { quality: 20 });
    assert!(small.wire_bytes() < good.wire_bytes());
    assert!(good.wire_bytes() < exact.wire_bytes());
    let pairs = exact.pixels().as_rgba().iter().zip(good.pixels().as_rgba());
    let sum: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    assert!(sum < 4 * exact.wire_bytes(), "off by {sum} in all");
    Ok(())
}

#[tokio::test]
async fn frames_stay_in_order_however_they_are_encoded() -> TestResult {
    let server = serve().await?;
    let client = client_with(&server, Encodings::all(Encoding::Raw)).await?;
    let camera = client.default_camera().with_size(200, 150);
    let mut stream = client.frames(Modality::Rgb);
    let mut tickets = Vec::new();
    for turn in 0..40 {
        drop(client.step(1).submit()?);
        let encoding = match turn % 3 {
            0 => Encoding::Raw,
            1 => Encoding::Lossless,
            _ => Encoding::Jpeg { quality: 90 },
        };
        tickets.push(camera.rgb().encoding(encoding).queue().await?);
        if turn % 20 == 19 {
            // The places in flight are free when the stream has been read.
            for ticket in tickets.drain(..) {
                let id = ticket.id();
                let frame = stream.next().await.expect("the client lives")?;
                assert_eq!(frame.info().request_id, id);
            }
        }
    }
    let ticks = try_join_all((0..6).map(|_| camera.rgb().into_future())).await?;
    assert!(ticks.iter().all(|frame| frame.tick() == ticks[0].tick()));
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() -> TestResult {
    let server = serve().await?;
    let client = Client::connect(server.url()).await?;
    let camera = client.default_camera();
    let jpeg = Encoding::Jpeg { quality: 80 };
    for refused in [
        camera.image(Modality::Segmentation).encoding(jpeg),
        camera
            .image(Modality::Rgb)
            .encoding(Encoding::Jpeg { quality: 0 }),
        camera
            .image(Modality::Depth)
            .encoding(Encoding::Quantized { max_error_um: 0 }),
        camera
            .with_encoding(Modality::Normals, jpeg)
            .image(Modality::Normals),
    ] {
        let error = refused.await.expect_err("no such image");
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains("encoded as"), "{error}");
    }
    let encodings = Encodings::UNSET.with(Modality::Segmentation, jpeg);
    let error = client_with(&server, encodings)
        .await
        .expect_err("labels are exact");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    Ok(())
}

/// Carries one connection to the server at this many bytes per second.
async fn throttle(target: SocketAddr, bytes_per_s: Arc<AtomicU64>) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        let (near, _) = listener.accept().await?;
        let far = TcpStream::connect(target).await?;
        let ((mut near_in, mut near_out), (mut far_in, mut far_out)) =
            (near.into_split(), far.into_split());
        tokio::spawn(async move { tokio::io::copy(&mut near_in, &mut far_out).await });
        let mut buffer = vec![0; 128 << 10];
        loop {
            let count = far_in.read(&mut buffer).await?;
            let rate = bytes_per_s.load(Ordering::Relaxed) as f64;
            tokio::time::sleep(Duration::from_secs_f64(count as f64 / rate)).await;
            near_out.write_all(&buffer[..count]).await?;
            if count == 0 {
                return Ok::<_, std::io::Error>(());
            }
        }
    });
    Ok(address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_begins_to_encode_on_a_slow_link() -> TestResult {
    let server = serve().await?;
    let rate = Arc::new(AtomicU64::new(10_000_000));
    let address = throttle(server.local_addr(), rate).await?;
    let builder = Client::builder(format!("http://{address}"));
    let client = builder.shared_memory(SharedMemory::Off).connect().await?;
    let camera = client.default_camera().with_size(1000, 700);
    let first = camera.depth().await?;
    // Nothing is known of the link yet.
    assert_eq!(first.encoding(), Encoding::Raw);
    let mut turns = 0;
    let encoded = loop {
        let frame = camera.depth().await?;
        if frame.encoding() == Encoding::Lossless {
            break frame;
        }
        turns += 1;
        assert!(turns < 20, "still raw after {turns} frames");
    };
    assert_eq!(
        Pixels::from(first.pixels().clone()).into_bytes(),
        Pixels::from(encoded.pixels().clone()).into_bytes(),
    );
    // Who wants raw gets raw.
    let raw = camera.depth().encoding(Encoding::Raw).await?;
    assert_eq!(raw.encoding(), Encoding::Raw);
    let auto = camera.depth().encoding(EncodingChoice::Auto).await?;
    assert_eq!(auto.encoding(), Encoding::Lossless);
    Ok(())
}
