//! Images as they lie in files, read back.

use crate::encode::gzip;

/// The numbers of an image file, row by row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    pub(crate) height: u32,
    pub(crate) width: u32,
    pub(crate) channels: usize,
    pub(crate) numbers: Numbers,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Numbers {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    F32(Vec<f32>),
}

impl Array {
    /// Reads PNG and `.npy`, also compressed; `None` for other kinds of files, which
    /// are left alone.
    ///
    /// # Errors
    ///
    /// What is wrong with the file.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Self>, String> {
        if bytes.starts_with(b"\x1f\x8b") {
            let content =
                gzip::decompress(bytes).map_err(|e| format!("is a broken gzip file: {e}"))?;
            return Self::plain(&content);
        }
        Self::plain(bytes)
    }

    fn plain(bytes: &[u8]) -> Result<Option<Self>, String> {
        if bytes.starts_with(b"\x89PNG") {
            return png(bytes).map(Some);
        }
        match bytes.strip_prefix(b"\x93NUMPY\x01\x00") {
            Some(rest) => npy(rest).map(Some),
            None => Ok(None),
        }
    }

    /// Instance IDs, also those that a panoptic image has as colours.
    pub(crate) fn ids(&self) -> Option<Vec<u32>> {
        match (&self.numbers, self.channels) {
            (Numbers::U16(ids), 1) => Some(ids.iter().map(|id| u32::from(*id)).collect()),
            (Numbers::U32(ids), 1) => Some(ids.clone()),
            (Numbers::U8(rgb), 3) => {
                let id = |p: &[u8; 3]| u32::from_le_bytes([p[0], p[1], p[2], 0]);
                Some(rgb.as_chunks::<3>().0.iter().map(id).collect())
            }
            _ => None,
        }
    }

    pub(crate) fn floats(&self, channels: usize) -> Option<&[f32]> {
        match &self.numbers {
            Numbers::F32(numbers) if self.channels == channels => Some(numbers),
            _ => None,
        }
    }
}

fn png(bytes: &[u8]) -> Result<Array, String> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
        .read_info()
        .map_err(|e| format!("is no PNG: {e}"))?;
    let size = reader
        .output_buffer_size()
        .ok_or("is a PNG beyond memory")?;
    let mut data = vec![0; size];
    let info = reader
        .next_frame(&mut data)
        .map_err(|e| format!("is a broken PNG: {e}"))?;
    data.truncate(info.buffer_size());
    let numbers = match info.bit_depth {
        png::BitDepth::Eight => Numbers::U8(data),
        png::BitDepth::Sixteen => Numbers::U16(
            data.as_chunks::<2>()
                .0
                .iter()
                .map(|b| u16::from_be_bytes(*b))
                .collect(),
        ),
        other => {
            return Err(format!(
                "is a PNG of {other:?} bits, which is not written here"
            ));
        }
    };
    Ok(Array {
        height: info.height,
        width: info.width,
        channels: info.color_type.samples(),
        numbers,
    })
}

/// What follows magic and version.
fn npy(rest: &[u8]) -> Result<Array, String> {
    let broken = || "is a broken .npy file".to_owned();
    let (len, rest) = rest.split_first_chunk::<2>().ok_or_else(broken)?;
    let len = usize::from(u16::from_le_bytes(*len));
    let (header, data) = rest.split_at_checked(len).ok_or_else(broken)?;
    let header = std::str::from_utf8(header).map_err(|_| broken())?;
    let between = |from: &str, to: char| {
        let (_, after) = header.split_once(from)?;
        after.split_once(to).map(|(inside, _)| inside)
    };
    let descr = between("'descr': '", '\'').ok_or_else(broken)?;
    let shape: Vec<u32> = between("'shape': (", ')')
        .ok_or_else(broken)?
        .split(',')
        .filter(|n| !n.trim().is_empty())
        .map(|n| n.trim().parse().map_err(|_| broken()))
        .collect::<Result<_, _>>()?;
    let (height, width, channels) = match shape[..] {
        [height, width] => (height, width, 1),
        [height, width, channels] => (height, width, channels as usize),
        _ => return Err(format!("has the shape {shape:?}, which is no image")),
    };
    let numbers = match descr {
        "<f4" => Numbers::F32(bytemuck::pod_collect_to_vec(whole(data, 4)?)),
        "<u4" => Numbers::U32(bytemuck::pod_collect_to_vec(whole(data, 4)?)),
        "<u2" => Numbers::U16(bytemuck::pod_collect_to_vec(whole(data, 2)?)),
        "|u1" => Numbers::U8(data.to_vec()),
        other => {
            return Err(format!(
                "holds numbers of the kind {other}, which are not written here"
            ));
        }
    };
    let count = match &numbers {
        Numbers::F32(n) => n.len(),
        Numbers::U32(n) => n.len(),
        Numbers::U16(n) => n.len(),
        Numbers::U8(n) => n.len(),
    };
    if count as u64 != u64::from(height) * u64::from(width) * channels as u64 {
        return Err(broken());
    }
    Ok(Array {
        height,
        width,
        channels,
        numbers,
    })
}

fn whole(data: &[u8], size: usize) -> Result<&[u8], String> {
    match data.len().is_multiple_of(size) {
        true => Ok(data),
        false => Err("is a broken .npy file".to_owned()),
    }
}
