//! The client without an async runtime of the caller's own.
//!
//! A [`Client`] of this module runs its connection on one small thread of its
//! own and is otherwise the [client](crate::Client) that everybody has, with the
//! same requests: where async code writes `.await`, a thread calls
//! [`wait`](crate::Request::wait).
//!
//! ```
//! # let runtime = tokio::runtime::Runtime::new().unwrap();
//! # let server = runtime.block_on(synthcap_sim::serve(synthcap_sim::SimConfig::small()))?;
//! use std::time::Duration;
//! use synthcap::{Modality, Vec3, blocking::Client};
//!
//! let client = Client::connect(server.url())?;
//! let camera = client.default_camera();
//! let image = camera.rgb().wait()?; // wait for it
//! assert!(image.width() > 0);
//!
//! let mut ticket = camera.depth().submit()?; // or take its ID and go on
//! while ticket.wait_timeout(Duration::from_millis(5)).is_none() {
//!     println!("request {} is not done yet", ticket.id());
//! }
//!
//! let latest = camera.latest(Modality::Rgb);
//! let moved = camera.set_location(Vec3::new(-150.0, 0.0, 120.0)).wait()?;
//! drop(camera.rgb().submit()?);
//! let fresh = latest.wait_at_or_after(moved.moment(), Duration::from_secs(10))?;
//! assert!(fresh.is_some());
//! client.close()?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Time limits and cancelling
//!
//! Every request ends by its own time limit
//! ([`Request::timeout`](crate::Request::timeout), or the client's), so
//! `wait` does too. [`Ticket::wait_timeout`](crate::Ticket::wait_timeout) gives
//! up waiting, not the request; [`Ticket::cancel`](crate::Ticket::cancel) gives
//! up the request, which may still take effect on the server.
//!
//! # Where it works
//!
//! On every thread, those of an async runtime included, where it holds up what
//! else runs there. Waiting for requests of an async [`Client`](crate::Client)
//! works on threads without a runtime; elsewhere it is refused with an error
//! instead of waiting for itself for ever.
//!
//! Dropping never blocks: the connection and the thread end in the background
//! when the last handle of any kind is gone.

use std::{
    ops::Deref,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use tokio::runtime::Builder;

pub use crate::{
    Batch, BatchItem, BatchReplies, Camera, ClientConfig, FrameSet, FrameStream, Latest, Object,
    Request, Stamped, Ticket,
};
use crate::{Error, ErrorKind, ServerInfo, client::block_on};

/// A connection to a simulator, on a thread of its own. Cloning it is cheap and
/// shares the connection.
///
/// Everything that waits for nothing is the async client's, through `Deref`.
#[derive(Clone, Debug)]
pub struct Client {
    client: crate::Client,
}

impl Deref for Client {
    type Target = crate::Client;

    fn deref(&self) -> &crate::Client {
        &self.client
    }
}

impl Client {
    /// Connects with the default settings, such as to `http://127.0.0.1:50051`.
    ///
    /// # Errors
    ///
    /// As [`crate::Client::connect_with`].
    pub fn connect(url: impl Into<String>) -> Result<Self, Error> {
        Self::connect_with(ClientConfig::builder().url(url).build()?)
    }

    /// Connects with these settings, which a
    /// [builder](ClientConfig::builder) gives. Waits at most its
    /// `connect_timeout`.
    ///
    /// # Errors
    ///
    /// As [`crate::Client::connect_with`].
    pub fn connect_with(config: ClientConfig) -> Result<Self, Error> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let started = thread::Builder::new()
            .name("synthcap-client".to_owned())
            .spawn(move || run(config, &sender));
        started.map_err(|error| no_thread(&error))?;
        let client = receiver.recv().unwrap_or_else(|_| {
            let message = "the client's thread ended before it connected";
            Err(Error::new(ErrorKind::Closed, message))
        })?;
        Ok(Self { client })
    }

    /// Asks the server anew what it is, and says how long the answer took.
    ///
    /// # Errors
    ///
    /// As [`crate::Client::ping`].
    pub fn ping(&self) -> Result<(Duration, Option<Arc<ServerInfo>>), Error> {
        block_on(self.client.ping())
    }

    /// Ends the connection and waits until that is done.
    ///
    /// # Errors
    ///
    /// As [`crate::Client::close`].
    pub fn close(self) -> Result<(), Error> {
        block_on(self.client.close())
    }
}

/// The thread of a client: lives until its session has ended, which it does when
/// the last handle is gone.
fn run(config: ClientConfig, connected: &mpsc::SyncSender<Result<crate::Client, Error>>) {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            // Fails only when nobody waits any more.
            let _ = connected.send(Err(no_thread(&error)));
            return;
        }
    };
    runtime.block_on(async {
        let client = crate::Client::connect_on(config, true).await;
        let ended = client.as_ref().ok().map(crate::Client::ended);
        // Fails only when nobody waits any more.
        let _ = connected.send(client);
        if let Some(ended) = ended {
            ended.await;
        }
    });
    // A name look-up may still be under way; nobody needs its answer.
    runtime.shutdown_background();
}

fn no_thread(error: &std::io::Error) -> Error {
    let message = format!("cannot start the client's thread: {error}");
    Error::new(ErrorKind::InvalidInput, message)
}
