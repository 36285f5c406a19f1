//! What a scene holds: cameras and objects, with their boxes and visibility.

use crate::{CameraName, Intrinsics, ObjectName, Rotator, Transform, Vec3};

/// A camera as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraState {
    /// Its name; never empty.
    pub name: CameraName,
    /// Where it is and looks; its scale is without meaning.
    pub pose: Transform,
    /// At the camera's own resolution.
    pub intrinsics: Intrinsics,
}

/// What an instance ID of a segmentation stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// From 1; 0 is background.
    pub instance_id: u32,
    /// The object's name.
    pub object: ObjectName,
    /// From 1; 0 is background.
    pub class_id: u32,
    /// The class's name.
    pub class_name: String,
}

/// An object as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectState {
    /// Its name, its instance ID (stable over the run) and its class.
    pub label: Label,
    /// Where it is.
    pub transform: Transform,
    /// Its bounding box, aligned with its own axes.
    pub box_3d: Box3,
    /// What each view of the query sees of it, in the query's order.
    pub views: Vec<ObjectView>,
    /// Whether it moves by physics.
    pub dynamic: bool,
}

/// An oriented box.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Box3 {
    /// World, centimetres.
    pub center: Vec3,
    /// Centimetres along the box's own axes.
    pub half_extent: Vec3,
    /// World, degrees.
    pub rotation: Rotator,
}

/// What one view sees of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ObjectView {
    /// Around its visible pixels; `None` when none is visible.
    pub visible_box: Option<Box2>,
    /// Around the whole object as if nothing stood before it, clipped to the
    /// image; `None` when it lies outside.
    pub full_box: Option<Box2>,
    /// Pixels whose centre shows the object.
    pub visible_pixels: u32,
    /// Visible pixels over the pixels that the object would cover unoccluded,
    /// including those outside the image; 0 to 1.
    ///
    /// Outside the image an engine may count on a coarser grid, and only so far; what
    /// lies further out then does not count. The embedded simulator goes 15 image
    /// widths to the left and to the right and 15 heights up and down. An object whose
    /// bounds have up to 10,000 pixels it counts by the pixel; what larger ones cover
    /// outside the image it finds to about two percent.
    pub visibility: f32,
}

/// A rectangle in pixels; the right and bottom edges are exclusive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Box2 {
    /// Left edge.
    pub x_min: f32,
    /// Top edge.
    pub y_min: f32,
    /// Right edge, exclusive.
    pub x_max: f32,
    /// Bottom edge, exclusive.
    pub y_max: f32,
}

/// The objects that a query asked for, all from one tick.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SceneState {
    /// In the order of their instance IDs.
    pub objects: Vec<ObjectState>,
}
