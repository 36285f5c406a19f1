//! An engine that takes a fixed time for each image.

use std::time::Duration;

use synthcap::{
    CameraName, CameraState, Client, Intrinsics, Modality, PartialTransform, SceneState, Transform,
    frame::Rgb,
    server::{
        Captured, CapturedView, Engine, EngineError, EngineInfo, ResolvedView, Server, ServerHandle,
    },
};

use super::proxy::{self, Link};

pub(crate) struct Slow {
    render: Duration,
    camera: CameraState,
}

impl Slow {
    pub(crate) fn new(render: Duration) -> Self {
        Self {
            render,
            camera: CameraState {
                name: "main".into(),
                pose: Transform::IDENTITY,
                intrinsics: Intrinsics::from_horizontal_fov(90.0, 64, 48),
            },
        }
    }
}

/// A client of a server whose images take this long.
pub(crate) async fn served(render: Duration) -> (Client, ServerHandle) {
    let server = Server::builder(Slow::new(render)).paused(true);
    let server = server.start().await.expect("a free port");
    let client = Client::connect(server.url()).await;
    (client.expect("it listens"), server)
}

/// A client of a server behind a link that takes this long each way.
pub(crate) async fn served_over(delay: Duration) -> (Client, ServerHandle) {
    let (_, server) = served(Duration::ZERO).await;
    let link = Link {
        delay,
        bytes_per_s: f64::INFINITY,
    };
    let address = proxy::start(server.local_addr(), link).await;
    let client = Client::connect(format!("http://{address}")).await;
    (client.expect("the proxy listens"), server)
}

impl Engine for Slow {
    fn info(&self) -> EngineInfo {
        EngineInfo {
            name: "slow".into(),
            version: "1".into(),
            capabilities: Vec::new(),
            modalities: Modality::Rgb.into(),
            tick_rate_hz: 100.0,
            scene_name: "nothing".into(),
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
        _camera: &CameraName,
        transform: &PartialTransform,
    ) -> Result<(), EngineError> {
        self.camera.pose = transform.over(self.camera.pose);
        Ok(())
    }

    fn capture(
        &mut self,
        views: &[ResolvedView],
        include_scene: bool,
    ) -> Result<Captured, EngineError> {
        std::thread::sleep(self.render);
        let views = views.iter().map(|view| {
            let bytes = view.width as usize * view.height as usize * 4;
            let image = Rgb::new(view.width, view.height, vec![0; bytes]);
            CapturedView {
                pose: self.camera.pose,
                intrinsics: self.camera.intrinsics.resized(view.width, view.height),
                images: vec![image.expect("the size fits").into()],
            }
        });
        Ok(Captured {
            views: views.collect(),
            scene: include_scene.then(SceneState::default),
        })
    }
}
