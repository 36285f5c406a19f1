//! YOLO: a picture and a text file of labels for each view.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use serde_json::{Value, json};
use synthcap::{Modality, ModalitySet, Pixels, frame::PixelData as _};

use super::{
    describe::{self, Image},
    names,
    objects::{self, Visible},
};
use crate::{
    Card, Encoded, EncodedFile, Encoder, Error, ErrorKind, Plan, Records, Result, Sample, Staging,
    Writer,
    encode::{png, polygon},
    record,
};

const VERSION: u32 = 1;
/// Every number up to the highest class gets a name in `data.yaml`.
const MOST_CLASSES: u32 = 10_000;

/// YOLO, as Ultralytics reads it: pictures, and a text file of labels for each.
///
/// ```text
/// images/train/000000.png   8-bit RGB, sRGB
/// labels/train/000000.txt   a line for each visible object, numbers over width and height:
///                           boxes: class x_center y_center width height
///                           polygons: class x1 y1 x2 y2 x3 y3 ...
/// data.yaml                 folders and class names
/// frames.jsonl              one line per sample
/// ```
///
/// Classes count from 0 there: the number is the class ID less 1. Segmentation is
/// needed for the labels and not stored itself.
#[derive(Debug)]
pub struct Yolo {
    labels: Labels,
    plan: Option<Arc<Plan>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Labels {
    Boxes,
    Polygons,
}

impl Yolo {
    /// For detection; the format is called `yolo`.
    pub fn boxes() -> Self {
        Self {
            labels: Labels::Boxes,
            plan: None,
        }
    }

    /// For segmentation; the format is called `yolo-seg`.
    pub fn polygons() -> Self {
        Self {
            labels: Labels::Polygons,
            plan: None,
        }
    }
}

impl Writer for Yolo {
    fn format(&self) -> &'static str {
        match self.labels {
            Labels::Boxes => "yolo",
            Labels::Polygons => "yolo-seg",
        }
    }

    fn modalities(&self) -> ModalitySet {
        Modality::Rgb | Modality::Segmentation
    }

    fn required(&self) -> ModalitySet {
        self.modalities()
    }

    fn check(&self, plan: &Plan) -> Result<()> {
        let mut classes = plan.classes.keys();
        classes.try_for_each(|id| number(*id).map(|_| ()))
    }

    fn open(&mut self, plan: &Arc<Plan>, _output: &mut Staging) -> Result<Arc<dyn Encoder>> {
        self.plan = Some(plan.clone());
        Ok(Arc::new(YoloEncoder {
            cameras: names::camera_folders(plan),
            labels: self.labels,
        }))
    }

    fn finish(&mut self, records: &Records, output: &mut Staging) -> Result<Card> {
        let plan = self.plan.as_ref();
        let mut classes = plan.map(|plan| plan.classes.clone()).unwrap_or_default();
        for record in records.read()? {
            classes.extend(record?.detail::<BTreeMap<u32, String>>()?);
        }
        let yaml = data_yaml(&classes)?;
        output.write("data.yaml", &[yaml.as_bytes()])?;
        let description = plan.map_or(Value::Null, |plan| describe(plan, self.labels));
        Ok(Card::new(self.format(), VERSION, description))
    }
}

/// The number of a class in this format.
fn number(class_id: u32) -> Result<u32> {
    let number = class_id.checked_sub(1);
    number.filter(|n| *n < MOST_CLASSES).ok_or_else(|| {
        Error::new(
            ErrorKind::Unsupported,
            format!("the format yolo can hold classes from 1 to {MOST_CLASSES}, not {class_id}"),
            "number the classes in the simulator from 1 up, or choose another format",
        )
    })
}

fn data_yaml(classes: &BTreeMap<u32, String>) -> Result<String> {
    let mut yaml = String::from("path: .\ntrain: images/train\nval: images/train\n");
    let count = match classes.last_key_value() {
        Some((highest, _)) => number(*highest)? + 1,
        None => 0,
    };
    // Writing to a string cannot fail.
    let _ = write!(yaml, "nc: {count}\nnames:\n");
    for number in 0..count {
        let unused = format!("unused_{}", number + 1);
        let name = classes.get(&(number + 1)).unwrap_or(&unused);
        // JSON's strings are YAML's as well.
        let _ = writeln!(yaml, "  {number}: {}", Value::from(name.as_str()));
    }
    Ok(yaml)
}

fn describe(plan: &Plan, labels: Labels) -> Value {
    let images = describe::images(plan, |modality| {
        let (folder, extension) = match modality {
            Modality::Rgb => ("images", "png"),
            _ => ("labels", "txt"),
        };
        let (array, unit) = match (modality, labels) {
            (Modality::Rgb, _) => describe::SRGB,
            (_, Labels::Boxes) => (
                "class x_center y_center width height",
                "over image width and height; a line for each visible object",
            ),
            (_, Labels::Polygons) => (
                "class x1 y1 x2 y2 ...",
                "over image width and height; a line for each visible object",
            ),
        };
        let path = |camera: &String| format!("{folder}/train/{camera}{{index:06}}.{extension}");
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
            ("class", "in the labels: the class ID less 1"),
            ("polygon", "within 0.75 pixels of the mask's outline; separate pieces and holes are joined by lines without area"),
        ]),
    })
}

#[derive(Debug)]
struct YoloEncoder {
    cameras: Vec<String>,
    labels: Labels,
}

impl Encoder for YoloEncoder {
    fn encode(&self, sample: &Sample) -> Result<Encoded> {
        let index = sample.index;
        let mut files = Vec::new();
        let mut classes = BTreeMap::new();
        for (view, (camera, seen)) in self.cameras.iter().zip(&sample.views).enumerate() {
            if let Some(Pixels::Rgb(rgb)) = seen.image(Modality::Rgb) {
                let path = format!("images/train/{camera}{index:06}.png");
                let file = EncodedFile::new(path, Vec::new(), png::picture(rgb)?);
                files.push(file.showing(view, Modality::Rgb));
            }
            let image = objects::segmentation(sample, view)?;
            let size = [image.width(), image.height()];
            let mut text = String::new();
            for visible in objects::visible(sample, view)? {
                classes.insert(visible.label.class_id, visible.label.class_name.clone());
                self.label(&mut text, &visible, size)?;
            }
            let path = format!("labels/train/{camera}{index:06}.txt");
            let file = EncodedFile::new(path, Vec::new(), text.into_bytes());
            files.push(file.showing(view, Modality::Segmentation));
        }
        let mut encoded = Encoded::new(index, files);
        encoded.detail =
            serde_json::to_value(classes).map_err(|e| Error::internal("record", &e))?;
        Ok(encoded)
    }
}

impl YoloEncoder {
    /// Adds the line of an object.
    fn label(
        &self,
        text: &mut String,
        seen: &Visible<'_>,
        [width, height]: [u32; 2],
    ) -> Result<()> {
        let [across, down] = [f64::from(width), f64::from(height)];
        let _ = write!(text, "{}", number(seen.label.class_id)?);
        match self.labels {
            Labels::Boxes => {
                let [x, y, w, h] = seen.bbox.map(f64::from);
                let (center_x, center_y) = ((x + w / 2.0) / across, (y + h / 2.0) / down);
                let (w, h) = (w / across, h / down);
                let _ = writeln!(text, " {center_x:.6} {center_y:.6} {w:.6} {h:.6}");
            }
            Labels::Polygons => {
                for [x, y] in polygon::outline(&seen.runs, seen.bbox, height) {
                    let (x, y) = (f64::from(x) / across, f64::from(y) / down);
                    let _ = write!(text, " {x:.6} {y:.6}");
                }
                text.push('\n');
            }
        }
        Ok(())
    }
}
