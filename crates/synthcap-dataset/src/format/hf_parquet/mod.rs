//! Parquet for Hugging Face `datasets`.

mod table;

use std::{num::NonZeroU64, sync::Arc};

use bytes::Bytes;
use parquet::file::writer::SerializedFileWriter;
use serde_json::{Value, json};
use synthcap::{Convention, Modality, ModalitySet, Pixels, frame::PixelData as _};

use self::table::{FullRow, Row};
use super::{
    describe::{self, Image},
    ids, names,
    shards::{OpenShard, SAMPLES_PER_FILE, Shards},
    sink::Sink,
};
use crate::{
    Card, Encoded, EncodedFile, Encoder, Error, Plan, Records, Result, Sample, Staging, Writer,
    encode::{
        array::{self, IdBits},
        pixels, png,
    },
    record,
};

const NAME: &str = "hf-parquet";
const VERSION: u32 = 1;
/// Rows that are held in memory and written together.
const ROWS_PER_GROUP: usize = 16;
/// Room for the columns that are not images, and for the file's index.
const SPARE_BYTES: u64 = 64 * 1024;

/// Parquet for Hugging Face `datasets`: one row per picture of a camera.
///
/// ```text
/// data/train-000000.parquet  100 samples each
/// frames.jsonl               one line per sample
/// ```
///
/// | column | content |
/// |---|---|
/// | `index`, `camera`, `sim_time_s` | which picture |
/// | `rgb` | Image: PNG, 8-bit RGB, sRGB |
/// | `segmentation` | Image: PNG, 16-bit gray, instance IDs, 0: no object |
/// | `depth` | bytes of a `.npy`: (height, width) f32, metres, inf: nothing there |
/// | `normals`, `flow` | bytes of a `.npy`: (height, width, 3) f32 |
/// | `intrinsics` | fx, fy, cx, cy in pixels |
/// | `camera_to_world_opencv` | 4x4, metres |
/// | `objects` | of what is visible: `instance_id`, `category` (class ID), `name` (class), `bbox` [x, y, width, height], `visibility` |
#[derive(Debug)]
pub struct HfParquet {
    samples_per_file: NonZeroU64,
    shard: OpenShard,
    open: Option<Open>,
}

struct Open {
    plan: Arc<Plan>,
    /// The file that is being filled, if there is one.
    file: Option<SerializedFileWriter<Sink>>,
    sink: Sink,
    /// Samples that are not yet in the file.
    pending: Vec<Vec<FullRow>>,
    /// Bytes of these, and of what the file needs besides.
    promised: u64,
    /// Samples that were taken could not be written after all.
    failure: Option<Error>,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} samples pending", self.pending.len())
    }
}

impl Default for HfParquet {
    fn default() -> Self {
        Self::new()
    }
}

impl HfParquet {
    /// The format, with 100 samples in a file.
    pub fn new() -> Self {
        Self {
            samples_per_file: SAMPLES_PER_FILE,
            shard: OpenShard::default(),
            open: None,
        }
    }

    /// With so many samples in a file.
    #[must_use]
    pub fn with_samples_per_file(mut self, samples: NonZeroU64) -> Self {
        self.samples_per_file = samples;
        self
    }

    fn shards(&self) -> Shards {
        Shards {
            prefix: "data/train",
            extension: "parquet",
            samples_per_file: self.samples_per_file,
        }
    }

    fn begin(&mut self, path: &str, output: &mut Staging) -> Result<()> {
        self.close()?;
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        self.shard.begin(path, output)?;
        let modalities = open.plan.modalities;
        let file = SerializedFileWriter::new(
            open.sink.clone(),
            table::schema(modalities)?,
            table::properties(modalities),
        );
        open.file = Some(file.map_err(|e| table::failed(&e))?);
        open.promised = SPARE_BYTES;
        Ok(())
    }

    /// Writes the pending rows to the file. There is room for them, where the file
    /// system can promise it. Where it cannot, the set cannot be ended after a failure.
    fn flush(&mut self) -> Result<()> {
        let flushed = self.write_pending();
        if let (Err(error), Some(open)) = (&flushed, &mut self.open) {
            open.failure.get_or_insert(error.clone());
        }
        flushed
    }

    fn write_pending(&mut self) -> Result<()> {
        let (Some(open), Some(shard)) = (&mut self.open, self.shard.file()) else {
            return Ok(());
        };
        if let Some(failure) = &open.failure {
            return Err(failure.clone());
        }
        let rows: Vec<_> = open.pending.drain(..).flatten().collect();
        if let Some(file) = open.file.as_mut().filter(|_| !rows.is_empty()) {
            table::write(file, open.plan.modalities, &rows)?;
            shard.entries().append(&open.sink.take())?;
            open.promised = SPARE_BYTES;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        self.flush()?;
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        if let (Some(file), Some(shard)) = (open.file.take(), self.shard.file()) {
            let empty = shard.entries().len_bytes() == 0;
            file.close().map_err(|e| table::failed(&e))?;
            let end = open.sink.take();
            if !empty {
                shard.entries().append(&end)?;
            }
        }
        self.shard.close()
    }
}

impl Writer for HfParquet {
    fn format(&self) -> &'static str {
        NAME
    }

    fn modalities(&self) -> ModalitySet {
        ModalitySet::ALL
    }

    fn check(&self, plan: &Plan) -> Result<()> {
        match plan.modalities.contains(Modality::Segmentation) {
            true => ids::at_most(plan, NAME, u16::MAX.into()),
            false => Ok(()),
        }
    }

    fn samples_per_file(&self) -> NonZeroU64 {
        self.samples_per_file
    }

    fn open(&mut self, plan: &Arc<Plan>, _output: &mut Staging) -> Result<Arc<dyn Encoder>> {
        self.open = Some(Open {
            plan: plan.clone(),
            file: None,
            sink: Sink::default(),
            pending: Vec::new(),
            promised: 0,
            failure: None,
        });
        Ok(Arc::new(RowEncoder {
            cameras: names::camera_folders(plan),
            shards: self.shards(),
        }))
    }

    fn append(&mut self, encoded: &Encoded, output: &mut Staging) -> Result<()> {
        let path = self.shards().path(encoded.index);
        if !self.shard.is(&path) {
            self.begin(&path, output)?;
        }
        let full = |open: &Open| open.pending.iter().map(Vec::len).sum::<usize>() >= ROWS_PER_GROUP;
        // Only now, so that the sample before could still be taken back.
        if self.open.as_ref().is_some_and(full) {
            self.flush()?;
        }
        let (Some(open), Some(shard)) = (&mut self.open, self.shard.file()) else {
            return Ok(());
        };
        let bytes: u64 = encoded.files.iter().map(EncodedFile::len_bytes).sum();
        let promised = open.promised + bytes + SPARE_BYTES;
        shard.entries().reserve(promised)?;
        open.promised = promised;
        open.pending.push(rows(encoded)?);
        Ok(())
    }

    fn retract(&mut self, _encoded: &Encoded, _output: &mut Staging) {
        if let Some(open) = &mut self.open {
            open.pending.pop();
        }
    }

    fn finish(&mut self, _records: &Records, _output: &mut Staging) -> Result<Card> {
        self.close()?;
        let shards = self.shards();
        let description = self
            .open
            .as_ref()
            .map_or(Value::Null, |open| describe(&open.plan, &shards));
        let mut card = Card::new(NAME, VERSION, description);
        card.front_matter = format!(
            "configs:\n- config_name: default\n  data_files:\n  - split: train\n    path: {}\n",
            shards.pattern()
        );
        Ok(card)
    }
}

/// The rows of a sample, one per view.
fn rows(encoded: &Encoded) -> Result<Vec<FullRow>> {
    let rows: Vec<Row> =
        serde_json::from_value(encoded.detail.clone()).map_err(|e| Error::internal("table", &e))?;
    let rows = rows.into_iter().enumerate().map(|(view, row)| {
        let mut images: Vec<_> = encoded
            .files
            .iter()
            .filter_map(|file| Some((file.image()?, file)))
            .filter(|((of, _), _)| *of == view)
            .map(|((_, modality), file)| (modality, file))
            .collect();
        images.sort_by_key(|(modality, _)| *modality);
        let images = images.into_iter().map(|(_, file)| {
            let content = Bytes::from(file.chunks().concat());
            (file.path().to_owned(), content)
        });
        FullRow {
            index: encoded.index,
            row,
            images: images.collect(),
        }
    });
    Ok(rows.collect())
}

fn extension(modality: Modality) -> &'static str {
    if table::is_picture(modality) {
        "png"
    } else {
        "npy"
    }
}

fn describe(plan: &Plan, shards: &Shards) -> Value {
    let images = describe::images(plan, |modality| {
        let (array, unit) = match modality {
            Modality::Segmentation => describe::IDS_16,
            other => describe::array(other, IdBits::Sixteen),
        };
        Image {
            paths: vec![format!("{} column {modality}", shards.pattern())],
            array,
            unit,
        }
    });
    json!({
        "index": record::FILE_NAME,
        "samples_per_file": shards.samples_per_file,
        "images": images,
        "conventions": describe::conventions(&[
            ("columns", "rgb and segmentation are PNG pictures; depth, normals and flow are the bytes of .npy files"),
            ("intrinsics column", "fx, fy, cx, cy in pixels"),
            ("objects", "visible ones: bbox [x, y, width, height] in pixels, category is the class ID, name the class"),
        ]),
    })
}

#[derive(Debug)]
struct RowEncoder {
    cameras: Vec<String>,
    shards: Shards,
}

impl Encoder for RowEncoder {
    fn encode(&self, sample: &Sample) -> Result<Encoded> {
        let index = sample.index;
        let mut files = Vec::new();
        let mut rows = Vec::new();
        for (view, (camera, seen)) in self.cameras.iter().zip(&sample.views).enumerate() {
            for image in &seen.images {
                let modality = image.modality();
                let (width, height) = (image.width(), image.height());
                let (head, body) = match image {
                    Pixels::Rgb(rgb) => (Vec::new(), png::picture(rgb)?.into()),
                    Pixels::Segmentation(segmentation) => {
                        ids::check(index, segmentation.ids(), NAME, u16::MAX.into())?;
                        let ids = pixels::narrow(index, segmentation)?;
                        (Vec::new(), png::gray16(width, height, &ids)?.into())
                    }
                    other => array::npy(index, other, IdBits::Sixteen)?,
                };
                let extension = extension(modality);
                let path = format!("{camera}{modality}/{index:06}.{extension}");
                files.push(EncodedFile::new(path, head, body).showing(view, modality));
            }
            rows.push(row(sample, view));
        }
        let mut encoded = Encoded::new(index, files);
        encoded.shard = Some(self.shards.path(index));
        encoded.detail = serde_json::to_value(rows).map_err(|e| Error::internal("record", &e))?;
        Ok(encoded)
    }
}

fn row(sample: &Sample, view: usize) -> Row {
    let seen = &sample.views[view];
    let mut row = Row {
        camera: seen.camera.to_string(),
        sim_time_s: sample.sim_time.map(|time| time.as_secs_f64()),
        intrinsics: seen.intrinsics.map(|k| [k.fx, k.fy, k.cx, k.cy]),
        camera_to_world_opencv: seen
            .pose
            .map(|pose| pose.camera_to_world(Convention::OpenCv)),
        ..Row::default()
    };
    for object in &sample.objects {
        let Some((seen, bbox)) = object
            .views
            .get(view)
            .and_then(|seen| Some((seen, seen.visible_box?)))
        else {
            continue;
        };
        let [x, y] = [bbox.x_min, bbox.y_min].map(f64::from);
        let [right, bottom] = [bbox.x_max, bbox.y_max].map(f64::from);
        row.instance_id.push(object.label.instance_id.into());
        row.category.push(object.label.class_id.into());
        row.name.push(object.label.class_name.clone());
        row.bbox.push([x, y, right - x, bottom - y]);
        row.visibility.push(seen.visibility.into());
    }
    row
}
