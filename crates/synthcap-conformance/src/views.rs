//! Where points of the world lie in two views.
//!
//! Everything here is in OpenCV camera axes and metres, from the pose and the
//! lens that the server states.

use glam::{DMat3, DVec3};
use synthcap::{Convention, Intrinsics, Transform};

/// A pose as a rotation and a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Eye {
    turn: DMat3,
    at: DVec3,
}

impl Eye {
    pub(crate) fn of(pose: &Transform) -> Self {
        let m = pose.camera_to_world(Convention::OpenCv);
        let column = |c: usize| DVec3::new(m[0][c], m[1][c], m[2][c]);
        Self {
            turn: DMat3::from_cols(column(0), column(1), column(2)),
            at: column(3),
        }
    }

    /// The pose, in the wire's terms.
    pub(crate) fn pose(&self) -> Transform {
        let (x, y, z) = (self.turn.x_axis, self.turn.y_axis, self.turn.z_axis);
        let rows = [0, 1, 2].map(|i| [x[i], y[i], z[i], self.at[i]]);
        let rows = [rows[0], rows[1], rows[2], [0.0, 0.0, 0.0, 1.0]];
        Transform::from_camera_to_world(rows, Convention::OpenCv)
    }

    /// Turned about an axis of its own.
    pub(crate) fn turned(&self, axis: DVec3, degrees: f64) -> Self {
        let turn = DMat3::from_axis_angle(axis, degrees.to_radians());
        Self {
            turn: self.turn * turn,
            at: self.at,
        }
    }

    /// Moved along axes of its own, metres.
    pub(crate) fn moved(&self, by: DVec3) -> Self {
        Self {
            turn: self.turn,
            at: self.at + self.turn * by,
        }
    }

    /// A point of this view in the world.
    pub(crate) fn to_world(self, point: DVec3) -> DVec3 {
        self.turn * point + self.at
    }

    /// A direction of the world in this view.
    pub(crate) fn direction(&self, world: DVec3) -> DVec3 {
        self.turn.transpose() * world
    }

    /// A point of this view as another sees it.
    pub(crate) fn seen_from(&self, other: &Self, point: DVec3) -> DVec3 {
        other.turn.transpose() * (self.to_world(point) - other.at)
    }

    /// A direction of this view as another sees it.
    pub(crate) fn direction_from(&self, other: &Self, direction: DVec3) -> DVec3 {
        other.turn.transpose() * (self.turn * direction)
    }
}

/// The point at a pixel's centre with this depth.
pub(crate) fn unproject(k: &Intrinsics, x: u32, y: u32, depth_m: f64) -> DVec3 {
    let pixel = [f64::from(x) + 0.5, f64::from(y) + 0.5];
    DVec3::from(k.unproject(pixel, depth_m))
}

/// The pixel of a point, as (column, row) from the corner of the image; `None`
/// when it lies behind or outside.
pub(crate) fn project(k: &Intrinsics, point: DVec3) -> Option<[f64; 2]> {
    let at = k.project(point.to_array())?;
    let inside =
        at[0] >= 0.0 && at[1] >= 0.0 && at[0] < f64::from(k.width) && at[1] < f64::from(k.height);
    inside.then_some(at)
}

/// The value below which this share of the values lies; `None` of nothing.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    values.get((last as f64 * share).round() as usize).copied()
}
