//! Checks a data set as it lies on the disk: whether it is whole, and whether its
//! labels, images and geometry agree.

pub(crate) mod container;
mod findings;
pub(crate) mod image;
mod sample;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use self::container::Container;
pub use self::findings::{Fault, FaultKind, Findings};
use crate::{Error, ErrorKind, FileRecord, Records, Result, SampleRecord, manifest, record};

/// What a manifest says that can be checked.
#[derive(Debug, Deserialize)]
struct Claims {
    format: String,
    #[serde(default)]
    formats: Vec<String>,
    #[serde(default)]
    samples: u64,
    #[serde(default)]
    files: u64,
    #[serde(default)]
    bytes: u64,
    #[serde(default)]
    classes: Vec<ClassClaim>,
    #[serde(default)]
    entries: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct ClassClaim {
    id: u32,
    name: String,
}

/// Checks a data set of any of the formats.
///
/// ```
/// use synthcap::{Modality, frame::Rgb};
/// use synthcap_dataset::{
///     DatasetWriter, FaultKind, Frames, Options, Plan, PlannedCamera, Sample, SampleView, validate,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let out = folder.path().join("demo");
/// let plan = Plan::new(vec![PlannedCamera::new("main", 4, 3)], Modality::Rgb.into(), 1, 7);
/// let mut writer = DatasetWriter::create(&out, plan, Box::new(Frames::new()), Options::default())?;
/// let rgb = Rgb::new(4, 3, vec![200; 4 * 3 * 4])?;
/// writer.push(Sample::new(0, 7, vec![SampleView::new("main", vec![rgb.into()])]))?;
/// writer.finish()?;
/// assert!(validate(&out)?.is_sound());
///
/// std::fs::remove_file(out.join("rgb/000000.png"))?;
/// assert_eq!(validate(&out)?.faults()[0].kind, FaultKind::Missing);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`ErrorKind::NotADataset`] when the folder holds none; what is wrong with one that
/// it does hold is in the findings.
pub fn validate(root: impl AsRef<Path>) -> Result<Findings> {
    let root = root.as_ref();
    let claims = claims(root)?;
    let mut findings = Findings::new(root, &claims.format);
    for entry in claims
        .entries
        .iter()
        .filter(|entry| !root.join(entry).exists())
    {
        findings.add(
            FaultKind::Missing,
            entry,
            "is named in the manifest, but not there",
        );
    }
    if claims.formats.is_empty() {
        Set::new(root, "", claims).check(&mut findings);
        return Ok(findings);
    }
    for format in &claims.formats {
        match self::claims(&root.join(format)) {
            Ok(claims) => Set::new(root, format, claims).check(&mut findings),
            Err(error) => findings.add(FaultKind::Missing, format, error.problem()),
        }
    }
    Ok(findings)
}

fn claims(root: &Path) -> Result<Claims> {
    let path = root.join(manifest::FILE_NAME);
    let not = |why: String| {
        Error::at(
            ErrorKind::NotADataset,
            root,
            format!("{} is not a data set of synthcap: {why}", root.display()),
            "name the folder with its manifest.json",
        )
    };
    let text = std::fs::read(&path).map_err(|e| not(format!("{}: {e}", path.display())))?;
    serde_json::from_slice(&text).map_err(|e| not(format!("{}: {e}", path.display())))
}

/// The set of one format.
struct Set {
    root: PathBuf,
    /// Before the paths in messages.
    prefix: String,
    claims: Claims,
    /// Paths that belong to it.
    known: HashSet<PathBuf>,
    /// The container that is open.
    container: Option<(String, Container)>,
    /// Hashes of colour images, with the sample that had each first.
    seen: HashMap<String, u64>,
    /// The class of each instance of a scene.
    instances: HashMap<(u64, u32), u32>,
    splits: HashMap<u64, String>,
    totals: (u64, u64, u64),
    last_index: Option<u64>,
}

impl Set {
    fn new(root: &Path, format: &str, claims: Claims) -> Self {
        Self {
            root: root.join(format),
            prefix: match format {
                "" => String::new(),
                format => format!("{format}/"),
            },
            claims,
            known: HashSet::new(),
            container: None,
            seen: HashMap::new(),
            instances: HashMap::new(),
            splits: HashMap::new(),
            totals: (0, 0, 0),
            last_index: None,
        }
    }

    fn check(mut self, findings: &mut Findings) {
        let path = self.root.join(record::FILE_NAME);
        let index = format!("{}{}", self.prefix, record::FILE_NAME);
        let records = match Records::at(&path).read() {
            Ok(records) => records,
            Err(error) => return findings.add(FaultKind::Missing, &index, error.problem()),
        };
        for record in records {
            match record {
                Ok(record) => self.sample(&record, findings),
                Err(error) => {
                    findings.add(FaultKind::Record, &index, error.problem());
                    break;
                }
            }
        }
        let (samples, files, bytes) = self.totals;
        for (what, claimed, found) in [
            ("samples", self.claims.samples, samples),
            ("files", self.claims.files, files),
            ("bytes", self.claims.bytes, bytes),
        ] {
            if claimed != found {
                let what = format!("says {claimed} {what}, but the records have {found}");
                findings.add(
                    FaultKind::Count,
                    &format!("{}manifest.json", self.prefix),
                    &what,
                );
            }
        }
        self.strangers(findings);
    }

    fn sample(&mut self, record: &SampleRecord, findings: &mut Findings) {
        let place = format!(
            "{}{} sample {}",
            self.prefix,
            record::FILE_NAME,
            record.index
        );
        self.totals.0 += 1;
        findings.samples += 1;
        if self.last_index.is_some_and(|last| record.index <= last) {
            findings.add(
                FaultKind::Duplicate,
                &place,
                "is there twice, or out of order",
            );
        }
        self.last_index = self.last_index.max(Some(record.index));
        self.labels(record, &place, findings);
        let mut images: BTreeMap<(usize, &str), Vec<u8>> = BTreeMap::new();
        let views = record.views.iter().enumerate();
        let of_views = views.flat_map(|(view, seen)| {
            seen.files
                .iter()
                .map(move |(modality, file)| (Some((view, modality.as_str())), file))
        });
        for (of, file) in of_views.chain(record.files.iter().map(|file| (None, file))) {
            self.totals.1 += 1;
            self.totals.2 += file.bytes;
            let content = self.content(record, file, findings);
            if let (Some(of), Some(content)) = (of, content) {
                images.insert(of, content);
            }
            if matches!(of, Some((_, "rgb")))
                && let Some(first) = self.seen.insert(file.sha256.clone(), record.index)
            {
                let what = format!("shows the same as sample {first}, to the bit");
                findings.add(
                    FaultKind::Duplicate,
                    &format!("{}{}", self.prefix, file.path),
                    &what,
                );
            }
        }
        sample::check(record, &images, &self.prefix, &place, findings);
    }

    /// Classes, instances and splits.
    fn labels(&mut self, record: &SampleRecord, place: &str, findings: &mut Findings) {
        for object in &record.objects {
            let claim = self.claims.classes.iter().find(|c| c.id == object.class_id);
            if claim.is_none_or(|claim| claim.name != object.class_name) {
                let what = format!(
                    "{}: the class {} {:?} is not that of the manifest",
                    object.name, object.class_id, object.class_name
                );
                findings.add(FaultKind::Class, place, &what);
            }
            let key = (record.seed, object.instance_id);
            let before = *self.instances.entry(key).or_insert(object.class_id);
            if before != object.class_id {
                let what = format!(
                    "instance {} is of class {}, but was of class {before} in the same scene",
                    object.instance_id, object.class_id
                );
                findings.add(FaultKind::Class, place, &what);
            }
        }
        let Some(split) = record.split() else {
            return;
        };
        let first = self
            .splits
            .entry(record.seed)
            .or_insert_with(|| split.to_owned());
        if first != split {
            let what = format!("is of {split}, but its scene is in {first} as well");
            findings.add(FaultKind::Split, place, &what);
        }
    }

    /// The content of a file, once it is what its record says.
    fn content(
        &mut self,
        record: &SampleRecord,
        file: &FileRecord,
        findings: &mut Findings,
    ) -> Option<Vec<u8>> {
        let shown = format!("{}{}", self.prefix, file.path);
        let content = match &record.shard {
            None => {
                let path = self.root.join(&file.path);
                self.known.insert(path.clone());
                match std::fs::read(&path) {
                    Ok(content) => content,
                    Err(error) => {
                        let missing = error.kind() == std::io::ErrorKind::NotFound;
                        let what = if missing {
                            "is missing".to_owned()
                        } else {
                            error.to_string()
                        };
                        findings.add(FaultKind::Missing, &shown, &what);
                        return None;
                    }
                }
            }
            Some(shard) => self.in_shard(shard, file, findings)?,
        };
        findings.files += 1;
        if content.len() as u64 != file.bytes {
            let what = format!(
                "has {} bytes, but its record says {}",
                content.len(),
                file.bytes
            );
            findings.add(FaultKind::Size, &shown, &what);
            return None;
        }
        let digest = Sha256::digest(&content);
        let found: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        if found != file.sha256 {
            findings.add(
                FaultKind::Hash,
                &shown,
                "is not what was written: its SHA-256 differs",
            );
            return None;
        }
        Some(content)
    }

    fn in_shard(
        &mut self,
        shard: &str,
        file: &FileRecord,
        findings: &mut Findings,
    ) -> Option<Vec<u8>> {
        if self
            .container
            .as_ref()
            .is_none_or(|(open, _)| open != shard)
        {
            let path = self.root.join(shard);
            self.known.insert(path.clone());
            let container = Container::open(&path).unwrap_or_else(|what| {
                findings.add(
                    FaultKind::Missing,
                    &format!("{}{shard}", self.prefix),
                    &what,
                );
                Container::default()
            });
            self.container = Some((shard.to_owned(), container));
        }
        let (_, container) = self.container.as_ref()?;
        let content = container.get(file);
        if content.is_none() {
            let what = format!("does not hold {} as it was written", file.path);
            findings.add(FaultKind::Hash, &format!("{}{shard}", self.prefix), &what);
        }
        content
    }

    /// Files that no record knows, in the folders of those that are known.
    fn strangers(&self, findings: &mut Findings) {
        let folders: HashSet<_> = self.known.iter().filter_map(|path| path.parent()).collect();
        for folder in folders.into_iter().filter(|folder| **folder != *self.root) {
            let Ok(entries) = std::fs::read_dir(folder) else {
                continue;
            };
            for path in entries.flatten().map(|entry| entry.path()) {
                if path.is_file() && !self.known.contains(&path) && !is_index(&path) {
                    let shown = path.strip_prefix(&self.root).unwrap_or(&path);
                    let shown = format!("{}{}", self.prefix, shown.display());
                    findings.add(FaultKind::Stranger, &shown, "belongs to no sample");
                }
            }
        }
    }
}

/// Whether a file beside those of samples is an index of a format.
fn is_index(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str());
    matches!(
        extension,
        Some("json" | "jsonl" | "yaml" | "md" | "csv" | "ply" | "txt")
    )
}
