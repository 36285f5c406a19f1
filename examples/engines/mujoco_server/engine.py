"""MuJoCo as an engine."""

from __future__ import annotations

import mujoco
import numpy as np

from synthcap_engine import (
    Box3, Camera, EngineError, EngineInfo, ErrorCode, FreeCameras, Images, Intrinsics, Label,
    Modality, ObjectState, ObjectView, Transform, View, conventions, invalid, look_at,
)

from . import scenes, surface
from .instances import Instances
from .renderer import LARGEST, Renderer

TICK_S = scenes.TIMESTEP_S * scenes.STEPS_PER_TICK
FOV_DEG = 50.0


class MujocoEngine(FreeCameras):
    """Serves one model, whose state is a function of the seed and the ticks."""

    def __init__(
        self, model: str, seed: int, width: int, height: int, samples: int = 4
    ) -> None:
        self._model_name = model
        self._samples = samples
        self._size = width, height
        # One for all resets: contexts are few on some drivers.
        self._gl = mujoco.GLContext(LARGEST, LARGEST)
        self._renderer: Renderer | None = None
        self._load(seed)

    def _load(self, seed: int) -> None:
        recipe = scenes.make(self._model_name, seed)
        recipe.spec.visual.global_.offwidth, recipe.spec.visual.global_.offheight = self._size
        recipe.spec.visual.quality.offsamples = self._samples
        self._seed = seed
        self._model = recipe.spec.compile()
        self._data = mujoco.MjData(self._model)
        for joint, position in recipe.home.items():
            self._data.joint(joint).qpos[0] = position
        self._drives = [(self._model.actuator(d.actuator).id, d) for d in recipe.drives]
        for actuator, drive in self._drives:
            self._data.ctrl[actuator] = drive.home
        mujoco.mj_forward(self._model, self._data)
        self._instances = Instances(self._model)
        self._past = surface.Past(self._model)
        if self._renderer:
            self._renderer.close()
        self._renderer = Renderer(self._model, self._gl)
        away = np.subtract(recipe.target, recipe.eye)
        pose = conventions.from_vectors(recipe.eye, tuple(away), (0, 0, 1), "z_up")
        lens = Intrinsics.from_horizontal_fov(FOV_DEG, *self._size)
        super().__init__([Camera("main", pose, lens)])

    def info(self) -> EngineInfo:
        return EngineInfo(
            name="mujoco", version=mujoco.__version__, modalities=frozenset(Modality),
            tick_rate_hz=1 / TICK_S, scene_name=self._model_name, seed=self._seed,
        )

    def reset(self, seed: int | None) -> None:
        self._load(self._seed if seed is None else seed)

    def tick(self) -> float:
        self.remember_cameras()
        self._past.remember(self._data)
        for _ in range(scenes.STEPS_PER_TICK):
            for actuator, drive in self._drives:
                self._data.ctrl[actuator] = drive.target(self._data.time)
            mujoco.mj_step(self._model, self._data)
        # mj_step leaves the poses of the state before its last step.
        mujoco.mj_forward(self._model, self._data)
        return TICK_S

    def capture(self, view: View) -> Images:
        self._renderer.update(self._data)
        pose, k, wanted = view.pose, view.intrinsics, view.modalities
        images: dict = {}
        if Modality.RGB in wanted:
            images[Modality.RGB] = self._renderer.colors(pose, k)
        if set(wanted) == set(images):
            return images
        depth, geoms = self._renderer.surfaces(pose, k)
        if Modality.DEPTH in wanted:
            images[Modality.DEPTH] = depth
        if Modality.SEGMENTATION in wanted:
            images[Modality.SEGMENTATION] = self._instances.ids(geoms)
        if Modality.NORMALS in wanted:
            images[Modality.NORMALS] = surface.normals(self._model, self._data, pose, k, geoms)
        if Modality.FLOW in wanted:
            images[Modality.FLOW] = self._flow(view, depth, geoms)
        return images

    def _flow(self, view: View, depth: np.ndarray, geoms: np.ndarray) -> surface.Flow:
        before = self.before(view)
        if before is None:
            # Nothing was before the first tick, so nothing is known to have moved.
            return surface.Flow(np.zeros((*view.size, 2), np.float32), np.zeros(view.size, bool))
        return self._past.flow(self._data, view.pose, view.intrinsics, depth, geoms, before)

    def labels(self) -> dict[int, Label]:
        return self._instances.labels

    # --- objects -------------------------------------------------------------

    def object_names(self) -> list[str]:
        return [label.object_name for label in self._instances.labels.values()]

    def object_transform(self, name: str) -> Transform:
        return self._instances.transform(self._data, name)

    def check(self, action: str, request: object) -> None:
        if action == "set_object_transform":
            self._free_joint(request.object_name)
            if request.transform.HasField("scale"):
                scale = request.transform.scale
                if (scale.x, scale.y, scale.z) != (1.0, 1.0, 1.0):
                    raise invalid("MuJoCo's bodies keep their size; leave the scale out")
        elif action == "set_material":
            _color(request.material_property, request.value)

    def _free_joint(self, name: str) -> int:
        joint = self._instances.free_joint(name)
        if joint is None:
            raise EngineError(
                ErrorCode.FAILED_PRECONDITION,
                f'"{name}" is fixed or held by joints and cannot be put elsewhere; '
                "choose an object that the scene calls dynamic",
            )
        return joint

    def move_object(self, name: str, transform: Transform) -> None:
        joint = self._free_joint(name)
        position, quaternion = conventions.to_position_quaternion(transform)
        at = self._model.jnt_qposadr[joint]
        self._data.qpos[at:at + 3] = position
        self._data.qpos[at + 3:at + 7] = quaternion
        speed = self._model.jnt_dofadr[joint]
        self._data.qvel[speed:speed + 6] = 0
        mujoco.mj_forward(self._model, self._data)

    def set_material(self, name: str, material_property: str, value: str) -> None:
        color = _color(material_property, value)
        for geom in self._instances.geoms(name):
            self._model.geom_matid[geom] = -1
            self._model.geom_rgba[geom] = color

    def scene(self) -> list[ObjectState]:
        return [
            ObjectState(label, self.object_transform(label.object_name),
                        Box3(*self._instances.box(self._data, label.object_name)),
                        # What motors hold moves, but cannot be put elsewhere.
                        dynamic=self._instances.free_joint(label.object_name) is not None)
            for label in self._instances.labels.values()
        ]

    def look(self, view: View, objects: list[ObjectState]) -> list[ObjectView]:
        self._renderer.update(self._data)
        _, geoms = self._renderer.surfaces(view.pose, view.intrinsics)
        ids = self._instances.ids(geoms)
        return [self._look_at(view, state.label, ids) for state in objects]

    def _look_at(self, view: View, label: Label, ids: np.ndarray) -> ObjectView:
        name = label.object_name
        geoms = set(self._instances.geoms(name))
        return look_at(
            view, ids == label.instance_id, self._instances.corners(self._data, name),
            lambda k: self._renderer.alone(view.pose, k, geoms),
        )


def _color(material_property: str, value: str) -> np.ndarray:
    """What OpenGL draws for a linear colour "r,g,b"."""
    if material_property != "base_color":
        raise invalid(f'there is no material property "{material_property}"; base_color can be set')
    try:
        linear = np.array([float(part) for part in value.split(",")])
    except ValueError:
        linear = np.array([])
    if linear.shape != (3,) or not ((linear >= 0) & (linear <= 1)).all():
        raise invalid(f'"{value}" is no colour; write red, green, blue from 0 to 1 like 0.8,0.2,0.1')
    # MuJoCo's colours go to the screen as they are, so they are sRGB.
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.append(srgb, 1.0)
