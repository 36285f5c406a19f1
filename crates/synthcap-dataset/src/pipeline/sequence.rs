//! The writing thread: samples in order, then the end of the set.

use std::{
    collections::BTreeMap,
    fs,
    ops::Range,
    path::Path,
    sync::{Arc, mpsc::Receiver},
};

use super::{
    Done, Summary,
    gate::{Alarm, Gate},
    merge,
    part::{Part, Ready},
    stopped,
};
use crate::{
    Error, Plan, Result, Sample, Staging, card,
    classes::ClassNames,
    journal::Journal,
    manifest::{self, Contents},
    preview::{self, Preview, Stash},
    report,
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
    /// The indices that are made here.
    report: bool,
    range: Range<u64>,
    /// Where the files of every format end.
    border: u64,
    journal: Option<Journal>,
    /// Complete once another sample begins new files: what the journal says of it.
    closing: Option<(u64, Vec<u64>)>,
}

/// What a [`Sequencer`] is made of.
pub(super) struct Begin {
    pub(super) plan: Arc<Plan>,
    pub(super) parts: Vec<Part>,
    pub(super) staging: Staging,
    pub(super) gate: Arc<Gate>,
    pub(super) preview: bool,
    pub(super) report: bool,
    pub(super) range: Range<u64>,
    pub(super) border: u64,
    pub(super) journal: Option<Journal>,
    /// Classes of the samples before.
    pub(super) classes: BTreeMap<u32, String>,
    /// Samples that are there already.
    pub(super) written: u64,
}

impl Sequencer {
    pub(super) fn new(begin: Begin) -> Result<Self> {
        let mut preview = begin
            .preview
            .then(|| Preview::new(&begin.plan, begin.range.start));
        if let Some(preview) = &mut preview
            && begin.written > 0
        {
            preview.restore(begin.written, &begin.staging.thumbs())?;
        }
        let mut classes = ClassNames::of(&begin.plan);
        classes.know(begin.classes);
        Ok(Self {
            preview,
            classes,
            plan: begin.plan,
            parts: begin.parts,
            staging: begin.staging,
            gate: begin.gate,
            early: BTreeMap::new(),
            next: 0,
            written: begin.written,
            report: begin.report,
            range: begin.range,
            border: begin.border,
            journal: begin.journal,
            closing: None,
        })
    }

    /// Takes over all samples of a part that was finished elsewhere.
    pub(super) fn adopt(&mut self, root: &Path, thumbs: &Path) -> Result<()> {
        let mut samples = 0;
        for part in &mut self.parts {
            samples = part.adopt(root, &mut self.staging)?;
        }
        self.written += samples;
        match &mut self.preview {
            Some(preview) => preview.restore(samples, thumbs),
            None => Ok(()),
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
        self.staging.wrote(ready.iter().map(Ready::len_bytes).sum());
        self.written += 1;
        let stash = self
            .preview
            .as_mut()
            .and_then(|preview| preview.offer(sample));
        if self.journal.is_none() {
            return Ok(());
        }
        if let Some((place, stash)) = stash {
            let path = self.staging.thumbs().join(Stash::name(place));
            let bytes = stash.to_bytes()?;
            fs::write(&path, bytes).map_err(|e| Error::io("write", &path, e))?;
        }
        self.acknowledge(sample.index)
    }

    /// Notes in the journal how far the set is complete, now that the sample of this
    /// index is written. A file of several samples is whole only once another is
    /// begun.
    fn acknowledge(&mut self, index: u64) -> Result<()> {
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        let mut complete = self.closing.take();
        if (index + 1).is_multiple_of(self.border) {
            let records = self.parts.iter().map(Part::records_len).collect();
            match self.border {
                1 => complete = Some((index + 1, records)),
                _ => self.closing = Some((index + 1, records)),
            }
        }
        if let Some((next, records)) = complete
            && journal.note(next, records)
        {
            journal.write(|| self.staging.flush())?;
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
            complete: self.written == self.range.end - self.range.start,
            failure: self.gate.failure(),
        };
        if self.written == 0 {
            self.staging.discard()?;
            return Ok(summary);
        }
        // The disk takes in the last samples while the rest is made.
        self.staging.send();
        // The set is worth keeping without a preview, so that comes before the space
        // kept for the indices is given back.
        if let Err(error) = self.write_preview() {
            summary.failure.get_or_insert(error);
        }
        if self.report
            && let Err(error) = self.write_report()
        {
            summary.failure.get_or_insert(error);
        }
        self.staging.release_reserve();
        let records = self.parts.iter().map(Part::records_len).collect();
        for contents in self.finish_parts()? {
            summary.files += contents.files;
            summary.bytes += contents.bytes;
        }
        let shards = match &self.journal {
            Some(_) if summary.complete && self.written < self.plan.samples => self.shards()?,
            _ => BTreeMap::new(),
        };
        if let Some(journal) = &mut self.journal {
            // Only now are the last files whole.
            if summary.complete {
                journal.note(self.range.end, records);
            }
            journal.write_with(shards, || self.staging.flush())?;
        }
        // A part is wanted with its journal: it proves what it holds.
        let whole = summary.complete && self.written == self.plan.samples;
        summary.path = Some(self.staging.finish(summary.complete, whole)?);
        Ok(summary)
    }

    /// The sums of all files that hold several samples.
    fn shards(&self) -> Result<BTreeMap<String, (u64, u32)>> {
        let mut sums = BTreeMap::new();
        for part in &self.parts {
            for (relative, path) in part.shards()? {
                sums.insert(relative, merge::sum(&path)?);
            }
        }
        Ok(sums)
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

    fn write_report(&mut self) -> Result<()> {
        let Some(part) = self.parts.first() else {
            return Ok(());
        };
        let marks = self
            .journal
            .as_ref()
            .map_or(&[][..], |journal| &journal.marks);
        let title = self.plan.source.scene_name.clone();
        let page = report::render(part.records_path(), &title, marks)?;
        self.staging.write(report::FILE_NAME, &[page.as_bytes()])
    }

    fn write_preview(&mut self) -> Result<()> {
        let Some(preview) = &self.preview else {
            return Ok(());
        };
        let png = preview.render()?;
        self.staging.write(preview::FILE_NAME, &[&png])
    }
}
