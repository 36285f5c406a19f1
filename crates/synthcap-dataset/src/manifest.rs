//! `manifest.json`: what a data set is, in every format. It also marks a folder
//! as ours, which is what allows overwriting it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, ErrorKind, Plan, Result, Sample};

pub(crate) const FILE_NAME: &str = "manifest.json";

/// Says who wrote a manifest, whatever the format and version.
const GENERATOR: &str = "synthcap";

/// What a writer says of the set it made.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Card {
    /// Name of the format.
    pub format: &'static str,
    /// Version of the format; rises when a reader has to change.
    pub format_version: u32,
    /// Units, axes and layout, for people and programs.
    pub description: Value,
}

impl Card {
    /// The card of a format.
    pub fn new(format: &'static str, format_version: u32, description: Value) -> Self {
        Self {
            format,
            format_version,
            description,
        }
    }
}

/// The top-level entries of the data set of ours that stands in a folder.
pub(crate) fn entries_of(root: &Path) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Identity {
        generator: String,
        entries: Vec<String>,
    }
    let text = fs::read(root.join(FILE_NAME)).ok()?;
    let identity: Identity = serde_json::from_slice(&text).ok()?;
    (identity.generator == GENERATOR).then_some(identity.entries)
}

/// The classes that have occurred.
#[derive(Debug, Default)]
pub(crate) struct Classes(BTreeMap<u32, ClassEntry>);

#[derive(Debug)]
struct ClassEntry {
    name: String,
    /// The instance IDs of its objects.
    instances: BTreeSet<u32>,
}

impl Classes {
    /// Takes in a sample's classes.
    ///
    /// # Errors
    ///
    /// When a class has no name, or another one than before.
    pub(crate) fn add(&mut self, sample: &Sample) -> Result<()> {
        for object in &sample.objects {
            let label = &object.label;
            if label.class_name.is_empty() {
                return Err(Error::new(
                    ErrorKind::InvalidSample,
                    format!(
                        "class {} of object {:?} in sample {} has no name",
                        label.class_id, label.object, sample.index
                    ),
                    "name every class in the simulator",
                ));
            }
            let entry = self.0.entry(label.class_id).or_insert_with(|| ClassEntry {
                name: label.class_name.clone(),
                instances: BTreeSet::new(),
            });
            if entry.name != label.class_name {
                return Err(Error::new(
                    ErrorKind::InvalidSample,
                    format!(
                        "class {} is {:?} in sample {}, but was {:?} before",
                        label.class_id, label.class_name, sample.index, entry.name
                    ),
                    "give each class an ID of its own in the simulator",
                ));
            }
            entry.instances.insert(label.instance_id);
        }
        Ok(())
    }

    fn list(&self) -> Vec<ClassRecord<'_>> {
        let classes = self.0.iter().map(|(&id, entry)| ClassRecord {
            id,
            name: &entry.name,
            instances: entry.instances.len(),
        });
        classes.collect()
    }
}

/// What the set turned out to hold.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) samples: u64,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) classes: Classes,
}

/// The manifest, in the order in which people read it.
#[derive(Serialize)]
struct Manifest<'a> {
    generator: &'static str,
    generator_version: &'static str,
    format: &'static str,
    format_version: u32,
    complete: bool,
    samples: u64,
    planned_samples: u64,
    files: u64,
    bytes: u64,
    created: Option<String>,
    seed: u64,
    source: SourceRecord<'a>,
    settings: &'a Value,
    cameras: Vec<CameraRecord<'a>>,
    modalities: Vec<&'static str>,
    classes: Vec<ClassRecord<'a>>,
    description: &'a Value,
    entries: &'a [String],
}

#[derive(Serialize)]
struct SourceRecord<'a> {
    engine: &'a str,
    engine_version: &'a str,
    scene: &'a str,
}

#[derive(Serialize)]
struct CameraRecord<'a> {
    name: &'a str,
    width: u32,
    height: u32,
}

#[derive(Serialize)]
struct ClassRecord<'a> {
    id: u32,
    name: &'a str,
    instances: usize,
}

/// The text of a manifest.
pub(crate) fn render(
    plan: &Plan,
    card: &Card,
    contents: &Contents,
    entries: &[String],
) -> Result<Vec<u8>> {
    let cameras = plan.cameras.iter().map(|camera| CameraRecord {
        name: camera.name.as_str(),
        width: camera.width,
        height: camera.height,
    });
    let manifest = Manifest {
        generator: GENERATOR,
        generator_version: env!("CARGO_PKG_VERSION"),
        format: card.format,
        format_version: card.format_version,
        complete: contents.samples == plan.samples,
        samples: contents.samples,
        planned_samples: plan.samples,
        files: contents.files,
        bytes: contents.bytes,
        created: plan
            .created
            .map(|time| humantime::format_rfc3339_seconds(time).to_string()),
        seed: plan.seed,
        source: SourceRecord {
            engine: &plan.source.engine_name,
            engine_version: &plan.source.engine_version,
            scene: &plan.source.scene_name,
        },
        settings: &plan.settings,
        cameras: cameras.collect(),
        modalities: plan.modalities.iter().map(|m| m.name()).collect(),
        classes: contents.classes.list(),
        description: &card.description,
        entries,
    };
    let mut text =
        serde_json::to_vec_pretty(&manifest).map_err(|e| Error::internal("manifest", &e))?;
    text.push(b'\n');
    Ok(text)
}
