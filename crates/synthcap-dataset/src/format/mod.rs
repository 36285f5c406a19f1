//! One module per data set format.

pub(crate) mod bop;
pub(crate) mod coco;
mod describe;
pub(crate) mod frames;
#[cfg(feature = "parquet")]
pub(crate) mod hf_parquet;
mod ids;
pub(crate) mod imagefolder;
#[cfg(feature = "mcap")]
pub(crate) mod mcap;
mod models;
mod names;
mod objects;
mod shards;
#[cfg(any(feature = "parquet", feature = "mcap"))]
mod sink;
mod spec;
mod stream;
pub(crate) mod webdataset;
pub(crate) mod yolo;

pub use spec::{FORMATS, writer};
