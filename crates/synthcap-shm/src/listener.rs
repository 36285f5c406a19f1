//! Where clients of a server's shared memory come in.

use std::{
    fmt::Write as _,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    sync::Arc,
};

use rustix::rand::GetRandomFlags;

use crate::{Budget, Error, NAME_PREFIX, Pool, Token, error::Doing, socket};

/// A side socket that accepts clients of the same user. Nothing of it stays when
/// it is dropped or its process dies.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    name: Arc<str>,
    budget: Budget,
}

impl Listener {
    /// Listens under a new, random name. All clients share the budget.
    ///
    /// # Errors
    ///
    /// When the system has no abstract Unix sockets or no more file descriptors.
    pub fn bind(budget: Budget) -> Result<Self, Error> {
        let mut name = NAME_PREFIX.to_owned();
        for byte in random::<8>()? {
            // Writing to a string cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        Ok(Self {
            socket: socket::listen(&name)?,
            name: name.into(),
            budget,
        })
    }

    /// What clients connect to: a name in the abstract name space, without the
    /// leading zero byte.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes the next client in, and greets it; `None` when none waits. Never
    /// blocks: wait until the file descriptor is readable.
    ///
    /// # Errors
    ///
    /// When the client is of another user, or the system refuses; the next client
    /// may still be fine.
    pub fn accept(&self) -> Result<Option<Pool>, Error> {
        let Some(client) = socket::accept(&self.socket)? else {
            return Ok(None);
        };
        socket::check_user(&client)?;
        let token: Token = random()?;
        Pool::greet(client, token, self.name.clone(), self.budget.clone()).map(Some)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Random bytes that nobody can guess.
fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    // So few bytes are never cut short.
    rustix::rand::getrandom(&mut bytes, GetRandomFlags::empty()).doing("get random bytes")?;
    Ok(bytes)
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
