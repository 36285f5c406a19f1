//! Arguments, checked: what can be known to be wrong before a server is asked or
//! a file is written.

use std::{path::PathBuf, sync::Arc};

use synthcap::ModalitySet;
use synthcap_dataset::{DatasetWriter, Existing, Formats, Plan, PlannedCamera, Writer};
use synthcap_job::{Job, JobSource, Shard};

use crate::{
    args::{AccessArgs, CaptureArgs, JobArgs, PathChoice},
    exit::{Result, Stop},
};

/// A job that makes sense, and where it is done.
#[derive(Clone, Debug)]
pub(crate) struct JobSettings {
    pub(crate) job: Arc<Job>,
    pub(crate) modalities: ModalitySet,
    /// Servers; none: the embedded simulator.
    pub(crate) servers: Vec<String>,
    pub(crate) access: AccessArgs,
    /// Assets of the embedded simulator. They are no part of the job, as servers are
    /// none: another machine may have them elsewhere.
    pub(crate) assets: Option<PathBuf>,
    /// Whether scenes start over from their seeds. Without, the one scene of a server
    /// is taken as it is, with its own seed.
    pub(crate) resets: bool,
    /// For complaints that know their place.
    source: JobSource,
}

/// A capture that makes sense.
#[derive(Clone, Debug)]
pub(crate) struct CaptureSettings {
    pub(crate) what: JobSettings,
    pub(crate) out: PathBuf,
    pub(crate) shard: Option<Shard>,
    pub(crate) existing: Existing,
    /// Samples between two lines of the journal.
    pub(crate) sync_samples: u64,
    pub(crate) report: bool,
}

impl JobSettings {
    /// Reads the job file and puts the flags over it.
    ///
    /// # Errors
    ///
    /// What does not make sense, with the place and the remedy.
    pub(crate) fn new(args: JobArgs) -> Result<Self> {
        let from_file = args.job.is_some();
        let mut source = match &args.job {
            Some(path) => JobSource::read(path)?,
            None => JobSource::new(),
        };
        let has_seed = args.seed.is_some() || from_file;
        let servers = args.servers.clone();
        let access = args.access.clone();
        let assets = args.assets.clone();
        if assets.is_some() && !servers.is_empty() {
            return Err(Stop::usage(
                "--assets is for the embedded simulator, and a server has its own; leave it out, \
                 or start that server with synthcap serve --assets DIR",
            ));
        }
        apply(&mut source, args)?;
        let job = source.job()?;
        let formats = writers(&job.formats)?;
        let modalities = job.modalities.map_or_else(|| formats.modalities(), |m| m.0);
        // What the formats say of the images is known before a server is asked.
        let camera = PlannedCamera::new("any", job.size.width, job.size.height);
        formats.check(&Plan::new(vec![camera], modalities, job.samples(), 0))?;
        let resets = has_seed || servers.is_empty();
        if !resets && (job.scenes() > 1 || servers.len() > 1) {
            return Err(Stop::usage(
                "several scenes or servers need a seed to start them from; give --seed",
            ));
        }
        Ok(Self {
            job: Arc::new(job),
            modalities,
            servers,
            access,
            assets,
            resets,
            source,
        })
    }

    /// The writers of the formats.
    ///
    /// # Errors
    ///
    /// When a format is unknown; [`new`](Self::new) has said so already.
    pub(crate) fn writers(&self) -> Result<Formats> {
        writers(&self.job.formats)
    }

    /// A complaint about a key of the job, with its place.
    pub(crate) fn complain(&self, key: &str, what: &str) -> Stop {
        Stop::usage(self.source.complaint(key, what).to_string())
    }
}

impl CaptureSettings {
    /// Checks arguments; reads job and pose files and looks at the output folder.
    ///
    /// # Errors
    ///
    /// What does not make sense, with the remedy.
    pub(crate) fn new(args: CaptureArgs) -> Result<Self> {
        let existing = match (args.overwrite, args.resume) {
            (true, _) => Existing::Replace,
            (false, true) => Existing::Resume,
            (false, false) => Existing::Refuse,
        };
        let what = JobSettings::new(args.job)?;
        let shard = match args.shard {
            Some(text) => Some(text.parse::<Shard>()?),
            None => Shard::from_environment(|name| std::env::var(name).ok())?,
        };
        // A part of one is the whole.
        let shard = shard.filter(|shard| shard.count() > 1);
        if !what.resets && (shard.is_some() || existing == Existing::Resume) {
            return Err(Stop::usage(
                "to resume a capture or to share it out, its samples must not depend on what the \
                 server has done before; give --seed",
            ));
        }
        Ok(Self {
            what,
            out: args.out,
            shard,
            existing,
            sync_samples: args.sync_frames.get(),
            report: args.report,
        })
    }

    /// Looks at the output folder before a long preparation.
    ///
    /// # Errors
    ///
    /// When it cannot be taken.
    pub(crate) fn check_output(&self) -> Result<()> {
        Ok(DatasetWriter::check(
            &self.out,
            &self.what.writers()?,
            self.existing,
        )?)
    }
}

/// The flags as keys of the job.
fn apply(source: &mut JobSource, args: JobArgs) -> Result<()> {
    fn whole(n: u64) -> Result<i64> {
        i64::try_from(n)
            .map_err(|_| Stop::usage(format!("{n} is too large; take up to {}", i64::MAX)))
    }
    if let Some(frames) = args.frames {
        source.set("samples", whole(frames.get())?)?;
    }
    if let Some(frames) = args.frames_per_scene {
        source.set("samples_per_scene", whole(frames.get())?)?;
    }
    if let Some(seed) = args.seed {
        source.set("seed", whole(seed)?)?;
    }
    if let Some(size) = args.size {
        source.set("size", size.to_string())?;
    }
    if !args.formats.is_empty() {
        source.set("formats", args.formats)?;
    }
    if let Some(set) = args.modalities {
        let names: Vec<_> = set.iter().map(|m| m.name().to_owned()).collect();
        source.set("modalities", names)?;
    }
    for (key, value) in [
        ("scene", args.scene),
        ("license", args.license),
        ("cameras.0.name", args.camera),
    ] {
        if let Some(value) = value {
            source.set(key, value)?;
        }
    }
    if let Some(path) = args.path {
        let text = match path {
            PathChoice::Orbit => "orbit".to_owned(),
            PathChoice::Random => "random".to_owned(),
            // It is relative to here, not to the job file.
            PathChoice::File(file) => std::path::absolute(&file)
                .unwrap_or(file)
                .to_string_lossy()
                .into_owned(),
        };
        source.set("cameras.0.path", text)?;
    } else if !source.has("cameras") {
        source.set("cameras.0.path", "orbit")?;
    }
    if args.randomize {
        for part in ["light", "materials", "poses"] {
            source.enable(&format!("randomize.{part}"))?;
        }
        source.enable("cameras.0.jitter")?;
    }
    args.set.iter().try_for_each(|set| source.set_text(set))?;
    Ok(())
}

/// The writers of formats as people name them.
///
/// # Errors
///
/// When one is unknown.
pub(crate) fn writers(specs: &[String]) -> Result<Formats> {
    let writers = specs.iter().map(|spec| synthcap_dataset::writer(spec));
    let writers: Vec<Box<dyn Writer>> = writers.collect::<synthcap_dataset::Result<_>>()?;
    Ok(writers.into())
}
