//! How images are encoded on their way: what can be asked, and what was done.

mod auto;
mod text;

use std::{fmt, time::Duration};

pub(crate) use auto::{Auto, Measured};
pub(crate) use text::{choice_from_text, show_choice};

use crate::{Modality, View};

/// How the pixels of an image travel. What is decoded is the same type of image
/// whichever it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// As they are: width x height x bytes per pixel.
    Raw,
    /// Smaller, and bit for bit the same, NaNs and negative zeros included. For
    /// every modality.
    Lossless,
    /// Colour only: a JPEG. Alpha is lost and comes back as 255. Needs the feature
    /// `jpeg` on both sides.
    Jpeg {
        /// 1 (small) to 100 (good).
        quality: u8,
    },
    /// Depth only: every pixel is off by this at the most. Background, and
    /// whatever else is not finite, is exact.
    Quantized {
        /// Micrometres; at least 1.
        max_error_um: u32,
    },
}

impl Encoding {
    /// Depth to within a millimetre.
    pub const MILLIMETRE: Self = Self::Quantized { max_error_um: 1000 };

    /// Whether decoding gives back every bit.
    pub const fn is_lossless(self) -> bool {
        matches!(self, Self::Raw | Self::Lossless)
    }

    /// Whether images of this modality can be encoded so. Labels can only be so
    /// without loss.
    pub const fn suits(self, modality: Modality) -> bool {
        match self {
            Self::Raw | Self::Lossless => true,
            Self::Jpeg { quality } => {
                matches!(modality, Modality::Rgb) && quality >= 1 && quality <= 100
            }
            Self::Quantized { max_error_um } => {
                matches!(modality, Modality::Depth) && max_error_um >= 1
            }
        }
    }

    /// Whether an image that came so may stand for one asked to be so: because
    /// it is exact, or lost no more than was allowed.
    pub(crate) fn may_stand_for(self, asked: Option<EncodingChoice>) -> bool {
        match (self, asked) {
            (Self::Raw | Self::Lossless, _) => true,
            (Self::Jpeg { .. }, Some(EncodingChoice::Use(Self::Jpeg { .. }))) => true,
            (
                Self::Quantized { max_error_um },
                Some(EncodingChoice::Use(Self::Quantized {
                    max_error_um: asked,
                })),
            ) => max_error_um <= asked,
            _ => false,
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw => f.pad("raw"),
            Self::Lossless => f.pad("lossless"),
            Self::Jpeg { quality } => write!(f, "jpeg:{quality}"),
            Self::Quantized { max_error_um } => write!(f, "quantized:{max_error_um}um"),
        }
    }
}

/// Who decides how images travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EncodingChoice {
    /// The client, by what it measures: raw where the link is faster than the
    /// codec, else lossless. Never anything that loses.
    #[default]
    Auto,
    /// This one; where the server does not have it, lossless, and where it does
    /// not have that either, raw.
    Use(Encoding),
}

impl EncodingChoice {
    /// Whether it can be meant of a modality.
    pub(crate) fn suits(self, modality: Modality) -> bool {
        match self {
            Self::Auto => true,
            Self::Use(encoding) => encoding.suits(modality),
        }
    }
}

impl From<Encoding> for EncodingChoice {
    fn from(encoding: Encoding) -> Self {
        Self::Use(encoding)
    }
}

/// A choice for each modality, where one was made.
///
/// ```
/// use synthcap::{Encoding, EncodingChoice, Encodings, Modality};
///
/// let encodings = Encodings::UNSET
///     .with(Modality::Rgb, Encoding::Jpeg { quality: 85 })
///     .with(Modality::Depth, EncodingChoice::Auto);
/// assert_eq!(encodings.get(Modality::Depth), Some(EncodingChoice::Auto));
/// assert_eq!(encodings.get(Modality::Flow), None);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Encodings {
    pub(crate) rgb: Option<EncodingChoice>,
    pub(crate) depth: Option<EncodingChoice>,
    pub(crate) segmentation: Option<EncodingChoice>,
    pub(crate) normals: Option<EncodingChoice>,
    pub(crate) flow: Option<EncodingChoice>,
}

impl Encodings {
    /// No choice for any modality.
    pub const UNSET: Self = Self {
        rgb: None,
        depth: None,
        segmentation: None,
        normals: None,
        flow: None,
    };

    /// The same choice for every modality that it suits.
    pub fn all(choice: impl Into<EncodingChoice>) -> Self {
        let choice = choice.into();
        let modalities = Modality::ALL.into_iter();
        modalities
            .filter(|modality| choice.suits(*modality))
            .fold(Self::UNSET, |all, modality| all.with(modality, choice))
    }

    /// With this choice for a modality.
    #[must_use]
    pub fn with(mut self, modality: Modality, choice: impl Into<EncodingChoice>) -> Self {
        let slot = match modality {
            Modality::Rgb => &mut self.rgb,
            Modality::Depth => &mut self.depth,
            Modality::Segmentation => &mut self.segmentation,
            Modality::Normals => &mut self.normals,
            Modality::Flow => &mut self.flow,
        };
        *slot = Some(choice.into());
        self
    }

    /// The choice for a modality.
    pub fn get(self, modality: Modality) -> Option<EncodingChoice> {
        match modality {
            Modality::Rgb => self.rgb,
            Modality::Depth => self.depth,
            Modality::Segmentation => self.segmentation,
            Modality::Normals => self.normals,
            Modality::Flow => self.flow,
        }
    }

    /// The choices that were made.
    fn iter(self) -> impl Iterator<Item = (Modality, EncodingChoice)> {
        let all = Modality::ALL.into_iter();
        all.filter_map(move |modality| Some((modality, self.get(modality)?)))
    }

    /// These, and where they have none, those.
    #[must_use]
    pub(crate) fn or(self, those: Self) -> Self {
        self.iter()
            .fold(those, |all, (modality, choice)| all.with(modality, choice))
    }

    /// Whether anything may be encoded.
    pub(crate) fn any_encodes(self) -> bool {
        let raw = EncodingChoice::Use(Encoding::Raw);
        self.iter().any(|(_, choice)| choice != raw)
    }

    /// The first choice that its modality cannot have.
    pub(crate) fn unsuitable(self) -> Option<(Modality, EncodingChoice)> {
        self.iter()
            .find(|(modality, choice)| !choice.suits(*modality))
    }
}

impl fmt::Debug for Encodings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl View {
    /// The same view, whose images of this modality come so.
    #[must_use]
    pub fn with_encoding(self, modality: Modality, choice: impl Into<EncodingChoice>) -> Self {
        Self {
            encodings: self.encodings.with(modality, choice),
            ..self
        }
    }
}

/// How an image came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transfer {
    /// The encoding, with what it was asked to keep to.
    pub encoding: Encoding,
    /// Bytes of the encoded pixels, before any compression of gRPC's own.
    pub wire_bytes: u64,
    /// How long the server took to encode; zero for raw.
    pub encode_time: Duration,
}

impl Transfer {
    /// Nothing was encoded.
    pub const fn raw(bytes: u64) -> Self {
        Self {
            encoding: Encoding::Raw,
            wire_bytes: bytes,
            encode_time: Duration::ZERO,
        }
    }
}
