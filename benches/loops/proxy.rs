//! A TCP proxy that delivers everything a fixed time later, as a long link does:
//! latency without a limit on throughput.

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

/// Starts a proxy on a free port; it ends with the runtime.
pub(crate) async fn start(target: SocketAddr, delay: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(target).await.expect("the server lives");
            for stream in [&near, &far] {
                stream.set_nodelay(true).expect("a TCP socket");
            }
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            carry(near_in, far_out, delay);
            carry(far_in, near_out, delay);
        }
    });
    address
}

fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
    let (sender, mut chunks) = mpsc::channel::<(Instant, Vec<u8>)>(1024);
    tokio::spawn(async move {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let chunk = (Instant::now() + delay, buffer[..count].to_vec());
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
