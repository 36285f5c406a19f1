"""The kit itself, through its service where clients see it."""

import pathlib
import subprocess
import sys
import threading
import unittest

import grpc
import numpy as np

from synthcap_engine import Limits, Modality, Server, ServerError, View, check
from synthcap_engine.engine import Engine, offered
from synthcap_engine.stubs import pb, pb_grpc
from tests.naughty import Naughty


class Serving(unittest.TestCase):
    """A naughty engine, served in this process."""

    def setUp(self):
        self.server = Server("127.0.0.1:0", limits=Limits(max_batch_items=3))
        ready = threading.Event()
        self.thread = threading.Thread(
            target=self.server.run, args=(Naughty, ready.set), daemon=True
        )
        self.thread.start()
        ready.wait()
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.server.port}")
        self.stub = pb_grpc.UESynthServiceStub(self.channel)

    def tearDown(self):
        self.channel.close()
        self.server.stop()
        self.thread.join()

    def capture(self, camera, modality="rgb"):
        request = pb.CaptureRequest(camera_name=camera)
        method = {"rgb": self.stub.CaptureRgbImage, "depth": self.stub.CaptureDepthMap}[modality]
        return method(request)

    def assert_fails(self, camera, code, *words, modality="rgb"):
        with self.assertRaises(grpc.RpcError) as caught:
            self.capture(camera, modality)
        self.assertEqual(caught.exception.code(), code)
        for word in words:
            self.assertIn(word, caught.exception.details())
        # And nobody else is harmed.
        self.assertEqual(self.capture("good").width, 16)

    def test_an_engine_that_raises_is_named_with_the_place(self):
        self.assert_fails("raises", grpc.StatusCode.INTERNAL, "ZeroDivisionError",
                          "the lens is dirty", "naughty.py")

    def test_an_engine_that_refuses_says_why(self):
        self.assert_fails("refuses", grpc.StatusCode.FAILED_PRECONDITION, "open it")

    def test_a_wrong_array_is_described_with_the_right_one(self):
        self.assert_fails("wrong_shape", grpc.StatusCode.INTERNAL, "(16, 12, 3)", "(12, 16, 4)")
        self.assert_fails("wrong_dtype", grpc.StatusCode.INTERNAL, "float64", "float32",
                          modality="depth")
        self.assert_fails("no_array", grpc.StatusCode.INTERNAL, "list")
        self.assert_fails("none_at_all", grpc.StatusCode.INTERNAL, "NoneType")

    def test_colour_without_alpha_gets_it(self):
        pixels = np.frombuffer(self.capture("good").image_data, np.uint8).reshape(12, 16, 4)
        self.assertTrue((pixels[..., 3] == 255).all())

    def test_the_stream_ends_when_the_client_has_asked_all(self):
        asked = [pb.ActionRequest(request_id=str(i), list_cameras={}) for i in range(5)]
        replies = list(self.stub.ControlStream(iter(asked)))
        self.assertEqual([r.request_id for r in replies], ["0", "1", "2", "3", "4"])
        orders = [r.meta.order for r in replies]
        self.assertEqual(orders, sorted(set(orders)))

    def test_a_batch_that_fails_half_way_says_how_far_it_came(self):
        items = [
            pb.ActionRequest(request_id="a", step=pb.StepRequest(ticks=1)),
            pb.ActionRequest(request_id="b", capture_rgb=pb.CaptureRequest(camera_name="raises")),
        ]
        batch = pb.ActionRequest(request_id="x", batch=pb.BatchRequest(items=items))
        reply, = self.stub.ControlStream(iter([batch]))
        self.assertEqual(reply.meta.error.code, pb.ERROR_CODE_INTERNAL)
        self.assertEqual(reply.meta.error.batch_index, 1)
        self.assertIn("1 items before it were executed", reply.meta.error.message)

    def test_an_address_in_use_is_an_error_with_a_remedy(self):
        second = Server(f"127.0.0.1:{self.server.port}")
        with self.assertRaises(ServerError) as caught:
            second.run(Naughty)
        self.assertIn("--listen", str(caught.exception))


class Starting(unittest.TestCase):
    def test_a_public_address_needs_words(self):
        with self.assertRaises(ServerError) as caught:
            Server("0.0.0.0:0")
        self.assertIn("--insecure-public", str(caught.exception))
        Server("0.0.0.0:0", insecure_public=True)

    def test_an_address_that_is_none_is_named(self):
        for listen in ["nonsense", "127.0.0.1", "127.0.0.1:99999", ":x"]:
            with self.assertRaises(ServerError, msg=listen):
                Server(listen)

    def test_what_is_offered_follows_from_the_methods(self):
        class Bare(Engine):
            pass

        self.assertEqual(offered(Bare()), set())
        self.assertEqual(offered(Naughty()), {"CAMERAS", "INTRINSICS"})

    def test_one_command_starts_it_and_an_interrupt_ends_it(self):
        command = [sys.executable, "-m", "tests.naughty", "--listen", "127.0.0.1:0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = process.stdout.readline()
        self.assertRegex(line, r"^serving on http://127\.0\.0\.1:\d+;")
        process.terminate()
        self.assertEqual(process.wait(), 0)
        process.stdout.close()

    def test_the_engine_of_the_guide_serves(self):
        guide = pathlib.Path(__file__).parents[3] / "docs" / "engines.md"
        code = guide.read_text().split("```python\n")[1].split("```")[0]
        # All but its last line, which serves until it is interrupted.
        names: dict = {}
        exec(code[:code.index("serve(arguments")], names)
        engine = names["Mine"]()
        camera = engine.cameras()[0]
        wanted = tuple(sorted(engine.info().modalities, key=lambda m: m.value))
        view = View(camera.name, camera.pose, camera.intrinsics, wanted)
        self.assertEqual(set(check.images(engine.capture(view), view, {})), set(wanted))

    def test_modalities_have_the_numbers_of_the_wire(self):
        for modality in Modality:
            name = "OPTICAL_FLOW" if modality is Modality.FLOW else modality.name
            self.assertEqual(modality.value, pb.Modality.Value(f"MODALITY_{name}"))


if __name__ == "__main__":
    unittest.main()
