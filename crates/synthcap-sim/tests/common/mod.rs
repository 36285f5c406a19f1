//! What the tests share: taking images through the public interface, and the
//! geometry to check them against.
#![allow(dead_code, reason = "each test binary uses its own part")]

use glam::{DMat3, DMat4, DVec3, DVec4};
use synthcap::{
    CameraName, Convention, Intrinsics, Modality, ModalitySet, ObjectName, ObjectState,
    PartialTransform, Rotator, Transform, Vec3,
    frame::{Depth, Flow, Normals, Rgb, Segmentation, TypedPixels},
    server::{CapturedView, Engine, ResolvedView},
};
use synthcap_sim::{SimConfig, Simulator};

pub(crate) const WIDTH: u32 = 160;
pub(crate) const HEIGHT: u32 = 120;

pub(crate) fn simulator(scene: &str, seed: u64) -> Simulator {
    let config = SimConfig {
        scene: scene.into(),
        seed,
        width: WIDTH,
        height: HEIGHT,
        rgb_samples: 3,
        ..SimConfig::default()
    };
    Simulator::new(config).expect("a valid configuration")
}

/// Images of one view with everything needed to check them.
pub(crate) struct Image {
    pub(crate) view: CapturedView,
    pub(crate) objects: Vec<ObjectState>,
}

pub(crate) fn take(simulator: &mut Simulator, camera: &str) -> Image {
    take_sized(simulator, camera, (WIDTH, HEIGHT))
}

/// As [`take`], in another size.
pub(crate) fn take_sized(
    simulator: &mut Simulator,
    camera: &str,
    (width, height): (u32, u32),
) -> Image {
    let view = ResolvedView {
        camera: camera.into(),
        width,
        height,
        modalities: ModalitySet::ALL,
    };
    let mut captured = simulator.capture(&[view], true).expect("a capture");
    Image {
        view: captured.views.remove(0),
        objects: captured.scene.expect("asked for").objects,
    }
}

impl Image {
    fn typed<P: TypedPixels>(&self) -> P {
        let found = self
            .view
            .images
            .iter()
            .find_map(|pixels| P::from_pixels(pixels.clone()).ok());
        found.expect("every modality was asked for")
    }

    pub(crate) fn rgb(&self) -> Rgb {
        self.typed()
    }

    pub(crate) fn depth(&self) -> Depth {
        self.typed()
    }

    pub(crate) fn segmentation(&self) -> Segmentation {
        self.typed()
    }

    pub(crate) fn normals(&self) -> Normals {
        self.typed()
    }

    pub(crate) fn flow(&self) -> Flow {
        self.typed()
    }

    pub(crate) fn lens(&self) -> Intrinsics {
        self.view.intrinsics
    }

    /// All its pixels.
    pub(crate) fn pixels(&self) -> impl Iterator<Item = (u32, u32)> + Clone + use<> {
        let Intrinsics { width, height, .. } = self.lens();
        (0..height).flat_map(move |y| (0..width).map(move |x| (x, y)))
    }

    /// The bytes of one modality.
    pub(crate) fn bytes(&self, modality: Modality) -> Vec<u8> {
        let index = ModalitySet::ALL
            .iter()
            .position(|m| m == modality)
            .expect("one of all");
        self.view.images[index].clone().into_bytes().to_vec()
    }

    /// The bytes of all labels.
    pub(crate) fn label_bytes(&self) -> Vec<Vec<u8>> {
        let labels = ModalitySet::ALL.difference(Modality::Rgb.into());
        labels.iter().map(|m| self.bytes(m)).collect()
    }

    pub(crate) fn object(&self, name: &str) -> &ObjectState {
        let found = self
            .objects
            .iter()
            .find(|o| o.label.object.as_str() == name);
        found.unwrap_or_else(|| panic!("no object {name}"))
    }

    pub(crate) fn camera(&self) -> Pinhole {
        Pinhole::new(&self.view.pose, self.view.intrinsics)
    }

    /// The world point (right-handed, metres) at a pixel's centre.
    pub(crate) fn point(&self, x: u32, y: u32) -> Option<DVec3> {
        let depth = self.depth().at(x, y)?;
        Some(self.camera().unproject(x, y, f64::from(depth)))
    }
}

/// A camera in the right-handed world of OpenCV poses.
#[derive(Clone, Copy)]
pub(crate) struct Pinhole {
    to_world: DMat4,
    pub(crate) lens: Intrinsics,
}

impl Pinhole {
    pub(crate) fn new(pose: &Transform, lens: Intrinsics) -> Self {
        let rows = pose.camera_to_world(Convention::OpenCv);
        Self {
            to_world: DMat4::from_cols_array_2d(&rows).transpose(),
            lens,
        }
    }

    pub(crate) fn unproject(&self, x: u32, y: u32, depth: f64) -> DVec3 {
        let at = [f64::from(x) + 0.5, f64::from(y) + 0.5];
        let local = DVec3::from(self.lens.unproject(at, depth));
        self.to_world.transform_point3(local)
    }

    /// Pixel position and depth.
    pub(crate) fn project(&self, world: DVec3) -> Option<([f64; 2], f64)> {
        let local = self.to_world.inverse().transform_point3(world);
        Some((self.lens.project(local.to_array())?, local.z))
    }
}

/// A wire transform as a matrix of the right-handed world in metres, built from
/// the documented axes and independently of the simulator.
pub(crate) fn matrix(transform: &Transform) -> DMat4 {
    let axes = transform.rotation.axes().map(DVec3::from);
    let s = transform.scale;
    let turn = DMat3::from_cols(
        axes[0] * f64::from(s.x),
        axes[1] * f64::from(s.y),
        axes[2] * f64::from(s.z),
    );
    let l = transform.location;
    let place = DVec3::new(l.x.into(), l.y.into(), l.z.into()) / 100.0;
    let wire = DMat4::from_cols(
        turn.x_axis.extend(0.0),
        turn.y_axis.extend(0.0),
        turn.z_axis.extend(0.0),
        place.extend(1.0),
    );
    let flip = DMat4::from_diagonal(DVec4::new(1.0, -1.0, 1.0, 1.0));
    flip * wire * flip
}

pub(crate) fn place(simulator: &mut Simulator, name: &str, at: Vec3, rotation: Rotator) {
    let transform = PartialTransform {
        location: Some(at),
        rotation: Some(rotation),
        scale: None,
    };
    let name = ObjectName::from(name);
    simulator
        .set_object_transform(&name, &transform)
        .expect("an object");
}

pub(crate) fn look(simulator: &mut Simulator, from: Vec3, at: Vec3) {
    let pose = Transform::look_at(from, at);
    let camera = CameraName::from("main");
    simulator
        .set_camera_transform(&camera, &pose.into())
        .expect("the camera");
}

/// All pixels of an image of the usual size.
pub(crate) fn pixels() -> impl Iterator<Item = (u32, u32)> + Clone {
    (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y)))
}
