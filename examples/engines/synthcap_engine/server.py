"""Starting and stopping a server."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import signal
import socket
import threading
from collections.abc import Callable

import grpc

from .engine import Engine
from .host import Host
from .service import Service
from .stubs import pb_grpc
from .types import Limits


class ServerError(Exception):
    """A server could not be started; one line that names the remedy."""


class Server:
    """Serves an engine. The engine is made, used and dropped on the thread that
    calls :meth:`run`; the network has one of its own."""

    def __init__(
        self,
        listen: str = "127.0.0.1:50051",
        *,
        limits: Limits = Limits(),
        paused: bool = False,
        insecure_public: bool = False,
    ) -> None:
        self._listen = _checked(listen, insecure_public)
        self._limits = limits
        self._paused = paused
        self._host = Host(limits)
        self._loop = asyncio.new_event_loop()
        self.port = 0

    @property
    def url(self) -> str:
        """The address as clients take it, once it is serving."""
        host = self._listen.rpartition(":")[0]
        return f"http://{host}:{self.port}"

    def run(self, make: Callable[[], Engine], on_ready: Callable[[], None] = lambda: None) -> None:
        """Makes the engine and serves it until :meth:`stop`."""
        engine = make()
        network = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        network.start()

        def serve_once_ready() -> None:
            self._host.ready.wait()
            try:
                asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
            except RuntimeError as error:
                self._failed = ServerError(
                    f"cannot listen on {self._listen}: {error}; choose another with --listen, "
                    "or port 0 for a free one"
                )
                self._host.stop()
            else:
                on_ready()

        self._failed: ServerError | None = None
        threading.Thread(target=serve_once_ready, daemon=True).start()
        try:
            self._host.run(engine, self._paused)
        finally:
            asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            network.join()
        if self._failed:
            raise self._failed

    async def _start(self) -> None:
        self._grpc = grpc.aio.server(options=[
            ("grpc.max_receive_message_length", self._limits.max_message_bytes),
            ("grpc.max_send_message_length", -1),
            # An address in use is an error, not shared in silence.
            ("grpc.so_reuseport", 0),
            # Clients may ping; they know from GetServerInfo who we are.
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
            ("grpc.http2.max_ping_strikes", 0),
        ])
        pb_grpc.add_UESynthServiceServicer_to_server(Service(self._host), self._grpc)
        self.port = self._grpc.add_insecure_port(self._listen)
        await self._grpc.start()

    async def _shut(self) -> None:
        if self.port:
            await self._grpc.stop(grace=0.5)

    def stop(self) -> None:
        """Ends :meth:`run` once what is queued has been executed; from any thread
        or a signal handler."""
        self._host.stop()


def _checked(listen: str, insecure_public: bool) -> str:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise ServerError(f'"{listen}" is no address to listen on; write it like 127.0.0.1:50051')
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0][4][0]
    except OSError as error:
        raise ServerError(f'"{listen}" is no address to listen on: {error}') from None
    if not ipaddress.ip_address(found).is_loopback and not insecure_public:
        raise ServerError(
            f"{listen} can be reached from other machines, and nothing protects it; "
            "listen on 127.0.0.1, or allow it in words: --insecure-public"
        )
    return listen


def arguments(description: str, port: int = 50051) -> argparse.ArgumentParser:
    """The arguments that every server takes; add your own."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--listen", metavar="ADDR", default=f"127.0.0.1:{port}",
                        help="address to listen on; port 0 takes a free one [%(default)s]")
    parser.add_argument("--seed", type=int, default=0, help="what the scene is drawn from [0]")
    parser.add_argument("--size", metavar="WxH", default="640x480",
                        help="image size of the scene's cameras [%(default)s]")
    parser.add_argument("--paused", action="store_true",
                        help="start with simulation time standing still")
    parser.add_argument("--insecure-public", action="store_true",
                        help="allow an address that other machines can reach, although nothing "
                        "protects it")
    return parser


def size(text: str) -> tuple[int, int]:
    """Width and height of `--size`."""
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise SystemExit(f'error: "{text}" is no image size; write it like 640x480')
    return int(width), int(height)


def serve(args: argparse.Namespace, make: Callable[[], Engine], limits: Limits = Limits()) -> None:
    """Serves until Ctrl-C, and says where once it does. For the `main` of an
    engine; must be called on the main thread."""
    try:
        server = Server(args.listen, limits=limits, paused=args.paused,
                        insecure_public=args.insecure_public)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: server.stop())
        server.run(make, lambda: print(f"serving on {server.url}; Ctrl-C ends it", flush=True))
    except ServerError as error:
        raise SystemExit(f"error: {error}") from None
