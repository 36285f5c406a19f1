//! `synthcap serve`.

use synthcap_sim::SimConfig;

use crate::{
    args::ServeArgs,
    embedded::{self, Listen},
    exit::Result,
    signal::Interrupt,
};

/// Serves until Ctrl-C.
///
/// # Errors
///
/// When the scene or the address does not work.
pub(crate) async fn run(args: ServeArgs) -> Result<()> {
    let mut interrupt = Interrupt::listen()?;
    let default = SimConfig::default();
    let config = SimConfig {
        seed: args.seed,
        scene: args.scene.unwrap_or(default.scene),
        width: args.size.width,
        height: args.size.height,
        ..SimConfig::default()
    };
    let (scene, seed) = (config.scene.clone(), config.seed);
    let listen = Listen {
        address: args.listen,
        paused: false,
        insecure_public: args.insecure_public,
    };
    let server = tokio::select! {
        server = embedded::serve(config, listen) => server?,
        () = interrupt.wait() => return Ok(()),
    };
    // Scripts read the address from here, above all when the port was 0.
    println!("serving scene {scene} (seed {seed}) at {}", server.url());
    eprintln!("Ctrl-C stops it");
    interrupt.wait().await;
    server.shutdown().await;
    Ok(())
}
