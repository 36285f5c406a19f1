"""A plain UESynth server on the real gRPC C++ core, which enforces its ping policy.

Prints the port it listens on, then serves until its standard input closes.
Needs grpcio and grpcio-tools; the stubs are made from the contract at start.
"""

import importlib
import pathlib
import sys
import tempfile
from concurrent import futures

import grpc
from grpc_tools import protoc

CONTRACT = pathlib.Path(__file__).parents[2] / "crates/uesynth-contract/proto"


def load_stubs():
    """Compiles the contract into a temporary folder and imports it."""
    folder = tempfile.mkdtemp()
    include = pathlib.Path(protoc.__file__).parent / "_proto"
    failed = protoc.main([
        "protoc", f"-I{CONTRACT}", f"-I{include}",
        f"--python_out={folder}", f"--grpc_python_out={folder}", "uesynth.proto",
    ])
    if failed:
        sys.exit("the contract does not compile")
    sys.path.insert(0, folder)
    return importlib.import_module("uesynth_pb2"), importlib.import_module("uesynth_pb2_grpc")


pb, pb_grpc = load_stubs()


class Servicer(pb_grpc.UESynthServiceServicer):
    """Answers what the test asks; the rest is UNIMPLEMENTED, as in the original."""

    def ListObjects(self, request, context):
        return pb.ListObjectsResponse(object_names=["cube"])

    def ControlStream(self, requests, context):
        for request in requests:
            action = request.WhichOneof("action")
            if action == "list_objects":
                yield pb.FrameResponse(
                    request_id=request.request_id,
                    objects_list=pb.ListObjectsResponse(object_names=["cube"]),
                )
            elif action == "capture_rgb":
                size = request.capture_rgb
                yield pb.FrameResponse(
                    request_id=request.request_id,
                    image_response=pb.ImageResponse(
                        image_data=bytes(size.width * size.height * 4),
                        width=size.width, height=size.height, format="rgba",
                    ),
                )


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    pb_grpc.add_UESynthServiceServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(None)


if __name__ == "__main__":
    main()
