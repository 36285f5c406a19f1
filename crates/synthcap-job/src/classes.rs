//! Class IDs that are the same in every scene.

use std::{collections::BTreeMap, sync::Arc};

use synthcap::{
    Label, ObjectState, Pixels,
    frame::{PixelData as _, Segmentation},
};

use crate::{JobError, Result};

/// The class of things that nobody wants to learn.
pub(crate) const DISTRACTOR: &str = "distractor";

/// The classes of a set; their IDs are their places from 1 on. A simulator may number
/// them otherwise in each scene.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassTable {
    ids: Arc<BTreeMap<String, u32>>,
}

impl ClassTable {
    /// A table of these names, in this order; a name that comes again is passed over.
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        let mut ids = BTreeMap::new();
        for name in names {
            let next = ids.len() as u32 + 1;
            ids.entry(name.into()).or_insert(next);
        }
        Self { ids: Arc::new(ids) }
    }

    /// The names by ID.
    pub fn by_id(&self) -> BTreeMap<u32, String> {
        self.ids
            .iter()
            .map(|(name, id)| (*id, name.clone()))
            .collect()
    }

    /// Gives the label its ID in this table.
    ///
    /// # Errors
    ///
    /// When the table lacks the class; the line says how to list it.
    pub fn apply(&self, label: &mut Label) -> Result<()> {
        if is_distractor(label) {
            DISTRACTOR.clone_into(&mut label.class_name);
        }
        let Some(id) = self.ids.get(&label.class_name) else {
            let names: Vec<_> = self
                .by_id()
                .into_values()
                .map(|n| format!("{n:?}"))
                .collect();
            return Err(JobError::new(format!(
                "the class {:?} of object {:?} is not among those of the job; put classes = [{}, {:?}] \
                 into the job file",
                label.class_name,
                label.object.as_str(),
                names.join(", "),
                label.class_name
            )));
        };
        label.class_id = *id;
        Ok(())
    }

    /// Gives all objects, and the labels of a mask, their IDs.
    ///
    /// # Errors
    ///
    /// As [`apply`](Self::apply).
    pub fn apply_all(&self, objects: &mut [ObjectState]) -> Result<()> {
        objects
            .iter_mut()
            .try_for_each(|o| self.apply(&mut o.label))
    }

    /// The same image with the labels of a mask in the IDs of this table.
    ///
    /// # Errors
    ///
    /// As [`apply`](Self::apply).
    pub fn apply_to_image(&self, pixels: Pixels) -> Result<Pixels> {
        let Pixels::Segmentation(mask) = &pixels else {
            return Ok(pixels);
        };
        let mut labels = mask.labels().to_vec();
        labels.iter_mut().try_for_each(|label| self.apply(label))?;
        let ids = mask.ids().to_vec();
        let mask = Segmentation::new(mask.width(), mask.height(), ids, labels);
        mask.map(Pixels::from)
            .map_err(|e| JobError::new(e.to_string()))
    }
}

/// Whether an object is one that a job has strewn about.
pub(crate) fn is_distractor(label: &Label) -> bool {
    label.object.as_str().starts_with(DISTRACTOR_PREFIX)
}

/// How the names of such objects begin.
pub(crate) const DISTRACTOR_PREFIX: &str = "distractor_";
