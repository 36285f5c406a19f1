"""A simulator in Python whose frames reach synthcap through shared memory.

    python examples/shared_memory/server.py [PORT]

Prints the port it listens on, then serves until its standard input closes. It
makes one kind of image: colour, in which every byte of a frame is the frame's
number. Needs grpcio and grpcio-tools; the stubs are made from the schema at start.
"""

import importlib
import pathlib
import sys
import tempfile
import time
from concurrent import futures

import grpc
from grpc_tools import protoc

from slots import SideSocket

SCHEMA = pathlib.Path(__file__).parents[2] / "proto"
HEADER = "synthcap-shared-memory"
CAMERA = "main"


def load_stubs():
    """Compiles the schema into a temporary folder and imports it."""
    with tempfile.TemporaryDirectory() as folder:
        include = pathlib.Path(protoc.__file__).parent / "_proto"
        failed = protoc.main([
            "protoc", f"-I{SCHEMA}", f"-I{include}",
            f"--python_out={folder}", f"--grpc_python_out={folder}", "uesynth.proto",
        ])
        if failed:
            sys.exit("the schema does not compile")
        sys.path.insert(0, folder)
        return importlib.import_module("uesynth_pb2"), importlib.import_module("uesynth_pb2_grpc")


pb, pb_grpc = load_stubs()


def token_of(context):
    """The token that a stream names; None when it names none that is one."""
    headers = dict(context.invocation_metadata())
    try:
        return bytes.fromhex(headers[HEADER])
    except (KeyError, ValueError):
        return None


class Simulator(pb_grpc.UESynthServiceServicer):
    def __init__(self):
        self.side = SideSocket()
        self.frames = 0

    def GetServerInfo(self, request, context):
        return pb.ServerInfo(
            engine_name="shared memory in Python", engine_version="1", protocol_version=1,
            modalities=[pb.MODALITY_RGB],
            limits=pb.ServerLimits(
                max_width=8192, max_height=8192, max_message_bytes=4 << 20,
                max_in_flight=64, max_batch_items=1, max_set_images=1, max_subscriptions=0,
            ),
            cameras=[self.camera(640, 480)], instance_id=self.side.name,
            shared_memory_socket=self.side.name,
        )

    @staticmethod
    def camera(width, height):
        intrinsics = pb.Intrinsics(
            fx=width / 2, fy=width / 2, cx=width / 2, cy=height / 2, width=width, height=height,
        )
        return pb.CameraState(name=CAMERA, pose=pose(), intrinsics=intrinsics)

    def ControlStream(self, requests, context):
        client = self.side.client(token_of(context))
        for request in requests:
            self.frames += 1
            meta = pb.ReplyMeta(tick=1, order=self.frames, part_count=1,
                                server_receive_time_ns=time.time_ns(),
                                server_send_time_ns=time.time_ns())
            reply = pb.FrameResponse(request_id=request.request_id, meta=meta)
            if request.WhichOneof("action") == "capture_rgb":
                reply.image_response.CopyFrom(self.image(request.capture_rgb, client))
            else:
                reply.meta.error.code = pb.ERROR_CODE_UNSUPPORTED
                reply.meta.error.message = "this server takes colour images only"
            yield reply

    def image(self, wanted, client):
        width, height = wanted.width or 640, wanted.height or 480
        length = width * height * 4
        image = pb.ImageResponse(
            width=width, height=height, format="rgba",
            info=pb.ImageInfo(
                modality=pb.MODALITY_RGB, pixel_type=pb.PIXEL_TYPE_RGBA8,
                encoding=pb.ENCODING_RAW, camera_name=CAMERA, camera_pose=pose(),
                intrinsics=self.camera(width, height).intrinsics,
            ),
        )
        rendered = bytes([self.frames % 256]) * length
        slot = client.take(length) if client else None
        if slot is None:
            image.image_data = rendered
            return image
        slot.pixels[:length] = rendered
        image.shared.slot = slot.number
        image.shared.generation = client.publish(slot, length)
        image.shared.length = length
        return image


def pose():
    return pb.Transform(location=pb.Vector3(), rotation=pb.Rotator(),
                        scale=pb.Vector3(x=1, y=1, z=1))


def main():
    port = sys.argv[1] if len(sys.argv) > 1 else "0"
    server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.max_send_message_length", -1)])
    pb_grpc.add_UESynthServiceServicer_to_server(Simulator(), server)
    print(server.add_insecure_port(f"127.0.0.1:{port}"), flush=True)
    server.start()
    sys.stdin.read()
    server.stop(None)


if __name__ == "__main__":
    main()
