//! A pool over two servers. One is lost half-way; its work goes to the other.

use synthcap::{Client, Pool, Vec3};
use synthcap_sim::SimConfig;

const JOBS: u16 = 200;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let first = synthcap_sim::serve(SimConfig::small()).await?;
    let second = synthcap_sim::serve(SimConfig::small()).await?;
    let pool = Pool::builder()
        .server(first.url())
        .server(second.url())
        .connect()
        .await?;

    // A job is a function of the client, so that it can run on any server. It
    // moves and captures in one batch: other jobs run on the same server.
    let jobs = (0..JOBS).map(|index| {
        move |client: &Client| {
            let camera = client.default_camera();
            let mut batch = client.batch();
            batch.add(camera.set_location(Vec3::new(-400.0, f32::from(index), 200.0)));
            batch.add(camera.rgb());
            batch.run()
        }
    });
    let mut results = pool.run(jobs);
    let mut doomed = Some(second);
    let mut received = 0;
    while let Some(result) = results.next().await {
        result?; // a lost server is no error here, only its jobs run elsewhere
        received += 1;
        if received == JOBS / 2
            && let Some(server) = doomed.take()
        {
            println!("the second server goes away");
            server.shutdown().await;
        }
    }

    println!("{received} of {JOBS} jobs, in order");
    for server in pool.stats().servers {
        println!(
            "{}: {:?}, {} done, {} moved away",
            server.url, server.state, server.done, server.moved
        );
    }
    pool.close().await;
    first.shutdown().await;
    Ok(())
}
