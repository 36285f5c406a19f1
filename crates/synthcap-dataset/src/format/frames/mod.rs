//! The plain layout: a folder per modality, a file per image, one line of JSON
//! per sample.

mod encoder;
mod layout;

use std::sync::Arc;

use serde_json::{Value, json};
use synthcap::{Modality, ModalitySet};

use self::{encoder::FramesEncoder, layout::Layout};
use super::describe::{self, Image};
use crate::{Card, Encoder, Error, ErrorKind, Plan, Records, Result, Staging, Writer, record};

const NAME: &str = "frames";
const VERSION: u32 = 1;

/// The plain layout: a folder per modality, a file per image, one line of JSON per
/// sample.
///
/// ```text
/// rgb/000000.png           8-bit RGB, sRGB; alpha is left out
/// depth/000000.npy         (height, width) f32, metres along the optical axis, inf: nothing there
/// segmentation/000000.png  16-bit gray, instance IDs, 0: no object
/// normals/000000.npy       (height, width, 3) f32, unit vectors in the wire's world axes, 0: nothing there
/// flow/000000.npy          (height, width, 3) f32: u right, v down in pixels, and 1 where they are valid, else 0
/// frames.jsonl             one line per sample: time, cameras, objects, files with SHA-256
/// manifest.json            what the set is
/// preview.png              a contact sheet
/// ```
///
/// Segmentation is `.npy` with u32 in place of PNG when the plan does not say that
/// all IDs fit 16 bits. With several cameras, each has a folder of its own that
/// holds the folders of the modalities: `left/rgb/000000.png`.
///
/// Depth, flow and normals may be stored in other files as well; see [`DepthFile`],
/// [`FlowFile`] and [`NormalsFile`].
#[derive(Debug, Default)]
pub struct Frames {
    files: Files,
    open: Option<Open>,
}

/// What stands in files other than the usual ones.
#[derive(Clone, Copy, Debug, Default)]
struct Files {
    depth: DepthFile,
    flow: FlowFile,
    normals: NormalsFile,
}

/// How depth is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DepthFile {
    /// `.npy`: f32 metres, infinity where nothing is. Exact.
    #[default]
    Npy,
    /// 16-bit PNG as the KITTI benchmark has it: metres times 256, 0 where nothing is
    /// and beyond 255.99 m.
    KittiPng,
    /// `.exr`: one channel `Z`, f32 metres, infinity where nothing is. Exact.
    #[cfg(feature = "exr")]
    Exr,
}

/// How optical flow is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlowFile {
    /// `.npy`: (height, width, 3) f32, u, v and validity. Exact.
    #[default]
    Npy,
    /// Middlebury's `.flo`: u and v, 1e10 where they are not valid. Exact.
    Flo,
    /// 16-bit PNG as the KITTI benchmark has it: u and v as 64ths of a pixel from
    /// 2^15 up, then validity. Vectors of 512 pixels and more are not valid there.
    KittiPng,
}

/// How normals are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum NormalsFile {
    /// `.npy`: (height, width, 3) f32. Exact.
    #[default]
    Npy,
    /// `.exr`: channels `X`, `Y`, `Z`. Exact.
    #[cfg(feature = "exr")]
    Exr,
}

#[derive(Debug)]
struct Open {
    plan: Arc<Plan>,
    layout: Arc<Layout>,
}

impl Frames {
    /// The format, ready to be opened.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores depth in this kind of file.
    #[must_use]
    pub fn with_depth(mut self, file: DepthFile) -> Self {
        self.files.depth = file;
        self
    }

    /// Stores flow in this kind of file.
    #[must_use]
    pub fn with_flow(mut self, file: FlowFile) -> Self {
        self.files.flow = file;
        self
    }

    /// Stores normals in this kind of file.
    #[must_use]
    pub fn with_normals(mut self, file: NormalsFile) -> Self {
        self.files.normals = file;
        self
    }

    fn opened(&self) -> Result<&Open> {
        self.open.as_ref().ok_or_else(|| {
            Error::new(
                ErrorKind::Internal,
                "the frames writer was used before it was opened",
                "open it first",
            )
        })
    }
}

impl Writer for Frames {
    fn format(&self) -> &'static str {
        NAME
    }

    fn modalities(&self) -> ModalitySet {
        ModalitySet::ALL
    }

    fn open(&mut self, plan: &Arc<Plan>, _output: &mut Staging) -> Result<Arc<dyn Encoder>> {
        let layout = Arc::new(Layout::new(plan, self.files));
        self.open = Some(Open {
            plan: plan.clone(),
            layout: layout.clone(),
        });
        Ok(Arc::new(FramesEncoder::new(layout)))
    }

    fn finish(&mut self, _records: &Records, _output: &mut Staging) -> Result<Card> {
        let open = self.opened()?;
        Ok(Card::new(NAME, VERSION, describe(&open.plan, &open.layout)))
    }
}

/// Units, axes and layout, for the manifest.
fn describe(plan: &Plan, layout: &Layout) -> Value {
    let files = layout.files;
    let images = describe::images(plan, |modality| {
        let (array, unit) = match modality {
            Modality::Depth if files.depth == DepthFile::KittiPng => (
                "(height, width) uint16",
                "metres along the optical axis times 256; 0 where nothing is, and beyond 255.99 m",
            ),
            Modality::Flow if files.flow == FlowFile::Flo => (
                "(height, width, 2) float32",
                "u right and v down in pixels, 1e10 where not valid; the direction is with each view",
            ),
            Modality::Flow if files.flow == FlowFile::KittiPng => (
                "(height, width, 3) uint16",
                "u right and v down in pixels times 64 plus 32768, then 1 where they are valid; the direction is with each view",
            ),
            other => describe::array(other, layout.ids),
        };
        let views = 0..plan.cameras.len();
        Image {
            paths: views.map(|view| layout.pattern(view, modality)).collect(),
            array,
            unit,
        }
    });
    json!({
        "index": record::FILE_NAME,
        "images": images,
        "conventions": describe::conventions(&[]),
    })
}
