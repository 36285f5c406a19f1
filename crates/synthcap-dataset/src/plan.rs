//! What is known of a data set before its first sample.

use std::{collections::BTreeMap, time::SystemTime};

use serde_json::Value;
use synthcap::{CameraName, Modality, ModalitySet, frame::PixelData};

use crate::{Error, ErrorKind, Result, Sample, SampleView};

/// What a data set will hold. Formats decide on it, before the capture starts,
/// whether they can carry the set and what its files are called.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// The cameras, each with one view in every sample.
    pub cameras: Vec<PlannedCamera>,
    /// The images of each view.
    pub modalities: ModalitySet,
    /// How many samples the whole set has.
    pub samples: u64,
    /// The seed of the whole set.
    pub seed: u64,
    /// The highest instance ID that can occur, when that is known. Up to 65,535
    /// lets formats store segmentation as 16-bit images; a sample with a higher
    /// one is then refused. Default: unknown.
    pub max_instance_id: Option<u32>,
    /// The classes that can occur, by ID, as far as they are known. Formats may then
    /// refuse what they cannot hold before the capture. Default: none known.
    pub classes: BTreeMap<u32, String>,
    /// Whether samples come with objects: their classes, poses and boxes. Default:
    /// yes.
    pub describes_objects: bool,
    /// The licence of the set, as its SPDX identifier or in words. Default: empty,
    /// not stated.
    pub license: String,
    /// Where the images come from. Default: empty.
    pub source: Source,
    /// What the set was made with, for whoever wants to make it again. Default:
    /// null.
    pub settings: Value,
    /// When it was made; goes into the manifest only. Default: not stated, which
    /// makes manifests of the same set equal.
    pub created: Option<SystemTime>,
}

/// A camera of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedCamera {
    /// Its name.
    pub name: CameraName,
    /// Image width, pixels.
    pub width: u32,
    /// Image height, pixels.
    pub height: u32,
}

impl PlannedCamera {
    /// A camera with its image size in pixels.
    pub fn new(name: impl Into<CameraName>, width: u32, height: u32) -> Self {
        Self {
            name: name.into(),
            width,
            height,
        }
    }
}

/// The simulator that made the images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Name of the simulator.
    pub engine_name: String,
    /// Its version.
    pub engine_version: String,
    /// The scene.
    pub scene_name: String,
}

impl Plan {
    /// A plan with the fields that have no default.
    pub fn new(
        cameras: Vec<PlannedCamera>,
        modalities: ModalitySet,
        samples: u64,
        seed: u64,
    ) -> Self {
        Self {
            cameras,
            modalities,
            samples,
            seed,
            max_instance_id: None,
            classes: BTreeMap::new(),
            describes_objects: true,
            license: String::new(),
            source: Source::default(),
            settings: Value::Null,
            created: None,
        }
    }

    /// Whether the plan makes sense.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidPlan`] when it has no camera, no modality, no sample,
    /// an empty image, two cameras of one name or a class without a name.
    pub fn check(&self) -> Result<()> {
        let invalid = |problem: String, remedy: &str| {
            Err(Error::new(ErrorKind::InvalidPlan, problem, remedy))
        };
        if self.cameras.is_empty() {
            return invalid("the plan has no camera".into(), "name at least one");
        }
        if self.modalities.is_empty() {
            return invalid("the plan has no modality".into(), "name at least one");
        }
        if self.samples == 0 {
            return invalid("the plan has no sample".into(), "ask for at least one");
        }
        if let Some((id, _)) = self.classes.iter().find(|(_, name)| name.is_empty()) {
            let problem = format!("class {id} has no name");
            return invalid(problem, "name every class in the simulator");
        }
        for (i, camera) in self.cameras.iter().enumerate() {
            if camera.width == 0 || camera.height == 0 {
                let problem = format!(
                    "camera {:?} has images of {}x{} pixels",
                    camera.name, camera.width, camera.height
                );
                return invalid(problem, "both must be at least 1");
            }
            if self.cameras[..i].iter().any(|c| c.name == camera.name) {
                let problem = format!("camera {:?} is in the plan twice", camera.name);
                return invalid(problem, "name each camera once");
            }
        }
        Ok(())
    }

    /// Whether a sample is what the plan says.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidSample`] when cameras, modalities or sizes differ.
    pub fn check_sample(&self, sample: &Sample) -> Result<()> {
        let index = sample.index;
        if sample.views.len() != self.cameras.len() {
            return Err(Error::new(
                ErrorKind::InvalidSample,
                format!(
                    "sample {index} has {} views, but the plan has {} cameras",
                    sample.views.len(),
                    self.cameras.len()
                ),
                "give one view per camera",
            ));
        }
        for (camera, view) in self.cameras.iter().zip(&sample.views) {
            self.check_view(index, camera, view)?;
        }
        let views = sample.views.len();
        let torn = |count: usize| count != 0 && count != views;
        if let Some(object) = sample.objects.iter().find(|o| torn(o.views.len())) {
            return Err(Error::new(
                ErrorKind::InvalidSample,
                format!(
                    "object {:?} of sample {index} is described for {} views, but there are {views}",
                    object.label.object,
                    object.views.len()
                ),
                "describe it for each view, or for none",
            ));
        }
        Ok(())
    }

    fn check_view(&self, index: u64, camera: &PlannedCamera, view: &SampleView) -> Result<()> {
        let invalid = |problem: String, remedy: String| {
            Err(Error::new(ErrorKind::InvalidSample, problem, remedy))
        };
        if view.camera != camera.name {
            return invalid(
                format!(
                    "sample {index} has a view of camera {:?} in place of {:?}",
                    view.camera, camera.name
                ),
                "give the views in the order of the plan's cameras".into(),
            );
        }
        for modality in Modality::ALL {
            let count = view
                .images
                .iter()
                .filter(|pixels| pixels.modality() == modality)
                .count();
            let planned = usize::from(self.modalities.contains(modality));
            if count != planned {
                return invalid(
                    format!(
                        "sample {index} has {count} {modality} images of camera {:?}",
                        camera.name
                    ),
                    format!("the plan wants {planned}"),
                );
            }
        }
        let size = |pixels: &synthcap::Pixels| (pixels.width(), pixels.height());
        let planned = (camera.width, camera.height);
        if let Some(odd) = view.images.iter().find(|pixels| size(pixels) != planned) {
            return invalid(
                format!(
                    "the {} image of sample {index}, camera {:?}, is {}x{} pixels",
                    odd.modality(),
                    camera.name,
                    odd.width(),
                    odd.height()
                ),
                format!("the plan wants {}x{}", camera.width, camera.height),
            );
        }
        Ok(())
    }
}
