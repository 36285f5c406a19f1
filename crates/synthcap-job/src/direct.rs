//! From a scene that stands to what is asked of the server.

mod change;
mod shot;
mod things;

use std::sync::Arc;

use synthcap::{CameraName, CameraState, Capability, ObjectName, ObjectState, Transform};

pub use self::{
    change::SceneChange,
    shot::{CameraShot, Look, Shot},
    things::missing_class,
};
use crate::{
    Draw, Job, Stage,
    camera::{CameraPath, Draws},
};

/// Knows a scene of a job, and says what each of its samples takes.
#[derive(Debug)]
pub struct Director {
    job: Arc<Job>,
    scene: u64,
    can: Vec<Capability>,
    cameras: Vec<Placed>,
    recolored: Vec<ObjectName>,
    moved: Vec<(ObjectName, Transform)>,
    /// What was drawn for the scene as a whole.
    drawn: serde_json::Map<String, serde_json::Value>,
}

/// A camera with its way through the scene.
#[derive(Debug)]
struct Placed {
    name: CameraName,
    stage: Stage,
    path: CameraPath,
    /// What it may look at.
    targets: Vec<(ObjectName, synthcap::Vec3)>,
}

impl Director {
    /// For a scene of a job: what its server can do, the objects as they stand when
    /// the first sample is due, the job's cameras in its order at the size of the
    /// images, and the change that made the scene what it is.
    pub fn new(
        job: &Arc<Job>,
        scene: u64,
        can: &[Capability],
        objects: &[ObjectState],
        cameras: &[CameraState],
        change: &SceneChange,
    ) -> Self {
        let things = things::movable(objects);
        let seed = job.scene_seed(scene);
        let pick = |capability, purpose, count: crate::Count, classes: &[String]| {
            let things = things::of_classes(&things, classes);
            let mut draw = Draw::new(seed, 0, purpose);
            // A number that varies is drawn beforehand, to leave the choice as it is.
            let mut number = Draw::new(seed, 0, &format!("{purpose}, how many"));
            let count = match can.contains(&capability) {
                true => count.draw(&mut number),
                false => 0,
            };
            let chosen = draw.choose(count, things.len());
            chosen.into_iter().map(|i| things[i]).collect::<Vec<_>>()
        };
        let recolored = job.randomize.materials.as_ref().map(|m| {
            // The same objects in all samples, whose other properties stay theirs.
            pick(Capability::Materials, "recolored", m.count, &m.classes)
        });
        let moved = job
            .randomize
            .poses
            .as_ref()
            .map(|p| pick(Capability::Objects, "moved", p.count, &p.classes));
        let placed = job.cameras.iter().zip(cameras).map(|(wish, camera)| {
            let class = wish.look_at.as_ref().map(|look| look.class.as_slice());
            let targets = class.map(|class| things::of_classes(&things, class));
            Placed {
                name: camera.name.clone(),
                stage: Stage::of(objects, camera),
                path: CameraPath::of(wish, job.samples_per_scene()),
                targets: targets
                    .unwrap_or_default()
                    .into_iter()
                    .map(|o| (o.label.object.clone(), o.box_3d.center))
                    .collect(),
            }
        });
        Self {
            job: job.clone(),
            scene,
            can: can.to_vec(),
            cameras: placed.collect(),
            recolored: names(recolored.unwrap_or_default()),
            moved: moved
                .unwrap_or_default()
                .into_iter()
                .map(|o| (o.label.object.clone(), o.transform))
                .collect(),
            drawn: change.record().clone(),
        }
    }

    /// What cannot vary here although the job asks for it, for a word of warning.
    pub fn lacking(&self) -> Vec<&'static str> {
        let wish = &self.job.randomize;
        let parts = [
            (
                wish.light.is_some() && !self.can(Capability::TimeOfDay),
                "light",
            ),
            (
                wish.materials.is_some() && self.recolored.is_empty(),
                "materials",
            ),
            (
                wish.poses.is_some() && self.moved.is_empty(),
                "object poses",
            ),
        ];
        let lacking = parts.into_iter().filter(|(lacks, _)| *lacks);
        lacking.map(|(_, part)| part).collect()
    }

    fn can(&self, capability: Capability) -> bool {
        self.can.contains(&capability)
    }

    /// Random numbers for a sample, or for the whole scene.
    fn draw(&self, per: crate::Per, sample: u64, purpose: &str) -> Draw {
        match per {
            crate::Per::Sample => Draw::new(self.job.seed, sample, purpose),
            crate::Per::Scene => {
                let seed = self.job.scene_seed(self.scene);
                Draw::new(seed, 0, &format!("{purpose} of the scene"))
            }
        }
    }

    fn draws(&self, camera: usize, sample: u64, attempt: u32) -> Draws {
        Draws {
            seed: self.job.seed,
            sample,
            camera,
            attempt,
        }
    }
}

fn names(objects: Vec<&ObjectState>) -> Vec<ObjectName> {
    objects
        .into_iter()
        .map(|o| o.label.object.clone())
        .collect()
}
