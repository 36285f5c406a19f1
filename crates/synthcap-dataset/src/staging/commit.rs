//! The move of a finished set to its final place, safe against a crash at any
//! point: the list of what moves is written first, and every step can be repeated.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{clear, entries};
use crate::{Error, Result, manifest};

const JOURNAL: &str = "commit.json";

/// What moves.
#[derive(Debug, Serialize, Deserialize)]
struct Journal {
    /// Entries of the output folder that make way.
    old: Vec<String>,
    /// Entries that take their place.
    new: Vec<String>,
}

/// Moves the new set to its place and the old one out of the way.
pub(super) fn run(root: &Path, partial: &Path, old: &[String]) -> Result<()> {
    let new = entries(&partial.join("data"))?;
    let journal = Journal {
        old: old.to_vec(),
        new: new
            .iter()
            .map(|name| name.to_string_lossy().into_owned())
            .collect(),
    };
    let path = partial.join(JOURNAL);
    let temporary = partial.join("commit.tmp");
    let text = serde_json::to_vec(&journal).unwrap_or_default();
    let written = File::create(&temporary)
        .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, &path));
    written.map_err(|e| Error::io("write", &path, e))?;
    apply(root, partial, &journal)
}

/// Ends a move that a crash cut short, if there was one. The lock stays.
pub(super) fn resume(root: &Path, partial: &Path) -> Result<()> {
    let path = partial.join(JOURNAL);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::io("read", &path, e)),
    };
    let journal: Journal =
        serde_json::from_slice(&text).map_err(|e| Error::io("read", &path, e.into()))?;
    apply(root, partial, &journal)
}

/// Takes a move back that a crash cut short before the old manifest made way: up to then
/// only the old set's entries have moved.
pub(super) fn undo(root: &Path, partial: &Path) -> Result<()> {
    let replaced = partial.join("replaced");
    for name in entries(&replaced)? {
        rename(&replaced.join(&name), &root.join(&name))?;
    }
    match fs::remove_file(partial.join(JOURNAL)) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", &partial.join(JOURNAL), e))
        }
        _ => Ok(()),
    }
}

fn apply(root: &Path, partial: &Path, journal: &Journal) -> Result<()> {
    let data = partial.join("data");
    let replaced = partial.join("replaced");
    fs::create_dir_all(&replaced).map_err(|e| Error::io("make the folder", &replaced, e))?;
    for name in &journal.old {
        let standing = root.join(name);
        // Once the new entry has left `data`, the one standing is the new one.
        let is_old = !journal.new.contains(name) || data.join(name).exists();
        if is_old && standing.exists() {
            rename(&standing, &replaced.join(name))?;
        }
    }
    // The manifest comes last: where it stands, all the rest does.
    let (last, first): (Vec<_>, Vec<_>) = journal
        .new
        .iter()
        .partition(|name| *name == manifest::FILE_NAME);
    for name in first.into_iter().chain(last) {
        let staged = data.join(name);
        if staged.exists() {
            rename(&staged, &root.join(name))?;
        }
    }
    #[cfg(unix)]
    File::open(root)
        .and_then(|folder| folder.sync_all())
        .map_err(|e| Error::io("flush", root, e))?;
    clear(&replaced)?;
    clear(&data)?;
    let journal = partial.join(JOURNAL);
    fs::remove_file(&journal).map_err(|e| Error::io("remove", &journal, e))
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|e| Error::io("move a file to", to, e))
}
