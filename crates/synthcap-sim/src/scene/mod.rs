//! The scenes: what stands where, and from where it is looked at.

mod layout;
mod shapes;
mod terrace;

use std::sync::Arc;

use glam::{Quat, Vec3};
use synthcap::{ObjectName, Transform};

use crate::{
    convert,
    light::LightSettings,
    material::Material,
    mesh::{self, Mesh},
    physics::Mobility,
    world::Path,
};

/// An object to be made.
#[derive(Debug)]
pub(crate) struct ObjectSpec {
    pub(crate) name: ObjectName,
    pub(crate) class: String,
    pub(crate) mesh: Arc<Mesh>,
    /// One for each part of the mesh.
    pub(crate) materials: Vec<Material>,
    pub(crate) transform: Transform,
    pub(crate) mobility: Mobility,
    pub(crate) path: Option<Path>,
}

impl ObjectSpec {
    /// An object as the mesh is made.
    pub(crate) fn new(
        name: impl Into<ObjectName>,
        class: impl Into<String>,
        mesh: Arc<Mesh>,
        transform: Transform,
        mobility: Mobility,
    ) -> Self {
        Self {
            name: name.into(),
            class: class.into(),
            materials: mesh.materials().to_vec(),
            mesh,
            transform,
            mobility,
            path: None,
        }
    }

    /// A built-in shape; position and scale in metres.
    fn shape(
        name: impl Into<ObjectName>,
        class: &str,
        shape: &str,
        place: (Vec3, Quat, Vec3),
        mobility: Mobility,
    ) -> Self {
        let (position, turn, scale) = place;
        let mesh = mesh::shape(shape)
            .unwrap_or_else(|| unreachable!("scenes use only shapes that there are: {shape}"));
        let transform = convert::transform(position, turn, scale);
        Self::new(name, class, mesh, transform, mobility)
    }

    /// With one material for the part.
    fn material(mut self, part: usize, material: Material) -> Self {
        self.materials[part] = material;
        self
    }

    /// With a motion of its own, from where it is at time 0.
    fn moving(mut self, path: Path) -> Self {
        let (position, turn) = path.at(0.0);
        let scale = convert::plain(self.transform.scale);
        self.transform = convert::transform(position, turn, scale);
        self.path = Some(path);
        self.mobility = Mobility::Kinematic;
        self
    }
}

/// A scene to be made.
#[derive(Debug)]
pub(crate) struct SceneSpec {
    pub(crate) objects: Vec<ObjectSpec>,
    /// Of the camera "main".
    pub(crate) camera: Transform,
    /// Of the camera "main", degrees.
    pub(crate) horizontal_fov_deg: f64,
    pub(crate) lights: LightSettings,
}

type Maker = fn(u64) -> SceneSpec;

const SCENES: [(&str, Maker); 2] = [("tabletop", terrace::scene), ("shapes", shapes::scene)];

/// The names of all scenes, the default one first.
pub(crate) const NAMES: [&str; 2] = [SCENES[0].0, SCENES[1].0];

/// The scene of a name and a seed.
pub(crate) fn make(name: &str, seed: u64) -> Option<SceneSpec> {
    let found = SCENES.iter().find(|(known, _)| *known == name);
    found.map(|(_, maker)| maker(seed))
}
