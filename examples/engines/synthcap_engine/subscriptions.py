"""Captures that the server makes by itself, after ticks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

from .types import EngineError
from .wire import Meta, Part


class Control:
    """What a client can still change about a request it has made. Set from the
    network's thread, read on the engine's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._credits = 0
        self.cancelled = False

    def add_credits(self, credits: int) -> None:
        """More pushes are welcome; capped, so that a client cannot grow it."""
        with self._lock:
            self._credits = min(self._credits + credits, 2**32 - 1)

    def take_credit(self) -> bool:
        with self._lock:
            if self._credits == 0:
                return False
            self._credits -= 1
            return True


class Sink(Protocol):
    """Where the captures of a subscription go."""

    def is_open(self) -> bool: ...

    def push(self, number: int, captured: list[Part] | EngineError, meta: Meta) -> None: ...


class Subscription:
    """One subscription. Lives on the engine's thread."""

    def __init__(self, request: Any, control: Control, sink: Sink) -> None:
        self.request = request
        self.control = control
        self.sink = sink
        self._next_due_ns = 0
        self._number = 0
        self._owed = False

    def is_alive(self) -> bool:
        return self.sink.is_open() and not self.control.cancelled

    def restart(self) -> None:
        """Simulation time starts over."""
        self._next_due_ns = 0

    def note_due(self, now_ns: int) -> None:
        """Notes whether a capture is due, and when the next one is."""
        if now_ns < self._next_due_ns:
            return
        rate = self.request.rate_hz
        if rate > 0:
            period = max(round(1e9 / rate), 1)
            # What a tick longer than the period leaves out is not caught up.
            self._next_due_ns += ((now_ns - self._next_due_ns) // period + 1) * period
        else:
            self._next_due_ns = now_ns + 1
        self._number += 1
        self._owed = True

    def serve(self, capture: Callable[[Any], tuple[list[Part] | EngineError, Meta]]) -> bool:
        """Captures what is owed, if there is credit. False when that failed, which
        ends the subscription."""
        if not (self._owed and self.control.take_credit()):
            return True
        self._owed = False
        captured, meta = capture(self.request)
        self.sink.push(self._number, captured, meta)
        return not isinstance(captured, EngineError)


class Subscriptions:
    """All subscriptions of a server."""

    def __init__(self) -> None:
        self._open: list[Subscription] = []

    def open_count(self) -> int:
        self._open = [s for s in self._open if s.is_alive()]
        return len(self._open)

    def add(self, subscription: Subscription) -> None:
        subscription.control.add_credits(subscription.request.credits)
        self._open.append(subscription)

    def restart(self) -> None:
        for subscription in self._open:
            subscription.restart()

    def serve(
        self, now_ns: int, capture: Callable[[Any], tuple[list[Part] | EngineError, Meta]]
    ) -> None:
        still = []
        for subscription in self._open:
            if not subscription.is_alive():
                continue
            subscription.note_due(now_ns)
            if subscription.serve(capture):
                still.append(subscription)
        self._open = still
