"""Serves a Python simulator to UESynth and synthcap clients.

Subclass :class:`Engine`, implement what your simulator can do, and::

    from synthcap_engine import arguments, serve

    args = arguments("My simulator").parse_args()
    serve(args, lambda: MyEngine(args.seed))

The guide is `docs/engines.md`.
"""

from . import conventions
from .engine import Engine, FreeCameras
from .looks import look_at
from .server import Server, ServerError, arguments, serve, size
from .types import (
    Box3, Camera, EngineError, EngineInfo, Environment, ErrorCode, Flow, Images, Intrinsics,
    Label, Light, Limits, Modality, ObjectState, ObjectView, Transform, View, invalid, not_found,
)

__all__ = [
    "Box3", "Camera", "Engine", "EngineError", "EngineInfo", "Environment", "ErrorCode", "Flow",
    "FreeCameras", "Images", "Intrinsics", "Label", "Light", "Limits", "Modality", "ObjectState",
    "ObjectView", "Server", "ServerError", "Transform", "View", "arguments", "conventions",
    "invalid", "look_at", "not_found", "serve", "size",
]
