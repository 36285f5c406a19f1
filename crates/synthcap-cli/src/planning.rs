//! `synthcap plan`: what a capture would make, before it is made.

use std::{fmt, sync::Arc, time::Instant};

use serde::Serialize;
use synthcap_dataset::Existing;
use synthcap_job::{Job, Shard, Split};

use crate::{
    args::PlanArgs,
    capture::{self, Report},
    exit::{Failure, Result, Stop},
    output, progress,
    settings::{CaptureSettings, JobSettings},
};

/// What is known of a capture beforehand.
#[derive(Debug, Serialize)]
struct Planned {
    samples: u64,
    scenes: u64,
    samples_per_scene: u64,
    images: u64,
    splits: Option<Splits>,
    formats: Vec<String>,
    fingerprint: String,
    /// Bytes of the images as they are captured, before any format.
    uncompressed_bytes: u64,
    probe: Option<Probe>,
    shards: Vec<ShardRange>,
}

#[derive(Debug, Default, Serialize)]
struct Splits {
    train: u64,
    val: u64,
    test: u64,
}

/// What a few samples have shown.
#[derive(Debug, Serialize)]
struct Probe {
    samples: u64,
    bytes_per_sample: f64,
    seconds_per_sample: f64,
    bytes: f64,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct ShardRange {
    shard: String,
    first: u64,
    end: u64,
}

/// Tells what a job would make.
///
/// # Errors
///
/// What makes no sense in the job; what the probe fails at.
pub(crate) async fn run(args: PlanArgs) -> Result<()> {
    let settings = JobSettings::new(args.job)?;
    let job = settings.job.clone();
    let border = settings.writers()?.samples_per_file();
    let shards = (0..args.shards.get()).map(|i| {
        let shard = Shard::new(i, args.shards.get())?;
        let range = shard.range(&job, border);
        Ok(ShardRange {
            shard: format!("{i}/{}", args.shards),
            first: range.start,
            end: range.end,
        })
    });
    let shards = shards.collect::<Result<_>>()?;
    let views = job
        .cameras
        .iter()
        .map(|c| 1 + u64::from(c.sensor.is_some()));
    let views: u64 = views.sum();
    let images = job.samples() * views * settings.modalities.len() as u64;
    let pixels = u64::from(job.size.width) * u64::from(job.size.height);
    let per_pixel = settings
        .modalities
        .iter()
        .map(|m| m.bytes_per_pixel() as u64);
    let planned = Planned {
        samples: job.samples(),
        scenes: job.scenes(),
        samples_per_scene: job.samples_per_scene(),
        images,
        splits: job.split.map(|_| splits(&job)),
        formats: job.formats.clone(),
        fingerprint: job.fingerprint(),
        uncompressed_bytes: job.samples() * views * pixels * per_pixel.sum::<u64>(),
        probe: match args.probe {
            0 => None,
            samples => Some(probe(settings, samples).await?),
        },
        shards,
    };
    if args.json {
        let text = serde_json::to_string(&planned);
        output::answer(text.unwrap_or_default())
    } else {
        output::answer(planned)
    }
}

fn splits(job: &Job) -> Splits {
    let mut splits = Splits::default();
    for scene in 0..job.scenes() {
        let first = scene * job.samples_per_scene();
        let count = job.samples_per_scene().min(job.samples() - first);
        match job.expand(first).split {
            Some(Split::Train) => splits.train += count,
            Some(Split::Val) => splits.val += count,
            Some(Split::Test) => splits.test += count,
            None => {}
        }
    }
    splits
}

/// Captures a few samples into a folder that goes again. The scene that they need is
/// made first and not counted; a scene change among them is.
async fn probe(mut settings: JobSettings, samples: u64) -> Result<Probe> {
    let whole = settings.job.samples();
    let samples = samples.min(whole);
    let mut job = Job::clone(&settings.job);
    job.samples_per_scene = Some(job.samples_per_scene());
    job.samples = Some(samples);
    settings.job = Arc::new(job);
    let folder = std::env::temp_dir().join(format!("synthcap-plan-{}", std::process::id()));
    let settings = CaptureSettings {
        what: settings,
        out: folder.clone(),
        shard: None,
        existing: Existing::Replace,
        sync_samples: 64,
        report: false,
    };
    let start = Instant::now();
    let mut report = Report::new(samples);
    let captured = capture::capture(&settings, &mut report).await;
    let _ = std::fs::remove_dir_all(&folder);
    captured?;
    let (bytes, seconds) = report.cost();
    if bytes == 0 {
        return Err(Stop::new(Failure::Internal, "the probe made nothing"));
    }
    let per_sample = seconds / samples as f64;
    let preparing = (start.elapsed().as_secs_f64() - seconds).max(0.0);
    Ok(Probe {
        samples,
        bytes_per_sample: bytes as f64 / samples as f64,
        seconds_per_sample: per_sample,
        bytes: bytes as f64 / samples as f64 * whole as f64,
        seconds: per_sample * whole as f64 + preparing,
    })
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} samples in {} scenes of {}, {} images, as {}",
            self.samples,
            self.scenes,
            self.samples_per_scene,
            self.images,
            self.formats.join(" and ")
        )?;
        if let Some(splits) = &self.splits {
            write!(
                f,
                "\ntrain {}, val {}, test {}",
                splits.train, splits.val, splits.test
            )?;
        }
        let bytes = progress::bytes(self.uncompressed_bytes);
        write!(f, "\nuncompressed {bytes}")?;
        if let Some(probe) = &self.probe {
            let time = std::time::Duration::from_secs_f64(probe.seconds);
            write!(
                f,
                "\non disk about {} and {} on this machine, by {} samples of {} and {:.0} ms each",
                progress::bytes(probe.bytes as u64),
                progress::duration(time),
                probe.samples,
                progress::bytes(probe.bytes_per_sample as u64),
                probe.seconds_per_sample * 1000.0
            )?;
        }
        if self.shards.len() > 1 {
            for shard in &self.shards {
                write!(
                    f,
                    "\nshard {}: samples {} to {}",
                    shard.shard, shard.first, shard.end
                )?;
            }
        }
        Ok(())
    }
}
