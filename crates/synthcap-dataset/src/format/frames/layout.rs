//! Which file is called what; fixed by the plan, so that a set has one extension
//! per modality.

use synthcap::Modality;

use super::{DepthFile, Files, FlowFile, NormalsFile};
use crate::{
    Plan,
    encode::array::IdBits,
    format::{ids, names},
};

/// Names of the files of a set.
#[derive(Debug)]
pub(super) struct Layout {
    /// One per camera: empty, or a folder with its `/`.
    folders: Vec<String>,
    pub(super) ids: IdBits,
    pub(super) files: Files,
}

impl Layout {
    pub(super) fn new(plan: &Plan, files: Files) -> Self {
        Self {
            folders: names::camera_folders(plan),
            ids: ids::bits(plan),
            files,
        }
    }

    /// The path of one image, relative to the set.
    pub(super) fn path(&self, view: usize, modality: Modality, index: u64) -> String {
        self.with(view, modality, &format!("{index:06}"))
    }

    /// The same for any index.
    pub(super) fn pattern(&self, view: usize, modality: Modality) -> String {
        self.with(view, modality, "{index:06}")
    }

    fn with(&self, view: usize, modality: Modality, stem: &str) -> String {
        let folder = self.folders.get(view).map_or("", String::as_str);
        format!("{folder}{modality}/{stem}.{}", self.extension(modality))
    }

    fn extension(&self, modality: Modality) -> &'static str {
        match modality {
            Modality::Rgb => "png",
            Modality::Segmentation if self.ids == IdBits::Sixteen => "png",
            Modality::Depth => match self.files.depth {
                DepthFile::Npy => "npy",
                DepthFile::KittiPng => "png",
                #[cfg(feature = "exr")]
                DepthFile::Exr => "exr",
            },
            Modality::Normals => match self.files.normals {
                NormalsFile::Npy => "npy",
                #[cfg(feature = "exr")]
                NormalsFile::Exr => "exr",
            },
            Modality::Flow => match self.files.flow {
                FlowFile::Npy => "npy",
                FlowFile::Flo => "flo",
                FlowFile::KittiPng => "png",
            },
            _ => "npy",
        }
    }
}
