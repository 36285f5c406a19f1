//! Parts of a set, made by machines that know nothing of each other, become the set.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Begin, Formats, Options, Part, Sequencer, Summary, formats, gate::Gate, same_formats};
use crate::{
    Error, ErrorKind, Plan, Records, Result, Staging,
    journal::Past,
    record,
    staging::{PARTIAL, THUMBS},
};

/// Parts that were found to make up a whole set.
#[derive(Debug)]
pub struct Unmerged {
    /// In the order of their samples.
    parts: Vec<(PathBuf, Past)>,
}

impl Unmerged {
    /// Reads what the journals of finished parts say: whether they are of one job, and
    /// hold each of its samples once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotADataset`] for a folder without a journal,
    /// [`ErrorKind::OtherJob`] when two are of different jobs, and
    /// [`ErrorKind::Corrupt`] when samples are missing or there twice.
    pub fn read(folders: &[PathBuf]) -> Result<Self> {
        let mut parts = Vec::with_capacity(folders.len());
        for folder in folders {
            let past = Past::read(&folder.join(PARTIAL))?.ok_or_else(|| {
                Error::at(
                    ErrorKind::NotADataset,
                    folder,
                    format!("{} is not a part of a data set", folder.display()),
                    "name the folders that captures with --shard have made",
                )
            })?;
            if !past.is_complete() || !folder.join(crate::manifest::FILE_NAME).exists() {
                return Err(Error::at(
                    ErrorKind::Corrupt,
                    folder,
                    format!(
                        "the part {} ends at sample {} instead of {}",
                        folder.display(),
                        past.last().next,
                        past.header.range.end
                    ),
                    "resume it, then join the parts",
                ));
            }
            parts.push((folder.clone(), past));
        }
        parts.sort_by_key(|(_, past)| (past.header.range.start, past.header.range.end));
        let found = Self { parts };
        found.check()?;
        Ok(found)
    }

    fn check(&self) -> Result<()> {
        let Some((first_folder, first)) = self.parts.first() else {
            return Err(Error::new(
                ErrorKind::InvalidPlan,
                "there is no part to join",
                "name the folders of all parts",
            ));
        };
        let mut next = 0;
        let mut before: &Path = first_folder;
        for (folder, past) in &self.parts {
            let mut theirs = past.header.clone();
            theirs.range = first.header.range.clone();
            first.header.check_same(folder, &theirs).map_err(|e| {
                Error::at(
                    ErrorKind::OtherJob,
                    folder,
                    format!(
                        "{} and {}: {}",
                        first_folder.display(),
                        folder.display(),
                        e.problem()
                    ),
                    "join only parts of one job",
                )
            })?;
            let range = &past.header.range;
            if range.start < next {
                return Err(broken(
                    folder,
                    format!(
                        "{} and {} both hold sample {}",
                        before.display(),
                        folder.display(),
                        range.start
                    ),
                    "leave one of them out",
                ));
            }
            if range.start > next {
                return Err(broken(
                    folder,
                    format!(
                        "samples {next} to {} are in none of the parts",
                        range.start - 1
                    ),
                    "name all parts",
                ));
            }
            next = range.end;
            before = folder;
        }
        let samples = Plan::from(first.header.plan.clone()).samples;
        if next < samples {
            let problem = format!("samples {next} to {} are in none of the parts", samples - 1);
            return Err(broken(before, problem, "name all parts"));
        }
        Ok(())
    }

    /// What was made, as whoever made it tells it apart: the same for all parts.
    pub fn identity(&self) -> &Value {
        // At least one part is there; that was checked.
        self.parts
            .first()
            .map_or(&Value::Null, |(_, past)| &past.header.identity)
    }

    /// Whether every file is what its record says.
    fn verify(&self) -> Result<()> {
        let mut files = Vec::new();
        for (folder, past) in &self.parts {
            let several = past.header.formats.len() > 1;
            for format in &past.header.formats {
                let inside = if several {
                    folder.join(format)
                } else {
                    folder.clone()
                };
                for record in Records::at(inside.join(record::FILE_NAME)).read()? {
                    let record = record?;
                    if record.shard.is_none() {
                        let of = |file: &crate::FileRecord| {
                            (inside.join(&file.path), file.sha256.clone())
                        };
                        files.extend(record.all_files().map(of));
                    }
                }
            }
        }
        for (folder, past) in &self.parts {
            for (relative, expected) in past.last().shards {
                let path = folder.join(relative);
                if sum(&path)? != expected {
                    let problem = format!(
                        "{} is not what the journal of its part says",
                        path.display()
                    );
                    return Err(broken(&path, problem, "make that part again"));
                }
            }
        }
        let threads = thread::available_parallelism().map_or(1, |n| n.get());
        thread::scope(|scope| {
            let chunks = files.chunks(files.len().div_ceil(threads).max(1));
            let checks: Vec<_> = chunks
                .map(|chunk| {
                    scope.spawn(|| chunk.iter().try_for_each(|(path, sha)| verify(path, sha)))
                })
                .collect();
            let done = checks.into_iter().map(|check| check.join());
            done.into_iter()
                .try_for_each(|done| done.unwrap_or_else(|_| Err(super::stopped())))
        })
    }
}

fn broken(folder: &Path, problem: String, remedy: &str) -> Error {
    Error::at(ErrorKind::Corrupt, folder, problem, remedy)
}

fn verify(path: &Path, sha256: &str) -> Result<()> {
    let mut hasher = Sha256::new();
    let read = digest(path, |bytes| hasher.update(bytes));
    read.map_err(|e| {
        broken(
            path,
            format!("cannot read {}: {e}", path.display()),
            "make that part again",
        )
    })?;
    let found: String = hasher
        .finalize()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    if found == sha256 {
        return Ok(());
    }
    Err(broken(
        path,
        format!("{} is not what its record says", path.display()),
        "make that part again",
    ))
}

/// Feeds a file's content on, and says how long it is.
fn digest(path: &Path, mut feed: impl FnMut(&[u8])) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 18];
    let mut len = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(len),
            n => {
                feed(&buffer[..n]);
                len += n as u64;
            }
        }
    }
}

/// Length and CRC-32 of a file that holds several samples: their records know only
/// what is in it.
pub(super) fn sum(path: &Path) -> Result<(u64, u32)> {
    let mut crc = crc32fast::Hasher::new();
    let len = digest(path, |bytes| crc.update(bytes));
    let len = len.map_err(|e| {
        broken(
            path,
            format!("cannot read {}: {e}", path.display()),
            "make that part again",
        )
    })?;
    Ok((len, crc.finalize()))
}

/// Joins parts to the set that a single run would have made, byte for byte. The parts
/// stay as they are; files are shared with them where the file system can.
///
/// # Errors
///
/// [`ErrorKind::Corrupt`] when a file of a part is not what its record says, and what
/// [`DatasetWriter::create`](super::DatasetWriter::create) and `finish` say.
pub fn merge(
    parts: &Unmerged,
    root: impl AsRef<Path>,
    formats: Formats,
    options: &Options,
) -> Result<Summary> {
    let root = root.as_ref();
    let Some((_, first)) = parts.parts.first() else {
        return Err(super::stopped());
    };
    let mut plan = Plan::from(first.header.plan.clone());
    let created = parts
        .parts
        .iter()
        .filter_map(|(_, past)| past.header.plan.created());
    plan.created = created.min();
    formats.check(&plan)?;
    same_formats(root, &formats, options.existing)?;
    Staging::check(root, options.existing)?;
    parts.verify()?;
    let plan = Arc::new(plan);
    let mut staging = Staging::open(root, options.existing)?;
    let border = formats.samples_per_file();
    let opened = formats::Formats::into_folders(formats).map(|(folder, writer)| {
        Part::open(folder, writer, &plan, &mut staging, None).map(|(part, _)| part)
    });
    let opened = opened.collect::<Result<Vec<_>>>();
    let opened = match opened {
        Ok(opened) => opened,
        Err(error) => {
            // The first failure is the one to report.
            let _ = staging.discard();
            return Err(error);
        }
    };
    let mut sequencer = Sequencer::new(Begin {
        range: 0..plan.samples,
        plan,
        parts: opened,
        staging,
        gate: Arc::new(Gate::new(1, 0)),
        preview: options.preview,
        report: options.report,
        border,
        journal: None,
        classes: Default::default(),
        written: 0,
    })?;
    for (folder, _) in &parts.parts {
        sequencer.adopt(folder, &folder.join(PARTIAL).join(THUMBS))?;
    }
    sequencer.finish(0)
}
