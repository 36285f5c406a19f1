"""What an engine is asked for and what it gives back.

Everything here is in the conventions of the wire: centimetres, left-handed axes
(X forward, Y right, Z up), rotations as (pitch, yaw, roll) in degrees, pixel
centres at half-integers, depth in metres along the optical axis. An engine that
thinks otherwise converts with :mod:`synthcap_engine.conventions`, nowhere else.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

Vec3 = tuple[float, float, float]


class Modality(enum.Enum):
    """A kind of image; the value is its number on the wire."""

    RGB = 1
    DEPTH = 2
    SEGMENTATION = 3
    NORMALS = 4
    FLOW = 5


class ErrorCode(enum.Enum):
    """What kind of failure; the value is its number on the wire."""

    INVALID_ARGUMENT = 1
    NOT_FOUND = 2
    ALREADY_EXISTS = 3
    UNSUPPORTED = 4
    RESOURCE_EXHAUSTED = 5
    FAILED_PRECONDITION = 6
    DEADLINE_EXCEEDED = 7
    CANCELLED = 8
    PERMISSION_DENIED = 9
    UNAVAILABLE = 10
    INTERNAL = 11


class EngineError(Exception):
    """Why something was not done: a code, and one line that names the remedy."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> EngineError:
    """The request itself is wrong."""
    return EngineError(ErrorCode.INVALID_ARGUMENT, message)


def not_found(message: str) -> EngineError:
    """There is no such thing."""
    return EngineError(ErrorCode.NOT_FOUND, message)


@dataclass(frozen=True)
class Transform:
    """Where something is, how it is turned and how it is scaled."""

    location: Vec3 = (0.0, 0.0, 0.0)  # centimetres
    rotation: Vec3 = (0.0, 0.0, 0.0)  # pitch, yaw, roll in degrees
    scale: Vec3 = (1.0, 1.0, 1.0)  # factor per axis

    def numbers(self) -> tuple[float, ...]:
        """All nine numbers."""
        return (*self.location, *self.rotation, *self.scale)


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera in pixels."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int

    @staticmethod
    def from_horizontal_fov(degrees: float, width: int, height: int) -> Intrinsics:
        """Square pixels, the principal point in the middle."""
        f = width / 2 / math.tan(math.radians(degrees) / 2)
        return Intrinsics(f, f, width / 2, height / 2, width, height)

    def resized(self, width: int, height: int) -> Intrinsics:
        """Another image size: the horizontal field of view stays, pixels keep
        their aspect, the principal point keeps its relative place."""
        by = width / self.width
        return Intrinsics(
            self.fx * by, self.fy * by, self.cx * by,
            self.cy * height / self.height, width, height,
        )

    def pixel_rays(self) -> np.ndarray:
        """Directions through the pixel centres in OpenCV camera axes, with Z = 1:
        (height, width, 3). A point at planar depth d is d times its direction."""
        u = (np.arange(self.width) + 0.5 - self.cx) / self.fx
        v = (np.arange(self.height) + 0.5 - self.cy) / self.fy
        rays = np.ones((self.height, self.width, 3))
        rays[..., 0] = u
        rays[..., 1] = v[:, None]
        return rays

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels (..., 2) at which points (..., 3) in OpenCV camera axes appear.
        Only meaningful where Z is positive."""
        z = points[..., 2]
        return np.stack(
            [self.fx * points[..., 0] / z + self.cx, self.fy * points[..., 1] / z + self.cy], -1
        )


@dataclass(frozen=True)
class Camera:
    """A camera as it stands; the intrinsics are at its own resolution."""

    name: str
    pose: Transform
    intrinsics: Intrinsics


@dataclass(frozen=True)
class View:
    """What to take: a camera that exists, the size filled in, and the images."""

    camera: str
    pose: Transform
    intrinsics: Intrinsics  # for this image size
    modalities: tuple[Modality, ...]  # in the order of the enumeration; may be empty

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, as NumPy has them."""
        return self.intrinsics.height, self.intrinsics.width


@dataclass(frozen=True)
class Flow:
    """Optical flow in pixels, u right and v down, and where it is valid."""

    uv: np.ndarray  # float32 (height, width, 2)
    valid: np.ndarray  # bool (height, width)
    # Backward: where this pixel's surface point was when the last tick began,
    # minus where it is. Forward: where the previous tick's pixels went.
    forward: bool = False


# One array per modality of the view:
#   RGB           uint8   (height, width, 4), or (height, width, 3) without alpha
#   DEPTH         float32 (height, width), metres along the axis, +inf background
#   SEGMENTATION  uint32  (height, width), instance IDs, 0 background
#   NORMALS       float32 (height, width, 3), unit, wire axes, towards the viewer;
#                 zero for background and where the engine does not know
#   FLOW          a Flow
Images = Mapping[Modality, "np.ndarray | Flow"]


@dataclass(frozen=True)
class Label:
    """What an instance ID stands for. Classes are numbered from 1."""

    instance_id: int
    object_name: str
    class_id: int
    class_name: str


@dataclass(frozen=True)
class Box3:
    """An oriented box: centre and half sizes in centimetres, rotation in degrees."""

    center: Vec3
    half_extent: Vec3
    rotation: Vec3 = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class ObjectState:
    """An object as it stands."""

    label: Label
    transform: Transform
    box: Box3
    dynamic: bool  # moves by physics


Box2 = tuple[float, float, float, float]  # left, top, right, bottom; pixels


@dataclass(frozen=True)
class ObjectView:
    """What one view sees of an object."""

    visible_box: Box2 | None = None  # around the visible pixels
    full_box: Box2 | None = None  # unoccluded, clipped to the image
    visible_pixels: int = 0
    # Visible pixels over those it would cover unoccluded, outside included.
    visibility: float = 0.0


@dataclass(frozen=True)
class Light:
    """A light and what to set of it; the empty name is the sun."""

    name: str
    intensity: float
    color: Vec3 | None
    transform: dict[str, Vec3]  # only the parts to set


@dataclass(frozen=True)
class Environment:
    """Time of day, sun and weather; parts that are None stay."""

    time_of_day_h: float | None = None
    sun_intensity: float | None = None
    sun_color: Vec3 | None = None
    weather: str | None = None


@dataclass(frozen=True)
class EngineInfo:
    """What an engine is. What it can do follows from the methods it has."""

    name: str
    version: str
    modalities: frozenset[Modality]
    tick_rate_hz: float  # while running; 0: time passes only by steps
    scene_name: str = ""
    seed: int = 0
    weathers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limits:
    """What clients may ask at the most."""

    max_width: int = 4096
    max_height: int = 4096
    max_message_bytes: int = 4 << 20
    max_in_flight: int = 64  # requests per stream waiting for their reply
    max_batch_items: int = 1024
    max_set_images: int = 64
    max_subscriptions: int = 64
    max_step_ticks: int = 100_000
    queue: int = 4096  # requests of all clients waiting for the engine


def over(parts: dict[str, Vec3], base: Transform) -> Transform:
    """The transform with these parts set, and the base's for the rest."""
    return dataclasses.replace(base, **parts)
