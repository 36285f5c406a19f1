//! Files that hold several samples.

use std::{collections::HashMap, fs, io::Read as _, path::Path};

use sha2::{Digest as _, Sha256};

use crate::FileRecord;

/// The parts of a file, by the SHA-256 of each: whatever a format calls them.
#[derive(Debug, Default)]
pub(crate) struct Container(HashMap<[u8; 32], Vec<u8>>);

impl Container {
    /// Reads a container of any format that has such.
    ///
    /// # Errors
    ///
    /// What is wrong with the file.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let bytes = fs::read(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => "is missing".to_owned(),
            _ => e.to_string(),
        })?;
        let extension = path
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or_default();
        let parts = match extension {
            "tar" => tar_parts(&bytes)?,
            #[cfg(feature = "mcap")]
            "mcap" => mcap_parts(&bytes)?,
            #[cfg(feature = "parquet")]
            "parquet" => parquet_parts(bytes)?,
            other => {
                return Err(format!(
                    "is a container of a kind that is not known: {other}"
                ));
            }
        };
        let parts = parts
            .into_iter()
            .map(|part| (Sha256::digest(&part).into(), part));
        Ok(Self(parts.collect()))
    }

    /// The content of a file of a sample.
    pub(crate) fn get(&self, file: &FileRecord) -> Option<Vec<u8>> {
        let mut digest = [0; 32];
        for (i, byte) in digest.iter_mut().enumerate() {
            let hex = file.sha256.get(2 * i..2 * i + 2)?;
            *byte = u8::from_str_radix(hex, 16).ok()?;
        }
        self.0.get(&digest).cloned()
    }
}

fn tar_parts(bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut archive = tar::Archive::new(bytes);
    let entries = archive
        .entries()
        .map_err(|e| format!("is a broken tar file: {e}"))?;
    let parts = entries.map(|entry| {
        let mut part = Vec::new();
        entry.and_then(|mut entry| entry.read_to_end(&mut part))?;
        Ok(part)
    });
    let parts: std::io::Result<_> = parts.collect();
    parts.map_err(|e| format!("is a broken tar file: {e}"))
}

#[cfg(feature = "mcap")]
fn mcap_parts(bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let broken = |e: mcap::McapError| format!("is a broken MCAP file: {e}");
    let messages = mcap::MessageStream::new(bytes).map_err(broken)?;
    let parts = messages.map(|message| Ok(message.map_err(broken)?.data.into_owned()));
    parts.collect()
}

#[cfg(feature = "parquet")]
fn parquet_parts(bytes: Vec<u8>) -> Result<Vec<Vec<u8>>, String> {
    use parquet::{
        file::reader::{FileReader as _, SerializedFileReader},
        record::{Field, Row},
    };
    fn gather(row: &Row, parts: &mut Vec<Vec<u8>>) {
        for (_, field) in row.get_column_iter() {
            match field {
                Field::Bytes(bytes) => parts.push(bytes.data().to_vec()),
                Field::Group(inner) => gather(inner, parts),
                _ => {}
            }
        }
    }
    let broken = |e: parquet::errors::ParquetError| format!("is a broken Parquet file: {e}");
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).map_err(broken)?;
    let mut parts = Vec::new();
    for row in reader.get_row_iter(None).map_err(broken)? {
        gather(&row.map_err(broken)?, &mut parts);
    }
    Ok(parts)
}
