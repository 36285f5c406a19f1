//! Takes images and describes the scene.

use std::sync::Arc;

use synthcap::{
    Label, Modality, ModalitySet, ObjectState, Pixels, SceneQuery, SceneState,
    frame::{Depth, Flow, FlowDirection, Normals, Rgb, Segmentation, SizeMismatch},
    server::{Captured, CapturedView, EngineError, PixelBuffer, PixelBuffers, ResolvedView},
};

use crate::{
    boxes::object_views,
    camera::{Camera, Eye},
    render::{self, Before, Shader, Shot},
    simulator::{MAX_KEPT_BYTES, Simulator, no_object},
    trace::{Hit, Tracer},
    world::Object,
};

/// Everything that the images of one moment are made from.
struct Moment<'a> {
    simulator: &'a Simulator,
    now: &'a Tracer,
    previous: Option<&'a Tracer>,
    buffers: &'a PixelBuffers,
}

impl Simulator {
    pub(crate) fn take(
        &mut self,
        views: &[ResolvedView],
        query: Option<&SceneQuery>,
        buffers: &PixelBuffers,
    ) -> Result<Captured, EngineError> {
        let mut hits = std::mem::take(&mut self.hits);
        let now = self.world.tracer();
        let previous = self.world.previous();
        let moment = Moment {
            simulator: self,
            now: &now,
            previous: previous.as_deref(),
            buffers,
        };
        let mut scene = query.map(|query| self.describe(query)).transpose()?;
        let mut captured = Vec::with_capacity(views.len());
        for view in views {
            let camera = self.camera(&view.camera)?;
            let eye = Eye::new(&camera.now, view.width, view.height);
            let shot = Shot::take(&now, eye, hits);
            captured.push(moment.capture(view, camera, &shot).map_err(internal)?);
            if let Some(scene) = &mut scene {
                look(scene, &shot);
            }
            hits = shot.into_memory();
        }
        let bytes = hits.capacity() * size_of::<Hit>();
        self.hits = if bytes <= MAX_KEPT_BYTES {
            hits
        } else {
            Vec::new()
        };
        Ok(Captured {
            views: captured,
            scene,
        })
    }

    /// The objects of a query, without what its views see of them.
    fn describe(&self, query: &SceneQuery) -> Result<SceneState, EngineError> {
        for name in &query.objects {
            if self.world.get(name.as_str()).is_none() {
                return Err(no_object(name));
            }
        }
        let wanted = |object: &&Object| {
            let class = query.class_name.as_deref();
            class.is_none_or(|class| class == self.world.class_name(object))
                && (query.objects.is_empty() || query.objects.contains(&object.name))
        };
        let state = |object: &Object| ObjectState {
            label: self.world.label(object),
            transform: object.transform,
            box_3d: object.box_3d(),
            views: Vec::new(),
            dynamic: object.is_dynamic(),
        };
        Ok(SceneState {
            objects: self
                .world
                .objects()
                .iter()
                .filter(wanted)
                .map(state)
                .collect(),
        })
    }
}

/// Adds to each object what a shot sees of it.
fn look(scene: &mut SceneState, shot: &Shot<'_>) {
    let ids: Vec<u32> = scene.objects.iter().map(|o| o.label.instance_id).collect();
    let views = object_views(shot, |instance| ids.binary_search(&instance.id).is_ok());
    for (object, view) in scene.objects.iter_mut().zip(views.into_iter().flatten()) {
        object.views.push(view);
    }
}

impl Moment<'_> {
    fn capture(
        &self,
        view: &ResolvedView,
        camera: &Camera,
        shot: &Shot<'_>,
    ) -> Result<CapturedView, SizeMismatch> {
        let image = |modality| self.image(modality, camera, shot);
        let images: Result<Vec<Pixels>, _> = view.modalities.iter().filter_map(image).collect();
        Ok(CapturedView {
            pose: camera.now.transform,
            intrinsics: camera.now.intrinsics.resized(view.width, view.height),
            images: images?,
        })
    }

    /// `None` for a modality that the simulator does not list.
    fn image(
        &self,
        modality: Modality,
        camera: &Camera,
        shot: &Shot<'_>,
    ) -> Option<Result<Pixels, SizeMismatch>> {
        let (width, height) = (shot.eye.width, shot.eye.height);
        let count = shot.size();
        Some(match modality {
            Modality::Rgb => Rgb::new(width, height, self.color(shot)).map(Pixels::from),
            Modality::Depth => {
                let mut metres = self.buffers.take(count);
                render::depth(shot, &mut metres);
                Depth::new(width, height, metres).map(Pixels::from)
            }
            Modality::Segmentation => {
                let mut ids = self.buffers.take(count);
                let seen = render::ids(shot, &mut ids);
                let labels = self.labels(&seen);
                Segmentation::new(width, height, ids, labels).map(Pixels::from)
            }
            Modality::Normals => {
                let mut normals = self.buffers.take(count);
                render::normals(shot, &mut normals);
                Normals::new(width, height, normals).map(Pixels::from)
            }
            Modality::Flow => {
                let before = self.before(camera, shot);
                let mut planes = self.buffers.take(count * Modality::Flow.bytes_per_pixel());
                render::flow(shot, before.as_ref(), &mut planes);
                Flow::from_planes(width, height, planes.into(), FlowDirection::Backward)
                    .map(Pixels::from)
            }
            _ => return None,
        })
    }

    fn color(&self, shot: &Shot<'_>) -> PixelBuffer<u8> {
        let shader = Shader {
            tracer: self.now,
            objects: self.simulator.world.objects(),
            lights: &self.simulator.lights,
            weather: self.simulator.settings.weather,
        };
        let mut rgba = self
            .buffers
            .take(shot.size() * Modality::Rgb.bytes_per_pixel());
        let samples = self.simulator.config.rgb_samples;
        render::rgb(shot, &shader, samples, &mut rgba);
        rgba
    }

    /// The labels of the objects that are seen, in the order of their IDs.
    fn labels(&self, seen: &[bool]) -> Arc<[Label]> {
        let objects = self.simulator.world.objects().iter();
        let visible = objects.zip(seen).filter(|(_, seen)| **seen);
        visible
            .map(|(object, _)| self.simulator.world.label(object))
            .collect()
    }

    fn before(&self, camera: &Camera, shot: &Shot<'_>) -> Option<Before<'_>> {
        let (tracer, pose) = (self.previous?, camera.previous?);
        let eye = Eye::new(&pose, shot.eye.width, shot.eye.height);
        Some(Before::new(self.now, &shot.eye, tracer, eye))
    }
}

/// The modalities that the simulator makes: all.
pub(crate) const MODALITIES: ModalitySet = ModalitySet::ALL;

fn internal(mismatch: SizeMismatch) -> EngineError {
    EngineError::new(synthcap::ErrorCode::Internal, mismatch.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimConfig;

    #[test]
    fn memory_of_a_large_capture_is_given_back() {
        let mut simulator = Simulator::new(SimConfig::default()).expect("a scene");
        let mut take = |width, height| {
            let view = ResolvedView {
                camera: "main".into(),
                width,
                height,
                modalities: ModalitySet::EMPTY,
            };
            let taken = simulator.take(&[view], None, &PixelBuffers::heap());
            taken.expect("a capture");
            simulator.hits.capacity() * size_of::<Hit>()
        };
        let kept = 160 * 120 * size_of::<Hit>();
        assert!(take(160, 120) >= kept, "used again");
        assert!(take(2000, 2000) <= MAX_KEPT_BYTES, "given back");
        assert!(take(160, 120) >= kept, "used again");
    }
}
