"""What a view sees of an object, from masks that an engine can draw."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import conventions
from .types import Box2, Intrinsics, ObjectView, View

# How far beyond each edge an object is followed, in image sizes.
BEYOND = 4.0


def look_at(
    view: View, seen: np.ndarray, corners_m: np.ndarray, alone: Callable[[Intrinsics], np.ndarray]
) -> ObjectView:
    """What a view sees of an object of which it shows the pixels `seen`. `corners_m`
    (n, 3) are points of our world that the object lies between; `alone` draws which
    pixels it would cover with nothing before it, through a lens.

    Visibility is exact for what lies within the image; what reaches beyond is
    counted on a coarser grid."""
    bounds = _bounds(view, corners_m)
    if bounds is None:
        return ObjectView()
    k = view.intrinsics
    inside = alone(k)
    total = float(np.count_nonzero(inside))
    left, top, right, bottom = bounds
    if left < 0 or top < 0 or right > k.width or bottom > k.height:
        # All of it in an image of the same size.
        by = min(k.width / (right - left), k.height / (bottom - top), 1.0)
        wide = Intrinsics(
            k.fx * by, k.fy * by, (k.cx - left) * by, (k.cy - top) * by, k.width, k.height
        )
        total = max(np.count_nonzero(alone(wide)) / by**2, total)
    count = int(np.count_nonzero(seen))
    if not total:
        return ObjectView()
    return ObjectView(box_around(seen), box_around(inside), count, min(count / total, 1.0))


def box_around(mask: np.ndarray) -> Box2 | None:
    """Around the set pixels; None when there is none."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _bounds(view: View, corners_m: np.ndarray) -> Box2 | None:
    """Pixels within which the corners lie; None when that is out of reach."""
    matrix = conventions.to_matrix(view.pose, "opencv")
    local = (corners_m - matrix[:3, 3]) @ matrix[:3, :3]
    if (local[:, 2] <= 0).all():
        return None
    size = np.array([view.intrinsics.width, view.intrinsics.height], float)
    low, high = -BEYOND * size, (1 + BEYOND) * size
    if (local[:, 2] > 1e-2).all():
        at = view.intrinsics.project(local)
        low, high = np.maximum(at.min(0) - 1, low), np.minimum(at.max(0) + 1, high)
    if (low >= high).any():
        return None
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
