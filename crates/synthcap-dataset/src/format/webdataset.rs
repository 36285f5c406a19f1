//! WebDataset: tar files of samples, for streaming loaders.

use std::{num::NonZeroU64, sync::Arc};

use serde_json::{Value, json};
use synthcap::{Modality, ModalitySet, Pixels, frame::PixelData as _};

use super::{
    describe::{self, Image},
    ids, names,
    shards::{OpenShard, SAMPLES_PER_FILE, Shards},
};
use crate::{
    Card, Encoded, EncodedFile, Encoder, Error, ErrorKind, Plan, Records, Result, Sample, Staging,
    Writer,
    encode::{
        array::{self, IdBits},
        gzip, png,
    },
    record,
};

const NAME: &str = "webdataset";
const VERSION: u32 = 1;
/// A tar file is a sequence of blocks of this size, and ends with two empty ones.
const BLOCK: usize = 512;
const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// How segmentation lies in the shards of [`WebDataset`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LabelFile {
    /// `.npy.gz`: a thirtieth of the array, which loaders unpack by themselves.
    #[default]
    NpyGz,
    /// `.npy`, for readers that do not.
    Npy,
}

/// WebDataset: tar shards in which each sample's files stand one after the other,
/// named by the sample's key.
///
/// ```text
/// train-000000.tar
///   000000.rgb.png              8-bit RGB, sRGB
///   000000.depth.npy            (height, width) f32, metres, inf: nothing there
///   000000.segmentation.npy.gz  (height, width) u16, or u32 where IDs may not fit; 0: no object
///   000000.normals.npy          (height, width, 3) f32
///   000000.flow.npy             (height, width, 3) f32: u, v, valid
///   000000.json                 the record: time, camera, objects
/// frames.jsonl                one line per sample
/// ```
///
/// With several cameras, their names come first: `000000.left.rgb.png`. Labels are
/// arrays, because the usual picture decoder makes 8 bits of 16; loaders unpack `.gz`
/// by themselves.
#[derive(Debug)]
pub struct WebDataset {
    samples_per_file: NonZeroU64,
    labels: LabelFile,
    shard: OpenShard,
    /// Bytes in the shard before the last sample.
    before: u64,
    plan: Option<Arc<Plan>>,
}

impl Default for WebDataset {
    fn default() -> Self {
        Self {
            samples_per_file: SAMPLES_PER_FILE,
            labels: LabelFile::default(),
            shard: OpenShard::default(),
            before: 0,
            plan: None,
        }
    }
}

impl WebDataset {
    /// The format, with 100 samples in a shard.
    pub fn new() -> Self {
        Self::default()
    }

    /// With so many samples in a shard.
    #[must_use]
    pub fn with_samples_per_file(mut self, samples: NonZeroU64) -> Self {
        self.samples_per_file = samples;
        self
    }

    /// With segmentation in such files.
    #[must_use]
    pub fn with_labels(mut self, labels: LabelFile) -> Self {
        self.labels = labels;
        self
    }

    fn shards(&self) -> Shards {
        Shards {
            prefix: "train",
            extension: "tar",
            samples_per_file: self.samples_per_file,
        }
    }

    fn close(&mut self) -> Result<()> {
        if let Some(file) = self.shard.file()
            && file.entries().len_bytes() > 0
        {
            file.entries().append(&END)?;
        }
        self.shard.close()
    }
}

impl Writer for WebDataset {
    fn format(&self) -> &'static str {
        NAME
    }

    fn modalities(&self) -> ModalitySet {
        ModalitySet::ALL
    }

    fn samples_per_file(&self) -> NonZeroU64 {
        self.samples_per_file
    }

    fn open(&mut self, plan: &Arc<Plan>, _output: &mut Staging) -> Result<Arc<dyn Encoder>> {
        self.plan = Some(plan.clone());
        Ok(Arc::new(TarEncoder {
            cameras: cameras(plan),
            ids: ids::bits(plan),
            labels: self.labels,
            shards: self.shards(),
        }))
    }

    fn append(&mut self, encoded: &Encoded, output: &mut Staging) -> Result<()> {
        let path = self.shards().path(encoded.index);
        if !self.shard.is(&path) {
            self.close()?;
            self.shard.begin(&path, output)?;
        }
        let headers: Vec<_> = encoded.files.iter().map(header).collect();
        let members = encoded.files.iter().zip(&headers);
        let parts: Vec<&[u8]> = members
            .flat_map(|(file, header)| member(file, header))
            .collect();
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        let Some(file) = self.shard.file() else {
            return Ok(());
        };
        let entries = file.entries();
        self.before = entries.len_bytes();
        // With the end, so that the shard can be closed when the disk is full.
        entries.reserve((bytes + END.len()) as u64)?;
        entries.append_parts(parts)
    }

    fn retract(&mut self, _encoded: &Encoded, _output: &mut Staging) {
        if let Some(file) = self.shard.file() {
            // The failure to report is the one that made this necessary.
            let _ = file.entries().truncate(self.before);
        }
    }

    fn finish(&mut self, _records: &Records, _output: &mut Staging) -> Result<Card> {
        self.close()?;
        let plan = self.plan.as_ref();
        Ok(Card::new(
            NAME,
            VERSION,
            plan.map_or(Value::Null, |plan| {
                describe(plan, &self.shards(), self.labels)
            }),
        ))
    }
}

/// What stands between key and modality: nothing, or the camera with its dot.
fn cameras(plan: &Plan) -> Vec<String> {
    let folders = names::camera_folders(plan);
    let dotted = |folder: &String| match folder.strip_suffix('/') {
        // Keys end at the first dot, and readers take the rest as one word.
        Some(camera) => format!("{}.", camera.replace('.', "_")),
        None => String::new(),
    };
    folders.iter().map(dotted).collect()
}

fn extension(modality: Modality, labels: LabelFile) -> &'static str {
    match modality {
        Modality::Rgb => "png",
        Modality::Segmentation if labels == LabelFile::NpyGz => "npy.gz",
        _ => "npy",
    }
}

fn describe(plan: &Plan, shards: &Shards, labels: LabelFile) -> Value {
    let images = describe::images(plan, |modality| {
        let (array, unit) = describe::array(modality, ids::bits(plan));
        let member = |camera: &String| {
            let extension = extension(modality, labels);
            format!(
                "{}/{{index:06}}.{camera}{modality}.{extension}",
                shards.pattern()
            )
        };
        Image {
            paths: cameras(plan).iter().map(member).collect(),
            array,
            unit,
        }
    });
    json!({
        "index": record::FILE_NAME,
        "samples_per_file": shards.samples_per_file,
        "images": images,
        "conventions": describe::conventions(&[(
            "json",
            "the sample's record: the line of frames.jsonl without its files",
        )]),
    })
}

#[derive(Debug)]
struct TarEncoder {
    cameras: Vec<String>,
    ids: IdBits,
    labels: LabelFile,
    shards: Shards,
}

impl TarEncoder {
    /// An image as a member of this name.
    fn member(&self, index: u64, path: String, pixels: &Pixels) -> Result<EncodedFile> {
        if let Pixels::Rgb(rgb) = pixels {
            return Ok(EncodedFile::new(path, Vec::new(), png::picture(rgb)?));
        }
        let (head, body) = array::npy(index, pixels, self.ids)?;
        if pixels.modality() == Modality::Segmentation && self.labels == LabelFile::NpyGz {
            let packed = gzip::compress(&head, &body)?;
            return Ok(EncodedFile::new(path, Vec::new(), packed));
        }
        Ok(EncodedFile::new(path, head, body))
    }
}

impl Encoder for TarEncoder {
    fn encode(&self, sample: &Sample) -> Result<Encoded> {
        let index = sample.index;
        let mut files = Vec::new();
        for (view, (camera, seen)) in self.cameras.iter().zip(&sample.views).enumerate() {
            for pixels in &seen.images {
                let modality = pixels.modality();
                let extension = extension(modality, self.labels);
                let path = format!("{index:06}.{camera}{modality}.{extension}");
                let file = self.member(index, path, pixels)?;
                fits_tar(&file)?;
                files.push(file.showing(view, modality));
            }
        }
        let gist = record::Gist::of(sample)?;
        let text = record::line(sample, &gist, &Encoded::new(index, Vec::new()))?;
        files.push(EncodedFile::new(
            format!("{index:06}.json"),
            Vec::new(),
            text,
        ));
        let mut encoded = Encoded::new(index, files);
        encoded.shard = Some(self.shards.path(index));
        encoded.gist = Some(gist);
        Ok(encoded)
    }
}

/// The plain tar header has room for 100 bytes of name and 8 GiB of content.
fn fits_tar(file: &EncodedFile) -> Result<()> {
    if file.path().len() <= 100 && file.len_bytes() < 1 << 33 {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidSample,
        format!(
            "{} has too long a name, or is too large, for a tar file",
            file.path()
        ),
        "give the camera a shorter name, or the images a smaller size",
    ))
}

/// The block before a member. Nothing in it depends on when and by whom it is made.
fn header(file: &EncodedFile) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    // The length was checked when the file was encoded.
    let _ = header.set_path(file.path());
    header.set_size(file.len_bytes());
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    header
}

fn member<'a>(file: &'a EncodedFile, header: &'a tar::Header) -> [&'a [u8]; 4] {
    let [head, body] = file.chunks();
    let beyond = file.len_bytes() as usize % BLOCK;
    let padding = (BLOCK - beyond) % BLOCK;
    [header.as_bytes(), head, body, &END[..padding]]
}
