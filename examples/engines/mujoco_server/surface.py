"""What rays tell of the surfaces that were drawn: normals, and where points were
before.

MuJoCo intersects rays with its shapes exactly; OpenGL draws round shapes as fine
polyhedra. The two differ by less than a pixel at outlines, and there a normal is
only taken from a ray that met the geom which the pixel shows.
"""

from __future__ import annotations

import mujoco
import numpy as np

from synthcap_engine import Flow, Intrinsics, Transform, conventions

from .renderer import GEOM_GROUPS

# A point is visible when nothing is met on the way to it up to this share of its
# distance: round shapes are drawn up to a thousandth of their radius too small.
REACH = 1 - 2e-3
# Where else a pixel may show the surface that its centre's ray just missed, pixels.
NUDGES = [(0.4, 0), (-0.4, 0), (0, 0.4), (0, -0.4), (0.4, 0.4), (-0.4, -0.4), (0.4, -0.4),
          (-0.4, 0.4)]


def cast(
    model: mujoco.MjModel, data: mujoco.MjData, origin: np.ndarray, directions: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What rays (n, 3) of unit length from one point meet: geom (-1: nothing),
    distance and normal."""
    count = len(directions)
    geoms, distances = np.empty(count, np.int32), np.empty(count)
    normals = np.empty(3 * count)
    flat = np.ascontiguousarray(directions, np.float64).reshape(-1)
    if count:
        mujoco.mj_multiRay(model, data, origin, flat, GEOM_GROUPS, True, -1, geoms, distances,
                           normals, count, mujoco.mjMAXVAL)
    return geoms, distances, normals.reshape(-1, 3)


def normals(
    model: mujoco.MjModel, data: mujoco.MjData, pose: Transform, k: Intrinsics,
    shown: np.ndarray,
) -> np.ndarray:
    """Wire-axes normals (height, width, 3) of the geoms shown; zero for background
    and where no ray through the pixel meets its geom."""
    matrix = conventions.to_matrix(pose, "opencv")
    result = np.zeros((k.height, k.width, 3))
    missing = shown >= 0
    rays = k.pixel_rays()
    for du, dv in [(0, 0), *NUDGES]:
        rows, columns = np.nonzero(missing)
        if not len(rows):
            break
        offset = np.array([du / k.fx, dv / k.fy, 0])
        directions = (rays[rows, columns] + offset) @ matrix[:3, :3].T
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        geoms, _, met = cast(model, data, matrix[:3, 3], directions)
        right = geoms == shown[rows, columns]
        facing = np.where((met * directions).sum(1, keepdims=True) > 0, -met, met)
        result[rows[right], columns[right]] = facing[right]
        missing[rows[right], columns[right]] = False
    return conventions.directions_to_wire(result)


class Past:
    """The state and its camera when the last tick began."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model
        self.data = mujoco.MjData(model)

    def remember(self, data: mujoco.MjData) -> None:
        """A tick begins here."""
        mujoco.mj_copyData(self.data, self._model, data)

    def flow(
        self, now: mujoco.MjData, pose: Transform, k: Intrinsics,
        depth: np.ndarray, shown: np.ndarray, before: tuple[Transform, Intrinsics],
    ) -> Flow:
        """Backward flow of what is shown: each point moves with its rigid body, so
        where it was follows from the body's two poses."""
        rows, columns = np.nonzero(shown >= 0)
        matrix = conventions.to_matrix(pose, "opencv")
        local = k.pixel_rays()[rows, columns] * depth[rows, columns, None]
        points = local @ matrix[:3, :3].T + matrix[:3, 3]
        bodies = self._model.geom_bodyid[shown[rows, columns]]
        were = self._moved_back(now, points, bodies)

        old_pose, old_k = before
        old = conventions.to_matrix(old_pose, "opencv")
        toward = were - old[:3, 3]
        seen = toward @ old[:3, :3]
        ahead = seen[:, 2] > 1e-3
        at = old_k.project(np.where(ahead[:, None], seen, [0, 0, 1]))
        uv = np.zeros((*shown.shape, 2), np.float32)
        uv[rows, columns] = at - np.stack([columns + 0.5, rows + 0.5], 1)
        inside = ahead & (at >= 0).all(1) & (at < [old_k.width, old_k.height]).all(1)
        valid = np.zeros(shown.shape, bool)
        valid[rows[inside], columns[inside]] = self._in_sight(old[:3, 3], toward[inside])
        uv[~valid] = 0
        return Flow(uv, valid)

    def _moved_back(
        self, now: mujoco.MjData, points: np.ndarray, bodies: np.ndarray
    ) -> np.ndarray:
        were = points.copy()
        for body in np.unique(bodies):
            turned, shifted = now.xmat[body].reshape(3, 3), now.xpos[body]
            turn, shift = self.data.xmat[body].reshape(3, 3), self.data.xpos[body]
            if np.array_equal(turned, turn) and np.array_equal(shifted, shift):
                continue
            mine = bodies == body
            were[mine] = (points[mine] - shifted) @ turned @ turn.T + shift
        return were

    def _in_sight(self, eye: np.ndarray, toward: np.ndarray) -> np.ndarray:
        lengths = np.linalg.norm(toward, axis=1)
        _, met, _ = cast(self._model, self.data, eye, toward / lengths[:, None])
        return (met < 0) | (met >= lengths * REACH)
