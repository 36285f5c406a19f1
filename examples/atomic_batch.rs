//! A batch: all or nothing, in one go, with steps of time inside it.

use synthcap::{Client, Rotator, Transform, Vec3};
use synthcap_sim::SimConfig;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = synthcap_sim::serve(SimConfig::small()).await?;
    let client = Client::connect(server.url()).await?;
    client.pause().await?; // time passes only by steps from here on
    let camera = client.default_camera();
    let ball = client.object("ball");

    // Spawn, look, let it fall for ten ticks, look again.
    let high = Transform::new(Vec3::new(0.0, 0.0, 300.0), Rotator::ZERO);
    let mut batch = client.batch();
    batch.add(ball.spawn("shape:sphere", high));
    let before = batch.add(ball.transform());
    let first = batch.add(camera.depth());
    batch.add(client.step(10));
    let after = batch.add(ball.transform());
    let second = batch.add(camera.depth());
    let mut replies = batch.run().await?;
    let (before, after) = (replies.take(before)?, replies.take(after)?);
    let (first, second) = (replies.take(first)?, replies.take(second)?);
    println!(
        "the ball fell from {:.1} cm to {:.1} cm between ticks {:?} and {:?}",
        before.location.z,
        after.location.z,
        first.tick(),
        second.tick()
    );

    // One wrong item, and nothing of the batch happens.
    let mut batch = client.batch();
    batch.add(ball.set_location(Vec3::ZERO));
    batch.add(client.object("nobody").set_location(Vec3::ZERO));
    match batch.run().await {
        Ok(_) => return Err("there is no object of that name".into()),
        Err(error) => println!("refused as a whole: {error}"),
    }
    let now = ball.transform().await?;
    println!("the ball is still at {:.1} cm", now.location.z);

    client.close().await?;
    server.shutdown().await;
    Ok(())
}
