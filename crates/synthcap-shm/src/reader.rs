//! The client's side.
#![allow(unsafe_code, reason = "slots are memory that another process writes")]

use std::{
    fmt,
    ops::Deref,
    os::fd::OwnedFd,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{
    Error, MAX_SLOTS, NAME_PREFIX, Placed, Token,
    layout::{
        CONTROL_BYTES, LENGTH_AT, Message, PIXELS_AT, Phase, RELEASE_STRIDE, STATE_AT, state,
    },
    memory::{self, Mapping, Writers},
    socket::{self, Received},
};

/// What a client reads a server's slots with. Dropping it tells the server that
/// the client is gone; leases stay good.
#[derive(Debug)]
pub struct Reader {
    socket: OwnedFd,
    token: Token,
    control: Arc<Mapping>,
    /// By number; as many as the server has announced.
    slots: Vec<Option<Slot>>,
}

#[derive(Debug)]
struct Slot {
    memory: Arc<Mapping>,
    /// The last generation leased; each is leased once.
    leased: u64,
}

impl Reader {
    /// Connects to a server's side socket and waits for its greeting, at most
    /// this long. Blocks.
    ///
    /// # Errors
    ///
    /// When the name is not of a side socket, nothing listens there (another
    /// machine or container does), or the listener is of another user.
    pub fn connect(name: &str, limit: Duration) -> Result<Self, Error> {
        if !name.starts_with(NAME_PREFIX) {
            return Err(Error::peer(format!(
                "{name:?} is no name of a side socket; they begin with {NAME_PREFIX:?}"
            )));
        }
        let socket = socket::connect(name)?;
        socket::check_user(&socket)?;
        let until = Instant::now() + limit;
        loop {
            match socket::receive(&socket)? {
                Received::Message(Message::Hello { token }, Some(file)) => {
                    let control = memory::open(file, CONTROL_BYTES, Writers::All)?;
                    return Ok(Self {
                        socket,
                        token,
                        control: Arc::new(control),
                        slots: Vec::new(),
                    });
                }
                Received::Message(..) => {
                    return Err(Error::peer("the server does not begin with a greeting"));
                }
                Received::End => {
                    return Err(Error::peer("the server closed the side socket at once"));
                }
                Received::Nothing => {}
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || !socket::wait(&socket, left)? {
                return Err(Error::peer(format!("no greeting within {limit:?}")));
            }
        }
    }

    /// What to name on the real connection.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// Takes a frame that the server says it has placed. Every one must be taken,
    /// wanted or not: only a lease that is dropped gives its slot back.
    ///
    /// # Errors
    ///
    /// When it is not there: taken before, overwritten, or never placed. The
    /// server does not keep the protocol then.
    pub fn lease(&mut self, placed: Placed) -> Result<Lease, Error> {
        // The server announces memory before it names it, so whatever is new, under
        // a new number or a known one, is in the socket already.
        let slot = match self.find(placed) {
            Ok(slot) => slot,
            Err(_) => {
                self.read_announcements()?;
                self.find(placed)?
            }
        };
        slot.leased = placed.generation;
        let memory = slot.memory.clone();
        // It was compared with the size of the memory, which is in the address space.
        let bytes = placed.length as usize;
        Ok(Lease {
            memory,
            control: self.control.clone(),
            placed,
            bytes,
        })
    }

    /// The slot of a frame that is there and was not taken yet.
    fn find(&mut self, placed: Placed) -> Result<&mut Slot, Error> {
        let slot = self.slots.get_mut(placed.slot as usize);
        let slot = slot.and_then(Option::as_mut);
        let slot = slot.filter(|slot| slot.leased < placed.generation);
        let slot = slot.ok_or_else(|| absent(placed, "is not there"))?;
        let ready = state(placed.generation, Phase::Ready);
        if slot.memory.word(STATE_AT).load(Ordering::Acquire) != ready {
            return Err(absent(placed, "holds something else"));
        }
        let stated = slot.memory.word(LENGTH_AT).load(Ordering::Relaxed);
        let room = (slot.memory.len() - PIXELS_AT) as u64;
        if stated != placed.length || placed.length > room {
            return Err(absent(placed, "is of another length"));
        }
        Ok(slot)
    }

    fn read_announcements(&mut self) -> Result<(), Error> {
        loop {
            match socket::receive(&self.socket)? {
                Received::Message(Message::Slot { slot, capacity }, Some(file)) => {
                    let bytes = usize::try_from(capacity).ok();
                    let bytes = bytes.and_then(|bytes| bytes.checked_add(PIXELS_AT));
                    let bytes =
                        bytes.ok_or_else(|| Error::peer("a slot larger than all memory"))?;
                    let memory = Arc::new(memory::open(file, bytes, Writers::None)?);
                    *self.entry(slot) = Some(Slot { memory, leased: 0 });
                }
                Received::Message(Message::Retire { slot }, _) => *self.entry(slot) = None,
                Received::Message(..) => {
                    return Err(Error::peer("the server announced a slot without memory"));
                }
                // The real connection reports the end of the server.
                Received::Nothing | Received::End => return Ok(()),
            }
        }
    }

    fn entry(&mut self, slot: u32) -> &mut Option<Slot> {
        // Numbers were checked when the message was read.
        let number = slot.min(MAX_SLOTS - 1) as usize;
        if self.slots.len() <= number {
            self.slots.resize_with(number + 1, || None);
        }
        &mut self.slots[number]
    }
}

fn absent(placed: Placed, why: &str) -> Error {
    let Placed {
        slot, generation, ..
    } = placed;
    Error::peer(format!("slot {slot} in generation {generation} {why}"))
}

/// A frame, read where the server wrote it. Dropping it gives the slot back.
pub struct Lease {
    memory: Arc<Mapping>,
    control: Arc<Mapping>,
    placed: Placed,
    bytes: usize,
}

impl Lease {
    /// Where it lies.
    pub fn placed(&self) -> Placed {
        self.placed
    }

    /// Whether the server has left the slot alone so far, as it must.
    pub fn is_intact(&self) -> bool {
        let ready = state(self.placed.generation, Phase::Ready);
        self.memory.word(STATE_AT).load(Ordering::Acquire) == ready
    }
}

impl Deref for Lease {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: from `place` to the drop of this lease the server does not
        // write to the slot. That is its word; the memory is mapped and stays so
        // whatever it does, for it is sealed against shrinking.
        unsafe { self.memory.slice(PIXELS_AT, self.bytes) }
    }
}

impl AsRef<[u8]> for Lease {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<Lease> for Bytes {
    fn from(lease: Lease) -> Self {
        Self::from_owner(lease)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let at = self.placed.slot as usize * RELEASE_STRIDE;
        // After the last read, before the server's next write.
        let word = self.control.word(at);
        word.store(self.placed.generation, Ordering::Release);
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease of {} bytes at {:?}", self.bytes, self.placed)
    }
}
