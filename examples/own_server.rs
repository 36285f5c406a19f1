//! A simulator of one's own as a server: implement `Engine`, and serve it.
//!
//! This one is a sphere on an empty plane of grey, drawn by hand. The kit around
//! it provides the rest: the stream, limits, checks, batches, capture sets,
//! steps, and refusals of whatever an engine does not have.

use std::time::Duration;

use synthcap::{
    CameraName, CameraState, Client, Intrinsics, Modality, PartialTransform, SceneState, Transform,
    Vec3,
    frame::Rgb,
    server::{Captured, CapturedView, Engine, EngineError, EngineInfo, ResolvedView, Server},
};

struct Circle {
    camera: CameraState,
    ticks: u32,
}

impl Circle {
    /// A disc that moves with time and shifts with the camera.
    fn draw(&self, view: &ResolvedView) -> Result<Rgb, EngineError> {
        let (w, h) = (view.width, view.height);
        let shift = f64::from(self.ticks) - f64::from(self.camera.pose.location.y);
        let (cx, cy, radius) = (
            f64::from(w) / 2.0 + shift,
            f64::from(h) / 2.0,
            f64::from(h) / 4.0,
        );
        let pixels = (0..h).flat_map(|y| (0..w).map(move |x| (f64::from(x), f64::from(y))));
        let rgba = pixels.flat_map(|(x, y)| {
            let inside = (x - cx).hypot(y - cy) < radius;
            if inside {
                [230, 120, 40, 255]
            } else {
                [90, 90, 90, 255]
            }
        });
        let rgba: Vec<u8> = rgba.collect();
        Rgb::new(w, h, rgba).map_err(|error| EngineError::invalid(error.to_string()))
    }
}

impl Engine for Circle {
    fn info(&self) -> EngineInfo {
        EngineInfo {
            name: "circle".into(),
            version: "1.0".into(),
            capabilities: Vec::new(), // only what every engine can
            modalities: Modality::Rgb.into(),
            tick_rate_hz: 30.0,
            scene_name: "a disc".into(),
            seed: 0,
            weathers: Vec::new(),
        }
    }

    fn cameras(&self) -> Vec<CameraState> {
        vec![self.camera.clone()]
    }

    fn tick(&mut self) -> Duration {
        self.ticks += 1;
        Duration::from_secs(1) / 30
    }

    fn set_camera_transform(
        &mut self,
        _camera: &CameraName, // there is one, and the kit has checked the name
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
        let views = views.iter().map(|view| {
            Ok(CapturedView {
                pose: self.camera.pose,
                intrinsics: self.camera.intrinsics.resized(view.width, view.height),
                images: vec![self.draw(view)?.into()],
            })
        });
        Ok(Captured {
            views: views.collect::<Result<_, EngineError>>()?,
            scene: include_scene.then(SceneState::default),
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Circle {
        camera: CameraState {
            name: "main".into(),
            pose: Transform::IDENTITY,
            intrinsics: Intrinsics::from_horizontal_fov(90.0, 64, 24),
        },
        ticks: 0,
    };
    // A server that is to stay would listen at a known address and wait for
    // Ctrl-C; this one is its own first client.
    let server = Server::builder(engine).paused(true).start().await?;
    println!("serving at {}", server.url());
    let client = Client::connect(server.url()).await?;
    client.step(5).await?;
    client
        .default_camera()
        .set_location(Vec3::new(0.0, 12.0, 0.0))
        .await?;
    let image = client.default_camera().rgb().await?;
    for row in image.pixels().image().rows() {
        let line: String = row.map(|p| if p.0[0] > 200 { '#' } else { '.' }).collect();
        println!("{line}");
    }
    // What the engine does not have is refused by name.
    match client.default_camera().depth().await {
        Ok(_) => return Err("this engine makes no depth images".into()),
        Err(error) => println!("{error}"),
    }
    client.close().await?;
    server.shutdown().await;
    Ok(())
}
