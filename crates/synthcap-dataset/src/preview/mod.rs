//! `preview.png`: a contact sheet of every modality, coloured so that a person
//! sees at a glance whether it is right.

mod canvas;
mod color;
mod sheet;
mod thumb;
mod tile;

use std::sync::Arc;

use self::thumb::Thumb;
use crate::{Plan, Result, Sample, encode::png};

pub(crate) const FILE_NAME: &str = "preview.png";

/// Rows of the sheet: frames times cameras.
const ROWS: usize = 4;

/// Gathers a few samples, spread evenly over however many there turn out to be.
#[derive(Debug)]
pub(crate) struct Preview {
    plan: Arc<Plan>,
    /// Every `stride`th of the samples offered, in order. When there are too many,
    /// every other one goes and the stride doubles, so memory stays bounded
    /// however long the set grows.
    kept: Vec<Thumb>,
    stride: u64,
    offered: u64,
}

impl Preview {
    pub(crate) fn new(plan: &Arc<Plan>) -> Self {
        Self {
            plan: plan.clone(),
            kept: Vec::new(),
            stride: 1,
            offered: 0,
        }
    }

    /// Cameras and frames on the sheet.
    fn shape(&self) -> (usize, usize) {
        let cameras = self.plan.cameras.len().clamp(1, ROWS);
        (cameras, ROWS / cameras)
    }

    /// Takes in the next sample, if it is one of those.
    pub(crate) fn offer(&mut self, sample: &Sample) {
        let (cameras, frames) = self.shape();
        if self.offered.is_multiple_of(self.stride) {
            self.kept.push(Thumb::new(sample, cameras));
            if self.kept.len() > frames * 3 {
                let mut place = 0_u32;
                self.kept.retain(|_| {
                    place += 1;
                    place % 2 == 1
                });
                self.stride *= 2;
            }
        }
        self.offered += 1;
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
        let mut places: Vec<_> = (0..frames as u64)
            .map(|i| {
                let ideal = (2 * i + 1) * self.offered / (2 * frames as u64);
                let nearest = (ideal + self.stride / 2) / self.stride;
                (nearest as usize).min(self.kept.len().saturating_sub(1))
            })
            .collect();
        places.dedup();
        places
            .iter()
            .filter_map(|place| self.kept.get(*place))
            .collect()
    }
}
