//! One format at work: its folder, its files and its records.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    AppendFile, Encoded, EncodedFile, Encoder, Plan, Records, Result, Sample, Staging, Writer,
    card,
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
        let mut encoded = encoder.encode(sample)?;
        let gist = match encoded.gist.take() {
            Some(gist) => gist,
            None => record::Gist::of(sample)?,
        };
        let line = record::line(sample, &gist, &encoded)?;
        Ok(Self { encoded, line })
    }

    /// Bytes of its files and its record.
    pub(super) fn len_bytes(&self) -> u64 {
        let files = self.encoded.files.iter().map(EncodedFile::len_bytes);
        files.sum::<u64>() + self.line.len() as u64
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
    /// Begins the format in its folder, or goes on after records of so many bytes.
    pub(super) fn open(
        folder: String,
        mut writer: Box<dyn Writer>,
        plan: &Arc<Plan>,
        staging: &mut Staging,
        records: Option<u64>,
    ) -> Result<(Self, Arc<dyn Encoder>)> {
        let (records, encoder) = staging.inside(&folder, |output| {
            let records = match records {
                Some(len_bytes) => output.append_on(record::FILE_NAME, len_bytes)?,
                None => output.append_to(record::FILE_NAME)?,
            };
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

    /// The files that hold several samples: relative to the output folder, and where
    /// they lie for now.
    pub(super) fn shards(&self) -> Result<Vec<(String, PathBuf)>> {
        let mut shards = Vec::new();
        let folder = Path::new(&self.folder);
        let lies = self.records.path().parent().unwrap_or(Path::new(""));
        for record in Records::at(self.records.path()).read()? {
            let Some(shard) = record?.shard else { break };
            let relative = folder.join(&shard).to_string_lossy().into_owned();
            if shards.last().is_none_or(|(last, _)| *last != relative) {
                shards.push((relative, lies.join(&shard)));
            }
        }
        Ok(shards)
    }

    /// Where its records lie for now.
    pub(super) fn records_path(&self) -> &Path {
        self.records.path()
    }

    /// Bytes of its records.
    pub(super) fn records_len(&self) -> u64 {
        self.records.len_bytes()
    }

    /// Takes over the samples of the same format from the folder of a finished part,
    /// and says how many.
    pub(super) fn adopt(&mut self, root: &Path, staging: &mut Staging) -> Result<u64> {
        let from = root.join(&self.folder);
        let records = Records::at(from.join(record::FILE_NAME));
        let mut samples = 0;
        let mut last_shard = None;
        staging.inside(&self.folder, |output| {
            for record in records.read()? {
                let record = record?;
                samples += 1;
                match &record.shard {
                    Some(shard) if last_shard.as_ref() == Some(shard) => {}
                    Some(shard) => {
                        output.adopt(shard, &from.join(shard))?;
                        last_shard = Some(shard.clone());
                    }
                    None => record
                        .all_files()
                        .try_for_each(|file| output.adopt(&file.path, &from.join(&file.path)))?,
                }
            }
            Ok(())
        })?;
        let path = records.path();
        let text = std::fs::read(path).map_err(|e| crate::Error::io("read", path, e))?;
        self.records.append(&text)?;
        Ok(samples)
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
