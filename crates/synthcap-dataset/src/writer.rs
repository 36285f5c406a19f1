//! What a format implements.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use synthcap::ModalitySet;

use crate::{Card, Error, ErrorKind, Plan, Result, Sample, Staging};

/// A data set format.
///
/// Calls come in this order: [`check`](Self::check) and [`open`](Self::open), once;
/// [`append`](Self::append), once per sample, in the samples' order;
/// [`finish`](Self::finish), once. All of them come from one thread at a time. What
/// costs time goes into the [`Encoder`] that `open` gives back, which runs on
/// several threads.
///
/// Images, hashes and records are the format's own; the manifest, the preview and
/// the rules for the output folder are the same for all formats and made by
/// [`DatasetWriter`](crate::DatasetWriter).
pub trait Writer: Send {
    /// The name that users choose it by.
    fn format(&self) -> &'static str;

    /// The images that it can carry.
    fn modalities(&self) -> ModalitySet;

    /// Whether it can carry the set, before anything is captured or written.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] when it cannot. This implementation compares the
    /// modalities.
    fn check(&self, plan: &Plan) -> Result<()> {
        let lacking = plan.modalities.difference(self.modalities());
        let Some(modality) = lacking.iter().next() else {
            return Ok(());
        };
        Err(Error::new(
            ErrorKind::Unsupported,
            format!("the format {} cannot carry {modality}", self.format()),
            "leave that modality out, or choose another format",
        ))
    }

    /// Begins the set.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    fn open(&mut self, plan: &Arc<Plan>, output: &mut Staging) -> Result<Arc<dyn Encoder>>;

    /// Writes one sample, after all those before it. On failure nothing of that
    /// sample may be left.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    fn append(&mut self, encoded: Encoded, output: &mut Staging) -> Result<()>;

    /// Ends the set after the last sample, whether or not all planned ones came,
    /// and describes it.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    fn finish(&mut self, output: &mut Staging) -> Result<Card>;
}

/// The part of a [`Writer`] that turns samples into bytes, on several threads.
pub trait Encoder: Send + Sync {
    /// The sample as files and a record. The same sample gives the same bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidSample`] when the format cannot hold it.
    fn encode(&self, sample: &Sample) -> Result<Encoded>;
}

/// A sample as bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encoded {
    /// Its files, or the named parts of it that go into a larger file.
    pub files: Vec<EncodedFile>,
    /// What an index says of it.
    pub record: Vec<u8>,
}

/// One encoded file: a head and a body, so that pixels need no copy to get a
/// header.
#[derive(Clone, PartialEq)]
pub struct EncodedFile {
    path: String,
    head: Vec<u8>,
    body: Bytes,
    sha256: String,
}

impl EncodedFile {
    /// A file at a path relative to the output folder, with `/` between its parts.
    /// The content is the head, then the body.
    pub fn new(path: String, head: Vec<u8>, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let mut hasher = Sha256::new();
        hasher.update(&head);
        hasher.update(&body);
        let digest = hasher.finalize();
        let sha256 = digest.iter().fold(String::with_capacity(64), |text, byte| {
            text + HEX[usize::from(byte >> 4)] + HEX[usize::from(byte & 15)]
        });
        Self {
            path,
            head,
            body,
            sha256,
        }
    }

    /// The path relative to the output folder.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// SHA-256 of the content, as hexadecimal text.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Size of the content.
    pub fn len_bytes(&self) -> u64 {
        (self.head.len() + self.body.len()) as u64
    }

    /// The content, in two parts.
    pub fn chunks(&self) -> [&[u8]; 2] {
        [&self.head, &self.body]
    }
}

const HEX: [&str; 16] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f",
];

impl fmt::Debug for EncodedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.path, self.len_bytes())
    }
}
