//! `synthcap serve`.

use synthcap::server::{ServerTls, Tokens};
use synthcap_sim::SimConfig;

use crate::{
    args::ServeArgs,
    embedded::{self, Listen},
    exit::{Result, Stop},
    output,
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
        assets_dir: args.assets,
        ..SimConfig::default()
    };
    let (scene, seed) = (config.scene.clone(), config.seed);
    let asks_clients = args.client_ca.is_some();
    let tokens = args.token_file.map(Tokens::from_file).transpose();
    let identity = args.tls_cert.zip(args.tls_key);
    let tls = identity.map(|(certificate, key)| ServerTls::new(certificate, key));
    let listen = Listen {
        address: args.listen,
        paused: false,
        insecure_public: args.insecure_public,
        tokens: tokens.map_err(|error| Stop::usage(error.to_string()))?,
        tls: match args.client_ca {
            Some(authorities) => tls.map(|tls| tls.client_ca(authorities)),
            None => tls,
        },
    };
    let warning = match (&listen.tls, &listen.tokens) {
        (None, Some(_)) => Some("tokens travel unencrypted; add --tls-cert and --tls-key"),
        (Some(_), None) if !asks_clients => {
            Some("whoever reaches it controls the simulator; add --token-file or --client-ca")
        }
        _ => None,
    };
    let server = tokio::select! {
        server = embedded::serve(config, listen) => server?,
        () = interrupt.wait() => return Ok(()),
    };
    // Scripts read the address from here, above all when the port was 0.
    output::answer(format_args!(
        "serving scene {scene} (seed {seed}) at {}",
        server.url()
    ))?;
    if let Some(warning) = warning.filter(|_| !server.local_addr().ip().is_loopback()) {
        output::remark(format_args!("warning: {warning}"));
    }
    output::remark("Ctrl-C stops it");
    interrupt.wait().await;
    server.shutdown().await;
    Ok(())
}
