//! The journal of a set in the making: how far it is known to be safe on the disk.
//!
//! It lies in the staging folder. Its first line says what is being made; each line
//! after that says that all samples before an index are complete, and how long the
//! records of each format are with exactly those. A line is written only after the
//! files of its samples have reached the disk. Lines carry a CRC-32; one that a crash
//! has torn is as if it had not been written.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Seek as _, Write as _},
    ops::Range,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, ErrorKind, Plan, Result, plan_record::PlanRecord};

pub(crate) const FILE_NAME: &str = "journal";
const VERSION: u32 = 1;

/// When lines are written: whichever comes first, and always at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalPace {
    /// Samples between two lines. Default: 64.
    pub samples: u64,
    /// Time between two lines. Default: 2 s.
    pub interval: Duration,
}

impl Default for JournalPace {
    fn default() -> Self {
        Self {
            samples: 64,
            interval: Duration::from_secs(2),
        }
    }
}

/// What a journal says first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    version: u32,
    /// What is being made, as whoever makes it tells it apart.
    pub(crate) identity: Value,
    pub(crate) formats: Vec<String>,
    /// The indices that this run makes.
    pub(crate) range: Range<u64>,
    pub(crate) plan: PlanRecord,
}

impl Header {
    pub(crate) fn new(
        identity: &Value,
        formats: Vec<String>,
        range: Range<u64>,
        plan: &Plan,
    ) -> Self {
        Self {
            version: VERSION,
            identity: identity.clone(),
            formats,
            range,
            plan: PlanRecord::from(plan),
        }
    }

    /// Whether this goes on with what another run began. The time of making is that of
    /// the first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::OtherJob`], with what differs.
    pub(crate) fn check_same(&self, root: &Path, before: &Self) -> Result<()> {
        let mut theirs = before.clone();
        theirs.plan.set_created(self.plan.created());
        let [ours, theirs] = [self, &theirs].map(|h| serde_json::to_value(h).unwrap_or_default());
        let Some(place) = first_difference(&ours, &theirs, String::new()) else {
            return Ok(());
        };
        Err(Error::at(
            ErrorKind::OtherJob,
            root,
            format!("{} holds the data of another job: {place}", root.display()),
            "choose another folder, or the job that was begun there",
        ))
    }
}

/// Where two values differ first, and how.
pub(crate) fn first_difference(ours: &Value, theirs: &Value, at: String) -> Option<String> {
    if ours == theirs {
        return None;
    }
    if let (Value::Object(a), Value::Object(b)) = (ours, theirs) {
        let keys = a.keys().chain(b.keys());
        let inner = |key: &String| {
            let below = if at.is_empty() {
                key.clone()
            } else {
                format!("{at}.{key}")
            };
            let value =
                |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or_default();
            first_difference(&value(a), &value(b), below)
        };
        return keys.into_iter().find_map(inner);
    }
    let short = |value: &Value| value.to_string().chars().take(60).collect::<String>();
    Some(format!(
        "{at} is {} there, not {}",
        short(theirs),
        short(ours)
    ))
}

/// So far it is safe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// All samples before this index are complete.
    pub(crate) next: u64,
    /// Bytes of the records of each format, with those samples.
    pub(crate) records: Vec<u64>,
    /// When that was, milliseconds of all runs together.
    pub(crate) at_ms: u64,
    /// Length and CRC-32 of the files that hold several samples, once a part is
    /// complete.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) shards: BTreeMap<String, (u64, u32)>,
}

/// A journal that was read.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    pub(crate) header: Header,
    pub(crate) marks: Vec<Mark>,
    /// Bytes of the lines that are whole.
    len: u64,
}

impl Past {
    /// The journal in a staging folder; `None` when there is none, or not even its
    /// first line is whole.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is of a newer program.
    pub(crate) fn read(partial: &Path) -> Result<Option<Self>> {
        let path = partial.join(FILE_NAME);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("read", &path, e)),
        };
        let mut lines = text
            .split_inclusive(|byte| *byte == b'\n')
            .map_while(unsealed);
        let Some(first) = lines.next() else {
            return Ok(None);
        };
        let header: Header = serde_json::from_slice(first).map_err(|e| {
            Error::at(
                ErrorKind::Corrupt,
                &path,
                format!(
                    "{} is not a journal that this version reads: {e}",
                    path.display()
                ),
                "use the version that began it, or overwrite the set",
            )
        })?;
        let mut len = first.len() + SEAL + 1;
        let mut marks = Vec::new();
        for line in lines {
            let Ok(mark) = serde_json::from_slice(line) else {
                break;
            };
            marks.push(mark);
            len += line.len() + SEAL + 1;
        }
        let len = len as u64;
        Ok(Some(Self { header, marks, len }))
    }

    /// How far it is safe: the last mark, or the beginning.
    pub(crate) fn last(&self) -> Mark {
        self.marks.last().cloned().unwrap_or_else(|| Mark {
            next: self.header.range.start,
            records: vec![0; self.header.formats.len()],
            at_ms: 0,
            shards: BTreeMap::new(),
        })
    }

    /// Whether all samples of its range are there.
    pub(crate) fn is_complete(&self) -> bool {
        self.last().next == self.header.range.end
    }
}

/// A journal that grows.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    pace: JournalPace,
    begun: Instant,
    /// Of the runs before.
    before_ms: u64,
    /// The last sample that a line speaks of, and when that was written.
    written: u64,
    written_at: Instant,
    /// Complete, but not written down.
    due: Option<(u64, Vec<u64>)>,
    pub(crate) marks: Vec<Mark>,
}

impl Journal {
    /// A new one.
    pub(crate) fn create(partial: &Path, header: &Header, pace: JournalPace) -> Result<Self> {
        let path = partial.join(FILE_NAME);
        let line = sealed(header)?;
        let file = File::create(&path)
            .and_then(|mut file| file.write_all(&line).map(|()| file))
            .and_then(|file| file.sync_data().map(|()| file))
            .map_err(|e| Error::io("write", &path, e))?;
        Ok(Self::at(file, path, pace, header.range.start, Vec::new()))
    }

    /// One that goes on.
    pub(crate) fn reopen(partial: &Path, past: &Past, pace: JournalPace) -> Result<Self> {
        let path = partial.join(FILE_NAME);
        let file = fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .and_then(|mut file| {
                // What a crash has torn goes.
                file.set_len(past.len)?;
                file.seek(io::SeekFrom::End(0)).map(|_| file)
            })
            .map_err(|e| Error::io("write", &path, e))?;
        Ok(Self::at(
            file,
            path,
            pace,
            past.last().next,
            past.marks.clone(),
        ))
    }

    fn at(file: File, path: PathBuf, pace: JournalPace, next: u64, marks: Vec<Mark>) -> Self {
        let now = Instant::now();
        Self {
            file,
            path,
            pace,
            begun: now,
            before_ms: marks.last().map_or(0, |mark| mark.at_ms),
            written: next,
            written_at: now,
            due: None,
            marks,
        }
    }

    /// All samples before `next` are complete in every format, whose records are so
    /// long. Says whether it is time to write that down.
    pub(crate) fn note(&mut self, next: u64, records: Vec<u64>) -> bool {
        self.due = Some((next, records));
        next - self.written >= self.pace.samples || self.written_at.elapsed() >= self.pace.interval
    }

    /// Writes down what is complete, once `flush` has brought it to the disk.
    ///
    /// # Errors
    ///
    /// When the file system says no; the line may be torn then, which does no harm.
    pub(crate) fn write(&mut self, flush: impl FnOnce() -> Result<()>) -> Result<()> {
        self.write_with(BTreeMap::new(), flush)
    }

    /// The same with the sums of files that hold several samples.
    pub(crate) fn write_with(
        &mut self,
        shards: BTreeMap<String, (u64, u32)>,
        flush: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let Some((next, records)) = self.due.take() else {
            return Ok(());
        };
        flush()?;
        let mark = Mark {
            next,
            records,
            at_ms: self.before_ms + self.begun.elapsed().as_millis() as u64,
            shards,
        };
        let line = sealed(&mark)?;
        let written = self
            .file
            .write_all(&line)
            .and_then(|()| self.file.sync_data());
        written.map_err(|e| Error::io("write", &self.path, e))?;
        self.written = next;
        self.written_at = Instant::now();
        self.marks.push(mark);
        Ok(())
    }
}

/// Bytes of a checksum with its space.
const SEAL: usize = 9;

/// A line with its checksum before it.
fn sealed(value: &impl Serialize) -> Result<Vec<u8>> {
    let text = serde_json::to_vec(value).map_err(|e| Error::internal("journal", &e))?;
    let mut line = format!("{:08x} ", crc32fast::hash(&text)).into_bytes();
    line.extend(text);
    line.push(b'\n');
    Ok(line)
}

/// The text of a line that is whole.
fn unsealed(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\n")?;
    let (seal, text) = line.split_at_checked(SEAL)?;
    let seal = std::str::from_utf8(seal).ok()?.strip_suffix(' ')?;
    let sum = u32::from_str_radix(seal, 16).ok()?;
    (sum == crc32fast::hash(text)).then_some(text)
}

/// When a set is said to have been made: now, unless `SOURCE_DATE_EPOCH` says
/// otherwise, as for reproducible builds.
pub fn created_now() -> SystemTime {
    let epoch = std::env::var("SOURCE_DATE_EPOCH").ok();
    let seconds = epoch.and_then(|text| text.trim().parse::<u64>().ok());
    seconds.map_or_else(SystemTime::now, |seconds| {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use synthcap::Modality;

    use super::*;
    use crate::PlannedCamera;

    fn header(identity: Value) -> Header {
        let plan = Plan::new(
            vec![PlannedCamera::new("main", 4, 3)],
            Modality::Rgb.into(),
            9,
            7,
        );
        Header::new(&identity, vec!["frames".into()], 0..9, &plan)
    }

    fn filled(folder: &Path) -> Journal {
        let mut journal =
            Journal::create(folder, &header(json!({"seed": 7})), JournalPace::default())
                .expect("journal");
        for next in 1..=3 {
            journal.note(next, vec![next * 10]);
            journal.write(|| Ok(())).expect("written");
        }
        journal
    }

    #[test]
    fn what_was_written_is_read_back() {
        let folder = tempfile::tempdir().expect("folder");
        assert!(Past::read(folder.path()).expect("no journal").is_none());
        filled(folder.path());
        let past = Past::read(folder.path()).expect("read").expect("there");
        assert_eq!((past.last().next, past.last().records), (3, vec![30]));
        let mut journal =
            Journal::reopen(folder.path(), &past, JournalPace::default()).expect("again");
        journal.note(4, vec![40]);
        journal.write(|| Ok(())).expect("written");
        let past = Past::read(folder.path()).expect("read").expect("there");
        assert_eq!(past.marks.len(), 4);
    }

    #[test]
    fn a_torn_or_changed_line_ends_it() {
        let folder = tempfile::tempdir().expect("folder");
        filled(folder.path());
        let path = folder.path().join(FILE_NAME);
        let whole = fs::read(&path).expect("file");
        let ends: Vec<_> = (1..=whole.len())
            .filter(|i| whole[i - 1] == b'\n')
            .collect();
        for cut in 0..=whole.len() {
            fs::write(&path, &whole[..cut]).expect("file");
            let past = Past::read(folder.path()).expect("read");
            let lines = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(past.map_or(0, |past| past.marks.len() + 1), lines, "{cut}");
        }
        let mut changed = whole.clone();
        changed[ends[1] + 20] ^= 1;
        fs::write(&path, &changed).expect("file");
        let past = Past::read(folder.path()).expect("read").expect("there");
        assert_eq!(past.marks.len(), 1);
        // Going on drops what is broken.
        drop(Journal::reopen(folder.path(), &past, JournalPace::default()).expect("again"));
        assert_eq!(fs::read(&path).expect("file"), &whole[..ends[1]]);
    }

    #[test]
    fn nothing_is_written_before_it_is_flushed() {
        let folder = tempfile::tempdir().expect("folder");
        let mut journal = filled(folder.path());
        journal.note(4, vec![40]);
        let full = Error::new(ErrorKind::DiskFull, "full", "free some");
        assert!(journal.write(|| Err(full)).is_err());
        let past = Past::read(folder.path()).expect("read").expect("there");
        assert_eq!(past.last().next, 3);
    }

    #[test]
    fn lines_come_by_count() {
        let folder = tempfile::tempdir().expect("folder");
        let pace = JournalPace {
            samples: 5,
            interval: Duration::from_secs(3600),
        };
        let mut journal =
            Journal::create(folder.path(), &header(json!({})), pace).expect("journal");
        assert!(!journal.note(4, vec![0]));
        assert!(journal.note(5, vec![0]));
    }

    #[test]
    fn another_job_is_told_by_what_differs() {
        let ours = header(json!({"seed": 7, "size": {"width": 4}}));
        let theirs = header(json!({"seed": 7, "size": {"width": 5}}));
        assert!(ours.check_same(Path::new("set"), &ours).is_ok());
        let error = ours
            .check_same(Path::new("set"), &theirs)
            .expect_err("differs");
        assert_eq!(error.kind(), ErrorKind::OtherJob);
        assert!(
            error
                .problem()
                .contains("identity.size.width is 5 there, not 4"),
            "{error}"
        );
    }
}
