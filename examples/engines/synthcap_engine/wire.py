"""Messages of the wire, read into what the kit computes with and made from it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .stubs import pb
from .types import (
    Camera, EngineError, Environment, ErrorCode, Flow, Intrinsics, Label, Light, Modality,
    ObjectState, ObjectView, Transform, Vec3, View, invalid,
)

# Action on the stream -> its modality.
CAPTURES = {
    "capture_rgb": Modality.RGB,
    "capture_depth": Modality.DEPTH,
    "capture_segmentation": Modality.SEGMENTATION,
    "capture_normals": Modality.NORMALS,
    "capture_optical_flow": Modality.FLOW,
}

_PIXEL_TYPES = {
    Modality.RGB: (pb.PIXEL_TYPE_RGBA8, "rgba"),
    Modality.DEPTH: (pb.PIXEL_TYPE_DEPTH_M_F32, "depth_m_f32"),
    Modality.SEGMENTATION: (pb.PIXEL_TYPE_ID_U32, "id_u32"),
    Modality.NORMALS: (pb.PIXEL_TYPE_NORMAL_F32X3, "normal_f32x3"),
    Modality.FLOW: (pb.PIXEL_TYPE_FLOW_F32X2_VALID_U8, "flow_f32x2_valid_u8"),
}

# Whose failure another attempt may not meet.
_RETRYABLE = {ErrorCode.RESOURCE_EXHAUSTED, ErrorCode.UNAVAILABLE}


@dataclass
class Meta:
    """The circumstances under which a request was executed."""

    tick: int = 0
    sim_time_ns: int = 0
    order: int = 0
    received_ns: int = 0
    sent_ns: int = field(default_factory=time.time_ns)

    def message(self) -> Any:
        return pb.ReplyMeta(
            tick=self.tick, sim_time_ns=self.sim_time_ns, order=self.order,
            server_receive_time_ns=self.received_ns, server_send_time_ns=self.sent_ns,
        )


@dataclass
class Part:
    """One reply message to be: the field of `FrameResponse` it goes into and what
    is in it; pixels apart, so that they are copied once and late."""

    field: str
    message: Any
    pixels: bytes | None = None


# --- read --------------------------------------------------------------------


def vec3(message: Any) -> Vec3:
    return message.x, message.y, message.z


def transform_parts(message: Any) -> dict[str, Vec3]:
    """The parts of a Transform that are set, by their field's name."""
    parts: dict[str, Vec3] = {}
    if message.HasField("location"):
        parts["location"] = vec3(message.location)
    if message.HasField("rotation"):
        r = message.rotation
        parts["rotation"] = (r.pitch, r.yaw, r.roll)
    if message.HasField("scale"):
        parts["scale"] = vec3(message.scale)
    return parts


def modalities_of(view: Any) -> tuple[Modality, ...]:
    """The modalities of a CaptureView, in the order of the enumeration."""
    found: set[Modality] = set()
    for number in view.modalities:
        try:
            modality = Modality(number)
        except ValueError:
            raise invalid(f"unknown modality number {number}") from None
        if modality in found:
            raise invalid(f"a view of a capture set asks for {modality.name.lower()} twice")
        found.add(modality)
    return tuple(modality for modality in Modality if modality in found)


def light(message: Any) -> Light:
    color = vec3(message.color) if message.HasField("color") else None
    return Light(message.light_name, message.intensity, color, transform_parts(message.transform))


def environment(message: Any) -> Environment:
    def given(name: str) -> Any:
        return getattr(message, name) if message.HasField(name) else None

    color = vec3(message.sun_color) if message.HasField("sun_color") else None
    return Environment(given("time_of_day_h"), given("sun_intensity"), color, given("weather"))


# --- made --------------------------------------------------------------------


def vector(v: Vec3) -> Any:
    return pb.Vector3(x=v[0], y=v[1], z=v[2])


def rotator(r: Vec3) -> Any:
    return pb.Rotator(pitch=r[0], yaw=r[1], roll=r[2])


def transform(t: Transform) -> Any:
    return pb.Transform(
        location=vector(t.location), rotation=rotator(t.rotation), scale=vector(t.scale)
    )


def intrinsics(k: Intrinsics) -> Any:
    return pb.Intrinsics(fx=k.fx, fy=k.fy, cx=k.cx, cy=k.cy, width=k.width, height=k.height)


def camera(c: Camera) -> Any:
    return pb.CameraState(name=c.name, pose=transform(c.pose), intrinsics=intrinsics(c.intrinsics))


def label(entry: Label) -> Any:
    return pb.Label(
        instance_id=entry.instance_id, object_name=entry.object_name,
        class_id=entry.class_id, class_name=entry.class_name,
    )


def object_state(state: ObjectState, views: list[ObjectView]) -> Any:
    message = pb.ObjectState(
        name=state.label.object_name, instance_id=state.label.instance_id,
        class_name=state.label.class_name, class_id=state.label.class_id,
        transform=transform(state.transform), dynamic=state.dynamic,
        box=pb.Box3D(
            center=vector(state.box.center), half_extent=vector(state.box.half_extent),
            rotation=rotator(state.box.rotation),
        ),
    )
    for index, seen in enumerate(views):
        view = message.views.add(
            view_index=index, visible_pixels=seen.visible_pixels, visibility=seen.visibility
        )
        for name in ("visible_box", "full_box"):
            if (box := getattr(seen, name)) is not None:
                left, top, right, bottom = box
                getattr(view, name).CopyFrom(
                    pb.Box2D(x_min=left, y_min=top, x_max=right, y_max=bottom)
                )
    return message


def image(view: View, modality: Modality, made: np.ndarray | Flow, labels: dict[int, Label]) -> Part:
    """An image that has been checked, as it is sent."""
    pixel_type, name = _PIXEL_TYPES[modality]
    height, width = view.size
    info = pb.ImageInfo(
        modality=modality.value, pixel_type=pixel_type, encoding=pb.ENCODING_RAW,
        camera_name=view.camera, camera_pose=transform(view.pose),
        intrinsics=intrinsics(view.intrinsics),
    )
    if isinstance(made, Flow):
        info.flow_direction = (
            pb.FLOW_DIRECTION_FORWARD if made.forward else pb.FLOW_DIRECTION_BACKWARD
        )
        pixels = made.uv.tobytes() + made.valid.astype(np.uint8).tobytes()
    else:
        pixels = made.tobytes()
    if modality is Modality.SEGMENTATION:
        info.labels.extend(label(labels[i]) for i in present_ids(made))
    message = pb.ImageResponse(width=width, height=height, format=name, info=info)
    return Part("image_response", message, pixels)


def present_ids(ids: np.ndarray) -> list[int]:
    """The instance IDs in a segmentation, background left out."""
    top = int(ids.max(initial=0))
    # Counting is ten times as fast as sorting, as long as IDs are small.
    present = np.flatnonzero(np.bincount(ids.ravel())) if top < 1 << 20 else np.unique(ids)
    return [int(i) for i in present if i]


def done(message: str) -> Part:
    return Part("command_response", pb.CommandResponse(success=True, message=message))


def error_detail(error: EngineError, batch_index: int | None = None) -> Any:
    detail = pb.ErrorDetail(
        code=error.code.value, message=error.message, retryable=error.code in _RETRYABLE
    )
    if batch_index is not None:
        detail.batch_index = batch_index
    return detail


def failed_response(action: str, text: str) -> Part | None:
    """How UESynth's own clients are told of a failure, where a message can."""
    if action == "get_camera_transform":
        return Part("camera_transform", pb.GetCameraTransformResponse(message=text))
    if action == "get_object_transform":
        return Part("object_transform", pb.GetObjectTransformResponse(message=text))
    silent = {*CAPTURES, "capture_set", "list_objects", "list_cameras", "get_scene", "batch",
              "subscribe", ""}
    if action in silent:
        return None
    return Part("command_response", pb.CommandResponse(success=False, message=text))


def reply(request_id: str, part: Part | None, meta: Any) -> Any:
    """One message of the stream."""
    response = pb.FrameResponse(request_id=request_id, meta=meta)
    if part is not None:
        target = getattr(response, part.field)
        target.CopyFrom(part.message)
        # An empty message must still be there.
        target.SetInParent()
        if part.pixels is not None:
            target.image_data = part.pixels
    return response
