"""What a simulator implements to be served."""

from __future__ import annotations

import dataclasses

from .types import (
    Camera, EngineError, EngineInfo, Environment, ErrorCode, Images, Intrinsics, Label,
    Light, ObjectState, ObjectView, Transform, View,
)


class Engine:
    """A simulator.

    The kit makes it, calls it and drops it on one thread, between ticks, so an
    engine needs no locks, may hold a graphics context, and whatever one request
    reads is of one tick. By the time a call arrives, what can be checked without
    the engine has been: cameras and objects exist (or their names are free),
    sizes are within the limits, numbers are finite.

    ``info``, ``cameras``, ``tick``, ``move_camera`` and ``capture`` are needed.
    The other methods are offered to clients exactly when a subclass has them, so
    there is no list of capabilities to keep in step.

    Raise :class:`EngineError` to refuse. Any other exception fails the request
    as a fault of the server, named in the reply, and the server goes on.
    """

    def info(self) -> EngineInfo:
        """What it is. Asked again after each reset."""
        raise NotImplementedError

    def cameras(self) -> list[Camera]:
        """All cameras, the default one first; at least one."""
        raise NotImplementedError

    def tick(self) -> float:
        """Lets one tick pass; returns how long it was in seconds of simulation
        time."""
        raise NotImplementedError

    def move_camera(self, camera: str, pose: Transform) -> None:
        """Puts a camera somewhere."""
        raise NotImplementedError

    def capture(self, view: View) -> Images:
        """Takes the images of one view, of the present state: exactly
        ``view.modalities``, in the shapes that :data:`Images` says."""
        raise NotImplementedError

    def labels(self) -> dict[int, Label]:
        """What the instance IDs stand for. Needed with segmentation."""
        return {}

    def check(self, action: str, request: object) -> None:
        """Looks at a command before anything of its batch runs, for what only the
        engine can know, such as whether an asset exists; raises to refuse.
        ``action`` is its name on the wire, ``request`` its message."""

    # What a subclass has of the rest, it offers.

    def object_names(self) -> list[str]:
        """The names of all objects."""
        return []

    def object_transform(self, name: str) -> Transform:
        """Where an object is."""
        raise unsupported("objects")

    def move_object(self, name: str, transform: Transform) -> None:
        """Moves, turns or scales an object."""
        raise unsupported("objects")

    def create_camera(self, name: str, pose: Transform) -> None:
        """Makes a camera."""
        raise unsupported("cameras")

    def destroy_camera(self, name: str) -> None:
        """Removes a camera, which is never the last one."""
        raise unsupported("cameras")

    def set_intrinsics(self, camera: str, intrinsics: Intrinsics) -> None:
        """Sets a camera's lens and resolution. Off-centre principal points and
        pixels that are not square must be honoured or refused."""
        raise unsupported("intrinsics")

    def spawn_object(self, name: str, asset: str, transform: Transform) -> None:
        """Makes an object."""
        raise unsupported("spawn")

    def destroy_object(self, name: str) -> None:
        """Removes an object."""
        raise unsupported("spawn")

    def set_material(self, name: str, material_property: str, value: str) -> None:
        """Changes how an object looks."""
        raise unsupported("materials")

    def set_light(self, light: Light) -> None:
        """Changes a light."""
        raise unsupported("lighting")

    def set_environment(self, environment: Environment) -> None:
        """Changes time of day, sun or weather."""
        raise unsupported("time_of_day")

    def scene(self) -> list[ObjectState]:
        """All objects, in the order of their instance IDs."""
        raise unsupported("scene")

    def look(self, view: View, objects: list[ObjectState]) -> list[ObjectView]:
        """What a view sees of each of these objects."""
        raise unsupported("boxes_2d")

    def reset(self, seed: int | None) -> None:
        """Starts over, with another seed if one is given. The kit sets the tick
        to 0."""
        raise unsupported("reset")


def unsupported(capability: str) -> EngineError:
    """The server lacks a capability."""
    message = f"this server lacks the capability {capability}"
    return EngineError(ErrorCode.UNSUPPORTED, message)


# Capability on the wire -> the methods an engine needs for it.
OFFERED_BY: dict[str, tuple[str, ...]] = {
    "RESET": ("reset",),
    "INTRINSICS": ("set_intrinsics",),
    "CAMERAS": ("create_camera", "destroy_camera", "set_intrinsics"),
    "SPAWN": ("spawn_object", "destroy_object"),
    "OBJECTS": ("object_names", "object_transform", "move_object"),
    "SCENE": ("scene",),
    "BOXES_2D": ("scene", "look"),
    "MATERIALS": ("set_material",),
    "LIGHTING": ("set_light",),
    "TIME_OF_DAY": ("set_environment",),
}


def offered(engine: Engine) -> set[str]:
    """The capabilities of an engine, by the methods it has."""
    def has(method: str) -> bool:
        return getattr(type(engine), method) is not getattr(Engine, method)

    found = {name for name, methods in OFFERED_BY.items() if all(map(has, methods))}
    if "TIME_OF_DAY" in found and engine.info().weathers:
        found.add("WEATHER")
    return found


class FreeCameras(Engine):
    """An engine whose cameras are only poses and lenses, which the kit keeps.

    For renderers that can draw from anywhere. Call ``remember_cameras`` at the
    beginning of ``tick``, and ``before`` says where a camera was then, as
    backward flow needs it.
    """

    def __init__(self, cameras: list[Camera]) -> None:
        self._cameras = {camera.name: camera for camera in cameras}
        self._before: dict[str, Camera] = {}

    def cameras(self) -> list[Camera]:
        return list(self._cameras.values())

    def move_camera(self, camera: str, pose: Transform) -> None:
        self._cameras[camera] = dataclasses.replace(self._cameras[camera], pose=pose)

    def create_camera(self, name: str, pose: Transform) -> None:
        lens = next(iter(self._cameras.values())).intrinsics
        self._cameras[name] = Camera(name, pose, lens)

    def destroy_camera(self, name: str) -> None:
        del self._cameras[name]
        self._before.pop(name, None)

    def set_intrinsics(self, camera: str, intrinsics: Intrinsics) -> None:
        self._cameras[camera] = dataclasses.replace(self._cameras[camera], intrinsics=intrinsics)

    def remember_cameras(self) -> None:
        """A tick begins here."""
        self._before = dict(self._cameras)

    def before(self, view: View) -> tuple[Transform, Intrinsics] | None:
        """The view's camera when the last tick began, at the view's size; None
        when it was not there or no tick has passed."""
        camera = self._before.get(view.camera)
        if camera is None:
            return None
        height, width = view.size
        return camera.pose, camera.intrinsics.resized(width, height)
