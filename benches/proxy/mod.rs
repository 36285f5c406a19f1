//! A TCP proxy that carries everything as a slow or a long link does.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// What a link does to bytes, each way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    /// How much later they arrive.
    pub(crate) delay: Duration,
    /// How many of them pass in a second; may be infinite.
    pub(crate) bytes_per_s: f64,
}

/// Starts a proxy on a free port; it ends with the runtime.
pub(crate) async fn start(target: SocketAddr, link: Link) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(target).await.expect("the server lives");
            for stream in [&near, &far] {
                stream.set_nodelay(true).expect("a TCP socket");
            }
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            carry(near_in, far_out, link);
            carry(far_in, near_out, link);
        }
    });
    address
}

fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, link: Link) {
    let (sender, mut chunks) = mpsc::channel::<(Instant, Vec<u8>)>(1024);
    tokio::spawn(async move {
        let mut buffer = vec![0; 256 << 10];
        let mut free_at = Instant::now();
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            // A link that was idle has no credit.
            let took = Duration::from_secs_f64(count as f64 / link.bytes_per_s);
            free_at = free_at.max(Instant::now()) + took;
            if !took.is_zero() {
                sleep_until(free_at).await;
            }
            let chunk = (free_at + link.delay, buffer[..count].to_vec());
            if sender.send(chunk).await.is_err() {
                return;
            }
        }
    });
    tokio::spawn(async move {
        while let Some((due, chunk)) = chunks.recv().await {
            sleep_until(due).await;
            if to.write_all(&chunk).await.is_err() {
                return;
            }
        }
    });
}
