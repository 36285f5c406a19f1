//! The embedded simulator, served over a real socket.

use synthcap::server::{Server, ServerHandle, ServerTls, Tokens};
use synthcap_sim::{SimConfig, Simulator};

use crate::exit::{Failure, Result, Stop};

/// Where to serve, and whether time stands still at first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listen {
    pub(crate) address: String,
    pub(crate) paused: bool,
    /// Whether other machines may reach it although nothing protects it.
    pub(crate) insecure_public: bool,
    pub(crate) tokens: Option<Tokens>,
    pub(crate) tls: Option<ServerTls>,
}

/// Makes the simulator and starts serving it.
///
/// # Errors
///
/// When the configuration or the address does not work.
pub(crate) async fn serve(config: SimConfig, listen: Listen) -> Result<ServerHandle> {
    // Making a scene takes a while, and is all computing.
    let made = tokio::task::spawn_blocking(move || Simulator::new(config)).await;
    let simulator = made
        .map_err(|e| Stop::new(Failure::Internal, format!("the simulator failed: {e}")))?
        .map_err(|e| Stop::usage(e.to_string()))?;
    let mut server = Server::builder(simulator)
        .listen(listen.address)
        .paused(listen.paused)
        .allow_insecure_public(listen.insecure_public);
    if let Some(tokens) = listen.tokens {
        server = server.tokens(tokens);
    }
    if let Some(tls) = listen.tls {
        server = server.tls(tls);
    }
    server.start().await.map_err(|e| Stop::usage(e.to_string()))
}
