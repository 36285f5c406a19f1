"""Loads data sets with the libraries that people train with.

    python run.py SYNTHCAP FOLDER [FORMAT ...]

Captures the same frames in every format with the program SYNTHCAP into FOLDER, loads
each set with the Python of docs/formats.md exactly as it stands there, and compares
what was loaded, pixel by pixel, with the plain frames layout.
"""

import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import checks

REPOSITORY = Path(__file__).resolve().parents[4]
GUIDE = REPOSITORY / "docs" / "formats.md"
SAMPLES = 6
# Fewer samples in a file than in the set, so that there are several files.
FORMATS = {
    "frames": "frames",
    "frames-options": "frames:depth=exr,flow=flo,normals=exr",
    "frames-kitti": "frames:depth=kitti,flow=kitti",
    "webdataset": "webdataset:samples=4",
    "webdataset-datasets": "webdataset:samples=4",
    "coco": "coco",
    "hf-parquet": "hf-parquet:samples=4",
    "imagefolder": "imagefolder",
    "bop": "bop",
    "mcap": "mcap:samples=4",
    "yolo": "yolo",
    "yolo-seg": "yolo-seg",
}
PACKAGES = (
    "webdataset pycocotools datasets pyarrow mcap mcap-protobuf-support numpy "
    "opencv-python-headless OpenEXR pillow PyYAML"
).split()


def snippet(name):
    """The Python under a heading of the guide."""
    text = GUIDE.read_text()
    section = re.search(rf"^## {re.escape(name)}\n(.*?)(?=^## |\Z)", text, re.S | re.M)
    code = re.search(r"^```python\n(.*?)^```", section.group(1), re.S | re.M)
    return code.group(1)


def capture(synthcap, out, formats):
    command = [synthcap, "capture", "--frames", str(SAMPLES), "--size", "96x72"]
    command += ["--seed", "7", "--randomize", "--license", "CC0-1.0", "--out", str(out)]
    for spec in formats:
        command += ["--format", spec]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"


def run_snippet(name, folder):
    """What the guide's Python leaves behind, run in a folder with `demo` in it."""
    names = {}
    before = os.getcwd()
    os.chdir(folder)
    try:
        exec(compile(snippet(name), f"docs/formats.md, {name}", "exec"), names)
    finally:
        os.chdir(before)
    return names


def truth(folder):
    """The frames layout, loaded as the guide says, with its records."""
    names = run_snippet("frames", folder)
    records = [json.loads(line) for line in open(folder / "demo" / "frames.jsonl")]
    assert len(names["samples"]) == len(records) == SAMPLES
    for sample, record in zip(names["samples"], records):
        sample["record"] = record
    return names["samples"]


def card(out):
    """What every set says of itself."""
    manifest = json.load(open(out / "manifest.json"))
    assert manifest["complete"] and manifest["samples"] == SAMPLES
    assert manifest["seed"] == 7 and manifest["license"] == "CC0-1.0"
    assert manifest["source"]["engine"] and manifest["source"]["engine_version"]
    assert manifest["classes"] and all(c["name"] for c in manifest["classes"])
    assert manifest["statistics"]["labels"] > SAMPLES
    assert manifest["description"]["conventions"]["intrinsics"]
    text = (out / "README.md").read_text()
    assert "## Units and conventions" in text and 'license: "cc0-1.0"' in text
    assert (out / "preview.png").exists()
    entries = sorted(os.listdir(out))
    assert entries == manifest["entries"], (entries, manifest["entries"])


def train(out, name, expected, samples=SAMPLES):
    """Two epochs over all bytes of a set, checked against its frames.jsonl."""
    for _ in range(2):
        count = 0
        read = checks.reader(out, name)
        for line in open(out / "frames.jsonl"):
            record = json.loads(line)
            assert record["index"] == count
            files = [f for view in record["views"] for f in view["files"].values()]
            for file in files + record.get("files", []):
                content = read(record, file["path"])
                assert len(content) == file["bytes"], file
                assert hashlib.sha256(content).hexdigest() == file["sha256"], file
            for key in ("tick", "objects", "randomization"):
                if count < len(expected):
                    assert record[key] == expected[count]["record"][key], (name, key)
            count += 1
        assert count == samples


def main():
    synthcap, folder, *chosen = sys.argv[1:]
    folder = Path(folder).resolve()
    os.environ["HF_HOME"] = str(folder / "huggingface")
    os.environ["HF_HUB_OFFLINE"] = "1"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    synthcap = str(Path(synthcap).resolve())
    print(", ".join(f"{p} {importlib.metadata.version(p)}" for p in PACKAGES))
    capture(synthcap, folder / "frames" / "demo", [FORMATS["frames"]])
    expected = truth(folder / "frames")
    for name, spec in FORMATS.items():
        if chosen and name not in chosen:
            continue
        if name != "frames":
            capture(synthcap, folder / name / "demo", [spec])
        out = folder / name / "demo"
        card(out)
        loaded = run_snippet(name, folder / name)["samples"]
        assert [s["index"] for s in loaded] == list(range(SAMPLES)), name
        checks.CHECKS[name](out, loaded, expected)
        train(out, name, expected)
        print(f"{name}: ok")
    if not chosen:
        together(synthcap, folder, expected)
        print("several formats at once: ok")
        full_disk(synthcap, folder)


def full_disk(synthcap, folder):
    """A disk that fills up ends a set where it is whole, in every format."""
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        print("a full disk: SKIPPED, for no file system can be mounted here")
        return
    for name, spec in FORMATS.items():
        disk, kept = folder / "disk", folder / "full" / name
        disk.mkdir(exist_ok=True)
        kept.mkdir(parents=True)
        script = (
            'mount -t tmpfs -o size=2500k none "$1" || exit 99; '
            '"$2" capture --frames 40 --size 96x72 --seed 7 --randomize --out "$1/demo" '
            '--format "$3"; code=$?; cp -r "$1/." "$4"; exit $code'
        )
        command = ["unshare", "-rm", "sh", "-c", script, "sh", disk, synthcap, spec, kept]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 6, (name, done.returncode, done.stderr)
        assert "free some space" in done.stderr, done.stderr
        manifest = json.load(open(kept / "demo" / "manifest.json"))
        assert not manifest["complete"] and 0 < manifest["samples"] < 40, (name, manifest)
        train(kept / "demo", name, [], manifest["samples"])
        print(f"a full disk, {name}: {manifest['samples']} samples whole")


def together(synthcap, folder, expected):
    """Several formats of one capture are what each would be alone."""
    out = folder / "together"
    names = ["coco", "webdataset", "yolo"]
    capture(synthcap, out, names)
    top = json.load(open(out / "manifest.json"))
    assert top["formats"] == names and top["complete"]
    lines = {(out / name / "frames.jsonl").read_text().count("\n") for name in names}
    assert lines == {SAMPLES}
    for name in ("coco", "yolo"):
        alone = folder / name / "demo"
        for path in sorted((out / name).rglob("*.png")):
            same = alone / path.relative_to(out / name)
            assert path.read_bytes() == same.read_bytes(), path


main()
