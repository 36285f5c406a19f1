"""The bidirectional stream: requests in, replies out, in order."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc

from . import wire
from .executor import Failure, Ran
from .host import Host, Job
from .stubs import pb
from .subscriptions import Control, Subscription
from .types import EngineError, invalid
from .wire import Meta, Part

NOT_SINGLE = ("batch", "subscribe", "add_credits", "cancel")


class Session:
    """One client's stream. Lives on the network's loop but for `deliver`."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._loop = asyncio.get_running_loop()
        # (messages, whether a place in flight is free once they are sent)
        self._out: asyncio.Queue[tuple[list[Any], bool] | None] = asyncio.Queue()
        self._places = asyncio.Semaphore(host.limits.max_in_flight)
        self._taken = 0
        self._read_all = False
        self._open: dict[str, Control] = {}
        self.left = False

    async def serve(self, context: Any) -> None:
        """Serves until the client leaves."""
        # Some clients wait for the headers before they send anything.
        await context.send_initial_metadata(())
        reader = asyncio.create_task(self._read(context))
        try:
            while (item := await self._out.get()) is not None:
                messages, frees_place = item
                for message in messages:
                    await context.write(message)
                if frees_place:
                    self._release()
        finally:
            self.left = True
            reader.cancel()

    async def _read(self, context: Any) -> None:
        # A client that asks faster than it reads is not read from until it has
        # caught up, so what waits here is bounded.
        try:
            while True:
                await self._places.acquire()
                self._taken += 1
                request = await context.read()
                if request is grpc.aio.EOF:
                    break
                self._take(request)
        finally:
            self._read_all = True
            self._release()

    def _release(self) -> None:
        self._places.release()
        self._taken -= 1
        if self._read_all and self._taken == 0:
            self._out.put_nowait(None)

    def _take(self, request: Any) -> None:
        """Takes one request in."""
        action = request.WhichOneof("action") or ""
        if action == "add_credits":
            if control := self._open.get(request.add_credits.request_id):
                control.add_credits(request.add_credits.credits)
                self._host.credits_came()
            self._release()
            return
        if action == "cancel":
            if control := self._open.pop(request.cancel.request_id, None):
                control.cancelled = True
            self._release()
            return
        reply = StreamReply(self, request.request_id, action)
        try:
            job = self._job(request, action, reply)
            self._open[request.request_id] = reply.control
            self._host.submit(job)
        except EngineError as error:
            now = time.time_ns()
            reply.deliver(Ran(Failure(error), Meta(received_ns=now)))

    def _job(self, request: Any, action: str, reply: StreamReply) -> Job:
        now = time.time_ns()
        if not action:
            raise invalid("the request names no action that this server knows")
        if action == "batch":
            actions = []
            for index, item in enumerate(request.batch.items):
                kind = item.WhichOneof("action") or ""
                if not kind or kind in NOT_SINGLE:
                    raise invalid(f"batch item {index}: a batch holds only single commands")
                actions.append((kind, getattr(item, kind)))
            reply.batch_ids = [item.request_id for item in request.batch.items]
            return Job(actions, True, reply, now)
        if action == "subscribe":
            sink = Pusher(self, request.request_id)
            subscription = Subscription(request.subscribe, reply.control, sink)
            return Job([], False, reply, now, subscription)
        return Job([(action, getattr(request, action))], False, reply, now)

    def from_engine(self, messages: list[Any], frees_place: bool) -> None:
        """Sends messages, from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._out.put_nowait, (messages, frees_place))
        except RuntimeError:
            # The loop has ended, and every client with it.
            pass

    def forget(self, request_id: str) -> None:
        """The request can no longer be cancelled; from any thread."""
        self._open.pop(request_id, None)


class StreamReply:
    """Words the reply to one request."""

    def __init__(self, session: Session, request_id: str, action: str) -> None:
        self._session = session
        self._id = request_id
        self._action = action
        self.control = Control()
        self.batch_ids: list[str] | None = None

    def is_cancelled(self) -> bool:
        return self.control.cancelled

    def has_left(self) -> bool:
        return self._session.left

    def send(self, ran: Ran | None) -> None:
        self.deliver(ran)

    def deliver(self, ran: Ran | None) -> None:
        """From the engine's thread, or at once when it is refused."""
        stays_open = (
            self._action == "subscribe"
            and ran is not None
            and not isinstance(ran.outcome, Failure)
        )
        if not stays_open:
            self._session.forget(self._id)
        self._session.from_engine(self._messages(ran) if ran else [], True)

    def _messages(self, ran: Ran) -> list[Any]:
        if isinstance(ran.outcome, Failure):
            failure = ran.outcome
            meta = ran.meta.message()
            meta.error.CopyFrom(wire.error_detail(failure.error, failure.batch_index))
            part = wire.failed_response(self._action, failure.error.message)
            return [wire.reply(self._id, part, meta)]
        if self.batch_ids is None:
            parts, meta = ran.outcome[0]
            return parts_of(self._id, parts, meta)
        messages = []
        for request_id, (parts, meta) in zip(self.batch_ids, ran.outcome):
            messages += parts_of(request_id, parts, meta)
        done = Part("batch_response", pb.BatchResponse(item_count=len(ran.outcome)))
        return messages + parts_of(self._id, [done], ran.meta)


class Pusher:
    """Sends what a subscription captures."""

    def __init__(self, session: Session, request_id: str) -> None:
        self._session = session
        self._id = request_id

    def is_open(self) -> bool:
        return not self._session.left

    def push(self, number: int, captured: list[Part] | EngineError, meta: Meta) -> None:
        if isinstance(captured, EngineError):
            failed = meta.message()
            failed.error.CopyFrom(wire.error_detail(captured))
            messages = [wire.reply(self._id, None, failed)]
            self._session.forget(self._id)
        else:
            messages = parts_of(self._id, captured, meta)
        for message in messages:
            message.meta.push_number = number
        self._session.from_engine(messages, False)


def parts_of(request_id: str, parts: list[Part], meta: Meta) -> list[Any]:
    """The messages of a reply, numbered."""
    messages = []
    for index, part in enumerate(parts):
        message = meta.message()
        message.part_index, message.part_count = index, len(parts)
        messages.append(wire.reply(request_id, part, message))
    return messages
