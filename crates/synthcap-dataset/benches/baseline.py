"""The usual Python script: OpenCV, NumPy, json, one sample after the other.

    python baseline.py FRAMES OUT SAMPLES

FRAMES is a set in the frames layout; its images are held in memory and written again
and again. `plain` writes a picture, an array, a label picture and a JSON file for each
sample; `coco` a picture, an array, a label picture, and a box and a run-length mask for
each object into one JSON file at the end.
"""

import json
import shutil
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as masks


def load(folder):
    samples = []
    for line in open(folder / "frames.jsonl"):
        record = json.loads(line)
        path = {n: str(folder / f["path"]) for n, f in record["views"][0]["files"].items()}
        rgb = cv2.imread(path["rgb"])
        depth = np.load(path["depth"])
        ids = cv2.imread(path["segmentation"], cv2.IMREAD_UNCHANGED)
        samples.append((rgb, depth, ids, record))
    return samples


def images(out, index, rgb, depth, ids):
    cv2.imwrite(f"{out}/{index:06}_rgb.png", rgb)
    np.save(f"{out}/{index:06}_depth.npy", depth)
    cv2.imwrite(f"{out}/{index:06}_segmentation.png", ids)


def plain(out, samples, count):
    for index in range(count):
        rgb, depth, ids, record = samples[index % len(samples)]
        images(out, index, rgb, depth, ids)
        with open(f"{out}/{index:06}.json", "w") as file:
            json.dump(record, file)


def coco(out, samples, count):
    pictures, annotations = [], []
    for index in range(count):
        rgb, depth, ids, record = samples[index % len(samples)]
        images(out, index, rgb, depth, ids)
        pictures.append({"id": index, "file_name": f"{index:06}_rgb.png"})
        classes = {o["instance_id"]: o["class_id"] for o in record["objects"]}
        for instance in np.unique(ids):
            if instance == 0:
                continue
            mask = ids == instance
            rows, columns = np.any(mask, 1).nonzero()[0], np.any(mask, 0).nonzero()[0]
            run_lengths = masks.encode(np.asfortranarray(mask.astype(np.uint8)))
            annotations.append({
                "id": len(annotations) + 1,
                "image_id": index,
                "category_id": classes[int(instance)],
                "bbox": [int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1],
                "area": int(mask.sum()),
                "iscrowd": 0,
                "segmentation": {"size": list(ids.shape), "counts": run_lengths["counts"].decode()},
            })
    with open(f"{out}/instances.json", "w") as file:
        json.dump({"images": pictures, "annotations": annotations}, file)


def main():
    frames, out, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    samples = load(frames)
    for script in (plain, coco):
        folder = out / f"python-{script.__name__}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        start = time.perf_counter()
        script(folder, samples, count)
        took = time.perf_counter() - start
        size = sum(path.stat().st_size for path in folder.iterdir())
        name = f"python, {script.__name__}"
        print(f"{name:<24} {count / took:8.1f} samples/s  {size / count / 2**20:7.3f} MiB each")
        shutil.rmtree(folder)


main()
