//! NumPy's `.npy`, version 1.0: a short header, then the numbers as they lie in
//! memory. Writing it here lets pixels go to the file without a copy.

/// The header of a C-ordered array of little-endian numbers, `descr` being NumPy's
/// name of their type, such as `<f4`.
pub(crate) fn header(descr: &str, shape: &[u32]) -> Vec<u8> {
    let dims: Vec<_> = shape.iter().map(u32::to_string).collect();
    // A tuple of one needs its comma.
    let comma = if dims.len() == 1 { "," } else { "" };
    let mut dict = format!(
        "{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}{comma}), }}",
        dims.join(", ")
    );
    // Magic, version and length take 10 bytes; the data begins at a multiple of
    // 64, after a newline.
    let unpadded = 10 + dict.len() + 1;
    dict.extend(std::iter::repeat_n(
        ' ',
        unpadded.next_multiple_of(64) - unpadded,
    ));
    dict.push('\n');
    let mut header = Vec::with_capacity(10 + dict.len());
    header.extend_from_slice(b"\x93NUMPY\x01\x00");
    // At most some 150 bytes.
    header.extend_from_slice(&(dict.len() as u16).to_le_bytes());
    header.extend_from_slice(dict.as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_begins_at_a_multiple_of_64() {
        for shape in [&[1][..], &[480, 640], &[u32::MAX, u32::MAX, u32::MAX]] {
            let header = header("<f4", shape);
            assert!(header.len().is_multiple_of(64));
            assert_eq!(header.last(), Some(&b'\n'));
            let length = u16::from_le_bytes([header[8], header[9]]);
            assert_eq!(usize::from(length) + 10, header.len());
        }
    }
}
