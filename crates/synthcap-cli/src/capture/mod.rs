//! `synthcap capture`: from settings to a finished data set.

mod checks;
mod commands;
mod crew;
mod dispatch;
mod report;
mod scene;
mod shot;
mod studio;

use std::{collections::BTreeMap, ops::Range, time::Instant};

use synthcap_dataset::{DatasetWriter, Existing, Journaled, Options, Sample, Staging, Summary};

pub(crate) use self::report::Report;
use self::{crew::Crew, scene::Scene, studio::Studio};
use crate::{
    args::CaptureArgs,
    exit::{Failure, Result, Stop},
    output,
    progress::Progress,
    settings::CaptureSettings,
    signal::Interrupt,
};

/// Checks the arguments, captures a data set and prints the summary.
///
/// # Errors
///
/// What went wrong first. What is complete by then is kept.
pub(crate) async fn run(args: CaptureArgs) -> Result<()> {
    let json = args.json;
    let mut report = Report::new(0);
    let outcome = match CaptureSettings::new(args) {
        Ok(settings) => {
            report.part_of(settings.what.job.samples());
            capture(&settings, &mut report).await
        }
        Err(stop) => Err(stop),
    };
    report.print(outcome, json)
}

/// Captures a data set, and says in the report what came of it.
///
/// # Errors
///
/// As [`run`].
pub(crate) async fn capture(settings: &CaptureSettings, report: &mut Report) -> Result<()> {
    if settings.existing == Existing::Resume && report.is_there(settings) {
        return Staging::clear_up(&settings.out).map_err(Stop::from);
    }
    settings.check_output()?;
    let range = range(settings)?;
    if range.is_empty() {
        output::remark(
            "this shard has no samples: there are more shards than the job can be cut into",
        );
        return Ok(());
    }
    let mut interrupt = Interrupt::listen()?;
    let interrupted = || Stop::new(Failure::Interrupted, "interrupted before the first frame");
    let url = settings.what.servers.first().map(String::as_str);
    let mut studio = tokio::select! {
        studio = Studio::open(&settings.what, url) => studio?,
        () = interrupt.wait() => return Err(interrupted()),
    };
    let scene = tokio::select! {
        scene = Scene::prepare(&settings.what, &mut studio) => scene,
        () = interrupt.wait() => Err(interrupted()),
    };
    let scene = match scene {
        Ok(scene) => scene,
        Err(stop) => {
            // The first failure is the one to report.
            studio.close().await;
            return Err(stop);
        }
    };
    report.scene(&scene);
    write(settings, &scene, studio, range, &mut interrupt, report).await
}

/// The samples that are made here.
fn range(settings: &CaptureSettings) -> Result<Range<u64>> {
    let job = &settings.what.job;
    let Some(shard) = settings.shard else {
        return Ok(0..job.samples());
    };
    let border = settings.what.writers()?.samples_per_file();
    Ok(shard.range(job, border))
}

/// Captures all samples of a range into the output folder.
async fn write(
    settings: &CaptureSettings,
    scene: &Scene,
    studio: Studio,
    range: Range<u64>,
    interrupt: &mut Interrupt,
    report: &mut Report,
) -> Result<()> {
    let mut options = Options::default();
    options.existing = settings.existing;
    // Without a seed there is no going on: the server has moved on.
    options.journal = settings.what.resets.then(|| {
        let mut journaled = Journaled::new(settings.what.job.record());
        journaled.range = Some(range.clone());
        journaled.pace.samples = settings.sync_samples;
        journaled
    });
    options.report = settings.report;
    let formats = settings.what.writers()?;
    let plan = scene.plan(&settings.what);
    let created = DatasetWriter::create(&settings.out, plan, formats, options);
    let mut writer = match created {
        Ok(writer) => writer,
        Err(error) => {
            studio.close().await;
            return Err(error.into());
        }
    };
    let (next, total) = (writer.next_index(), range.end - range.start);
    let before = next - range.start;
    if before > 0 {
        output::remark(format_args!("going on after {before} of {total} frames"));
    }
    report.part_of(total);
    let start = Instant::now();
    let mut progress = Progress::resume(total, before);
    let mut crew = Crew::start(&settings.what, studio, next..range.end);
    let shot = receive(
        &mut crew,
        range,
        next,
        &mut writer,
        interrupt,
        &mut progress,
    )
    .await;
    let finished = tokio::task::block_in_place(|| writer.finish());
    crew.end().await;
    progress.finish();
    let summary: Summary = finished?;
    report.written(&summary, before, start.elapsed());
    shot?;
    summary
        .failure
        .map_or(Ok(()), |failure| Err(failure.into()))
}

/// Takes samples as they come and hands them to the writer in order.
async fn receive(
    crew: &mut Crew,
    range: Range<u64>,
    mut next: u64,
    writer: &mut DatasetWriter,
    interrupt: &mut Interrupt,
    progress: &mut Progress,
) -> Result<()> {
    let mut early: BTreeMap<u64, Sample> = BTreeMap::new();
    while next < range.end {
        let sample = tokio::select! {
            sample = crew.samples.recv() => sample.ok_or_else(crew::gone)??,
            () = interrupt.wait() => {
                let done = next - range.start;
                let line = format!("interrupted after {done} of {} frames", range.end - range.start);
                return Err(Stop::new(Failure::Interrupted, line));
            }
        };
        early.insert(sample.index, sample);
        while let Some(sample) = early.remove(&next) {
            // Waits only while the disk is slower than the simulator.
            tokio::task::block_in_place(|| writer.push(sample))?;
            next += 1;
            crew.dispatch.written(next);
            progress.update(next - range.start);
        }
    }
    Ok(())
}
