//! File formats of single images.

pub(crate) mod array;
#[cfg(feature = "exr")]
pub(crate) mod exr;
pub(crate) mod flo;
pub(crate) mod gzip;
pub(crate) mod npy;
pub(crate) mod pixels;
pub(crate) mod png;
pub(crate) mod polygon;
pub(crate) mod rle;
