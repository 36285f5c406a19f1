//! Messages compressed with gzip.

use std::io::Read as _;

use flate2::read::GzDecoder;

/// What is in a compressed message.
pub(super) enum Unpacked {
    Whole(Vec<u8>),
    /// It would take more than the limit; this is how it begins.
    TooLong(Vec<u8>),
    /// It is not gzip.
    Broken,
}

/// Unpacks a message, and stops at the limit, whatever the message says it has.
pub(super) fn unpack(packed: &[u8], limit: usize) -> Unpacked {
    let mut message = Vec::new();
    let mut decoder = GzDecoder::new(packed).take(limit as u64 + 1);
    match decoder.read_to_end(&mut message) {
        Ok(len) if len <= limit => Unpacked::Whole(message),
        Ok(_) => Unpacked::TooLong(message),
        Err(_) => Unpacked::Broken,
    }
}

/// How a compressed message begins whose beginning alone is here, up to `limit` bytes.
pub(super) fn beginning(packed: &[u8], limit: usize) -> Vec<u8> {
    let mut decoder = GzDecoder::new(packed).take(limit as u64);
    let mut message = Vec::new();
    // Ends with an error, because the message goes on; what came before stays.
    let _ = decoder.read_to_end(&mut message);
    message
}
