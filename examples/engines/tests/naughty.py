"""A small server whose engine misbehaves on purpose, by camera.

Run as `python -m tests.naughty --listen 127.0.0.1:0`; for the tests of how the
kit and its clients take it.
"""

import ctypes
import time

import numpy as np

from synthcap_engine import (
    Camera, EngineError, EngineInfo, ErrorCode, FreeCameras, Images, Intrinsics, Modality,
    Transform, View, arguments, serve,
)

LENS = Intrinsics.from_horizontal_fov(90, 16, 12)


def good(view: View) -> Images:
    return {
        Modality.RGB: np.full((*view.size, 3), int(view.pose.location[0]) % 256, np.uint8),
        Modality.DEPTH: np.full(view.size, 2.0, np.float32),
    }


def raises(view: View) -> Images:
    raise ZeroDivisionError("the lens is dirty")


def refuses(view: View) -> Images:
    raise EngineError(ErrorCode.FAILED_PRECONDITION, "the shutter is closed; open it")


def wrong_shape(view: View) -> Images:
    height, width = view.size
    return {**good(view), Modality.RGB: np.zeros((width, height, 3), np.uint8)}


def wrong_dtype(view: View) -> Images:
    return {**good(view), Modality.DEPTH: np.zeros(view.size)}


def no_array(view: View) -> Images:
    return {**good(view), Modality.RGB: [[0]]}


def none_at_all(view: View) -> Images:
    return None


def hangs(view: View) -> Images:
    time.sleep(3600)
    return good(view)


def segfaults(view: View) -> Images:
    ctypes.string_at(0)
    return good(view)


WAYS = [good, raises, refuses, wrong_shape, wrong_dtype, no_array, none_at_all, hangs, segfaults]


class Naughty(FreeCameras):
    """Captures in a way of its own for each camera."""

    def __init__(self) -> None:
        super().__init__([Camera(way.__name__, Transform(), LENS) for way in WAYS])

    def info(self) -> EngineInfo:
        return EngineInfo("naughty", "1", frozenset({Modality.RGB, Modality.DEPTH}), 0.0)

    def tick(self) -> float:
        return 0.01

    def capture(self, view: View) -> Images:
        made = next(way for way in WAYS if way.__name__ == view.camera)(view)
        if isinstance(made, dict):
            made = {modality: made[modality] for modality in view.modalities}
        return made


def main() -> None:
    serve(arguments(__doc__).parse_args(), Naughty)


if __name__ == "__main__":
    main()
