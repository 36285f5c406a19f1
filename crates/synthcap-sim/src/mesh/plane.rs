//! Where the rays of an eye meet a triangle that they are known to meet.

use glam::{Vec2, Vec3A, Vec4};

use super::{MeshHit, Triangle};
use crate::even::Even;

/// A triangle's plane in the picture of an eye. Over that, what hits are made of
/// changes evenly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plane {
    /// How fast rays come nearer to the plane, and that times their barycentric
    /// coordinates; last how far away the plane is.
    numbers: Even,
}

impl Plane {
    /// Never met.
    pub(crate) const NOWHERE: Self = Self {
        numbers: Even::ZERO,
    };

    /// `directions` are the one to an image position and its change per column and row,
    /// in the triangle's space.
    pub(crate) fn new(triangle: &Triangle, eye: Vec3A, directions: [Vec3A; 3]) -> Self {
        let to_corner = triangle.corner - eye;
        let normal = triangle.edge1.cross(triangle.edge2);
        let u = triangle.edge2.cross(to_corner);
        let v = to_corner.cross(triangle.edge1);
        let numbers = |d: Vec3A| Vec4::new(normal.dot(d), u.dot(d), v.dot(d), 0.0);
        let [start, per_column, per_row] = directions.map(numbers);
        Self {
            numbers: Even {
                start: start.with_w(normal.dot(to_corner)),
                per_column,
                per_row,
            },
        }
    }

    /// The ray's parameter and the barycentric coordinates, so many columns and rows
    /// from the image position; not finite where the plane is seen edge-on.
    #[inline(always)]
    pub(crate) fn hit(&self, at: Vec2, triangle: u32) -> MeshHit {
        let numbers = self.numbers.at(at.x, at.y);
        let [_, u, v, t] = (numbers * (1.0 / numbers.x)).to_array();
        MeshHit { t, u, v, triangle }
    }
}
