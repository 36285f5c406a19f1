//! The writing thread: samples in order, then the end of the set.

use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc::Receiver},
};

use super::{
    Done, Options, Summary,
    gate::{Alarm, Gate},
    part::{Part, Ready},
    stopped,
};
use crate::{
    Plan, Result, Sample, Staging, card,
    classes::ClassNames,
    manifest::{self, Contents},
    preview::{self, Preview},
};

pub(super) struct Sequencer {
    plan: Arc<Plan>,
    parts: Vec<Part>,
    staging: Staging,
    gate: Arc<Gate>,
    preview: Option<Preview>,
    classes: ClassNames,
    /// Encoded, but some sample before it is not yet.
    early: BTreeMap<u64, Done>,
    next: u64,
    written: u64,
}

impl Sequencer {
    pub(super) fn new(
        plan: Arc<Plan>,
        parts: Vec<Part>,
        staging: Staging,
        gate: Arc<Gate>,
        options: &Options,
    ) -> Self {
        Self {
            preview: options.preview.then(|| Preview::new(&plan)),
            classes: ClassNames::of(&plan),
            plan,
            parts,
            staging,
            gate,
            early: BTreeMap::new(),
            next: 0,
            written: 0,
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
                        let written = encoded.and_then(|ready| self.append(&job.sample, &ready));
                        written.map_err(|error| self.gate.fail(error)).is_ok()
                    }
                };
                self.gate.leave(job.sample.pixel_bytes(), written);
            }
        }
        self
    }

    /// Writes a sample in every format, or in none.
    fn append(&mut self, sample: &Sample, ready: &[Ready]) -> Result<()> {
        self.classes.add(sample)?;
        for (i, (part, one)) in self.parts.iter_mut().zip(ready).enumerate() {
            if let Err(error) = part.append(one, &mut self.staging) {
                for (part, one) in self.parts[..i].iter_mut().zip(ready) {
                    part.retract(one, &mut self.staging);
                }
                return Err(error);
            }
        }
        self.written += 1;
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
        let mut summary = Summary {
            path: None,
            samples: self.written,
            files: 0,
            bytes: 0,
            complete: self.written == self.plan.samples,
            failure: self.gate.failure(),
        };
        if self.written == 0 {
            self.staging.discard()?;
            return Ok(summary);
        }
        // The set is worth keeping without a preview, so that comes before the space
        // kept for the indices is given back.
        if let Err(error) = self.write_preview() {
            summary.failure.get_or_insert(error);
        }
        self.staging.release_reserve();
        for contents in self.finish_parts()? {
            summary.files += contents.files;
            summary.bytes += contents.bytes;
        }
        summary.path = Some(self.staging.finish(summary.complete)?);
        Ok(summary)
    }

    fn finish_parts(&mut self) -> Result<Vec<Contents>> {
        let parts = self.parts.iter_mut();
        let finished = parts.map(|part| part.finish(&self.plan, &mut self.staging));
        let contents: Vec<_> = finished.collect::<Result<_>>()?;
        if self.parts.len() > 1 {
            let formats: Vec<_> = self.parts.iter().map(Part::format).collect();
            let readme = card::render_several(&self.plan, &formats);
            self.staging.write(card::FILE_NAME, &[readme.as_bytes()])?;
            let entries = manifest::with_own_name(self.staging.entries()?);
            let text = manifest::render_several(&self.plan, &formats, &contents, &entries)?;
            self.staging.write(manifest::FILE_NAME, &[&text])?;
        }
        Ok(contents)
    }

    fn write_preview(&mut self) -> Result<()> {
        let Some(preview) = &self.preview else {
            return Ok(());
        };
        let png = preview.render()?;
        self.staging.write(preview::FILE_NAME, &[&png])
    }
}
