//! The simulator as an engine: each call checks, then hands on.

use std::time::Duration;

use synthcap::{
    CameraName, CameraState, Capability, Command, Environment, Intrinsics, Lens, Light, ObjectName,
    PartialTransform, SceneQuery, SceneState, Transform,
    server::{Captured, Engine, EngineError, EngineInfo, PixelBuffers, ResolvedView},
};

use crate::{
    camera::{Camera, CameraPose},
    capture::MODALITIES,
    light::WEATHERS,
    material::MaterialChange,
    simulator::{Simulator, check_scale, no_free_name, no_object},
};

impl Engine for Simulator {
    fn info(&self) -> EngineInfo {
        EngineInfo {
            name: "synthcap-sim".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            capabilities: Capability::ALL.to_vec(),
            modalities: MODALITIES,
            tick_rate_hz: self.config.tick_rate_hz,
            scene_name: self.config.scene.clone(),
            seed: self.config.seed,
            weathers: WEATHERS.map(|(_, name)| name.to_owned()).to_vec(),
        }
    }

    fn cameras(&self) -> Vec<CameraState> {
        let state = |camera: &Camera| CameraState {
            name: camera.name.clone(),
            pose: camera.now.transform,
            intrinsics: camera.now.intrinsics,
        };
        self.cameras.iter().map(state).collect()
    }

    fn object_names(&self) -> Vec<ObjectName> {
        self.world
            .objects()
            .iter()
            .map(|o| o.name.clone())
            .collect()
    }

    fn tick(&mut self) -> Duration {
        for camera in &mut self.cameras {
            camera.previous = Some(camera.now);
        }
        self.world.tick();
        Duration::from_secs_f64(1.0 / self.config.tick_rate_hz)
    }

    fn set_camera_transform(
        &mut self,
        camera: &CameraName,
        transform: &PartialTransform,
    ) -> Result<(), EngineError> {
        let now = &mut self.camera_mut(camera)?.now;
        now.transform = transform.over(now.transform);
        Ok(())
    }

    fn capture(
        &mut self,
        views: &[ResolvedView],
        include_scene: bool,
    ) -> Result<Captured, EngineError> {
        self.capture_into(views, include_scene, &PixelBuffers::heap())
    }

    fn capture_into(
        &mut self,
        views: &[ResolvedView],
        include_scene: bool,
        buffers: &PixelBuffers,
    ) -> Result<Captured, EngineError> {
        let everything = SceneQuery::default();
        self.take(views, include_scene.then_some(&everything), buffers)
    }

    fn check(&self, command: &Command) -> Result<(), EngineError> {
        match command {
            Command::SpawnObject {
                object,
                asset,
                transform,
            } => {
                let transform = transform.over(Transform::IDENTITY);
                self.asset(object, asset, &transform).map(drop)
            }
            Command::SetObjectTransform { transform, .. } => {
                check_scale(&transform.over(Transform::IDENTITY))
            }
            Command::SetMaterial {
                property, value, ..
            } => MaterialChange::parse(property, value).map(drop),
            Command::SetLighting(light) => self.settings.clone().set_light(light),
            Command::SetEnvironment(wish) => self.settings.clone().set_environment(wish),
            Command::SetIntrinsics { lens, .. } => check_lens(lens),
            _ => Ok(()),
        }
    }

    fn object_transform(&self, object: &ObjectName) -> Result<Transform, EngineError> {
        let found = self.world.get(object.as_str());
        found.map(|o| o.transform).ok_or_else(|| no_object(object))
    }

    fn set_object_transform(
        &mut self,
        object: &ObjectName,
        transform: &PartialTransform,
    ) -> Result<(), EngineError> {
        let transform = transform.over(self.object_transform(object)?);
        check_scale(&transform)?;
        self.world.place(object.as_str(), transform);
        Ok(())
    }

    fn create_camera(
        &mut self,
        camera: &CameraName,
        transform: &Transform,
    ) -> Result<(), EngineError> {
        if self.camera(camera).is_ok() {
            return Err(no_free_name("a camera", camera.as_str()));
        }
        self.cameras.push(Camera {
            name: camera.clone(),
            now: CameraPose {
                transform: *transform,
                intrinsics: self.default_lens(),
            },
            previous: None,
        });
        Ok(())
    }

    fn destroy_camera(&mut self, camera: &CameraName) -> Result<(), EngineError> {
        self.camera(camera)?;
        if self.cameras.len() == 1 {
            return Err(EngineError::new(
                synthcap::ErrorCode::FailedPrecondition,
                "the last camera cannot be destroyed; create another first",
            ));
        }
        self.cameras.retain(|c| c.name != *camera);
        Ok(())
    }

    fn set_resolution(
        &mut self,
        camera: &CameraName,
        width: u32,
        height: u32,
    ) -> Result<(), EngineError> {
        let now = &mut self.camera_mut(camera)?.now;
        now.intrinsics = now.intrinsics.resized(width, height);
        Ok(())
    }

    fn set_lens(&mut self, camera: &CameraName, lens: &Lens) -> Result<(), EngineError> {
        check_lens(lens)?;
        let now = &mut self.camera_mut(camera)?.now;
        let Intrinsics { width, height, .. } = now.intrinsics;
        match lens {
            Lens::HorizontalFov(degrees) => {
                now.intrinsics =
                    Intrinsics::from_horizontal_fov(f64::from(*degrees), width, height);
            }
            Lens::Intrinsics(intrinsics) => now.intrinsics = *intrinsics,
            _ => return Err(EngineError::unsupported(Capability::Intrinsics)),
        }
        Ok(())
    }

    fn spawn_object(
        &mut self,
        object: &ObjectName,
        asset: &str,
        transform: &Transform,
    ) -> Result<(), EngineError> {
        if self.world.get(object.as_str()).is_some() {
            return Err(no_free_name("an object", object.as_str()));
        }
        let spec = self.asset(object, asset, transform)?;
        self.world.add(spec);
        Ok(())
    }

    fn destroy_object(&mut self, object: &ObjectName) -> Result<(), EngineError> {
        let removed = self.world.remove(object.as_str());
        removed.then_some(()).ok_or_else(|| no_object(object))
    }

    fn set_material(
        &mut self,
        object: &ObjectName,
        property: &str,
        value: &str,
    ) -> Result<(), EngineError> {
        let change = MaterialChange::parse(property, value)?;
        let changed = self.world.change_material(object.as_str(), &change);
        changed.then_some(()).ok_or_else(|| no_object(object))
    }

    fn set_light(&mut self, light: &Light) -> Result<(), EngineError> {
        self.settings.set_light(light)?;
        self.relight();
        Ok(())
    }

    fn set_environment(&mut self, environment: &Environment) -> Result<(), EngineError> {
        self.settings.set_environment(environment)?;
        self.relight();
        Ok(())
    }

    fn scene(&mut self, query: &SceneQuery) -> Result<SceneState, EngineError> {
        let resolved = |view: &synthcap::View| ResolvedView {
            camera: view.camera.clone(),
            width: view.width,
            height: view.height,
            modalities: synthcap::ModalitySet::EMPTY,
        };
        let views: Vec<_> = query.views.iter().map(resolved).collect();
        let captured = self.take(&views, Some(query), &PixelBuffers::heap())?;
        Ok(captured.scene.unwrap_or_default())
    }

    fn reset(&mut self, seed: Option<u64>) -> Result<(), EngineError> {
        let config = crate::SimConfig {
            seed: seed.unwrap_or(self.config.seed),
            ..self.config.clone()
        };
        // The configuration was good once; only the assets directory can have
        // gone since.
        let fresh = Self::new(config);
        *self =
            fresh.map_err(|e| EngineError::new(synthcap::ErrorCode::Internal, e.to_string()))?;
        Ok(())
    }
}

/// Refuses a lens with which no image can be made.
fn check_lens(lens: &Lens) -> Result<(), EngineError> {
    match lens {
        Lens::HorizontalFov(degrees) if (0.01..=179.0).contains(degrees) => Ok(()),
        Lens::HorizontalFov(degrees) => Err(EngineError::invalid(format!(
            "a horizontal field of view of {degrees} degrees cannot be rendered; take 0.01 to 179"
        ))),
        Lens::Intrinsics(i) => {
            let focal = |f: f64| (1e-3..=1e9).contains(&f);
            let center = |c: f64| (-1e7..=1e7).contains(&c);
            if focal(i.fx)
                && focal(i.fy)
                && center(i.cx)
                && center(i.cy)
                && i.width > 0
                && i.height > 0
            {
                return Ok(());
            }
            Err(EngineError::invalid(format!(
                "the intrinsics fx {}, fy {}, cx {}, cy {} at {}x{} cannot be rendered; focal lengths are positive pixels and the principal point lies near the image",
                i.fx, i.fy, i.cx, i.cy, i.width, i.height
            )))
        }
        _ => Err(EngineError::unsupported(Capability::Intrinsics)),
    }
}
