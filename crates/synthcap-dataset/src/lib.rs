//! Data set writers of synthcap.
//!
//! A [`Plan`] says what the set will hold, a [`Writer`] which format it has, and a
//! [`DatasetWriter`] takes [`Sample`]s and writes them: encoding runs on worker
//! threads, files are written in the samples' order, and nothing half-written ever
//! stands under a final name.
//!
//! ```
//! use synthcap::{Modality, frame::Rgb};
//! use synthcap_dataset::{DatasetWriter, Frames, Options, Plan, PlannedCamera, Sample, SampleView};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let out = folder.path().join("demo");
//! let plan = Plan::new(vec![PlannedCamera::new("main", 4, 3)], Modality::Rgb.into(), 2, 7);
//! let mut writer = DatasetWriter::create(&out, plan, Box::new(Frames::new()), Options::default())?;
//! for index in 0..2 {
//!     let rgb = Rgb::new(4, 3, vec![200; 4 * 3 * 4])?;
//!     writer.push(Sample::new(index, 7, vec![SampleView::new("main", vec![rgb.into()])]))?;
//! }
//! let summary = writer.finish()?;
//! assert!(summary.complete);
//! assert!(out.join("rgb/000001.png").exists());
//! # Ok(())
//! # }
//! ```

mod card;
mod classes;
mod encode;
mod error;
mod format;
mod journal;
mod manifest;
mod pipeline;
mod plan;
mod plan_record;
mod preview;
mod record;
mod report;
mod sample;
mod staging;
mod statistics;
mod validate;
mod writer;

pub use card::Card;
pub use error::{Error, ErrorKind, Result};
#[cfg(feature = "parquet")]
pub use format::hf_parquet::HfParquet;
#[cfg(feature = "mcap")]
pub use format::mcap::Mcap;
pub use format::{
    FORMATS,
    bop::Bop,
    coco::Coco,
    frames::{DepthFile, FlowFile, Frames, NormalsFile},
    imagefolder::ImageFolder,
    webdataset::{LabelFile, WebDataset},
    writer,
    yolo::Yolo,
};
pub use journal::{JournalPace, created_now};
pub use pipeline::{DatasetWriter, Formats, Journaled, Options, Summary, Unmerged, merge};
pub use plan::{Plan, PlannedCamera, Source};
pub use record::{
    BoxRecord, CameraRecord, DepthRange, FileRecord, Number, ObjectRecord, ObjectViewRecord,
    RecordReader, Records, SampleRecord, ViewRecord,
};
pub use report::write_report;
pub use sample::{Sample, SampleView};
pub use staging::{AppendFile, Existing, ShardFile, Staging};
pub use validate::{Fault, FaultKind, Findings, validate};
pub use writer::{Encoded, EncodedFile, Encoder, Writer};
