//! What is done to a scene before its first sample.

use serde_json::{Map, Value, json};
use synthcap::{
    CameraState, Capability, Command, ObjectName, ObjectState, PartialTransform, Rotator,
    Transform, Vec3,
};

use super::things;
use crate::{Draw, Job, JobError, Range, Result, Stage, classes::DISTRACTOR_PREFIX};

/// Objects that go, that come, and the time they get to come to rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SceneChange {
    commands: Vec<Command>,
    record: Map<String, Value>,
}

/// Ticks for what falls when the job does not say.
const SETTLE_TICKS: u32 = 90;

impl SceneChange {
    /// What a job does to one of its scenes, of which the objects as they are made
    /// are known, and the job's first camera.
    ///
    /// # Errors
    ///
    /// When the server cannot do it.
    pub fn draw(
        job: &Job,
        scene: u64,
        can: &[Capability],
        objects: &[ObjectState],
        camera: &CameraState,
    ) -> Result<Self> {
        let mut change = Self::default();
        if !job.changes_objects() {
            return Ok(change);
        }
        for needed in [Capability::Spawn, Capability::Step, Capability::Scene] {
            if !can.contains(&needed) {
                return Err(JobError::new(format!(
                    "the server lacks {needed}, without which objects cannot come and go; leave \
                     randomize.objects, drop and distractors out"
                )));
            }
        }
        let seed = job.scene_seed(scene);
        let stage = Stage::of(objects, camera);
        change.thin_out(job, seed, objects);
        let mut settle_ticks = 0;
        if let Some(drop) = &job.randomize.drop {
            settle_ticks = drop.settle_ticks;
            let spawns = Spawns {
                what: "drop",
                assets: &drop.assets,
                count: drop.count,
                distance: Range::new(0.0, drop.spread),
                height_cm: drop.height_cm,
                scale: drop.scale,
            };
            change.spawn(seed, &stage, &spawns);
        }
        if let Some(others) = &job.randomize.distractors {
            settle_ticks = settle_ticks.max(SETTLE_TICKS);
            let spawns = Spawns {
                what: DISTRACTOR_PREFIX.trim_end_matches('_'),
                assets: &others.assets,
                count: others.count,
                distance: others.distance,
                height_cm: others.height_cm,
                scale: others.scale,
            };
            change.spawn(seed, &stage, &spawns);
        }
        if settle_ticks > 0 {
            let ticks = settle_ticks;
            change.commands.push(Command::Step { ticks });
        }
        Ok(change)
    }

    /// In this order, each run with success before the next.
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// What was drawn; empty when nothing was.
    pub(super) fn record(&self) -> &Map<String, Value> {
        &self.record
    }

    fn thin_out(&mut self, job: &Job, seed: u64, objects: &[ObjectState]) {
        let Some(wish) = &job.randomize.objects else {
            return;
        };
        let movable = things::movable(objects);
        let things = things::of_classes(&movable, &wish.classes);
        let mut draw = Draw::new(seed, 0, "objects");
        let count = wish.count.draw(&mut draw);
        let kept = draw.choose(count, things.len());
        let gone = things.iter().enumerate().filter(|(i, _)| !kept.contains(i));
        let gone: Vec<_> = gone.map(|(_, o)| o.label.object.clone()).collect();
        self.record.insert(
            "removed".to_owned(),
            gone.iter().map(|name| name.as_str()).collect(),
        );
        let destroy = |object| Command::DestroyObject { object };
        self.commands.extend(gone.into_iter().map(destroy));
    }

    fn spawn(&mut self, seed: u64, stage: &Stage, spawns: &Spawns<'_>) {
        let mut draw = Draw::new(seed, 0, spawns.what);
        let count = spawns.count.draw(&mut draw);
        let mut record = Vec::with_capacity(count);
        for i in 0..count {
            let object = ObjectName::from(format!("{}_{i}", spawns.what).as_str());
            let asset = spawns.assets[draw.pick(spawns.assets.len())].clone();
            let transform = spawns.place(stage, i, &mut draw);
            let (l, s) = (transform.location, transform.scale.x);
            record.push(json!({
                "object": object.as_str(), "asset": asset, "scale": s,
                "from_cm": [l.x, l.y, l.z],
            }));
            self.commands.push(Command::SpawnObject {
                object: object.clone(),
                asset,
                transform: PartialTransform::from(transform),
            });
            if spawns.what == DISTRACTOR_PREFIX.trim_end_matches('_') {
                let [r, g, b] = std::array::from_fn(|_| draw.range(0.03, 0.85) as f32);
                self.commands.push(Command::SetMaterial {
                    object,
                    property: "base_color".to_owned(),
                    value: format!("{r},{g},{b}"),
                });
            }
        }
        self.record
            .insert(format!("{}_objects", spawns.what), record.into());
    }
}

/// Objects that come.
struct Spawns<'a> {
    what: &'a str,
    assets: &'a [String],
    count: crate::Count,
    distance: Range,
    height_cm: Range,
    scale: Range,
}

impl Spawns<'_> {
    /// Where the `i`th begins to fall.
    fn place(&self, stage: &Stage, i: usize, draw: &mut Draw) -> Transform {
        /// Between one and the next, so that they don't begin inside each other.
        const LEVEL_CM: f64 = 8.0;
        let angle = draw.range(0.0, std::f64::consts::TAU);
        let (near, far) = (self.distance.low(), self.distance.high());
        // Even over the ring's area.
        let away = stage.radius_cm * draw.range(near * near, far * far).sqrt();
        let up = self.height_cm.draw(draw) + LEVEL_CM * i as f64;
        let scale = self.scale.draw(draw) as f32;
        let turn = Rotator::new(
            draw.around_zero(30.0) as f32,
            draw.range(0.0, 360.0) as f32,
            draw.around_zero(30.0) as f32,
        );
        let location = Vec3::new(
            (f64::from(stage.center.x) + away * angle.cos()) as f32,
            (f64::from(stage.center.y) + away * angle.sin()) as f32,
            (f64::from(stage.center.z) + up) as f32,
        );
        Transform {
            scale: Vec3::new(scale, scale, scale),
            ..Transform::new(location, turn)
        }
    }
}
