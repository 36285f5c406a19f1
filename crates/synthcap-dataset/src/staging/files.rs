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
        put_whole(&path, chunks).map_err(|e| Error::io("write", &self.shown(relative), e))
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
            let _ = fs::remove_file(self.data().join(&self.scope).join(file.path()));
        }
    }

    /// A new file that grows entry by entry.
    ///
    /// # Errors
    ///
    /// When the file system says no.
    pub fn append_to(&mut self, relative: &str) -> Result<AppendFile> {
        let path = self.place(relative)?;
        AppendFile::create(path, self.shown(relative))
    }

    /// The same with a file that is there and has so many bytes.
    pub(crate) fn append_on(&mut self, relative: &str, len_bytes: u64) -> Result<AppendFile> {
        let path = self.place(relative)?;
        let shown = self.shown(relative);
        let opened = fs::OpenOptions::new().write(true).open(&path);
        let opened = opened.and_then(|mut file| {
            file.seek(io::SeekFrom::Start(len_bytes))?;
            Ok(file)
        });
        Ok(AppendFile {
            file: opened.map_err(|e| Error::io("write", &shown, e))?,
            path,
            shown,
            len: len_bytes,
        })
    }

    /// Takes over a file that stands elsewhere, which stays as it is: by a second name
    /// for it where the file system can, else by a copy.
    pub(crate) fn adopt(&mut self, relative: &str, from: &Path) -> Result<()> {
        let path = self.place(relative)?;
        fs::hard_link(from, &path)
            .or_else(|_| fs::copy(from, &path).map(drop))
            .map_err(|e| Error::io("write", &self.shown(relative), e))
    }

    /// A new file that grows entry by entry and stands under its name only once it
    /// is whole: for a range of samples that share a file.
    ///
    /// # Errors
    ///
    /// When the file system says no.
    pub fn shard(&mut self, relative: &str) -> Result<ShardFile> {
        let path = self.place(relative)?;
        let mut temporary = path.clone().into_os_string();
        temporary.push(".tmp");
        Ok(ShardFile {
            file: AppendFile::create(temporary.into(), self.shown(relative))?,
            path,
        })
    }

    /// Where a file lies for now; its folder is made.
    fn place(&mut self, relative: &str) -> Result<PathBuf> {
        let path = self.data().join(&self.scope).join(relative);
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
    path: PathBuf,
    shown: PathBuf,
    len: u64,
}

impl AppendFile {
    fn create(path: PathBuf, shown: PathBuf) -> Result<Self> {
        let file = File::create(&path).map_err(|e| Error::io("write", &shown, e))?;
        Ok(Self {
            file,
            path,
            shown,
            len: 0,
        })
    }

    /// Adds an entry; on failure the file ends with the one before.
    ///
    /// # Errors
    ///
    /// When the file system says no.
    pub fn append(&mut self, entry: &[u8]) -> Result<()> {
        self.append_parts([entry])
    }

    /// Adds an entry that lies in several places; on failure the file ends with the
    /// entry before.
    ///
    /// # Errors
    ///
    /// When the file system says no.
    pub fn append_parts<'a>(&mut self, parts: impl IntoIterator<Item = &'a [u8]>) -> Result<()> {
        let mut len = self.len;
        for part in parts {
            if let Err(error) = self.file.write_all(part) {
                // If even shrinking fails, the error below is still the one to
                // report.
                let _ = self.truncate(self.len);
                return Err(Error::io("write", &self.shown, error));
            }
            len += part.len() as u64;
        }
        self.len = len;
        Ok(())
    }

    /// Takes back what was added after so many bytes. That needs no space.
    ///
    /// # Errors
    ///
    /// When the file system says no.
    pub fn truncate(&mut self, len_bytes: u64) -> Result<()> {
        self.file
            .set_len(len_bytes)
            .and_then(|()| self.file.seek(io::SeekFrom::Start(len_bytes)))
            .map_err(|e| Error::io("shorten", &self.shown, e))?;
        self.len = len_bytes;
        Ok(())
    }

    /// Sees to it that so many more bytes fit, where the file system can say so:
    /// what was kept free this way is there when a shard has to be ended on a full
    /// disk.
    ///
    /// # Errors
    ///
    /// When there is no room.
    pub fn reserve(&mut self, more_bytes: u64) -> Result<()> {
        reserve(&self.file, self.len, more_bytes).map_err(|e| Error::io("write", &self.shown, e))
    }

    /// Bytes so far.
    pub fn len_bytes(&self) -> u64 {
        self.len
    }

    /// Where it lies for now.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// A file of several samples in the making.
///
/// Dropping it leaves it as a crash would: under a name that no reader looks for.
#[derive(Debug)]
pub struct ShardFile {
    file: AppendFile,
    path: PathBuf,
}

impl ShardFile {
    /// The file, to add to.
    pub fn entries(&mut self) -> &mut AppendFile {
        &mut self.file
    }

    /// Puts the file under its name.
    ///
    /// # Errors
    ///
    /// When the file system says no.
    pub fn finish(self) -> Result<()> {
        let AppendFile {
            file,
            path,
            shown,
            len,
        } = self.file;
        // Gives back what was kept free and not needed.
        file.set_len(len)
            .and_then(|()| fs::rename(path, self.path))
            .map_err(|e| Error::io("write", &shown, e))
    }

    /// Throws the file away.
    pub fn discard(self) {
        let _ = fs::remove_file(self.file.path);
    }
}

#[cfg(target_os = "linux")]
pub(super) fn reserve(file: &File, from: u64, bytes: u64) -> io::Result<()> {
    use rustix::{fs::FallocateFlags, io::Errno};
    match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, from, bytes.max(1)) {
        // Some file systems cannot say. Then a full disk shows when it is written to.
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::NODEV) => Ok(()),
        reserved => reserved.map_err(io::Error::from),
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn reserve(_: &File, _: u64, _: u64) -> io::Result<()> {
    Ok(())
}

/// Writes a file that stands under its name whole or not at all. What stood there
/// before makes way only for a whole one, which has its permissions.
pub(crate) fn put_whole(path: &Path, chunks: &[&[u8]]) -> io::Result<()> {
    let mut temporary = path.to_owned().into_os_string();
    temporary.push(".tmp");
    let written = write_chunks(temporary.as_ref(), chunks)
        .and_then(|()| match fs::metadata(path) {
            Ok(there) => fs::set_permissions(&temporary, there.permissions()),
            Err(_) => Ok(()),
        })
        .and_then(|()| fs::rename(&temporary, path));
    written.inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}

fn write_chunks(path: &Path, chunks: &[&[u8]]) -> io::Result<()> {
    let mut file = File::create(path)?;
    chunks.iter().try_for_each(|chunk| file.write_all(chunk))
}
