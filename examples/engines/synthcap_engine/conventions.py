"""Units, axes, depth kinds and IDs: the one place where they are converted.

Three frames meet here. The *wire*: centimetres, left-handed, X forward, Y right,
Z up, rotators in degrees. The *world* that engines compute in: metres,
right-handed, X as on the wire, Y the other way round, Z up (ROS, MuJoCo,
Blender, Isaac). And whatever axes the *engine* itself has, named in `WORLDS`.
"""

from __future__ import annotations

import math

import numpy as np

from .types import Intrinsics, Transform, Vec3

CM_PER_M = 100.0

# Columns: the camera's own axes in terms of the body axes X forward, Y left, Z up.
CAMERA_AXES = {
    # X right, Y down, Z forward: OpenCV, COLMAP, BOP.
    "opencv": np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]),
    # X right, Y up, Z backward: OpenGL, Blender, USD and Isaac, MuJoCo, Habitat.
    "opengl": np.array([[0.0, 0, -1], [-1, 0, 0], [0, 1, 0]]),
    # X forward, Y left, Z up: ROS.
    "ros": np.eye(3),
}

# What turns a vector of an engine's world into ours (metres, right-handed).
WORLDS = {
    # ROS, MuJoCo, Blender, Isaac.
    "z_up": np.eye(3),
    # Unreal: centimetres, left-handed; the wire itself.
    "unreal": np.diag([1.0, -1, 1]) / CM_PER_M,
    # CARLA: Unreal's axes in metres.
    "carla": np.diag([1.0, -1, 1]),
    # Unity: metres, left-handed, X right, Y up, Z forward.
    "unity": np.array([[0.0, 0, 1], [-1, 0, 0], [0, 1, 0]]),
    # Habitat, OpenGL worlds: metres, right-handed, X right, Y up, -Z forward.
    "y_up": np.array([[0.0, 0, -1], [-1, 0, 0], [0, 1, 0]]),
}

FLIP_Y = np.array([1.0, -1.0, 1.0])


# --- rotations ---------------------------------------------------------------


def rotator_to_axes(rotation: Vec3) -> np.ndarray:
    """The rotated X, Y and Z axes in wire axes, one per row."""
    pitch, yaw, roll = np.radians(np.asarray(rotation, float))
    sp, cp = math.sin(pitch), math.cos(pitch)
    sy, cy = math.sin(yaw), math.cos(yaw)
    sr, cr = math.sin(roll), math.cos(roll)
    return np.array([
        [cp * cy, cp * sy, sp],
        [sr * sp * cy - cr * sy, sr * sp * sy + cr * cy, -sr * cp],
        [-(cr * sp * cy + sr * sy), cy * sr - cr * sp * sy, cr * cp],
    ])


def rotator_from_axes(axes: np.ndarray) -> Vec3:
    """The rotator that turns the wire's axes into these three (rows)."""
    x, y, z = np.asarray(axes, float)
    level = math.hypot(x[0], x[1])
    pitch = math.atan2(x[2], level)
    # Straight up or down, yaw and roll turn about one axis: yaw gets all of it.
    yaw = math.atan2(x[1], x[0]) if level > 1e-9 else math.atan2(-y[0], y[1])
    unrolled_y = np.array([-math.sin(yaw), math.cos(yaw), 0.0])
    roll = math.atan2(z @ unrolled_y, y @ unrolled_y)
    return math.degrees(pitch), math.degrees(yaw), math.degrees(roll)


def quaternion_to_matrix(wxyz: np.ndarray) -> np.ndarray:
    """The rotation matrix of a quaternion (w, x, y, z), which need not be of
    unit length."""
    w, x, y, z = np.asarray(wxyz, float) / np.linalg.norm(wxyz)
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ])


def matrix_to_quaternion(rotation: np.ndarray) -> np.ndarray:
    """The quaternion (w, x, y, z) of a rotation matrix, with w not negative."""
    m = np.asarray(rotation, float)
    # The symmetric matrix whose largest eigenvector is the quaternion: no case
    # is near a division by zero.
    k = np.array([
        [m[0, 0] + m[1, 1] + m[2, 2], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]],
        [0, m[0, 0] - m[1, 1] - m[2, 2], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0]],
        [0, 0, m[1, 1] - m[0, 0] - m[2, 2], m[1, 2] + m[2, 1]],
        [0, 0, 0, m[2, 2] - m[0, 0] - m[1, 1]],
    ])
    _, vectors = np.linalg.eigh(k, UPLO="U")
    q = vectors[:, -1]
    return q if q[0] >= 0 else -q


# --- poses -------------------------------------------------------------------


def to_matrix(transform: Transform, axes: str = "ros") -> np.ndarray:
    """The 4x4 matrix from the local axes of a camera (`CAMERA_AXES`), or with
    "ros" of an object, to the world, in metres. Scale is left out."""
    x, y, z = rotator_to_axes(transform.rotation)
    body = np.column_stack([x * FLIP_Y, -y * FLIP_Y, z * FLIP_Y])
    matrix = np.eye(4)
    matrix[:3, :3] = body @ CAMERA_AXES[axes]
    matrix[:3, 3] = point_from_wire(transform.location)
    return matrix


def from_matrix(matrix: np.ndarray, axes: str = "ros", scale: Vec3 = (1.0, 1.0, 1.0)) -> Transform:
    """The transform whose `to_matrix` is this. Its upper left part must be a
    rotation."""
    matrix = np.asarray(matrix, float)
    body = matrix[:3, :3] @ CAMERA_AXES[axes].T
    wire_axes = np.stack([body[:, 0] * FLIP_Y, -body[:, 1] * FLIP_Y, body[:, 2] * FLIP_Y])
    return Transform(point_to_wire(matrix[:3, 3]), rotator_from_axes(wire_axes), scale)


def from_position_quaternion(position_m: np.ndarray, wxyz: np.ndarray) -> Transform:
    """A transform from a place in metres and a quaternion (w, x, y, z), as MuJoCo,
    ROS and Blender have them."""
    matrix = np.eye(4)
    matrix[:3, :3] = quaternion_to_matrix(wxyz)
    matrix[:3, 3] = position_m
    return from_matrix(matrix)


def to_position_quaternion(transform: Transform) -> tuple[np.ndarray, np.ndarray]:
    """Place in metres and quaternion (w, x, y, z) of a transform."""
    matrix = to_matrix(transform)
    return matrix[:3, 3], matrix_to_quaternion(matrix[:3, :3])


def from_vectors(position: Vec3, forward: Vec3, up: Vec3, world: str) -> Transform:
    """The pose of something at a place of an engine's world (`WORLDS`) that looks
    along `forward` with `up` above it: three vectors that every engine can be
    asked for, whatever it calls its axes and whichever hand they are of."""
    change = WORLDS[world]
    x = change @ np.asarray(forward, float)
    x /= np.linalg.norm(x)
    z = change @ np.asarray(up, float)
    z -= x * (z @ x)
    z /= np.linalg.norm(z)
    matrix = np.eye(4)
    # Handedness needs no case: our own world is right-handed, so left is up x forward.
    matrix[:3, :3] = np.column_stack([x, np.cross(z, x), z])
    matrix[:3, 3] = change @ np.asarray(position, float)
    return from_matrix(matrix)


def to_vectors(transform: Transform, world: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Place, forward and up of a pose in an engine's world: the way back."""
    change = np.linalg.inv(WORLDS[world])
    matrix = to_matrix(transform)
    forward, up = change @ matrix[:3, 0], change @ matrix[:3, 2]
    return change @ matrix[:3, 3], forward / np.linalg.norm(forward), up / np.linalg.norm(up)


def point_to_wire(metres: np.ndarray) -> Vec3:
    """A place in our world as the wire has it."""
    x, y, z = (float(v) for v in np.asarray(metres, float) * FLIP_Y * CM_PER_M)
    return x, y, z


def point_from_wire(cm: Vec3) -> np.ndarray:
    """A place on the wire as our world has it."""
    return np.asarray(cm, float) * FLIP_Y / CM_PER_M


def extent_to_wire(metres: np.ndarray) -> Vec3:
    """Sizes along axes, which have no sign."""
    x, y, z = (float(v) for v in np.asarray(metres, float) * CM_PER_M)
    return x, y, z


def directions_to_wire(directions: np.ndarray) -> np.ndarray:
    """Directions (..., 3) of our world, such as normals, in wire axes, float32."""
    return np.ascontiguousarray(np.asarray(directions) * FLIP_Y, dtype=np.float32)


# --- depth -------------------------------------------------------------------


def planar_from_ray(distance_m: np.ndarray, intrinsics: Intrinsics) -> np.ndarray:
    """Depth along the axis from distance along each pixel's ray (Mitsuba, LiDAR-like
    sensors, Unreal's SceneDepth of some plugins)."""
    return distance_m / np.linalg.norm(intrinsics.pixel_rays(), axis=-1)


def planar_from_buffer(z: np.ndarray, near_m: float, far_m: float) -> np.ndarray:
    """Depth along the axis from an OpenGL depth buffer (0 near, 1 far; PyBullet)."""
    return far_m * near_m / (far_m - (far_m - near_m) * np.asarray(z, float))


def planar_from_reversed(z: np.ndarray, near_m: float) -> np.ndarray:
    """Depth along the axis from a reversed buffer with the far plane at infinity
    (1 near, 0 infinitely far; Unreal)."""
    with np.errstate(divide="ignore"):
        return near_m / np.asarray(z, float)


def planar_from_24bit(rgb: np.ndarray, far_m: float = 1000.0) -> np.ndarray:
    """Depth along the axis from three bytes, low first (CARLA)."""
    return ids_from_rgb(rgb) / float(2**24 - 1) * far_m


def depth_image(planar_m: np.ndarray, beyond_m: float) -> np.ndarray:
    """Depth as the wire has it: float32, infinite where nothing is (at or beyond a
    distance, or where the engine says NaN or a number that is not positive)."""
    depth = np.asarray(planar_m, np.float32)
    return np.where((depth > 0) & (depth < beyond_m), depth, np.float32(np.inf))


# --- IDs ---------------------------------------------------------------------


def ids_from_rgb(rgb: np.ndarray) -> np.ndarray:
    """IDs that an engine drew as colours, low byte in red. Only right when it drew
    them without blending, dithering, sRGB or lossy coding."""
    parts = np.asarray(rgb, np.uint32)
    return parts[..., 0] | parts[..., 1] << 8 | parts[..., 2] << 16


class InstanceIds:
    """Numbers for names, from 1, never used twice in a run."""

    def __init__(self) -> None:
        self._of: dict[str, int] = {}
        self._next = 1

    def of(self, name: str) -> int:
        """The number of a name, a new one if it has none."""
        if name not in self._of:
            self._of[name] = self._next
            self._next += 1
        return self._of[name]

    def forget(self, name: str) -> None:
        """The name may come again, and is then something else."""
        self._of.pop(name, None)
