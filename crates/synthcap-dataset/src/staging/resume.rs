//! Going on with a set that was begun: what is not known to be complete goes.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Staging, entries};
use crate::{Error, ErrorKind, Records, Result, journal::Mark, manifest, record};

const REOPENED: &str = "reopen.json";

/// What moves back.
#[derive(Debug, Serialize, Deserialize)]
struct Reopened(Vec<String>);

/// Takes an incomplete set that stands in its place back to where it is made. Can be
/// repeated after a crash.
pub(super) fn reopen(root: &Path, partial: &Path) -> Result<()> {
    let path = partial.join(REOPENED);
    let Reopened(names) = match fs::read(&path) {
        Ok(text) => {
            serde_json::from_slice(&text).map_err(|e| Error::io("read", &path, e.into()))?
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let names = Reopened(manifest::entries_of(root).unwrap_or_default());
            let text = serde_json::to_vec(&names).unwrap_or_default();
            let temporary = partial.join("reopen.tmp");
            fs::write(&temporary, text)
                .and_then(|()| fs::rename(&temporary, &path))
                .map_err(|e| Error::io("write", &path, e))?;
            names
        }
        Err(e) => return Err(Error::io("read", &path, e)),
    };
    let data = partial.join("data");
    fs::create_dir_all(&data).map_err(|e| Error::io("make the folder", &data, e))?;
    for name in names {
        let (standing, staged) = (root.join(&name), data.join(&name));
        if standing.exists() {
            fs::rename(&standing, &staged).map_err(|e| Error::io("move a file to", &staged, e))?;
        }
    }
    fs::remove_file(&path).map_err(|e| Error::io("remove", &path, e))
}

/// Whether such a move was cut short.
pub(super) fn is_reopening(partial: &Path) -> bool {
    partial.join(REOPENED).exists()
}

impl Staging {
    /// Cuts what lies here back to the samples of a mark, and gives the classes they
    /// have.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] when a file of them is missing.
    pub(crate) fn cut_back(
        &mut self,
        folders: &[String],
        first: u64,
        mark: &Mark,
    ) -> Result<BTreeMap<u32, String>> {
        let mut kept = Kept::default();
        for (folder, len) in folders.iter().zip(&mark.records) {
            let path = self.data().join(folder).join(record::FILE_NAME);
            let cut = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path);
            let cut = cut.and_then(|file| {
                let have = file.metadata()?.len();
                if have < *len {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                file.set_len(*len)
            });
            cut.map_err(|_| lost(&path, "is shorter than the journal says"))?;
            let samples = kept.read(&self.data(), folder, &path)?;
            if samples != mark.next - first {
                return Err(lost(
                    &path,
                    "does not hold the samples that the journal says",
                ));
            }
        }
        kept.sweep(&self.data())?;
        Ok(kept.classes)
    }
}

fn lost(path: &Path, what: &str) -> Error {
    Error::at(
        ErrorKind::Corrupt,
        path,
        format!("{} {what}", path.display()),
        "the set cannot be resumed; begin it again with overwriting",
    )
}

/// What stays.
#[derive(Debug, Default)]
struct Kept {
    /// By hash: a set may have millions of files.
    files: HashSet<u64>,
    classes: BTreeMap<u32, String>,
}

fn hash(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

impl Kept {
    /// Takes in the records of a format, all of whose files must be there. Gives
    /// their number.
    fn read(&mut self, data: &Path, folder: &str, records: &Path) -> Result<u64> {
        let inside = data.join(folder);
        self.files.insert(hash(records));
        let mut samples = 0;
        for record in Records::at(records).read()? {
            let record = record?;
            samples += 1;
            for object in &record.objects {
                self.classes
                    .entry(object.class_id)
                    .or_insert_with(|| object.class_name.clone());
            }
            let files = record
                .all_files()
                .map(|file| (file.path.as_str(), Some(file.bytes)));
            let files: Vec<_> = match &record.shard {
                Some(shard) => vec![(shard.as_str(), None)],
                None => files.collect(),
            };
            for (relative, bytes) in files {
                let path = inside.join(relative);
                // A shard is looked at once.
                if self.files.insert(hash(&path)) {
                    let there = fs::metadata(&path).map_err(|_| lost(&path, "is missing"))?;
                    if bytes.is_some_and(|bytes| bytes != there.len()) {
                        return Err(lost(&path, "has another size than its record says"));
                    }
                }
            }
        }
        Ok(samples)
    }

    /// Removes everything else under a folder, and folders that are empty then.
    fn sweep(&self, folder: &Path) -> Result<()> {
        for name in entries(folder)? {
            let path: PathBuf = folder.join(name);
            let removed = if path.is_dir() {
                self.sweep(&path)?;
                match entries(&path)?.is_empty() {
                    true => fs::remove_dir(&path),
                    false => Ok(()),
                }
            } else if self.files.contains(&hash(&path)) {
                Ok(())
            } else {
                fs::remove_file(&path)
            };
            removed.map_err(|e| Error::io("remove", &path, e))?;
        }
        Ok(())
    }
}
