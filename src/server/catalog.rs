//! Which cameras and objects exist, so that requests can be checked.

use std::collections::HashSet;

use super::{Engine, EngineError};
use crate::{CameraName, ErrorCode, ObjectName};

/// The names in a scene. Checking a batch changes a copy as its items would.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalog {
    /// Name and resolution; the default camera first.
    cameras: Vec<(CameraName, u32, u32)>,
    objects: HashSet<ObjectName>,
}

impl Catalog {
    pub(super) fn of(engine: &impl Engine) -> Self {
        let cameras = engine.cameras().into_iter();
        Self {
            cameras: cameras
                .map(|camera| {
                    (
                        camera.name,
                        camera.intrinsics.width,
                        camera.intrinsics.height,
                    )
                })
                .collect(),
            objects: engine.object_names().into_iter().collect(),
        }
    }

    /// The camera of this name (empty: the default one) and its resolution.
    pub(super) fn camera(&self, name: &CameraName) -> Result<&(CameraName, u32, u32), EngineError> {
        let mut cameras = self.cameras.iter();
        let found = if name.is_default() {
            cameras.next()
        } else {
            cameras.find(|(existing, ..)| existing == name)
        };
        found.ok_or_else(|| {
            let known = list(self.cameras.iter().map(|(name, ..)| name.as_str()));
            EngineError::not_found(format!("there is no camera {name:?}; there are {known}"))
        })
    }

    pub(super) fn object(&self, name: &ObjectName) -> Result<(), EngineError> {
        if self.objects.contains(name) {
            return Ok(());
        }
        let message = format!("there is no object {name:?}; list_objects names all");
        Err(EngineError::not_found(message))
    }

    pub(super) fn add_camera(&mut self, name: &CameraName) -> Result<(), EngineError> {
        if name.is_default() {
            return Err(EngineError::invalid("a new camera needs a name"));
        }
        if self.cameras.iter().any(|(existing, ..)| existing == name) {
            return Err(taken("camera", name.as_str()));
        }
        // The engine chooses the resolution; nothing here depends on it.
        self.cameras.push((name.clone(), 0, 0));
        Ok(())
    }

    pub(super) fn remove_camera(&mut self, name: &CameraName) -> Result<(), EngineError> {
        let real = self.camera(name)?.0.clone();
        if self.cameras.len() == 1 {
            let message = format!("{real:?} is the last camera and stays");
            return Err(EngineError::new(ErrorCode::FailedPrecondition, message));
        }
        self.cameras.retain(|(existing, ..)| *existing != real);
        Ok(())
    }

    pub(super) fn add_object(&mut self, name: &ObjectName) -> Result<(), EngineError> {
        if name.as_str().is_empty() {
            return Err(EngineError::invalid("a new object needs a name"));
        }
        if !self.objects.insert(name.clone()) {
            return Err(taken("object", name.as_str()));
        }
        Ok(())
    }

    pub(super) fn remove_object(&mut self, name: &ObjectName) -> Result<(), EngineError> {
        self.object(name)?;
        self.objects.remove(name);
        Ok(())
    }
}

fn taken(kind: &str, name: &str) -> EngineError {
    let message = format!("the {kind} {name:?} exists already; choose another name");
    EngineError::new(ErrorCode::AlreadyExists, message)
}

/// Names for a message: the first few, and how many more.
fn list<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 8;
    let total = names.len();
    let shown: Vec<_> = names.take(SHOWN).map(|name| format!("{name:?}")).collect();
    let mut text = shown.join(", ");
    if total > SHOWN {
        text += &format!(" and {} more", total - SHOWN);
    }
    text
}
