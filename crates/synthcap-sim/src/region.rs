//! Convex parts of the scene, such as what a bundle of rays runs through.

use glam::{Vec2, Vec3A};

use crate::{camera::Eye, trace::Instance};

/// A convex region: where `normal . p + offset >= 0` for each plane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region {
    pub(crate) planes: [(Vec3A, f32); 5],
}

impl Region {
    /// What an eye sees between two image positions up to a depth in metres.
    pub(crate) fn frustum(eye: &Eye, low: Vec2, high: Vec2, depth: f32) -> Self {
        let [left, right, top, bottom] = eye.side_planes(low, high);
        let through_eye = |normal: Vec3A| {
            let normal = normal.normalize();
            (normal, -normal.dot(eye.center))
        };
        let end = eye.forward.dot(eye.center) + depth;
        Self {
            planes: [
                through_eye(left),
                through_eye(right),
                through_eye(top),
                through_eye(bottom),
                (-eye.forward, end.min(f32::MAX)),
            ],
        }
    }

    /// Everything ahead of points in a unit direction. The points lie between
    /// `low` and `high` in `axes`, whose third is that direction.
    pub(crate) fn ahead(axes: [Vec3A; 3], low: Vec3A, high: Vec3A) -> Self {
        let [a, b, ahead] = axes;
        Self {
            planes: [
                (a, -low.x),
                (-a, high.x),
                (b, -low.y),
                (-b, high.y),
                (ahead, -low.z),
            ],
        }
    }

    /// Grown by a distance in metres, which makes up for rounding.
    pub(crate) fn grown(self, by: f32) -> Self {
        let planes = self.planes.map(|(normal, offset)| (normal, offset + by));
        Self { planes }
    }

    /// The region in an instance's own space.
    pub(crate) fn local(&self, instance: &Instance) -> Self {
        let translation = instance.to_world.translation;
        let local = |(normal, offset): (Vec3A, f32)| {
            (
                instance.local_plane(normal),
                offset + normal.dot(translation),
            )
        };
        Self {
            planes: self.planes.map(local),
        }
    }
}
