//! The simulator with a fault in what it shows.

use std::time::Duration;

use synthcap::{
    CameraName, CameraState, Command, Environment, Intrinsics, Label, Lens, Light, Modality,
    ObjectName, PartialTransform, Pixels, SceneQuery, SceneState, Transform,
    frame::{Depth, Flow, FlowDirection, Normals, Rgb, Segmentation},
    server::{Captured, CapturedView, Engine, EngineError, EngineInfo, ResolvedView},
};
use synthcap_sim::{SimConfig, Simulator};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Depth is the distance along each pixel's ray.
    RayDepth,
    CentimetreDepth,
    /// Background is not a number instead of infinite.
    NanBackground,
    /// The first images after a move are those of before it.
    StaleFrames,
    /// Labels of the first capture after a tick are of where the camera was.
    LaggingLabels,
    /// The lens is longer than stated.
    LongerLens,
    /// The principal point is elsewhere than stated.
    ShiftedCenter,
    FlippedNormals,
    NormalsAlongRays,
    LongNormals,
    ReversedFlow,
    FlowAlwaysValid,
    /// Nothing is looked at before a batch runs.
    Unchecked,
    /// Every reset makes another scene.
    UnseededReset,
    /// A pixel of every picture is drawn at random.
    Noise,
    /// Poses are stated 5 cm off.
    WrongPose,
    MiscountedPixels,
    WrongClasses,
    /// Objects stay where they are.
    StuckObjects,
    /// A camera forgets its rotation when it is moved.
    ForgetsRotation,
    /// Ticks take no time.
    TimelessTicks,
}

pub struct Faulty {
    sim: Simulator,
    fault: Fault,
    /// What was captured last, and where the camera was.
    last: Option<(Vec<ResolvedView>, Transform, Captured)>,
    /// Where the camera was at the last tick, until labels have been taken.
    lagging: Option<Transform>,
    resets: u64,
    pictures: u32,
}

impl Faulty {
    pub fn new(fault: Fault) -> Self {
        Self {
            sim: Simulator::new(SimConfig::small()).expect("a small scene"),
            fault,
            last: None,
            lagging: None,
            resets: 0,
            pictures: 0,
        }
    }

    fn pose(&self) -> Transform {
        self.sim.cameras()[0].pose
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// Captures through another lens than the one stated.
    fn through(
        &mut self,
        views: &[ResolvedView],
        with_scene: bool,
        change: impl Fn(Intrinsics) -> Intrinsics,
    ) -> Result<Captured, EngineError> {
        let name = views[0].camera.clone();
        let states = self.sim.cameras();
        let stated = states
            .into_iter()
            .find(|c| c.name == name)
            .expect("checked");
        let real = Lens::Intrinsics(change(stated.intrinsics));
        self.sim.set_lens(&name, &real)?;
        let captured = self.sim.capture(views, with_scene);
        self.sim
            .set_lens(&name, &Lens::Intrinsics(stated.intrinsics))?;
        let mut captured = captured?;
        for view in &mut captured.views {
            let k = view.intrinsics;
            view.intrinsics = stated.intrinsics.resized(k.width, k.height);
        }
        Ok(captured)
    }

    fn lagging_labels(&mut self, views: &[ResolvedView]) -> Result<Option<Pixels>, EngineError> {
        let Some(then) = self.lagging.take() else {
            return Ok(None);
        };
        let now = self.pose();
        let name = views[0].camera.clone();
        self.sim.set_camera_transform(&name, &then.into())?;
        let labels = ResolvedView {
            modalities: Modality::Segmentation.into(),
            ..views[0].clone()
        };
        let captured = self.sim.capture(&[labels], false);
        self.sim.set_camera_transform(&name, &now.into())?;
        Ok(captured?.views.remove(0).images.pop())
    }

    fn take(&mut self, views: &[ResolvedView], scene: bool) -> Result<Captured, EngineError> {
        match self.fault {
            Fault::LongerLens => self.through(views, scene, |k| Intrinsics {
                fx: k.fx * 1.1,
                fy: k.fy * 1.1,
                ..k
            }),
            Fault::ShiftedCenter => self.through(views, scene, |k| Intrinsics {
                cx: k.cx + f64::from(k.width) * 0.03,
                ..k
            }),
            _ => self.sim.capture(views, scene),
        }
    }

    fn spoil(&mut self, view: &mut CapturedView) {
        if self.is(Fault::WrongPose) {
            view.pose.location.x += 5.0;
        }
        let lens = view.intrinsics;
        let fault = self.fault;
        self.pictures += 1;
        let picture = self.pictures;
        for image in &mut view.images {
            *image = match image.clone() {
                Pixels::Depth(depth) => spoil_depth(fault, &depth, &lens).into(),
                Pixels::Normals(normals) => {
                    spoil_normals(fault, &normals, &lens, &view.pose).into()
                }
                Pixels::Flow(flow) => spoil_flow(fault, &flow, lens).into(),
                Pixels::Segmentation(ids) => spoil_labels(fault, &ids, lens).into(),
                Pixels::Rgb(rgb) if fault == Fault::Noise => noisy(&rgb, lens, picture).into(),
                other => other,
            };
        }
    }
}

fn ray_lengths(k: &Intrinsics) -> impl Iterator<Item = f64> + '_ {
    let pixels = (0..k.height).flat_map(move |y| (0..k.width).map(move |x| (x, y)));
    pixels.map(|(x, y)| {
        let [a, b, c] = k.unproject([f64::from(x) + 0.5, f64::from(y) + 0.5], 1.0);
        (a * a + b * b + c * c).sqrt()
    })
}

fn spoil_depth(fault: Fault, depth: &Depth, k: &Intrinsics) -> Depth {
    let pairs = depth.metres().iter().zip(ray_lengths(k));
    let metres: Vec<f32> = pairs
        .map(|(z, length)| match fault {
            Fault::RayDepth => z * length as f32,
            Fault::CentimetreDepth => z * 100.0,
            Fault::NanBackground if z.is_infinite() => f32::NAN,
            _ => *z,
        })
        .collect();
    Depth::new(k.width, k.height, metres).expect("as many")
}

fn spoil_normals(fault: Fault, normals: &Normals, k: &Intrinsics, pose: &Transform) -> Normals {
    let forward = pose.rotation.axes()[0].map(|c| -c as f32);
    let vectors: Vec<[f32; 3]> = normals
        .vectors()
        .iter()
        .map(|n| {
            let is_known = *n != [0.0; 3];
            match fault {
                Fault::FlippedNormals => n.map(|c| -c),
                Fault::LongNormals => n.map(|c| c * 2.0),
                Fault::NormalsAlongRays if is_known => forward,
                _ => *n,
            }
        })
        .collect();
    Normals::new(k.width, k.height, vectors).expect("as many")
}

fn spoil_flow(fault: Fault, flow: &Flow, k: Intrinsics) -> Flow {
    let turn = if fault == Fault::ReversedFlow {
        -1.0
    } else {
        1.0
    };
    let uv: Vec<_> = flow
        .vectors()
        .iter()
        .map(|[u, v]| [u * turn, v * turn])
        .collect();
    let valid: Vec<u8> = match fault {
        Fault::FlowAlwaysValid => vec![1; flow.validity().len()],
        _ => flow.validity().to_vec(),
    };
    Flow::new(k.width, k.height, &uv, &valid, FlowDirection::Backward).expect("as many")
}

fn spoil_labels(fault: Fault, ids: &Segmentation, k: Intrinsics) -> Segmentation {
    let rename = |label: &Label| Label {
        class_name: match fault {
            Fault::WrongClasses => format!("{}s", label.class_name),
            _ => label.class_name.clone(),
        },
        ..label.clone()
    };
    let labels: Vec<_> = ids.labels().iter().map(rename).collect();
    Segmentation::new(k.width, k.height, ids.ids().to_vec(), labels).expect("as many")
}

fn noisy(rgb: &Rgb, k: Intrinsics, picture: u32) -> Rgb {
    let mut bytes = rgb.as_rgba().to_vec();
    bytes[0] = picture as u8;
    Rgb::new(k.width, k.height, bytes).expect("as many")
}

impl Engine for Faulty {
    fn info(&self) -> EngineInfo {
        self.sim.info()
    }

    fn cameras(&self) -> Vec<CameraState> {
        self.sim.cameras()
    }

    fn object_names(&self) -> Vec<ObjectName> {
        self.sim.object_names()
    }

    fn tick(&mut self) -> Duration {
        self.lagging = self.is(Fault::LaggingLabels).then(|| self.pose());
        let passed = self.sim.tick();
        if self.is(Fault::TimelessTicks) {
            return Duration::ZERO;
        }
        passed
    }

    fn set_camera_transform(
        &mut self,
        camera: &CameraName,
        transform: &PartialTransform,
    ) -> Result<(), EngineError> {
        let mut transform = *transform;
        if self.is(Fault::ForgetsRotation) {
            transform.rotation.get_or_insert_default();
        }
        self.sim.set_camera_transform(camera, &transform)
    }

    fn capture(&mut self, views: &[ResolvedView], scene: bool) -> Result<Captured, EngineError> {
        let pose = self.pose();
        let mut captured = self.take(views, scene)?;
        if let Some(labels) = self.lagging_labels(views)? {
            let images = captured.views.iter_mut().flat_map(|view| &mut view.images);
            for image in images.filter(|image| matches!(image, Pixels::Segmentation(_))) {
                *image = labels.clone();
            }
        }
        for view in &mut captured.views {
            self.spoil(view);
        }
        if self.is(Fault::MiscountedPixels) {
            miscount(&mut captured);
        }
        if !self.is(Fault::StaleFrames) {
            return Ok(captured);
        }
        let fresh = (views.to_vec(), pose, captured.clone());
        let stale = self.last.replace(fresh);
        match stale {
            Some((asked, then, mut old)) if asked == views && then != pose => {
                for (old, new) in old.views.iter_mut().zip(&captured.views) {
                    old.pose = new.pose;
                }
                Ok(old)
            }
            _ => Ok(captured),
        }
    }

    fn check(&self, command: &Command) -> Result<(), EngineError> {
        if self.is(Fault::Unchecked) {
            return Ok(());
        }
        self.sim.check(command)
    }

    fn object_transform(&self, object: &ObjectName) -> Result<Transform, EngineError> {
        self.sim.object_transform(object)
    }

    fn set_object_transform(
        &mut self,
        object: &ObjectName,
        transform: &PartialTransform,
    ) -> Result<(), EngineError> {
        if self.is(Fault::StuckObjects) {
            return Ok(());
        }
        self.sim.set_object_transform(object, transform)
    }

    fn create_camera(&mut self, camera: &CameraName, at: &Transform) -> Result<(), EngineError> {
        self.sim.create_camera(camera, at)
    }

    fn destroy_camera(&mut self, camera: &CameraName) -> Result<(), EngineError> {
        self.sim.destroy_camera(camera)
    }

    fn set_resolution(&mut self, camera: &CameraName, w: u32, h: u32) -> Result<(), EngineError> {
        self.sim.set_resolution(camera, w, h)
    }

    fn set_lens(&mut self, camera: &CameraName, lens: &Lens) -> Result<(), EngineError> {
        self.sim.set_lens(camera, lens)
    }

    fn spawn_object(
        &mut self,
        object: &ObjectName,
        asset: &str,
        transform: &Transform,
    ) -> Result<(), EngineError> {
        self.sim.spawn_object(object, asset, transform)
    }

    fn destroy_object(&mut self, object: &ObjectName) -> Result<(), EngineError> {
        self.sim.destroy_object(object)
    }

    fn set_material(&mut self, object: &ObjectName, p: &str, v: &str) -> Result<(), EngineError> {
        self.sim.set_material(object, p, v)
    }

    fn set_light(&mut self, light: &Light) -> Result<(), EngineError> {
        self.sim.set_light(light)
    }

    fn set_environment(&mut self, environment: &Environment) -> Result<(), EngineError> {
        self.sim.set_environment(environment)
    }

    fn scene(&mut self, query: &SceneQuery) -> Result<SceneState, EngineError> {
        self.sim.scene(query)
    }

    fn reset(&mut self, seed: Option<u64>) -> Result<(), EngineError> {
        self.resets += 1;
        let seed = seed.unwrap_or_default();
        if self.is(Fault::UnseededReset) {
            return self.sim.reset(Some(seed + self.resets));
        }
        self.sim.reset(Some(seed))
    }
}

fn miscount(captured: &mut Captured) {
    let objects = captured
        .scene
        .iter_mut()
        .flat_map(|scene| &mut scene.objects);
    for view in objects.flat_map(|object| &mut object.views) {
        view.visible_pixels += 1;
    }
}
