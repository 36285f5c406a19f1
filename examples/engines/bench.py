"""How much the kit costs: frames/s of MuJoCo's own renderer in this process, and of
the same scene served by the kit to a client in another, with captures in flight.

    python bench.py [--frames N] [--rounds N] [--samples N]

Rounds alternate, and the best of each side counts, so that what else the machine
does weighs on both alike.
"""

import argparse
import math
import os
import subprocess
import sys
import threading
import time

os.environ.setdefault("MUJOCO_GL", "egl")

import grpc
import mujoco
import numpy as np

from mujoco_server import scenes
from mujoco_server.engine import FOV_DEG
from synthcap_engine.stubs import pb

IN_FLIGHT = 6
SIZES = [(256, 256), (640, 480)]
KINDS = {"rgb": [pb.MODALITY_RGB],
         "rgb+depth+segmentation": [pb.MODALITY_RGB, pb.MODALITY_DEPTH, pb.MODALITY_SEGMENTATION]}


class InProcess:
    """MuJoCo's renderer, as its own documentation uses it."""

    def __init__(self, width, height, samples):
        recipe = scenes.make("arm", 0)
        visual = recipe.spec.visual
        visual.global_.offwidth, visual.global_.offheight = width, height
        visual.quality.offsamples = samples
        half = math.tan(math.radians(FOV_DEG) / 2) * height / width
        visual.global_.fovy = math.degrees(2 * math.atan(half))
        model = recipe.spec.compile()
        self.data = mujoco.MjData(model)
        for joint, position in recipe.home.items():
            self.data.joint(joint).qpos[0] = position
        mujoco.mj_forward(model, self.data)
        self.renderer = mujoco.Renderer(model, height, width)
        self.camera = mujoco.MjvCamera()
        away = np.subtract(recipe.target, recipe.eye)
        self.camera.lookat[:] = recipe.target
        self.camera.distance = np.linalg.norm(away)
        self.camera.azimuth = math.degrees(math.atan2(away[1], away[0]))
        self.camera.elevation = math.degrees(math.asin(away[2] / np.linalg.norm(away)))

    def frame(self, kind):
        renderer = self.renderer
        renderer.update_scene(self.data, self.camera)
        renderer.render()
        if kind != "rgb":
            renderer.enable_depth_rendering()
            renderer.render()
            renderer.disable_depth_rendering()
            renderer.enable_segmentation_rendering()
            renderer.render()
            renderer.disable_segmentation_rendering()

    def rate(self, kind, frames):
        self.frame(kind)
        start = time.perf_counter()
        for _ in range(frames):
            self.frame(kind)
        return frames / (time.perf_counter() - start)


class Served:
    """The kit in a process of its own, and a client that keeps captures in flight."""

    def __init__(self, samples):
        command = [sys.executable, "-m", "mujoco_server", "--listen", "127.0.0.1:0", "--paused",
                   "--samples", str(samples)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        address = self.process.stdout.readline().split("http://")[1].split(";")[0]
        self.channel = grpc.insecure_channel(address, [("grpc.max_receive_message_length", -1)])

    def rate(self, kind, width, height, frames):
        view = pb.CaptureView(width=width, height=height, modalities=KINDS[kind])
        request = pb.ActionRequest(request_id="x", capture_set={"views": [view]})
        request = request.SerializeToString()
        places = threading.Semaphore(IN_FLIGHT)

        def asked():
            for _ in range(frames + 1):
                places.acquire()
                yield request

        # Bytes in, bytes out: what is measured is the server.
        stream = self.channel.stream_stream("/uesynth.UESynthService/ControlStream")
        parts = len(KINDS[kind])
        start, received = 0.0, 0
        for _ in stream(asked()):
            received += 1
            if received % parts == 0:
                places.release()
            if received == parts:
                start = time.perf_counter()
        assert received == parts * (frames + 1), received
        return frames / (time.perf_counter() - start)

    def close(self):
        self.channel.close()
        self.process.terminate()
        self.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=4, help="antialiasing")
    args = parser.parse_args()
    served = Served(args.samples)
    print(f"MuJoCo {mujoco.__version__}, {args.frames} frames, best of {args.rounds} rounds, "
          f"{IN_FLIGHT} in flight, antialiasing {args.samples}")
    try:
        for width, height in SIZES:
            own = InProcess(width, height, args.samples)
            for kind in KINDS:
                rounds = [(own.rate(kind, args.frames),
                           served.rate(kind, width, height, args.frames))
                          for _ in range(args.rounds)]
                alone, kit = (max(side) for side in zip(*rounds))
                print(f"{width}x{height} {kind}: in-process {alone:.1f} frames/s, "
                      f"kit {kit:.1f} frames/s, {(1 - kit / alone) * 100:+.1f} % lost", flush=True)
            own.renderer.close()
    finally:
        served.close()


if __name__ == "__main__":
    main()
