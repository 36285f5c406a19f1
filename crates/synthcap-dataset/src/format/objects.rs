//! The objects that a view shows, from its segmentation.

use std::collections::BTreeMap;

use synthcap::{
    Label, Modality, Pixels,
    frame::{PixelData as _, Segmentation},
};

use crate::{
    Error, ErrorKind, Result, Sample,
    encode::rle::{self, Run},
};

/// An object with at least one visible pixel.
#[derive(Debug)]
pub(crate) struct Visible<'a> {
    pub(crate) label: &'a Label,
    /// Its pixels, down the columns.
    pub(crate) runs: Vec<Run>,
    /// x, y, width, height in pixels, around its visible pixels.
    pub(crate) bbox: [u32; 4],
    pub(crate) area: u32,
}

/// The segmentation of a view.
pub(crate) fn segmentation(sample: &Sample, view: usize) -> Result<&Segmentation> {
    let image = sample
        .views
        .get(view)
        .and_then(|view| view.image(Modality::Segmentation));
    match image {
        Some(Pixels::Segmentation(segmentation)) => Ok(segmentation),
        _ => Err(Error::new(
            ErrorKind::InvalidSample,
            format!("sample {} has no segmentation", sample.index),
            "capture that modality, too",
        )),
    }
}

/// The objects in a view, in the order of their instance IDs.
///
/// # Errors
///
/// When one has no class, or its class no name.
pub(crate) fn visible(sample: &Sample, view: usize) -> Result<Vec<Visible<'_>>> {
    let image = segmentation(sample, view)?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let mut by_id: BTreeMap<u32, Vec<Run>> = BTreeMap::new();
    let runs = rle::runs(image.ids(), width, height);
    for same in runs.chunk_by(|a, b| a.id == b.id) {
        if let Some(first) = same.first() {
            by_id.entry(first.id).or_default().extend_from_slice(same);
        }
    }
    let visible = by_id.into_iter().map(|(id, runs)| {
        Ok(Visible {
            label: label(sample, image, id)?,
            bbox: bbox(&runs, image.height()),
            area: runs.iter().map(|run| run.len).sum(),
            runs,
        })
    });
    visible.collect()
}

fn label<'a>(sample: &'a Sample, image: &'a Segmentation, id: u32) -> Result<&'a Label> {
    let of_scene = || {
        let mut labels = sample.objects.iter().map(|object| &object.label);
        labels.find(|label| label.instance_id == id)
    };
    let found = image.label(id).or_else(of_scene);
    found
        .filter(|label| !label.class_name.is_empty())
        .ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidSample,
                format!(
                    "instance {id} in sample {} has no class with a name",
                    sample.index
                ),
                "give every object a class in the simulator, or choose the format frames",
            )
        })
}

fn bbox(runs: &[Run], height: u32) -> [u32; 4] {
    let (mut left, mut top, mut right, mut bottom) = (u32::MAX, u32::MAX, 0, 0);
    for run in runs {
        let last = run.start + run.len - 1;
        left = left.min(run.start / height);
        right = right.max(last / height);
        if run.start / height == last / height {
            top = top.min(run.start % height);
            bottom = bottom.max(last % height);
        } else {
            // It goes on at the top of the next column.
            top = 0;
            bottom = height - 1;
        }
    }
    [left, top, right + 1 - left, bottom + 1 - top]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_hold_all_pixels_and_no_more() {
        // Rows of a 3x4 image.
        #[rustfmt::skip]
        let ids = [
            0, 0, 9,
            0, 8, 9,
            8, 8, 9,
            9, 0, 9,
        ];
        let runs = rle::runs(&ids, 3, 4);
        let of = |id| {
            let own: Vec<_> = runs.iter().copied().filter(|run| run.id == id).collect();
            bbox(&own, 4)
        };
        assert_eq!(of(8), [0, 1, 2, 2]);
        assert_eq!(of(9), [0, 0, 3, 4]);
    }
}
