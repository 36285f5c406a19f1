"""The protobuf stubs, made from the project's schema when first needed.

The schema is `proto/uesynth.proto` of this repository, or the file that the
environment variable SYNTHCAP_PROTO names. The stubs are kept in the user's cache
folder under a name made from the schema's content and the generator's version,
so a changed schema never meets old stubs.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import os
import pathlib
import sys
import tempfile
from types import ModuleType


def schema_path() -> pathlib.Path:
    """Where the schema is."""
    named = os.environ.get("SYNTHCAP_PROTO")
    path = pathlib.Path(named) if named else (
        pathlib.Path(__file__).resolve().parents[3] / "proto" / "uesynth.proto"
    )
    if not path.is_file():
        sys.exit(f"there is no schema at {path}; set SYNTHCAP_PROTO to the path of uesynth.proto")
    return path


def _cache_folder() -> pathlib.Path:
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "synthcap-engine"


def _generate(schema: pathlib.Path, folder: pathlib.Path) -> None:
    from grpc_tools import protoc

    include = pathlib.Path(protoc.__file__).parent / "_proto"
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Made aside and moved into place, so that two starts at once do no harm.
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        failed = protoc.main([
            "protoc", f"-I{schema.parent}", f"-I{include}",
            f"--python_out={made}", f"--grpc_python_out={made}", schema.name,
        ])
        if failed:
            sys.exit(f"{schema} does not compile; is it the project's schema?")
        try:
            os.rename(made, folder)
        except OSError:
            if not folder.is_dir():
                raise
        else:
            # The context manager finds nothing left to remove.
            pathlib.Path(made).mkdir()


def load() -> tuple[ModuleType, ModuleType]:
    """The modules of messages and of the service."""
    schema = schema_path()
    version = importlib.metadata.version("grpcio-tools")
    digest = hashlib.sha256(schema.read_bytes() + version.encode()).hexdigest()[:16]
    folder = _cache_folder() / digest
    if not folder.is_dir():
        _generate(schema, folder)
    sys.path.insert(0, str(folder))
    try:
        name = schema.stem
        return importlib.import_module(f"{name}_pb2"), importlib.import_module(f"{name}_pb2_grpc")
    finally:
        sys.path.remove(str(folder))


pb, pb_grpc = load()
