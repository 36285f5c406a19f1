//! One module per data set format.

pub(crate) mod frames;
