//! COCO: instance and panoptic annotations.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use synthcap::{Modality, ModalitySet, Pixels, frame::PixelData as _};

use super::{
    describe::{self, Image},
    ids, names,
    objects::{self, Visible},
    stream::{Items, Stream},
};
use crate::{
    Card, Encoded, EncodedFile, Encoder, Plan, Records, Result, Sample, SampleRecord, Staging,
    ViewRecord, Writer,
    encode::{array, array::IdBits, pixels, png, rle},
    record,
};

const NAME: &str = "coco";
const VERSION: u32 = 1;
/// A panoptic picture has three bytes for an ID.
const MOST_ID: u32 = (1 << 24) - 1;

/// COCO: pictures, `instances.json` with boxes and run-length masks, panoptic
/// pictures with `panoptic.json`.
///
/// ```text
/// images/000000.png           8-bit RGB, sRGB
/// panoptic/000000.png         8-bit RGB: instance ID = R + 256 G + 65536 B, 0: no object
/// depth/000000.npy            and normals, flow: as in the frames layout
/// annotations/instances.json  images with camera intrinsics, annotations, categories
/// annotations/panoptic.json   segments_info for each image
/// frames.jsonl                one line per sample
/// ```
///
/// Boxes are [x, y, width, height] in pixels around what is visible; masks are of
/// what is visible, `iscrowd` 0. With several cameras, each has a folder in those
/// above.
#[derive(Debug, Default)]
pub struct Coco {
    plan: Option<Arc<Plan>>,
}

impl Coco {
    /// The format.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Writer for Coco {
    fn format(&self) -> &'static str {
        NAME
    }

    fn modalities(&self) -> ModalitySet {
        ModalitySet::ALL
    }

    fn required(&self) -> ModalitySet {
        Modality::Rgb | Modality::Segmentation
    }

    fn check(&self, plan: &Plan) -> Result<()> {
        ids::at_most(plan, NAME, MOST_ID)
    }

    fn open(&mut self, plan: &Arc<Plan>, _output: &mut Staging) -> Result<Arc<dyn Encoder>> {
        self.plan = Some(plan.clone());
        Ok(Arc::new(CocoEncoder {
            folders: names::camera_folders(plan),
        }))
    }

    fn index_bytes(&mut self, _encoded: &Encoded, record_bytes: u64) -> u64 {
        // Both files together say less than twice what the record says.
        2 * record_bytes
    }

    fn finish(&mut self, records: &Records, output: &mut Staging) -> Result<Card> {
        let Some(plan) = &self.plan else {
            return Ok(Card::new(NAME, VERSION, Value::Null));
        };
        let index = Index { plan, records };
        index.write("annotations/instances.json", output, Index::instances)?;
        index.write("annotations/panoptic.json", output, Index::segments)?;
        Ok(Card::new(NAME, VERSION, describe(plan)))
    }
}

fn folder(modality: Modality) -> &'static str {
    match modality {
        Modality::Rgb => "images",
        Modality::Segmentation => "panoptic",
        other => other.name(),
    }
}

fn extension(modality: Modality) -> &'static str {
    match modality {
        Modality::Rgb | Modality::Segmentation => "png",
        _ => "npy",
    }
}

fn describe(plan: &Plan) -> Value {
    let images = describe::images(plan, |modality| {
        let (array, unit) = match modality {
            Modality::Segmentation => (
                "(height, width, 3) uint8",
                "instance ID = R + 256 G + 65536 B; 0 where no object is",
            ),
            other => describe::array(other, IdBits::ThirtyTwo),
        };
        let path = |camera: &String| {
            let (folder, extension) = (folder(modality), extension(modality));
            format!("{folder}/{camera}{{index:06}}.{extension}")
        };
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
            ("bbox", "[x, y, width, height] in pixels, around what is visible; full_bbox as if nothing stood before it"),
            ("segmentation", "compressed RLE of the visible pixels, column by column, size [height, width], iscrowd 0"),
            ("image_id", "sample index times the number of cameras, plus the camera's place"),
            ("file_name", "relative to images/ in instances.json, to panoptic/ in the annotations of panoptic.json; *_file_name relative to the set"),
        ]),
    })
}

/// What a sample's record holds for the indices.
#[derive(Debug, Serialize, Deserialize)]
struct Detail {
    /// Those that occur in the sample.
    classes: BTreeMap<u32, String>,
    views: Vec<Vec<Segment>>,
}

/// Of a record, all but the objects.
#[derive(Debug, Deserialize)]
struct Pictures<D> {
    index: u64,
    views: Vec<ViewRecord>,
    detail: D,
}

/// Of the detail, all but the masks.
#[derive(Debug, Deserialize)]
struct Classes {
    classes: BTreeMap<u32, String>,
}

/// A visible object.
#[derive(Debug, Serialize, Deserialize)]
struct Segment {
    id: u32,
    class: u32,
    bbox: [u32; 4],
    area: u32,
    counts: String,
}

impl Segment {
    fn new(seen: &Visible<'_>, pixels: u32) -> Self {
        Self {
            id: seen.label.instance_id,
            class: seen.label.class_id,
            bbox: seen.bbox,
            area: seen.area,
            counts: rle::compressed(&rle::counts(seen.runs.iter().copied(), pixels)),
        }
    }
}

#[derive(Debug)]
struct CocoEncoder {
    folders: Vec<String>,
}

impl CocoEncoder {
    fn file(&self, index: u64, view: usize, image: &Pixels) -> Result<EncodedFile> {
        let camera = self.folders.get(view).map_or("", String::as_str);
        let modality = image.modality();
        let (width, height) = (image.width(), image.height());
        let path = format!(
            "{}/{camera}{index:06}.{}",
            folder(modality),
            extension(modality)
        );
        let (head, body) = match image {
            Pixels::Rgb(rgb) => (Vec::new(), png::picture(rgb)?.into()),
            Pixels::Segmentation(segmentation) => {
                ids::check(index, segmentation.ids(), NAME, MOST_ID)?;
                let picture = pixels::panoptic(segmentation.ids());
                (Vec::new(), png::rgb8(width, height, &picture)?.into())
            }
            other => array::npy(index, other, IdBits::ThirtyTwo)?,
        };
        Ok(EncodedFile::new(path, head, body).showing(view, modality))
    }
}

impl Encoder for CocoEncoder {
    fn encode(&self, sample: &Sample) -> Result<Encoded> {
        let mut files = Vec::new();
        let mut detail = Detail {
            classes: BTreeMap::new(),
            views: Vec::new(),
        };
        for (view, seen) in sample.views.iter().enumerate() {
            for image in &seen.images {
                files.push(self.file(sample.index, view, image)?);
            }
            let image = objects::segmentation(sample, view)?;
            let pixels = image.width() * image.height();
            let visible = objects::visible(sample, view)?;
            for Visible { label, .. } in &visible {
                let classes = &mut detail.classes;
                classes.insert(label.class_id, label.class_name.clone());
            }
            let segments = visible.iter().map(|seen| Segment::new(seen, pixels));
            detail.views.push(segments.collect());
        }
        let mut encoded = Encoded::new(sample.index, files);
        encoded.detail =
            serde_json::to_value(detail).map_err(|e| crate::Error::internal("record", &e))?;
        Ok(encoded)
    }
}

/// One of the two files of annotations in the making.
struct Index<'a> {
    plan: &'a Plan,
    records: &'a Records,
}

impl Index<'_> {
    fn write(
        &self,
        path: &str,
        output: &mut Staging,
        annotations: impl Fn(&Self, &mut Stream) -> Result<()>,
    ) -> Result<()> {
        let mut file = Stream::create(path, output)?;
        file.text("{\"info\": ")?;
        file.json(&self.info())?;
        file.text(",\n\"licenses\": ")?;
        file.json(&json!([{ "id": 1, "name": self.plan.license, "url": "" }]))?;
        file.text(",\n\"images\": [")?;
        let mut classes = self.plan.classes.clone();
        let mut items = Items::new();
        let mut records = self.records.read()?;
        while let Some(record) = records.next_as::<Pictures<Classes>>() {
            let record = record?;
            for (view, seen) in record.views.iter().enumerate() {
                file.text(items.next())?;
                file.json(&self.image(record.index, view, seen))?;
            }
            classes.extend(record.detail.classes);
        }
        file.text("],\n\"annotations\": [")?;
        annotations(self, &mut file)?;
        file.text("],\n\"categories\": [")?;
        let mut items = Items::new();
        for (id, name) in &classes {
            file.text(items.next())?;
            file.json(&json!({
                "id": id, "name": name, "supercategory": "object", "isthing": 1,
                "color": color(*id),
            }))?;
        }
        file.text("]}\n")?;
        file.finish()
    }

    fn info(&self) -> Value {
        json!({
            "description": "synthetic data",
            "version": VERSION.to_string(),
            "contributor": format!("synthcap {}", env!("CARGO_PKG_VERSION")),
            "seed": self.plan.seed,
            "engine": self.plan.source.engine_name,
            "engine_version": self.plan.source.engine_version,
        })
    }

    fn image_id(&self, index: u64, view: usize) -> u64 {
        index * self.plan.cameras.len() as u64 + view as u64
    }

    fn image(&self, index: u64, view: usize, seen: &ViewRecord) -> Value {
        let camera = self.plan.cameras.get(view);
        let mut image = json!({
            "id": self.image_id(index, view),
            "file_name": name_in(seen.files.get("rgb"), "images/"),
            "width": camera.map(|c| c.width),
            "height": camera.map(|c| c.height),
            "license": 1,
            "index": index,
            "camera": seen.camera,
            "intrinsics": seen.intrinsics.map(|k| {
                json!([[k.fx, 0.0, k.cx], [0.0, k.fy, k.cy], [0.0, 0.0, 1.0]])
            }),
            "camera_to_world_opencv": seen
                .camera_to_world_opencv
                .map(|rows| rows.map(|row| row.map(|n| n.0))),
        });
        for (modality, file) in &seen.files {
            if modality != "rgb" && modality != "segmentation" {
                image[format!("{modality}_file_name")] = json!(file.path);
            }
        }
        image
    }

    fn instances(&self, file: &mut Stream) -> Result<()> {
        let mut count = 0;
        for record in self.records.read()? {
            self.instances_of(file, &record?, &mut count)?;
        }
        Ok(())
    }

    fn instances_of(
        &self,
        file: &mut Stream,
        record: &SampleRecord,
        count: &mut u64,
    ) -> Result<()> {
        let detail: Detail = record.detail()?;
        for (view, segments) in detail.views.iter().enumerate() {
            let camera = self.plan.cameras.get(view);
            let size = camera.map(|c| [c.height, c.width]);
            for segment in segments {
                let object = record.objects.iter().find(|o| o.instance_id == segment.id);
                let seen = object.and_then(|o| o.views.get(view));
                file.text(if *count == 0 { "\n" } else { ",\n" })?;
                // Readers take 0 as "no match", so IDs begin at 1.
                *count += 1;
                file.json(&json!({
                    "id": *count,
                    "image_id": self.image_id(record.index, view),
                    "category_id": segment.class,
                    "bbox": segment.bbox,
                    "area": segment.area,
                    "iscrowd": 0,
                    "segmentation": { "size": size, "counts": segment.counts },
                    "instance_id": segment.id,
                    "name": object.map(|o| &o.name),
                    "visibility": seen.and_then(|s| s.visibility),
                    "full_bbox": seen.and_then(|s| s.full_box).map(
                        |[x0, y0, x1, y1]| [x0, y0, x1 - x0, y1 - y0]
                    ),
                }))?;
            }
        }
        Ok(())
    }

    fn segments(&self, file: &mut Stream) -> Result<()> {
        let mut items = Items::new();
        let mut records = self.records.read()?;
        while let Some(record) = records.next_as() {
            self.segments_of(file, &record?, &mut items)?;
        }
        Ok(())
    }

    fn segments_of(
        &self,
        file: &mut Stream,
        record: &Pictures<Detail>,
        items: &mut Items,
    ) -> Result<()> {
        for (view, segments) in record.detail.views.iter().enumerate() {
            let info: Vec<_> = segments
                .iter()
                .map(|segment| {
                    json!({
                        "id": segment.id,
                        "category_id": segment.class,
                        "bbox": segment.bbox,
                        "area": segment.area,
                        "iscrowd": 0,
                    })
                })
                .collect();
            let picture = record
                .views
                .get(view)
                .and_then(|v| v.files.get("segmentation"));
            file.text(items.next())?;
            file.json(&json!({
                "image_id": self.image_id(record.index, view),
                "file_name": name_in(picture, "panoptic/"),
                "segments_info": info,
            }))?;
        }
        Ok(())
    }
}

fn name_in<'a>(file: Option<&'a crate::FileRecord>, folder: &str) -> Option<&'a str> {
    file.map(|file| file.path.strip_prefix(folder).unwrap_or(&file.path))
}

/// A colour of its own for each class, as viewers of panoptic sets expect one.
fn color(class: u32) -> [u8; 3] {
    let [a, b, c, _] = class.wrapping_mul(0x9e37_79b1).to_be_bytes();
    [a | 0x20, b | 0x20, c | 0x20]
}
