//! One format at work: its folder, its files and its records.

use std::sync::Arc;

use crate::{
    AppendFile, Encoded, Encoder, Plan, Records, Result, Sample, Staging, Writer, card,
    manifest::{self, Contents},
    record,
};

/// A sample in one format, with its record.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) encoded: Encoded,
    line: Vec<u8>,
}

impl Ready {
    /// Encodes a sample; runs on several threads.
    pub(super) fn new(encoder: &dyn Encoder, sample: &Sample) -> Result<Self> {
        let encoded = encoder.encode(sample)?;
        let line = record::line(sample, &encoded)?;
        Ok(Self { encoded, line })
    }
}

/// A format that is being written.
pub(super) struct Part {
    /// Relative to the output folder; empty when it is the only format.
    folder: String,
    writer: Box<dyn Writer>,
    records: AppendFile,
}

impl Part {
    /// Begins the format in its folder.
    pub(super) fn open(
        folder: String,
        mut writer: Box<dyn Writer>,
        plan: &Arc<Plan>,
        staging: &mut Staging,
    ) -> Result<(Self, Arc<dyn Encoder>)> {
        let (records, encoder) = staging.inside(&folder, |output| {
            let records = output.append_to(record::FILE_NAME)?;
            Ok((records, writer.open(plan, output)?))
        })?;
        let part = Self {
            folder,
            writer,
            records,
        };
        Ok((part, encoder))
    }

    /// Writes a sample. On failure nothing of it is left.
    pub(super) fn append(&mut self, ready: &Ready, staging: &mut Staging) -> Result<()> {
        let record_bytes = ready.line.len() as u64;
        let index_bytes = self.writer.index_bytes(&ready.encoded, record_bytes);
        staging.keep_free(index_bytes)?;
        staging.inside(&self.folder, |output| {
            self.writer.append(&ready.encoded, output)?;
            self.records.append(&ready.line).inspect_err(|_| {
                self.writer.retract(&ready.encoded, output);
            })
        })
    }

    /// Takes back the sample that was written last. Failures are passed over: the
    /// caller has one to report already.
    pub(super) fn retract(&mut self, ready: &Ready, staging: &mut Staging) {
        let before = self
            .records
            .len_bytes()
            .saturating_sub(ready.line.len() as u64);
        let _ = self.records.truncate(before);
        staging.inside(&self.folder, |output| {
            self.writer.retract(&ready.encoded, output);
        });
    }

    /// The name of the format.
    pub(super) fn format(&self) -> &'static str {
        self.writer.format()
    }

    /// Ends the set: its indices, its card, its manifest.
    pub(super) fn finish(&mut self, plan: &Plan, staging: &mut Staging) -> Result<Contents> {
        staging.inside(&self.folder, |output| {
            let records = Records::at(self.records.path());
            let card = self.writer.finish(&records, output)?;
            let contents = Contents::of(&records)?;
            let readme = card::render(plan, &card, &contents);
            output.write(card::FILE_NAME, &[readme.as_bytes()])?;
            let entries = manifest::with_own_name(output.entries()?);
            let text = manifest::render(plan, &card, &contents, &entries)?;
            output.write(manifest::FILE_NAME, &[&text])?;
            Ok(contents)
        })
    }
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in {:?}", self.format(), self.folder)
    }
}
