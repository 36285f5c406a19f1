//! Image folder: pictures and `metadata.jsonl`, as Hugging Face `datasets` reads them.

use std::sync::Arc;

use serde::Serialize;
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

    fn index_bytes(&mut self, _encoded: &Encoded, record_bytes: u64) -> u64 {
        record_bytes
    }

    fn finish(&mut self, records: &Records, output: &mut Staging) -> Result<Card> {
        let mut file = Stream::create("train/metadata.jsonl", output)?;
        for record in records.read()? {
            let record = record?;
            for view in 0..record.views.len() {
                file.json(&Row::new(&record, view))?;
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
/// guessed from them. `file_name` comes first: the loader gives it to the first
/// column of images.
#[derive(Serialize)]
struct Row<'a> {
    file_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    depth_file_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segmentation_file_name: Option<&'a str>,
    index: u64,
    camera: &'a str,
    intrinsics: Option<[f64; 4]>,
    camera_to_world_opencv: Option<[[f64; 4]; 4]>,
    objects: Objects<'a>,
}

/// The visible objects of a row.
#[derive(Default, Serialize)]
struct Objects<'a> {
    instance_id: Vec<u32>,
    category: Vec<u32>,
    name: Vec<&'a str>,
    bbox: Vec<[f64; 4]>,
    visibility: Vec<Option<f64>>,
}

impl<'a> Row<'a> {
    fn new(record: &'a SampleRecord, view: usize) -> Self {
        let seen = &record.views[view];
        let name = |modality: &str| {
            let file = seen.files.get(modality)?;
            file.path.strip_prefix(FOLDER)
        };
        Self {
            file_name: name("rgb"),
            depth_file_name: name("depth"),
            segmentation_file_name: name("segmentation"),
            index: record.index,
            camera: &seen.camera,
            intrinsics: seen.intrinsics.map(|k| [k.fx, k.fy, k.cx, k.cy]),
            camera_to_world_opencv: seen
                .camera_to_world_opencv
                .map(|rows| rows.map(|row| row.map(|n| n.0))),
            objects: Objects::of(record, view),
        }
    }
}

impl<'a> Objects<'a> {
    fn of(record: &'a SampleRecord, view: usize) -> Self {
        let mut objects = Self::default();
        for object in &record.objects {
            let Some((seen, [x0, y0, x1, y1])) = object
                .views
                .get(view)
                .and_then(|seen| Some((seen, seen.visible_box?)))
            else {
                continue;
            };
            objects.instance_id.push(object.instance_id);
            objects.category.push(object.class_id);
            objects.name.push(&object.class_name);
            objects.bbox.push([x0, y0, x1 - x0, y1 - y0]);
            objects.visibility.push(seen.visibility);
        }
        objects
    }
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
