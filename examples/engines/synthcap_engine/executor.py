"""Runs commands on an engine, between ticks."""

from __future__ import annotations

import logging
import secrets
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from . import check, wire
from .check import Names, Rules
from .engine import Engine, offered
from .stubs import pb
from .subscriptions import Subscription, Subscriptions
from .types import (
    Camera, EngineError, ErrorCode, Limits, Modality, Transform, View, invalid, over,
)
from .wire import Meta, Part

log = logging.getLogger(__name__)
T = TypeVar("T")

# What the kit itself provides for every engine.
PROVIDED = ("CAPTURE_SET", "BATCH", "STEP", "SUBSCRIBE", "CANCEL")


@dataclass
class Failure:
    """A request failed; in a batch, by this item."""

    error: EngineError
    batch_index: int | None = None


@dataclass
class Ran:
    """What became of a request: for each of its commands the parts of its reply and
    their circumstances, or why it failed."""

    outcome: list[tuple[list[Part], Meta]] | Failure
    meta: Meta


class Executor:
    """An engine with everything the kit keeps about it. Lives on the engine's
    thread."""

    def __init__(self, engine: Engine, limits: Limits, paused: bool) -> None:
        self._engine = engine
        self._limits = limits
        self._instance_id = secrets.token_hex(8)
        self._tick = 0
        self._sim_time_ns = 0
        self._order = 0
        self._names: Names | None = None
        self._subscriptions = Subscriptions()
        self._learn()
        self._running = not paused and self._info.tick_rate_hz > 0

    def _learn(self) -> None:
        self._info = self._engine.info()
        self._capabilities = offered(self._engine)
        self._rules = Rules(self._limits, self._capabilities, self._info.modalities)

    def tick_interval(self) -> float | None:
        """Seconds between ticks while simulation time runs by itself."""
        return 1.0 / self._info.tick_rate_hz if self._running else None

    def tick(self) -> None:
        """Lets one tick pass. An engine that fails in it is paused: ticking a
        broken engine again and again helps nobody."""
        self._names = None
        try:
            passed = guarded(self._engine.tick)
        except EngineError:
            self._running = False
            raise
        self._tick += 1
        self._sim_time_ns += round(passed * 1e9)
        self.push_due()

    def push_due(self) -> None:
        """Serves the subscriptions for which a capture is due."""
        def capture(request: Any) -> tuple[list[Part] | EngineError, Meta]:
            try:
                parts: list[Part] | EngineError = guarded(lambda: self._capture_set(request))
            except EngineError as error:
                parts = error
            return parts, self._stamp(time.time_ns())

        self._subscriptions.serve(self._sim_time_ns, capture)

    def subscribe(self, subscription: Subscription, received_ns: int) -> Ran:
        """Opens a subscription, whose first capture follows at once."""
        def accept() -> list[tuple[list[Part], Meta]]:
            request = subscription.request
            if not 0 <= request.rate_hz < float("inf"):
                raise invalid(f"a rate of {request.rate_hz} per second is none")
            most = self._limits.max_subscriptions
            if self._subscriptions.open_count() >= most:
                message = f"{most} subscriptions are open already, which is the limit"
                raise EngineError(ErrorCode.RESOURCE_EXHAUSTED, message)
            self._rules.check("capture_set", request, self._present_names())
            self._subscriptions.add(subscription)
            return [([wire.done("subscribed")], self._stamp(received_ns))]

        return self._outcome(accept, received_ns)

    def run(self, actions: list[tuple[str, Any]], received_ns: int, batch: bool) -> Ran:
        """Runs a request of one command or a batch of many: all are checked, as if
        each had run before the next, then all are run."""
        def go() -> list[tuple[list[Part], Meta]] | Failure:
            most = self._limits.max_batch_items
            if batch and len(actions) > most:
                raise invalid(f"a batch of {len(actions)} is over the limit of {most}")
            # Only batches are worth a copy: a single command's changes come true.
            names = self._present_names().copy() if batch else self._present_names()
            for index, (action, message) in enumerate(actions):
                try:
                    self._rules.check(action, message, names)
                    guarded(lambda: self._engine.check(action, message))
                except EngineError as error:
                    self._names = None
                    return Failure(error, index if batch else None)
            return self._run_checked(actions, received_ns, batch)

        return self._outcome(go, received_ns)

    def _run_checked(
        self, actions: list[tuple[str, Any]], received_ns: int, batch: bool
    ) -> list[tuple[list[Part], Meta]] | Failure:
        done: list[tuple[list[Part], Meta]] = []
        for index, (action, message) in enumerate(actions):
            try:
                parts = guarded(lambda: self._execute(action, message))
            except EngineError as error:
                if not batch:
                    return Failure(error)
                # It passed the check, so the engine broke its word; what ran before
                # cannot be taken back, and the message says so.
                text = f"{error.message} ({index} items before it were executed)"
                return Failure(EngineError(error.code, text), index)
            done.append((parts, self._stamp(received_ns)))
        return done

    def _outcome(self, go: Callable[[], Any], received_ns: int) -> Ran:
        try:
            outcome = guarded(go)
        except EngineError as error:
            outcome = Failure(error)
        if isinstance(outcome, Failure):
            self._names = None
            return Ran(outcome, self._stamp(received_ns))
        if len(outcome) == 1:
            return Ran(outcome, outcome[0][1])
        return Ran(outcome, self._stamp(received_ns))

    def _stamp(self, received_ns: int) -> Meta:
        self._order += 1
        return Meta(self._tick, self._sim_time_ns, self._order, received_ns)

    def _present_names(self) -> Names:
        if self._names is None:
            self._names = Names(self._engine)
        return self._names

    # --- one command ---------------------------------------------------------

    def _execute(self, action: str, m: Any) -> list[Part]:
        if action in wire.CAPTURES:
            return self._capture([self._view(m, (wire.CAPTURES[action],))])
        query = getattr(self, f"_{action}", None)
        if query is not None:
            return query(m)
        # Whatever is left may change names or sizes.
        text = getattr(self, f"_do_{action}")(m)
        self._names = None
        return [wire.done(text or "done")]

    def _camera(self, name: str) -> Camera:
        cameras = self._engine.cameras()
        return next((c for c in cameras if c.name == name), cameras[0]) if name else cameras[0]

    def _view(self, m: Any, modalities: tuple[Modality, ...]) -> View:
        camera = self._camera(m.camera_name)
        k = camera.intrinsics
        k = k.resized(m.width or k.width, m.height or k.height)
        return View(camera.name, camera.pose, k, modalities)

    def _capture(self, views: list[View], with_scene: bool = False) -> list[Part]:
        parts = []
        for view in views:
            made = self._engine.capture(view)
            labels = self._engine.labels() if Modality.SEGMENTATION in view.modalities else {}
            made = check.images(made, view, labels)
            parts += [wire.image(view, m, made[m], labels) for m in view.modalities]
        if with_scene:
            parts.append(self._scene_part(views, lambda _: True))
        return parts

    def _capture_set(self, m: Any) -> list[Part]:
        views = [self._view(view, wire.modalities_of(view)) for view in m.views]
        return self._capture(views, m.include_scene)

    def _get_scene(self, m: Any) -> list[Part]:
        names = set(m.object_names)
        return [self._scene_part(
            [self._view(view, ()) for view in m.views],
            lambda o: (not m.class_name or o.label.class_name == m.class_name)
            and (not names or o.label.object_name in names),
        )]

    def _scene_part(self, views: list[View], wanted: Callable[[Any], bool]) -> Part:
        objects = [o for o in self._engine.scene() if wanted(o)]
        # Without that capability a scene in a capture set says nothing of views.
        looks = views if "BOXES_2D" in self._capabilities else []
        seen = [self._engine.look(view, objects) for view in looks]
        state = pb.SceneState(
            objects=[wire.object_state(o, [s[i] for s in seen]) for i, o in enumerate(objects)]
        )
        return Part("scene_state", state)

    def _get_camera_transform(self, m: Any) -> list[Part]:
        pose = wire.transform(self._camera(m.camera_name).pose)
        return [Part("camera_transform", pb.GetCameraTransformResponse(transform=pose, success=True))]

    def _get_object_transform(self, m: Any) -> list[Part]:
        pose = wire.transform(self._engine.object_transform(m.object_name))
        return [Part("object_transform", pb.GetObjectTransformResponse(transform=pose, success=True))]

    def _list_objects(self, m: Any) -> list[Part]:
        names = self._engine.object_names()
        return [Part("objects_list", pb.ListObjectsResponse(object_names=names))]

    def _list_cameras(self, m: Any) -> list[Part]:
        cameras = [wire.camera(c) for c in self._engine.cameras()]
        return [Part("camera_list", pb.CameraList(cameras=cameras))]

    def _do_set_camera_transform(self, m: Any) -> str:
        camera = self._camera(m.camera_name)
        pose = over(wire.transform_parts(m.transform), camera.pose)
        self._engine.move_camera(camera.name, pose)
        return "camera moved"

    def _do_set_object_transform(self, m: Any) -> None:
        present = self._engine.object_transform(m.object_name)
        pose = over(wire.transform_parts(m.transform), present)
        self._engine.move_object(m.object_name, pose)

    def _do_create_camera(self, m: Any) -> None:
        pose = over(wire.transform_parts(m.initial_transform), Transform())
        self._engine.create_camera(m.camera_name, pose)

    def _do_destroy_camera(self, m: Any) -> None:
        self._engine.destroy_camera(self._camera(m.camera_name).name)

    def _do_set_resolution(self, m: Any) -> None:
        camera = self._camera(m.camera_name)
        self._engine.set_intrinsics(camera.name, camera.intrinsics.resized(m.width, m.height))

    def _do_set_intrinsics(self, m: Any) -> None:
        camera = self._camera(m.camera_name)
        self._engine.set_intrinsics(camera.name, check.lens(m, camera.intrinsics))

    def _do_spawn_object(self, m: Any) -> None:
        pose = over(wire.transform_parts(m.initial_transform), Transform())
        self._engine.spawn_object(m.object_name, m.asset_path, pose)

    def _do_destroy_object(self, m: Any) -> None:
        self._engine.destroy_object(m.object_name)

    def _do_set_material(self, m: Any) -> None:
        self._engine.set_material(m.object_name, m.material_property, m.value)

    def _do_set_lighting(self, m: Any) -> None:
        self._engine.set_light(wire.light(m))

    def _do_set_environment(self, m: Any) -> None:
        self._engine.set_environment(wire.environment(m))

    def _do_step(self, m: Any) -> str:
        for _ in range(max(m.ticks, 1)):
            self.tick()
        return "stepped"

    def _do_pause(self, m: Any) -> str:
        self._running = False
        return "paused"

    def _do_resume(self, m: Any) -> str:
        if self._info.tick_rate_hz <= 0:
            message = "time passes only by steps on this server"
            raise EngineError(ErrorCode.FAILED_PRECONDITION, message)
        self._running = True
        return "running"

    def _do_reset(self, m: Any) -> None:
        self._engine.reset(m.seed if m.HasField("seed") else None)
        self._tick = self._sim_time_ns = 0
        self._subscriptions.restart()
        self._learn()

    # --- what the server says of itself --------------------------------------

    def describe(self) -> Any:
        """The answer to GetServerInfo, but for the wall clock."""
        info = guarded(self._engine.info)
        capabilities = [*PROVIDED, *sorted(self._capabilities)]
        limits = self._limits
        return pb.ServerInfo(
            engine_name=info.name, engine_version=info.version, protocol_version=1,
            capabilities=[pb.Capability.Value(f"CAPABILITY_{name}") for name in capabilities],
            modalities=sorted(modality.value for modality in info.modalities),
            limits=pb.ServerLimits(
                max_width=limits.max_width, max_height=limits.max_height,
                max_message_bytes=limits.max_message_bytes, max_in_flight=limits.max_in_flight,
                max_batch_items=limits.max_batch_items, max_set_images=limits.max_set_images,
                max_subscriptions=limits.max_subscriptions,
            ),
            tick_rate_hz=info.tick_rate_hz, paused=not self._running, tick=self._tick,
            sim_time_ns=self._sim_time_ns, scene_name=info.scene_name, seed=info.seed,
            cameras=[wire.camera(c) for c in guarded(self._engine.cameras)],
            weathers=info.weathers, instance_id=self._instance_id,
        )


def guarded(call: Callable[[], T]) -> T:
    """Calls into the engine. Whatever it raises besides `EngineError` is a fault of
    its own, and is named as one."""
    try:
        return call()
    except EngineError:
        raise
    except Exception as error:
        log.error("the engine raised\n%s", traceback.format_exc())
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error} (in {where.name}, {where.filename}:{where.lineno})"
        message = f"the engine raised {' '.join(text.split())}"
        raise EngineError(ErrorCode.INTERNAL, message) from error
