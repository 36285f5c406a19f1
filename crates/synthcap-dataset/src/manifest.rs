//! `manifest.json`: what a data set is, in every format. It also marks a folder
//! as ours, which is what allows overwriting it.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Card, Error, Plan, Records, Result,
    statistics::{ClassSummary, Statistics, Summary},
};

pub(crate) const FILE_NAME: &str = "manifest.json";

/// Says who wrote a manifest, whatever the format and version.
const GENERATOR: &str = "synthcap";

/// The format of a folder with several formats in it.
const SEVERAL: &str = "several";

/// What tells a data set of ours.
#[derive(Deserialize)]
struct Identity {
    generator: String,
    format: String,
    #[serde(default)]
    formats: Vec<String>,
    entries: Vec<String>,
}

fn identity(root: &Path) -> Option<Identity> {
    let text = fs::read(root.join(FILE_NAME)).ok()?;
    let identity: Identity = serde_json::from_slice(&text).ok()?;
    (identity.generator == GENERATOR).then_some(identity)
}

/// The top-level entries of the data set of ours that stands in a folder.
pub(crate) fn entries_of(root: &Path) -> Option<Vec<String>> {
    identity(root).map(|identity| identity.entries)
}

/// The formats of the data set of ours that stands in a folder.
pub(crate) fn formats_of(root: &Path) -> Option<Vec<String>> {
    identity(root).map(|identity| match identity.formats.is_empty() {
        true => vec![identity.format],
        false => identity.formats,
    })
}

/// What lies beside the manifest, with the manifest itself.
pub(crate) fn with_own_name(mut entries: Vec<String>) -> Vec<String> {
    entries.push(FILE_NAME.to_owned());
    entries.sort();
    entries
}

/// What the set turned out to hold.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) samples: u64,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) statistics: Statistics,
}

impl Contents {
    /// Of the samples that these records are of.
    pub(crate) fn of(records: &Records) -> Result<Self> {
        let mut contents = Self::default();
        for record in records.read()? {
            let record = record?;
            contents.samples += 1;
            for file in record.all_files() {
                contents.files += 1;
                contents.bytes += file.bytes;
            }
            contents.statistics.add(&record);
        }
        Ok(contents)
    }
}

/// The manifest, in the order in which people read it.
#[derive(Serialize)]
struct Manifest<'a> {
    generator: &'static str,
    generator_version: &'static str,
    format: &'static str,
    format_version: u32,
    #[serde(flatten)]
    set: Set<'a>,
    classes: Vec<ClassSummary<'a>>,
    statistics: Summary,
    description: &'a Value,
    entries: &'a [String],
}

/// The manifest of a folder with several formats.
#[derive(Serialize)]
struct Overview<'a> {
    generator: &'static str,
    generator_version: &'static str,
    format: &'static str,
    formats: &'a [&'static str],
    #[serde(flatten)]
    set: Set<'a>,
    entries: &'a [String],
}

/// What is the same in every format.
#[derive(Serialize)]
struct Set<'a> {
    complete: bool,
    samples: u64,
    planned_samples: u64,
    files: u64,
    bytes: u64,
    created: Option<String>,
    license: Option<&'a str>,
    seed: u64,
    source: SourceRecord<'a>,
    settings: &'a Value,
    cameras: Vec<CameraRecord<'a>>,
    modalities: Vec<&'static str>,
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

impl<'a> Set<'a> {
    fn new(plan: &'a Plan, samples: u64, files: u64, bytes: u64) -> Self {
        let cameras = plan.cameras.iter().map(|camera| CameraRecord {
            name: camera.name.as_str(),
            width: camera.width,
            height: camera.height,
        });
        Self {
            complete: samples == plan.samples,
            samples,
            planned_samples: plan.samples,
            files,
            bytes,
            created: plan
                .created
                .map(|time| humantime::format_rfc3339_seconds(time).to_string()),
            license: Some(plan.license.as_str()).filter(|license| !license.is_empty()),
            seed: plan.seed,
            source: SourceRecord {
                engine: &plan.source.engine_name,
                engine_version: &plan.source.engine_version,
                scene: &plan.source.scene_name,
            },
            settings: &plan.settings,
            cameras: cameras.collect(),
            modalities: plan.modalities.iter().map(|m| m.name()).collect(),
        }
    }
}

/// The text of a manifest.
pub(crate) fn render(
    plan: &Plan,
    card: &Card,
    contents: &Contents,
    entries: &[String],
) -> Result<Vec<u8>> {
    text(&Manifest {
        generator: GENERATOR,
        generator_version: env!("CARGO_PKG_VERSION"),
        format: card.format,
        format_version: card.format_version,
        set: Set::new(plan, contents.samples, contents.files, contents.bytes),
        classes: contents.statistics.classes(),
        statistics: contents.statistics.summary(),
        description: &card.description,
        entries,
    })
}

/// The text of the manifest over several formats.
pub(crate) fn render_several(
    plan: &Plan,
    formats: &[&'static str],
    contents: &[Contents],
    entries: &[String],
) -> Result<Vec<u8>> {
    let samples = contents.iter().map(|c| c.samples).min().unwrap_or_default();
    let files = contents.iter().map(|c| c.files).sum();
    let bytes = contents.iter().map(|c| c.bytes).sum();
    text(&Overview {
        generator: GENERATOR,
        generator_version: env!("CARGO_PKG_VERSION"),
        format: SEVERAL,
        formats,
        set: Set::new(plan, samples, files, bytes),
        entries,
    })
}

fn text(manifest: &impl Serialize) -> Result<Vec<u8>> {
    let mut text =
        serde_json::to_vec_pretty(manifest).map_err(|e| Error::internal("manifest", &e))?;
    text.push(b'\n');
    Ok(text)
}
