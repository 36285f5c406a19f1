//! Gzip, for labels: few numbers in large areas.

use std::io::{self, Read as _, Write as _};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};

use crate::{Error, Result};

/// Quick: higher levels take several times as long and make a file of labels, a
/// thirtieth of the array already, smaller by a third at most.
const LEVEL: Compression = Compression::fast();

/// More than any image takes.
const MAX_BYTES: u64 = 1 << 32;

/// The two parts of a file, compressed. The same bytes on every run and machine: the
/// header holds neither time nor name.
pub(crate) fn compress(head: &[u8], body: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 16 + 256), LEVEL);
    let written = encoder
        .write_all(head)
        .and_then(|()| encoder.write_all(body));
    let finished = written.and_then(|()| encoder.finish());
    finished.map_err(|e| Error::internal("compressed labels", &e))
}

/// The content again.
///
/// # Errors
///
/// When it is broken, or larger than any image.
pub(crate) fn decompress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let mut decoder = GzDecoder::new(bytes).take(MAX_BYTES);
    decoder.read_to_end(&mut content)?;
    match decoder.limit() {
        0 => Err(io::Error::other("it is larger than any image")),
        _ => Ok(content),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_compressed_comes_back() {
        let body: Vec<u8> = (0..100_000_u32).map(|i| (i / 999) as u8).collect();
        let packed = compress(b"head", &body).expect("compressed");
        assert!(packed.len() < body.len() / 10);
        assert_eq!(
            decompress(&packed).expect("whole"),
            [b"head", &body[..]].concat()
        );
        assert!(decompress(&packed[..packed.len() - 1]).is_err());
    }

    #[test]
    fn the_header_says_nothing_of_time_and_machine() {
        let packed = compress(b"", b"labels").expect("compressed");
        // Magic, deflate, no flags, no time, fastest, unknown system.
        assert_eq!(packed[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255]);
    }
}
