"""Conversions, each against a case worked out by hand or against its way back."""

import math
import unittest

import numpy as np

from synthcap_engine import Intrinsics, Transform, conventions
from synthcap_engine.types import Intrinsics as K


class Rotations(unittest.TestCase):
    def test_yaw_turns_forward_to_the_right_and_pitch_lifts_it(self):
        right = conventions.rotator_to_axes((0, 90, 0))[0]
        np.testing.assert_allclose(right, [0, 1, 0], atol=1e-12)
        up = conventions.rotator_to_axes((90, 0, 0))[0]
        np.testing.assert_allclose(up, [0, 0, 1], atol=1e-12)
        # Roll tilts Z towards Y.
        tilted = conventions.rotator_to_axes((0, 0, 90))[2]
        np.testing.assert_allclose(tilted, [0, 1, 0], atol=1e-12)

    def test_rotators_survive_axes_and_quaternions(self):
        for rotation in [(10, 20, 30), (-80, 170, -15), (0, -90, 45), (89, 1, 2)]:
            back = conventions.rotator_from_axes(conventions.rotator_to_axes(rotation))
            np.testing.assert_allclose(back, rotation, atol=1e-9)
            pose = Transform((1, 2, 3), rotation)
            place, quaternion = conventions.to_position_quaternion(pose)
            again = conventions.from_position_quaternion(place, quaternion)
            np.testing.assert_allclose(again.numbers(), pose.numbers(), atol=1e-9)

    def test_looking_straight_up_gives_all_the_turn_to_yaw(self):
        axes = conventions.rotator_to_axes((90, 30, 20))
        again = conventions.rotator_to_axes(conventions.rotator_from_axes(axes))
        np.testing.assert_allclose(again, axes, atol=1e-9)

    def test_quaternions_of_half_turns(self):
        for axis in np.eye(3):
            quaternion = np.array([0, *axis])
            matrix = conventions.quaternion_to_matrix(quaternion)
            np.testing.assert_allclose(matrix, 2 * np.outer(axis, axis) - np.eye(3), atol=1e-12)
            back = conventions.matrix_to_quaternion(matrix)
            np.testing.assert_allclose(np.abs(back), quaternion, atol=1e-9)


class Poses(unittest.TestCase):
    def test_a_metre_to_the_right_is_minus_one_along_y(self):
        matrix = conventions.to_matrix(Transform((0, 100, 0)), "opencv")
        np.testing.assert_allclose(matrix[:3, 3], [0, -1, 0])
        # OpenCV's forward axis is the world's X.
        np.testing.assert_allclose(matrix[:3, 2], [1, 0, 0], atol=1e-12)

    def test_opengl_looks_along_its_negative_z_with_y_up(self):
        matrix = conventions.to_matrix(Transform(), "opengl")
        np.testing.assert_allclose(-matrix[:3, 2], [1, 0, 0], atol=1e-12)
        np.testing.assert_allclose(matrix[:3, 1], [0, 0, 1], atol=1e-12)

    def test_matrices_are_rotations_and_lead_back(self):
        pose = Transform((10, -20, 30), (12, 34, 56))
        for axes in conventions.CAMERA_AXES:
            matrix = conventions.to_matrix(pose, axes)
            self.assertAlmostEqual(np.linalg.det(matrix[:3, :3]), 1)
            again = conventions.from_matrix(matrix, axes)
            np.testing.assert_allclose(again.numbers(), pose.numbers(), atol=1e-9)

    def test_every_world_leads_there_and_back(self):
        pose = Transform((10, -20, 30), (12, 34, 56))
        for world in conventions.WORLDS:
            place, forward, up = conventions.to_vectors(pose, world)
            again = conventions.from_vectors(place, forward, up, world)
            np.testing.assert_allclose(again.numbers(), pose.numbers(), atol=1e-9, err_msg=world)

    def test_engines_that_look_ahead_from_one_metre_up(self):
        # Ahead, with the place one metre up and two ahead, in each engine's own axes.
        for world, place, forward, up in [
            ("z_up", (2, 0, 1), (1, 0, 0), (0, 0, 1)),
            ("unreal", (200, 0, 100), (1, 0, 0), (0, 0, 1)),
            ("carla", (2, 0, 1), (1, 0, 0), (0, 0, 1)),
            ("unity", (0, 1, 2), (0, 0, 1), (0, 1, 0)),
            ("y_up", (0, 1, -2), (0, 0, -1), (0, 1, 0)),
        ]:
            pose = conventions.from_vectors(place, forward, up, world)
            np.testing.assert_allclose(pose.location, (200, 0, 100), atol=1e-9, err_msg=world)
            np.testing.assert_allclose(pose.rotation, (0, 0, 0), atol=1e-9, err_msg=world)

    def test_right_is_right_in_every_world(self):
        # Looking to the right of ahead is a yaw of +90 degrees on the wire.
        for world, right, up in [
            ("z_up", (0, -1, 0), (0, 0, 1)),
            ("unreal", (0, 1, 0), (0, 0, 1)),
            ("carla", (0, 1, 0), (0, 0, 1)),
            ("unity", (1, 0, 0), (0, 1, 0)),
            ("y_up", (1, 0, 0), (0, 1, 0)),
        ]:
            pose = conventions.from_vectors((0, 0, 0), right, up, world)
            np.testing.assert_allclose(pose.rotation, (0, 90, 0), atol=1e-9, err_msg=world)

    def test_directions_turn_and_do_not_shrink(self):
        wire = conventions.directions_to_wire(np.array([[[0.0, 1, 0]]]))
        np.testing.assert_array_equal(wire, [[[0, -1, 0]]])
        self.assertEqual(wire.dtype, np.float32)
        self.assertEqual(conventions.extent_to_wire((1, 2, 3)), (100, 200, 300))


class Lenses(unittest.TestCase):
    def test_a_right_angle_sees_as_far_aside_as_ahead(self):
        k = Intrinsics.from_horizontal_fov(90, 640, 480)
        self.assertAlmostEqual(k.fx, 320)
        self.assertEqual((k.cx, k.cy), (320, 240))

    def test_resizing_keeps_the_horizontal_field_of_view(self):
        k = K(500, 510, 300, 250, 640, 480).resized(320, 100)
        self.assertEqual((k.fx, k.fy, k.cx), (250, 255, 150))
        self.assertAlmostEqual(k.cy, 250 * 100 / 480)

    def test_rays_lead_back_to_pixel_centres(self):
        k = K(50, 60, 3.2, 2.1, 7, 5)
        at = k.project(k.pixel_rays() * 2.5)
        columns, rows = np.meshgrid(np.arange(7) + 0.5, np.arange(5) + 0.5)
        np.testing.assert_allclose(at[..., 0], columns)
        np.testing.assert_allclose(at[..., 1], rows)


class Depths(unittest.TestCase):
    def test_a_wall_is_planar_and_its_rays_are_longer(self):
        k = Intrinsics.from_horizontal_fov(90, 8, 8)
        distance = 3 * np.linalg.norm(k.pixel_rays(), axis=-1)
        np.testing.assert_allclose(conventions.planar_from_ray(distance, k), 3)
        self.assertGreater(distance[0, 0], 4)

    def test_buffers(self):
        near, far = 0.1, 50.0
        z = np.array([0.1, 1.0, 50.0])
        buffer = far * (z - near) / (z * (far - near))
        np.testing.assert_allclose(conventions.planar_from_buffer(buffer, near, far), z)
        np.testing.assert_allclose(conventions.planar_from_reversed(near / z, near), z)
        self.assertEqual(conventions.planar_from_reversed(np.array([0.0]), near)[0], math.inf)

    def test_three_bytes(self):
        rgb = np.array([[255, 255, 255], [0, 0, 128]], np.uint8)
        metres = conventions.planar_from_24bit(rgb)
        np.testing.assert_allclose(metres, [1000, 1000 * (128 << 16) / (2**24 - 1)])

    def test_background_is_infinite_whatever_the_engine_calls_it(self):
        made = np.array([1.0, 1e10, np.nan, -1, 0, np.inf])
        depth = conventions.depth_image(made, 1e9)
        self.assertEqual(depth.dtype, np.float32)
        np.testing.assert_array_equal(depth, [1, *[np.inf] * 5])


class Ids(unittest.TestCase):
    def test_colours_are_numbers_low_byte_first(self):
        ids = conventions.ids_from_rgb(np.array([[[1, 2, 3]]], np.uint8))
        np.testing.assert_array_equal(ids, [[0x030201]])

    def test_no_number_is_used_twice(self):
        ids = conventions.InstanceIds()
        self.assertEqual([ids.of("a"), ids.of("b"), ids.of("a")], [1, 2, 1])
        ids.forget("a")
        self.assertEqual(ids.of("a"), 3)


if __name__ == "__main__":
    unittest.main()
