//! Puts the parts of a reply together and checks that they are what was asked.

use crate::{
    Answer, CapturedImage, Command, SceneState,
    proto::frame_response::Response,
    wire::{
        WireError,
        image::Expected,
        reply::{Piece, piece},
    },
};

/// The reply to one command, as far as it has come.
#[derive(Debug)]
pub(crate) struct Assembly {
    shape: Shape,
    missing: usize,
}

#[derive(Debug)]
enum Shape {
    /// One part that is the whole answer.
    Single(Option<Answer>),
    /// Images, then perhaps the scene.
    Images {
        expected: Vec<Expected>,
        images: Vec<Option<CapturedImage>>,
        with_scene: bool,
        scene: Option<SceneState>,
    },
}

impl Assembly {
    /// What the reply to this command must look like.
    pub(crate) fn of(command: &Command) -> Self {
        let (expected, with_scene) = match command {
            Command::Capture { view, modality } => {
                let expected = Expected {
                    camera: view.camera.clone(),
                    modality: *modality,
                    width: view.width,
                    height: view.height,
                    encoding: view.encodings.get(*modality),
                };
                (vec![expected], false)
            }
            Command::CaptureSet(set) => {
                let views = set.views.iter();
                let expected = views.flat_map(|(view, modalities)| {
                    modalities.iter().map(|modality| Expected {
                        camera: view.camera.clone(),
                        modality,
                        width: view.width,
                        height: view.height,
                        encoding: view.encodings.get(modality),
                    })
                });
                (expected.collect(), set.include_scene)
            }
            _ => return Self::acknowledgement(),
        };
        Self::images(expected, with_scene)
    }

    /// One part, whatever it is.
    pub(crate) fn acknowledgement() -> Self {
        Self {
            shape: Shape::Single(None),
            missing: 1,
        }
    }

    fn images(expected: Vec<Expected>, with_scene: bool) -> Self {
        let mut images = Vec::new();
        images.resize_with(expected.len(), || None);
        Self {
            missing: expected.len() + usize::from(with_scene),
            shape: Shape::Images {
                expected,
                images,
                with_scene,
                scene: None,
            },
        }
    }

    /// Whether every part is there.
    pub(crate) fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// Forgets the parts that have come, because all will come again.
    pub(crate) fn restart(&mut self) {
        match &mut self.shape {
            Shape::Single(answer) => {
                *answer = None;
                self.missing = 1;
            }
            Shape::Images {
                images,
                scene,
                with_scene,
                ..
            } => {
                images.fill_with(|| None);
                *scene = None;
                self.missing = images.len() + usize::from(*with_scene);
            }
        }
    }

    /// Takes in one part.
    pub(crate) fn add(
        &mut self,
        index: usize,
        count: usize,
        response: Response,
    ) -> Result<(), WireError> {
        if self.total() != count || index >= count {
            return Err(WireError::new(format!(
                "part {index} of {count} came where {} parts were due",
                self.total()
            )));
        }
        let fresh = match &mut self.shape {
            Shape::Single(answer) => {
                let whole = match piece(response, None)? {
                    Piece::Answer(whole) => whole,
                    Piece::Scene(scene) => Answer::Scene(scene),
                    Piece::Image(_) | Piece::BatchDone => {
                        return Err(WireError::new("the reply is of another kind"));
                    }
                };
                answer.replace(whole).is_none()
            }
            Shape::Images {
                expected,
                images,
                scene,
                ..
            } => match (piece(response, expected.get(index))?, images.get_mut(index)) {
                (Piece::Image(image), Some(slot)) => slot.replace(image).is_none(),
                (Piece::Scene(state), None) => scene.replace(state).is_none(),
                _ => return Err(WireError::new("the reply is of another kind")),
            },
        };
        if !fresh {
            return Err(WireError::new(format!("part {index} came twice")));
        }
        self.missing -= 1;
        Ok(())
    }

    fn total(&self) -> usize {
        match &self.shape {
            Shape::Single(_) => 1,
            Shape::Images {
                expected,
                with_scene,
                ..
            } => expected.len() + usize::from(*with_scene),
        }
    }

    /// The whole answer; `None` while parts are missing.
    pub(crate) fn finish(self) -> Option<Answer> {
        match self.shape {
            Shape::Single(answer) => answer,
            Shape::Images {
                images,
                scene,
                with_scene,
                ..
            } => {
                let images = images.into_iter().collect::<Option<Vec<_>>>()?;
                (scene.is_some() == with_scene).then_some(Answer::Images(images, scene))
            }
        }
    }
}
