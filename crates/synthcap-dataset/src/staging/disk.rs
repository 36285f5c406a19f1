//! Brings what was written to the disk: before the set counts as safe, and little by
//! little before that, so that the wait at the end is short.

#[cfg(not(target_os = "linux"))]
use std::io;
use std::path::Path;

use crate::{Error, Result};

/// The file system under a set.
#[derive(Debug)]
pub(super) struct Disk {
    #[cfg(target_os = "linux")]
    whole: whole::FileSystem,
}

#[cfg(target_os = "linux")]
impl Disk {
    /// Of a folder, before anything is written there.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let opened = whole::FileSystem::open(folder);
        Ok(Self {
            whole: opened.map_err(|e| Error::io("open the folder", folder, e))?,
        })
    }

    /// Waits until everything is on the disk.
    pub(super) fn flush(&self, data: &Path) -> Result<()> {
        let flushed = self.whole.flush();
        flushed.map_err(|e| Error::io("flush", data, e))
    }

    /// So many more bytes were written. Sends them on their way once they are many.
    pub(super) fn wrote(&mut self, bytes: u64) {
        self.whole.wrote(bytes);
    }

    /// Sends everything on its way.
    pub(super) fn send(&mut self) {
        self.whole.send();
    }

    /// Waits for what is on its way. Nothing holds the file system after that.
    pub(super) fn end(&mut self) {
        self.whole.end();
    }
}

#[cfg(not(target_os = "linux"))]
impl Disk {
    pub(super) fn open(_: &Path) -> Result<Self> {
        Ok(Self {})
    }

    /// Brings the files right under a folder to the disk: the manifest and the index,
    /// whose hashes tell whether the others are whole.
    pub(super) fn flush(&self, data: &Path) -> Result<()> {
        let flush = |entry: io::Result<std::fs::DirEntry>| {
            let path = entry?.path();
            if path.is_file() {
                let file = std::fs::OpenOptions::new().append(true).open(path)?;
                file.sync_all()?;
            }
            Ok(())
        };
        let flushed = std::fs::read_dir(data).and_then(|mut entries| entries.try_for_each(flush));
        flushed.map_err(|e| Error::io("flush", data, e))
    }

    pub(super) fn wrote(&mut self, _: u64) {}

    pub(super) fn send(&mut self) {}

    pub(super) fn end(&mut self) {}
}

#[cfg(target_os = "linux")]
mod whole {
    use std::{
        fs::File,
        io,
        path::Path,
        sync::mpsc::{self, SyncSender},
        thread::{self, JoinHandle},
    };

    /// Bytes that are sent on their way at once. Each time costs the file system an
    /// entry in its journal, so they are not few.
    const STEP_BYTES: u64 = 32 << 20;

    /// A file system that is flushed as a whole: a sync of each of a hundred thousand
    /// files would take longer than writing them.
    #[derive(Debug)]
    pub(super) struct FileSystem {
        /// Linux tells each open file once of every write that failed since it was
        /// opened. This one is for who asks whether all went well; the thread has its
        /// own, so that it takes no failure away.
        asked: File,
        thread: Option<(SyncSender<()>, JoinHandle<()>)>,
        ahead: Option<File>,
        waiting_bytes: u64,
    }

    impl FileSystem {
        pub(super) fn open(folder: &Path) -> io::Result<Self> {
            Ok(Self {
                asked: File::open(folder)?,
                ahead: Some(File::open(folder)?),
                thread: None,
                waiting_bytes: 0,
            })
        }

        pub(super) fn flush(&self) -> io::Result<()> {
            rustix::fs::syncfs(&self.asked).map_err(io::Error::from)
        }

        pub(super) fn wrote(&mut self, bytes: u64) {
            self.waiting_bytes += bytes;
            if self.waiting_bytes >= STEP_BYTES {
                self.send();
            }
        }

        pub(super) fn send(&mut self) {
            if let Some(file) = self.ahead.take() {
                self.thread = Some(flushing(file));
            }
            // Fails while the thread is at it; then it is asked again after more bytes.
            let thread = self.thread.as_ref();
            if thread.is_some_and(|(wake, _)| wake.try_send(()).is_ok()) {
                self.waiting_bytes = 0;
            }
        }

        pub(super) fn end(&mut self) {
            if let Some((wake, thread)) = self.thread.take() {
                drop(wake);
                // Whatever became of it: the flush that is asked for comes after it.
                let _ = thread.join();
            }
        }
    }

    /// A thread that flushes each time it is woken.
    fn flushing(file: File) -> (SyncSender<()>, JoinHandle<()>) {
        let (wake, woken) = mpsc::sync_channel(1);
        let thread = thread::spawn(move || {
            while woken.recv().is_ok() {
                // A failure shows when somebody asks.
                let _ = rustix::fs::syncfs(&file);
            }
        });
        (wake, thread)
    }
}
