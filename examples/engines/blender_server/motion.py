"""Where points of rigid things were a tick ago, and whether they could be seen."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Vector
from mathutils.bvhtree import BVHTree

from synthcap_engine import Flow, Intrinsics, Transform, View, conventions

# A point is visible when nothing is met on the way to it up to this share of its
# distance.
REACH = 1 - 1e-3


def unknown(view: View) -> Flow:
    """Flow before the first tick: nothing is known to have been anywhere."""
    return Flow(np.zeros((*view.size, 2), np.float32), np.zeros(view.size, bool))


class Instant:
    """Where everything was at one time."""

    def __init__(self, things: dict[str, bpy.types.Object]) -> None:
        self._matrices = {name: np.array(o.matrix_world) for name, o in things.items()}
        self._things = things
        self._tree: BVHTree | None = None

    def flow(
        self, view: View, depth: np.ndarray, ids: np.ndarray,
        by_id: dict[int, bpy.types.Object], before: tuple[Transform, Intrinsics],
    ) -> Flow:
        """Backward flow of what a view shows: each point moves with its thing."""
        k = view.intrinsics
        rows, columns = np.nonzero(ids)
        now = conventions.to_matrix(view.pose, "opencv")
        local = k.pixel_rays()[rows, columns] * depth[rows, columns, None]
        points = local @ now[:3, :3].T + now[:3, 3]
        shown = ids[rows, columns]
        for number in np.unique(shown):
            thing, mine = by_id[int(number)], shown == number
            back = self._matrices[thing.name] @ np.linalg.inv(np.array(thing.matrix_world))
            points[mine] = points[mine] @ back[:3, :3].T + back[:3, 3]

        old_pose, old_k = before
        old = conventions.to_matrix(old_pose, "opencv")
        toward = points - old[:3, 3]
        seen = toward @ old[:3, :3]
        ahead = seen[:, 2] > 1e-3
        at = old_k.project(np.where(ahead[:, None], seen, [0, 0, 1]))
        result = unknown(view)
        inside = ahead & (at >= 0).all(1) & (at < [old_k.width, old_k.height]).all(1)
        result.valid[rows[inside], columns[inside]] = self._in_sight(old[:3, 3], toward[inside])
        result.uv[rows, columns] = at - np.stack([columns + 0.5, rows + 0.5], 1)
        result.uv[~result.valid] = 0
        return result

    def _in_sight(self, eye: np.ndarray, toward: np.ndarray) -> np.ndarray:
        tree, start = self._shapes(), Vector(eye)
        lengths = np.linalg.norm(toward, axis=1)
        directions = (toward / lengths[:, None]).tolist()
        free = np.empty(len(toward), bool)
        for index, (direction, length) in enumerate(zip(directions, lengths)):
            # The nearest hit within reach; None when there is none.
            free[index] = tree.ray_cast(start, direction, length * REACH)[0] is None
        return free

    def _shapes(self) -> BVHTree:
        """Everything as it was; made when first needed."""
        if self._tree is None:
            self._tree = tree([(self._things[name].data, matrix)
                               for name, matrix in self._matrices.items()])
        return self._tree


def tree(shapes: list[tuple[bpy.types.Mesh, np.ndarray]]) -> BVHTree:
    """The triangles of some meshes, each with its matrix to the world."""
    vertices, triangles, first = [], [], 0
    for mesh, matrix in shapes:
        mesh.calc_loop_triangles()
        flat = np.empty(len(mesh.vertices) * 3, np.float32)
        mesh.vertices.foreach_get("co", flat)
        vertices.append(flat.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3])
        corners = np.empty(len(mesh.loop_triangles) * 3, np.int32)
        mesh.loop_triangles.foreach_get("vertices", corners)
        triangles.append(corners.reshape(-1, 3) + first)
        first += len(mesh.vertices)
    return BVHTree.FromPolygons(
        np.concatenate(vertices).tolist(), np.concatenate(triangles).tolist(), all_triangles=True
    )


def covered(
    thing: bpy.types.Object, pose: Transform, k: Intrinsics, corners_m: np.ndarray
) -> np.ndarray:
    """Which pixels a thing would cover with nothing before it: those whose centre's
    ray meets it. Rays are cast where its corners say that it can be."""
    matrix = conventions.to_matrix(pose, "opencv")
    local = (corners_m - matrix[:3, 3]) @ matrix[:3, :3]
    rows, columns = slice(0, k.height), slice(0, k.width)
    if (local[:, 2] > 1e-2).all():
        at = k.project(local)
        low = np.clip(np.floor(at.min(0)) - 1, 0, [k.width, k.height]).astype(int)
        high = np.clip(np.ceil(at.max(0)) + 1, 0, [k.width, k.height]).astype(int)
        rows, columns = slice(low[1], high[1]), slice(low[0], high[0])
    mask = np.zeros((k.height, k.width), bool)
    part = mask[rows, columns]
    directions = (k.pixel_rays()[rows, columns] @ matrix[:3, :3].T).reshape(-1, 3).tolist()
    cast, eye = tree([(thing.data, np.array(thing.matrix_world))]).ray_cast, Vector(matrix[:3, 3])
    met = [cast(eye, direction)[0] is not None for direction in directions]
    part[...] = np.reshape(met, part.shape)
    return mask
