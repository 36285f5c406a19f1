//! Files in the making.

use std::{
    fs::{self, File},
    io::{self, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use super::Staging;
use crate::{EncodedFile, Error, Result};

impl Staging {
    /// Writes a file under a path relative to the output folder, with `/` between
    /// its parts. It stands there whole or not at all.
    ///
    /// # Errors
    ///
    /// When the file system says no; the error names the final path.
    pub fn write(&mut self, relative: &str, chunks: &[&[u8]]) -> Result<()> {
        let path = self.place(relative)?;
        let mut temporary = path.clone().into_os_string();
        temporary.push(".tmp");
        let written =
            write_chunks(temporary.as_ref(), chunks).and_then(|()| fs::rename(&temporary, &path));
        written.map_err(|e| {
            let _ = fs::remove_file(&temporary);
            Error::io("write", &self.shown(relative), e)
        })
    }

    /// Writes all files, or none of them.
    ///
    /// # Errors
    ///
    /// When the file system says no.
    pub fn write_all(&mut self, files: &[EncodedFile]) -> Result<()> {
        for (i, file) in files.iter().enumerate() {
            if let Err(error) = self.write(file.path(), &file.chunks()) {
                self.remove_all(&files[..i]);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes files away again, for a sample that could not be written as a whole.
    /// Failures are passed over: the caller has one to report already.
    pub fn remove_all(&mut self, files: &[EncodedFile]) {
        for file in files {
            let _ = fs::remove_file(self.data().join(file.path()));
        }
    }

    /// A new file that grows entry by entry.
    ///
    /// # Errors
    ///
    /// When the file system says no.
    pub fn append_to(&mut self, relative: &str) -> Result<AppendFile> {
        let path = self.place(relative)?;
        let shown = self.shown(relative);
        let file = File::create(&path).map_err(|e| Error::io("write", &shown, e))?;
        Ok(AppendFile {
            file,
            shown,
            len: 0,
        })
    }

    /// Where a file lies for now; its folder is made.
    fn place(&mut self, relative: &str) -> Result<PathBuf> {
        let path = self.data().join(relative);
        if let Some(folder) = path.parent()
            && !self.known_folders.contains(folder)
        {
            fs::create_dir_all(folder).map_err(|e| Error::io("make the folder", folder, e))?;
            self.known_folders.insert(folder.to_owned());
        }
        Ok(path)
    }
}

/// A file that grows by whole entries.
#[derive(Debug)]
pub struct AppendFile {
    file: File,
    shown: PathBuf,
    len: u64,
}

impl AppendFile {
    /// Adds an entry; on failure the file ends with the one before.
    ///
    /// # Errors
    ///
    /// When the file system says no.
    pub fn append(&mut self, entry: &[u8]) -> Result<()> {
        if let Err(error) = self.file.write_all(entry) {
            // Shrinking needs no space. If even that fails, the error below is
            // still the one to report.
            let _ = self.file.set_len(self.len);
            let _ = self.file.seek(io::SeekFrom::Start(self.len));
            return Err(Error::io("write", &self.shown, error));
        }
        self.len += entry.len() as u64;
        Ok(())
    }

    /// Bytes so far.
    pub fn len_bytes(&self) -> u64 {
        self.len
    }
}

fn write_chunks(path: &Path, chunks: &[&[u8]]) -> io::Result<()> {
    let mut file = File::create(path)?;
    chunks.iter().try_for_each(|chunk| file.write_all(chunk))
}

/// Brings everything under a folder to the disk.
#[cfg(target_os = "linux")]
pub(super) fn flush(folder: &Path) -> Result<()> {
    // One call for the whole file system: a sync of each of a hundred thousand
    // files would take longer than writing them.
    let flushed = File::open(folder).and_then(|f| rustix::fs::syncfs(&f).map_err(io::Error::from));
    flushed.map_err(|e| Error::io("flush", folder, e))
}

/// Brings the files right under a folder to the disk: the manifest and the index,
/// whose hashes tell whether the others are whole.
#[cfg(not(target_os = "linux"))]
pub(super) fn flush(folder: &Path) -> Result<()> {
    let flush = |entry: io::Result<fs::DirEntry>| {
        let path = entry?.path();
        if path.is_file() {
            fs::OpenOptions::new().append(true).open(path)?.sync_all()?;
        }
        Ok(())
    };
    let flushed = fs::read_dir(folder).and_then(|mut entries| entries.try_for_each(flush));
    flushed.map_err(|e| Error::io("flush", folder, e))
}
