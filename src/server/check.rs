//! Looks at commands before any of them runs.

use std::borrow::Cow;

use super::{Captured, EngineError, EngineInfo, ResolvedView, catalog::Catalog};
use crate::{
    Capability, CaptureSet, Command, Lens, Modality, ModalitySet, PartialTransform, ServerLimits,
    Vec3, View, frame::PixelData,
};

/// The most ticks that one request may take, so that none holds the engine for ever.
pub(super) const MAX_STEP_TICKS: u32 = 100_000;

/// What commands are checked against.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    pub(super) info: &'a EngineInfo,
    pub(super) limits: &'a ServerLimits,
}

impl Rules<'_> {
    /// Checks one command against the names as they would be when it runs, and
    /// changes the names as it would.
    pub(super) fn check(
        &self,
        command: &Command,
        names: &mut Cow<'_, Catalog>,
    ) -> Result<(), EngineError> {
        match command {
            Command::SetCameraTransform { camera, transform } => {
                finite(transform)?;
                names.camera(camera).map(drop)
            }
            Command::GetCameraTransform { camera } => names.camera(camera).map(drop),
            Command::Capture { view, modality } => self.view(view, (*modality).into(), names),
            Command::CaptureSet(set) => self.capture_set(set, names),
            Command::SetObjectTransform { object, transform } => {
                self.needs(Capability::Objects)?;
                finite(transform)?;
                names.object(object)
            }
            Command::GetObjectTransform { object } => {
                self.needs(Capability::Objects)?;
                names.object(object)
            }
            Command::CreateCamera { camera, transform } => {
                self.needs(Capability::Cameras)?;
                finite(transform)?;
                names.to_mut().add_camera(camera)
            }
            Command::DestroyCamera { camera } => {
                self.needs(Capability::Cameras)?;
                names.to_mut().remove_camera(camera)
            }
            Command::SetResolution {
                camera,
                width,
                height,
            } => {
                self.needs(Capability::Cameras)?;
                self.size(*width, *height)?;
                names.camera(camera).map(drop)
            }
            Command::SetIntrinsics { camera, lens } => {
                self.needs(Capability::Intrinsics)?;
                self.lens(lens)?;
                names.camera(camera).map(drop)
            }
            Command::SpawnObject {
                object, transform, ..
            } => {
                self.needs(Capability::Spawn)?;
                finite(transform)?;
                names.to_mut().add_object(object)
            }
            Command::DestroyObject { object } => {
                self.needs(Capability::Spawn)?;
                names.to_mut().remove_object(object)
            }
            Command::SetMaterial { object, .. } => {
                self.needs(Capability::Materials)?;
                names.object(object)
            }
            other => self.check_scene_wide(other, names),
        }
    }

    /// The commands that name no single camera or object.
    fn check_scene_wide(&self, command: &Command, names: &Catalog) -> Result<(), EngineError> {
        match command {
            Command::SetLighting(light) => {
                self.needs(Capability::Lighting)?;
                finite(&light.transform)?;
                color("the light's colour", light.color)?;
                factor("the light's intensity", light.intensity)
            }
            Command::SetEnvironment(environment) => {
                self.needs(Capability::TimeOfDay)?;
                if environment.weather.is_some() {
                    self.needs(Capability::Weather)?;
                }
                color("the sun's colour", environment.sun_color)?;
                environment
                    .sun_intensity
                    .map_or(Ok(()), |value| factor("the sun's intensity", value))?;
                match environment.time_of_day_h {
                    Some(hours) if !(0.0..24.0).contains(&hours) => Err(EngineError::invalid(
                        format!("the time of day is {hours}; it must be from 0 up to 24 hours"),
                    )),
                    _ => Ok(()),
                }
            }
            Command::ListObjects => self.needs(Capability::Objects),
            Command::GetScene(query) => {
                self.needs(Capability::Scene)?;
                if !query.views.is_empty() {
                    self.needs(Capability::Boxes2d)?;
                }
                self.image_count(query.views.len())?;
                for object in &query.objects {
                    names.object(object)?;
                }
                query
                    .views
                    .iter()
                    .try_for_each(|view| self.view(view, ModalitySet::EMPTY, names))
            }
            Command::Step { ticks } if *ticks > MAX_STEP_TICKS => Err(EngineError::invalid(
                format!("a step of {ticks} ticks is more than {MAX_STEP_TICKS}; use several"),
            )),
            Command::Reset { .. } => self.needs(Capability::Reset),
            _ => Ok(()),
        }
    }

    fn capture_set(&self, set: &CaptureSet, names: &Catalog) -> Result<(), EngineError> {
        if set.views.is_empty() {
            return Err(EngineError::invalid("the capture set has no views"));
        }
        self.image_count(set.image_count())?;
        if set.include_scene {
            self.needs(Capability::Scene)?;
        }
        for (view, modalities) in &set.views {
            if modalities.is_empty() {
                let message = format!("the view of camera {:?} names no modality", view.camera);
                return Err(EngineError::invalid(message));
            }
            self.view(view, *modalities, names)?;
        }
        Ok(())
    }

    fn image_count(&self, count: usize) -> Result<(), EngineError> {
        let most = self.limits.max_set_images;
        if count <= most as usize {
            return Ok(());
        }
        let message = format!("{count} images at once are more than the limit of {most}");
        Err(EngineError::invalid(message))
    }

    fn view(
        &self,
        view: &View,
        modalities: ModalitySet,
        names: &Catalog,
    ) -> Result<(), EngineError> {
        if let Some(missing) = modalities.difference(self.info.modalities).iter().next() {
            return Err(EngineError::new(
                crate::ErrorCode::Unsupported,
                format!("this server makes no {missing} images"),
            ));
        }
        let (_, own_width, own_height) = *names.camera(&view.camera)?;
        // A camera that this very batch makes has no size yet; 1 stands for it.
        let or = |asked: u32, own: u32| if asked == 0 { own.max(1) } else { asked };
        self.size(or(view.width, own_width), or(view.height, own_height))
    }

    fn size(&self, width: u32, height: u32) -> Result<(), EngineError> {
        let (most_w, most_h) = (self.limits.max_width, self.limits.max_height);
        if (1..=most_w).contains(&width) && (1..=most_h).contains(&height) {
            return Ok(());
        }
        Err(EngineError::invalid(format!(
            "the image size {width}x{height} is not within 1x1 and {most_w}x{most_h}"
        )))
    }

    fn lens(&self, lens: &Lens) -> Result<(), EngineError> {
        match lens {
            Lens::HorizontalFov(degrees) if !(*degrees > 0.0 && *degrees < 180.0) => {
                Err(EngineError::invalid(format!(
                    "a field of view of {degrees} degrees is not above 0 and below 180"
                )))
            }
            Lens::Intrinsics(k) => {
                self.size(k.width, k.height)?;
                let positive = |v: f64| v.is_finite() && v > 0.0;
                if positive(k.fx) && positive(k.fy) && k.cx.is_finite() && k.cy.is_finite() {
                    return Ok(());
                }
                let message = "intrinsics need positive focal lengths and a finite centre";
                Err(EngineError::invalid(message))
            }
            Lens::HorizontalFov(_) => Ok(()),
        }
    }

    fn needs(&self, capability: Capability) -> Result<(), EngineError> {
        if self.info.capabilities.contains(&capability) {
            return Ok(());
        }
        Err(EngineError::unsupported(capability))
    }
}

fn finite(transform: &PartialTransform) -> Result<(), EngineError> {
    if transform.is_finite() {
        return Ok(());
    }
    Err(EngineError::invalid(
        "the transform holds a number that is infinite or not a number",
    ))
}

fn color(what: &str, value: Option<Vec3>) -> Result<(), EngineError> {
    if value.is_none_or(Vec3::is_finite) {
        return Ok(());
    }
    let message = format!("{what} holds a number that is infinite or not a number");
    Err(EngineError::invalid(message))
}

/// What must hold of a batch as a whole; what is wrong is named by its index.
pub(super) fn batch(commands: &[Command]) -> Result<(), (usize, EngineError)> {
    let mut ticks = 0_u32;
    for (index, command) in commands.iter().enumerate() {
        match command {
            Command::Reset { .. } if index + 1 < commands.len() => {
                // What follows is checked before anything runs, by names that only a
                // reset would tell.
                let message = "a reset must be the last of its batch, for which cameras and \
                               objects there are after it is not known; send the rest in a \
                               batch of its own";
                return Err((index, EngineError::invalid(message)));
            }
            Command::Step { ticks: more } => ticks = ticks.saturating_add(*more),
            _ => {}
        }
        if ticks > MAX_STEP_TICKS {
            let message = format!("steps of {ticks} ticks are more than {MAX_STEP_TICKS}");
            return Err((index, EngineError::invalid(message)));
        }
    }
    Ok(())
}

fn factor(what: &str, value: f32) -> Result<(), EngineError> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    let message = format!("{what} is {value}; it must be a number of at least 0");
    Err(EngineError::invalid(message))
}

/// Holds an engine to its word: as many views and images as were asked for, of
/// the right kind and size.
pub(super) fn captured(
    captured: &Captured,
    views: &[ResolvedView],
    include_scene: bool,
) -> Result<(), EngineError> {
    let broken = |what: String| {
        let message = format!("the engine broke its contract: {what}");
        Err(EngineError::new(crate::ErrorCode::Internal, message))
    };
    if captured.views.len() != views.len() || captured.scene.is_some() != include_scene {
        return broken("another number of views than asked for".to_owned());
    }
    for (view, asked) in captured.views.iter().zip(views) {
        let made = view.images.iter().map(PixelData::modality);
        if !made.eq(asked.modalities.iter()) {
            return broken(format!("other images than {:?}", asked.modalities));
        }
        let size = (asked.width, asked.height);
        if let Some(image) = view
            .images
            .iter()
            .find(|image| (image.width(), image.height()) != size)
        {
            let (modality, (w, h)) = (Modality::name(image.modality()), size);
            return broken(format!("a {modality} image that is not {w}x{h}"));
        }
    }
    Ok(())
}
