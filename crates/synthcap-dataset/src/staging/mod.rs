//! The output folder: nothing half-written ever stands under a final name.
//!
//! While a set is being made, everything lies in [`PARTIAL`] inside the output
//! folder, on the same file system wherever that folder is mounted:
//!
//! ```text
//! demo/.synthcap-partial/lock        held by the one writer
//!                        reserve     space kept for the manifest on a full disk
//!                        data/       the set so far
//!                        replaced/   the old set, while a new one takes its place
//!                        commit.json what is being moved, while it is moved
//!                        journal     how far the set is safe, for whoever resumes it
//!                        thumbs/     small pictures of samples, for the preview
//! ```
//!
//! At the end each entry of `data` is renamed into the output folder, the manifest
//! last. A crash while doing so is made good by the next writer that opens the
//! folder, since the list of what moves is written first.

mod commit;
mod disk;
mod files;
mod resume;

use std::{
    collections::HashSet,
    ffi::OsString,
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

pub(crate) use files::put_whole;
pub use files::{AppendFile, ShardFile};

use self::disk::Disk;
use crate::{Error, ErrorKind, Result, journal, manifest};

/// Where a set lies until it is finished.
pub(crate) const PARTIAL: &str = ".synthcap-partial";

/// Where small pictures are kept.
pub(crate) const THUMBS: &str = "thumbs";

/// Enough for a manifest with a few thousand classes.
const RESERVE_BYTES: usize = 256 * 1024;

/// What to do with an output folder that holds something already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// Leave it alone and say so.
    #[default]
    Refuse,
    /// Put the new set in the place of the old one once the new one is complete.
    /// Only data sets of this crate are ever replaced; a folder with anything
    /// else in it is refused. What an interrupted capture left is thrown away.
    Replace,
    /// Go on with what an interrupted run of the same job left, or begin when there
    /// is nothing. Anything else is refused as by [`Refuse`](Self::Refuse).
    Resume,
}

/// The output folder of one data set while it is being made.
#[derive(Debug)]
pub struct Staging {
    root: PathBuf,
    partial: PathBuf,
    /// Names in the output folder that make up the set to be replaced.
    old: Vec<String>,
    /// Whether the journal and the small pictures outlive an incomplete set.
    keeps_journal: bool,
    made_root: bool,
    /// The folder of the format at work, relative to the set.
    scope: PathBuf,
    known_folders: HashSet<PathBuf>,
    /// Space kept for the end, beyond what is always kept.
    kept_free: u64,
    disk: Disk,
    /// Other writers stay out as long as this is open.
    _lock: File,
}

impl Staging {
    /// Opens an output folder, making it if need be.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::OutputExists`] when it holds something and `existing` is
    /// [`Existing::Refuse`]; [`ErrorKind::NotADataset`] when what it holds is not
    /// to be replaced; [`ErrorKind::InUse`] when another writer has it open;
    /// [`ErrorKind::Unwritable`], [`ErrorKind::DiskFull`] or [`ErrorKind::Io`]
    /// when the file system says no.
    pub fn open(root: impl Into<PathBuf>, existing: Existing) -> Result<Self> {
        let root = root.into();
        let partial = root.join(PARTIAL);
        let made_root = !root.exists();
        no_file(&root)?;
        if !partial.exists() {
            replaceable(&root, existing)?;
        }
        fs::create_dir_all(&partial)
            .map_err(|e| Error::io("make or write the folder", &root, e))?;
        let lock = lock(&root, &partial)?;
        // From here on nobody else changes the folder.
        commit::resume(&root, &partial)?;
        if resume::is_reopening(&partial) || existing == Existing::Resume && ends_early(&root) {
            resume::reopen(&root, &partial)?;
        }
        let old = match replaceable(&root, existing) {
            Ok(old) => old,
            Err(error) => {
                // Leave no trace in a folder that is not ours.
                discard_if_unused(&partial);
                return Err(error);
            }
        };
        not_interrupted(&root, existing)?;
        let data = partial.join("data");
        if existing != Existing::Resume {
            clear(&data)?;
            clear(&partial.join(THUMBS))?;
            let _ = fs::remove_file(partial.join(journal::FILE_NAME));
        }
        fs::create_dir_all(&data).map_err(|e| Error::io("make the folder", &data, e))?;
        let disk = Disk::open(&partial)?;
        let staging = Self {
            root,
            partial,
            old,
            made_root,
            keeps_journal: false,
            scope: PathBuf::new(),
            known_folders: HashSet::new(),
            kept_free: 0,
            disk,
            _lock: lock,
        };
        match staging.reserve() {
            Ok(()) => Ok(staging),
            Err(error) => {
                // The first failure is the one to report.
                let _ = staging.discard();
                Err(error)
            }
        }
    }

    /// Whether [`open`](Self::open) would take this folder, as far as that can be
    /// told without writing anything: to be known before a long preparation.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::OutputExists`] and [`ErrorKind::NotADataset`] as `open`.
    pub fn check(root: impl AsRef<Path>, existing: Existing) -> Result<()> {
        let root = root.as_ref();
        no_file(root)?;
        replaceable(root, existing)?;
        not_interrupted(root, existing)
    }

    /// Removes what is left of the making of a set that stands in its place, whose
    /// writer was ended before it had cleared up. A part of another set that is to
    /// replace it stays, as does everything while another writer is there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unwritable`] or [`ErrorKind::Io`] when the file system says no.
    pub fn clear_up(root: impl AsRef<Path>) -> Result<()> {
        let root = root.as_ref();
        let partial = root.join(PARTIAL);
        if !partial.exists() {
            return Ok(());
        }
        let _lock = match lock(root, &partial) {
            Ok(lock) => lock,
            Err(error) if error.kind() == ErrorKind::InUse => return Ok(()),
            Err(error) => return Err(error),
        };
        let data = partial.join("data");
        if data.join(manifest::FILE_NAME).exists() {
            // Another set was about to take the place of the one that stands there.
            return commit::undo(root, &partial);
        }
        commit::resume(root, &partial)?;
        match entries(&data)?.is_empty() {
            true => clear(&partial),
            false => Ok(()),
        }
    }

    /// The output folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn data(&self) -> PathBuf {
        self.partial.join("data")
    }

    /// Where the set is made.
    pub(crate) fn partial(&self) -> &Path {
        &self.partial
    }

    /// Where small pictures are kept for the preview of a set that is resumed or put
    /// together.
    pub(crate) fn thumbs(&self) -> PathBuf {
        self.partial.join(THUMBS)
    }

    /// The journal and the small pictures outlive an incomplete set from now on.
    pub(crate) fn keep_journal(&mut self) -> Result<()> {
        self.keeps_journal = true;
        let thumbs = self.thumbs();
        fs::create_dir_all(&thumbs).map_err(|e| Error::io("make the folder", &thumbs, e))
    }

    /// Brings what was written to the disk.
    pub(crate) fn flush(&self) -> Result<()> {
        self.disk.flush(&self.data())
    }

    /// So many bytes more were written, whichever files they are in. They go to the
    /// disk while others are written.
    pub(crate) fn wrote(&mut self, bytes: u64) {
        self.disk.wrote(bytes);
    }

    /// Sends what was written to the disk, without waiting for it.
    pub(crate) fn send(&mut self) {
        self.disk.send();
    }

    fn reserve(&self) -> Result<()> {
        let path = self.partial.join("reserve");
        let zeros = vec![0_u8; RESERVE_BYTES];
        // Written, not just sized: a sparse file reserves nothing.
        let written = File::create(&path).and_then(|mut file| file.write_all(&zeros));
        written.map_err(|e| {
            let error = Error::io("write", &path, e);
            let _ = fs::remove_file(&path);
            error
        })
    }

    /// Keeps so many more bytes for the end, where the file system can do that.
    pub(crate) fn keep_free(&mut self, more_bytes: u64) -> Result<()> {
        if more_bytes == 0 {
            return Ok(());
        }
        let path = self.partial.join("reserve");
        let from = RESERVE_BYTES as u64 + self.kept_free;
        fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .and_then(|file| files::reserve(&file, from, more_bytes))
            .map_err(|e| Error::io("write", &self.root, e))?;
        self.kept_free += more_bytes;
        Ok(())
    }

    /// Gives back the space kept for the end.
    pub(crate) fn release_reserve(&self) {
        let _ = fs::remove_file(self.partial.join("reserve"));
    }

    /// The path that errors name: where the file will stand at the end.
    fn shown(&self, relative: &str) -> PathBuf {
        self.root.join(&self.scope).join(relative)
    }

    /// Does some work with paths relative to a folder of the set.
    pub(crate) fn inside<R>(&mut self, folder: &str, work: impl FnOnce(&mut Self) -> R) -> R {
        let outer = self.scope.clone();
        self.scope.push(folder);
        let done = work(self);
        self.scope = outer;
        done
    }

    /// Throws away what was written. The old set, if there is one, stays.
    pub(crate) fn discard(mut self) -> Result<()> {
        self.disk.end();
        clear(&self.partial)?;
        if self.made_root {
            let removed = fs::remove_dir(&self.root);
            removed.map_err(|e| Error::io("remove", &self.root, e))?;
        }
        Ok(())
    }

    /// The names in the folder at work so far.
    pub(crate) fn entries(&self) -> Result<Vec<String>> {
        let names = entries(&self.data().join(&self.scope))?;
        Ok(names
            .iter()
            .map(|name| name.to_string_lossy().into_owned())
            .collect())
    }

    /// Puts the set in its place and says where that is. An incomplete one does not replace a set that
    /// stood there before: it stays beside it, valid in itself.
    /// The journal of one that is not the whole set stays with it.
    pub(crate) fn finish(mut self, complete: bool, whole: bool) -> Result<PathBuf> {
        self.release_reserve();
        self.disk.end();
        if !complete && !self.old.is_empty() {
            return Ok(self.data());
        }
        self.flush()?;
        commit::run(&self.root, &self.partial, &self.old)?;
        if whole || !self.keeps_journal {
            clear(&self.partial)?;
        }
        Ok(self.root)
    }
}

fn no_file(root: &Path) -> Result<()> {
    if !root.is_file() {
        return Ok(());
    }
    Err(Error::at(
        ErrorKind::OutputExists,
        root,
        format!("{} is a file, not a folder", root.display()),
        "choose another folder",
    ))
}

/// Whether the folder is free of samples that an interrupted run has left, or they
/// may go.
fn not_interrupted(root: &Path, existing: Existing) -> Result<()> {
    let data = root.join(PARTIAL).join("data");
    let may_stay = existing == Existing::Resume && has_journal(root);
    if existing == Existing::Replace || may_stay || entries(&data)?.is_empty() {
        return Ok(());
    }
    Err(Error::at(
        ErrorKind::OutputExists,
        root,
        format!("{} holds what an interrupted run left", root.display()),
        "choose another folder, resume that run, or overwrite it",
    ))
}

/// Whether somebody has kept a journal in this output folder.
fn has_journal(root: &Path) -> bool {
    root.join(PARTIAL).join(journal::FILE_NAME).exists()
}

/// Whether the set that stands in an output folder is an incomplete one that its
/// journal can go on with.
fn ends_early(root: &Path) -> bool {
    let staged = entries(&root.join(PARTIAL).join("data"));
    has_journal(root)
        && staged.is_ok_and(|names| names.is_empty())
        && manifest::entries_of(root).is_some()
}

fn lock(root: &Path, partial: &Path) -> Result<File> {
    let path = partial.join("lock");
    let file = File::create(&path).map_err(|e| Error::io("write", &path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::at(
            ErrorKind::InUse,
            root,
            format!("another capture is writing to {}", root.display()),
            "wait for it to end, or choose another folder",
        )),
        Err(TryLockError::Error(e)) => Err(Error::io("lock", &path, e)),
    }
}

/// The entries of the old set that may be replaced; empty when there is none.
fn replaceable(root: &Path, existing: Existing) -> Result<Vec<String>> {
    let names = entries(root)?;
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let resumable = existing == Existing::Resume && has_journal(root);
    if existing != Existing::Replace && !resumable {
        return Err(Error::at(
            ErrorKind::OutputExists,
            root,
            format!("{} is not empty", root.display()),
            "choose another folder, or overwrite it",
        ));
    }
    let foreign = |what: String| {
        Error::at(
            ErrorKind::NotADataset,
            root,
            what,
            "choose another folder, or clear this one yourself",
        )
    };
    let listed = manifest::entries_of(root).ok_or_else(|| {
        foreign(format!(
            "{} is not empty and not a data set of synthcap, so it is not overwritten",
            root.display()
        ))
    })?;
    let names = names.into_iter().map(|name| {
        let known = name.to_str().filter(|n| listed.iter().any(|l| l == n));
        known.map(str::to_owned).ok_or_else(|| {
            foreign(format!(
                "{} does not belong to the data set there, so that is not overwritten",
                root.join(&name).display()
            ))
        })
    });
    names.collect()
}

/// What lies in the output folder, apart from our own staging.
fn entries(root: &Path) -> Result<Vec<OsString>> {
    let read = match fs::read_dir(root) {
        Ok(read) => read,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("read the folder", root, e)),
    };
    let names = read.map(|entry| entry.map(|entry| entry.file_name()));
    let mut names: Vec<_> = names
        .collect::<io::Result<_>>()
        .map_err(|e| Error::io("read the folder", root, e))?;
    names.retain(|name| name != PARTIAL);
    names.sort();
    Ok(names)
}

/// Removes a folder of our own, if it is there.
fn clear(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", folder, e)),
        _ => Ok(()),
    }
}

fn discard_if_unused(partial: &Path) {
    if !partial.join("data").exists() {
        let _ = fs::remove_dir_all(partial);
    }
}
