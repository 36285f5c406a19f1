//! Who does the work, one file per way.

pub(crate) mod client;
pub(crate) mod python;
pub(crate) mod raw;
