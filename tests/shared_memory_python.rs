//! The protocol of shared memory as a server in another language speaks it.
//!
//! Needs Python with grpcio and grpcio-tools, so `cargo test` alone passes this
//! over; `just test-shm-python` installs them and runs it.
#![cfg(target_os = "linux")]

use crate::python::PythonServer;
use synthcap::{Client, SharedMemory};

type TestResult = Result<(), Box<dyn std::error::Error>>;

#[tokio::test]
#[ignore = "needs grpcio: just test-shm-python"]
async fn a_python_server_shares_its_frames() -> TestResult {
    let server = PythonServer::start("examples/shared_memory/server.py")?;
    let client = Client::connect(&server.url).await?;
    let camera = client.default_camera();
    let mut kept = Vec::new();
    let mut taken = 0_u64;
    // Sizes come and go, so that slots are made, used again and retired.
    for size in [
        (64, 48),
        (640, 480),
        (1920, 1080),
        (31, 7),
        (3840, 2160),
        (640, 480),
    ] {
        let camera = camera.clone().with_size(size.0, size.1);
        for _ in 0..20 {
            let frame = camera.rgb().await?;
            taken += 1;
            let bytes = frame.pixels().as_rgba();
            assert_eq!(bytes.len(), size.0 as usize * size.1 as usize * 4);
            assert!(
                bytes.iter().all(|byte| u64::from(*byte) == taken % 256),
                "{size:?}"
            );
            if taken.is_multiple_of(7) {
                kept.push((taken, frame));
            }
        }
    }
    // What did not fit its 256 MiB came over the connection.
    let shared = client.stats().frames_shared;
    assert!(shared > 80, "{shared} of {taken} shared");
    let _ = client.close().await;
    drop(server);
    for (number, frame) in kept {
        assert!(
            frame
                .pixels()
                .as_rgba()
                .iter()
                .all(|byte| u64::from(*byte) == number % 256)
        );
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs grpcio: just test-shm-python"]
async fn a_python_server_serves_those_who_do_not_share() -> TestResult {
    let server = PythonServer::start("examples/shared_memory/server.py")?;
    let client = Client::builder(&server.url).shared_memory(SharedMemory::Off);
    let client = client.connect().await?;
    let frame = client.default_camera().rgb().await?;
    assert!(frame.pixels().as_rgba().iter().all(|byte| *byte == 1));
    assert_eq!(client.stats().frames_shared, 0);
    client.close().await?;
    Ok(())
}
