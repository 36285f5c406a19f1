//! Images of a sample to files.

use std::sync::Arc;

use synthcap::{
    Pixels,
    frame::{Flow, PixelData, Rgb, Segmentation},
};

use super::layout::Layout;
use crate::{
    Encoded, EncodedFile, Encoder, Error, ErrorKind, Result, Sample,
    encode::{npy, png},
};

#[derive(Debug)]
pub(super) struct FramesEncoder {
    layout: Arc<Layout>,
}

impl FramesEncoder {
    pub(super) fn new(layout: Arc<Layout>) -> Self {
        Self { layout }
    }

    fn image(&self, index: u64, view: usize, pixels: &Pixels) -> Result<EncodedFile> {
        let (width, height) = (pixels.width(), pixels.height());
        let path = self.layout.path(view, pixels.modality(), index);
        Ok(match pixels {
            Pixels::Rgb(rgb) => {
                let body = png::rgb8(width, height, &without_alpha(rgb))?;
                EncodedFile::new(path, Vec::new(), body)
            }
            Pixels::Segmentation(ids) if self.layout.ids_fit_16_bits() => {
                let body = png::gray16(width, height, &narrow(index, ids)?)?;
                EncodedFile::new(path, Vec::new(), body)
            }
            Pixels::Flow(flow) => {
                let header = npy::header("<f4", &[height, width, 3]);
                EncodedFile::new(path, header, interleaved(flow))
            }
            // The rest goes to the file as it lies in memory.
            Pixels::Depth(_) => self.array(path, "<f4", &[height, width], pixels),
            Pixels::Segmentation(_) => self.array(path, "<u4", &[height, width], pixels),
            Pixels::Normals(_) => self.array(path, "<f4", &[height, width, 3], pixels),
            _ => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!("the format frames cannot carry {}", pixels.modality()),
                    "leave that modality out",
                ));
            }
        })
    }

    fn array(&self, path: String, descr: &str, shape: &[u32], pixels: &Pixels) -> EncodedFile {
        EncodedFile::new(path, npy::header(descr, shape), pixels.clone().into_bytes())
    }
}

impl Encoder for FramesEncoder {
    fn encode(&self, sample: &Sample) -> Result<Encoded> {
        let mut files = Vec::new();
        for (view, seen) in sample.views.iter().enumerate() {
            for pixels in &seen.images {
                let file = self.image(sample.index, view, pixels)?;
                files.push(file.showing(view, pixels.modality()));
            }
        }
        Ok(Encoded::new(sample.index, files))
    }
}

fn without_alpha(rgb: &Rgb) -> Vec<u8> {
    let (pixels, _) = rgb.as_rgba().as_chunks::<4>();
    pixels
        .iter()
        .flat_map(|[r, g, b, _]| [*r, *g, *b])
        .collect()
}

/// Instance IDs as 16 bits, big-endian.
fn narrow(index: u64, segmentation: &Segmentation) -> Result<Vec<u8>> {
    let ids = segmentation.ids();
    let highest = ids.iter().copied().max().unwrap_or_default();
    if u16::try_from(highest).is_err() {
        return Err(Error::new(
            ErrorKind::InvalidSample,
            format!(
                "instance ID {highest} in sample {index} does not fit the 16 bits that the plan promised"
            ),
            "leave the highest instance ID out of the plan, and IDs are stored with 32 bits",
        ));
    }
    Ok(ids
        .iter()
        .flat_map(|id| (*id as u16).to_be_bytes())
        .collect())
}

/// u, v and validity of each pixel side by side.
fn interleaved(flow: &Flow) -> Vec<u8> {
    let pixels = flow.vectors().iter().zip(flow.validity());
    let triples: Vec<[f32; 3]> = pixels
        .map(|([u, v], valid)| [*u, *v, f32::from(*valid)])
        .collect();
    bytemuck::cast_slice(&triples).to_vec()
}
