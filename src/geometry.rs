//! Poses and cameras: the wire's units and axes, and the way to everyone else's.
//!
//! The wire uses Unreal's conventions: centimetres, left-handed axes with X
//! forward, Y right and Z up, and rotations as pitch, yaw and roll in degrees.
//! [`Transform::camera_to_world`] and [`Transform::from_camera_to_world`]
//! convert to and from a right-handed world in metres.

use glam::{DMat3, DMat4, DVec3};

/// Three numbers: a location in centimetres, a scale factor per axis, or a
/// linear colour.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Vec3 {
    /// Forward, or red.
    pub x: f32,
    /// Right, or green.
    pub y: f32,
    /// Up, or blue.
    pub z: f32,
}

impl Vec3 {
    /// All components zero.
    pub const ZERO: Self = Self::new(0.0, 0.0, 0.0);
    /// All components one.
    pub const ONE: Self = Self::new(1.0, 1.0, 1.0);

    /// Three components.
    pub const fn new(x: f32, y: f32, z: f32) -> Self {
        Self { x, y, z }
    }

    /// False when a component is infinite or not a number.
    pub fn is_finite(self) -> bool {
        self.x.is_finite() && self.y.is_finite() && self.z.is_finite()
    }
}

/// A rotation in degrees: yaw turns X towards Y, pitch lifts X towards Z, roll
/// tilts Z towards Y; applied roll first, yaw last.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rotator {
    /// Degrees; positive looks up.
    pub pitch: f32,
    /// Degrees; positive turns right.
    pub yaw: f32,
    /// Degrees; positive leans right.
    pub roll: f32,
}

impl Rotator {
    /// No rotation.
    pub const ZERO: Self = Self::new(0.0, 0.0, 0.0);

    /// Pitch, yaw and roll in degrees.
    pub const fn new(pitch: f32, yaw: f32, roll: f32) -> Self {
        Self { pitch, yaw, roll }
    }

    /// False when a component is infinite or not a number.
    pub fn is_finite(self) -> bool {
        self.pitch.is_finite() && self.yaw.is_finite() && self.roll.is_finite()
    }

    /// The rotated X, Y and Z axes, as the columns of a matrix in wire axes.
    ///
    /// The formula is that of Unreal's `FRotationMatrix`.
    pub fn axes(self) -> [[f64; 3]; 3] {
        let (sp, cp) = f64::from(self.pitch).to_radians().sin_cos();
        let (sy, cy) = f64::from(self.yaw).to_radians().sin_cos();
        let (sr, cr) = f64::from(self.roll).to_radians().sin_cos();
        [
            [cp * cy, cp * sy, sp],
            [sr * sp * cy - cr * sy, sr * sp * sy + cr * cy, -sr * cp],
            [-(cr * sp * cy + sr * sy), cy * sr - cr * sp * sy, cr * cp],
        ]
    }

    /// The rotation that turns the wire's axes into these three, which must be of
    /// unit length and at right angles.
    pub fn from_axes([x, y, z]: [[f64; 3]; 3]) -> Self {
        let pitch = x[2].atan2(x[0].hypot(x[1]));
        let yaw = if x[0].hypot(x[1]) > 1e-9 {
            x[1].atan2(x[0])
        } else {
            // Looking straight up or down, yaw and roll turn about the same
            // axis; all of it is given to yaw.
            (-y[0]).atan2(y[1])
        };
        // The unrolled Y axis lies in the ground plane at the yaw angle.
        let unrolled_y = [-yaw.sin(), yaw.cos(), 0.0];
        let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
        let roll = dot(z, unrolled_y).atan2(dot(y, unrolled_y));
        Self {
            pitch: pitch.to_degrees() as f32,
            yaw: yaw.to_degrees() as f32,
            roll: roll.to_degrees() as f32,
        }
    }
}

/// Where something is, how it is turned and how it is scaled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transform {
    /// Centimetres.
    pub location: Vec3,
    /// Degrees.
    pub rotation: Rotator,
    /// Factor per axis.
    pub scale: Vec3,
}

impl Default for Transform {
    fn default() -> Self {
        Self::IDENTITY
    }
}

/// Which axes a camera pose is expressed in. The world is right-handed, in
/// metres, with Z up: X as on the wire, Y the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Convention {
    /// X right, Y down, Z forward: OpenCV, COLMAP, BOP.
    OpenCv,
    /// X right, Y up, Z backward: OpenGL, Blender, NeRF.
    OpenGl,
    /// X forward, Y left, Z up: ROS (REP 103).
    Ros,
}

impl Convention {
    /// The camera's axes in this convention, in terms of the right-handed body
    /// axes X forward, Y left, Z up: one column per axis.
    fn camera_axes(self) -> DMat3 {
        let (forward, left, up) = (DVec3::X, DVec3::Y, DVec3::Z);
        match self {
            Self::OpenCv => DMat3::from_cols(-left, -up, forward),
            Self::OpenGl => DMat3::from_cols(-left, up, -forward),
            Self::Ros => DMat3::IDENTITY,
        }
    }
}

/// Turns a left-handed wire vector into the right-handed world and back.
fn flip_y(v: [f64; 3]) -> DVec3 {
    DVec3::new(v[0], -v[1], v[2])
}

impl Transform {
    /// At the origin, not turned, not scaled.
    pub const IDENTITY: Self = Self {
        location: Vec3::ZERO,
        rotation: Rotator::ZERO,
        scale: Vec3::ONE,
    };

    /// A place and a direction, not scaled.
    pub const fn new(location: Vec3, rotation: Rotator) -> Self {
        Self {
            location,
            rotation,
            scale: Vec3::ONE,
        }
    }

    /// The pose at `from` (centimetres) that looks at `target`, upright.
    ///
    /// ```
    /// use synthcap::{Transform, Vec3};
    ///
    /// let pose = Transform::look_at(Vec3::new(-100.0, 0.0, 100.0), Vec3::ZERO);
    /// assert_eq!(pose.rotation.yaw, 0.0);
    /// assert_eq!(pose.rotation.pitch, -45.0);
    /// ```
    pub fn look_at(from: Vec3, target: Vec3) -> Self {
        let d = [
            f64::from(target.x) - f64::from(from.x),
            f64::from(target.y) - f64::from(from.y),
            f64::from(target.z) - f64::from(from.z),
        ];
        let pitch = d[2].atan2(d[0].hypot(d[1])).to_degrees() as f32;
        let yaw = d[1].atan2(d[0]).to_degrees() as f32;
        Self::new(from, Rotator::new(pitch, yaw, 0.0))
    }

    /// False when any number in it is infinite or not a number.
    pub fn is_finite(&self) -> bool {
        self.location.is_finite() && self.rotation.is_finite() && self.scale.is_finite()
    }

    /// The camera-to-world matrix, row by row, in metres. Scale is left out:
    /// cameras have none.
    ///
    /// ```
    /// use synthcap::{Convention, Rotator, Transform, Vec3};
    ///
    /// // One metre to the right of the origin, looking along X.
    /// let pose = Transform::new(Vec3::new(0.0, 100.0, 0.0), Rotator::ZERO);
    /// let m = pose.camera_to_world(Convention::OpenCv);
    /// assert_eq!([m[0][3], m[1][3], m[2][3]], [0.0, -1.0, 0.0]);
    /// // OpenCV's Z axis (forward) is the world's X axis.
    /// assert_eq!([m[0][2], m[1][2], m[2][2]], [1.0, 0.0, 0.0]);
    /// ```
    pub fn camera_to_world(&self, convention: Convention) -> [[f64; 4]; 4] {
        let [x, y, z] = self.rotation.axes();
        // Body axes X forward, Y left, Z up in the right-handed world.
        let body = DMat3::from_cols(flip_y(x), -flip_y(y), flip_y(z));
        let Vec3 { x, y, z } = self.location;
        let center = flip_y([f64::from(x), f64::from(y), f64::from(z)]) / 100.0;
        let axes = body * convention.camera_axes();
        let matrix = DMat4::from_mat3(axes).transpose().to_cols_array_2d();
        let mut rows = matrix;
        rows[0][3] = center.x;
        rows[1][3] = center.y;
        rows[2][3] = center.z;
        rows
    }

    /// The pose whose [`camera_to_world`](Self::camera_to_world) is this matrix.
    /// Its upper left part must be a rotation.
    pub fn from_camera_to_world(rows: [[f64; 4]; 4], convention: Convention) -> Self {
        let column = |c: usize| DVec3::new(rows[0][c], rows[1][c], rows[2][c]);
        let axes = DMat3::from_cols(column(0), column(1), column(2));
        let body = axes * convention.camera_axes().transpose();
        let wire = |v: DVec3| [v.x, -v.y, v.z];
        let rotation =
            Rotator::from_axes([wire(body.x_axis), wire(-body.y_axis), wire(body.z_axis)]);
        let center = column(3) * 100.0;
        Self::new(
            Vec3::new(center.x as f32, -center.y as f32, center.z as f32),
            rotation,
        )
    }
}

/// The parts of a transform that a command sets; the others stay as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PartialTransform {
    /// Centimetres.
    pub location: Option<Vec3>,
    /// Degrees.
    pub rotation: Option<Rotator>,
    /// Factor per axis.
    pub scale: Option<Vec3>,
}

impl PartialTransform {
    /// Only a location, in centimetres.
    pub fn location(location: Vec3) -> Self {
        Self {
            location: Some(location),
            ..Self::default()
        }
    }

    /// Only a rotation, in degrees.
    pub fn rotation(rotation: Rotator) -> Self {
        Self {
            rotation: Some(rotation),
            ..Self::default()
        }
    }

    /// Only a scale, a factor per axis.
    pub fn scale(scale: Vec3) -> Self {
        Self {
            scale: Some(scale),
            ..Self::default()
        }
    }

    /// The transform with the parts set here, and the given one's for the rest.
    pub fn over(&self, base: Transform) -> Transform {
        Transform {
            location: self.location.unwrap_or(base.location),
            rotation: self.rotation.unwrap_or(base.rotation),
            scale: self.scale.unwrap_or(base.scale),
        }
    }

    /// False when any number in it is infinite or not a number.
    pub fn is_finite(&self) -> bool {
        self.over(Transform::IDENTITY).is_finite()
    }
}

impl From<Transform> for PartialTransform {
    fn from(transform: Transform) -> Self {
        Self {
            location: Some(transform.location),
            rotation: Some(transform.rotation),
            scale: Some(transform.scale),
        }
    }
}

/// A pinhole camera in pixels. Pixel centres lie at half-integers: the top left
/// pixel covers 0..1 and its centre is (0.5, 0.5).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Intrinsics {
    /// Focal length along a row, pixels.
    pub fx: f64,
    /// Focal length along a column, pixels.
    pub fy: f64,
    /// Principal point from the left edge, pixels.
    pub cx: f64,
    /// Principal point from the top edge, pixels.
    pub cy: f64,
    /// Image width, pixels.
    pub width: u32,
    /// Image height, pixels.
    pub height: u32,
}

impl Intrinsics {
    /// Square pixels, the principal point in the middle, and this horizontal
    /// field of view in degrees (between 0 and 180).
    pub fn from_horizontal_fov(fov_deg: f64, width: u32, height: u32) -> Self {
        let f = f64::from(width) / 2.0 / (fov_deg.to_radians() / 2.0).tan();
        Self {
            fx: f,
            fy: f,
            cx: f64::from(width) / 2.0,
            cy: f64::from(height) / 2.0,
            width,
            height,
        }
    }

    /// The horizontal field of view in degrees, from the left edge to the right.
    pub fn horizontal_fov_deg(&self) -> f64 {
        let left = (self.cx / self.fx).atan();
        let right = ((f64::from(self.width) - self.cx) / self.fx).atan();
        (left + right).to_degrees()
    }

    /// The same camera with another image size: the horizontal field of view
    /// stays, pixels keep their aspect, and the principal point keeps its place
    /// relative to the image.
    #[must_use]
    pub fn resized(&self, width: u32, height: u32) -> Self {
        // By factors, so that the same size changes nothing at all.
        let across = f64::from(width) / f64::from(self.width);
        let down = f64::from(height) / f64::from(self.height);
        Self {
            fx: self.fx * across,
            fy: self.fy * across,
            cx: self.cx * across,
            cy: self.cy * down,
            width,
            height,
        }
    }

    /// The pixel at which a point in OpenCV camera axes (metres) appears, or
    /// `None` when it lies behind the camera.
    pub fn project(&self, [x, y, z]: [f64; 3]) -> Option<[f64; 2]> {
        (z > 0.0).then(|| [self.fx * x / z + self.cx, self.fy * y / z + self.cy])
    }

    /// The point in OpenCV camera axes (metres) seen at pixel (u, v) with this
    /// depth along the optical axis.
    pub fn unproject(&self, [u, v]: [f64; 2], depth_m: f64) -> [f64; 3] {
        [
            (u - self.cx) / self.fx * depth_m,
            (v - self.cy) / self.fy * depth_m,
            depth_m,
        ]
    }

    /// The 3x3 matrix K, row by row.
    pub fn matrix(&self) -> [[f64; 3]; 3] {
        [
            [self.fx, 0.0, self.cx],
            [0.0, self.fy, self.cy],
            [0.0, 0.0, 1.0],
        ]
    }
}
