//! What a format implements.

use std::{fmt, num::NonZeroU64, sync::Arc};

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use synthcap::{Modality, ModalitySet};

use crate::{Card, Error, ErrorKind, Plan, Records, Result, Sample, Staging, record::Gist};

/// A data set format.
///
/// Calls come in this order: [`check`](Self::check) and [`open`](Self::open), once;
/// [`append`](Self::append), once per sample, in the samples' order;
/// [`finish`](Self::finish), once. All of them come from one thread at a time. What
/// costs time goes into the [`Encoder`] that `open` gives back, which runs on
/// several threads.
///
/// # A set is a function of its samples
///
/// However a set came about, in one go, with a crash in between or from parts that
/// several machines made, it has the same bytes. So a format keeps nothing in
/// memory from one sample to the next. Each of its files is one of three kinds:
///
/// - a file of one sample, named after its index;
/// - a file that holds a fixed range of samples, [`samples_per_file`](Self::samples_per_file)
///   of them, is named after the range, and stands there whole or not at all
///   (see [`Staging::shard`]);
/// - an index of the whole set, which `finish` derives from the [`Records`]: one line
///   for each sample, kept on disk. Its [`detail`](Encoded::detail) is the format's own.
///
/// The records, the manifest, the `README.md`, the preview and the rules for the
/// output folder are the same for all formats and made by
/// [`DatasetWriter`](crate::DatasetWriter).
pub trait Writer: Send {
    /// The name that users choose it by.
    fn format(&self) -> &'static str;

    /// The images that it can carry.
    fn modalities(&self) -> ModalitySet;

    /// The images that it cannot do without. Default: none in particular.
    fn required(&self) -> ModalitySet {
        ModalitySet::EMPTY
    }

    /// Whether it can carry the set, before anything is captured or written. What
    /// it requires and can carry has been compared by then.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] when it cannot. This implementation has nothing
    /// against any set.
    fn check(&self, plan: &Plan) -> Result<()> {
        let _ = plan;
        Ok(())
    }

    /// How many samples share a file: those with indices from k n to (k + 1) n are
    /// in one. A set that is resumed, and each part of a sharded one, begins at
    /// such a border. Default: 1.
    fn samples_per_file(&self) -> NonZeroU64 {
        NonZeroU64::MIN
    }

    /// Begins the set, or goes on with it: the samples before may be there already,
    /// up to a border of files.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    fn open(&mut self, plan: &Arc<Plan>, output: &mut Staging) -> Result<Arc<dyn Encoder>>;

    /// Writes one sample, after all those before it. On failure nothing of that
    /// sample may be left.
    ///
    /// This implementation writes each file under its own path.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    fn append(&mut self, encoded: &Encoded, output: &mut Staging) -> Result<()> {
        output.write_all(&encoded.files)
    }

    /// Takes back the sample that was appended last, because another format of the
    /// same capture, or the records, could not take it. No sample comes after that.
    fn retract(&mut self, encoded: &Encoded, output: &mut Staging) {
        output.remove_all(&encoded.files);
    }

    /// Bytes that the indices of the whole set will take for this sample, whose record
    /// has so many bytes. They are kept free, where the file system can do that, so
    /// that the set can be ended on a full disk. Default: none.
    fn index_bytes(&mut self, encoded: &Encoded, record_bytes: u64) -> u64 {
        let _ = (encoded, record_bytes);
        0
    }

    /// Ends the set after the last sample, whether or not all planned ones came:
    /// writes the indices of the whole set, and describes it. The records are those
    /// of all samples in the set.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    fn finish(&mut self, records: &Records, output: &mut Staging) -> Result<Card>;
}

/// Whether a format can carry a set: its modalities, and what it says itself.
pub(crate) fn check(writer: &dyn Writer, plan: &Plan) -> Result<()> {
    let format = writer.format();
    let lacking = plan.modalities.difference(writer.modalities());
    if let Some(modality) = lacking.iter().next() {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("the format {format} cannot carry {modality}"),
            "leave that modality out, or choose another format",
        ));
    }
    let missing = writer.required().difference(plan.modalities);
    if let Some(modality) = missing.iter().next() {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("the format {format} needs {modality}, which is not among the modalities"),
            "add that modality, or choose another format",
        ));
    }
    writer.check(plan)
}

/// The part of a [`Writer`] that turns samples into bytes, on several threads.
pub trait Encoder: Send + Sync {
    /// The sample as files. The same sample gives the same bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidSample`] when the format cannot hold it.
    fn encode(&self, sample: &Sample) -> Result<Encoded>;
}

/// A sample as bytes.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Encoded {
    /// The sample's index.
    pub index: u64,
    /// Its files, or the named parts of it that go into a larger file.
    pub files: Vec<EncodedFile>,
    /// The larger file, for formats that put several samples into one.
    pub shard: Option<String>,
    /// What the format itself wants to read of the sample when the set ends; part
    /// of the sample's record. Default: null.
    pub detail: Value,
    /// What the sample's records say, where the encoder has made one already.
    pub(crate) gist: Option<Gist>,
}

impl Encoded {
    /// A sample with a file for each part.
    pub fn new(index: u64, files: Vec<EncodedFile>) -> Self {
        Self {
            index,
            files,
            shard: None,
            detail: Value::Null,
            gist: None,
        }
    }
}

/// One encoded file: a head and a body, so that pixels need no copy to get a
/// header.
#[derive(Clone, PartialEq)]
pub struct EncodedFile {
    path: String,
    head: Vec<u8>,
    body: Bytes,
    sha256: String,
    image: Option<(usize, Modality)>,
}

impl EncodedFile {
    /// A file at a path relative to the set's folder, with `/` between its parts.
    /// The content is the head, then the body.
    pub fn new(path: impl Into<String>, head: Vec<u8>, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let mut hasher = Sha256::new();
        hasher.update(&head);
        hasher.update(&body);
        let digest = hasher.finalize();
        let sha256 = digest.iter().fold(String::with_capacity(64), |text, byte| {
            text + HEX[usize::from(byte >> 4)] + HEX[usize::from(byte & 15)]
        });
        Self {
            path: path.into(),
            head,
            body,
            sha256,
            image: None,
        }
    }

    /// Says that it is the image of a view. The sample's record lists it there.
    #[must_use]
    pub fn showing(mut self, view: usize, modality: Modality) -> Self {
        self.image = Some((view, modality));
        self
    }

    /// The view and the modality that it is the image of.
    pub fn image(&self) -> Option<(usize, Modality)> {
        self.image
    }

    /// The path relative to the set's folder, or its name in a larger file.
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
