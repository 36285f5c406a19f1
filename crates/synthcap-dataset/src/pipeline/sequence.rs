//! The writing thread: samples in order, then the end of the set.

use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc::Receiver},
};

use super::{
    Done, Options, Summary,
    gate::{Alarm, Gate},
    stopped,
};
use crate::{
    Encoded, Plan, Result, Sample, Staging, Writer,
    manifest::{self, Contents},
    preview::{self, Preview},
};

pub(super) struct Sequencer {
    plan: Arc<Plan>,
    writer: Box<dyn Writer>,
    staging: Staging,
    gate: Arc<Gate>,
    preview: Option<Preview>,
    contents: Contents,
    /// Encoded, but some sample before it is not yet.
    early: BTreeMap<u64, Done>,
    next: u64,
}

impl Sequencer {
    pub(super) fn new(
        plan: Arc<Plan>,
        writer: Box<dyn Writer>,
        staging: Staging,
        gate: Arc<Gate>,
        options: &Options,
    ) -> Self {
        Self {
            preview: options.preview.then(|| Preview::new(&plan)),
            plan,
            writer,
            staging,
            gate,
            contents: Contents::default(),
            early: BTreeMap::new(),
            next: 0,
        }
    }

    /// Writes until nothing more comes.
    pub(super) fn run(mut self, done: &Receiver<Done>) -> Self {
        let _alarm = Alarm::new(&self.gate);
        while let Ok(done) = done.recv() {
            self.early.insert(done.job.place, done);
            while let Some(done) = self.early.remove(&self.next) {
                self.next += 1;
                let Done { job, encoded } = done;
                let written = match self.gate.failure() {
                    Some(_) => false,
                    None => {
                        let written = encoded.and_then(|e| self.append(&job.sample, e));
                        written.map_err(|error| self.gate.fail(error)).is_ok()
                    }
                };
                self.gate.leave(job.sample.pixel_bytes(), written);
            }
        }
        self
    }

    fn append(&mut self, sample: &Sample, encoded: Encoded) -> Result<()> {
        self.contents.classes.add(sample)?;
        let files = encoded.files.len() as u64;
        let bytes: u64 = encoded.files.iter().map(|file| file.len_bytes()).sum();
        self.writer.append(encoded, &mut self.staging)?;
        self.contents.samples += 1;
        self.contents.files += files;
        self.contents.bytes += bytes;
        if let Some(preview) = &mut self.preview {
            preview.offer(sample);
        }
        Ok(())
    }

    /// Ends the set, of which so many samples were pushed.
    pub(super) fn finish(mut self, pushed: u64) -> Result<Summary> {
        if self.next < pushed {
            self.gate.fail(stopped());
        }
        let mut failure = self.gate.failure();
        let complete = self.contents.samples == self.plan.samples;
        let path = if self.contents.samples == 0 {
            self.staging.discard()?;
            None
        } else {
            self.staging.release_reserve();
            let card = self.writer.finish(&mut self.staging)?;
            // The set is worth keeping without a preview.
            if let Err(error) = self.write_preview() {
                failure = failure.or(Some(error));
            }
            let mut entries = self.staging.entries()?;
            entries.push(manifest::FILE_NAME.to_owned());
            entries.sort();
            let text = manifest::render(&self.plan, &card, &self.contents, &entries)?;
            self.staging.write(manifest::FILE_NAME, &[&text])?;
            Some(self.staging.finish(complete)?)
        };
        Ok(Summary {
            path,
            samples: self.contents.samples,
            files: self.contents.files,
            bytes: self.contents.bytes,
            complete,
            failure,
        })
    }

    fn write_preview(&mut self) -> Result<()> {
        let Some(preview) = &self.preview else {
            return Ok(());
        };
        let png = preview.render()?;
        self.staging.write(preview::FILE_NAME, &[&png])
    }
}
