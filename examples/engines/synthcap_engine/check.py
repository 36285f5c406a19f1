"""Looks at commands before any of them runs."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from . import wire
from .engine import Engine, unsupported
from .types import (
    EngineError, ErrorCode, Flow, Images, Intrinsics, Label, Limits, Modality, Vec3, View,
    invalid, not_found,
)


class Names:
    """The cameras and objects there are. A batch changes a copy as its items
    would."""

    def __init__(self, engine: Engine) -> None:
        self.cameras: dict[str, tuple[int, int]] = {
            c.name: (c.intrinsics.width, c.intrinsics.height) for c in engine.cameras()
        }
        self.objects = set(engine.object_names())

    def copy(self) -> Names:
        other = copy.copy(self)
        other.cameras, other.objects = dict(self.cameras), set(self.objects)
        return other

    def camera(self, name: str) -> str:
        """The camera's real name: empty is the default one."""
        if not name:
            return next(iter(self.cameras))
        if name not in self.cameras:
            known = ", ".join(f'"{c}"' for c in list(self.cameras)[:8])
            raise not_found(f'there is no camera "{name}"; there are {known}')
        return name

    def object(self, name: str) -> str:
        if name not in self.objects:
            raise not_found(f'there is no object "{name}"; list_objects names all')
        return name

    def add_camera(self, name: str) -> None:
        if not name:
            raise invalid("a new camera needs a name")
        if name in self.cameras:
            raise _taken("camera", name)
        # The engine chooses the resolution; 1 stands for it.
        self.cameras[name] = (1, 1)

    def remove_camera(self, name: str) -> None:
        name = self.camera(name)
        if len(self.cameras) == 1:
            message = f'"{name}" is the last camera and stays'
            raise EngineError(ErrorCode.FAILED_PRECONDITION, message)
        del self.cameras[name]

    def add_object(self, name: str) -> None:
        if not name:
            raise invalid("a new object needs a name")
        if name in self.objects:
            raise _taken("object", name)
        self.objects.add(name)

    def remove_object(self, name: str) -> None:
        self.objects.remove(self.object(name))


def _taken(kind: str, name: str) -> EngineError:
    message = f'the {kind} "{name}" exists already; choose another name'
    return EngineError(ErrorCode.ALREADY_EXISTS, message)


class Rules:
    """What commands are checked against."""

    def __init__(
        self, limits: Limits, capabilities: set[str], modalities: frozenset[Modality]
    ) -> None:
        self.limits = limits
        self.capabilities = capabilities
        self.modalities = modalities

    def check(self, action: str, m: Any, names: Names) -> None:
        """Checks one command against the names as they would be when it runs, and
        changes them as it would. Raises when it could not run."""
        if action in wire.CAPTURES:
            self.view(m, (wire.CAPTURES[action],), names)
            return
        check = getattr(self, f"_{action}", None)
        if check is None:
            raise EngineError(ErrorCode.UNSUPPORTED, f'this server knows no action "{action}"')
        check(m, names)

    def _set_camera_transform(self, m: Any, names: Names) -> None:
        finite(wire.transform_parts(m.transform))
        names.camera(m.camera_name)

    def _get_camera_transform(self, m: Any, names: Names) -> None:
        names.camera(m.camera_name)

    def _capture_set(self, m: Any, names: Names) -> None:
        if not m.views:
            raise invalid("the capture set has no views")
        modalities = [wire.modalities_of(view) for view in m.views]
        self._image_count(sum(map(len, modalities)))
        if m.include_scene:
            self.needs("SCENE")
        for view, wanted in zip(m.views, modalities):
            if not wanted:
                raise invalid(f'the view of camera "{view.camera_name}" names no modality')
            self.view(view, wanted, names)

    def _set_object_transform(self, m: Any, names: Names) -> None:
        self.needs("OBJECTS")
        finite(wire.transform_parts(m.transform))
        names.object(m.object_name)

    def _get_object_transform(self, m: Any, names: Names) -> None:
        self.needs("OBJECTS")
        names.object(m.object_name)

    def _create_camera(self, m: Any, names: Names) -> None:
        self.needs("CAMERAS")
        finite(wire.transform_parts(m.initial_transform))
        names.add_camera(m.camera_name)

    def _destroy_camera(self, m: Any, names: Names) -> None:
        self.needs("CAMERAS")
        names.remove_camera(m.camera_name)

    def _set_resolution(self, m: Any, names: Names) -> None:
        self.needs("CAMERAS")
        self._size(m.width, m.height)
        names.camera(m.camera_name)

    def _set_intrinsics(self, m: Any, names: Names) -> None:
        self.needs("INTRINSICS")
        model = m.WhichOneof("model")
        if model is None:
            raise invalid("set_intrinsics needs a horizontal field of view or intrinsics")
        if model == "horizontal_fov_deg":
            if not 0 < m.horizontal_fov_deg < 180:
                fov = f"{m.horizontal_fov_deg} degrees"
                raise invalid(f"a field of view of {fov} is not above 0 and below 180")
        else:
            k = m.intrinsics
            self._size(k.width, k.height)
            focal = all(math.isfinite(f) and f > 0 for f in (k.fx, k.fy))
            if not (focal and math.isfinite(k.cx) and math.isfinite(k.cy)):
                raise invalid("intrinsics need positive focal lengths and a finite centre")
        names.camera(m.camera_name)

    def _spawn_object(self, m: Any, names: Names) -> None:
        self.needs("SPAWN")
        finite(wire.transform_parts(m.initial_transform))
        names.add_object(m.object_name)

    def _destroy_object(self, m: Any, names: Names) -> None:
        self.needs("SPAWN")
        names.remove_object(m.object_name)

    def _set_material(self, m: Any, names: Names) -> None:
        self.needs("MATERIALS")
        names.object(m.object_name)

    def _set_lighting(self, m: Any, names: Names) -> None:
        self.needs("LIGHTING")
        finite(wire.transform_parts(m.transform))
        factor("the light's intensity", m.intensity)

    def _set_environment(self, m: Any, names: Names) -> None:
        self.needs("TIME_OF_DAY")
        if m.HasField("weather"):
            self.needs("WEATHER")
        if m.HasField("sun_intensity"):
            factor("the sun's intensity", m.sun_intensity)
        if m.HasField("time_of_day_h") and not 0 <= m.time_of_day_h < 24:
            hours = m.time_of_day_h
            raise invalid(f"the time of day is {hours}; it must be from 0 up to 24 hours")

    def _list_objects(self, m: Any, names: Names) -> None:
        self.needs("OBJECTS")

    def _list_cameras(self, m: Any, names: Names) -> None:
        pass

    def _get_scene(self, m: Any, names: Names) -> None:
        self.needs("SCENE")
        if m.views:
            self.needs("BOXES_2D")
        self._image_count(len(m.views))
        for name in m.object_names:
            names.object(name)
        for view in m.views:
            self.view(view, (), names)

    def _step(self, m: Any, names: Names) -> None:
        most = self.limits.max_step_ticks
        if m.ticks > most:
            raise invalid(f"a step of {m.ticks} ticks is more than {most}; use several")

    def _pause(self, m: Any, names: Names) -> None:
        pass

    def _resume(self, m: Any, names: Names) -> None:
        pass

    def _reset(self, m: Any, names: Names) -> None:
        self.needs("RESET")

    def view(self, m: Any, modalities: Iterable[Modality], names: Names) -> None:
        """Anything with a camera's name, a width and a height."""
        for modality in modalities:
            if modality not in self.modalities:
                name = modality.name.lower()
                raise EngineError(ErrorCode.UNSUPPORTED, f"this server makes no {name} images")
        width, height = names.cameras[names.camera(m.camera_name)]
        self._size(m.width or width, m.height or height)

    def needs(self, capability: str) -> None:
        if capability not in self.capabilities:
            raise unsupported(capability.lower())

    def _image_count(self, count: int) -> None:
        most = self.limits.max_set_images
        if count > most:
            raise invalid(f"{count} images at once are more than the limit of {most}")

    def _size(self, width: int, height: int) -> None:
        most_w, most_h = self.limits.max_width, self.limits.max_height
        if not (1 <= width <= most_w and 1 <= height <= most_h):
            within = f"1x1 and {most_w}x{most_h}"
            raise invalid(f"the image size {width}x{height} is not within {within}")


def finite(parts: dict[str, Vec3]) -> None:
    if not all(math.isfinite(v) for part in parts.values() for v in part):
        raise invalid("the transform holds a number that is infinite or not a number")


def factor(what: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise invalid(f"{what} is {value}; it must be a number of at least 0")


def _broken(what: str) -> EngineError:
    return EngineError(ErrorCode.INTERNAL, f"the engine broke its contract: {what}")


def _array(made: object, what: str, dtype: type, shapes: list[tuple[int, ...]]) -> np.ndarray:
    if not isinstance(made, np.ndarray):
        raise _broken(f"{what} is a {type(made).__name__}, not a NumPy array")
    if made.dtype != dtype or made.shape not in shapes:
        wanted = f"{np.dtype(dtype)} {shapes[0]}"
        raise _broken(f"{what} is {made.dtype} {made.shape}, not {wanted}")
    return made


def images(made: object, view: View, labels: dict[int, Label]) -> Images:
    """Holds an engine to its word: the images asked for, in their shapes."""
    if not isinstance(made, dict):
        raise _broken(f"capture returned a {type(made).__name__}, not a dict by modality")
    if set(made) != set(view.modalities):
        names = ", ".join(sorted(getattr(m, "name", repr(m)).lower() for m in made)) or "nothing"
        wanted = ", ".join(m.name.lower() for m in view.modalities)
        raise _broken(f"capture returned {names}, not {wanted}")
    size = view.size
    checked: dict[Modality, np.ndarray | Flow] = {}
    for modality, image in made.items():
        what = modality.name.lower()
        if modality is Modality.RGB:
            rgb = _array(image, what, np.uint8, [(*size, 4), (*size, 3)])
            checked[modality] = with_alpha(rgb)
        elif modality is Modality.DEPTH:
            checked[modality] = _array(image, what, np.float32, [size])
        elif modality is Modality.SEGMENTATION:
            ids = _array(image, what, np.uint32, [size])
            for i in wire.present_ids(ids):
                if i not in labels:
                    raise _broken(f"segmentation holds the ID {i}, which labels() lacks")
            checked[modality] = ids
        elif modality is Modality.NORMALS:
            checked[modality] = _array(image, what, np.float32, [(*size, 3)])
        elif isinstance(image, Flow):
            _array(image.uv, "flow.uv", np.float32, [(*size, 2)])
            _array(image.valid, "flow.valid", np.bool_, [size])
            checked[modality] = image
        else:
            raise _broken(f"flow is a {type(image).__name__}, not a Flow")
    return checked


def with_alpha(rgb: np.ndarray) -> np.ndarray:
    """Four channels from three, opaque; four stay as they are."""
    if rgb.shape[2] == 4:
        return rgb
    rgba = np.empty((*rgb.shape[:2], 4), np.uint8)
    # Channel by channel is several times as fast as three at once.
    for channel in range(3):
        rgba[..., channel] = rgb[..., channel]
    rgba[..., 3] = 255
    return rgba


def lens(m: Any, present: Intrinsics) -> Intrinsics:
    """The intrinsics that a checked SetIntrinsicsRequest asks for."""
    if m.WhichOneof("model") == "horizontal_fov_deg":
        return Intrinsics.from_horizontal_fov(m.horizontal_fov_deg, present.width, present.height)
    k = m.intrinsics
    return Intrinsics(k.fx, k.fy, k.cx, k.cy, k.width, k.height)
