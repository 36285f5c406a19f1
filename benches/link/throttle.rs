//! A TCP proxy that lets no more through than a slow link does.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep_until},
};

/// Starts a proxy on a free port; it ends with the runtime.
pub(crate) async fn start(target: SocketAddr, bytes_per_s: f64) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(target).await.expect("the server lives");
            for stream in [&near, &far] {
                stream.set_nodelay(true).expect("a TCP socket");
            }
            let ((mut near_in, near_out), (far_in, mut far_out)) =
                (near.into_split(), far.into_split());
            tokio::spawn(async move { tokio::io::copy(&mut near_in, &mut far_out).await });
            tokio::spawn(carry(far_in, near_out, bytes_per_s));
        }
    });
    address
}

async fn carry(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    bytes_per_s: f64,
) {
    let mut buffer = vec![0; 256 << 10];
    let mut free_at = Instant::now();
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        // A link that was idle has no credit.
        let took = Duration::from_secs_f64(count as f64 / bytes_per_s);
        free_at = free_at.max(Instant::now()) + took;
        sleep_until(free_at).await;
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
