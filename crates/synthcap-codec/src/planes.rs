//! The lossless layer under depth, normals and flow: planes of 32-bit words,
//! predicted from their neighbours and packed to as many bits as the prediction
//! missed by.
//!
//! # Format of a plane
//!
//! ```text
//! u8        predictor: 0 left, 1 gradient, 2 median
//! groups    of 8 residuals each, row by row, rows not aligned to groups; the last
//!           group is filled up with zeros
//! ```
//!
//! **Prediction** of the word `w` at column x, from `l` to its left, `u` above and
//! `c` above to the left; all arithmetic wraps at 32 bits, words are unsigned:
//!
//! ```text
//! left      l
//! gradient  l + u - c
//! median    min(l, u) if c >= max(l, u), max(l, u) if c <= min(l, u), else l + u - c
//! ```
//!
//! Above the first row everything is 0. In the first column `l` and `c` are `u`.
//!
//! **Residual**: d = w - prediction, as signed 32 bits; stored is
//! `(d << 1) ^ (d >> 31)` (arithmetic shift), so that small misses of either sign
//! are small numbers.
//!
//! **Group**: a header byte h, then
//!
//! | h | then | meaning |
//! |---|---|---|
//! | 0 | u8 n | this group and n more hold only zeros |
//! | 1..=32 | h bytes | eight numbers of h bits each |
//! | 65..=96 | u8 mask, bytes | the numbers whose bit is set in the mask (bit 0 is the first), of h - 64 bits each, in as few bytes as hold them; the others are 0 |
//!
//! Numbers are packed without gaps, the first in the lowest bits of the first byte.
//!
//! # Floating point as words
//!
//! [`order`] maps the bits of an f32 so that neighbouring values are neighbouring
//! words: set bits of a negative number are inverted, a positive one gets its top
//! bit set. The map is one-to-one, so NaNs keep their payload and zeros their sign.

use crate::{
    Malformed, check_width,
    groups::{GROUP, Reader, Writer},
};

/// The word for an f32, in the order of the numbers.
pub const fn order(value: f32) -> u32 {
    let bits = value.to_bits();
    // All ones for negative numbers, else the sign bit alone.
    let flip = ((bits as i32 >> 31) as u32) | 0x8000_0000;
    bits ^ flip
}

/// The f32 of a word; undoes [`order`].
pub const fn restore(word: u32) -> f32 {
    let flip = ((!word as i32 >> 31) as u32) | 0x8000_0000;
    f32::from_bits(word ^ flip)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Predictor {
    Left,
    Gradient,
    Median,
}

impl Predictor {
    const ALL: [Self; 3] = [Self::Left, Self::Gradient, Self::Median];

    fn predict(self, left: u32, up: u32, corner: u32) -> u32 {
        match self {
            Self::Left => left,
            Self::Gradient => left.wrapping_add(up).wrapping_sub(corner),
            Self::Median => {
                let (low, high) = (left.min(up), left.max(up));
                let between = left.wrapping_add(up).wrapping_sub(corner);
                let inner = if corner <= low { high } else { between };
                if corner >= high { low } else { inner }
            }
        }
    }
}

/// A row of words with one more in front, for what is left of the first.
type Row = Vec<u32>;

/// Encodes a plane whose row y `fill(y, row)` writes.
pub(crate) fn encode(
    width: usize,
    height: usize,
    mut fill: impl FnMut(usize, &mut [u32]),
    out: &mut Vec<u8>,
) {
    let predictor = choose(width, height, &mut fill);
    out.push(predictor as u8);
    let mut writer = Writer::default();
    let (mut above, mut row): (Row, Row) = (vec![0; width + 1], vec![0; width + 1]);
    let mut residuals = vec![0; width + GROUP];
    let mut waiting = 0;
    for y in 0..height {
        fill(y, &mut row[1..]);
        start(&mut above, &mut row);
        miss(predictor, &above, &row, &mut residuals[waiting..]);
        let all = &mut residuals[..waiting + width];
        waiting = all.len() % GROUP;
        let (groups, rest) = all.as_chunks();
        writer.write(groups);
        writer.take(out);
        let from = all.len() - rest.len();
        residuals.copy_within(from..from + waiting, 0);
        std::mem::swap(&mut above, &mut row);
    }
    if waiting > 0 {
        residuals[waiting..GROUP].fill(0);
        writer.write(residuals[..GROUP].as_chunks().0);
    }
    writer.finish(out);
}

/// Decodes a plane, handing row y to `put(y, row)`, and returns what follows it.
pub(crate) fn decode(
    width: usize,
    height: usize,
    data: &[u8],
    mut put: impl FnMut(usize, &[u32]),
) -> Result<&[u8], Malformed> {
    let (&number, data) = data.split_first().ok_or(Malformed::truncated())?;
    let predictor = Predictor::ALL.get(usize::from(number));
    let predictor = *predictor.ok_or(Malformed::new("a plane has a predictor of no number"))?;
    let mut reader = Reader::new(data);
    // Of no rows any width may be said.
    let width = if height == 0 { 0 } else { width };
    let (mut above, mut row): (Row, Row) = (vec![0; width + 1], vec![0; width + 1]);
    let mut residuals = vec![0; width + 2 * GROUP];
    let mut waiting = 0;
    for y in 0..height {
        let groups = (width.saturating_sub(waiting)).div_ceil(GROUP);
        let end = waiting + groups * GROUP;
        reader.read(residuals[waiting..end].as_chunks_mut().0)?;
        start(&mut above, &mut row);
        add(predictor, &above, &residuals, &mut row);
        put(y, &row[1..]);
        residuals.copy_within(width..end, 0);
        waiting = end - width;
        std::mem::swap(&mut above, &mut row);
    }
    reader.rest()
}

/// Encodes N planes, one per component.
pub(crate) fn encode_vectors<const N: usize>(
    width: usize,
    vectors: &[[f32; N]],
    out: &mut Vec<u8>,
) {
    let height = height(width, vectors.len());
    for component in 0..N {
        let fill = |y: usize, row: &mut [u32]| {
            for (word, vector) in row.iter_mut().zip(&vectors[y * width..]) {
                *word = order(vector[component]);
            }
        };
        encode(width, height, fill, out);
    }
}

/// Decodes N planes, one per component, and returns what follows them.
pub(crate) fn decode_vectors<'a, const N: usize>(
    width: usize,
    mut data: &'a [u8],
    vectors: &mut [[f32; N]],
) -> Result<&'a [u8], Malformed> {
    let height = height(width, vectors.len());
    for component in 0..N {
        data = decode(width, height, data, |y, row| {
            for (vector, &word) in vectors[y * width..].iter_mut().zip(row) {
                vector[component] = restore(word);
            }
        })?;
    }
    Ok(data)
}

/// Rows of an image whose width divides its pixel count.
///
/// # Panics
///
/// When it does not.
pub(crate) fn height(width: usize, pixels: usize) -> usize {
    assert!(
        check_width(width, pixels).is_ok(),
        "a width of {width} does not divide {pixels} pixels"
    );
    pixels.checked_div(width).unwrap_or(0)
}

/// What lies left of the first column is what lies above it.
fn start(above: &mut [u32], row: &mut [u32]) {
    if let Some(&first) = above.get(1) {
        above[0] = first;
        row[0] = first;
    }
}

/// The residuals of a row.
fn miss(predictor: Predictor, above: &[u32], row: &[u32], residuals: &mut [u32]) {
    match predictor {
        Predictor::Left => miss_by(Predictor::Left, above, row, residuals),
        Predictor::Gradient => miss_by(Predictor::Gradient, above, row, residuals),
        Predictor::Median => miss_by(Predictor::Median, above, row, residuals),
    }
}

#[inline(always)]
fn miss_by(predictor: Predictor, above: &[u32], row: &[u32], residuals: &mut [u32]) {
    let width = row.len() - 1;
    let neighbours = row[..width].iter().zip(&above[1..]).zip(&above[..width]);
    for ((residual, &word), ((&left, &up), &corner)) in
        residuals.iter_mut().zip(&row[1..]).zip(neighbours)
    {
        let difference = word.wrapping_sub(predictor.predict(left, up, corner)) as i32;
        *residual = ((difference << 1) ^ (difference >> 31)) as u32;
    }
}

/// The row with these residuals.
fn add(predictor: Predictor, above: &[u32], residuals: &[u32], row: &mut [u32]) {
    match predictor {
        Predictor::Left => add_by(Predictor::Left, above, residuals, row),
        Predictor::Gradient => add_by(Predictor::Gradient, above, residuals, row),
        Predictor::Median => add_by(Predictor::Median, above, residuals, row),
    }
}

#[inline(always)]
fn add_by(predictor: Predictor, above: &[u32], residuals: &[u32], row: &mut [u32]) {
    let mut left = row[0];
    let width = row.len() - 1;
    let neighbours = above[1..].iter().zip(&above[..width]);
    for ((word, &residual), (&up, &corner)) in row[1..].iter_mut().zip(residuals).zip(neighbours) {
        let difference = (residual >> 1) ^ (residual & 1).wrapping_neg();
        left = predictor.predict(left, up, corner).wrapping_add(difference);
        *word = left;
    }
}

/// The predictor that does best on a few rows.
fn choose(width: usize, height: usize, fill: &mut impl FnMut(usize, &mut [u32])) -> Predictor {
    /// So few that choosing costs little, so many that most of an image has a say.
    const SAMPLES: usize = 24;
    let (mut above, mut row): (Row, Row) = (vec![0; width + 1], vec![0; width + 1]);
    let mut residuals = vec![0; width];
    let mut bits = [0_u64; Predictor::ALL.len()];
    for y in (1..height).step_by(height.div_ceil(SAMPLES).max(1)) {
        fill(y - 1, &mut above[1..]);
        fill(y, &mut row[1..]);
        start(&mut above, &mut row);
        for (predictor, bits) in Predictor::ALL.into_iter().zip(&mut bits) {
            miss(predictor, &above, &row, &mut residuals);
            *bits += residuals.chunks(GROUP).map(cost).sum::<u64>();
        }
    }
    let ranked = Predictor::ALL.into_iter().zip(bits);
    ranked
        .min_by_key(|(_, bits)| *bits)
        .map_or(Predictor::Gradient, |(predictor, _)| predictor)
}

/// About how many bits a group takes.
fn cost(group: &[u32]) -> u64 {
    let all = group.iter().fold(0, |all, number| all | number);
    let present = group.iter().filter(|number| **number != 0).count() as u64;
    let width = u64::from(u32::BITS - all.leading_zeros());
    (width * GROUP as u64).min(GROUP as u64 + width * present)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_the_order_of_the_numbers() {
        let numbers = [
            f32::NEG_INFINITY,
            -2.5,
            -0.0,
            0.0,
            1e-40,
            1.0,
            f32::INFINITY,
        ];
        assert!(numbers.map(order).is_sorted());
        assert_eq!(order(0.0) - order(-0.0), 1);
        for bits in [0, 1, 0x7fc0_1234, 0xffc0_0001, 0x8000_0000, u32::MAX] {
            assert_eq!(restore(order(f32::from_bits(bits))).to_bits(), bits);
        }
    }

    #[test]
    fn a_ramp_costs_next_to_nothing() {
        let mut out = Vec::new();
        let ramp = |y: usize, row: &mut [u32]| {
            for (x, word) in row.iter_mut().enumerate() {
                *word = (1000 + 7 * x + 13 * y) as u32;
            }
        };
        encode(640, 480, ramp, &mut out);
        assert!(out.len() < 3000, "{} bytes", out.len());
    }
}
