//! One sample that has been asked for, and what comes of it.

use std::sync::Arc;

use synthcap::{
    Batch, BatchItem, BatchReplies, CaptureSet, Client, FrameSet, ModalitySet, ObjectState, Pixels,
    Ticket,
};
use synthcap_dataset::{Sample, SampleView};
use synthcap_job::{ClassTable, Director, Draw, Job, Sensor, Shot, noise};

use super::{checks::refused, studio::pose_record};
use crate::exit::{Failure, Result, Stop};

/// What is the same for all samples of a scene.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) job: Arc<Job>,
    pub(super) modalities: ModalitySet,
    pub(super) with_scene: bool,
    pub(super) steps: bool,
    pub(super) classes: Option<ClassTable>,
    pub(super) seed: u64,
}

/// A sample that has been asked for.
#[derive(Debug)]
pub(super) struct Pending {
    shot: Shot,
    asked: Asked,
    images: BatchItem<FrameSet>,
    ticket: Ticket<BatchReplies>,
}

impl Pending {
    /// Sends the batch of a sample with its images at the end.
    ///
    /// # Errors
    ///
    /// When the connection is lost.
    pub(super) async fn ask(
        client: &Client,
        mut batch: Batch,
        mut shot: Shot,
        asked: Asked,
        director: &Director,
    ) -> Result<Self> {
        let size = asked.job.size;
        let views = shot.cameras.iter().map(|camera| {
            let camera = client
                .camera(&camera.name)
                .with_size(size.width, size.height);
            (camera.view(), asked.modalities)
        });
        let images = batch.add(client.capture_set(CaptureSet {
            views: views.collect(),
            include_scene: asked.with_scene,
        }));
        for (place, camera) in shot.cameras.iter().enumerate() {
            // Without it nobody could tell what motion the flow shows.
            if let Some(before) = camera.before.filter(|_| asked.steps) {
                director.record(&mut shot.record, place, "before_tick", pose_record(before));
            }
            if let Some(sensor) = &asked.job.cameras[place].sensor {
                let ev = exposure(&asked.job, sensor, &shot, place);
                director.record(&mut shot.record, place, "exposure_ev", ev.into());
            }
        }
        Ok(Self {
            images,
            ticket: batch.run().queue().await?,
            shot,
            asked,
        })
    }

    /// The sample's number.
    pub(super) fn index(&self) -> u64 {
        self.shot.spec.index
    }

    /// Waits for the sample.
    ///
    /// # Errors
    ///
    /// When the server refuses or fails, or the connection is lost.
    pub(super) async fn sample(self) -> Result<Sample> {
        let mut replies = self.ticket.await?;
        let set = replies.take(self.images)?;
        let index = self.shot.spec.index;
        let mut objects = set.scene.map(|scene| scene.objects).unwrap_or_default();
        if let Some(classes) = &self.asked.classes {
            classes
                .apply_all(&mut objects)
                .map_err(|e| refused(format!("sample {index}: {e}")))?;
        }
        let mut views = Vec::with_capacity(self.shot.cameras.len());
        for (place, camera) in self.shot.cameras.iter().enumerate() {
            let frames = set.frames.iter().filter(|f| f.info().camera == camera.name);
            let frames: Vec<_> = frames.collect();
            let first = frames.first().ok_or_else(|| {
                let line = format!(
                    "the server sent no images of {:?} for frame {index}",
                    camera.name.as_str()
                );
                Stop::new(Failure::Lost, line)
            })?;
            let info = first.info();
            let mut images = Vec::with_capacity(frames.len());
            for frame in &frames {
                let pixels = frame.pixels().clone();
                images.push(match &self.asked.classes {
                    Some(classes) => classes
                        .apply_to_image(pixels)
                        .map_err(|e| refused(e.to_string()))?,
                    None => pixels,
                });
            }
            let mut view = SampleView::new(&info.camera, images);
            view.pose = info.pose;
            view.intrinsics = info.intrinsics;
            let sensor = &self.asked.job.cameras[place].sensor;
            let noisy = sensor
                .as_ref()
                .map(|sensor| sensed(&self.asked.job, sensor, &self.shot, place, &view));
            views.push(view);
            if let Some(noisy) = noisy {
                views.push(noisy?);
                repeat_view(&mut objects, views.len() - 2);
            }
        }
        let mut sample = Sample::new(index, self.asked.seed, views);
        sample.tick = set.stamp.tick;
        sample.sim_time = set.stamp.sim_time;
        sample.objects = objects;
        sample.randomization = self.shot.record;
        Ok(sample)
    }
}

/// The noisy view sees of each object what the clean one does.
fn repeat_view(objects: &mut [ObjectState], place: usize) {
    for object in objects {
        if let Some(view) = object.views.get(place).copied() {
            object.views.insert(place + 1, view);
        }
    }
}

fn exposure(job: &Job, sensor: &Sensor, shot: &Shot, place: usize) -> f64 {
    let mut draw = Draw::new(job.seed, shot.spec.index, &format!("exposure {place}"));
    draw.range(sensor.exposure_ev.low(), sensor.exposure_ev.high())
}

/// What a camera's sensor makes of a view.
fn sensed(
    job: &Job,
    sensor: &Sensor,
    shot: &Shot,
    place: usize,
    clean: &SampleView,
) -> Result<SampleView> {
    let ev = exposure(job, sensor, shot, place);
    let draw = |what| Draw::new(job.seed, shot.spec.index, &format!("{what} noise {place}"));
    let noisy = |pixels: &Pixels| match (pixels, &sensor.depth) {
        (Pixels::Rgb(rgb), _) => noise::rgb(rgb, sensor, ev, draw("colour")).map(Pixels::from),
        (Pixels::Depth(depth), Some(model)) => {
            noise::depth(depth, model, draw("depth")).map(Pixels::from)
        }
        _ => Ok(pixels.clone()),
    };
    let images = clean
        .images
        .iter()
        .map(noisy)
        .collect::<synthcap_job::Result<_>>()?;
    let mut view = SampleView::new(sensor_name(clean.camera.as_str()).as_str(), images);
    view.pose = clean.pose;
    view.intrinsics = clean.intrinsics;
    Ok(view)
}

/// The name of the view that a camera's sensor makes.
pub(super) fn sensor_name(camera: &str) -> String {
    format!("{camera}_sensor")
}
