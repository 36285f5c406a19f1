//! Objects: where they are and how they look.

use std::{fmt, sync::Arc};

use super::{
    Inner, answers,
    request::{Done, Needs, Request, Stamped},
};
use crate::{
    Capability, Command, ObjectName, ObjectState, PartialTransform, Rotator, SceneQuery, Transform,
    Vec3, session::Job,
};

/// An object of the scene. Cheap to clone; holds nothing but its name.
#[derive(Clone)]
pub struct Object {
    inner: Arc<Inner>,
    name: ObjectName,
}

impl Object {
    pub(super) fn new(inner: Arc<Inner>, name: ObjectName) -> Self {
        Self { inner, name }
    }

    /// Its name.
    pub fn name(&self) -> &ObjectName {
        &self.name
    }

    /// Where the object is.
    pub fn transform(&self) -> Request<Stamped<Transform>> {
        let command = Command::GetObjectTransform {
            object: self.name.clone(),
        };
        Request::new(
            &self.inner,
            Job::One(command),
            Needs::Known(Capability::Objects),
            answers::object_transform,
        )
    }

    /// The object as it stands: instance ID, class, pose and 3D box, of one tick.
    pub fn state(&self) -> Request<Stamped<ObjectState>> {
        let query = SceneQuery {
            objects: vec![self.name.clone()],
            ..SceneQuery::default()
        };
        Request::new(
            &self.inner,
            Job::One(Command::GetScene(query)),
            Needs::Extension(Capability::Scene),
            answers::object_state,
        )
    }

    /// Moves, turns or scales the object; parts that are left out stay.
    pub fn set_transform(&self, transform: impl Into<PartialTransform>) -> Request<Done> {
        let command = Command::SetObjectTransform {
            object: self.name.clone(),
            transform: transform.into(),
        };
        self.inner.done(command, Needs::Known(Capability::Objects))
    }

    /// Sets only where the object is, in centimetres.
    pub fn set_location(&self, location: Vec3) -> Request<Done> {
        self.set_transform(PartialTransform::location(location))
    }

    /// Sets only how the object is turned, in degrees.
    pub fn set_rotation(&self, rotation: Rotator) -> Request<Done> {
        self.set_transform(PartialTransform::rotation(rotation))
    }

    /// Sets only the object's scale, a factor per axis.
    pub fn set_scale(&self, scale: Vec3) -> Request<Done> {
        self.set_transform(PartialTransform::scale(scale))
    }

    /// Makes this object on the server. The server says which assets it knows.
    pub fn spawn(
        &self,
        asset: impl Into<String>,
        transform: impl Into<PartialTransform>,
    ) -> Request<Done> {
        let command = Command::SpawnObject {
            object: self.name.clone(),
            asset: asset.into(),
            transform: transform.into(),
        };
        self.inner
            .done(command, Needs::Extension(Capability::Spawn))
    }

    /// Removes this object from the server.
    pub fn destroy(&self) -> Request<Done> {
        let command = Command::DestroyObject {
            object: self.name.clone(),
        };
        self.inner
            .done(command, Needs::Extension(Capability::Spawn))
    }

    /// Sets a property of the object's material. The server says which properties
    /// and values it knows.
    pub fn set_material(
        &self,
        property: impl Into<String>,
        value: impl Into<String>,
    ) -> Request<Done> {
        let command = Command::SetMaterial {
            object: self.name.clone(),
            property: property.into(),
            value: value.into(),
        };
        self.inner
            .done(command, Needs::Extension(Capability::Materials))
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Object").field(&self.name).finish()
    }
}
