//! The names of the classes, the same throughout a set.

use std::collections::BTreeMap;

use crate::{Error, ErrorKind, Plan, Result, Sample};

/// The classes that the plan knows and those that have occurred.
#[derive(Debug, Default)]
pub(crate) struct ClassNames(BTreeMap<u32, String>);

impl ClassNames {
    pub(crate) fn of(plan: &Plan) -> Self {
        Self(plan.classes.clone())
    }

    /// Takes in classes that have occurred before.
    pub(crate) fn know(&mut self, classes: BTreeMap<u32, String>) {
        self.0.extend(classes);
    }

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
            let name = self
                .0
                .entry(label.class_id)
                .or_insert_with(|| label.class_name.clone());
            if *name != label.class_name {
                return Err(Error::new(
                    ErrorKind::InvalidSample,
                    format!(
                        "class {} is {:?} in sample {}, but was {name:?} before",
                        label.class_id, label.class_name, sample.index
                    ),
                    "give each class an ID of its own in the simulator",
                ));
            }
        }
        Ok(())
    }
}
