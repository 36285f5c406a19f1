//! A tiny engine with known answers, for tests of the path between client and
//! engine.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test file uses its own part, and may panic"
)]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use synthcap::{
    CameraName, CameraState, Capability, Intrinsics, Label, Lens, Modality, ModalitySet,
    ObjectName, ObjectState, ObjectView, PartialTransform, Pixels, SceneQuery, SceneState,
    Transform,
    frame::{Depth, Flow, FlowDirection, Normals, Rgb, Segmentation},
    server::{
        Captured, CapturedView, Engine, EngineError, EngineInfo, ResolvedView, Server, ServerHandle,
    },
};

/// Answers with pixels that hold what it knows: every RGBA pixel is the tick and
/// the camera's X, every depth the tick, every ID 7.
pub struct TinyEngine {
    pub tick: u32,
    pub cameras: Vec<CameraState>,
    pub objects: BTreeMap<ObjectName, Transform>,
    pub seed: u64,
    /// Every spawn that was carried out, for those who hold a clone.
    pub spawned: Arc<Mutex<Vec<ObjectName>>>,
}

impl Default for TinyEngine {
    fn default() -> Self {
        Self {
            tick: 0,
            cameras: vec![camera("main", Transform::IDENTITY)],
            objects: BTreeMap::from([(ObjectName::from("cube"), Transform::IDENTITY)]),
            seed: 0,
            spawned: Arc::default(),
        }
    }
}

/// A camera of 8x6 pixels.
pub fn camera(name: &str, pose: Transform) -> CameraState {
    CameraState {
        name: name.into(),
        pose,
        intrinsics: Intrinsics::from_horizontal_fov(90.0, 8, 6),
    }
}

/// Serves a tiny engine, paused, on a free port.
pub async fn serve(engine: TinyEngine) -> ServerHandle {
    let builder = Server::builder(engine).paused(true);
    builder.start().await.expect("a free port on loopback")
}

impl TinyEngine {
    fn camera_mut(&mut self, name: &CameraName) -> &mut CameraState {
        let found = self.cameras.iter_mut().find(|camera| camera.name == *name);
        found.expect("the kit checks names")
    }

    fn label() -> Label {
        Label {
            instance_id: 7,
            object: "cube".into(),
            class_id: 1,
            class_name: "cube".into(),
        }
    }

    fn pixels(&self, modality: Modality, view: &ResolvedView, pose: Transform) -> Pixels {
        let (w, h) = (view.width, view.height);
        let count = w as usize * h as usize;
        match modality {
            Modality::Rgb => {
                let pixel = [self.tick as u8, pose.location.x as u8, 0, 255];
                Rgb::new(w, h, pixel.repeat(count)).unwrap().into()
            }
            Modality::Depth => Depth::new(w, h, vec![self.tick as f32; count])
                .unwrap()
                .into(),
            Modality::Segmentation => Segmentation::new(w, h, vec![7; count], [Self::label()])
                .unwrap()
                .into(),
            Modality::Normals => Normals::new(w, h, vec![[0.0, 0.0, 1.0]; count])
                .unwrap()
                .into(),
            Modality::Flow => {
                let (uv, valid) = (vec![[1.5, -2.0]; count], vec![1; count]);
                Flow::new(w, h, &uv, &valid, FlowDirection::Backward)
                    .unwrap()
                    .into()
            }
            other => panic!("the kit asks only for what is listed, not for {other}"),
        }
    }

    fn states(&self, views: usize) -> SceneState {
        let objects = self.objects.values().map(|transform| ObjectState {
            label: Self::label(),
            transform: *transform,
            box_3d: Default::default(),
            views: vec![ObjectView::default(); views],
            dynamic: false,
        });
        SceneState {
            objects: objects.collect(),
        }
    }
}

impl Engine for TinyEngine {
    fn info(&self) -> EngineInfo {
        EngineInfo {
            name: "tiny".into(),
            version: "1".into(),
            capabilities: Capability::ALL.to_vec(),
            modalities: ModalitySet::ALL,
            tick_rate_hz: 100.0,
            scene_name: "nothing".into(),
            seed: self.seed,
            weathers: vec!["clear".into()],
        }
    }

    fn cameras(&self) -> Vec<CameraState> {
        self.cameras.clone()
    }

    fn object_names(&self) -> Vec<ObjectName> {
        self.objects.keys().cloned().collect()
    }

    fn tick(&mut self) -> Duration {
        self.tick += 1;
        Duration::from_millis(10)
    }

    fn set_camera_transform(
        &mut self,
        camera: &CameraName,
        transform: &PartialTransform,
    ) -> Result<(), EngineError> {
        let camera = self.camera_mut(camera);
        camera.pose = transform.over(camera.pose);
        Ok(())
    }

    fn capture(
        &mut self,
        views: &[ResolvedView],
        include_scene: bool,
    ) -> Result<Captured, EngineError> {
        let captured = views.iter().map(|view| {
            let camera = self
                .cameras
                .iter()
                .find(|camera| camera.name == view.camera);
            let camera = camera.expect("the kit checks names");
            let modalities = view.modalities.iter();
            CapturedView {
                pose: camera.pose,
                intrinsics: camera.intrinsics.resized(view.width, view.height),
                images: modalities
                    .map(|modality| self.pixels(modality, view, camera.pose))
                    .collect(),
            }
        });
        Ok(Captured {
            views: captured.collect(),
            scene: include_scene.then(|| self.states(views.len())),
        })
    }

    fn object_transform(&self, object: &ObjectName) -> Result<Transform, EngineError> {
        Ok(self.objects[object])
    }

    fn set_object_transform(
        &mut self,
        object: &ObjectName,
        transform: &PartialTransform,
    ) -> Result<(), EngineError> {
        let present = self.objects[object];
        self.objects.insert(object.clone(), transform.over(present));
        Ok(())
    }

    fn create_camera(&mut self, name: &CameraName, pose: &Transform) -> Result<(), EngineError> {
        self.cameras.push(camera(name.as_str(), *pose));
        Ok(())
    }

    fn destroy_camera(&mut self, name: &CameraName) -> Result<(), EngineError> {
        self.cameras.retain(|camera| camera.name != *name);
        Ok(())
    }

    fn set_resolution(
        &mut self,
        camera: &CameraName,
        width: u32,
        height: u32,
    ) -> Result<(), EngineError> {
        let camera = self.camera_mut(camera);
        camera.intrinsics = camera.intrinsics.resized(width, height);
        Ok(())
    }

    fn set_lens(&mut self, camera: &CameraName, lens: &Lens) -> Result<(), EngineError> {
        let camera = self.camera_mut(camera);
        let (w, h) = (camera.intrinsics.width, camera.intrinsics.height);
        camera.intrinsics = match lens {
            Lens::HorizontalFov(degrees) => {
                Intrinsics::from_horizontal_fov(f64::from(*degrees), w, h)
            }
            Lens::Intrinsics(intrinsics) => *intrinsics,
            other => panic!("unknown lens {other:?}"),
        };
        Ok(())
    }

    fn spawn_object(
        &mut self,
        object: &ObjectName,
        asset: &str,
        transform: &Transform,
    ) -> Result<(), EngineError> {
        assert_ne!(asset, "panic", "this asset breaks the engine");
        self.objects.insert(object.clone(), *transform);
        let mut spawned = self.spawned.lock().expect("no holder panics");
        spawned.push(object.clone());
        Ok(())
    }

    fn destroy_object(&mut self, object: &ObjectName) -> Result<(), EngineError> {
        self.objects.remove(object);
        Ok(())
    }

    fn scene(&mut self, query: &SceneQuery) -> Result<SceneState, EngineError> {
        Ok(self.states(query.views.len()))
    }

    fn reset(&mut self, seed: Option<u64>) -> Result<(), EngineError> {
        *self = Self {
            seed: seed.unwrap_or(self.seed),
            ..Self::default()
        };
        Ok(())
    }
}
