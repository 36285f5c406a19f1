//! Lines of the index, read back.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead as _, BufReader},
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{Error, ErrorKind, Result};

/// The records of a set: one line of JSON for each sample, on disk, in the samples'
/// order.
#[derive(Clone, Debug)]
pub struct Records {
    path: PathBuf,
}

impl Records {
    /// The records in a file, such as the `frames.jsonl` of a set.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where they are.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads them from the first on, one at a time.
    ///
    /// ```
    /// use synthcap_dataset::Records;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("frames.jsonl");
    /// # std::fs::write(&path, "{\"index\": 4}\n{\"index\": 6}\n")?;
    /// let indices = Records::at(path).read()?.map(|record| record.map(|r| r.index));
    /// assert_eq!(indices.collect::<Result<Vec<_>, _>>()?, [4, 6]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the file cannot be opened.
    pub fn read(&self) -> Result<RecordReader> {
        let file = File::open(&self.path).map_err(|e| Error::io("read", &self.path, e))?;
        Ok(RecordReader {
            path: self.path.clone(),
            lines: BufReader::with_capacity(1 << 20, file),
            buffer: String::new(),
            number: 0,
        })
    }
}

/// Reads [`Records`]; memory stays that of one record.
#[derive(Debug)]
pub struct RecordReader {
    path: PathBuf,
    lines: BufReader<File>,
    buffer: String,
    number: u64,
}

impl Iterator for RecordReader {
    type Item = Result<SampleRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_as()
    }
}

impl RecordReader {
    /// The next record, or as much of it as is wanted: objects are most of it, and to
    /// pass them over takes a fraction of the time.
    pub(crate) fn next_as<T: DeserializeOwned>(&mut self) -> Option<Result<T>> {
        self.buffer.clear();
        self.number += 1;
        match self.lines.read_line(&mut self.buffer) {
            Ok(0) => None,
            Ok(_) => Some(serde_json::from_str(&self.buffer).map_err(|e| self.broken(&e.into()))),
            Err(e) => Some(Err(self.broken(&e))),
        }
    }

    fn broken(&self, why: &io::Error) -> Error {
        Error::at(
            ErrorKind::Corrupt,
            &self.path,
            format!(
                "line {} of {} is not a record: {why}",
                self.number,
                self.path.display()
            ),
            "capture the set again",
        )
    }
}

/// What the record of a sample says. Numbers that were not finite read as NaN.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct SampleRecord {
    /// Its place in the set.
    pub index: u64,
    /// What its scene was made from.
    #[serde(default)]
    pub seed: u64,
    /// Simulation time, seconds.
    #[serde(default)]
    pub sim_time_s: Option<f64>,
    /// In the order of the plan's cameras.
    #[serde(default)]
    pub views: Vec<ViewRecord>,
    /// The objects of the scene.
    #[serde(default)]
    pub objects: Vec<ObjectRecord>,
    /// The file that holds the sample's files, for formats with such.
    #[serde(default)]
    pub shard: Option<String>,
    /// The files that are not images of a view.
    #[serde(default)]
    pub files: Vec<FileRecord>,
    #[serde(default)]
    randomization: Drawn,
    #[serde(default)]
    detail: Option<Box<RawValue>>,
}

/// What a record says was drawn; the rest is for people.
#[derive(Clone, Debug, Default, Deserialize)]
struct Drawn {
    #[serde(default)]
    split: Option<String>,
}

impl SampleRecord {
    /// The split that the sample is for, in sets that have such.
    pub fn split(&self) -> Option<&str> {
        self.randomization.split.as_deref()
    }

    /// The format's own part.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] when it is not of this type.
    pub fn detail<T: DeserializeOwned>(&self) -> Result<T> {
        let text = self.detail.as_ref().map_or("null", |raw| raw.get());
        serde_json::from_str(text).map_err(|e| {
            Error::new(
                ErrorKind::Corrupt,
                format!(
                    "the record of sample {} has another detail: {e}",
                    self.index
                ),
                "capture the set again",
            )
        })
    }

    /// All its files: the images, then the others.
    pub fn all_files(&self) -> impl Iterator<Item = &FileRecord> {
        let images = self.views.iter().flat_map(|view| view.files.values());
        images.chain(&self.files)
    }
}

/// What a record says of a view.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ViewRecord {
    /// The camera's name.
    #[serde(default)]
    pub camera: String,
    /// OpenCV camera axes to a right-handed world, Z up, metres.
    #[serde(default)]
    pub camera_to_world_opencv: Option<[[Number; 4]; 4]>,
    /// In pixels.
    #[serde(default)]
    pub intrinsics: Option<CameraRecord>,
    /// Of the depth image, where there is one with anything in it.
    #[serde(default)]
    pub depth: Option<DepthRange>,
    /// By the name of the modality.
    #[serde(default)]
    pub files: BTreeMap<String, FileRecord>,
}

/// A number; `null` reads as NaN.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(from = "Option<f64>")]
pub struct Number(pub f64);

impl From<Option<f64>> for Number {
    fn from(number: Option<f64>) -> Self {
        Self(number.unwrap_or(f64::NAN))
    }
}

/// A pinhole camera.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct CameraRecord {
    /// Image width, pixels.
    pub width: u32,
    /// Image height, pixels.
    pub height: u32,
    /// Focal length along a row, pixels.
    pub fx: f64,
    /// Focal length along a column, pixels.
    pub fy: f64,
    /// Principal point from the left edge, pixels.
    pub cx: f64,
    /// Principal point from the top edge, pixels.
    pub cy: f64,
}

/// The depths that occur in an image; background is left out.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, Deserialize)]
#[non_exhaustive]
pub struct DepthRange {
    /// Least depth, metres.
    pub min_m: f64,
    /// Greatest depth, metres.
    pub max_m: f64,
    /// Mean depth, metres.
    pub mean_m: f64,
    /// Pixels that are not background.
    pub pixels: u64,
}

impl DepthRange {
    /// Of an image in metres; `None` when nothing is in it.
    pub(super) fn of(metres: &[f32]) -> Option<Self> {
        let mut lanes = Lanes::default();
        let (rows, rest) = metres.as_chunks();
        rows.iter().for_each(|row| lanes.add(row));
        let mut last = [f32::NAN; LANES];
        last[..rest.len()].copy_from_slice(rest);
        lanes.add(&last);
        let pixels = lanes.pixels.iter().map(|n| u64::from(*n)).sum();
        (pixels > 0).then(|| Self {
            min_m: lanes.min.into_iter().fold(f32::INFINITY, f32::min).into(),
            max_m: lanes.max.into_iter().fold(0.0, f32::max).into(),
            mean_m: lanes.sum.iter().sum::<f64>() / pixels as f64,
            pixels,
        })
    }
}

/// So many pixels are looked at side by side, which compilers turn into instructions
/// for several numbers at once. The number is fixed, and with it the order in which
/// they are added: the mean is the same on every machine.
const LANES: usize = 16;

/// What was found in each lane.
struct Lanes {
    min: [f32; LANES],
    max: [f32; LANES],
    sum: [f64; LANES],
    pixels: [u32; LANES],
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            min: [f32::INFINITY; LANES],
            max: [0.0; LANES],
            sum: [0.0; LANES],
            pixels: [0; LANES],
        }
    }
}

impl Lanes {
    /// Without a branch, so that the lanes stay side by side.
    fn add(&mut self, metres: &[f32; LANES]) {
        for (i, &depth) in metres.iter().enumerate() {
            let there = depth.is_finite();
            let low = if there { depth } else { f32::INFINITY };
            let high = if there { depth } else { 0.0 };
            // Not `f32::min`, which takes care of NaN once more.
            self.min[i] = if low < self.min[i] { low } else { self.min[i] };
            self.max[i] = if high > self.max[i] {
                high
            } else {
                self.max[i]
            };
            self.sum[i] += f64::from(high);
            self.pixels[i] += u32::from(there);
        }
    }
}

/// A file, or a named part of a larger one.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, Deserialize)]
#[non_exhaustive]
pub struct FileRecord {
    /// The path relative to the set's folder, or the name in the larger file.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of the content, as hexadecimal text.
    pub sha256: String,
}

/// What a record says of an object.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ObjectRecord {
    /// Its number in segmentations.
    pub instance_id: u32,
    /// Its name.
    pub name: String,
    /// Its class.
    pub class_id: u32,
    /// The name of its class.
    #[serde(rename = "class")]
    pub class_name: String,
    /// Its box in the world.
    pub box_3d: BoxRecord,
    /// What each view sees of it; empty when the server does not say.
    #[serde(default)]
    pub views: Vec<ObjectViewRecord>,
}

/// An oriented box in the right-handed world, Z up.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct BoxRecord {
    /// Whole edges, metres.
    pub size_m: [Number; 3],
    /// From the box's axes (X forward, Y left, Z up) to the world, metres.
    pub box_to_world: [[Number; 4]; 4],
}

/// What a view sees of an object.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct ObjectViewRecord {
    /// [x_min, y_min, x_max, y_max], pixels, right and bottom exclusive.
    #[serde(default)]
    pub visible_box: Option<[f64; 4]>,
    /// As if nothing stood before it, clipped to the image.
    #[serde(default)]
    pub full_box: Option<[f64; 4]>,
    /// Pixels that show it.
    pub visible_pixels: u32,
    /// Visible pixels over those it would cover unoccluded, 0 to 1.
    #[serde(default)]
    pub visibility: Option<f64>,
}
