"""The models that are served: real robots from PyPI, and what stands around them."""

from __future__ import annotations

import math
import pathlib
import random
from dataclasses import dataclass, field

import mujoco

# Seconds of a physics step, and steps of a tick.
TIMESTEP_S = 1 / 240
STEPS_PER_TICK = 4


@dataclass
class Drive:
    """A joint that follows a sine about its home position."""

    actuator: str
    home: float
    amplitude: float
    period_s: float
    phase: float

    def target(self, time_s: float) -> float:
        """The position to be at; starts from home without a jerk."""
        ramp = min(time_s, 1.0)
        angle = 2 * math.pi * time_s / self.period_s + self.phase
        return self.home + self.amplitude * ramp * math.sin(angle)


@dataclass
class Recipe:
    """A model to be compiled, its drives, and where the camera starts: at `eye`,
    looking at `target` (metres)."""

    spec: mujoco.MjSpec
    drives: list[Drive] = field(default_factory=list)
    home: dict[str, float] = field(default_factory=dict)
    eye: tuple[float, float, float] = (1.6, -1.1, 1.2)
    target: tuple[float, float, float] = (0.0, 0.0, 0.55)


def make(model: str, seed: int) -> Recipe:
    """The recipe of "arm", "humanoid" or an MJCF file."""
    if model == "arm":
        return _arm(seed)
    if model == "humanoid":
        return _humanoid(seed)
    path = pathlib.Path(model)
    if not path.is_file():
        raise SystemExit(f'error: there is no MJCF file "{model}"; or take arm or humanoid')
    return _tuned(Recipe(mujoco.MjSpec.from_file(str(path)), eye=(2.5, -2.5, 2.0)))


def _models() -> pathlib.Path:
    import dm_control

    return pathlib.Path(dm_control.__file__).parent


def _tuned(recipe: Recipe) -> Recipe:
    spec = recipe.spec
    spec.option.timestep = TIMESTEP_S
    # Round things are drawn as polyhedra. The finer they are, the closer depth
    # comes to the shape that physics and normals know.
    spec.visual.quality.numslices = 64
    spec.visual.quality.numstacks = 32
    spec.visual.quality.shadowsize = 1024
    return recipe


def _room(spec: mujoco.MjSpec) -> None:
    spec.add_texture(
        name="sky", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.72, 0.80, 0.88], rgb2=[0.32, 0.40, 0.50], width=256, height=1536,
    )
    spec.add_texture(
        name="tiles", type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
        rgb1=[0.55, 0.57, 0.60], rgb2=[0.45, 0.47, 0.50], width=256, height=256,
    )
    textures = [""] * mujoco.mjtTextureRole.mjNTEXROLE
    textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "tiles"
    spec.add_material(name="tiles", textures=textures, texrepeat=[6, 6], reflectance=0.08)
    world = spec.worldbody
    # A box, not a plane: a plane has no end, and so no bounding box.
    world.add_geom(name="floor", type=mujoco.mjtGeom.mjGEOM_BOX, size=[4, 4, 0.05],
                   pos=[0, 0, -0.05], material="tiles")
    world.add_light(name="sun", type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, pos=[1, -1, 4],
                    dir=[-0.3, 0.35, -1], diffuse=[0.65, 0.63, 0.6], castshadow=True)
    world.add_light(name="fill", pos=[-2, -2, 3], dir=[0.5, 0.5, -0.7],
                    diffuse=[0.2, 0.22, 0.26], castshadow=False)
    spec.visual.headlight.ambient = [0.28, 0.28, 0.3]
    spec.visual.headlight.diffuse = [0.15, 0.15, 0.15]
    spec.visual.map.znear = 0.01
    spec.visual.map.zfar = 20


TABLE_TOP_M = 0.42


def _table(spec: mujoco.MjSpec) -> None:
    wood = [0.62, 0.44, 0.28, 1]
    box = mujoco.mjtGeom.mjGEOM_BOX
    world = spec.worldbody
    world.add_geom(name="table", type=box, size=[0.65, 0.5, 0.02],
                   pos=[0.15, 0, TABLE_TOP_M - 0.02], rgba=wood)
    for index, (x, y) in enumerate([(-0.46, -0.46), (-0.46, 0.46), (0.76, -0.46), (0.76, 0.46)]):
        world.add_geom(name=f"table_leg_{index + 1}", type=box, rgba=wood,
                       size=[0.03, 0.03, TABLE_TOP_M / 2 - 0.02],
                       pos=[x, y, TABLE_TOP_M / 2 - 0.02])


# Class -> geom type, half sizes in metres, how far its centre lies above the table.
_THINGS = {
    "cube": (mujoco.mjtGeom.mjGEOM_BOX, [0.032, 0.032, 0.032], 0.032),
    "box": (mujoco.mjtGeom.mjGEOM_BOX, [0.05, 0.03, 0.07], 0.07),
    "can": (mujoco.mjtGeom.mjGEOM_CYLINDER, [0.033, 0.06, 0], 0.06),
    "ball": (mujoco.mjtGeom.mjGEOM_SPHERE, [0.037, 0, 0], 0.037),
    "egg": (mujoco.mjtGeom.mjGEOM_ELLIPSOID, [0.045, 0.03, 0.03], 0.03),
    "pill": (mujoco.mjtGeom.mjGEOM_CAPSULE, [0.022, 0.05, 0], 0.072),
}
_PALETTE = [
    [0.85, 0.20, 0.16, 1], [0.95, 0.62, 0.10, 1], [0.22, 0.55, 0.30, 1], [0.16, 0.38, 0.72, 1],
    [0.55, 0.28, 0.62, 1], [0.92, 0.85, 0.30, 1], [0.20, 0.62, 0.65, 1], [0.90, 0.90, 0.88, 1],
]


def _things(spec: mujoco.MjSpec, seed: int) -> None:
    """Two of each class on the table, on a grid with jitter, so that none begins
    inside another."""
    draw = random.Random(seed)
    places = [(x, y) for x in (0.1, 0.27, 0.44, 0.61) for y in (-0.36, -0.18, 0.0, 0.18, 0.36)]
    draw.shuffle(places)
    names = [f"{kind}_{i}" for kind in _THINGS for i in (1, 2)]
    for index, (name, (x, y)) in enumerate(zip(names, places)):
        kind, size, above = _THINGS[name.split("_")[0]]
        yaw = draw.uniform(0, math.pi)
        jitter = (draw.uniform(-0.02, 0.02), draw.uniform(-0.02, 0.02))
        body = spec.worldbody.add_body(
            name=name, pos=[x + jitter[0], y + jitter[1], TABLE_TOP_M + above],
            quat=[math.cos(yaw / 2), 0, 0, math.sin(yaw / 2)],
        )
        body.add_freejoint()
        body.add_geom(name=name, type=kind, size=size, density=400,
                      rgba=_PALETTE[index % len(_PALETTE)], condim=4,
                      friction=[0.9, 0.02, 0.002])


def _arm(seed: int) -> Recipe:
    """A Kinova Jaco arm with its three-fingered hand over a table with things."""
    spec = mujoco.MjSpec()
    spec.modelname = "arm"
    _room(spec)
    _table(spec)
    _things(spec, seed)
    kinova = _models() / "third_party" / "kinova"
    arm = mujoco.MjSpec.from_file(str(kinova / "jaco_arm.xml"))
    hand = mujoco.MjSpec.from_file(str(kinova / "jaco_hand.xml"))
    arm.attach(hand, prefix="gripper/", frame=arm.body("b_6").add_frame())
    base = spec.worldbody.add_frame(pos=[-0.3, 0, TABLE_TOP_M])
    spec.attach(arm, prefix="robot_arm/", frame=base)
    for body in spec.bodies:
        if body.name.startswith("robot_arm/"):
            # Motors that only have to move, not to carry.
            body.gravcomp = 1
    draw = random.Random(seed + 1)
    home = {"joint_1": 1.57, "joint_2": 3.9, "joint_3": 1.6, "joint_4": 0.0, "joint_5": 1.2,
            "joint_6": 0.5, "gripper/finger_1": 0.6, "gripper/finger_2": 0.6,
            "gripper/finger_3": 0.6}
    recipe = Recipe(spec, home={f"robot_arm/{name}": at for name, at in home.items()})
    for name, at in recipe.home.items():
        finger = "finger" in name
        motor = spec.add_actuator(
            name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT,
        )
        motor.set_to_position(kp=5 if finger else 600, kv=0.5 if finger else 120)
        recipe.drives.append(Drive(
            name, at, 0.3 if finger else 0.35, draw.uniform(2.5, 4.5), draw.uniform(0, 6.28)
        ))
    recipe.eye, recipe.target = (1.55, -1.15, 1.2), (0.17, 0.0, 0.52)
    return _tuned(recipe)


def _humanoid(seed: int) -> Recipe:
    """The humanoid of the control suite on a floor, its joints driven."""
    path = _models() / "suite" / "humanoid.xml"
    spec = mujoco.MjSpec.from_file(str(path))
    spec.modelname = "humanoid"
    draw = random.Random(seed)
    drives = [
        Drive(motor.name, 0.0, draw.uniform(0.3, 0.8), draw.uniform(1, 3), draw.uniform(0, 6.28))
        for motor in spec.actuators
    ]
    return _tuned(Recipe(spec, drives, eye=(2.6, -2.4, 1.8), target=(0.0, 0.0, 1.0)))
