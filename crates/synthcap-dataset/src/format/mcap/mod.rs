//! MCAP with Foxglove's schemas: plays in Foxglove and in Rerun.

mod messages;

use std::{collections::BTreeMap, num::NonZeroU64, sync::Arc, time::Duration};

use mcap::{
    WriteOptions,
    records::MessageHeader,
    write::{NoSeek, Writer as McapWriter},
};
use serde_json::{Value, json};
use synthcap::{Modality, ModalitySet, frame::PixelData as _};

use self::messages::{DESCRIPTORS, Header, WORLD};
use super::{
    describe::{self, Image},
    ids, names,
    shards::{OpenShard, SAMPLES_PER_FILE, Shards},
    sink::Sink,
};
use crate::{
    Card, Encoded, EncodedFile, Encoder, Error, Plan, Records, Result, Sample, Staging, Writer,
    record,
};

const NAME: &str = "mcap";
const VERSION: u32 = 1;
const RECORDS: &str = "/record";
/// Between samples whose server does not tell the time.
const BEAT: Duration = Duration::from_millis(50);
/// Room for what stands around the messages of a sample, and for the file's index.
const SPARE_BYTES: u64 = 64 * 1024;

/// MCAP with Foxglove's schemas.
///
/// ```text
/// capture-000000.mcap   100 samples each, a chunk per sample, not compressed
///   /CAMERA/rgb            foxglove.CompressedImage, PNG
///   /CAMERA/depth          foxglove.RawImage, 32FC1, metres, inf: nothing there
///   /CAMERA/segmentation   foxglove.RawImage, 16UC1, instance IDs, 0: no object
///   /CAMERA/calibration    foxglove.CameraCalibration
///   /tf                    foxglove.FrameTransform from `world` to the camera
///   /record                JSON, the sample's record: objects, boxes
/// frames.jsonl          one line per sample
/// ```
///
/// The world is right-handed with Z up, in metres; cameras have OpenCV's axes. Times
/// are those of the simulation, or 50 ms apart when the server does not tell them.
pub struct Mcap {
    samples_per_file: NonZeroU64,
    shard: OpenShard,
    plan: Option<Arc<Plan>>,
    topics: Vec<Topic>,
    file: Option<McapWriter<NoSeek<Sink>>>,
    sink: Sink,
    /// The last sample, as long as it may be taken back.
    pending: Option<Encoded>,
    /// A sample that was taken could not be written after all.
    failure: Option<Error>,
}

impl std::fmt::Debug for Mcap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mcap with {} samples in a file", self.samples_per_file)
    }
}

impl Default for Mcap {
    fn default() -> Self {
        Self::new()
    }
}

/// A channel of a file.
#[derive(Clone, Debug)]
struct Topic {
    name: String,
    schema: &'static str,
}

impl Mcap {
    /// The format, with 100 samples in a file.
    pub fn new() -> Self {
        Self {
            samples_per_file: SAMPLES_PER_FILE,
            shard: OpenShard::default(),
            plan: None,
            topics: Vec::new(),
            file: None,
            sink: Sink::default(),
            pending: None,
            failure: None,
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
            prefix: "capture",
            extension: "mcap",
            samples_per_file: self.samples_per_file,
        }
    }

    fn begin(&mut self, path: &str, output: &mut Staging) -> Result<()> {
        self.close()?;
        self.shard.begin(path, output)?;
        let options = WriteOptions::new()
            .compression(None)
            .chunk_size(None)
            .disable_seeking(true)
            .library(concat!("synthcap ", env!("CARGO_PKG_VERSION")));
        let file = options.create(NoSeek::new(self.sink.clone()));
        let mut file = file.map_err(|e| failed(&e))?;
        for topic in &self.topics {
            topic.add(&mut file).map_err(|e| failed(&e))?;
        }
        self.file = Some(file);
        Ok(())
    }

    /// Writes the sample that can no longer be taken back. There is room for it, where
    /// the file system can promise it. Where it cannot, the set cannot be ended after a
    /// failure.
    fn flush(&mut self) -> Result<()> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let flushed = self.write_pending();
        self.failure = flushed.as_ref().err().cloned();
        flushed
    }

    fn write_pending(&mut self) -> Result<()> {
        let (Some(encoded), Some(file)) = (self.pending.take(), &mut self.file) else {
            return Ok(());
        };
        let log_time = encoded.detail["log_time_ns"].as_u64().unwrap_or_default();
        for message in &encoded.files {
            let place = self.topics.iter().position(|t| t.name == message.path());
            let header = MessageHeader {
                // Numbers of channels count from 1, in the order in which they were added.
                channel_id: place.map_or(0, |place| place as u16 + 1),
                sequence: encoded.index as u32,
                log_time,
                publish_time: log_time,
            };
            let [head, body] = message.chunks();
            let content = if head.is_empty() { body } else { head };
            file.write_to_known_channel(&header, content)
                .map_err(|e| failed(&e))?;
        }
        // Ends the chunk.
        file.flush().map_err(|e| failed(&e))?;
        match self.shard.file() {
            Some(shard) => shard.entries().append(&self.sink.take()),
            None => Ok(()),
        }
    }

    fn close(&mut self) -> Result<()> {
        self.flush()?;
        if let (Some(mut file), Some(shard)) = (self.file.take(), self.shard.file()) {
            file.finish().map_err(|e| failed(&e))?;
            let end = self.sink.take();
            // A file whose only sample was taken back is not wanted.
            if shard.entries().len_bytes() > 0 {
                shard.entries().append(&end)?;
            }
        }
        self.shard.close()
    }
}

impl Topic {
    fn add(&self, file: &mut McapWriter<NoSeek<Sink>>) -> mcap::McapResult<()> {
        let (schema, encoding, description, message_encoding) = match self.schema {
            "synthcap.Record" => {
                let description = br#"{"type": "object"}"#;
                (self.schema, "jsonschema", &description[..], "json")
            }
            foxglove => (foxglove, "protobuf", DESCRIPTORS, "protobuf"),
        };
        let schema = file.add_schema(schema, encoding, description)?;
        file.add_channel(schema, &self.name, message_encoding, &BTreeMap::new())?;
        Ok(())
    }
}

fn failed(error: &mcap::McapError) -> Error {
    Error::internal("log", error)
}

impl Writer for Mcap {
    fn format(&self) -> &'static str {
        NAME
    }

    fn modalities(&self) -> ModalitySet {
        Modality::Rgb | Modality::Depth | Modality::Segmentation
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
        let cameras = cameras(plan);
        self.topics = topics(plan, &cameras);
        self.plan = Some(plan.clone());
        Ok(Arc::new(MessageEncoder {
            cameras,
            shards: self.shards(),
        }))
    }

    fn append(&mut self, encoded: &Encoded, output: &mut Staging) -> Result<()> {
        let path = self.shards().path(encoded.index);
        // Only now, so that the sample before could still be taken back.
        self.flush()?;
        if !self.shard.is(&path) {
            self.begin(&path, output)?;
        }
        if let Some(shard) = self.shard.file() {
            let bytes: u64 = encoded.files.iter().map(EncodedFile::len_bytes).sum();
            let index = self.samples_per_file.get().saturating_mul(256);
            shard.entries().reserve(bytes + SPARE_BYTES + index)?;
        }
        self.pending = Some(encoded.clone());
        Ok(())
    }

    fn retract(&mut self, _encoded: &Encoded, _output: &mut Staging) {
        self.pending = None;
    }

    fn finish(&mut self, _records: &Records, _output: &mut Staging) -> Result<Card> {
        self.close()?;
        let plan = self.plan.as_ref();
        let description = plan.map_or(Value::Null, |plan| describe(plan, &self.shards()));
        Ok(Card::new(NAME, VERSION, description))
    }
}

/// Names of cameras as topics and frames have them.
fn cameras(plan: &Plan) -> Vec<String> {
    match names::camera_folders(plan).as_slice() {
        [_] => plan
            .cameras
            .iter()
            .map(|camera| names::plain(camera.name.as_str()))
            .collect(),
        folders => folders
            .iter()
            .map(|folder| folder.trim_end_matches('/').to_owned())
            .collect(),
    }
}

fn schema(modality: Modality) -> &'static str {
    match modality {
        Modality::Rgb => "foxglove.CompressedImage",
        _ => "foxglove.RawImage",
    }
}

fn topics(plan: &Plan, cameras: &[String]) -> Vec<Topic> {
    let topic = |name: String, schema| Topic { name, schema };
    let mut topics = Vec::new();
    for camera in cameras {
        let images = plan.modalities.iter();
        topics.extend(images.map(|m| topic(format!("/{camera}/{m}"), schema(m))));
        let calibration = format!("/{camera}/calibration");
        topics.push(topic(calibration, "foxglove.CameraCalibration"));
    }
    topics.push(topic("/tf".to_owned(), "foxglove.FrameTransform"));
    topics.push(topic(RECORDS.to_owned(), "synthcap.Record"));
    topics
}

fn describe(plan: &Plan, shards: &Shards) -> Value {
    let images = describe::images(plan, |modality| {
        let (array, unit) = match modality {
            Modality::Segmentation => describe::IDS_16,
            other => describe::array(other, ids::bits(plan)),
        };
        let path = |camera: &String| format!("{} topic /{camera}/{modality}", shards.pattern());
        Image {
            paths: cameras(plan).iter().map(path).collect(),
            array,
            unit,
        }
    });
    json!({
        "index": record::FILE_NAME,
        "samples_per_file": shards.samples_per_file,
        "images": images,
        "conventions": describe::conventions(&[
            ("tf", &format!("from {WORLD} (right-handed, Z up, metres) to the camera, whose axes are OpenCV's")),
            ("time", "of the simulation; 50 ms apart where the server does not tell it"),
            ("record", "the sample's record: the line of frames.jsonl without its files"),
        ]),
    })
}

#[derive(Debug)]
struct MessageEncoder {
    cameras: Vec<String>,
    shards: Shards,
}

impl Encoder for MessageEncoder {
    fn encode(&self, sample: &Sample) -> Result<Encoded> {
        let index = sample.index;
        let beats = u32::try_from(index).unwrap_or(u32::MAX);
        let time = sample.sim_time.unwrap_or(BEAT.saturating_mul(beats));
        let mut files = Vec::new();
        let message =
            |topic: String, content: Vec<u8>| EncodedFile::new(topic, Vec::new(), content);
        for (view, (camera, seen)) in self.cameras.iter().zip(&sample.views).enumerate() {
            let header = Header {
                time,
                frame_id: camera,
            };
            for image in &seen.images {
                let modality = image.modality();
                let content = messages::image(&header, index, image)?;
                let file = message(format!("/{camera}/{modality}"), content);
                files.push(file.showing(view, modality));
            }
            if let Some(lens) = &seen.intrinsics {
                let content = messages::calibration(&header, lens);
                files.push(message(format!("/{camera}/calibration"), content));
            }
            if let Some(pose) = &seen.pose {
                files.push(message(
                    "/tf".to_owned(),
                    messages::transform(&header, pose),
                ));
            }
        }
        let gist = record::Gist::of(sample)?;
        let mut record = record::line(sample, &gist, &Encoded::new(index, Vec::new()))?;
        record.pop_if(|last| *last == b'\n');
        files.push(message(RECORDS.to_owned(), record));
        let mut encoded = Encoded::new(index, files);
        encoded.shard = Some(self.shards.path(index));
        encoded.detail = json!({ "log_time_ns": time.as_nanos() as u64 });
        encoded.gist = Some(gist);
        Ok(encoded)
    }
}
