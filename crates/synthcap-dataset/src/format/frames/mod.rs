//! The plain layout: a folder per modality, a file per image, one line of JSON
//! per sample.

mod encoder;
mod layout;

use std::sync::Arc;

use serde_json::{Value, json};
use synthcap::{Modality, ModalitySet};

use self::{encoder::FramesEncoder, layout::Layout};
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
#[derive(Debug, Default)]
pub struct Frames {
    open: Option<Open>,
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
        let layout = Arc::new(Layout::new(plan));
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
    let images = plan.modalities.iter().map(|modality| {
        let (shape, unit) = match modality {
            Modality::Rgb => ("(height, width, 3) uint8", "sRGB"),
            Modality::Depth => (
                "(height, width) float32",
                "metres along the optical axis; inf where nothing is",
            ),
            Modality::Segmentation if layout.ids_fit_16_bits() => (
                "(height, width) uint16",
                "instance ID; 0 where no object is",
            ),
            Modality::Segmentation => (
                "(height, width) uint32",
                "instance ID; 0 where no object is",
            ),
            Modality::Normals => (
                "(height, width, 3) float32",
                "unit vectors in the wire's world axes (X forward, Y right, Z up); 0 where nothing is",
            ),
            Modality::Flow => (
                "(height, width, 3) float32",
                "u right and v down in pixels, then 1 where they are valid, else 0; the direction is with each view",
            ),
            _ => ("", ""),
        };
        let paths: Vec<_> = (0..plan.cameras.len())
            .map(|view| layout.pattern(view, modality))
            .collect();
        let entry = json!({ "paths": paths, "array": shape, "unit": unit });
        (modality.name().to_owned(), entry)
    });
    json!({
        "index": record::FILE_NAME,
        "images": Value::Object(images.collect()),
        "conventions": {
            "pose": "wire units: centimetres and degrees, left-handed, X forward, Y right, Z up; roll is applied first, then pitch, then yaw",
            "camera_to_world_opencv": "4x4, row by row, metres; camera axes X right, Y down, Z forward; world right-handed, X as on the wire, Y negated, Z up",
            "intrinsics": "pixels; the centre of the top left pixel is (0.5, 0.5)",
            "box_2d": "[x_min, y_min, x_max, y_max] in pixels, right and bottom exclusive; full: as if nothing stood before it, clipped to the image",
            "box_3d": "oriented box in wire units, and the same as size_m with box_to_world (4x4, metres, the right-handed world above; box axes X forward, Y left, Z up)",
            "visibility": "visible pixels over the pixels it would cover unoccluded, 0 to 1",
            "sha256": "of each file's whole content",
        },
    })
}
