//! Image encodings for synthetic data: what makes frames small enough for a slow
//! link without spoiling labels.
//!
//! | module | for | loss |
//! |---|---|---|
//! | [`rgba`] | colour, 4 x u8 | none |
//! | [`jpeg`] (feature `jpeg`) | colour, 4 x u8 | by quality; alpha is dropped |
//! | [`depth`] | depth, f32 | none |
//! | [`quantized`] | depth, f32 | at most a declared error; what is not finite is exact |
//! | [`ids`] | instance IDs, u32 | none |
//! | [`normals`] | normals, 3 x f32 | none |
//! | [`flow`] | flow, 2 x f32 and a validity byte | none |
//!
//! "None" means bit for bit, NaN payloads and negative zeros included.
//!
//! Each module documents its format far enough to be written anew in another
//! language; none needs more than shifts, adds and compares. [`planes`] and
//! [`runs`] hold the two layers that they share.
//!
//! Encoders append to the caller's vector. Decoders write into the caller's slice,
//! whose length the caller has derived from the image's size, and allocate a few
//! rows at the most, whatever the data say. Everything is pure: no I/O, no threads.
//!
//! ```
//! use synthcap_codec::depth;
//!
//! let metres = [1.5, 1.5, f32::INFINITY, 2.0, -0.0, f32::NAN];
//! let mut encoded = Vec::new();
//! depth::encode(3, &metres, &mut encoded);
//!
//! let mut decoded = [0.0; 6];
//! depth::decode(3, &encoded, &mut decoded)?;
//! assert_eq!(decoded.map(f32::to_bits), metres.map(f32::to_bits));
//! # Ok::<_, synthcap_codec::Malformed>(())
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod depth;
pub mod flow;
mod groups;
pub mod ids;
#[cfg(feature = "jpeg")]
pub mod jpeg;
pub mod normals;
pub mod planes;
pub mod quantized;
pub mod rgba;
pub mod runs;

use std::fmt;

/// Encoded data that do not decode to an image of the given size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    reason: &'static str,
}

impl Malformed {
    const fn new(reason: &'static str) -> Self {
        Self { reason }
    }

    const fn truncated() -> Self {
        Self::new("the data end early")
    }

    /// The error of what an encoding that was left out of the build would have
    /// decoded.
    pub const fn unsupported() -> Self {
        Self::new("this build does not read it; turn on the feature `jpeg`")
    }

    const fn trailing() -> Self {
        Self::new("there are more data than the image needs")
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl std::error::Error for Malformed {}

/// Whether a slice of pixels can be an image of this width.
fn check_width(width: usize, pixels: usize) -> Result<(), Malformed> {
    if pixels == 0 || (width > 0 && pixels.is_multiple_of(width)) {
        return Ok(());
    }
    Err(Malformed::new("the width does not divide the pixel count"))
}
