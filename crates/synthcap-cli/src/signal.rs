//! Ctrl-C, and the other ways in which a system asks a program to end.

use tokio::sync::watch;

use crate::exit::{Failure, Result, Stop};

/// Knows whether the program has been asked to end.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Listens from now on. Asked a second time, the program ends at once, as it
    /// would without this.
    ///
    /// # Errors
    ///
    /// When the system does not let us.
    pub(crate) fn listen() -> Result<Self> {
        let mut asked = Asked::new()
            .map_err(|e| Stop::new(Failure::Internal, format!("cannot listen for Ctrl-C: {e}")))?;
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            asked.again().await;
            sender.send_replace(true);
            asked.again().await;
            std::process::exit(Failure::Interrupted.code().into());
        });
        Ok(Self(receiver))
    }

    /// Returns once the program has been asked to end.
    ///
    /// Cancel safe.
    pub(crate) async fn wait(&mut self) {
        if self.0.wait_for(|asked| *asked).await.is_err() {
            // Nobody is left to ask: the runtime is going down.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
struct Asked {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Asked {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn again(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Asked;

#[cfg(not(unix))]
impl Asked {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn again(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
