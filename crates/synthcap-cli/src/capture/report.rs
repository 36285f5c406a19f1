//! What a capture says at its end: lines for people, one JSON object for scripts.

use std::{fmt::Write as _, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use synthcap_dataset::Summary;

use super::scene::Scene;
use crate::{
    exit::{Failure, Result, Stop},
    output, progress,
    settings::CaptureSettings,
};

/// The summary of a capture.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    ok: bool,
    /// Where the data set is; null when no frame was complete.
    out: Option<PathBuf>,
    preview: Option<PathBuf>,
    complete: bool,
    frames: u64,
    planned_frames: u64,
    files: u64,
    bytes: u64,
    /// Of this run, as is the rate: what a resumed set had before costs it nothing.
    seconds: f64,
    frames_per_second: f64,
    seed: Option<u64>,
    engine: Option<String>,
    engine_version: Option<String>,
    scene: Option<String>,
    camera: Option<String>,
    warnings: Vec<String>,
    error: Option<Complaint>,
}

#[derive(Debug, Serialize)]
struct Complaint {
    kind: Failure,
    exit_code: u8,
    message: String,
}

impl Report {
    /// Of a capture that is to make so many frames; 0 when that is not known.
    pub(crate) fn new(frames: u64) -> Self {
        Self {
            ok: false,
            out: None,
            preview: None,
            complete: false,
            frames: 0,
            planned_frames: frames,
            files: 0,
            bytes: 0,
            seconds: 0.0,
            frames_per_second: 0.0,
            seed: None,
            engine: None,
            engine_version: None,
            scene: None,
            camera: None,
            warnings: Vec::new(),
            error: None,
        }
    }

    /// The scene is ready: says what will be captured.
    pub(crate) fn scene(&mut self, scene: &Scene) {
        let info = &scene.info;
        output::remark(format_args!(
            "{} {}: scene {}, seed {}, camera {}",
            info.engine_name,
            info.engine_version,
            info.scene_name,
            scene.seed,
            scene.cameras[0].name
        ));
        self.seed = Some(scene.seed);
        self.engine = Some(info.engine_name.clone());
        self.engine_version = Some(info.engine_version.clone());
        self.scene = Some(info.scene_name.clone());
        self.camera = Some(scene.cameras[0].name.to_string());
        self.warnings = scene.lacking();
        for warning in &self.warnings {
            output::remark(format_args!("warning: {warning}"));
        }
    }

    /// So many of the frames are made here.
    pub(crate) fn part_of(&mut self, frames: u64) {
        self.planned_frames = frames;
    }

    /// Whether the whole data set of this job stands in the output folder already;
    /// then it says so.
    pub(crate) fn is_there(&mut self, settings: &CaptureSettings) -> bool {
        #[derive(Deserialize)]
        struct There {
            complete: bool,
            samples: u64,
            files: u64,
            bytes: u64,
            settings: serde_json::Value,
        }
        let text = std::fs::read(settings.out.join("manifest.json")).ok();
        let there = text.and_then(|text| serde_json::from_slice::<There>(&text).ok());
        let Some(there) = there else {
            return false;
        };
        if !there.complete || there.settings != settings.what.job.record() {
            return false;
        }
        output::remark(format_args!(
            "{} is complete already",
            settings.out.display()
        ));
        self.out = Some(settings.out.clone());
        self.preview = Some(settings.out.join("preview.png"));
        (self.complete, self.frames) = (true, there.samples);
        (self.files, self.bytes) = (there.files, there.bytes);
        true
    }

    /// The set is in its place, of which so many frames were there before.
    pub(crate) fn written(&mut self, summary: &Summary, before: u64, took: Duration) {
        self.out.clone_from(&summary.path);
        let preview = summary.path.as_ref().map(|path| path.join("preview.png"));
        self.preview = preview.filter(|path| path.exists());
        self.complete = summary.complete;
        self.frames = summary.samples;
        self.files = summary.files;
        self.bytes = summary.bytes;
        self.seconds = took.as_secs_f64();
        let made = summary.samples.saturating_sub(before);
        self.frames_per_second = made as f64 / self.seconds.max(1e-9);
    }

    /// Bytes and seconds that it took.
    pub(crate) fn cost(&self) -> (u64, f64) {
        (self.bytes, self.seconds)
    }

    /// Prints the summary; the error itself is the caller's to print.
    ///
    /// # Errors
    ///
    /// The outcome's, else what kept the summary from being printed.
    pub(crate) fn print(mut self, outcome: Result<()>, json: bool) -> Result<()> {
        self.ok = outcome.is_ok();
        self.error = outcome.as_ref().err().map(|stop| Complaint {
            kind: stop.failure,
            exit_code: stop.failure.code(),
            message: stop.line.clone(),
        });
        let printed = match json {
            true => self.as_json().and_then(output::answer),
            false => self.as_text().map_or(Ok(()), output::answer),
        };
        outcome.and(printed)
    }

    fn as_json(&self) -> Result<String> {
        let told = |e| format!("the summary cannot be told as JSON: {e}");
        serde_json::to_string(self).map_err(|e| Stop::new(Failure::Internal, told(e)))
    }

    /// `None` when there is no set to tell of.
    fn as_text(&self) -> Option<String> {
        let out = self.out.as_ref()?;
        let of = match self.complete {
            true => String::new(),
            false => format!(" of {}", self.planned_frames),
        };
        let mut text = format!(
            "{}{of} frames in {}: {} files, {}, in {} ({:.1} frames/s)",
            self.frames,
            out.display(),
            self.files,
            progress::bytes(self.bytes),
            progress::duration(Duration::from_secs_f64(self.seconds)),
            self.frames_per_second
        );
        if let Some(preview) = &self.preview {
            // Writing to a string cannot fail.
            let _ = write!(text, "\nlook at {}", preview.display());
        }
        Some(text)
    }
}
