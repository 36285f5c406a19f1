//! Image folder: pictures and `metadata.jsonl`, as Hugging Face `datasets` reads them.

use std::sync::Arc;

use serde_json::{Value, json};
use synthcap::{Modality, ModalitySet, Pixels, frame::PixelData as _};

use super::{
    describe::{self, Image},
    ids, names,
    stream::Stream,
};
use crate::{
    Card, Encoded, EncodedFile, Encoder, Plan, Records, Result, Sample, SampleRecord, Staging,
    Writer,
    encode::{array, pixels, png},
    record,
};

const NAME: &str = "imagefolder";
const VERSION: u32 = 1;
const FOLDER: &str = "train/";
const STEPS_PER_METRE: f32 = 1000.0;

/// Image folder for Hugging Face `datasets`: one row per picture of a camera.
///
/// ```text
/// train/rgb/000000.png           8-bit RGB, sRGB; the column `image`
/// train/depth/000000.png         16-bit gray, millimetres, 0: nothing there; the column `depth`
/// train/segmentation/000000.png  16-bit gray, instance IDs; the column `segmentation`
/// train/metadata.jsonl           the other columns: camera, pose, objects
/// frames.jsonl                   one line per sample
/// ```
#[derive(Debug, Default)]
pub struct ImageFolder {
    plan: Option<Arc<Plan>>,
}

impl ImageFolder {
    /// The format.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Writer for ImageFolder {
    fn format(&self) -> &'static str {
        NAME
    }

    fn modalities(&self) -> ModalitySet {
        Modality::Rgb | Modality::Depth | Modality::Segmentation
    }

    fn required(&self) -> ModalitySet {
        Modality::Rgb.into()
    }

    fn check(&self, plan: &Plan) -> Result<()> {
        ids::at_most(plan, NAME, u16::MAX.into())
    }

    fn open(&mut self, plan: &Arc<Plan>, _output: &mut Staging) -> Result<Arc<dyn Encoder>> {
        self.plan = Some(plan.clone());
        Ok(Arc::new(FolderEncoder {
            cameras: names::camera_folders(plan),
        }))
    }

    fn finish(&mut self, records: &Records, output: &mut Staging) -> Result<Card> {
        let mut file = Stream::create("train/metadata.jsonl", output)?;
        for record in records.read()? {
            let record = record?;
            for view in 0..record.views.len() {
                file.json(&row(&record, view))?;
                file.text("\n")?;
            }
        }
        file.finish()?;
        let description = self
            .plan
            .as_ref()
            .map_or(Value::Null, |plan| describe(plan));
        let mut card = Card::new(NAME, VERSION, description);
        card.front_matter =
            "configs:\n- config_name: default\n  data_files:\n  - split: train\n    path: train/**\n".to_owned();
        Ok(card)
    }
}

fn describe(plan: &Plan) -> Value {
    let images = describe::images(plan, |modality| {
        let (array, unit) = match modality {
            Modality::Depth => describe::DEPTH_MM,
            Modality::Segmentation => describe::IDS_16,
            _ => describe::SRGB,
        };
        let path = |camera: &String| format!("{FOLDER}{camera}{modality}/{{index:06}}.png");
        Image {
            paths: names::camera_folders(plan).iter().map(path).collect(),
            array,
            unit,
        }
    });
    json!({
        "index": record::FILE_NAME,
        "images": images,
        "conventions": describe::conventions(&[
            ("objects", "visible ones: bbox [x, y, width, height] in pixels, category is the class ID"),
        ]),
    })
}

/// One line of the metadata. Every row has the same keys, for the column types are
/// guessed from them.
fn row(record: &SampleRecord, view: usize) -> Value {
    let seen = &record.views[view];
    let name = |modality: &str| {
        let file = seen.files.get(modality)?;
        file.path.strip_prefix(FOLDER)
    };
    let visible = record
        .objects
        .iter()
        .filter_map(|object| Some((object, object.views.get(view)?)))
        .filter_map(|(object, seen)| Some((object, seen, seen.visible_box?)));
    let visible: Vec<_> = visible.collect();
    let boxes = visible
        .iter()
        .map(|(_, _, [x0, y0, x1, y1])| [*x0, *y0, x1 - x0, y1 - y0]);
    let mut row = json!({
        "file_name": name("rgb"),
        "index": record.index,
        "camera": seen.camera,
        "intrinsics": seen.intrinsics.map(|k| [k.fx, k.fy, k.cx, k.cy]),
        "camera_to_world_opencv": seen
            .camera_to_world_opencv
            .map(|rows| rows.map(|row| row.map(|n| n.0))),
        "objects": {
            "instance_id": visible.iter().map(|(o, ..)| o.instance_id).collect::<Vec<_>>(),
            "category": visible.iter().map(|(o, ..)| o.class_id).collect::<Vec<_>>(),
            "name": visible.iter().map(|(o, ..)| &o.class_name).collect::<Vec<_>>(),
            "bbox": boxes.collect::<Vec<_>>(),
            "visibility": visible.iter().map(|(_, s, _)| s.visibility).collect::<Vec<_>>(),
        },
    });
    for modality in ["depth", "segmentation"] {
        if let Some(path) = name(modality) {
            row[format!("{modality}_file_name")] = json!(path);
        }
    }
    row
}

#[derive(Debug)]
struct FolderEncoder {
    cameras: Vec<String>,
}

impl Encoder for FolderEncoder {
    fn encode(&self, sample: &Sample) -> Result<Encoded> {
        let index = sample.index;
        let mut files = Vec::new();
        for (view, (camera, seen)) in self.cameras.iter().zip(&sample.views).enumerate() {
            for image in &seen.images {
                let modality = image.modality();
                let (width, height) = (image.width(), image.height());
                let body = match image {
                    Pixels::Rgb(rgb) => png::picture(rgb)?,
                    Pixels::Depth(depth) => {
                        let steps = pixels::depth_steps(depth, STEPS_PER_METRE);
                        png::gray16(width, height, &steps)?
                    }
                    Pixels::Segmentation(segmentation) => {
                        ids::check(index, segmentation.ids(), NAME, u16::MAX.into())?;
                        png::gray16(width, height, &pixels::narrow(index, segmentation)?)?
                    }
                    _ => return Err(array::unknown(modality)),
                };
                let path = format!("{FOLDER}{camera}{modality}/{index:06}.png");
                files.push(EncodedFile::new(path, Vec::new(), body).showing(view, modality));
            }
        }
        Ok(Encoded::new(index, files))
    }
}
