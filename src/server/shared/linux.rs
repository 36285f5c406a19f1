//! The side socket: one pool of slots for each client that comes in.

use std::{
    collections::HashMap,
    os::fd::AsRawFd,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
pub(in crate::server) use synthcap_shm::SlotBuffer;
use synthcap_shm::{Budget, Error, Listener, Pool, TOKEN_BYTES, Token};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::watch,
};
use tonic::metadata::MetadataMap;

use super::SharedMemoryLimits;
use crate::session::SHARED_HEADER;

/// The most clients at once; each takes little until it captures.
const MAX_CLIENTS: usize = 1024;
/// How long nobody is taken in after the system had no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// Where clients on this machine get their slots.
#[derive(Clone, Debug)]
pub(in crate::server) struct SideSocket {
    name: Arc<str>,
    clients: Arc<Clients>,
    min_image_bytes: usize,
}

#[derive(Debug, Default)]
struct Clients(Mutex<HashMap<Token, Pool>>);

impl Clients {
    fn lock(&self) -> MutexGuard<'_, HashMap<Token, Pool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SideSocket {
    /// Opens it until the server stops; `None` where the system does not have
    /// what it takes, which is no reason not to serve.
    pub(in crate::server) fn open(
        limits: SharedMemoryLimits,
        stopping: watch::Receiver<bool>,
    ) -> Option<Self> {
        let budget = Budget::of_bytes(limits.max_bytes);
        let listener = Listener::bind(budget)
            .inspect_err(|error| tracing::info!(%error, "frames go over connections only"));
        let listener = listener.ok()?;
        let opened = Self {
            name: listener.name().into(),
            clients: Arc::default(),
            min_image_bytes: limits.min_image_bytes,
        };
        let listener = watched(listener)?;
        tokio::spawn(welcome(listener, opened.clients.clone(), stopping));
        Some(opened)
    }

    /// What clients connect to.
    pub(in crate::server) fn name(&self) -> &str {
        &self.name
    }

    /// The slots of the client that opens a stream with these headers.
    pub(in crate::server) fn slots(&self, headers: &MetadataMap) -> Slots {
        let token = headers
            .get(SHARED_HEADER)
            .and_then(|value| value.to_str().ok());
        let token = token.and_then(from_hex);
        Slots {
            pool: token.and_then(|token| self.clients.lock().get(&token).cloned()),
            min_image_bytes: self.min_image_bytes,
        }
    }
}

/// What keeps the one socket that it has for as long as it lives.
trait HasSocket: AsRawFd {}
impl HasSocket for Listener {}
impl HasSocket for Pool {}

/// Lets the runtime tell when its socket can be read; `None` when the system has
/// no descriptors left.
#[allow(
    unsafe_code,
    reason = "the runtime must be promised that the socket stays"
)]
fn watched<T: HasSocket>(owner: T) -> Option<AsyncFd<T>> {
    // SAFETY: listener and pool own their socket in a field that never changes,
    // and neither gives it away.
    unsafe { AsyncFd::register_with_interest(owner, Interest::READABLE) }.ok()
}

fn from_hex(text: &str) -> Option<Token> {
    if text.len() != 2 * TOKEN_BYTES || !text.is_ascii() {
        return None;
    }
    let mut token = Token::default();
    for (i, byte) in token.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(token)
}

/// Takes clients in until the server stops.
async fn welcome(
    listener: AsyncFd<Listener>,
    clients: Arc<Clients>,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        let mut ready = tokio::select! {
            ready = listener.readable() => match ready {
                Ok(ready) => ready,
                Err(_) => return,
            },
            // Also when the server is dropped.
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        match take_in(listener.get_ref(), &clients, &stopping) {
            Ok(true) => {}
            Ok(false) => ready.clear_ready(),
            Err(error) => {
                tracing::info!(%error, "a client gets no shared memory");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Takes in the next client; whether there was one.
fn take_in(
    listener: &Listener,
    clients: &Arc<Clients>,
    stopping: &watch::Receiver<bool>,
) -> Result<bool, Error> {
    // Locked before the client has its greeting: with the token in it, its stream
    // may be here before the next line is.
    let mut open = clients.lock();
    let Some(pool) = listener.accept()? else {
        return Ok(false);
    };
    if open.len() < MAX_CLIENTS {
        open.insert(*pool.token(), pool.clone());
        tokio::spawn(watch(pool, clients.clone(), stopping.clone()));
    }
    Ok(true)
}

/// Waits until a client leaves, and takes its slots back.
async fn watch(pool: Pool, clients: Arc<Clients>, mut stopping: watch::Receiver<bool>) {
    let left = async {
        let Some(socket) = watched(pool.clone()) else {
            return;
        };
        while let Ok(mut ready) = socket.readable().await {
            if pool.client_left() {
                return;
            }
            ready.clear_ready();
        }
    };
    tokio::select! {
        () = left => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    clients.lock().remove(pool.token());
    pool.close();
}

/// The slots of one client; none when it has no shared memory.
#[derive(Clone, Debug, Default)]
pub(in crate::server) struct Slots {
    pool: Option<Pool>,
    min_image_bytes: usize,
}

impl Slots {
    /// A slot for so many bytes, to be written.
    pub(in crate::server) fn buffer(&self, bytes: usize) -> Option<SlotBuffer> {
        self.pool_for(bytes)?.buffer(bytes)
    }

    /// Slot, generation and length of bytes that are now the client's.
    pub(super) fn place_bytes(&self, bytes: &Bytes) -> Option<(u32, u64, u64)> {
        let placed = self.pool_for(bytes.len())?.place(bytes)?;
        Some((placed.slot, placed.generation, placed.length))
    }

    fn pool_for(&self, bytes: usize) -> Option<&Pool> {
        let pool = self.pool.as_ref();
        pool.filter(|_| bytes >= self.min_image_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_token_is_one() {
        assert_eq!(from_hex(&"0a".repeat(16)), Some([10; 16]));
        for text in [
            "",
            "0a",
            &"0g".repeat(16),
            &"0a".repeat(17),
            &"é".repeat(16),
        ] {
            assert_eq!(from_hex(text), None, "{text}");
        }
    }
}
