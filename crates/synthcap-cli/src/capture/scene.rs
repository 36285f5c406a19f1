//! The set before its first sample: what its plan says.

use std::sync::Arc;

use synthcap::{CameraState, ServerInfo};
use synthcap_dataset::{Plan, PlannedCamera, Source, created_now};
use synthcap_job::ClassTable;

use super::{checks, crew, shot::sensor_name, studio::Studio};
use crate::{exit::Result, settings::JobSettings};

/// What is known of a set once its first scene stands.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) info: Arc<ServerInfo>,
    pub(crate) seed: u64,
    pub(crate) cameras: Vec<CameraState>,
    max_instance_id: Option<u32>,
    classes: std::collections::BTreeMap<u32, String>,
    fixed: Vec<&'static str>,
}

/// The highest ID of 16 bits: what formats with such masks can hold.
const SIXTEEN_BITS: u32 = 65_535;

impl Scene {
    /// Brings a server to the beginning of the job and looks around.
    ///
    /// # Errors
    ///
    /// What the server lacks or refuses.
    pub(super) async fn prepare(settings: &JobSettings, studio: &mut Studio) -> Result<Self> {
        let job = &settings.job;
        let table = crew::classes(settings, studio).await?;
        let found = studio.enter(0).await?;
        let labels = found.objects.iter().map(|o| &o.label);
        let highest = labels.clone().map(|label| label.instance_id).max();
        let several = job.scenes() > 1 || job.changes_objects();
        studio.classes.clone_from(&table);
        Ok(Self {
            info: studio.info.clone(),
            seed: match settings.resets {
                true => job.seed,
                false => studio.info.seed,
            },
            cameras: found.cameras,
            max_instance_id: job.max_instance_id.or(match several {
                true => highest
                    .filter(|id| *id <= SIXTEEN_BITS)
                    .map(|_| SIXTEEN_BITS),
                false => highest,
            }),
            classes: match &table {
                Some(table) => ClassTable::by_id(table),
                None => labels.map(|l| (l.class_id, l.class_name.clone())).collect(),
            },
            fixed: studio.fixed(),
        })
    }

    /// The plan of the data set.
    pub(crate) fn plan(&self, settings: &JobSettings) -> Plan {
        let job = &settings.job;
        let mut cameras = Vec::new();
        for (camera, wish) in self.cameras.iter().zip(&job.cameras) {
            let planned = |name: &str| PlannedCamera::new(name, job.size.width, job.size.height);
            cameras.push(planned(camera.name.as_str()));
            if wish.sensor.is_some() {
                cameras.push(planned(&sensor_name(camera.name.as_str())));
            }
        }
        let mut plan = Plan::new(cameras, settings.modalities, job.samples(), self.seed);
        plan.max_instance_id = self.max_instance_id;
        plan.classes.clone_from(&self.classes);
        plan.describes_objects = checks::describes_objects(&self.info);
        plan.source = Source {
            engine_name: self.info.engine_name.clone(),
            engine_version: self.info.engine_version.clone(),
            scene_name: self.info.scene_name.clone(),
        };
        plan.license.clone_from(&job.license);
        plan.settings = job.record();
        plan.created = Some(created_now());
        plan
    }

    /// What will be missing from the samples, for a word of warning.
    pub(crate) fn lacking(&self) -> Vec<String> {
        checks::lacking(&self.info, &self.fixed)
    }
}
