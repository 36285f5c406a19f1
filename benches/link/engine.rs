//! An engine whose pictures were made before, so that nothing but the way to the
//! client takes time.

use std::time::Duration;

use synthcap::{
    CameraName, CameraState, Intrinsics, Modality, ModalitySet, PartialTransform, Pixels,
    SceneState, Transform,
    server::{Captured, CapturedView, Engine, EngineError, EngineInfo, ResolvedView},
};
use synthcap_sim::{SimConfig, Simulator};

const WIDTH: u32 = 1920;
const HEIGHT: u32 = 1080;

/// Colour and depth of a few scenes of the embedded simulator, over and over.
pub(crate) struct Pictures {
    camera: CameraState,
    sets: Vec<Vec<Pixels>>,
    next: usize,
}

impl Pictures {
    pub(crate) fn new() -> Self {
        let camera = CameraState {
            name: "main".into(),
            pose: Transform::IDENTITY,
            intrinsics: Intrinsics::from_horizontal_fov(60.0, WIDTH, HEIGHT),
        };
        Self {
            camera,
            sets: (0..3).map(render).collect(),
            next: 0,
        }
    }
}

fn render(seed: u64) -> Vec<Pixels> {
    let config = SimConfig {
        seed,
        ..SimConfig::default()
    };
    let mut simulator = Simulator::new(config).expect("a scene that exists");
    let view = ResolvedView {
        camera: simulator.cameras().remove(0).name,
        width: WIDTH,
        height: HEIGHT,
        modalities: Modality::Rgb | Modality::Depth,
    };
    let mut captured = simulator
        .capture(&[view], false)
        .expect("it can be captured");
    captured.views.remove(0).images
}

impl Engine for Pictures {
    fn info(&self) -> EngineInfo {
        EngineInfo {
            name: "pictures".into(),
            version: "1".into(),
            capabilities: Vec::new(),
            modalities: Modality::Rgb | Modality::Depth,
            tick_rate_hz: 100.0,
            scene_name: "tabletop".into(),
            seed: 0,
            weathers: Vec::new(),
        }
    }

    fn cameras(&self) -> Vec<CameraState> {
        vec![self.camera.clone()]
    }

    fn tick(&mut self) -> Duration {
        Duration::from_millis(10)
    }

    fn set_camera_transform(
        &mut self,
        _: &CameraName,
        transform: &PartialTransform,
    ) -> Result<(), EngineError> {
        self.camera.pose = transform.over(self.camera.pose);
        Ok(())
    }

    fn capture(&mut self, views: &[ResolvedView], scene: bool) -> Result<Captured, EngineError> {
        self.next = (self.next + 1) % self.sets.len();
        let set = &self.sets[self.next];
        let of = |modalities: ModalitySet| {
            let pairs = [Modality::Rgb, Modality::Depth].into_iter().zip(set);
            let wanted = pairs.filter(|(modality, _)| modalities.contains(*modality));
            wanted.map(|(_, pixels)| pixels.clone()).collect()
        };
        let views = views.iter().map(|view| CapturedView {
            pose: self.camera.pose,
            intrinsics: self.camera.intrinsics,
            images: of(view.modalities),
        });
        Ok(Captured {
            views: views.collect(),
            scene: scene.then(SceneState::default),
        })
    }
}
