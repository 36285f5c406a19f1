//! `frames.jsonl`: one line of JSON per sample, in every format. It is the index
//! that people read, and what a format derives its own indices from.

mod line;
mod read;

pub use read::{
    BoxRecord, CameraRecord, DepthRange, FileRecord, Number, ObjectRecord, ObjectViewRecord,
    RecordReader, Records, SampleRecord, ViewRecord,
};

pub(crate) use line::{Gist, line};

/// The name of the index.
pub(crate) const FILE_NAME: &str = "frames.jsonl";
