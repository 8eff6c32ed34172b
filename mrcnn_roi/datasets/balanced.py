"""What a split that balances classes goes by: the objects of each class in each image, and which images are copies."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence

import numpy as np

from mrcnn_roi.datasets.base import Dataset
from mrcnn_roi.datasets.facts import path_of, sha1_of
from mrcnn_roi.datasets.scan import scan_dataset
from mrcnn_roi.datasets.stratify import divide

Progress = Callable[[int, int], object]


def class_counts(dataset: Dataset, progress: Progress | None = None) -> np.ndarray:
    """int [I, K]: the objects of each class in each image, crowds not counted; column 0, the background, is 0.

    From load_boxes, and from load_mask of images of which it says nothing. An image whose annotations cannot be loaded
    has no objects here; the preflight reports it.
    """
    scan = scan_dataset(dataset, fast=True, progress=progress)
    counts = np.zeros((len(dataset.image_info), len(dataset.class_info)), np.int64)
    known = (scan.class_id > 0) & (scan.class_id < counts.shape[1])
    np.add.at(counts, (scan.instance_image[known], scan.class_id[known]), 1)
    for row in np.flatnonzero(~scan.instances_known).tolist():
        with contextlib.suppress(Exception):  # a user's class may raise anything
            ids = np.asarray(dataset.load_mask(row)[1]).astype(np.int64)
            np.add.at(counts[row], ids[(ids > 0) & (ids < counts.shape[1])], 1)
    return counts


def copies(dataset: Dataset) -> list[int]:
    """For each image the first one whose file has the same bytes, mostly itself. Only files of one size are read."""
    by_size: dict[int, list[int]] = {}
    first = list(range(len(dataset.image_info)))
    for row, info in enumerate(dataset.image_info):
        with contextlib.suppress(OSError, ValueError):
            if os.path.isfile(path_of(info)):
                by_size.setdefault(os.stat(path_of(info)).st_size, []).append(row)
    for rows in by_size.values():
        seen: dict[str, int] = {}
        for row in rows if len(rows) > 1 else ():
            with contextlib.suppress(OSError):
                first[row] = seen.setdefault(sha1_of(path_of(dataset.image_info[row])), row)
    return first


def balanced_rows(
    dataset: Dataset, fractions: Sequence[float], seed: int = 0, counts: np.ndarray | None = None
) -> list[list[int]]:
    """The image numbers of each part, ascending; see `split.balanced_split`. counts: what class_counts returned."""
    shares = _checked(fractions)
    counts = class_counts(dataset) if counts is None else counts
    units: dict[int, list[int]] = {}
    for row, owner in enumerate(copies(dataset)):
        units.setdefault(owner, []).append(row)
    if len(units) < len(shares):
        count = f"{len(counts)} ({len(units)} different ones)"
        raise ValueError(f"expected at least {len(shares)} images to split, received {count}")
    ranks = [_rank(dataset, row, seed) for row in range(len(counts))]
    listed = sorted(units.values(), key=lambda rows: sorted(ranks[row] for row in rows))
    empty = counts.sum(axis=1) == 0  # a class of their own
    table = np.array([[*counts[rows].sum(axis=0), empty[rows].sum(), len(rows)] for rows in listed])
    part = divide(table, shares)
    return [sorted(row for rows, own in zip(listed, part) if own == p for row in rows) for p in range(len(shares))]


def _checked(fractions: Sequence[float]) -> list[float]:
    shares = [float(each) for each in fractions]
    if len(shares) < 2 or not all(0 < each < 1 for each in shares) or abs(sum(shares) - 1) > 1e-6:
        raise ValueError(f"expected fractions of two or more parts that sum to 1, received {tuple(fractions)}")
    return shares


def _rank(dataset: Dataset, row: int, seed: int) -> tuple[bytes, str]:
    """What the order of images is made of: the seed and the image's source and id, not its number."""
    key = f"{seed}/{dataset.image_info[row]['source']}.{dataset.image_info[row]['id']}"
    return hashlib.sha1(key.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest(), key
