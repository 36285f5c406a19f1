"""The gRPC service: the stream, and one call, one answer."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc

from . import wire
from .executor import Failure, Ran
from .host import Host, Job
from .stream import Session
from .stubs import pb, pb_grpc
from .types import EngineError, ErrorCode

_STATUS = {
    ErrorCode.INVALID_ARGUMENT: grpc.StatusCode.INVALID_ARGUMENT,
    ErrorCode.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    ErrorCode.ALREADY_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    ErrorCode.UNSUPPORTED: grpc.StatusCode.UNIMPLEMENTED,
    ErrorCode.RESOURCE_EXHAUSTED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    ErrorCode.FAILED_PRECONDITION: grpc.StatusCode.FAILED_PRECONDITION,
    ErrorCode.DEADLINE_EXCEEDED: grpc.StatusCode.DEADLINE_EXCEEDED,
    ErrorCode.CANCELLED: grpc.StatusCode.CANCELLED,
    ErrorCode.PERMISSION_DENIED: grpc.StatusCode.PERMISSION_DENIED,
    ErrorCode.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    ErrorCode.INTERNAL: grpc.StatusCode.INTERNAL,
}

# Method of the service -> action of the stream.
UNARY = {
    "SetCameraTransform": "set_camera_transform",
    "GetCameraTransform": "get_camera_transform",
    "CaptureRgbImage": "capture_rgb",
    "CaptureDepthMap": "capture_depth",
    "CaptureSegmentationMask": "capture_segmentation",
    "CaptureNormals": "capture_normals",
    "CaptureOpticalFlow": "capture_optical_flow",
    "SetObjectTransform": "set_object_transform",
    "GetObjectTransform": "get_object_transform",
    "CreateCamera": "create_camera",
    "DestroyCamera": "destroy_camera",
    "SetResolution": "set_resolution",
    "SpawnObject": "spawn_object",
    "DestroyObject": "destroy_object",
    "SetMaterial": "set_material",
    "SetLighting": "set_lighting",
    "ListObjects": "list_objects",
}


class Caller:
    """Hands the outcome to a unary call that waits for it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[Ran] = self._loop.create_future()

    def is_cancelled(self) -> bool:
        return False

    def has_left(self) -> bool:
        return self.outcome.cancelled()

    def send(self, ran: Ran | None) -> None:
        def resolve() -> None:
            if ran is not None and not self.outcome.done():
                self.outcome.set_result(ran)

        try:
            self._loop.call_soon_threadsafe(resolve)
        except RuntimeError:
            # The loop has ended, and every caller with it.
            pass


class Service(pb_grpc.UESynthServiceServicer):
    """Serves the engine behind a host."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def ControlStream(self, _requests: Any, context: Any) -> None:
        await Session(self._host).serve(context)

    async def GetServerInfo(self, _request: Any, _context: Any) -> Any:
        loop = asyncio.get_running_loop()
        fresh = asyncio.Event()

        def tell() -> None:
            loop.call_soon_threadsafe(fresh.set)

        self._host.refresh_info(tell)
        try:
            await asyncio.wait_for(fresh.wait(), Host.PATIENCE_S)
        except asyncio.TimeoutError:
            # The engine is busy; what it was last is better than no answer.
            pass
        info = pb.ServerInfo()
        info.CopyFrom(self._host.last_info())
        info.server_time_ns = time.time_ns()
        return info

    async def _call(self, action: str, request: Any, context: Any) -> Any:
        caller = Caller()
        try:
            self._host.submit(Job([(action, request)], False, caller, time.time_ns()))
        except EngineError as error:
            await context.abort(_STATUS[error.code], error.message)
        ran = await caller.outcome
        if not isinstance(ran.outcome, Failure):
            parts, meta = ran.outcome[0]
            message = parts[0].message
            if parts[0].pixels is not None:
                message.image_data = parts[0].pixels
            message.meta.CopyFrom(meta.message())
            return message
        error = ran.outcome.error
        part = wire.failed_response(action, error.message)
        if part is None:
            # The reply has no place for a failure.
            await context.abort(_STATUS[error.code], error.message)
            raise AssertionError("abort raises")
        part.message.meta.CopyFrom(ran.meta.message())
        part.message.meta.error.CopyFrom(wire.error_detail(error))
        return part.message


def _method(action: str) -> Any:
    async def call(self: Service, request: Any, context: Any) -> Any:
        return await self._call(action, request, context)

    return call


for _name, _action in UNARY.items():
    setattr(Service, _name, _method(_action))
