//! One colour image and one depth image of the same instant.
//!
//! Everything runs in this process: the embedded simulator stands in for a real
//! one. To use yours, give its address to `Client::connect`.

use synthcap::{Client, Modality};
use synthcap_sim::SimConfig;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = synthcap_sim::serve(SimConfig::small()).await?;
    let client = Client::connect(server.url()).await?;
    let camera = client.default_camera();

    // The simplest way: ask, and wait.
    let image = camera.rgb().await?;
    println!("{}x{} pixels of colour", image.width(), image.height());

    // Two separate captures may be of two ticks. A set is of one, or fails.
    let set = camera.images(Modality::Rgb | Modality::Depth).await?;
    let depth = set
        .frame(camera.name().as_str(), Modality::Depth)
        .ok_or("the set has what was asked for")?
        .as_ref()
        .clone()
        .typed::<synthcap::frame::Depth>()
        .map_err(|_| "it is a depth image")?;
    let (x, y) = (depth.width() / 2, depth.height() / 2);
    if let Some(metres) = depth.pixels().at(x, y) {
        println!("what is in the middle is {metres:.2} m away");
    }
    println!("both of tick {:?}", depth.tick());

    client.close().await?;
    server.shutdown().await;
    Ok(())
}
