//! OpenEXR with 32-bit floats, in blocks of 16 lines with lossless ZIP.

use std::io::Cursor;

use exr::prelude::{
    AnyChannel, AnyChannels, Encoding, FlatSamples, Image, Layer, LayerAttributes,
    WritableImage as _,
};

use crate::{Error, Result};

/// A file with these channels, each row by row.
pub(crate) fn encode(
    width: u32,
    height: u32,
    channels: Vec<(&'static str, Vec<f32>)>,
) -> Result<Vec<u8>> {
    let channels = channels
        .into_iter()
        .map(|(name, samples)| AnyChannel::new(name, FlatSamples::F32(samples)));
    let layer = Layer::new(
        (width as usize, height as usize),
        LayerAttributes::default(),
        Encoding::SMALL_FAST_LOSSLESS,
        AnyChannels::sort(channels.collect()),
    );
    let mut file = Cursor::new(Vec::new());
    Image::from_layer(layer)
        .write()
        .non_parallel()
        .to_buffered(&mut file)
        .map_err(|e| Error::internal("image", &e))?;
    Ok(file.into_inner())
}
