//! The kinds of image a simulator can make.

use std::{fmt, str::FromStr};

/// A kind of image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Modality {
    /// Colour, 8 bits per channel, sRGB.
    Rgb,
    /// Distance along the optical axis, in metres.
    Depth,
    /// Instance IDs, with a table that gives each its class.
    Segmentation,
    /// Surface normals in world axes.
    Normals,
    /// Optical flow between two ticks, in pixels.
    Flow,
}

impl Modality {
    /// Every modality, in the order in which images of one view are delivered.
    pub const ALL: [Self; 5] = [
        Self::Rgb,
        Self::Depth,
        Self::Segmentation,
        Self::Normals,
        Self::Flow,
    ];

    /// The name used on the command line, in file names and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rgb => "rgb",
            Self::Depth => "depth",
            Self::Segmentation => "segmentation",
            Self::Normals => "normals",
            Self::Flow => "flow",
        }
    }

    /// Bytes of one uncompressed pixel on the wire.
    pub const fn bytes_per_pixel(self) -> usize {
        match self {
            Self::Rgb | Self::Depth | Self::Segmentation => 4,
            Self::Normals => 12,
            Self::Flow => 9,
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Modality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text names no modality.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownModality(String);

impl fmt::Display for UnknownModality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown modality {:?}; choose from ", self.0)?;
        for (i, modality) in Modality::ALL.into_iter().enumerate() {
            write!(f, "{}{modality}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownModality {}

impl FromStr for Modality {
    type Err = UnknownModality;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|modality| modality.name() == text)
            .ok_or_else(|| UnknownModality(text.to_owned()))
    }
}

/// A set of modalities.
///
/// ```
/// use synthcap::{Modality, ModalitySet};
///
/// let set = Modality::Depth | Modality::Rgb;
/// assert!(set.contains(Modality::Rgb));
/// assert_eq!(set.iter().collect::<Vec<_>>(), [Modality::Rgb, Modality::Depth]);
/// assert_eq!(set | Modality::Rgb, set);
/// assert_eq!(ModalitySet::ALL.len(), 5);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ModalitySet(u8);

impl ModalitySet {
    /// Nothing.
    pub const EMPTY: Self = Self(0);
    /// Every modality.
    pub const ALL: Self = Self(0b1_1111);

    /// True when nothing is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many modalities are in the set.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether the modality is in the set.
    pub const fn contains(self, modality: Modality) -> bool {
        self.0 & modality.bit() != 0
    }

    /// The modalities of this set that the other lacks.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The modalities in the order of [`Modality::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Modality> {
        Modality::ALL
            .into_iter()
            .filter(move |modality| self.contains(*modality))
    }
}

impl From<Modality> for ModalitySet {
    fn from(modality: Modality) -> Self {
        Self(modality.bit())
    }
}

impl FromIterator<Modality> for ModalitySet {
    fn from_iter<I: IntoIterator<Item = Modality>>(modalities: I) -> Self {
        modalities
            .into_iter()
            .fold(Self::EMPTY, |set, modality| set | modality)
    }
}

impl<M: Into<ModalitySet>> std::ops::BitOr<M> for ModalitySet {
    type Output = Self;

    fn bitor(self, other: M) -> Self {
        Self(self.0 | other.into().0)
    }
}

impl<M: Into<ModalitySet>> std::ops::BitOr<M> for Modality {
    type Output = ModalitySet;

    fn bitor(self, other: M) -> ModalitySet {
        ModalitySet::from(self) | other
    }
}

impl fmt::Debug for ModalitySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
