//! Images of a sample to files.

use std::sync::Arc;

use synthcap::{Pixels, frame::PixelData as _};

use super::{DepthFile, FlowFile, layout::Layout};
use crate::{
    Encoded, EncodedFile, Encoder, Result, Sample,
    encode::{
        array::{self, IdBits},
        flo, pixels, png,
    },
};

#[derive(Debug)]
pub(super) struct FramesEncoder {
    layout: Arc<Layout>,
}

impl FramesEncoder {
    pub(super) fn new(layout: Arc<Layout>) -> Self {
        Self { layout }
    }

    fn image(&self, index: u64, view: usize, image: &Pixels) -> Result<EncodedFile> {
        let (width, height) = (image.width(), image.height());
        let files = self.layout.files;
        let whole = |body: Vec<u8>| (Vec::new(), body.into());
        let (head, body) = match image {
            Pixels::Rgb(rgb) => whole(png::picture(rgb)?),
            Pixels::Segmentation(ids) if self.layout.ids == IdBits::Sixteen => {
                whole(png::gray16(width, height, &pixels::narrow(index, ids)?)?)
            }
            Pixels::Depth(depth) if files.depth == DepthFile::KittiPng => {
                let steps = pixels::depth_steps(depth, 256.0);
                whole(png::gray16(width, height, &steps)?)
            }
            Pixels::Flow(flow) if files.flow == FlowFile::Flo => {
                let (head, body) = flo::encode(flow);
                (head, body.into())
            }
            Pixels::Flow(flow) if files.flow == FlowFile::KittiPng => {
                whole(png::rgb16(width, height, &pixels::kitti_flow(flow))?)
            }
            #[cfg(feature = "exr")]
            Pixels::Depth(depth) if files.depth == DepthFile::Exr => {
                let z = depth.metres().to_vec();
                whole(crate::encode::exr::encode(width, height, vec![("Z", z)])?)
            }
            #[cfg(feature = "exr")]
            Pixels::Normals(normals) if files.normals == super::NormalsFile::Exr => {
                let axis = |i: usize| normals.vectors().iter().map(|v| v[i]).collect();
                let channels = vec![("X", axis(0)), ("Y", axis(1)), ("Z", axis(2))];
                whole(crate::encode::exr::encode(width, height, channels)?)
            }
            // The rest goes to the file as it lies in memory.
            other => array::npy(index, other, self.layout.ids)?,
        };
        let path = self.layout.path(view, image.modality(), index);
        Ok(EncodedFile::new(path, head, body).showing(view, image.modality()))
    }
}

impl Encoder for FramesEncoder {
    fn encode(&self, sample: &Sample) -> Result<Encoded> {
        let mut files = Vec::new();
        for (view, seen) in sample.views.iter().enumerate() {
            for image in &seen.images {
                files.push(self.image(sample.index, view, image)?);
            }
        }
        Ok(Encoded::new(sample.index, files))
    }
}
