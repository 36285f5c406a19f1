//! An engine that writes down what is done to it, over all its restarts.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use synthcap::{
    CameraName, CameraState, Capability, Intrinsics, Modality, ObjectName, PartialTransform,
    Transform,
    frame::Rgb,
    server::{Captured, CapturedView, Engine, EngineError, EngineInfo, ResolvedView},
};

/// What happened to the simulators of one simulation, in order.
#[derive(Clone, Default)]
pub struct Record(Arc<Mutex<Facts>>);

#[derive(Default)]
pub struct Facts {
    /// How often each object was spawned; the names are never used twice.
    pub spawned: BTreeMap<String, u32>,
    pub steps: u64,
    /// How many engines there were.
    pub engines: u8,
    /// For each camera, the largest X that its client knows to be set. Here it is
    /// that no smaller one may be set any more.
    pub acknowledged: BTreeMap<String, f32>,
    /// What must never happen and did.
    pub violations: Vec<String>,
    /// How each request ended, in the order in which they did.
    pub ends: Vec<String>,
}

impl Record {
    pub fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().expect("no holder panics")
    }

    pub fn end(&self, what: String) {
        if std::env::var_os("SYNTHCAP_STORY").is_some() {
            let now = turmoil::sim_elapsed().unwrap_or_default();
            eprintln!("{now:?}: {what}");
        }
        self.facts().ends.push(what);
    }

    pub fn violation(&self, what: String) {
        self.facts().violations.push(what);
    }
}

pub const WIDTH: u32 = 24;
pub const HEIGHT: u32 = 16;

/// Every pixel is the camera's X and the number of the engine.
pub struct Recording {
    record: Record,
    number: u8,
    cameras: Vec<CameraState>,
    objects: Vec<ObjectName>,
}

impl Recording {
    pub fn new(record: Record, clients: u8) -> Self {
        let camera = |client| CameraState {
            name: camera_of(client).into(),
            pose: Transform::IDENTITY,
            intrinsics: Intrinsics::from_horizontal_fov(90.0, WIDTH, HEIGHT),
        };
        let mut facts = record.facts();
        facts.engines += 1;
        // A new engine knows of nothing that was set before.
        facts.acknowledged.clear();
        let number = facts.engines;
        drop(facts);
        Self {
            record,
            number,
            cameras: (0..clients).map(camera).collect(),
            objects: Vec::new(),
        }
    }
}

pub fn camera_of(client: u8) -> String {
    format!("camera-{client}")
}

impl Engine for Recording {
    fn info(&self) -> EngineInfo {
        EngineInfo {
            name: "recording".into(),
            version: "1".into(),
            tick_rate_hz: 100.0,
            capabilities: vec![Capability::Spawn, Capability::Reset, Capability::Objects],
            modalities: Modality::Rgb.into(),
            scene_name: "none".into(),
            seed: 0,
            weathers: vec![],
        }
    }

    fn cameras(&self) -> Vec<CameraState> {
        self.cameras.clone()
    }

    fn object_names(&self) -> Vec<ObjectName> {
        self.objects.clone()
    }

    fn tick(&mut self) -> Duration {
        self.record.facts().steps += 1;
        Duration::from_millis(10)
    }

    fn set_camera_transform(
        &mut self,
        name: &CameraName,
        transform: &PartialTransform,
    ) -> Result<(), EngineError> {
        let camera = self.cameras.iter_mut().find(|camera| camera.name == *name);
        let camera = camera.expect("the kit checks names");
        camera.pose = transform.over(camera.pose);
        let x = camera.pose.location.x;
        let known = self.record.facts().acknowledged.get(name.as_str()).copied();
        if known.is_some_and(|known| known > x) {
            let what = format!("{name} was set back to {x} although {known:?} was acknowledged");
            self.record.violation(what);
        }
        Ok(())
    }

    fn capture(&mut self, views: &[ResolvedView], _: bool) -> Result<Captured, EngineError> {
        let captured = views.iter().map(|view| {
            let mut cameras = self.cameras.iter();
            let camera = cameras.find(|camera| camera.name == view.camera);
            let camera = camera.expect("the kit checks names");
            let pixel = [camera.pose.location.x as u8, self.number, 0, 255];
            let pixels = pixel.repeat((view.width * view.height) as usize);
            let image = Rgb::new(view.width, view.height, pixels).expect("the right length");
            CapturedView {
                pose: camera.pose,
                intrinsics: camera.intrinsics.resized(view.width, view.height),
                images: vec![image.into()],
            }
        });
        Ok(Captured {
            views: captured.collect(),
            scene: None,
        })
    }

    fn spawn_object(
        &mut self,
        object: &ObjectName,
        _: &str,
        _: &Transform,
    ) -> Result<(), EngineError> {
        let mut facts = self.record.facts();
        *facts.spawned.entry(object.to_string()).or_default() += 1;
        drop(facts);
        self.objects.push(object.clone());
        Ok(())
    }
}
