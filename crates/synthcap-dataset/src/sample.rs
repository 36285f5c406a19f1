//! What goes into a data set: everything of one captured instant.

use std::time::Duration;

use serde_json::{Map, Value};
use synthcap::{
    CameraName, Intrinsics, Modality, ObjectState, Pixels, Tick, Transform, frame::PixelData,
};

/// Everything of one captured instant: what each camera saw, what stood in the
/// scene, and what was drawn at random for it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sample {
    /// Its place in the data set; names its files. Indices rise from sample to
    /// sample and may leave gaps, as the parts of a sharded set do.
    pub index: u64,
    /// The simulation tick; `None` from a server without ticks.
    pub tick: Option<Tick>,
    /// Simulation time at that tick; `None` from a server without ticks.
    pub sim_time: Option<Duration>,
    /// The seed that, with the index, made this sample.
    pub seed: u64,
    /// What each camera saw, in the order of the plan's cameras.
    pub views: Vec<SampleView>,
    /// The objects; each one's own views are in the order of [`views`](Self::views),
    /// or missing altogether when the server reports no 2D boxes.
    pub objects: Vec<ObjectState>,
    /// The values drawn at random for this sample, by name.
    pub randomization: Map<String, Value>,
}

impl Sample {
    /// A sample without tick, objects and randomisation, which may be set after.
    pub fn new(index: u64, seed: u64, views: Vec<SampleView>) -> Self {
        Self {
            index,
            tick: None,
            sim_time: None,
            seed,
            views,
            objects: Vec::new(),
            randomization: Map::new(),
        }
    }

    /// Memory that its pixels take, in bytes.
    pub(crate) fn pixel_bytes(&self) -> usize {
        let images = self.views.iter().flat_map(|view| &view.images);
        let bytes = images.map(|pixels| {
            let count = pixels.width() as usize * pixels.height() as usize;
            count * pixels.modality().bytes_per_pixel()
        });
        bytes.sum()
    }
}

/// What one camera saw.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SampleView {
    /// The camera.
    pub camera: CameraName,
    /// Where it was, in the wire's units; `None` from a server that does not say.
    pub pose: Option<Transform>,
    /// For the size of these images; `None` from a server that does not say.
    pub intrinsics: Option<Intrinsics>,
    /// One image per modality of the plan, in any order.
    pub images: Vec<Pixels>,
}

impl SampleView {
    /// The images of a camera of which nothing else is known.
    pub fn new(camera: impl Into<CameraName>, images: Vec<Pixels>) -> Self {
        Self {
            camera: camera.into(),
            pose: None,
            intrinsics: None,
            images,
        }
    }

    /// The image of a modality.
    pub fn image(&self, modality: Modality) -> Option<&Pixels> {
        self.images
            .iter()
            .find(|pixels| pixels.modality() == modality)
    }
}
