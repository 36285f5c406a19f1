"""Drawing by Cycles: colours with many paths a pixel, labels with the one ray
through each pixel's centre."""

from __future__ import annotations

import pathlib
import tempfile

import bpy
import numpy as np
import OpenEXR
from mathutils import Matrix

from synthcap_engine import Intrinsics, Transform, conventions

# Cycles says this far away where nothing is.
BEYOND_M = 1e9
# A pixel filter this narrow puts all samples on the pixel's centre.
CENTER_ONLY = 0.01


class Renderer:
    """Draws the present scene. For Blender's main thread."""

    def __init__(self, samples: int, seed: int) -> None:
        self._samples = samples
        self._file = pathlib.Path(tempfile.mkdtemp(prefix="synthcap-")) / "layers.exr"
        self._camera = bpy.data.objects.new("synthcap", bpy.data.cameras.new("synthcap"))
        scene = bpy.context.scene
        scene.collection.objects.link(self._camera)
        scene.camera = self._camera
        self._camera.data.sensor_fit = "HORIZONTAL"
        self._camera.data.clip_start, self._camera.data.clip_end = 0.01, 1000
        scene.render.engine = "CYCLES"
        scene.cycles.device = "CPU"
        scene.cycles.seed = seed
        scene.cycles.use_denoising = False
        scene.cycles.use_adaptive_sampling = False
        scene.cycles.max_bounces = 6
        # Keeps what has not changed from one picture to the next.
        scene.render.use_persistent_data = True
        scene.render.resolution_percentage = 100
        scene.render.use_compositing = scene.render.use_sequencer = False
        layer = scene.view_layers[0]
        layer.use_pass_z = layer.use_pass_normal = layer.use_pass_object_index = True
        output = scene.render.image_settings
        output.media_type = "MULTI_LAYER_IMAGE"
        output.file_format = "OPEN_EXR_MULTILAYER"
        output.color_depth, output.exr_codec = "32", "NONE"
        scene.render.filepath = str(self._file)

    def _aim(self, pose: Transform, k: Intrinsics) -> None:
        self._camera.matrix_world = Matrix(conventions.to_matrix(pose, "opengl").tolist())
        lens, render = self._camera.data, bpy.context.scene.render
        render.resolution_x, render.resolution_y = k.width, k.height
        render.pixel_aspect_x, render.pixel_aspect_y = aspect(k)
        lens.lens = k.fx * lens.sensor_width / k.width
        # In widths of the image, as it is displayed.
        lens.shift_x = (k.width / 2 - k.cx) / k.width
        lens.shift_y = (k.cy - k.height / 2) / k.width * (k.fx / k.fy)

    def _render(self, samples: int, width: float) -> dict[str, np.ndarray]:
        cycles = bpy.context.scene.cycles
        cycles.samples = samples
        cycles.pixel_filter_type = "BLACKMAN_HARRIS" if width > 1 else "BOX"
        cycles.filter_width = width
        bpy.ops.render.render(write_still=True)
        with OpenEXR.File(str(self._file), separate_channels=True) as file:
            # A part for each layer; "ViewLayer.Depth.Z" -> "Depth.Z".
            channels = [item for part in file.parts for item in part.channels.items()]
            return {name.partition(".")[2]: channel.pixels for name, channel in channels}

    def colors(self, pose: Transform, k: Intrinsics) -> np.ndarray:
        """uint8 (height, width, 3)."""
        self._aim(pose, k)
        made = self._render(self._samples, 1.5)
        linear = np.stack([made[f"Combined.{channel}"] for channel in "RGB"], -1)
        linear = np.clip(linear, 0, 1)
        srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        return (srgb * 255 + 0.5).astype(np.uint8)

    def labels(self, pose: Transform, k: Intrinsics) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Depth (float32), object index (uint32) and normal in our world (height,
        width, 3) of the point at each pixel's centre."""
        self._aim(pose, k)
        made = self._render(1, CENTER_ONLY)
        depth = conventions.depth_image(made["Depth.Z"], BEYOND_M)
        index = np.round(made["Object Index.X"]).astype(np.uint32)
        index[~np.isfinite(depth)] = 0
        normals = np.stack([made[f"Normal.{axis}"] for axis in "XYZ"], -1)
        return depth, index, normals


def aspect(k: Intrinsics) -> tuple[float, float]:
    """How wide and high a pixel is displayed; Blender wants both from 1 up."""
    return (k.fy / k.fx, 1.0) if k.fy > k.fx else (1.0, k.fx / k.fy)
