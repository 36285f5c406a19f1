"""A client of the UESynth contract over grpcio, at full speed.

What most users have today, as the baseline of `synthcap bench --compare`: one
asyncio stream with requests in flight, or one blocking call after the other.
Prints one JSON object with the number of requests answered and the seconds.

The stubs are made from proto/uesynth.proto in a temporary folder.
"""

import argparse
import asyncio
import collections
import importlib
import json
import pathlib
import sys
import tempfile
import time

import grpc
from grpc_tools import protoc

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"

STREAM_ACTIONS = {
    "rgb": "capture_rgb",
    "depth": "capture_depth",
    "segmentation": "capture_segmentation",
    "normals": "capture_normals",
    "flow": "capture_optical_flow",
}
METHODS = {
    "rgb": "CaptureRgbImage",
    "depth": "CaptureDepthMap",
    "segmentation": "CaptureSegmentationMask",
    "normals": "CaptureNormals",
    "flow": "CaptureOpticalFlow",
}
# The default of 4 MiB would refuse 1080p.
OPTIONS = [("grpc.max_receive_message_length", 1 << 30)]


def stubs():
    """Generates and imports the messages and the stub."""
    folder = tempfile.mkdtemp()
    protoc.main([
        "protoc",
        f"-I{PROTO}",
        f"-I{pathlib.Path(protoc.__file__).parent / '_proto'}",
        f"--python_out={folder}",
        f"--grpc_python_out={folder}",
        "uesynth.proto",
    ])
    sys.path.insert(0, folder)
    messages = importlib.import_module("uesynth_pb2")
    services = importlib.import_module("uesynth_pb2_grpc")
    return messages, services


def requests(messages, args):
    """The requests of one piece of work, endlessly; a set is several."""
    number = 0
    while True:
        group = []
        if args.size:
            capture = messages.CaptureRequest(width=args.size[0], height=args.size[1])
            for name in args.modalities:
                number += 1
                fields = {STREAM_ACTIONS[name]: capture}
                group.append(messages.ActionRequest(request_id=str(number), **fields))
        else:
            number += 1
            place = messages.Transform(location=messages.Vector3(x=float(number)))
            move = messages.SetCameraTransformRequest(transform=place)
            group.append(messages.ActionRequest(request_id=str(number), set_camera_transform=move))
        yield group


def check(args, reply):
    """Whether the reply is one."""
    size = len(reply.image_data) if args.size else reply.success
    if not size:
        raise SystemExit("the server answered something else")


async def run_async(messages, services, args):
    """One stream, with as many requests in flight as asked for."""
    async with grpc.aio.insecure_channel(args.server, options=OPTIONS) as channel:
        call = services.UESynthServiceStub(channel).ControlStream()
        work = requests(messages, args)
        waiting = collections.deque()
        done = 0
        start = time.perf_counter()
        while True:
            elapsed = time.perf_counter() - start
            while len(waiting) < args.in_flight and elapsed < args.seconds:
                group = next(work)
                for request in group:
                    await call.write(request)
                waiting.append(len(group))
            if not waiting:
                break
            for _ in range(waiting.popleft()):
                reply = await call.read()
                check(args, reply.image_response if args.size else reply.command_response)
            done += 1
        seconds = time.perf_counter() - start
        await call.done_writing()
        return done, seconds


def run_sync(messages, services, args):
    """One blocking call after the other."""
    with grpc.insecure_channel(args.server, options=OPTIONS) as channel:
        stub = services.UESynthServiceStub(channel)
        done = 0
        start = time.perf_counter()
        while time.perf_counter() - start < args.seconds:
            if args.size:
                capture = messages.CaptureRequest(width=args.size[0], height=args.size[1])
                for name in args.modalities:
                    check(args, getattr(stub, METHODS[name])(capture))
            else:
                place = messages.Transform(location=messages.Vector3(x=float(done)))
                move = messages.SetCameraTransformRequest(transform=place)
                check(args, stub.SetCameraTransform(move))
            done += 1
        return done, time.perf_counter() - start


def main():
    """Runs as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, help="host:port")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--in-flight", type=int, default=16)
    parser.add_argument("--style", choices=["async", "sync"], default="async")
    parser.add_argument("--size", type=lambda text: [int(side) for side in text.split("x")])
    parser.add_argument("--modalities", type=lambda text: text.split(","), default=["rgb"])
    args = parser.parse_args()
    messages, services = stubs()
    if args.style == "async":
        done, seconds = asyncio.run(run_async(messages, services, args))
    else:
        done, seconds = run_sync(messages, services, args)
    print(json.dumps({"requests": done, "seconds": seconds}))


if __name__ == "__main__":
    main()
