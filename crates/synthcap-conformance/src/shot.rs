//! Images of one instant, with what the server says of them.

use std::sync::Arc;

use synthcap::{
    BatchItem, CaptureSet, Frame, FrameSet, Intrinsics, Modality, ModalitySet, Pixels, Stamp,
    Transform,
    frame::{Depth, Flow, Normals, Rgb, Segmentation},
};

use crate::{
    bench::Bench,
    point::{Flaw, Outcome},
    views::Eye,
};

/// Images of the default camera, all of one capture set.
#[derive(Clone, Debug)]
pub(crate) struct Shot {
    frames: Vec<Arc<Frame>>,
    pub(crate) stamp: Stamp,
    pub(crate) pose: Transform,
    pub(crate) lens: Intrinsics,
}

impl Shot {
    fn new(set: FrameSet) -> Outcome<Self> {
        let first = set.frames.first();
        let info = first.map(|frame| frame.info());
        let info = info.ok_or_else(|| Flaw::failed("images", "an empty capture set"))?;
        let undescribed = |what| Flaw::failed(format!("{what} with every image"), "none");
        Ok(Self {
            pose: info.pose.ok_or_else(|| undescribed("a camera pose"))?,
            lens: info.intrinsics.ok_or_else(|| undescribed("intrinsics"))?,
            stamp: set.stamp,
            frames: set.frames,
        })
    }

    fn pixels(&self, modality: Modality) -> Option<&Pixels> {
        let mut frames = self.frames.iter();
        let frame = frames.find(|frame| frame.modality() == modality)?;
        Some(frame.pixels())
    }

    pub(crate) fn frames(&self) -> &[Arc<Frame>] {
        &self.frames
    }

    pub(crate) fn eye(&self) -> Eye {
        Eye::of(&self.pose)
    }

    pub(crate) fn rgb(&self) -> Option<&Rgb> {
        match self.pixels(Modality::Rgb)? {
            Pixels::Rgb(rgb) => Some(rgb),
            _ => None,
        }
    }

    pub(crate) fn segmentation(&self) -> Option<&Segmentation> {
        match self.pixels(Modality::Segmentation)? {
            Pixels::Segmentation(ids) => Some(ids),
            _ => None,
        }
    }

    pub(crate) fn depth(&self) -> Outcome<&Depth> {
        match self.pixels(Modality::Depth) {
            Some(Pixels::Depth(depth)) => Ok(depth),
            _ => Err(missing(Modality::Depth)),
        }
    }

    pub(crate) fn normals(&self) -> Outcome<&Normals> {
        match self.pixels(Modality::Normals) {
            Some(Pixels::Normals(normals)) => Ok(normals),
            _ => Err(missing(Modality::Normals)),
        }
    }

    pub(crate) fn flow(&self) -> Outcome<&Flow> {
        match self.pixels(Modality::Flow) {
            Some(Pixels::Flow(flow)) => Ok(flow),
            _ => Err(missing(Modality::Flow)),
        }
    }

    /// The depth at a place between pixel centres, from the four around it, where
    /// they are of one smooth surface. Inverse depth is linear on a plane, so this
    /// is exact there.
    pub(crate) fn depth_between(&self, [u, v]: [f64; 2]) -> Option<f64> {
        let depth = self.depth().ok()?;
        let (x, y) = (u - 0.5, v - 0.5);
        if x < 0.0 || y < 0.0 {
            return None;
        }
        let (x0, y0) = (x as u32, y as u32);
        let (fx, fy) = (x - f64::from(x0), y - f64::from(y0));
        let mut inverse = 0.0;
        let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
        for (dx, dy, weight) in [
            (0, 0, (1.0 - fx) * (1.0 - fy)),
            (1, 0, fx * (1.0 - fy)),
            (0, 1, (1.0 - fx) * fy),
            (1, 1, fx * fy),
        ] {
            let z = f64::from(depth.at(x0 + dx, y0 + dy)?);
            if !(z.is_finite() && z > 0.0) {
                return None;
            }
            low = low.min(1.0 / z);
            high = high.max(1.0 / z);
            inverse += weight / z;
        }
        (high < low * SMOOTH).then(|| 1.0 / inverse)
    }

    /// Whether the pixels around one are of one smooth surface, and its depth.
    pub(crate) fn smooth_depth(&self, x: u32, y: u32) -> Option<f64> {
        let depth = self.depth().ok()?;
        let z = f64::from(depth.at(x, y)?);
        let around = [(-1, 0), (1, 0), (0, -1), (0, 1)];
        let smooth = |&(dx, dy): &(i32, i32)| {
            let (nx, ny) = (x.checked_add_signed(dx)?, y.checked_add_signed(dy)?);
            let near = f64::from(depth.at(nx, ny)?);
            let same = self
                .segmentation()
                .is_none_or(|ids| ids.at(nx, ny) == ids.at(x, y));
            (same && near.max(z) < near.min(z) * SMOOTH).then_some(())
        };
        let all = around.iter().all(|step| smooth(step).is_some());
        (z.is_finite() && z > 0.0 && all).then_some(z)
    }
}

/// Neighbours on one surface differ by less than this factor in depth.
const SMOOTH: f64 = 1.04;

fn missing(modality: Modality) -> Flaw {
    Flaw::failed(format!("a {modality} image"), "none")
}

impl Bench {
    /// The set that `shoot` takes.
    pub(crate) fn set(&self, modalities: ModalitySet) -> CaptureSet {
        CaptureSet {
            views: vec![(self.camera().view(), modalities)],
            include_scene: false,
        }
    }

    /// Of these modalities, those that the server makes.
    pub(crate) fn made(&self, modalities: ModalitySet) -> ModalitySet {
        modalities.iter().filter(|m| self.makes(*m)).collect()
    }

    /// Puts the camera somewhere and takes images at once, without waiting
    /// between.
    pub(crate) async fn shoot(&self, pose: Transform, modalities: ModalitySet) -> Outcome<Shot> {
        let moved = self.camera().set_transform(pose).queue().await?;
        let set = self
            .client
            .capture_set(self.set(modalities))
            .queue()
            .await?;
        moved.await?;
        Shot::new(set.await?)
    }

    /// Images of the present state.
    pub(crate) async fn look(&self, modalities: ModalitySet) -> Outcome<Shot> {
        Shot::new(self.client.capture_set(self.set(modalities)).await?)
    }

    /// In one go: the camera at the first pose with its images, a tick, the camera
    /// at the second pose with its images.
    pub(crate) async fn shoot_over_a_tick(
        &self,
        poses: [Transform; 2],
        modalities: [ModalitySet; 2],
    ) -> Outcome<[Shot; 2]> {
        let mut batch = self.client.batch();
        let mut taken: Vec<BatchItem<FrameSet>> = Vec::new();
        for (index, (pose, modalities)) in poses.into_iter().zip(modalities).enumerate() {
            if index > 0 {
                batch.add(self.client.step(1));
            }
            batch.add(self.camera().set_transform(pose));
            let set = self.set(modalities);
            taken.push(batch.add(self.client.capture_set(set)));
        }
        let mut replies = batch.run().await?;
        let mut shots = Vec::new();
        for item in taken {
            shots.push(Shot::new(replies.take(item)?)?);
        }
        let shots: Result<[Shot; 2], _> = shots.try_into();
        shots.map_err(|_| Flaw::failed("two capture sets", "another number"))
    }
}
