"""The built-in scene: things on a turntable, lit by a window and a lamp."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import bpy
from mathutils import Euler, Matrix, Vector

# A thing's class is the part of its name before the number.
TICK_S = 1 / 24
TURNTABLE_PERIOD_S = 12.0
EYE, TARGET = (1.75, -1.42, 1.1), (0.0, 0.0, 0.2)

# Where a driven object is at a time, given where it began.
Motion = Callable[[float], Matrix]


def make(seed: int) -> dict[str, Motion]:
    """Makes the scene anew; gives the motion of what moves by itself."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    draw = random.Random(seed)
    _surroundings()
    turntable = _add("turntable", bpy.ops.mesh.primitive_cylinder_add,
                     {"radius": 0.62, "depth": 0.06, "vertices": 96, "location": (0, 0, 0.03)},
                     _material((0.62, 0.60, 0.56), roughness=0.35))
    driven = [turntable, *_things_on_it(draw)]
    _things_beside_it(draw)
    return {thing.name: _turning(thing.matrix_world.copy()) for thing in driven}


def _turning(start: Matrix) -> Motion:
    def at(time_s: float) -> Matrix:
        angle = 2 * math.pi * time_s / TURNTABLE_PERIOD_S
        return Matrix.Rotation(angle, 4, "Z") @ start

    return at


def _surroundings() -> None:
    _add("floor", bpy.ops.mesh.primitive_cube_add, {"size": 1, "location": (0, 0, -0.05)},
         _material((0.46, 0.47, 0.50), roughness=0.6), scale=(7, 7, 0.1))
    _add("wall_1", bpy.ops.mesh.primitive_cube_add, {"size": 1, "location": (-2.4, 0, 1.2)},
         _material((0.75, 0.70, 0.62), roughness=0.9), scale=(0.1, 7, 2.4))
    sky = bpy.data.worlds.new("sky")
    bpy.context.scene.world = sky
    background = sky.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (0.55, 0.68, 0.90, 1)
    background.inputs["Strength"].default_value = 0.55
    for name, kind, power, place, color, size in [
        ("window", "AREA", 120, (1.8, 2.4, 2.6), (1.0, 0.95, 0.86), 1.6),
        ("lamp", "POINT", 25, (-1.2, -1.6, 1.6), (1.0, 0.72, 0.45), 0.12),
    ]:
        data = bpy.data.lights.new(name, kind)
        data.energy, data.color = power, color
        if kind == "AREA":
            data.size = size
        else:
            data.shadow_soft_size = size
        light = bpy.data.objects.new(name, data)
        light.location = place
        light.rotation_euler = (Vector((0, 0, 0.2)) - light.location).to_track_quat("-Z", "Y").to_euler()
        bpy.context.scene.collection.objects.link(light)


def _things_on_it(draw: random.Random) -> list[bpy.types.Object]:
    monkey = _add("monkey_1", bpy.ops.mesh.primitive_monkey_add, {"size": 0.42, "location": (0, 0, 0.26)},
                  _material((0.75, 0.34, 0.16), roughness=0.3), turn=(-0.35, 0, 0.9 + draw.uniform(-0.4, 0.4)),
                  smooth=True, subdivide=1)
    ring = _add("ring_1", bpy.ops.mesh.primitive_torus_add,
                {"major_radius": 0.13, "minor_radius": 0.045, "major_segments": 64,
                 "minor_segments": 24, "location": (0.38, 0.1, 0.105)},
                _material((0.95, 0.78, 0.35), metallic=1.0, roughness=0.18), smooth=True)
    cone = _add("cone_1", bpy.ops.mesh.primitive_cone_add,
                {"radius1": 0.12, "depth": 0.28, "vertices": 64, "location": (-0.32, 0.28, 0.2)},
                _material((0.15, 0.45, 0.30), roughness=0.5))
    ball = _add("ball_1", bpy.ops.mesh.primitive_uv_sphere_add,
                {"radius": 0.1, "segments": 64, "ring_count": 32, "location": (-0.12, -0.4, 0.16)},
                _material((0.85, 0.85, 0.88), metallic=1.0, roughness=0.05), smooth=True)
    return [monkey, ring, cone, ball]


def _things_beside_it(draw: random.Random) -> None:
    for index in range(5):
        angle = 0.5 + index * 2 * math.pi / 5 + draw.uniform(-0.2, 0.2)
        away = draw.uniform(0.85, 1.05)
        side = draw.uniform(0.14, 0.22)
        color = [draw.uniform(0.1, 0.8) for _ in range(3)]
        _add(f"block_{index + 1}", bpy.ops.mesh.primitive_cube_add,
             {"size": side, "location": (away * math.cos(angle), away * math.sin(angle), side / 2)},
             _material(color, roughness=0.5), turn=(0, 0, draw.uniform(0, 1.5)))


def _add(name: str, make_mesh: Callable, settings: dict, material: bpy.types.Material,
         scale: tuple = (1, 1, 1), turn: tuple = (0, 0, 0), smooth: bool = False,
         subdivide: int = 0) -> bpy.types.Object:
    make_mesh(**settings)
    thing = bpy.context.object
    thing.name = thing.data.name = name
    thing.scale, thing.rotation_euler = scale, Euler(turn)
    # Into the mesh, so that objects have a rotation and a place alone.
    bpy.ops.object.transform_apply(location=False, rotation=False, scale=True)
    if subdivide:
        modifier = thing.modifiers.new("smooth", "SUBSURF")
        modifier.levels = modifier.render_levels = subdivide
        bpy.ops.object.modifier_apply(modifier=modifier.name)
    if smooth:
        bpy.ops.object.shade_smooth()
    thing.data.materials.append(material)
    bpy.context.view_layer.update()
    return thing


def _material(color: tuple, roughness: float = 0.5, metallic: float = 0.0) -> bpy.types.Material:
    material = bpy.data.materials.new("material")
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*color, 1)
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Metallic"].default_value = metallic
    return material
