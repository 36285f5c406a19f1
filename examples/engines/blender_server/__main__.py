"""Serves a scene rendered by Blender's Cycles: `python -m blender_server --help`."""

from synthcap_engine import Limits, arguments, serve, size

from .engine import BlenderEngine


def main() -> None:
    parser = arguments(__doc__, port=50052)
    parser.add_argument("--blend", metavar="FILE",
                        help="a .blend file to serve instead of the built-in scene")
    parser.add_argument("--samples", type=int, default=16, metavar="N",
                        help="paths per pixel of a colour image [16]")
    args = parser.parse_args()
    width, height = size(args.size)
    limits = Limits(max_width=4096, max_height=4096, max_in_flight=16)
    serve(args, lambda: BlenderEngine(args.blend, args.seed, width, height, args.samples), limits)


if __name__ == "__main__":
    main()
