"""Which things there are in a model: every body with a shape is one, and so is
every shape of the world itself, such as floor and table."""

from __future__ import annotations

import re

import mujoco
import numpy as np

from synthcap_engine import Label, Transform, conventions
from synthcap_engine.types import Vec3


class Instances:
    """Names, IDs and classes of the things of a model. IDs follow the model's
    order, so that they are the same in every run."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model
        self._geoms: dict[str, list[int]] = {}
        self._body: dict[str, int] = {}
        numbers = conventions.InstanceIds()
        classes = conventions.InstanceIds()
        self.labels: dict[int, Label] = {}
        # The last entry is for geom -1, which is none.
        self._id_of_geom = np.zeros(model.ngeom + 1, np.uint32)
        for geom in range(model.ngeom):
            if model.geom_group[geom] > 2:
                continue
            body = int(model.geom_bodyid[geom])
            name = model.body(body).name or f"body_{body}"
            if body == 0:
                name = model.geom(geom).name or f"geom_{geom}"
            number = numbers.of(name)
            kind = _class_of(name)
            self.labels[number] = Label(number, name, classes.of(kind), kind)
            self._id_of_geom[geom] = number
            self._geoms.setdefault(name, []).append(geom)
            self._body[name] = body

    def ids(self, geoms: np.ndarray) -> np.ndarray:
        """Instance IDs of geoms; 0 for -1."""
        return self._id_of_geom[geoms]

    def geoms(self, name: str) -> list[int]:
        return self._geoms[name]

    def free_joint(self, name: str) -> int | None:
        """The joint by which a thing can be put anywhere."""
        body = self._body[name]
        first = self._model.body_jntadr[body]
        if body == 0 or first < 0:
            return None
        free = self._model.jnt_type[first] == mujoco.mjtJoint.mjJNT_FREE
        return int(first) if free else None

    def _frame(self, data: mujoco.MjData, name: str) -> np.ndarray:
        body = self._body[name]
        matrix = np.eye(4)
        if body == 0:
            geom = self._geoms[name][0]
            matrix[:3, :3] = data.geom_xmat[geom].reshape(3, 3)
            matrix[:3, 3] = data.geom_xpos[geom]
        else:
            matrix[:3, :3] = data.xmat[body].reshape(3, 3)
            matrix[:3, 3] = data.xpos[body]
        return matrix

    def transform(self, data: mujoco.MjData, name: str) -> Transform:
        return conventions.from_matrix(self._frame(data, name))

    def corners(self, data: mujoco.MjData, name: str) -> np.ndarray:
        """The corners of its geoms' boxes in the world, metres: (n, 3)."""
        signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T
        corners = []
        for geom in self._geoms[name]:
            box = self._model.geom_aabb[geom]
            turn = data.geom_xmat[geom].reshape(3, 3)
            corners.append((box[:3] + signs * box[3:]) @ turn.T + data.geom_xpos[geom])
        return np.concatenate(corners)

    def box(self, data: mujoco.MjData, name: str) -> tuple[Vec3, Vec3, Vec3]:
        """Its box along its own axes, as the wire has it: centre, half sizes,
        rotation."""
        frame = self._frame(data, name)
        local = (self.corners(data, name) - frame[:3, 3]) @ frame[:3, :3]
        low, high = local.min(0), local.max(0)
        center = frame[:3, :3] @ ((low + high) / 2) + frame[:3, 3]
        return (
            conventions.point_to_wire(center), conventions.extent_to_wire((high - low) / 2),
            conventions.from_matrix(frame).rotation,
        )


def _class_of(name: str) -> str:
    """Of "robot_arm/gripper/b_finger_1" gripper, of "cube_2" cube."""
    parts = name.split("/")
    stem = parts[-2] if len(parts) > 1 else parts[0]
    return re.sub(r"[_-]?\d+$", "", stem) or stem
