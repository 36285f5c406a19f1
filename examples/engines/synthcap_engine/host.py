"""The engine's thread: one queue in, answers out."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from .engine import Engine
from .executor import Executor, Ran
from .subscriptions import Subscription
from .types import EngineError, ErrorCode, Limits
from .wire import CAPTURES


class Reply(Protocol):
    """Where the outcome of a request goes."""

    def is_cancelled(self) -> bool: ...

    def has_left(self) -> bool: ...

    def send(self, ran: Ran | None) -> None:
        """Hands the outcome over, from the engine's thread; never blocks. None:
        the request was given up and nobody is told."""


@dataclass
class Job:
    """A request on its way to the engine."""

    actions: list[tuple[str, Any]]
    batch: bool
    reply: Reply
    received_ns: int
    subscription: Subscription | None = None

    def is_wanted(self) -> bool:
        """Whether to run it. What a client that has left commanded still counts,
        but a picture for nobody is work for nothing."""
        if self.reply.is_cancelled():
            return False
        if not self.reply.has_left():
            return True
        if self.subscription is not None:
            return False
        return self.batch or self.actions[0][0] not in {*CAPTURES, "capture_set"}


class Host:
    """The way to the engine, which runs on the thread that calls `run`."""

    # How long GetServerInfo waits for a busy engine before it says what was true
    # last: it also serves as the ping, and must not hang with the engine.
    PATIENCE_S = 0.5

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._jobs: queue.SimpleQueue[Job | Callable[[], None] | None] = (
            # Unlike Queue it may be put into by a signal handler.
            queue.SimpleQueue()
        )
        self._info: Any = None
        self.ready = threading.Event()
        self._stopping = False

    def submit(self, job: Job) -> None:
        """Queues a request. Raises when the queue is full or the server stops."""
        if self._stopping:
            raise EngineError(ErrorCode.UNAVAILABLE, "the server is stopping")
        if self._jobs.qsize() >= self.limits.queue:
            message = "the server's queue is full; try again later"
            raise EngineError(ErrorCode.RESOURCE_EXHAUSTED, message)
        self._jobs.put(job)

    def credits_came(self) -> None:
        """A subscription has got credits, so that a capture may be owed to it."""
        # A full queue will be looked through anyway, and subscriptions with it.
        if self._jobs.qsize() < self.limits.queue:
            self._jobs.put(lambda: self._executor.push_due())

    def refresh_info(self, then: Callable[[], None]) -> None:
        """Asks the engine's thread to look at the engine anew."""
        def refresh() -> None:
            self._info = self._executor.describe()
            then()

        if self._jobs.qsize() < self.limits.queue:
            self._jobs.put(refresh)

    def last_info(self) -> Any:
        """What the server said of itself last."""
        return self._info

    def stop(self) -> None:
        """Ends the thread once the queue is empty."""
        self._stopping = True
        self._jobs.put(None)

    def run(self, engine: Engine, paused: bool) -> None:
        """Owns the engine until `stop`."""
        self._executor = executor = Executor(engine, self.limits, paused)
        self._info = executor.describe()
        self.ready.set()
        due = time.monotonic()
        while True:
            interval = executor.tick_interval()
            timeout = None if interval is None else max(due - time.monotonic(), 0)
            try:
                job = self._jobs.get(timeout=timeout)
                if job is None:
                    return
                self._perform(job)
            except queue.Empty:
                pass
            now = time.monotonic()
            if interval is None:
                due = now
            elif now >= due:
                try:
                    executor.tick()
                except EngineError:
                    # Logged already, and the engine pauses; there is nobody to tell.
                    pass
                # Without bursts: ticks that came too late are not caught up.
                due = max(due + interval, time.monotonic())

    def _perform(self, job: Job | Callable[[], None]) -> None:
        if not isinstance(job, Job):
            try:
                job()
            except EngineError:
                # Logged where it was raised; what was known before stays.
                pass
            return
        if not job.is_wanted():
            job.reply.send(None)
        elif job.subscription is not None:
            job.reply.send(self._executor.subscribe(job.subscription, job.received_ns))
            # The first capture comes after the reply.
            self._executor.push_due()
        else:
            job.reply.send(self._executor.run(job.actions, job.received_ns, job.batch))
