"""MuJoCo behind the kit: `python -m mujoco_server`."""
