//! The server's side of one client.
#![allow(unsafe_code, reason = "slots are memory that another process reads")]

use std::{
    fmt,
    ops::{Deref, DerefMut},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;

use crate::{
    Budget, Error, Placed, Token,
    layout::{CONTROL_BYTES, Message, PIXELS_AT, RELEASE_STRIDE},
    memory::{self, Mapping, Writers},
    slots::{Slab, Slots},
    socket::{self, Received},
};

/// The slots of one client. Cloning it is cheap and shares them.
///
/// Nothing here ever waits for the client: when no slot is free and the budget
/// allows no more, there is none to be had, and the frame goes over the ordinary
/// connection.
#[derive(Clone, Debug)]
pub struct Pool {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    socket: OwnedFd,
    token: Token,
    /// For the names of memory files, which show in `/proc`.
    name: Arc<str>,
    /// Where the client writes which generation of each slot it has done with.
    control: Mapping,
    budget: Budget,
    slots: Mutex<Slots>,
    closed: AtomicBool,
}

/// How much larger than a frame a slot may be, while there is budget for another.
const ROOMY: usize = 4;

impl Pool {
    /// Tells a client that has come in its token.
    pub(crate) fn greet(
        socket: OwnedFd,
        token: Token,
        name: Arc<str>,
        budget: Budget,
    ) -> Result<Self, Error> {
        let (control, file) = memory::create(&name, CONTROL_BYTES, Writers::All)?;
        socket::send(&socket, Message::Hello { token }, Some(file.as_fd()))?;
        Ok(Self {
            inner: Arc::new(Inner {
                socket,
                token,
                name,
                control,
                budget,
                slots: Mutex::default(),
                closed: AtomicBool::new(false),
            }),
        })
    }

    /// By which the client's real connection says that it is of this client.
    pub fn token(&self) -> &Token {
        &self.inner.token
    }

    /// Memory for a frame of this many bytes, which the client can read once it
    /// is [placed](Self::place). What it holds at first is unspecified. `None`
    /// when no slot is to be had.
    pub fn buffer(&self, bytes: usize) -> Option<SlotBuffer> {
        if bytes == 0 || self.inner.closed.load(Ordering::Acquire) {
            return None;
        }
        let mut slots = self.inner.lock();
        slots.reclaim(|number| self.inner.released(number));
        let roomy = bytes..=bytes.saturating_mul(ROOMY);
        let number = slots
            .free(roomy)
            .or_else(|| self.inner.make(&mut slots, bytes))
            .or_else(|| slots.free(bytes..=usize::MAX))?;
        let (slab, generation) = slots.begin(number)?;
        Some(SlotBuffer {
            hold: Hold {
                pool: self.inner.clone(),
                slab,
                number,
                generation,
                bytes,
            },
        })
    }

    /// Gives a frame to the client: in place when it lies in a
    /// [buffer](Self::buffer) of this pool that was not placed before, otherwise
    /// by one copy. `None` when no slot is to be had.
    ///
    /// The slot is the client's from now on, and returns when the client is done
    /// with it and the bytes here are dropped.
    pub fn place(&self, bytes: &Bytes) -> Option<Placed> {
        if let Some(placed) = self.inner.publish(bytes) {
            return Some(placed);
        }
        let mut buffer = self.buffer(bytes.len())?;
        buffer.copy_from_slice(bytes);
        self.inner.publish(&buffer.freeze())
    }

    /// Whether the client is gone, or has said what a client never says. To be
    /// asked when the file descriptor is readable; never blocks.
    pub fn client_left(&self) -> bool {
        // An error is no reason to wait for another.
        !matches!(socket::receive(&self.inner.socket), Ok(Received::Nothing))
    }

    /// Frees every slot: those that are still being written as soon as that ends.
    /// From now on there are none to be had.
    pub fn close(&self) {
        self.inner.closed.store(true, Ordering::Release);
        self.inner.lock().clear();
    }
}

impl AsFd for Pool {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.socket.as_fd()
    }
}

impl AsRawFd for Pool {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.socket.as_raw_fd()
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last generation of a slot that the client says it has done with.
    fn released(&self, number: usize) -> u64 {
        let word = self.control.word(number * RELEASE_STRIDE);
        word.load(Ordering::Acquire)
    }

    /// Makes a slot, at the expense of free ones if need be.
    fn make(&self, slots: &mut Slots, bytes: usize) -> Option<usize> {
        let total = bytes
            .checked_next_multiple_of(PIXELS_AT)?
            .checked_add(PIXELS_AT)?;
        let (number, share) = loop {
            if let Some(share) = self.budget.take(total as u64)
                && let Some(number) = slots.unused()
            {
                break (number, share);
            }
            if let Some(large) = slots.free(bytes..=usize::MAX) {
                return Some(large);
            }
            let spare = slots.free(0..=usize::MAX)?;
            let message = Message::Retire { slot: spare as u32 };
            socket::send(&self.socket, message, None).ok()?;
            slots.retire(spare);
        };
        let (memory, file) = memory::create(&self.name, total, Writers::None).ok()?;
        let slab = Slab::new(number as u32, memory, share);
        let message = Message::Slot {
            slot: number as u32,
            capacity: (total - PIXELS_AT) as u64,
        };
        socket::send(&self.socket, message, Some(file.as_fd())).ok()?;
        slots.install(number, slab);
        Some(number)
    }

    fn publish(&self, bytes: &Bytes) -> Option<Placed> {
        let mut slots = self.lock();
        let number = slots.holding(bytes)?;
        slots.publish(number, bytes.len())
    }
}

/// This process's hold on a slot.
struct Hold {
    pool: Arc<Inner>,
    slab: Arc<Slab>,
    number: usize,
    generation: u64,
    bytes: usize,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.pool.lock().let_go(self.number, self.generation);
    }
}

impl AsRef<[u8]> for Hold {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: while the hold lives, only its `SlotBuffer` writes here, and
        // that is borrowed or gone.
        unsafe { self.slab.memory().slice(PIXELS_AT, self.bytes) }
    }
}

/// A slot that is being written. It is aligned for any kind of pixel.
///
/// Dropped without being placed, it is free again.
pub struct SlotBuffer {
    hold: Hold,
}

impl SlotBuffer {
    /// The written bytes, to be [placed](Pool::place) or used in any other way.
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self.hold)
    }
}

impl Deref for SlotBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.hold.as_ref()
    }
}

impl DerefMut for SlotBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: the slot is this buffer's alone: no other hold on it exists,
        // and the client has said that it is done with it.
        unsafe {
            let memory = self.hold.slab.memory();
            memory.slice_mut(PIXELS_AT, self.hold.bytes)
        }
    }
}

impl fmt::Debug for SlotBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Hold { number, bytes, .. } = &self.hold;
        write!(f, "SlotBuffer of {bytes} bytes in slot {number}")
    }
}
