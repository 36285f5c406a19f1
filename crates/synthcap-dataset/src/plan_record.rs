//! A plan as JSON, for the journal and for whoever puts parts together.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use synthcap::Modality;

use crate::{Plan, PlannedCamera, Source};

/// Every field of a [`Plan`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PlanRecord {
    cameras: Vec<(String, u32, u32)>,
    modalities: Vec<String>,
    samples: u64,
    seed: u64,
    max_instance_id: Option<u32>,
    classes: BTreeMap<u32, String>,
    describes_objects: bool,
    license: String,
    /// Engine, its version, scene.
    source: [String; 3],
    settings: Value,
    /// Seconds since 1970.
    created_s: Option<u64>,
}

impl PlanRecord {
    pub(crate) fn created(&self) -> Option<SystemTime> {
        let since = self.created_s.map(Duration::from_secs);
        since.map(|since| SystemTime::UNIX_EPOCH + since)
    }

    pub(crate) fn set_created(&mut self, created: Option<SystemTime>) {
        self.created_s = created.map(seconds);
    }
}

fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

impl From<&Plan> for PlanRecord {
    fn from(plan: &Plan) -> Self {
        let cameras = plan.cameras.iter();
        let source = &plan.source;
        Self {
            cameras: cameras
                .map(|c| (c.name.as_str().to_owned(), c.width, c.height))
                .collect(),
            modalities: plan
                .modalities
                .iter()
                .map(|m| m.name().to_owned())
                .collect(),
            samples: plan.samples,
            seed: plan.seed,
            max_instance_id: plan.max_instance_id,
            classes: plan.classes.clone(),
            describes_objects: plan.describes_objects,
            license: plan.license.clone(),
            source: [
                &source.engine_name,
                &source.engine_version,
                &source.scene_name,
            ]
            .map(Clone::clone),
            settings: plan.settings.clone(),
            created_s: plan.created.map(seconds),
        }
    }
}

impl From<PlanRecord> for Plan {
    fn from(record: PlanRecord) -> Self {
        let created = record.created();
        let cameras = record.cameras.into_iter();
        let modalities = record.modalities.iter();
        let mut plan = Self::new(
            cameras
                .map(|(name, width, height)| PlannedCamera::new(name.as_str(), width, height))
                .collect(),
            modalities
                .filter_map(|name| name.parse::<Modality>().ok())
                .collect(),
            record.samples,
            record.seed,
        );
        plan.max_instance_id = record.max_instance_id;
        plan.classes = record.classes;
        plan.describes_objects = record.describes_objects;
        plan.license = record.license;
        let [engine_name, engine_version, scene_name] = record.source;
        plan.source = Source {
            engine_name,
            engine_version,
            scene_name,
        };
        plan.settings = record.settings;
        plan.created = created;
        plan
    }
}
