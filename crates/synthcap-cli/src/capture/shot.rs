//! One frame: what is asked of the server for it, and the sample that comes of it.

use serde_json::json;
use synthcap::{
    BatchItem, BatchReplies, Camera, Capability, CaptureSet, Client, FrameSet, ModalitySet, Ticket,
    Transform,
};
use synthcap_dataset::{Sample, SampleView};

use super::scene::Scene;
use crate::{
    exit::{Failure, Result, Stop},
    randomize::Drawn,
    settings::CaptureSettings,
};

/// Asks for frames.
#[derive(Debug)]
pub(crate) struct Photographer<'a> {
    client: &'a Client,
    scene: &'a Scene,
    camera: Camera,
    modalities: ModalitySet,
    with_scene: bool,
    steps: bool,
}

/// A frame that has been asked for.
#[derive(Debug)]
pub(crate) struct Pending {
    index: u64,
    seed: u64,
    drawn: Option<Drawn>,
    /// Where the camera was put for the tick before.
    before: Option<Transform>,
    images: BatchItem<FrameSet>,
    ticket: Ticket<BatchReplies>,
}

impl<'a> Photographer<'a> {
    pub(crate) fn new(client: &'a Client, settings: &CaptureSettings, scene: &'a Scene) -> Self {
        let size = settings.size;
        let camera = client.camera(&scene.camera.name);
        Self {
            client,
            scene,
            camera: camera.with_size(size.width, size.height),
            modalities: settings.modalities,
            with_scene: scene.describes_objects(),
            steps: scene.info.can(Capability::Step),
        }
    }

    /// Asks for a frame. All of it happens in one go on the server: what varies is
    /// set, time goes on by a tick, the camera goes to its place, and all images
    /// are of that tick. Flow then holds the motion of things and of the camera.
    ///
    /// # Errors
    ///
    /// When the connection is lost.
    pub(crate) async fn ask(&self, index: u64) -> Result<Pending> {
        let pose = self.scene.path.pose(index).ok_or_else(|| {
            let line = format!("the camera path ends before frame {index}");
            Stop::new(Failure::Internal, line)
        })?;
        let drawn = self.scene.randomizer.as_ref().map(|r| r.draw(index));
        let pose = drawn.as_ref().map_or(pose, |drawn| drawn.jittered(pose));
        let mut batch = self.client.batch();
        if let Some(drawn) = &drawn {
            drawn.add_to(&mut batch, self.client);
        }
        let before = self.scene.path.before(index, pose).filter(|_| self.steps);
        if let Some(before) = before {
            batch.add(self.camera.set_transform(before));
        }
        if self.steps {
            batch.add(self.client.step(1));
        }
        batch.add(self.camera.set_transform(pose));
        let images = batch.add(self.client.capture_set(CaptureSet {
            views: vec![(self.camera.view(), self.modalities)],
            include_scene: self.with_scene,
        }));
        Ok(Pending {
            index,
            seed: self.scene.seed,
            drawn,
            before,
            images,
            ticket: batch.run().queue().await?,
        })
    }
}

impl Pending {
    /// The frame's number.
    pub(crate) fn index(&self) -> u64 {
        self.index
    }

    /// Waits for the frame.
    ///
    /// # Errors
    ///
    /// When the server refuses or fails, or the connection is lost.
    pub(crate) async fn sample(self) -> Result<Sample> {
        let mut replies = self.ticket.await?;
        let set = replies.take(self.images)?;
        let first = set.frames.first().ok_or_else(|| {
            let line = format!("the server sent no images for frame {}", self.index);
            Stop::new(Failure::Lost, line)
        })?;
        let info = first.info();
        let images = set.frames.iter().map(|frame| frame.pixels().clone());
        let mut view = SampleView::new(&info.camera, images.collect());
        view.pose = info.pose;
        view.intrinsics = info.intrinsics;
        let mut sample = Sample::new(self.index, self.seed, vec![view]);
        sample.tick = set.stamp.tick;
        sample.sim_time = set.stamp.sim_time;
        sample.objects = set.scene.map(|scene| scene.objects).unwrap_or_default();
        if let Some(drawn) = &self.drawn {
            sample.randomization = drawn.record();
        }
        if let Some(Transform {
            location: l,
            rotation: r,
            ..
        }) = self.before
        {
            // Without it nobody could tell what motion the flow shows.
            let before = json!({
                "location_cm": [l.x, l.y, l.z],
                "rotation_deg": { "pitch": r.pitch, "yaw": r.yaw, "roll": r.roll },
            });
            let name = "camera_before_tick".to_owned();
            sample.randomization.insert(name, before);
        }
        Ok(sample)
    }
}
