//! BOP: 6D poses of objects.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use synthcap::{
    Modality, ModalitySet, Pixels,
    frame::{Depth, PixelData as _},
};

use super::{
    describe::{self, Image},
    models::Models,
    objects::{self, Visible},
    stream::{Items, Stream},
};
use crate::{
    Card, Encoded, EncodedFile, Encoder, Error, ErrorKind, Number, ObjectRecord, Plan, Records,
    Result, Sample, SampleRecord, Staging, Writer,
    encode::{array, pixels, png},
    record,
};

const NAME: &str = "bop";
const VERSION: u32 = 1;
const SPLIT: &str = "train_pbr";
const STEPS_PER_METRE: f32 = 1000.0;
/// What a model takes on the disk, at the most.
const MODEL_BYTES: u64 = 8192;

/// BOP: pictures, depth, visible masks, and each object's pose in the camera.
///
/// ```text
/// train_pbr/000000/                  a folder per camera
///   rgb/000000.png                   8-bit RGB, sRGB
///   depth/000000.png                 16-bit gray, millimetres (depth_scale 1), 0: nothing there
///   mask_visib/000000_000000.png     8-bit gray, 255 where the object is visible
///   scene_camera.json                cam_K, depth_scale, cam_R_w2c, cam_t_w2c in millimetres
///   scene_gt.json                    obj_id, cam_R_m2c, cam_t_m2c in millimetres
///   scene_gt_info.json               bbox_obj, bbox_visib, pixel counts, visib_fract
/// models/obj_000001.ply              the object's box as a mesh, millimetres
/// models/models_info.json            its extents
/// frames.jsonl                       one line per sample
/// ```
///
/// Simulators send boxes, not meshes, so a model is the box of its objects, and its
/// origin the box's centre; `obj_id` counts the different boxes of each class.
/// Amodal masks (`mask/`) are not known and not written.
#[derive(Debug, Default)]
pub struct Bop {
    plan: Option<Arc<Plan>>,
    /// The most objects in a sample so far.
    objects: u64,
}

impl Bop {
    /// The format.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Writer for Bop {
    fn format(&self) -> &'static str {
        NAME
    }

    fn modalities(&self) -> ModalitySet {
        Modality::Rgb | Modality::Depth | Modality::Segmentation
    }

    fn required(&self) -> ModalitySet {
        self.modalities()
    }

    fn check(&self, plan: &Plan) -> Result<()> {
        match plan.describes_objects {
            true => Ok(()),
            false => Err(Error::new(
                ErrorKind::Unsupported,
                "the format bop needs the poses of objects, which this server does not tell",
                "use another server, or choose another format",
            )),
        }
    }

    fn open(&mut self, plan: &Arc<Plan>, _output: &mut Staging) -> Result<Arc<dyn Encoder>> {
        self.plan = Some(plan.clone());
        Ok(Arc::new(BopEncoder))
    }

    fn index_bytes(&mut self, encoded: &Encoded, record_bytes: u64) -> u64 {
        let objects = encoded.detail["objects"].as_u64().unwrap_or_default();
        let more = objects.saturating_sub(self.objects);
        self.objects += more;
        // The three files of a scene say less than twice what the record says.
        2 * record_bytes + more * MODEL_BYTES
    }

    fn finish(&mut self, records: &Records, output: &mut Staging) -> Result<Card> {
        let Some(plan) = &self.plan else {
            return Ok(Card::new(NAME, VERSION, Value::Null));
        };
        let models = Models::of(records)?;
        for view in 0..plan.cameras.len() {
            scene(records, output, view, "scene_camera.json", |record| {
                Ok(camera(record, view))
            })?;
            scene(records, output, view, "scene_gt.json", |record| {
                each(record, view, |_, object| {
                    pose(record, view, object, &models)
                })
            })?;
            scene(records, output, view, "scene_gt_info.json", |record| {
                each(record, view, |seen, object| Ok(info(seen, object, view)))
            })?;
        }
        models.write(output)?;
        Ok(Card::new(NAME, VERSION, describe(plan)))
    }
}

fn describe(plan: &Plan) -> Value {
    let images = describe::images(plan, |modality| {
        let (name, (array, unit)) = match modality {
            Modality::Depth => ("depth/{index:06}", describe::DEPTH_MM),
            Modality::Segmentation => (
                "mask_visib/{index:06}_{object:06}",
                ("(height, width) uint8", "255 where the object is visible"),
            ),
            _ => ("rgb/{index:06}", describe::SRGB),
        };
        let path = |view: usize| format!("{SPLIT}/{view:06}/{name}.png");
        Image {
            paths: (0..plan.cameras.len()).map(path).collect(),
            array,
            unit,
        }
    });
    json!({
        "index": record::FILE_NAME,
        "images": images,
        "conventions": describe::conventions(&[
            ("cam_R_m2c, cam_t_m2c", "from the model to the camera (X right, Y down, Z forward), millimetres"),
            ("model", "the object's oriented box, its origin the box's centre; axes X forward, Y left, Z up"),
            ("cam_K", "row by row, pixels; pixel centres at half-integers"),
            ("bbox_obj, bbox_visib", "[x, y, width, height] in pixels; bbox_obj as if nothing stood before the object, clipped to the image"),
            ("px_count_all", "visible pixels over visib_fract"),
            ("px_count_valid", "visible pixels with depth"),
        ]),
    })
}

/// What a sample's record holds.
#[derive(Debug, Serialize, Deserialize)]
struct Detail {
    /// All objects of the scene.
    objects: u64,
    views: Vec<Vec<Seen>>,
}

/// What a sample's record holds of a visible object.
#[derive(Debug, Serialize, Deserialize)]
struct Seen {
    id: u32,
    bbox: [u32; 4],
    area: u32,
    valid: u32,
}

#[derive(Debug)]
struct BopEncoder;

impl Encoder for BopEncoder {
    fn encode(&self, sample: &Sample) -> Result<Encoded> {
        let mut files = Vec::new();
        let mut detail = Detail {
            objects: sample.objects.len() as u64,
            views: Vec::new(),
        };
        for view in 0..sample.views.len() {
            detail.views.push(encode_view(sample, view, &mut files)?);
        }
        let mut encoded = Encoded::new(sample.index, files);
        encoded.detail = serde_json::to_value(detail).map_err(|e| Error::internal("record", &e))?;
        Ok(encoded)
    }
}

fn encode_view(sample: &Sample, view: usize, files: &mut Vec<EncodedFile>) -> Result<Vec<Seen>> {
    let index = sample.index;
    let seen = &sample.views[view];
    if seen.pose.is_none() || seen.intrinsics.is_none() {
        return Err(Error::new(
            ErrorKind::InvalidSample,
            format!("sample {index} lacks the pose or the intrinsics of its camera"),
            "use a server that tells them, or choose another format",
        ));
    }
    let folder = format!("{SPLIT}/{view:06}");
    let mut depth: Option<&Depth> = None;
    for image in &seen.images {
        let modality = image.modality();
        let (width, height) = (image.width(), image.height());
        let body = match image {
            Pixels::Rgb(rgb) => png::picture(rgb)?,
            Pixels::Depth(metres) => {
                depth = Some(metres);
                png::gray16(width, height, &pixels::depth_steps(metres, STEPS_PER_METRE))?
            }
            Pixels::Segmentation(_) => continue,
            _ => return Err(array::unknown(modality)),
        };
        let path = format!("{folder}/{modality}/{index:06}.png");
        files.push(EncodedFile::new(path, Vec::new(), body).showing(view, modality));
    }
    let size = objects::segmentation(sample, view)?;
    let size = (size.width(), size.height());
    let mut detail = Vec::new();
    for (place, visible) in objects::visible(sample, view)?.iter().enumerate() {
        known(sample, visible)?;
        let mask = mask(visible, size);
        let valid = depth.map_or(0, |depth| {
            let pixels = mask.iter().zip(depth.metres());
            pixels
                .filter(|(mask, d)| **mask != 0 && d.is_finite())
                .count() as u32
        });
        let path = format!("{folder}/mask_visib/{index:06}_{place:06}.png");
        files.push(EncodedFile::new(
            path,
            Vec::new(),
            png::gray8(size.0, size.1, &mask)?,
        ));
        detail.push(Seen {
            id: visible.label.instance_id,
            bbox: visible.bbox,
            area: visible.area,
            valid,
        });
    }
    Ok(detail)
}

/// Whether the pose of an object is known.
fn known(sample: &Sample, visible: &Visible<'_>) -> Result<()> {
    let id = visible.label.instance_id;
    if sample.objects.iter().any(|o| o.label.instance_id == id) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidSample,
        format!(
            "sample {} shows instance {id} without its pose",
            sample.index
        ),
        "use a server that tells the poses of all objects, or choose another format",
    ))
}

fn mask(visible: &Visible<'_>, (width, height): (u32, u32)) -> Vec<u8> {
    let (width, height) = (width as usize, height as usize);
    let mut mask = vec![0; width * height];
    for run in &visible.runs {
        for at in run.start as usize..(run.start + run.len) as usize {
            mask[at % height * width + at / height] = 255;
        }
    }
    mask
}

/// Writes a file of a scene: an entry for each image.
fn scene(
    records: &Records,
    output: &mut Staging,
    view: usize,
    name: &str,
    entry: impl Fn(&SampleRecord) -> Result<Value>,
) -> Result<()> {
    let mut file = Stream::create(&format!("{SPLIT}/{view:06}/{name}"), output)?;
    file.text("{")?;
    let mut items = Items::new();
    for record in records.read()? {
        let record = record?;
        file.text(items.next())?;
        file.text(&format!("  \"{}\": ", record.index))?;
        file.json(&entry(&record)?)?;
    }
    file.text("\n}\n")?;
    file.finish()
}

/// An entry for each visible object of an image.
fn each(
    record: &SampleRecord,
    view: usize,
    entry: impl Fn(&Seen, &ObjectRecord) -> Result<Value>,
) -> Result<Value> {
    let detail: Detail = record.detail()?;
    let seen = detail.views.get(view).into_iter().flatten();
    let entries = seen.filter_map(|seen| {
        let object = record.objects.iter().find(|o| o.instance_id == seen.id)?;
        Some(entry(seen, object))
    });
    entries.collect()
}

type Rows = [[f64; 4]; 4];

fn numbers(rows: &[[Number; 4]; 4]) -> Rows {
    rows.map(|row| row.map(|n| n.0))
}

/// From world to camera: the transposed rotation, and the translation in
/// millimetres.
fn inverted(rows: &Rows) -> ([[f64; 3]; 3], [f64; 3]) {
    let rotation = [0, 1, 2].map(|r| [0, 1, 2].map(|c| rows[c][r]));
    let center = [rows[0][3], rows[1][3], rows[2][3]];
    let translation = rotation.map(|row| {
        let dot: f64 = (0..3).map(|i| row[i] * center[i]).sum();
        -1000.0 * dot
    });
    (rotation, translation)
}

fn camera_to_world(record: &SampleRecord, view: usize) -> Option<Rows> {
    let view = record.views.get(view)?;
    view.camera_to_world_opencv.as_ref().map(numbers)
}

fn camera(record: &SampleRecord, view: usize) -> Value {
    let intrinsics = record.views.get(view).and_then(|view| view.intrinsics);
    let (rotation, translation) = camera_to_world(record, view).as_ref().map(inverted).unzip();
    json!({
        "cam_K": intrinsics.map(|k| [k.fx, 0.0, k.cx, 0.0, k.fy, k.cy, 0.0, 0.0, 1.0]),
        "depth_scale": 1000.0 / f64::from(STEPS_PER_METRE),
        "cam_R_w2c": rotation.map(|r| r.concat()),
        "cam_t_w2c": translation,
    })
}

fn pose(
    record: &SampleRecord,
    view: usize,
    object: &ObjectRecord,
    models: &Models,
) -> Result<Value> {
    let world = camera_to_world(record, view).as_ref().map(inverted);
    let Some((to_camera, offset)) = world else {
        return Ok(Value::Null);
    };
    let model = numbers(&object.box_3d.box_to_world);
    let rotation: Vec<f64> = (0..9)
        .map(|i| (0..3).map(|k| to_camera[i / 3][k] * model[k][i % 3]).sum())
        .collect();
    let translation = [0, 1, 2].map(|i| {
        let turned: f64 = (0..3).map(|k| to_camera[i][k] * model[k][3] * 1000.0).sum();
        turned + offset[i]
    });
    Ok(json!({
        "cam_R_m2c": rotation,
        "cam_t_m2c": translation,
        "obj_id": models.id(object),
    }))
}

fn info(seen: &Seen, object: &ObjectRecord, view: usize) -> Value {
    let whole = object.views.get(view);
    let fraction = whole.and_then(|w| w.visibility).filter(|f| *f > 0.0);
    let all = fraction.map_or(f64::from(seen.area), |f| (f64::from(seen.area) / f).round());
    let full = whole.and_then(|w| w.full_box);
    let full = full.map(|[x0, y0, x1, y1]| [x0, y0, x1 - x0, y1 - y0].map(|e| e.round() as i64));
    json!({
        "bbox_obj": full.unwrap_or(seen.bbox.map(i64::from)),
        "bbox_visib": seen.bbox,
        "px_count_all": all as u64,
        "px_count_valid": seen.valid,
        "px_count_visib": seen.area,
        "visib_fract": fraction.unwrap_or(1.0),
    })
}
