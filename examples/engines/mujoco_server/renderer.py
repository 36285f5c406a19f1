"""Drawing by OpenGL: colours, depth and which geom a pixel shows.

Depth and geoms come from one pass without antialiasing, so that both are of the
point at the pixel's centre and agree with each other.
"""

from __future__ import annotations

import mujoco
import numpy as np

from synthcap_engine import Intrinsics, Transform, conventions

# Side of the largest image in pixels.
LARGEST = 4096
# What is drawn of the model's groups of geoms; rays must see the same.
GEOM_GROUPS = np.array([1, 1, 1, 0, 0, 0], np.uint8)


class Renderer:
    """Draws the states of one model. Lives on the thread that made it."""

    def __init__(self, model: mujoco.MjModel, context: mujoco.GLContext) -> None:
        self._model = model
        self._context = context
        context.make_current()
        self._mjr = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._mjr)
        self._mjr.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        self._scene = mujoco.MjvScene(model, maxgeom=model.ngeom + 100)
        self._option = mujoco.MjvOption()
        self._option.geomgroup[:] = GEOM_GROUPS
        self._perturb = mujoco.MjvPerturb()
        self._camera = mujoco.MjvCamera()
        extent = model.stat.extent
        self.near_m = model.vis.map.znear * extent
        self.far_m = model.vis.map.zfar * extent

    def close(self) -> None:
        """Gives the textures and buffers back; the GL context stays."""
        self._mjr.free()

    def update(self, data: mujoco.MjData) -> None:
        """Takes over a state, to be drawn from any number of cameras."""
        mujoco.mjv_updateScene(
            self._model, data, self._option, self._perturb, self._camera,
            mujoco.mjtCatBit.mjCAT_ALL.value, self._scene,
        )

    def _aim(self, pose: Transform, k: Intrinsics) -> mujoco.MjrRect:
        matrix = conventions.to_matrix(pose, "opengl")
        near = self.near_m
        left, right = -k.cx / k.fx * near, (k.width - k.cx) / k.fx * near
        for camera in self._scene.camera:
            camera.pos[:] = matrix[:3, 3]
            camera.forward[:] = -matrix[:3, 2]
            camera.up[:] = matrix[:3, 1]
            camera.frustum_center = (left + right) / 2
            # Half of it, whatever the name says.
            camera.frustum_width = (right - left) / 2
            camera.frustum_bottom = -(k.height - k.cy) / k.fy * near
            camera.frustum_top = k.cy / k.fy * near
            camera.frustum_near, camera.frustum_far = near, self.far_m
        if k.width > self._mjr.offWidth or k.height > self._mjr.offHeight:
            # As large as was ever asked for and no larger: each pass clears all of it.
            width, height = max(k.width, self._mjr.offWidth), max(k.height, self._mjr.offHeight)
            mujoco.mjr_resizeOffscreen(width, height, self._mjr)
        return mujoco.MjrRect(0, 0, k.width, k.height)

    def _draw(self, rect: mujoco.MjrRect, ids: bool) -> None:
        flags = self._scene.flags
        for flag in (mujoco.mjtRndFlag.mjRND_SEGMENT, mujoco.mjtRndFlag.mjRND_IDCOLOR):
            flags[flag] = ids
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION,
                     mujoco.mjtRndFlag.mjRND_SKYBOX):
            flags[flag] = not ids
        mujoco.mjr_render(rect, self._scene, self._mjr)

    def colors(self, pose: Transform, k: Intrinsics) -> np.ndarray:
        """uint8 (height, width, 3)."""
        rect = self._aim(pose, k)
        self._draw(rect, ids=False)
        rgb = np.empty((k.height, k.width, 3), np.uint8)
        mujoco.mjr_readPixels(rgb, None, rect, self._mjr)
        # OpenGL's rows begin at the bottom.
        return rgb[::-1]

    def surfaces(self, pose: Transform, k: Intrinsics) -> tuple[np.ndarray, np.ndarray]:
        """Depth along the axis in metres, infinite for background, and the geom
        that each pixel shows, -1 for none: float32 and int32 (height, width)."""
        rect = self._aim(pose, k)
        self._draw(rect, ids=True)
        rgb = np.empty((k.height, k.width, 3), np.uint8)
        z = np.empty((k.height, k.width), np.float32)
        mujoco.mjr_readPixels(rgb, z, rect, self._mjr)
        segments = conventions.ids_from_rgb(rgb[::-1])
        geoms = self._geom_of_segment()[segments]
        # A reversed buffer: 1 near, 0 far.
        near, far = np.float64(self.near_m), np.float64(self.far_m)
        depth = near * far / (near + z[::-1].astype(np.float64) * (far - near))
        return np.where(geoms >= 0, depth, np.inf).astype(np.float32), geoms

    def alone(self, pose: Transform, k: Intrinsics, geoms: set[int]) -> np.ndarray:
        """Which pixels some geoms would cover with nothing before them."""
        scene, kept = self._scene, []
        for index in range(scene.ngeom):
            geom = scene.geoms[index]
            kept.append(geom.segid)
            if geom.objid not in geoms or geom.objtype != mujoco.mjtObj.mjOBJ_GEOM:
                geom.segid = -1
        rect = self._aim(pose, k)
        self._draw(rect, ids=True)
        for index, segment in enumerate(kept):
            scene.geoms[index].segid = segment
        rgb = np.empty((k.height, k.width, 3), np.uint8)
        mujoco.mjr_readPixels(rgb, None, rect, self._mjr)
        return conventions.ids_from_rgb(rgb[::-1]) != 0

    def _geom_of_segment(self) -> np.ndarray:
        scene = self._scene
        table = np.full(scene.ngeom + 1, -1, np.int32)
        for index in range(scene.ngeom):
            geom = scene.geoms[index]
            if geom.segid >= 0 and geom.objtype == mujoco.mjtObj.mjOBJ_GEOM:
                table[geom.segid + 1] = geom.objid
        return table
