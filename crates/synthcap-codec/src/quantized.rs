//! Depth, f32 per pixel, to within a declared error.
//!
//! # Format
//!
//! ```text
//! f32       step, metres, little-endian
//! plane     a word per pixel: 0 is +infinity, w stands for (w - 1) x step
//! u32       count of exceptions, little-endian
//! count x   u32 place of the pixel in the image, u32 bits of its f32; little-endian
//! ```
//!
//! The [plane](crate::planes) is followed by the exceptions and nothing else. The
//! product is taken in f64 and rounded to f32. Exceptions are pixels that no word
//! comes near enough to: NaNs, negative numbers, and numbers so large that f32
//! itself is coarser than the error allowed. They are exact; their word is that of
//! the pixel before.
//!
//! The encoder makes the step almost twice the error allowed, and checks every
//! pixel as the decoder will see it, so that the bound holds without exception.

use crate::{Malformed, check_width, planes};

/// The share of twice the error that the step uses; the rest is for the rounding
/// of the decoder.
const STEP_SHARE: f64 = 63.0 / 32.0;
/// The largest word: differences between words must not wrap.
const LARGEST_WORD: f64 = i32::MAX as f64;
/// Bytes of an exception.
const EXCEPTION: usize = 8;

/// Appends the encoded image, of rows of `width` pixels, each of which will decode
/// to within `max_error_m` metres of what it is.
///
/// # Panics
///
/// When the width does not divide the pixel count, or the error is not above 0 and
/// finite.
pub fn encode(width: usize, metres: &[f32], max_error_m: f32, out: &mut Vec<u8>) {
    assert!(
        max_error_m > 0.0 && max_error_m.is_finite(),
        "an error of {max_error_m} m cannot be kept to"
    );
    let height = planes::height(width, metres.len());
    let quantizer = Quantizer::new(max_error_m);
    let (mut words, mut exceptions) = (Vec::with_capacity(metres.len()), Vec::new());
    let mut last = 0;
    for (place, &value) in metres.iter().enumerate() {
        match quantizer.word(value) {
            Some(word) => last = word,
            None => exceptions.push((place as u32, value.to_bits())),
        }
        words.push(last);
    }
    out.extend_from_slice(&quantizer.step.to_le_bytes());
    let fill = |y: usize, row: &mut [u32]| row.copy_from_slice(&words[y * width..][..width]);
    planes::encode(width, height, fill, out);
    out.extend_from_slice(&(exceptions.len() as u32).to_le_bytes());
    for (place, bits) in exceptions {
        out.extend_from_slice(&place.to_le_bytes());
        out.extend_from_slice(&bits.to_le_bytes());
    }
}

struct Quantizer {
    step: f32,
    max_error_m: f64,
    words_per_metre: f64,
}

impl Quantizer {
    fn new(max_error_m: f32) -> Self {
        let step = (f64::from(max_error_m) * STEP_SHARE) as f32;
        Self {
            step,
            max_error_m: max_error_m.into(),
            words_per_metre: 1.0 / f64::from(step),
        }
    }

    /// The word that decodes to within the error; `None` if there is none.
    fn word(&self, value: f32) -> Option<u32> {
        if value == f32::INFINITY {
            return Some(0);
        }
        let word = (f64::from(value) * self.words_per_metre + 1.5).floor();
        if !(1.0..=LARGEST_WORD).contains(&word) {
            return None;
        }
        let word = word as u32;
        let error = f64::from(dequantize(word, self.step)) - f64::from(value);
        (error.abs() <= self.max_error_m).then_some(word)
    }
}

fn dequantize(word: u32, step: f32) -> f32 {
    if word == 0 {
        return f32::INFINITY;
    }
    (f64::from(word - 1) * f64::from(step)) as f32
}

/// Decodes an image of rows of `width` pixels into `metres`.
///
/// # Errors
///
/// When the data are not an encoded image of just this size; `metres` then holds
/// anything.
pub fn decode(width: usize, data: &[u8], metres: &mut [f32]) -> Result<(), Malformed> {
    check_width(width, metres.len())?;
    let (step, data) = take_word(data)?;
    let step = f32::from_bits(step);
    if !(step > 0.0 && step.is_finite()) {
        return Err(Malformed::new("the step is no positive number"));
    }
    let height = planes::height(width, metres.len());
    let data = planes::decode(width, height, data, |y, row| {
        for (value, &word) in metres[y * width..].iter_mut().zip(row) {
            *value = dequantize(word, step);
        }
    })?;
    let (count, data) = take_word(data)?;
    if data.len() as u64 != u64::from(count) * EXCEPTION as u64 {
        return Err(Malformed::new("the exceptions are not as many as stated"));
    }
    for exception in data.chunks_exact(EXCEPTION) {
        let (place, bits) = take_word(exception)?;
        let value = metres.get_mut(place as usize);
        let value = value.ok_or(Malformed::new("an exception is outside the image"))?;
        *value = f32::from_bits(take_word(bits)?.0);
    }
    Ok(())
}

fn take_word(data: &[u8]) -> Result<(u32, &[u8]), Malformed> {
    let (word, rest) = data.split_first_chunk().ok_or(Malformed::truncated())?;
    Ok((u32::from_le_bytes(*word), rest))
}
