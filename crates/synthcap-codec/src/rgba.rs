//! Colour, four bytes per pixel (red, green, blue, alpha), without loss.
//!
//! # Format
//!
//! Every pixel becomes four channels, modulo 256: green, red - green + 128,
//! blue - green + 128, alpha. Each channel is predicted by the median of
//! [`planes`] from the pixels to the left, above, and above to the
//! left (with the same rules at the borders), and what the prediction missed by,
//! as signed 8 bits d, becomes `(d << 1) ^ (d >> 7)`.
//!
//! Pixels are packed in groups of eight, row by row, rows not aligned to groups;
//! the last group is filled up with zeros. Of each group:
//!
//! ```text
//! u16       widths, little-endian: bits 0-3 for green, 4-7 red, 8-11 blue, 12-15 alpha
//! u8        only when all four widths are 0: how many more such groups follow
//! bytes     for each channel as many bytes as its width, 0 to 8: eight numbers of
//!           that many bits, the first in the lowest bits of the first byte
//! ```
//!
//! Nothing follows the last group. An opaque picture pays nothing for its alpha.

use crate::{
    Malformed, check_width,
    groups::{GROUP, spread, squeeze},
    planes,
};

/// Channels of a pixel.
const CHANNELS: usize = 4;
/// Keeps differences of channels in the middle of their range.
const MIDDLE: u8 = 128;
/// The most bytes that a group takes.
const MOST_BYTES: usize = 2 + CHANNELS * GROUP;
/// How far a read or write may reach over what counts.
const SLACK: usize = 8;

/// One row of each channel.
type Rows = [Vec<u8>; CHANNELS];

/// Appends the encoded image, of rows of `width` pixels.
///
/// # Panics
///
/// When the width does not divide the pixel count.
pub fn encode(width: usize, pixels: &[[u8; CHANNELS]], out: &mut Vec<u8>) {
    planes::height(width, pixels.len());
    if pixels.is_empty() {
        return;
    }
    let (mut above, mut row) = (rows(width + 1), rows(width + 1));
    let mut misses = rows(width + GROUP);
    let mut writer = Writer::default();
    let mut waiting = 0;
    for pixels in pixels.chunks_exact(width) {
        split(pixels, &mut row);
        for channel in 0..CHANNELS {
            start(&mut above[channel], &mut row[channel]);
            let misses = &mut misses[channel][waiting..];
            miss(&above[channel], &row[channel], misses);
        }
        let groups = (waiting + width) / GROUP;
        writer.write(&misses, groups, out);
        let whole = groups * GROUP;
        let end = waiting + width;
        misses
            .iter_mut()
            .for_each(|misses| misses.copy_within(whole..end, 0));
        waiting = end - whole;
        std::mem::swap(&mut above, &mut row);
    }
    if waiting > 0 {
        misses
            .iter_mut()
            .for_each(|misses| misses[waiting..GROUP].fill(0));
        writer.write(&misses, 1, out);
    }
    writer.flush_zeros(out);
}

/// Decodes an image of rows of `width` pixels into `pixels`.
///
/// # Errors
///
/// When the data are not an encoded image of just this size; `pixels` then holds
/// anything.
pub fn decode(width: usize, data: &[u8], pixels: &mut [[u8; CHANNELS]]) -> Result<(), Malformed> {
    check_width(width, pixels.len())?;
    let mut reader = Reader { data, zeros: 0 };
    // Of no rows any width may be said.
    let width = if pixels.is_empty() { 0 } else { width };
    let mut row = vec![[0; CHANNELS]; width];
    let mut misses = rows(width + 2 * GROUP);
    let mut waiting = 0;
    for pixels in pixels.chunks_exact_mut(width.max(1)) {
        let groups = width.saturating_sub(waiting).div_ceil(GROUP);
        for group in 0..groups {
            reader.read(&mut misses, waiting + group * GROUP)?;
        }
        let end = waiting + groups * GROUP;
        add(&misses, &mut row, pixels);
        misses
            .iter_mut()
            .for_each(|misses| misses.copy_within(width..end, 0));
        waiting = end - width;
    }
    if reader.zeros > 0 || !reader.data.is_empty() {
        return Err(Malformed::trailing());
    }
    Ok(())
}

fn rows(length: usize) -> Rows {
    std::array::from_fn(|_| vec![0; length])
}

/// The channels of a row of pixels, behind one place for what is left of them.
fn split(pixels: &[[u8; CHANNELS]], row: &mut Rows) {
    let [green, red, blue, alpha] = row.each_mut().map(|row| &mut row[1..]);
    let channels = green.iter_mut().zip(red).zip(blue.iter_mut().zip(alpha));
    for (&[r, g, b, a], ((green, red), (blue, alpha))) in pixels.iter().zip(channels) {
        *green = g;
        *red = r.wrapping_sub(g).wrapping_add(MIDDLE);
        *blue = b.wrapping_sub(g).wrapping_add(MIDDLE);
        *alpha = a;
    }
}

/// What lies left of the first column is what lies above it.
fn start(above: &mut [u8], row: &mut [u8]) {
    above[0] = above[1];
    row[0] = above[1];
}

/// What the prediction of a row missed by.
fn miss(above: &[u8], row: &[u8], misses: &mut [u8]) {
    let width = row.len() - 1;
    let neighbours = row[..width].iter().zip(&above[1..]).zip(&above[..width]);
    for ((miss, &value), ((&left, &up), &corner)) in
        misses.iter_mut().zip(&row[1..]).zip(neighbours)
    {
        let median = median(left.into(), up.into(), corner.into());
        let difference = value.wrapping_sub(median as u8) as i8;
        *miss = ((difference << 1) ^ (difference >> 7)) as u8;
    }
}

fn median(left: i16, up: i16, corner: i16) -> i16 {
    let (low, high) = (left.min(up), left.max(up));
    (left + up - corner).min(high).max(low)
}

/// The next row with these misses: its channels into `row`, which holds those of
/// the row above, and its colours into `pixels`.
fn add(misses: &Rows, row: &mut [[i16; CHANNELS]], pixels: &mut [[u8; CHANNELS]]) {
    let [green, red, blue, alpha] = misses.each_ref().map(|misses| &misses[..row.len()]);
    let (mut left, mut corner) = match row.first() {
        Some(first) => (*first, *first),
        None => return,
    };
    let misses = green.iter().zip(red).zip(blue.iter().zip(alpha));
    for ((value, pixel), ((&g, &r), (&b, &a))) in row.iter_mut().zip(pixels).zip(misses) {
        let (up, missed) = (*value, [g, r, b, a]);
        left = std::array::from_fn(|i| {
            let difference = (missed[i] >> 1) ^ (missed[i] & 1).wrapping_neg();
            (median(left[i], up[i], corner[i]) + i16::from(difference)) & 0xff
        });
        (corner, *value) = (up, left);
        let [green, red, blue, alpha] = left.map(|value| value as u8);
        let whole = |difference: u8| difference.wrapping_add(green).wrapping_sub(MIDDLE);
        *pixel = [whole(red), green, whole(blue), alpha];
    }
}

/// Writes groups.
#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    zeros: usize,
}

impl Writer {
    /// Writes the first groups of these rows.
    fn write(&mut self, misses: &Rows, groups: usize, out: &mut Vec<u8>) {
        let most = (groups + 1) * MOST_BYTES + SLACK;
        if self.bytes.len() < most {
            self.bytes.resize(most, 0);
        }
        let mut used = 0;
        for group in 0..groups {
            let words = misses.each_ref().map(|misses| {
                let bytes = misses[group * GROUP..].first_chunk();
                bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
            });
            if words == [0; CHANNELS] {
                self.zeros += 1;
                continue;
            }
            if self.zeros > 0 {
                out.extend_from_slice(&self.bytes[..used]);
                used = 0;
                self.flush_zeros(out);
            }
            used += write_group(words, &mut self.bytes[used..]);
        }
        out.extend_from_slice(&self.bytes[..used]);
    }

    fn flush_zeros(&mut self, out: &mut Vec<u8>) {
        while self.zeros > 0 {
            let run = self.zeros.min(256);
            out.extend_from_slice(&[0, 0, (run - 1) as u8]);
            self.zeros -= run;
        }
    }
}

/// Writes one group and returns its length; may write some bytes more.
fn write_group(words: [u64; CHANNELS], out: &mut [u8]) -> usize {
    let widths = words.map(width_of);
    let header = widths
        .iter()
        .rev()
        .fold(0, |header, &width| header << 4 | u16::from(width));
    out[..2].copy_from_slice(&header.to_le_bytes());
    let mut used = 2;
    for (word, width) in words.into_iter().zip(widths) {
        out[used..used + 8].copy_from_slice(&squeeze(word, width).to_le_bytes());
        used += usize::from(width);
    }
    used
}

/// Bits that the largest of eight bytes needs.
fn width_of(word: u64) -> u8 {
    let halves = word | word >> 32;
    let pairs = halves | halves >> 16;
    let all = (pairs | pairs >> 8) as u8;
    (u8::BITS - all.leading_zeros()) as u8
}

/// Reads groups.
struct Reader<'a> {
    data: &'a [u8],
    zeros: usize,
}

impl Reader<'_> {
    /// Reads one group into each row from this place on.
    fn read(&mut self, misses: &mut Rows, at: usize) -> Result<(), Malformed> {
        let mut words = [0; CHANNELS];
        if self.zeros > 0 {
            self.zeros -= 1;
        } else {
            words = self.read_words()?;
        }
        for (misses, word) in misses.iter_mut().zip(words) {
            misses[at..at + GROUP].copy_from_slice(&word.to_le_bytes());
        }
        Ok(())
    }

    fn read_words(&mut self) -> Result<[u64; CHANNELS], Malformed> {
        let (&header, rest) = self
            .data
            .split_first_chunk()
            .ok_or(Malformed::truncated())?;
        self.data = rest;
        let header = u16::from_le_bytes(header);
        if header == 0 {
            let (&zeros, rest) = rest.split_first().ok_or(Malformed::truncated())?;
            (self.data, self.zeros) = (rest, zeros.into());
            return Ok([0; CHANNELS]);
        }
        let widths: [_; CHANNELS] = std::array::from_fn(|i| (header >> (4 * i) & 0xf) as u8);
        if widths.iter().any(|width| *width > 8) {
            return Err(Malformed::new("a group has a width of no number"));
        }
        let bytes = widths.iter().map(|width| usize::from(*width)).sum();
        let words = match self.data.first_chunk() {
            Some(window) => words(window, widths),
            None if self.data.len() < bytes => return Err(Malformed::truncated()),
            None => {
                let mut padded = [0; MOST_BYTES + SLACK];
                padded[..self.data.len()].copy_from_slice(self.data);
                words(&padded, widths)
            }
        };
        self.data = &self.data[bytes..];
        Ok(words)
    }
}

/// The numbers of each channel, one per byte.
fn words(window: &[u8; MOST_BYTES + SLACK], widths: [u8; CHANNELS]) -> [u64; CHANNELS] {
    let mut at = 0;
    widths.map(|width| {
        let mut packed = [0; 8];
        packed.copy_from_slice(&window[at..at + 8]);
        at += usize::from(width);
        spread(u64::from_le_bytes(packed), width)
    })
}
