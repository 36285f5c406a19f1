//! What is asked, over and over.

use synthcap::{Modality, ModalitySet};

/// One kind of request, and how many of it are in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// What one request is.
    pub kind: Kind,
    /// How many requests wait for their reply at once.
    pub in_flight: usize,
}

/// What one request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A camera move, answered by a few bytes.
    Command,
    /// Images of one tick and size.
    Images {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// More than one are a capture set.
        modalities: ModalitySet,
    },
}

impl Kind {
    /// One RGBA image.
    pub fn rgba(width: u32, height: u32) -> Self {
        Self::Images {
            width,
            height,
            modalities: Modality::Rgb.into(),
        }
    }

    /// A name for tables and scripts.
    pub fn name(&self) -> String {
        match self {
            Self::Command => "command".to_owned(),
            Self::Images {
                width,
                height,
                modalities,
            } => {
                let set: Vec<_> = modalities.iter().map(Modality::name).collect();
                let what = match &set[..] {
                    ["rgb"] => "rgba".to_owned(),
                    [one] => (*one).to_owned(),
                    more => format!("set_of_{}", more.len()),
                };
                format!("{what}_{width}x{height}")
            }
        }
    }

    /// The images' sizes in bytes; none for a command.
    pub fn image_bytes(&self) -> Vec<(Modality, usize)> {
        match *self {
            Self::Command => Vec::new(),
            Self::Images {
                width,
                height,
                modalities,
            } => {
                let pixels = width as usize * height as usize;
                let sizes = modalities.iter();
                sizes.map(|m| (m, pixels * m.bytes_per_pixel())).collect()
            }
        }
    }

    /// Bytes of payload in the reply to one request.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Command => SMALL_REPLY,
            Self::Images { .. } => self.image_bytes().iter().map(|(_, bytes)| bytes).sum(),
        }
    }
}

/// Bytes of the reply to a command, about.
pub(crate) const SMALL_REPLY: usize = 48;

impl Work {
    /// The name of the kind with the number in flight.
    pub fn name(&self) -> String {
        format!("{}_x{}", self.kind.name(), self.in_flight)
    }

    /// What every comparison measures.
    pub fn standard() -> Vec<Self> {
        let set = Kind::Images {
            width: 640,
            height: 480,
            modalities: ModalitySet::ALL,
        };
        let mut all: Vec<_> = [1, 16, 256]
            .map(|in_flight| Self {
                kind: Kind::Command,
                in_flight,
            })
            .into();
        for kind in [
            Kind::rgba(256, 256),
            Kind::rgba(512, 512),
            Kind::rgba(1920, 1080),
            Kind::rgba(3840, 2160),
            set,
        ] {
            all.extend([1, 16].map(|in_flight| Self { kind, in_flight }));
        }
        all
    }
}
