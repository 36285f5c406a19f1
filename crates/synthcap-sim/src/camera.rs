//! Pinhole cameras: what is stored of them, and what rays need of them.

use glam::{UVec2, Vec2, Vec3A};
use synthcap::{CameraName, Intrinsics, Transform};

use crate::{convert, tree::Ray};

/// A surface nearer than this is not seen; metres along the optical axis.
pub(crate) const NEAR_M: f32 = 1e-3;

/// Where a camera is and how it maps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CameraPose {
    pub(crate) transform: Transform,
    pub(crate) intrinsics: Intrinsics,
}

/// A camera of the scene.
#[derive(Clone, Debug)]
pub(crate) struct Camera {
    pub(crate) name: CameraName,
    pub(crate) now: CameraPose,
    /// As it was at the previous tick; `None` if it was not there.
    pub(crate) previous: Option<CameraPose>,
}

/// A camera ready for one image size. Axes in the world, metres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Eye {
    pub(crate) center: Vec3A,
    pub(crate) forward: Vec3A,
    right: Vec3A,
    up: Vec3A,
    focal: Vec2,
    principal: Vec2,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Eye {
    pub(crate) fn new(pose: &CameraPose, width: u32, height: u32) -> Self {
        let (center, [forward, right, up]) = convert::camera_frame(&pose.transform);
        let lens = pose.intrinsics.resized(width, height);
        Self {
            center,
            forward,
            right,
            up,
            focal: Vec2::new(lens.fx as f32, lens.fy as f32),
            principal: Vec2::new(lens.cx as f32, lens.cy as f32),
            width,
            height,
        }
    }

    /// Sees with pixels of so many of this one's columns and rows, from an image
    /// position on, which may lie outside the image.
    pub(crate) fn coarse(&self, from: Vec2, step: Vec2, size: UVec2) -> Self {
        Self {
            focal: self.focal / step,
            principal: (self.principal - from) / step,
            width: size.x,
            height: size.y,
            ..*self
        }
    }

    /// The direction to an image position in pixels. Its length is such that a
    /// ray's parameter is the depth along the optical axis.
    #[inline]
    pub(crate) fn direction(&self, at: Vec2) -> Vec3A {
        let slope = (at - self.principal) / self.focal;
        self.forward + slope.x * self.right - slope.y * self.up
    }

    /// The direction to an image position, and how it changes from one column and
    /// from one row to the next.
    pub(crate) fn directions(&self, at: Vec2) -> [Vec3A; 3] {
        [
            self.direction(at),
            self.right / self.focal.x,
            -self.up / self.focal.y,
        ]
    }

    /// Focal lengths in pixels.
    pub(crate) fn focal(&self) -> Vec2 {
        self.focal
    }

    /// The ray through an image position in pixels.
    #[inline]
    pub(crate) fn ray(&self, at: Vec2) -> Ray {
        Ray::new(self.center, self.direction(at), NEAR_M, f32::INFINITY)
    }

    /// A point's image position in pixels, and its depth in metres; `None` when
    /// it lies behind the camera or too near.
    #[inline]
    pub(crate) fn project(&self, point: Vec3A) -> Option<(Vec2, f32)> {
        let to = point - self.center;
        let depth = to.dot(self.forward);
        if depth < NEAR_M {
            return None;
        }
        let slope = Vec2::new(to.dot(self.right), -to.dot(self.up)) / depth;
        Some((slope * self.focal + self.principal, depth))
    }

    /// What a way from the eye is multiplied by for its column and its row, each
    /// counted from an image position and times the depth, and for the depth.
    pub(crate) fn rows(&self, from: Vec2) -> [Vec3A; 3] {
        let [left, _, top, _] = self.side_planes(from, from);
        [left, top, self.forward]
    }

    /// Normals, towards the inside, of the planes through the eye that bound
    /// what lies between two image positions: left, right, top, bottom.
    pub(crate) fn side_planes(&self, low: Vec2, high: Vec2) -> [Vec3A; 4] {
        let (low, high) = (low - self.principal, high - self.principal);
        let (right, up) = (self.right * self.focal.x, self.up * self.focal.y);
        [
            right - self.forward * low.x,
            self.forward * high.x - right,
            -up - self.forward * low.y,
            up + self.forward * high.y,
        ]
    }

    /// Whether an image position lies in the image.
    #[inline]
    pub(crate) fn contains(&self, at: Vec2) -> bool {
        at.x >= 0.0 && at.y >= 0.0 && at.x < self.width as f32 && at.y < self.height as f32
    }
}

/// The centre of a pixel.
#[inline]
pub(crate) fn pixel_center(x: u32, y: u32) -> Vec2 {
    Vec2::new(x as f32 + 0.5, y as f32 + 0.5)
}

#[cfg(test)]
impl Eye {
    /// At a place and towards another, both in centimetres as on the wire, with a
    /// horizontal field of view in degrees.
    pub(crate) fn looking(
        [from, to]: [[f32; 3]; 2],
        field_of_view: f64,
        (width, height): (u32, u32),
    ) -> Self {
        let [from, to] = [from, to].map(|[x, y, z]| synthcap::Vec3::new(x, y, z));
        let pose = CameraPose {
            transform: Transform::look_at(from, to),
            intrinsics: Intrinsics::from_horizontal_fov(field_of_view, width, height),
        };
        Self::new(&pose, width, height)
    }
}
