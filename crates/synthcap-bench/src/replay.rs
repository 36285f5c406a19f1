//! An engine that replays frames made beforehand.

use std::{collections::HashMap, time::Duration};

use synthcap::{
    CameraName, CameraState, Capability, Intrinsics, Label, Modality, ModalitySet,
    PartialTransform, Pixels, Transform,
    frame::{Depth, Flow, FlowDirection, Normals, Rgb, Segmentation, SizeMismatch},
    server::{Captured, CapturedView, Engine, EngineError, EngineInfo, PixelBuffers, ResolvedView},
};

use crate::Error;

/// One camera, and frames that are made when first asked for.
#[derive(Debug)]
pub struct Replay {
    camera: CameraState,
    made: HashMap<(Modality, u32, u32), Pixels>,
    /// Frames are written anew, each with a byte of its own.
    writing: Option<u8>,
}

impl Default for Replay {
    fn default() -> Self {
        Self {
            camera: CameraState {
                name: "replay".into(),
                pose: Transform::IDENTITY,
                intrinsics: Intrinsics::from_horizontal_fov(90.0, 512, 512),
            },
            made: HashMap::new(),
            writing: None,
        }
    }
}

impl Replay {
    /// One that writes every frame anew, as an engine that renders does, into the
    /// memory that the kit has for it.
    pub fn writing() -> Self {
        Self {
            writing: Some(0),
            ..Self::default()
        }
    }

    fn pixels(
        &mut self,
        modality: Modality,
        width: u32,
        height: u32,
    ) -> Result<Pixels, EngineError> {
        let key = (modality, width, height);
        if let Some(made) = self.made.get(&key) {
            return Ok(made.clone());
        }
        let pixels = make(modality, width, height)
            .map_err(|error| EngineError::invalid(error.to_string()))?;
        self.made.insert(key, pixels.clone());
        Ok(pixels)
    }
}

/// Pixels that differ from each other.
fn make(modality: Modality, width: u32, height: u32) -> Result<Pixels, SizeMismatch> {
    let count = width as usize * height as usize;
    let ramp = |i: usize| (i % 1013) as f32 * 0.01;
    Ok(match modality {
        Modality::Depth => {
            Depth::new(width, height, (0..count).map(ramp).collect::<Vec<_>>())?.into()
        }
        Modality::Segmentation => {
            let ids: Vec<_> = (0..count).map(|i| (i % 7) as u32).collect();
            let label = |id| Label {
                instance_id: id,
                object: "thing".into(),
                class_id: 1,
                class_name: "thing".into(),
            };
            let labels: Vec<_> = (1..7).map(label).collect();
            Segmentation::new(width, height, ids, labels)?.into()
        }
        Modality::Normals => {
            let normals: Vec<_> = (0..count).map(|i| [ramp(i), 0.0, 1.0]).collect();
            Normals::new(width, height, normals)?.into()
        }
        Modality::Flow => {
            let uv: Vec<_> = (0..count).map(|i| [ramp(i), -ramp(i)]).collect();
            Flow::new(width, height, &uv, &vec![1; count], FlowDirection::Backward)?.into()
        }
        _ => {
            let rgba: Vec<_> = (0..count * 4).map(|i| (i % 251) as u8).collect();
            Rgb::new(width, height, rgba)?.into()
        }
    })
}

/// Pixels all bytes of which are the same.
fn write(
    modality: Modality,
    width: u32,
    height: u32,
    byte: u8,
    buffers: &PixelBuffers,
) -> Result<Pixels, SizeMismatch> {
    let count = width as usize * height as usize;
    let word = [byte; 4];
    Ok(match modality {
        Modality::Depth => {
            let mut metres = buffers.take(count);
            metres.fill(f32::from_le_bytes(word));
            Depth::new(width, height, metres)?.into()
        }
        Modality::Segmentation => {
            let mut ids = buffers.take(count);
            ids.fill(u32::from_le_bytes(word));
            Segmentation::new(width, height, ids, [])?.into()
        }
        Modality::Normals => {
            let mut normals = buffers.take(count);
            normals.fill([f32::from_le_bytes(word); 3]);
            Normals::new(width, height, normals)?.into()
        }
        Modality::Flow => {
            let mut planes = buffers.take(count * Modality::Flow.bytes_per_pixel());
            planes.fill(byte);
            Flow::from_planes(width, height, planes.into(), FlowDirection::Backward)?.into()
        }
        _ => {
            let mut rgba = buffers.take(count * 4);
            rgba.fill(byte);
            Rgb::new(width, height, rgba)?.into()
        }
    })
}

/// Reads every byte of a frame of a [writing](Replay::writing) engine.
pub(crate) fn check(pixels: &Pixels) -> Result<(), Error> {
    // Sharing the bytes copies none.
    let bytes = pixels.clone().into_bytes();
    let first = bytes.first().copied().unwrap_or_default();
    let (words, rest) = bytes.as_chunks::<8>();
    let expected = u64::from_le_bytes([first; 8]);
    // Without an early end, so that it goes as fast as memory does.
    let differs = words.iter().fold(0, |differs, word| {
        differs | (u64::from_le_bytes(*word) ^ expected)
    });
    if differs == 0 && rest.iter().all(|byte| *byte == first) {
        return Ok(());
    }
    Err("a frame is not all of one writing".into())
}

impl Engine for Replay {
    fn info(&self) -> EngineInfo {
        EngineInfo {
            name: "replay".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            capabilities: vec![Capability::CaptureSet],
            modalities: ModalitySet::ALL,
            tick_rate_hz: 0.0,
            scene_name: "frames made beforehand".into(),
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
        _: bool,
        buffers: &PixelBuffers,
    ) -> Result<Captured, EngineError> {
        let mut captured = Vec::with_capacity(views.len());
        for view in views {
            let (width, height) = (view.width, view.height);
            let modalities = view.modalities.iter();
            let images = modalities.map(|modality| match &mut self.writing {
                Some(byte) => {
                    *byte = byte.wrapping_add(1);
                    write(modality, width, height, *byte, buffers)
                        .map_err(|error| EngineError::invalid(error.to_string()))
                }
                None => self.pixels(modality, width, height),
            });
            captured.push(CapturedView {
                images: images.collect::<Result<_, _>>()?,
                pose: self.camera.pose,
                intrinsics: self.camera.intrinsics.resized(width, height),
            });
        }
        Ok(Captured {
            views: captured,
            scene: None,
        })
    }
}
