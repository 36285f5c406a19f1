"""Blender as an engine."""

from __future__ import annotations

import re

import bpy
import numpy as np
from mathutils import Matrix, Vector

from synthcap_engine import (
    Box3, Camera, EngineError, EngineInfo, ErrorCode, FreeCameras, Images, Intrinsics, Label,
    Modality, ObjectState, ObjectView, Transform, View, conventions, look_at,
)

from . import motion, scenes
from .renderer import Renderer

FOV_DEG = 50.0


class BlenderEngine(FreeCameras):
    """Serves one scene. What is driven is a function of time alone, so a state
    follows from the seed and the ticks."""

    def __init__(self, blend: str | None, seed: int, width: int, height: int, samples: int) -> None:
        self._blend = blend
        self._size = width, height
        self._samples = samples
        self._load(seed)

    def _load(self, seed: int) -> None:
        if self._blend:
            bpy.ops.wm.open_mainfile(filepath=self._blend)
            self._driven: dict[str, scenes.Motion] = {}
        else:
            self._driven = scenes.make(seed)
        self._seed = seed
        self._things = {o.name: o for o in bpy.context.scene.objects if o.type == "MESH"}
        ids, classes = conventions.InstanceIds(), conventions.InstanceIds()
        self._labels: dict[int, Label] = {}
        for name, thing in self._things.items():
            number = ids.of(name)
            kind = re.sub(r"[_.]?\d+$", "", name) or name
            thing.pass_index = number
            self._labels[number] = Label(number, name, classes.of(kind), kind)
        self._renderer = Renderer(self._samples, seed)
        self._start = {name: thing.matrix_world.copy() for name, thing in self._things.items()}
        self._begin()

    def _begin(self) -> None:
        """Everything to where it was at first."""
        for name, matrix in self._start.items():
            self._things[name].matrix_world = matrix
        bpy.context.view_layer.update()
        self._time_s = 0.0
        self._past = motion.Instant(self._things)
        lens = Intrinsics.from_horizontal_fov(FOV_DEG, *self._size)
        super().__init__([Camera("main", self._first_pose(), lens)])

    def _first_pose(self) -> Transform:
        own = next((o for o in bpy.context.scene.objects
                    if o.type == "CAMERA" and o.name != "synthcap"), None)
        if own is not None:
            return conventions.from_matrix(np.array(own.matrix_world), "opengl")
        away = np.subtract(scenes.TARGET, scenes.EYE)
        return conventions.from_vectors(scenes.EYE, tuple(away), (0, 0, 1), "z_up")

    def info(self) -> EngineInfo:
        return EngineInfo(
            name="blender-cycles", version=bpy.app.version_string,
            modalities=frozenset(Modality), tick_rate_hz=1 / scenes.TICK_S,
            scene_name=self._blend or "turntable", seed=self._seed,
        )

    def reset(self, seed: int | None) -> None:
        if seed in (None, self._seed):
            # Not made anew: Blender computes the normals of smooth meshes in
            # parallel, and their last bits differ from one making to the next.
            self._begin()
        else:
            self._load(seed)

    def tick(self) -> float:
        self.remember_cameras()
        self._past = motion.Instant(self._things)
        self._time_s += scenes.TICK_S
        for name, at in self._driven.items():
            self._things[name].matrix_world = at(self._time_s)
        bpy.context.view_layer.update()
        return scenes.TICK_S

    def capture(self, view: View) -> Images:
        images: dict = {}
        wanted = set(view.modalities)
        if Modality.RGB in wanted:
            images[Modality.RGB] = self._renderer.colors(view.pose, view.intrinsics)
        if wanted == set(images):
            return images
        depth, ids, normals = self._renderer.labels(view.pose, view.intrinsics)
        if Modality.DEPTH in wanted:
            images[Modality.DEPTH] = depth
        if Modality.SEGMENTATION in wanted:
            images[Modality.SEGMENTATION] = ids
        if Modality.NORMALS in wanted:
            images[Modality.NORMALS] = _unit(normals, ids)
        if Modality.FLOW in wanted:
            before = self.before(view)
            images[Modality.FLOW] = (
                motion.unknown(view) if before is None
                else self._past.flow(view, depth, ids, self._by_id(), before)
            )
        return images

    def _by_id(self) -> dict[int, bpy.types.Object]:
        return {i: self._things[label.object_name] for i, label in self._labels.items()}

    def labels(self) -> dict[int, Label]:
        return self._labels

    # --- objects -------------------------------------------------------------

    def object_names(self) -> list[str]:
        return list(self._things)

    def object_transform(self, name: str) -> Transform:
        place, turn, scale = self._things[name].matrix_world.decompose()
        pose = conventions.from_position_quaternion(np.array(place), np.array(turn))
        return Transform(pose.location, pose.rotation, tuple(scale))

    def check(self, action: str, request: object) -> None:
        if action == "set_object_transform" and request.object_name in self._driven:
            raise EngineError(
                ErrorCode.FAILED_PRECONDITION,
                f'"{request.object_name}" moves with the turntable and cannot be put elsewhere; '
                "choose an object that the scene calls dynamic",
            )

    def move_object(self, name: str, transform: Transform) -> None:
        turned = Matrix(conventions.to_matrix(transform).tolist())
        self._things[name].matrix_world = turned @ Matrix.Diagonal((*transform.scale, 1))
        bpy.context.view_layer.update()

    def scene(self) -> list[ObjectState]:
        return [
            ObjectState(label, self.object_transform(label.object_name),
                        self._box(label.object_name),
                        dynamic=label.class_name == "block" or bool(self._blend))
            for label in self._labels.values()
        ]

    def _corners(self, name: str) -> np.ndarray:
        thing = self._things[name]
        return np.array([thing.matrix_world @ Vector(corner) for corner in thing.bound_box])

    def _box(self, name: str) -> Box3:
        corners = self._corners(name)
        pose = self.object_transform(name)
        frame = conventions.to_matrix(pose)
        local = (corners - frame[:3, 3]) @ frame[:3, :3]
        low, high = local.min(0), local.max(0)
        center = frame[:3, :3] @ ((low + high) / 2) + frame[:3, 3]
        return Box3(conventions.point_to_wire(center),
                    conventions.extent_to_wire((high - low) / 2), pose.rotation)

    def look(self, view: View, objects: list[ObjectState]) -> list[ObjectView]:
        _, ids, _ = self._renderer.labels(view.pose, view.intrinsics)
        return [self._look_at(view, state.label, ids) for state in objects]

    def _look_at(self, view: View, label: Label, ids: np.ndarray) -> ObjectView:
        thing, corners = self._things[label.object_name], self._corners(label.object_name)
        return look_at(view, ids == label.instance_id, corners,
                       lambda k: motion.covered(thing, view.pose, k, corners))


def _unit(normals: np.ndarray, ids: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(normals, axis=-1, keepdims=True)
    known = (lengths > 0.5) & (ids != 0)[..., None]
    return conventions.directions_to_wire(np.where(known, normals / np.maximum(lengths, 1e-9), 0))
