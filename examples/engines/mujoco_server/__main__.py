"""Serves a MuJoCo model: `python -m mujoco_server --help`."""

import os

# A machine without a display draws by EGL; must be said before MuJoCo is loaded.
os.environ.setdefault("MUJOCO_GL", "egl")

from synthcap_engine import Limits, arguments, serve, size

from .engine import MujocoEngine
from .renderer import LARGEST


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--model", default="arm", metavar="arm|humanoid|FILE",
                        help="a robot arm over a table, a humanoid, or your own MJCF file [arm]")
    parser.add_argument("--samples", type=int, default=4, choices=[0, 2, 4, 8], metavar="N",
                        help="antialiasing of colour images; 0 is several times as fast on a "
                        "machine without a GPU [4]")
    args = parser.parse_args()
    width, height = size(args.size)
    limits = Limits(max_width=LARGEST, max_height=LARGEST)
    serve(args, lambda: MujocoEngine(args.model, args.seed, width, height, args.samples), limits)


if __name__ == "__main__":
    main()
