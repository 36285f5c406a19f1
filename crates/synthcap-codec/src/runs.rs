//! The lossless layer under segmentation and validity: runs of equal labels, and
//! runs that repeat the row above.
//!
//! # Format
//!
//! Pixels row by row. Until all are written, a token t as a variable-length
//! number, with n = t / 2 + 1 pixels; runs go on over the ends of rows:
//!
//! ```text
//! t even    n pixels equal to those just above them; above the first row is 0
//! t odd     n pixels of one label, which follows as a variable-length number
//! ```
//!
//! A variable-length number is in groups of seven bits, the lowest first, with the
//! top bit of a byte set when another byte follows (LEB128); at most 10 bytes.

use crate::{Malformed, check_width};

/// A label that can be run-length encoded: u8 or u32.
pub trait Label: Copy + Default + PartialEq + sealed::Sealed {
    #[doc(hidden)]
    fn to_number(self) -> u64;
    #[doc(hidden)]
    fn from_number(number: u64) -> Option<Self>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for u32 {}
}

impl Label for u8 {
    fn to_number(self) -> u64 {
        self.into()
    }

    fn from_number(number: u64) -> Option<Self> {
        number.try_into().ok()
    }
}

impl Label for u32 {
    fn to_number(self) -> u64 {
        self.into()
    }

    fn from_number(number: u64) -> Option<Self> {
        number.try_into().ok()
    }
}

/// Appends the encoded labels, of rows of `width` pixels.
///
/// # Panics
///
/// When the width does not divide the pixel count.
pub fn encode<L: Label>(width: usize, labels: &[L], out: &mut Vec<u8>) {
    assert!(
        check_width(width, labels.len()).is_ok(),
        "a width of {width} does not divide {} pixels",
        labels.len()
    );
    let mut at = 0;
    while at < labels.len() {
        let rest = &labels[at..];
        let same = leading(rest, |i| rest[i] == rest[0]);
        let as_above = match at.checked_sub(width) {
            Some(above) => leading(rest, |i| rest[i] == labels[above + i]),
            None => leading(&rest[..rest.len().min(width - at)], |i| {
                rest[i] == L::default()
            }),
        };
        if as_above >= same {
            put_number(2 * (as_above as u64 - 1), out);
            at += as_above;
        } else {
            put_number(2 * (same as u64 - 1) + 1, out);
            put_number(rest[0].to_number(), out);
            at += same;
        }
    }
}

/// How many pixels from the first satisfy the condition.
fn leading<L>(labels: &[L], holds: impl Fn(usize) -> bool) -> usize {
    /// Compared at once, without leaving early.
    const STRIDE: usize = 16;
    let mut count = 0;
    while count + STRIDE <= labels.len()
        && (count..count + STRIDE).fold(true, |all, i| all & holds(i))
    {
        count += STRIDE;
    }
    count + (count..labels.len()).take_while(|&i| holds(i)).count()
}

/// Decodes labels of rows of `width` pixels into `labels`.
///
/// # Errors
///
/// When the data are not encoded labels of just this size; `labels` then holds
/// anything.
pub fn decode<L: Label>(width: usize, data: &[u8], labels: &mut [L]) -> Result<(), Malformed> {
    check_width(width, labels.len())?;
    let mut data = data;
    let mut at = 0;
    while at < labels.len() {
        let token = take_number(&mut data)?;
        let count = usize::try_from(token / 2 + 1).ok();
        let end = count.and_then(|count| at.checked_add(count));
        let end = end.filter(|end| *end <= labels.len());
        let end = end.ok_or(Malformed::new("a run goes on after the last pixel"))?;
        if token % 2 == 1 {
            let label = L::from_number(take_number(&mut data)?);
            labels[at..end].fill(label.ok_or(Malformed::new("a label is out of range"))?);
        } else {
            copy_above(width, labels, at, end);
        }
        at = end;
    }
    match data {
        [] => Ok(()),
        _ => Err(Malformed::trailing()),
    }
}

/// Repeats what is above, a row at a time, because a run may span several.
fn copy_above<L: Label>(width: usize, labels: &mut [L], mut at: usize, end: usize) {
    if at < width {
        let first_row = end.min(width);
        labels[at..first_row].fill(L::default());
        at = first_row;
    }
    while at < end {
        let count = width.min(end - at);
        labels.copy_within(at - width..at - width + count, at);
        at += count;
    }
}

fn put_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take_number(data: &mut &[u8]) -> Result<u64, Malformed> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = data.split_first().ok_or(Malformed::truncated())?;
        *data = rest;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            break;
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Malformed::new("a number is longer than 64 bits"))
}
