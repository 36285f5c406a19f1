//! The scene before the first frame: whether the server can do what is asked, and
//! what the plan of the data set says of it.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use synthcap::{CameraState, Capability, Client, ObjectState, SceneQuery, ServerInfo};
use synthcap_dataset::{Plan, PlannedCamera, Source};

use crate::{
    exit::{Failure, Result, Stop},
    path::{CameraPath, Stage},
    randomize::Randomizer,
    settings::{CaptureSettings, PathSettings},
};

/// A scene, ready to be captured.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) info: Arc<ServerInfo>,
    pub(crate) seed: u64,
    pub(crate) camera: CameraState,
    pub(crate) path: CameraPath,
    pub(crate) randomizer: Option<Randomizer>,
    max_instance_id: Option<u32>,
    classes: BTreeMap<u32, String>,
    /// Time was running and is to run again.
    was_running: bool,
}

impl Scene {
    /// Brings the server to the beginning of the capture.
    ///
    /// # Errors
    ///
    /// What the server lacks or refuses.
    pub(crate) async fn prepare(client: &Client, settings: &CaptureSettings) -> Result<Self> {
        let info = client.server_info().ok_or_else(|| {
            refused(
                "this is a plain UESynth server, which cannot take several images of one instant; \
                 use a server with the extensions of synthcap",
            )
        })?;
        check(&info, settings)?;
        let was_running = info.can(Capability::Step) && !info.paused;
        if was_running {
            client.pause().await?;
        }
        let prepared = Self::look_around(client, settings, info, was_running).await;
        if was_running && prepared.is_err() {
            // The first failure is the one to report.
            let _ = client.resume().await;
        }
        prepared
    }

    async fn look_around(
        client: &Client,
        settings: &CaptureSettings,
        info: Arc<ServerInfo>,
        was_running: bool,
    ) -> Result<Self> {
        // The embedded simulator was made with its seed.
        if let (Some(seed), Some(_)) = (settings.seed, &settings.server) {
            client.reset(Some(seed)).await?;
        }
        let seed = settings.seed.unwrap_or(info.seed);
        let objects: Vec<ObjectState> = if info.can(Capability::Scene) {
            let scene = client.scene(SceneQuery::default()).await?;
            scene.value.objects
        } else {
            Vec::new()
        };
        let mut camera = camera(&info, settings.camera.as_deref())?.clone();
        camera.pose = client.camera(&camera.name).transform().await?.value;
        let size = settings.size;
        camera.intrinsics = camera.intrinsics.resized(size.width, size.height);
        let path = match &settings.path {
            PathSettings::Poses { poses, .. } => CameraPath::Poses(poses.clone()),
            PathSettings::Orbit => CameraPath::Orbit {
                stage: Stage::of(&objects, &camera),
                frames: settings.frames,
            },
            PathSettings::Random => CameraPath::Random {
                stage: Stage::of(&objects, &camera),
                seed,
            },
        };
        Ok(Self {
            randomizer: settings
                .randomize
                .then(|| Randomizer::new(seed, |can| info.can(can), &objects)),
            classes: objects
                .iter()
                .map(|o| (o.label.class_id, o.label.class_name.clone()))
                .collect(),
            max_instance_id: objects.iter().map(|o| o.label.instance_id).max(),
            info,
            seed,
            camera,
            path,
            was_running,
        })
    }

    /// The plan of the data set.
    pub(crate) fn plan(&self, settings: &CaptureSettings) -> Plan {
        let size = settings.size;
        let camera = PlannedCamera::new(&self.camera.name, size.width, size.height);
        let mut plan = Plan::new(
            vec![camera],
            settings.modalities,
            settings.frames,
            self.seed,
        );
        plan.max_instance_id = self.max_instance_id;
        plan.classes.clone_from(&self.classes);
        plan.describes_objects = self.describes_objects();
        plan.source = Source {
            engine_name: self.info.engine_name.clone(),
            engine_version: self.info.engine_version.clone(),
            scene_name: self.info.scene_name.clone(),
        };
        plan.license.clone_from(&settings.license);
        plan.settings = settings.to_json();
        plan.created = Some(SystemTime::now());
        plan
    }

    /// Whether frames come with the scene's objects, as the cameras see them.
    pub(crate) fn describes_objects(&self) -> bool {
        self.info.can(Capability::Scene) && self.info.can(Capability::Boxes2d)
    }

    /// What will be missing from the samples, for a word of warning.
    pub(crate) fn lacking(&self) -> Vec<String> {
        let mut lacking = Vec::new();
        if !self.describes_objects() {
            lacking.push("the server does not describe objects: no boxes, no classes".to_owned());
        }
        if !self.info.can(Capability::Step) {
            lacking.push("the server cannot step: time between frames is its own".to_owned());
        }
        let fixed = self.randomizer.as_ref().map(Randomizer::lacking);
        if let Some(fixed) = fixed.filter(|fixed| !fixed.is_empty()) {
            lacking.push(format!("the server cannot vary {}", fixed.join(", ")));
        }
        lacking
    }

    /// Lets time run again if it ran before. What is captured is safe by now, so a
    /// failure is passed over.
    pub(crate) async fn restore(&self, client: &Client) {
        // A server that has gone is not waited for.
        const PATIENCE: Duration = Duration::from_secs(2);
        if self.was_running {
            let _ = client.resume().timeout(PATIENCE).await;
        }
    }
}

fn refused(line: impl Into<String>) -> Stop {
    Stop::new(Failure::Refused, line)
}

/// Whether the server can do what is asked.
fn check(info: &ServerInfo, settings: &CaptureSettings) -> Result<()> {
    for needed in [Capability::CaptureSet, Capability::Batch] {
        if !info.can(needed) {
            return Err(refused(format!(
                "the server lacks {needed}, without which the images of a frame are not of one \
                 instant; use another server"
            )));
        }
    }
    if settings.seed.is_some() && settings.server.is_some() && !info.can(Capability::Reset) {
        return Err(refused(
            "the server cannot start over from a seed; leave --seed out",
        ));
    }
    let missing = settings.modalities.difference(info.modalities);
    if let Some(modality) = missing.iter().next() {
        let offered: Vec<_> = info.modalities.iter().map(|m| m.name()).collect();
        return Err(refused(format!(
            "the server has no {modality} images; choose --modalities from {}",
            offered.join(",")
        )));
    }
    let (size, limits) = (settings.size, info.limits);
    if size.width > limits.max_width || size.height > limits.max_height {
        return Err(refused(format!(
            "images of {}x{} are larger than the server makes; take --size {}x{} or smaller",
            size.width, size.height, limits.max_width, limits.max_height
        )));
    }
    Ok(())
}

fn camera<'a>(info: &'a ServerInfo, name: Option<&str>) -> Result<&'a CameraState> {
    let found = match name {
        Some(name) => info.cameras.iter().find(|c| c.name.as_str() == name),
        None => info.cameras.first(),
    };
    found.ok_or_else(|| {
        let known: Vec<_> = info.cameras.iter().map(|c| c.name.as_str()).collect();
        refused(format!(
            "the scene has no camera {:?}; choose --camera from {}",
            name.unwrap_or_default(),
            known.join(", ")
        ))
    })
}
