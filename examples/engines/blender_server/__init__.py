"""Blender's Cycles behind the kit, on the CPU: `python -m blender_server`.

`bpy` is licensed under the GPL, so this package is too wherever it is used with
it; it talks to the rest of the project over the network only.
"""
