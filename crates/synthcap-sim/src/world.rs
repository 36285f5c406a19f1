//! The objects of a scene, and their state at this tick and the one before.

use std::{f32::consts::FRAC_PI_2, sync::Arc};

use glam::{Affine3A, Quat, Vec3};
use synthcap::{Box3, Label, ObjectName, Transform};

use crate::{
    convert,
    material::{Material, MaterialChange},
    mesh::Mesh,
    physics::{Body, Mobility, Physics},
    scene::ObjectSpec,
    trace::{Instance, Tracer},
};

/// Steps that a scene gets to come to rest.
const SETTLE_STEPS: usize = 260;

/// An object.
#[derive(Debug)]
pub(crate) struct Object {
    /// From 1, in order of making, never used twice in a run.
    pub(crate) id: u32,
    pub(crate) name: ObjectName,
    class_id: u32,
    pub(crate) mesh: Arc<Mesh>,
    /// One for each part of the mesh.
    pub(crate) materials: Vec<Material>,
    /// The one place where the pose is kept; the body and the affine follow it.
    pub(crate) transform: Transform,
    affine: Affine3A,
    body: Body,
    mobility: Mobility,
    path: Option<Path>,
}

/// A motion of its own, by simulation time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Path {
    /// Around a vertical axis through `center`, facing along the way.
    Circle {
        /// Metres.
        center: Vec3,
        /// Metres.
        radius: f32,
        /// Radians per second.
        speed: f32,
        /// Radians at time 0.
        phase: f32,
    },
    /// In place around its own X axis.
    Spin {
        /// Metres.
        position: Vec3,
        /// At time 0.
        turn: Quat,
        /// Radians per second.
        speed: f32,
    },
}

impl Path {
    /// Where it is after so many seconds.
    pub(crate) fn at(&self, seconds: f64) -> (Vec3, Quat) {
        // In f64 and wrapped, so that long runs don't lose precision.
        let angle_of = |speed: f32, phase: f32| {
            (f64::from(speed) * seconds + f64::from(phase)).rem_euclid(std::f64::consts::TAU) as f32
        };
        match *self {
            Self::Circle {
                center,
                radius,
                speed,
                phase,
            } => {
                let angle = angle_of(speed, phase);
                let out = Vec3::new(angle.cos(), angle.sin(), 0.0);
                let ahead = angle + FRAC_PI_2.copysign(speed);
                (center + radius * out, Quat::from_rotation_z(ahead))
            }
            Self::Spin {
                position,
                turn,
                speed,
            } => (position, turn * Quat::from_rotation_x(angle_of(speed, 0.0))),
        }
    }
}

/// All objects.
#[derive(Debug)]
pub(crate) struct World {
    /// In the order of their IDs.
    objects: Vec<Object>,
    /// Class names; the first has ID 1.
    classes: Vec<String>,
    next_id: u32,
    physics: Physics,
    step_s: f64,
    ticks: u64,
    /// Rays against the objects as they are; `None` after a change.
    now: Option<Arc<Tracer>>,
    /// The objects as they were when this tick began.
    previous: Option<Arc<Tracer>>,
}

impl World {
    /// The objects of a scene, come to rest.
    pub(crate) fn new(specs: Vec<ObjectSpec>, step_s: f64) -> Self {
        let mut world = Self {
            objects: Vec::with_capacity(specs.len()),
            classes: Vec::new(),
            next_id: 1,
            physics: Physics::new(step_s as f32),
            step_s,
            ticks: 0,
            now: None,
            previous: None,
        };
        for spec in specs {
            world.add(spec);
        }
        world.physics.settle(SETTLE_STEPS);
        for object in &mut world.objects {
            // Settled bodies sleep; their pose is asked for just this once.
            if object.mobility == Mobility::Dynamic
                && let Some((position, turn)) = world.physics.pose(object.body)
            {
                object.follow(position, turn);
            }
        }
        world
    }

    pub(crate) fn objects(&self) -> &[Object] {
        &self.objects
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Object> {
        self.objects.iter().find(|o| o.name.as_str() == name)
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.objects.iter().position(|o| o.name.as_str() == name)
    }

    /// What an object's ID stands for.
    pub(crate) fn label(&self, object: &Object) -> Label {
        Label {
            instance_id: object.id,
            object: object.name.clone(),
            class_id: object.class_id,
            class_name: self.classes[object.class_id as usize - 1].clone(),
        }
    }

    pub(crate) fn class_name(&self, object: &Object) -> &str {
        &self.classes[object.class_id as usize - 1]
    }

    /// Adds an object; its name is free.
    pub(crate) fn add(&mut self, spec: ObjectSpec) {
        let class_id = match self.classes.iter().position(|c| *c == spec.class) {
            Some(index) => index,
            None => {
                self.classes.push(spec.class);
                self.classes.len() - 1
            }
        } as u32
            + 1;
        let transform = spec.transform;
        let body = self.physics.add(
            &spec.mesh,
            spec.mobility,
            convert::point(transform.location),
            convert::rotation(transform.rotation),
            convert::plain(transform.scale),
        );
        self.objects.push(Object {
            id: self.next_id,
            name: spec.name,
            class_id,
            materials: spec.materials,
            mesh: spec.mesh,
            affine: convert::affine(&transform),
            transform,
            body,
            mobility: spec.mobility,
            path: spec.path,
        });
        self.next_id += 1;
        self.now = None;
    }

    /// Removes an object; false if there is none of that name.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        let Some(index) = self.index(name) else {
            return false;
        };
        let object = self.objects.remove(index);
        self.physics.remove(object.body);
        self.now = None;
        true
    }

    /// Puts an object somewhere; false if there is none of that name. It leaves
    /// its path, if it had one.
    pub(crate) fn place(&mut self, name: &str, transform: Transform) -> bool {
        let Some(index) = self.index(name) else {
            return false;
        };
        let object = &mut self.objects[index];
        let position = convert::point(transform.location);
        let turn = convert::rotation(transform.rotation);
        if object.transform.scale == transform.scale {
            self.physics.place(object.body, position, turn);
        } else {
            let scale = convert::plain(transform.scale);
            self.physics.remove(object.body);
            object.body = self
                .physics
                .add(&object.mesh, object.mobility, position, turn, scale);
        }
        object.path = None;
        object.transform = transform;
        object.affine = convert::affine(&transform);
        self.now = None;
        true
    }

    /// Changes all parts of an object's material; false if there is none of that
    /// name.
    pub(crate) fn change_material(&mut self, name: &str, change: &MaterialChange) -> bool {
        let Some(index) = self.index(name) else {
            return false;
        };
        for material in &mut self.objects[index].materials {
            material.apply(change);
        }
        true
    }

    /// Advances by one tick.
    pub(crate) fn tick(&mut self) {
        self.previous = Some(self.tracer());
        self.ticks += 1;
        let seconds = self.ticks as f64 * self.step_s;
        for object in &self.objects {
            if let Some(path) = &object.path {
                let (position, turn) = path.at(seconds);
                self.physics.drive(object.body, position, turn);
            }
        }
        self.physics.step();
        for object in &mut self.objects {
            let moved = match &object.path {
                Some(path) => Some(path.at(seconds)),
                None if object.mobility == Mobility::Dynamic => self.physics.moved(object.body),
                None => None,
            };
            if let Some((position, turn)) = moved {
                object.follow(position, turn);
                self.now = None;
            }
        }
    }

    /// Rays against the objects as they are.
    pub(crate) fn tracer(&mut self) -> Arc<Tracer> {
        let objects = &self.objects;
        let tracer = self.now.get_or_insert_with(|| {
            let instance = |o: &Object| Instance::new(o.id, Arc::clone(&o.mesh), o.affine);
            Arc::new(Tracer::new(objects.iter().map(instance).collect()))
        });
        Arc::clone(tracer)
    }

    /// Rays against the objects as they were when this tick began; `None` at
    /// tick 0.
    pub(crate) fn previous(&self) -> Option<Arc<Tracer>> {
        self.previous.clone()
    }
}

impl Object {
    /// Takes over the pose of its body or path.
    fn follow(&mut self, position: Vec3, turn: Quat) {
        let scale = convert::plain(self.transform.scale);
        self.transform = convert::transform(position, turn, scale);
        self.affine = Affine3A::from_scale_rotation_translation(scale, turn, position);
    }

    /// Factor per axis.
    pub(crate) fn scale(&self) -> Vec3 {
        convert::plain(self.transform.scale)
    }

    pub(crate) fn is_dynamic(&self) -> bool {
        self.mobility == Mobility::Dynamic
    }

    /// The box around it, along its own axes.
    pub(crate) fn box_3d(&self) -> Box3 {
        let (min, max) = self.mesh.bounds();
        let scale = convert::plain(self.transform.scale);
        Box3 {
            center: convert::wire_point(self.affine.transform_point3((min + max) / 2.0)),
            half_extent: convert::wire_point((max - min) / 2.0 * scale.abs()),
            rotation: self.transform.rotation,
        }
    }
}
