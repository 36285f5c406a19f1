//! `preview.png`: a contact sheet of every modality, coloured so that a person
//! sees at a glance whether it is right.

mod canvas;
mod color;
mod sheet;
mod thumb;
mod tile;

use std::{fs, path::Path, sync::Arc};

use self::thumb::Thumb;
use crate::{Error, ErrorKind, Plan, Result, Sample, encode::png};

pub(crate) const FILE_NAME: &str = "preview.png";

/// Rows of the sheet: frames times cameras.
const ROWS: usize = 4;

/// Gathers a few samples, spread evenly over however many there turn out to be.
///
/// Which ones are kept depends on their places in the whole set alone, so that a set
/// that was resumed, or put together from parts, has the same sheet.
#[derive(Debug)]
pub(crate) struct Preview {
    plan: Arc<Plan>,
    /// Those of the samples offered whose place is a multiple of `stride`, in order.
    /// When there are too many, every other one goes and the stride doubles, so
    /// memory stays bounded however long the set grows.
    kept: Vec<(u64, Thumb)>,
    stride: u64,
    /// The place of the first sample.
    first: u64,
    offered: u64,
}

impl Preview {
    /// For samples whose first has this place in the whole set.
    pub(crate) fn new(plan: &Arc<Plan>, first: u64) -> Self {
        Self {
            plan: plan.clone(),
            kept: Vec::new(),
            stride: 1,
            first,
            offered: 0,
        }
    }

    /// Cameras and frames on the sheet.
    fn shape(&self) -> (usize, usize) {
        let cameras = self.plan.cameras.len().clamp(1, ROWS);
        (cameras, ROWS / cameras)
    }

    /// Takes in the next sample, if it is one of those. Gives back what is to be kept
    /// for a later [`restore`](Self::restore), with the sample's place.
    pub(crate) fn offer(&mut self, sample: &Sample) -> Option<(u64, Stash)> {
        let place = self.first + self.offered;
        self.offered += 1;
        if !place.is_multiple_of(self.stride) {
            return None;
        }
        let (cameras, _) = self.shape();
        let thumb = Thumb::new(sample, cameras);
        let stash = Stash(thumb.clone());
        self.keep(place, thumb);
        Some((place, stash))
    }

    fn keep(&mut self, place: u64, thumb: Thumb) {
        let (_, frames) = self.shape();
        self.kept.push((place, thumb));
        while self.kept.len() > frames * 3 {
            self.stride *= 2;
            let stride = self.stride;
            self.kept.retain(|(place, _)| place.is_multiple_of(stride));
        }
    }

    /// Takes in samples without showing them again: so many more, of which those kept
    /// in the folder `stashed` come with their pictures.
    ///
    /// # Errors
    ///
    /// When a kept picture cannot be read.
    pub(crate) fn restore(&mut self, samples: u64, stashed: &Path) -> Result<()> {
        let begin = self.first + self.offered;
        for place in begin..begin + samples {
            self.offered += 1;
            if place.is_multiple_of(self.stride) {
                let thumb = Stash::read(&stashed.join(Stash::name(place)))?;
                self.keep(place, thumb.0);
            }
        }
        Ok(())
    }

    /// The sheet as PNG.
    ///
    /// # Errors
    ///
    /// When the picture cannot be encoded.
    pub(crate) fn render(&self) -> Result<Vec<u8>> {
        let sheet = sheet::draw(&self.plan, self.offered, &self.chosen());
        png::rgb8(sheet.width(), sheet.height(), sheet.as_rgb())
    }

    /// The kept samples nearest to the middles of equal parts of the set: the very
    /// first sample has no flow to show.
    fn chosen(&self) -> Vec<&Thumb> {
        let (_, frames) = self.shape();
        let Some((first_kept, _)) = self.kept.first() else {
            return Vec::new();
        };
        let mut places: Vec<_> = (0..frames as u64)
            .map(|i| {
                let ideal = self.first + (2 * i + 1) * self.offered / (2 * frames as u64);
                let nearest = (ideal.saturating_sub(*first_kept) + self.stride / 2) / self.stride;
                (nearest as usize).min(self.kept.len() - 1)
            })
            .collect();
        places.dedup();
        places.iter().map(|place| &self.kept[*place].1).collect()
    }
}

/// A small picture on its way to the disk or from it.
#[derive(Debug)]
pub(crate) struct Stash(Thumb);

impl Stash {
    /// The name of its file.
    pub(crate) fn name(place: u64) -> String {
        format!("{place:012}.cbor")
    }

    /// As bytes.
    ///
    /// # Errors
    ///
    /// Never, unless memory ends.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        ciborium::into_writer(&self.0, &mut bytes)
            .map_err(|e| Error::internal("small picture", &e))?;
        Ok(bytes)
    }

    fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(|e| Error::io("read", path, e))?;
        let thumb = ciborium::from_reader(&bytes[..]).map_err(|e| {
            Error::at(
                ErrorKind::Corrupt,
                path,
                format!("{} is not a small picture of a sample: {e}", path.display()),
                "make that part of the set again",
            )
        })?;
        Ok(Self(thumb))
    }
}
