//! The simulator as a server, for programs that want both in one process.

use synthcap::server::{Server, ServerHandle};

use crate::{SimConfig, SimError, Simulator};

/// Makes a simulator and serves it, paused, on a free port of this machine.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use synthcap::Client;
/// use synthcap_sim::{SimConfig, serve};
///
/// let server = serve(SimConfig::small()).await?;
/// let client = Client::connect(server.url()).await?;
/// assert!(client.server_info().unwrap().paused);
/// client.close().await?;
/// server.shutdown().await;
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
///
/// # Errors
///
/// When the simulator cannot be made or no port is free.
pub async fn serve(config: SimConfig) -> Result<ServerHandle, SimError> {
    let engine = Simulator::new(config)?;
    let started = Server::builder(engine).paused(true).start().await;
    started.map_err(|error| SimError::Serve(error.to_string()))
}
