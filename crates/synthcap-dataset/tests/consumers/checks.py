"""What must be true of a loaded set, by format."""

import contextlib
import glob
import io
import json
import tarfile

import cv2
import numpy as np


def same_pixels(loaded, expected, *names):
    for ours, truth in zip(loaded, expected):
        for name in names:
            a, b = np.asarray(ours[name]), np.asarray(truth[name])
            assert a.shape == b.shape, (name, a.shape, b.shape)
            assert np.array_equal(a, b), f"{name} of sample {ours['index']} differs"


def near_depth(loaded, expected, step):
    """Depth in 16-bit steps: at most half of one off, and background where it was."""
    for ours, truth in zip(loaded, expected):
        a, b = np.asarray(ours["depth"]), truth["depth"].astype(np.float64)
        b = np.where(np.round(b / step) <= 65535, b, np.inf)
        assert np.array_equal(np.isinf(a), np.isinf(b))
        close = np.isfinite(b)
        assert close.any()
        assert np.abs(a[close] - b[close]).max() <= step / 2 + 1e-5


def visible(record):
    """The boxes [x, y, width, height] of what the camera sees, by instance ID."""
    boxes = {}
    for thing in record["objects"]:
        box = thing["views"][0]["visible_box"]
        if box:
            x0, y0, x1, y1 = box
            boxes[thing["instance_id"]] = [x0, y0, x1 - x0, y1 - y0]
    return boxes


def same_boxes(boxes, record, tolerance=0.0):
    wanted = sorted(visible(record).values())
    assert wanted, "nothing in sight"
    found = sorted([round(float(edge), 2) for edge in box] for box in boxes)
    assert len(found) == len(wanted)
    assert np.abs(np.array(found) - np.array(wanted)).max() <= tolerance


def frames(_out, loaded, expected):
    for sample, truth in zip(loaded, expected):
        record = truth["record"]
        rgb, depth = sample["rgb"], sample["depth"]
        assert rgb.dtype == np.uint8 and rgb.shape == (72, 96, 3) and rgb.std() > 10
        assert depth.dtype == np.float32 and (depth > 0).all()
        lengths = np.linalg.norm(sample["normals"], axis=2)
        near = (np.abs(lengths - 1) < 1e-4) | (lengths == 0)
        assert near.all()
        ids = {thing["instance_id"] for thing in record["objects"]}
        assert set(np.unique(sample["segmentation"])) <= ids | {0}
        counts = dict(zip(*np.unique(sample["segmentation"], return_counts=True)))
        for thing in record["objects"]:
            seen = thing["views"][0]["visible_pixels"]
            assert counts.get(thing["instance_id"], 0) == seen


def frames_options(_out, loaded, expected):
    same_pixels(loaded, expected, "depth", "normals")
    for ours, truth in zip(loaded, expected):
        u_v, valid = truth["flow"][:, :, :2], truth["flow"][:, :, 2] == 1
        assert np.array_equal(ours["valid"], valid)
        assert np.array_equal(ours["flow"][valid], u_v[valid])


def frames_kitti(_out, loaded, expected):
    near_depth(loaded, expected, 1 / 256)
    for ours, truth in zip(loaded, expected):
        u_v, valid = truth["flow"][:, :, :2], truth["flow"][:, :, 2] == 1
        held = valid & (np.abs(u_v) < 511).all(axis=2)
        assert np.array_equal(ours["valid"] & held, held)
        assert not (ours["valid"] & ~valid).any()
        if held.any():
            assert np.abs(ours["flow"][held] - u_v[held]).max() <= 1 / 128 + 1e-6


def webdataset(out, loaded, expected):
    same_pixels(loaded, expected, "rgb", "depth", "segmentation", "normals", "flow")
    for ours, truth in zip(loaded, expected):
        assert ours["objects"] == truth["record"]["objects"]
    names = sorted(glob.glob(f"{out}/train-*.tar"))
    assert len(names) == 2
    # A streaming loader needs the same keys in every sample, one after the other.
    members = [m.name for name in names for m in tarfile.open(name).getmembers()]
    keys = [name.split(".", 1) for name in members]
    per_sample = len(keys) // len(loaded)
    assert len({ext for _, ext in keys}) == per_sample
    for start in range(0, len(keys), per_sample):
        assert len({key for key, _ in keys[start : start + per_sample]}) == 1


def webdataset_datasets(_out, loaded, expected):
    same_pixels(loaded, expected, "rgb", "depth", "segmentation", "normals", "flow")
    for ours in loaded:
        assert ours["segmentation"].dtype == np.uint16


def coco(out, loaded, expected):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    same_pixels(loaded, expected, "rgb", "depth", "segmentation")
    for ours, truth in zip(loaded, expected):
        same_boxes(ours["boxes"], truth["record"])
    # A detector that finds everything just so scores 1.0.
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(f"{out}/annotations/instances.json")
        keys = ("image_id", "category_id", "bbox", "segmentation")
        perfect = [{**{k: a[k] for k in keys}, "score": 1.0} for a in truth.anns.values()]
        for kind in ("bbox", "segm"):
            found = truth.loadRes([dict(p) for p in perfect])
            score = COCOeval(truth, found, kind)
            # COCO looks at 100 detections of a class at the most.
            score.evaluate()
            score.accumulate()
            score.summarize()
            assert score.stats[0] > 0.9999, (kind, score.stats)
        # And one that is a few pixels off does not.
        moved = [{**p, "bbox": [p["bbox"][0] + 3, *p["bbox"][1:]]} for p in perfect]
        score = COCOeval(truth, truth.loadRes(moved), "bbox")
        score.evaluate()
        score.accumulate()
        score.summarize()
        assert score.stats[0] < 0.99
    panoptic = json.load(open(f"{out}/annotations/panoptic.json"))
    for annotation, sample in zip(panoptic["annotations"], expected):
        picture = cv2.imread(f"{out}/panoptic/{annotation['file_name']}")[:, :, ::-1]
        ids = picture.astype(np.uint32) @ np.array([1, 256, 65536], np.uint32)
        assert np.array_equal(ids, sample["segmentation"])
        for segment in annotation["segments_info"]:
            assert (ids == segment["id"]).sum() == segment["area"]


def hf_parquet(out, loaded, expected):
    import pyarrow.parquet

    same_pixels(loaded, expected, "rgb", "depth", "segmentation", "normals", "flow")
    for ours, truth in zip(loaded, expected):
        same_boxes(ours["boxes"], truth["record"])
    for path in glob.glob(f"{out}/data/*.parquet"):
        file = pyarrow.parquet.ParquetFile(path)
        features = json.loads(file.schema_arrow.metadata[b"huggingface"])
        assert features["info"]["features"]["rgb"] == {"_type": "Image"}
    table = pyarrow.parquet.read_table(f"{out}/data")
    pose = np.array(table["camera_to_world_opencv"].to_pylist())
    wanted = [s["record"]["views"][0]["camera_to_world_opencv"] for s in expected]
    assert np.allclose(pose, wanted, atol=0)
    names = table["objects"].to_pylist()[0]["name"]
    assert all(isinstance(name, str) for name in names)


def imagefolder(_out, loaded, expected):
    same_pixels(loaded, expected, "rgb", "segmentation")
    near_depth(loaded, expected, 1 / 1000)
    for ours, truth in zip(loaded, expected):
        same_boxes(ours["boxes"], truth["record"])


def bop(_out, loaded, expected):
    same_pixels(loaded, expected, "rgb")
    near_depth(loaded, expected, 1 / 1000)
    centers, hits = 0, 0
    for ours, truth in zip(loaded, expected):
        seen = visible(truth["record"])
        assert len(ours["objects"]) == len(seen)
        for place, instance in enumerate(sorted(seen)):
            thing = ours["objects"][place]
            mask, corners = thing["mask"], thing["corners"]
            assert np.array_equal(mask, truth["segmentation"] == instance)
            if (corners[:, 2] <= 0).any():
                continue
            # The object lies within its box, so its mask lies within the box's outline.
            hull = cv2.convexHull(thing["pixels"].astype(np.float32))
            ys, xs = np.nonzero(mask)
            inside = [cv2.pointPolygonTest(hull, (x + 0.5, y + 0.5), True) for x, y in zip(xs, ys)]
            assert min(inside) > -1.0, (thing["class"], min(inside))
            # And what depth says of its pixels lies within the box.
            z = truth["depth"][mask]
            K = ours["K"]
            points = np.stack([(xs + 0.5 - K[0, 2]) / K[0, 0] * z, (ys + 0.5 - K[1, 2]) / K[1, 1] * z, z], 1)
            axes = np.stack([corners[1] - corners[0], corners[2] - corners[0], corners[4] - corners[0]])
            lengths = np.linalg.norm(axes, axis=1)
            local = (points * 1000 - corners.mean(0)) @ (axes / np.maximum(lengths, 1e-9)[:, None]).T
            assert (np.abs(local) <= lengths / 2 + 5).all(), thing["class"]
            # The centre of a whole, uncovered object shows the object.
            state = next(o for o in truth["record"]["objects"] if o["instance_id"] == instance)
            if state["views"][0]["visibility"] > 0.99 and mask.sum() > 30:
                u, v = (K @ thing["center"])[:2] / thing["center"][2]
                x, y = int(u), int(v)
                if 0 <= x < mask.shape[1] and 0 <= y < mask.shape[0]:
                    centers += 1
                    hits += mask[y, x]
    assert centers > 5 and hits / centers > 0.7, (hits, centers)


def mcap(_out, loaded, expected):
    same_pixels(loaded, expected, "rgb", "depth", "segmentation")


def yolo(_out, loaded, expected):
    same_pixels(loaded, expected, "rgb")
    for ours, truth in zip(loaded, expected):
        same_boxes([box for _, box in ours["boxes"]], truth["record"], 0.001)
        names = {o["class"] for o in truth["record"]["objects"]}
        assert {name for name, _ in ours["boxes"]} <= names


def yolo_seg(_out, loaded, expected):
    same_pixels(loaded, expected, "rgb")
    scale = 8
    whole = []
    for ours, truth in zip(loaded, expected):
        instances = sorted(visible(truth["record"]))
        assert len(instances) == len(ours["polygons"])
        for instance, (_, points) in zip(instances, ours["polygons"]):
            mask = truth["segmentation"] == instance
            height, width = mask.shape
            canvas = np.zeros((height * scale, width * scale), np.uint8)
            cv2.fillPoly(canvas, [np.round(points * scale).astype(np.int32)], 1)
            # A pixel is in where most of it is.
            drawn = canvas.reshape(height, scale, width, scale).mean((1, 3)) > 0.5
            union = (drawn | mask).sum()
            if mask.sum() >= 100:
                whole.append((drawn & mask).sum() / union)
    assert whole and min(whole) > 0.8 and np.mean(whole) > 0.93, (min(whole), np.mean(whole))


CHECKS = {
    "frames": frames,
    "frames-options": frames_options,
    "frames-kitti": frames_kitti,
    "webdataset": webdataset,
    "webdataset-datasets": webdataset_datasets,
    "coco": coco,
    "hf-parquet": hf_parquet,
    "imagefolder": imagefolder,
    "bop": bop,
    "mcap": mcap,
    "yolo": yolo,
    "yolo-seg": yolo_seg,
}


def reader(out, name):
    """How to get the bytes of a path that a record names."""
    if name.startswith("webdataset"):
        return lambda record, path: tarfile.open(out / record["shard"]).extractfile(path).read()
    if name == "hf-parquet":
        return parquet_reader(out)
    if name == "mcap":
        return mcap_reader(out)
    return lambda _record, path: (out / path).read_bytes()


def parquet_reader(out):
    import pyarrow.parquet

    rows = {}
    for path in glob.glob(f"{out}/data/*.parquet"):
        for row in pyarrow.parquet.read_table(path).to_pylist():
            rows[row["index"]] = row

    def read(record, path):
        cell = rows[record["index"]][path.split("/")[0]]
        return cell["bytes"] if isinstance(cell, dict) else cell

    return read


def mcap_reader(out):
    from mcap.reader import make_reader

    messages = {}
    for path in glob.glob(f"{out}/capture-*.mcap"):
        with open(path, "rb") as file:
            for _, channel, message in make_reader(file).iter_messages():
                messages[message.sequence, channel.topic] = message.data
    return lambda record, path: messages[record["index"], path]
