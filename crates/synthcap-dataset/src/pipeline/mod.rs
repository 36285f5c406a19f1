//! From pushed samples to a finished set.
//!
//! ```text
//! push -> queue -> encoding threads -> writing thread (in order) -> files
//! ```
//!
//! One gate bounds all of it: a sample is let in while fewer than so many samples
//! and so many bytes are between `push` and the files, and counts until it is
//! written. The first sample that fails ends the set: what comes after it is
//! dropped, so that a set never has holes.

mod formats;
mod gate;
mod merge;
mod part;
mod resume;
mod sequence;

use std::{
    num::NonZeroUsize,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
    thread::{self, JoinHandle},
};

use serde_json::Value;

pub use self::{
    formats::Formats,
    merge::{Unmerged, merge},
};
use self::{
    gate::{Alarm, Gate},
    part::{Part, Ready},
    sequence::{Begin, Sequencer},
};
use crate::{
    Encoder, Error, ErrorKind, Existing, Plan, Result, Sample, Staging,
    journal::{Header, JournalPace},
    manifest,
};

/// How a data set is written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// What to do with an output folder that holds something. Default: refuse it.
    pub existing: Existing,
    /// Threads that encode. Default: as many as the machine runs at once.
    pub encoders: NonZeroUsize,
    /// Samples between [`DatasetWriter::push`] and the files, at the most. Default:
    /// 64. A sample more waits in `push`.
    pub max_queued_samples: NonZeroUsize,
    /// Pixels between `push` and the files, in bytes, at the most; a single sample
    /// may exceed it. Encoding takes up to as much again. Default: 512 MiB.
    pub max_queued_bytes: usize,
    /// Whether the set gets a `preview.png`. Default: yes.
    pub preview: bool,
    /// Whether the set gets a `report.html`, which also tells the rate over time and
    /// so differs from run to run. Default: no.
    pub report: bool,
    /// Keeps a journal, with which an interrupted set can be gone on with by
    /// [`Existing::Resume`], and parts of a set can be put together. Default: none.
    pub journal: Option<Journaled>,
}

/// What a journal is kept of.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Journaled {
    /// Tells what is being made: a set is gone on with, and parts are put together,
    /// only where it is equal.
    pub identity: Value,
    /// The indices that are made here, when that is a part of the set. It begins where
    /// [`Formats::samples_per_file`] divides it. Default: all of the plan.
    pub range: Option<Range<u64>>,
    /// How often it is written.
    pub pace: JournalPace,
}

impl Journaled {
    /// A journal of the whole of what this stands for.
    pub fn new(identity: Value) -> Self {
        Self {
            identity,
            ..Self::default()
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            existing: Existing::default(),
            encoders: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            max_queued_samples: const { NonZeroUsize::new(64).expect("not zero") },
            max_queued_bytes: 512 * 1024 * 1024,
            preview: true,
            report: false,
            journal: None,
        }
    }
}

/// What was written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// Where the set is: the output folder. An incomplete set that was meant to
    /// replace another does not; it is then a folder inside that one. `None` when
    /// no sample was complete, in which case nothing is left.
    pub path: Option<PathBuf>,
    /// Samples in the set.
    pub samples: u64,
    /// Files of these samples.
    pub files: u64,
    /// Bytes of these files.
    pub bytes: u64,
    /// Whether all planned samples are there.
    pub complete: bool,
    /// What kept further samples, or the preview, from being written.
    pub failure: Option<Error>,
}

/// Writes one data set, in one format or in several at once.
///
/// Dropping it without [`finish`](Self::finish) leaves the output folder as a
/// crash would: nothing stands under a final name.
#[derive(Debug)]
pub struct DatasetWriter {
    root: PathBuf,
    gate: Arc<Gate>,
    queue: Option<Sender<Job>>,
    encoders: Vec<JoinHandle<()>>,
    sequencer: JoinHandle<Sequencer>,
    plan: Arc<Plan>,
    pushed: u64,
    last_index: Option<u64>,
    next_index: u64,
}

/// A sample on its way to the encoders, with its place in the order.
struct Job {
    place: u64,
    sample: Arc<Sample>,
}

/// A sample on its way to the files, in each format.
struct Done {
    job: Job,
    encoded: Result<Vec<Ready>>,
}

impl DatasetWriter {
    /// Whether [`create`](Self::create) would take the output folder, as far as that
    /// can be told without writing anything: to be known before a long preparation.
    ///
    /// # Errors
    ///
    /// What [`Staging::check`] says; [`ErrorKind::OtherFormat`] when the set to be
    /// replaced has other formats.
    pub fn check(root: impl AsRef<Path>, formats: &Formats, existing: Existing) -> Result<()> {
        let root = root.as_ref();
        Staging::check(root, existing)?;
        same_formats(root, formats, existing)
    }

    /// Opens the output folder, making it if need be, and starts the threads.
    ///
    /// # Errors
    ///
    /// What [`Plan::check`], [`Formats::check`], [`check`](Self::check),
    /// [`Staging::open`] and [`Writer::open`](crate::Writer::open) say; then nothing
    /// is left behind.
    pub fn create(
        root: impl AsRef<Path>,
        plan: Plan,
        formats: impl Into<Formats>,
        options: Options,
    ) -> Result<Self> {
        let formats = formats.into();
        plan.check()?;
        formats.check(&plan)?;
        let root = root.as_ref();
        same_formats(root, &formats, options.existing)?;
        let mut plan = plan;
        let header = options.journal.as_ref().map(|journaled| {
            let range = journaled.range.clone().unwrap_or(0..plan.samples);
            let names = formats.names().map(str::to_owned).collect();
            Header::new(&journaled.identity, names, range, &plan)
        });
        let past = match (&header, options.existing) {
            // Before anything is touched: it may be somebody else's.
            (Some(header), Existing::Resume) => resume::past(root, header)?,
            _ => None,
        };
        if let Some(past) = &past {
            plan.created = past.header.plan.created();
        }
        let plan = Arc::new(plan);
        let mut staging = Staging::open(root, options.existing)?;
        let border = formats.samples_per_file();
        let folders: Vec<_> = formats.into_folders().collect();
        let names: Vec<_> = folders.iter().map(|(folder, _)| folder.clone()).collect();
        let resumed = resume::begin(&mut staging, &names, header.as_ref(), past, &options)?;
        let records = resumed.records.map(|len| len.into_iter().map(Some));
        let mut records = records.into_iter().flatten();
        let opened = folders.into_iter().map(|(folder, writer)| {
            // Each on its own: no format sees the others' files.
            let records = records.next().flatten();
            Part::open(folder, writer, &plan, &mut staging, records)
        });
        let (parts, encoders): (Vec<_>, Vec<_>) = match opened.collect::<Result<Vec<_>>>() {
            Ok(opened) => opened.into_iter().unzip(),
            Err(error) => {
                // The first failure is the one to report.
                let _ = staging.discard();
                return Err(error);
            }
        };
        let gate = Arc::new(Gate::new(
            options.max_queued_samples.get(),
            options.max_queued_bytes,
        ));
        let (queue, jobs) = mpsc::channel();
        let (results, done) = mpsc::channel();
        let jobs = Arc::new(Mutex::new(jobs));
        let encoder: Arc<[_]> = encoders.into();
        let encoders = (0..options.encoders.get()).map(|_| {
            let (jobs, encoder, results) = (jobs.clone(), encoder.clone(), results.clone());
            let alarm = Alarm::new(&gate);
            thread::spawn(move || encode(&jobs, &encoder, &results, alarm))
        });
        let encoders = encoders.collect();
        let range = header.map_or(0..plan.samples, |header| header.range);
        let sequencer = Sequencer::new(Begin {
            plan: plan.clone(),
            parts,
            staging,
            gate: gate.clone(),
            preview: options.preview,
            report: options.report,
            border,
            journal: resumed.journal,
            classes: resumed.classes,
            written: resumed.next - range.start,
            range,
        })?;
        Ok(Self {
            root: root.to_owned(),
            gate,
            queue: Some(queue),
            encoders,
            sequencer: thread::spawn(move || sequencer.run(&done)),
            plan,
            pushed: 0,
            last_index: None,
            next_index: resumed.next,
        })
    }

    /// The output folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The index of the first sample that is not there yet: that of the first to push,
    /// above the beginning when an interrupted run is gone on with.
    pub fn next_index(&self) -> u64 {
        self.next_index
    }

    /// Samples whose files are written.
    pub fn written(&self) -> u64 {
        self.gate.written()
    }

    /// Hands over a sample. Waits while as many are on their way as the options
    /// allow; encoding and writing go on in the background.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidSample`] when the sample is not what the plan says, or
    /// its index is not above the last; it is then left out, and others may follow.
    /// Any other error is that of a sample before: no more can be written, and
    /// [`finish`](Self::finish) keeps what is complete.
    pub fn push(&mut self, sample: Sample) -> Result<()> {
        self.plan.check_sample(&sample)?;
        if let Some(last) = self.last_index.filter(|last| sample.index <= *last) {
            return Err(Error::new(
                ErrorKind::InvalidSample,
                format!("sample {} comes after sample {last}", sample.index),
                "push samples in the order of their indices",
            ));
        }
        self.gate.enter(sample.pixel_bytes())?;
        self.last_index = Some(sample.index);
        let job = Job {
            place: self.pushed,
            sample: Arc::new(sample),
        };
        self.pushed += 1;
        let sent = self.queue.as_ref().map(|queue| queue.send(job));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(stopped()),
        }
    }

    /// Writes what is on its way, the preview and the manifest, and puts the set in
    /// its place. To end early is fine: the set is then valid, and its manifest
    /// says that it is not complete.
    ///
    /// # Errors
    ///
    /// When the set could not be put in its place. A failure before that is in
    /// [`Summary::failure`].
    pub fn finish(mut self) -> Result<Summary> {
        self.queue = None;
        for encoder in self.encoders {
            // A panic there shows as a missing sample below.
            let _ = encoder.join();
        }
        let sequencer = self.sequencer.join().map_err(|_| stopped())?;
        sequencer.finish(self.pushed)
    }
}

/// Whether a set that is to be replaced has these formats.
fn same_formats(root: &Path, formats: &Formats, existing: Existing) -> Result<()> {
    let old = manifest::formats_of(root).filter(|_| existing == Existing::Replace);
    let names: Vec<_> = formats.names().collect();
    match old {
        Some(old) if old != names => Err(Error::at(
            ErrorKind::OtherFormat,
            root,
            format!(
                "{} holds a data set of the format {}, not {}",
                root.display(),
                old.join(" and "),
                names.join(" and ")
            ),
            "choose another folder, or the same formats",
        )),
        _ => Ok(()),
    }
}

fn stopped() -> Error {
    Error::new(
        ErrorKind::Internal,
        "a thread of the data set writer has ended before its time",
        "please report this",
    )
}

/// What an encoding thread does.
fn encode(
    jobs: &Mutex<Receiver<Job>>,
    encoders: &[Arc<dyn Encoder>],
    results: &Sender<Done>,
    _alarm: Alarm,
) {
    loop {
        // The lock is held while waiting: one thread waits for the queue, the
        // others for that one.
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else {
            return;
        };
        let formats = encoders.iter();
        let encoded = formats.map(|encoder| Ready::new(&**encoder, &job.sample));
        let encoded = encoded.collect();
        if results.send(Done { job, encoded }).is_err() {
            return;
        }
    }
}
