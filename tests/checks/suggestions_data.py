"""Data for the tests of the suggestions: scans without images, of any size, and the splits of toy datasets."""

import dataclasses

import numpy as np

from mrcnn_roi.checks.splits import Split, mold
from mrcnn_roi.config import Config
from mrcnn_roi.datasets.scan import scan_dataset

from .toy import Toy, sample


class Mine(Config):
    NAME = "mine"
    NUM_CLASSES = 1 + 1
    STEPS_PER_EPOCH = 20


def mine(**attributes) -> Config:
    return Mine().replaced(attributes)


def splits_of(config, **datasets) -> list[Split]:
    """The splits by name, each scanned."""
    scans = {name: scan_dataset(dataset) for name, dataset in datasets.items()}
    return [Split(name, datasets[name], scan, mold(config, scan)) for name, scan in scans.items()]


def joined(*splits, **values) -> list[Split]:
    """[train]: the objects of several synthetic scans of the same images, and other `values` of the scan."""
    scans = [split.scan for split in splits]
    columns = ("instance_image", "instance_index", "class_id", "box", "mask_area", "duplicate_of")
    together = {name: np.concatenate([getattr(scan, name) for scan in scans]) for name in columns}
    together["instance_names"] = [name for scan in scans for name in scan.instance_names]
    return [dataclasses.replace(splits[0], scan=dataclasses.replace(scans[0], **{**together, **values}))]


def synthetic(
    images=40, size=(480, 640), per_image=5, side=80.0, aspect=1.0, spread=0.2, classes=("car",), shares=None, sizes=()
):
    """[train]: a scan of `images` images of size (height, width), or of `sizes` in turn, with objects of about
    side x side pixels, height / width `aspect`, scattered at random."""
    sizes = sizes or [size]
    rng, one = np.random.default_rng(0), Toy([sample([(1, 1, 9, 9)], ids=[1])], classes=classes)
    count, row = images * per_image, np.repeat(np.arange(images), per_image)
    shape = np.array([sizes[i % len(sizes)] for i in range(images)])
    lengths = side * np.exp(rng.normal(0, spread, count))
    sides = np.stack([lengths * aspect**0.5, lengths / aspect**0.5], axis=1).astype(int).clip(1, shape[row])
    corners = (rng.random((count, 2)) * (shape[row] - sides)).astype(int)
    scan = scan_dataset(one)
    values = {
        "image_ids": np.arange(images),
        "names": [f"{i}.jpg" for i in range(images)],
        "height": shape[:, 0],
        "width": shape[:, 1],
        "image_errors": {},
        "mask_errors": {},
        "instance_image": row,
        "instance_index": np.arange(count) % per_image,
        "instance_names": [f"instance {i}" for i in range(count)],
        "class_id": rng.choice(np.arange(1, len(classes) + 1), count, p=shares),
        "box": np.concatenate([corners, corners + sides], axis=1),
        "mask_area": sides.prod(axis=1),
        "duplicate_of": np.full(count, -1),
    }
    for name in ("channels", "dtype_max", "value_min", "value_max", "channel_mean", "read", "instances_known"):
        values[name] = np.repeat(getattr(scan, name), images, axis=0)
    return [Split("train", one, dataclasses.replace(scan, **values))]
