//! Memory files and their mappings: the one place where memory is not Rust's
//! own.
#![allow(
    unsafe_code,
    reason = "memory that two processes share has no safe type"
)]

use std::{
    fmt,
    os::fd::{AsFd, OwnedFd},
    ptr::NonNull,
    sync::atomic::AtomicU64,
};

use rustix::{
    fs::{FallocateFlags, MemfdFlags, SealFlags},
    mm::{MapFlags, ProtFlags},
};

use crate::error::{Doing, Error};

/// Who besides its maker may write to a memory file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writers {
    /// Nobody: from now on it can only be mapped for reading.
    None,
    /// Whoever has it.
    All,
}

/// A new memory file of a fixed size, mapped for writing, and the file to pass on.
/// All of its memory is there, so that touching it cannot fail later.
pub(crate) fn create(
    name: &str,
    bytes: usize,
    writers: Writers,
) -> Result<(Mapping, OwnedFd), Error> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels before 6.3 do not know that memory may be marked as never a program.
    let file = rustix::fs::memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL)
        .or_else(|_| rustix::fs::memfd_create(name, flags))
        .doing("make a memory file")?;
    rustix::fs::ftruncate(&file, bytes as u64).doing("set the size of a memory file")?;
    rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes as u64)
        .doing("get the memory of a memory file")?;
    let mapping = Mapping::of(&file, bytes, ProtFlags::READ | ProtFlags::WRITE)?;
    let mut seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    if writers == Writers::None {
        seals |= SealFlags::FUTURE_WRITE;
    }
    rustix::fs::fcntl_add_seals(&file, seals).doing("seal a memory file")?;
    Ok((mapping, file))
}

/// Maps a memory file that another process made, after looking at what it is.
pub(crate) fn open(file: impl AsFd, bytes: usize, writers: Writers) -> Result<Mapping, Error> {
    // Only a memory file has seals, so this also tells what it is.
    let seals = rustix::fs::fcntl_get_seals(&file).doing("read the seals of a file")?;
    let mut needed = SealFlags::SHRINK | SealFlags::SEAL;
    let mut access = ProtFlags::READ | ProtFlags::WRITE;
    if writers == Writers::None {
        needed |= SealFlags::FUTURE_WRITE;
        access = ProtFlags::READ;
    }
    if !seals.contains(needed) {
        return Err(Error::peer("the server's memory is not sealed"));
    }
    let stat = rustix::fs::fstat(&file).doing("read the size of a file")?;
    if u64::try_from(stat.st_size).is_ok_and(|size| size >= bytes as u64) {
        return Mapping::of(file, bytes, access);
    }
    Err(Error::peer("the server's memory is smaller than it says"))
}

/// Memory that other processes may have too. Unmapped when dropped.
pub(crate) struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the memory stays where it is until the drop, and every access says for
// itself how it is kept apart from others (atomics, or the slot's life cycle).
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn of(file: impl AsFd, bytes: usize, access: ProtFlags) -> Result<Self, Error> {
        if bytes == 0 || isize::try_from(bytes).is_err() {
            return Err(Error::peer("a memory file of an impossible size"));
        }
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: the system chooses the address, so no memory of ours is replaced.
        let start =
            unsafe { rustix::mm::mmap(std::ptr::null_mut(), bytes, access, flags, file, 0) };
        let start = start.doing("map a memory file")?;
        let start = NonNull::new(start.cast()).ok_or_else(|| Error::peer("mapped at address 0"))?;
        Ok(Self { start, bytes })
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    /// The address of a byte.
    pub(crate) fn at(&self, offset: usize) -> *mut u8 {
        assert!(offset < self.bytes, "offset within the mapping");
        // SAFETY: within the mapping, as just checked.
        unsafe { self.start.as_ptr().add(offset) }
    }

    /// A word that both sides use.
    pub(crate) fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(
            offset.is_multiple_of(8) && offset + 8 <= self.bytes,
            "an aligned word within the mapping"
        );
        // SAFETY: in bounds, and aligned because mappings begin at a page. Every
        // bit pattern is a number, and all accesses to words are atomic. On a
        // mapping for reading only loads are made.
        unsafe { AtomicU64::from_ptr(self.at(offset).cast()) }
    }

    /// Bytes for reading.
    ///
    /// # Safety
    ///
    /// Nobody writes to them while the slice lives: the slot's life cycle says so.
    pub(crate) unsafe fn slice(&self, offset: usize, bytes: usize) -> &[u8] {
        let start = self.range(offset, bytes);
        // SAFETY: in bounds; the rest is the caller's promise.
        unsafe { std::slice::from_raw_parts(start, bytes) }
    }

    /// Bytes for writing.
    ///
    /// # Safety
    ///
    /// The mapping is for writing, and nobody else reads or writes these bytes
    /// while the slice lives.
    #[expect(clippy::mut_from_ref, reason = "the memory is shared by its nature")]
    pub(crate) unsafe fn slice_mut(&self, offset: usize, bytes: usize) -> &mut [u8] {
        let start = self.range(offset, bytes);
        // SAFETY: in bounds; the rest is the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(start, bytes) }
    }

    fn range(&self, offset: usize, bytes: usize) -> *mut u8 {
        let end = offset.checked_add(bytes);
        assert!(end.is_some_and(|end| end <= self.bytes), "in bounds");
        // SAFETY: within the mapping or at its end, as just checked.
        unsafe { self.start.as_ptr().add(offset) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by us with this length, and nothing borrows it any more.
        // It can only fail for an address that is none of ours.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mapping of {} bytes", self.bytes)
    }
}
