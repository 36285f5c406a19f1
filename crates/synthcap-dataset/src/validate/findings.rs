//! What a check has found.

use std::{fmt, path::Path};

use serde::Serialize;

/// What kind of fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// A file is not there or cannot be read.
    Missing,
    /// A file has another size than its record says.
    Size,
    /// A file is not what was written.
    Hash,
    /// A file belongs to no sample.
    Stranger,
    /// The manifest counts otherwise.
    Count,
    /// A record cannot be read.
    Record,
    /// A file is not an image of its kind.
    Image,
    /// An image has another shape than its camera.
    Shape,
    /// A number is outside its range.
    Range,
    /// A class or an instance contradicts another record.
    Class,
    /// An instance ID in a mask stands for no object.
    Instance,
    /// A box does not fit the mask.
    Box,
    /// Depth and pose put an object elsewhere than its 3D box.
    Geometry,
    /// Something is there twice.
    Duplicate,
    /// A scene is in two splits.
    Split,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Fault {
    /// What kind of thing it is.
    pub kind: FaultKind,
    /// The file, or the sample of the index.
    pub place: String,
    /// What is wrong there.
    pub what: String,
}

/// What a check has found.
#[derive(Clone, Debug, Serialize)]
pub struct Findings {
    folder: String,
    format: String,
    /// Samples that were looked at, of all formats.
    pub(super) samples: u64,
    /// Files that were read.
    pub(super) files: u64,
    /// Images that were compared with labels.
    pub(super) images: u64,
    /// All faults, also those beyond the list.
    count: u64,
    faults: Vec<Fault>,
}

/// More are counted, but not listed: one cause often shows in every sample.
const MOST: usize = 1000;

impl Findings {
    pub(super) fn new(root: &Path, format: &str) -> Self {
        Self {
            folder: root.display().to_string(),
            format: format.to_owned(),
            samples: 0,
            files: 0,
            images: 0,
            count: 0,
            faults: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, kind: FaultKind, place: &str, what: &str) {
        self.count += 1;
        if self.faults.len() < MOST {
            self.faults.push(Fault {
                kind,
                place: place.to_owned(),
                what: what.to_owned(),
            });
        }
    }

    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.count == 0
    }

    /// How many faults there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The faults, in the order of the samples; the first thousand.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} ({}): {} samples, {} files read, {} images compared with their labels, {} faults",
            self.folder, self.format, self.samples, self.files, self.images, self.count
        )?;
        for fault in &self.faults {
            writeln!(f, "  {}: {}", fault.place, fault.what)?;
        }
        let more = self.count - self.faults.len() as u64;
        match more {
            0 => Ok(()),
            more => writeln!(f, "  and {more} more"),
        }
    }
}
