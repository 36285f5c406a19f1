//! Groups of eight small numbers, packed to as many bits as the largest needs.

use crate::Malformed;

/// Numbers in a group.
pub(crate) const GROUP: usize = 8;
/// The most bytes that a group takes: its header, a mask, eight times 32 bits, and
/// the zero groups counted before it.
const MOST_BYTES: usize = 2 + 2 + 4 * GROUP;
/// How far a write may reach over what it keeps.
const SLACK: usize = 8;
/// What is looked at to read the numbers of any group.
const WINDOW: usize = 4 * GROUP + SLACK;
/// The header of a group in which only the numbers marked in a mask are present.
const SPARSE: u8 = 0x40;
/// The widest number.
const WIDEST: u8 = 32;

/// Writes groups; [`take`](Self::take) hands over what has been written.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
    used: usize,
    zeros: usize,
}

impl Writer {
    /// Writes whole groups.
    pub(crate) fn write(&mut self, groups: &[[u32; GROUP]]) {
        let most = self.used + (groups.len() + 1) * MOST_BYTES + SLACK;
        if self.bytes.len() < most {
            self.bytes.resize(most, 0);
        }
        for group in groups {
            let all = group.iter().fold(0, |all, number| all | number);
            if all == 0 {
                self.zeros += 1;
                continue;
            }
            self.flush_zeros();
            self.write_group(group, width_of(all));
        }
    }

    /// Appends what has been written so far to `out`.
    pub(crate) fn take(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes[..self.used]);
        self.used = 0;
    }

    /// Ends the stream and appends it to `out`.
    pub(crate) fn finish(mut self, out: &mut Vec<u8>) {
        let most = self.used + 2 * (self.zeros / 256 + 1);
        self.bytes.resize(self.bytes.len().max(most), 0);
        self.flush_zeros();
        self.take(out);
    }

    fn flush_zeros(&mut self) {
        while self.zeros > 0 {
            let run = self.zeros.min(256);
            if self.bytes.len() < self.used + 2 * MOST_BYTES {
                self.bytes.resize(self.used + 2 * MOST_BYTES, 0);
            }
            self.bytes[self.used] = 0;
            self.bytes[self.used + 1] = (run - 1) as u8;
            self.used += 2;
            self.zeros -= run;
        }
    }

    fn write_group(&mut self, group: &[u32; GROUP], width: u8) {
        let present = group.iter().filter(|number| **number != 0).count();
        let sparse_bytes = 1 + bytes_for(present, width);
        let out = &mut self.bytes[self.used..];
        if sparse_bytes >= usize::from(width) {
            out[0] = width;
            pack(group, width, &mut out[1..]);
            self.used += 1 + usize::from(width);
            return;
        }
        let (mut mask, mut kept, mut count) = (0, [0; GROUP], 0);
        for (i, &number) in group.iter().enumerate() {
            kept[count] = number;
            count += usize::from(number != 0);
            mask |= u8::from(number != 0) << i;
        }
        out[0] = SPARSE | width;
        out[1] = mask;
        kept[present..].fill(0);
        pack(&kept, width, &mut out[2..]);
        self.used += 1 + sparse_bytes;
    }
}

/// Reads groups.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    data: &'a [u8],
    zeros: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { data, zeros: 0 }
    }

    /// Reads whole groups.
    pub(crate) fn read(&mut self, groups: &mut [[u32; GROUP]]) -> Result<(), Malformed> {
        for group in groups {
            if self.zeros > 0 {
                self.zeros -= 1;
                *group = [0; GROUP];
            } else {
                self.read_group(group)?;
            }
        }
        Ok(())
    }

    /// What follows the groups that were read.
    pub(crate) fn rest(self) -> Result<&'a [u8], Malformed> {
        if self.zeros > 0 {
            return Err(Malformed::trailing());
        }
        Ok(self.data)
    }

    fn read_group(&mut self, group: &mut [u32; GROUP]) -> Result<(), Malformed> {
        let header = take_byte(&mut self.data)?;
        if header == 0 {
            self.zeros = usize::from(take_byte(&mut self.data)?);
            *group = [0; GROUP];
            return Ok(());
        }
        let width = header & !SPARSE;
        if width == 0 || width > WIDEST {
            return Err(Malformed::new("a group has a width of no number"));
        }
        if header & SPARSE == 0 {
            *group = self.unpack(usize::from(width), width)?;
            return Ok(());
        }
        let mask = take_byte(&mut self.data)?;
        let kept = self.unpack(bytes_for(mask.count_ones() as usize, width), width)?;
        let mut next = 0;
        for (i, number) in group.iter_mut().enumerate() {
            let is_present = mask >> i & 1 == 1;
            *number = if is_present { kept[next] } else { 0 };
            // At most seven have come before the last, so this stays inside.
            next = (next + usize::from(is_present)) % GROUP;
        }
        Ok(())
    }

    /// Takes `bytes` that hold numbers of `width` bits; those that they are too
    /// short for are arbitrary.
    fn unpack(&mut self, bytes: usize, width: u8) -> Result<[u32; GROUP], Malformed> {
        let numbers = match self.data.first_chunk() {
            Some(window) => unpack(window, width),
            None if self.data.len() < bytes => return Err(Malformed::truncated()),
            None => {
                let mut padded = [0; WINDOW];
                padded[..self.data.len()].copy_from_slice(self.data);
                unpack(&padded, width)
            }
        };
        self.data = &self.data[bytes..];
        Ok(numbers)
    }
}

/// Bits that the widest number needs, given the union of all.
fn width_of(union: u32) -> u8 {
    (u32::BITS - union.leading_zeros()) as u8
}

fn bytes_for(count: usize, width: u8) -> usize {
    (count * usize::from(width)).div_ceil(8)
}

fn take_byte(data: &mut &[u8]) -> Result<u8, Malformed> {
    let (&first, rest) = data.split_first().ok_or(Malformed::truncated())?;
    *data = rest;
    Ok(first)
}

/// Writes eight numbers of `width` bits each, the first lowest. May write up to
/// [`SLACK`] bytes more than the `width` bytes that count.
fn pack(numbers: &[u32; GROUP], width: u8, out: &mut [u8]) {
    if width <= 8 {
        let bytes = numbers.map(|number| number as u8);
        let packed = squeeze(u64::from_le_bytes(bytes), width);
        out[..8].copy_from_slice(&packed.to_le_bytes());
        return;
    }
    let (mut pending, mut bits, mut at) = (0_u64, 0, 0);
    for &number in numbers {
        pending |= u64::from(number) << bits;
        bits += u32::from(width);
        if bits >= 32 {
            out[at..at + 4].copy_from_slice(&(pending as u32).to_le_bytes());
            pending >>= 32;
            bits -= 32;
            at += 4;
        }
    }
    out[at..at + 4].copy_from_slice(&(pending as u32).to_le_bytes());
}

/// Reads eight numbers of `width` bits each, the first lowest.
fn unpack(window: &[u8; WINDOW], width: u8) -> [u32; GROUP] {
    if width <= 8 {
        let word = u64::from_le_bytes(first(window));
        return spread(word, width).to_le_bytes().map(u32::from);
    }
    let mask = u32::MAX >> (WIDEST - width);
    std::array::from_fn(|i| {
        let bit = i * usize::from(width);
        let word = u64::from_le_bytes(first(&window[bit / 8..]));
        (word >> (bit % 8)) as u32 & mask
    })
}

fn first(bytes: &[u8]) -> [u8; 8] {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[..8]);
    word
}

/// Moves the lowest `width` bits of each byte together; the others must be 0.
pub(crate) fn squeeze(bytes: u64, width: u8) -> u64 {
    const PAIRS: u64 = 0x00ff_00ff_00ff_00ff;
    const QUADS: u64 = 0x0000_ffff_0000_ffff;
    let pairs = (bytes & PAIRS) | (bytes >> 8 & PAIRS) << width;
    let quads = (pairs & QUADS) | (pairs >> 16 & QUADS) << (2 * width);
    (quads & 0xffff_ffff) | (quads >> 32) << (4 * width)
}

/// Undoes [`squeeze`]; bits above the eight numbers are ignored.
pub(crate) fn spread(packed: u64, width: u8) -> u64 {
    let one = (1_u64 << width) - 1;
    let two = (1_u64 << (2 * width)) - 1;
    let four = (1_u64 << (4 * width)) - 1;
    let quads = (packed & four) | (packed >> (4 * width) & four) << 32;
    let (two, one) = (two * 0x1_0000_0001, one * 0x0001_0001_0001_0001);
    let pairs = (quads & two) | (quads >> (2 * width) & two) << 16;
    (pairs & one) | (pairs >> width & one) << 8
}
