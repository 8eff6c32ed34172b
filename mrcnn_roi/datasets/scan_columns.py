"""The facts of many images as columns: what worker processes send, the cache keeps, and a Scan is made of.

Columns are a dict of arrays: one value an image [I] (NUMBERS, TEXTS), one an instance [M] (INSTANCES), `count` [I] the
instances of each image, and two dicts "error" and "mask_error" from row to (code, text).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mrcnn_roi.datasets.facts import MEANS, ImageFacts

Columns = dict[str, Any]

NUMBERS: dict[str, Any] = {
    "height": np.int64,
    "width": np.int64,
    "channels": np.int64,
    "declared_height": np.int64,
    "declared_width": np.int64,
    "exif_orientation": np.int64,
    "exif_applied": np.int64,
    "mask_distinct": np.int64,
    "dtype_max": np.float64,
    "value_min": np.float64,
    "value_max": np.float64,
    "mask_max": np.float64,
    "load_seconds": np.float64,
    "file_size": np.int64,
    "file_time": np.int64,
    "alpha_varies": np.bool_,
    "read": np.bool_,
    "instances_known": np.bool_,
}
TEXTS = ("dtype", "mode", "file_format", "sha1", "mask_dtype", "unmasked")
INSTANCES = {"class_ids": (), "boxes": (4,), "areas": (), "duplicates": (), "crossings": ()}
ERRORS = ("error", "mask_error")
MASK_RANK = 4  # the axes of a mask's shape that are kept


def pack(facts: Sequence[ImageFacts]) -> Columns:
    """The columns of these images, in order."""
    columns: Columns = {name: np.array([getattr(each, name) for each in facts], kind) for name, kind in NUMBERS.items()}
    columns |= {name: np.array([getattr(each, name) for each in facts], np.str_) for name in TEXTS}
    columns["channel_mean"] = np.array([each.channel_mean for each in facts], np.float64).reshape(-1, MEANS)
    columns["mask_shape"] = np.array([_padded(each.mask_shape) for each in facts], np.int64).reshape(-1, MASK_RANK)
    columns["count"] = np.array([len(each.class_ids) for each in facts], np.int64)
    for name, shape in INSTANCES.items():
        parts = [np.asarray(getattr(each, name)).reshape(-1, *shape) for each in facts]
        columns[name] = np.concatenate([np.zeros((0, *shape), np.int64), *parts]).astype(np.int64)
    for name in ERRORS:
        errors = {row: getattr(each, name) for row, each in enumerate(facts)}
        columns[name] = {row: error for row, error in errors.items() if error is not None}
    return columns


def join(parts: Sequence[Columns]) -> Columns:
    """The columns of all parts, one after the other."""
    parts = [pack(()), *parts]
    columns: Columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0] if name not in ERRORS}
    starts = np.cumsum([0, *(len(part["count"]) for part in parts)]).tolist()
    for name in ERRORS:
        columns[name] = {start + row: each for start, part in zip(starts, parts) for row, each in part[name].items()}
    return columns


def select(columns: Columns, rows: np.ndarray) -> Columns:
    """The columns of these rows, in the order of `rows`."""
    counts = columns["count"]
    starts = np.cumsum(counts) - counts
    taken = counts[rows]
    inside = np.arange(taken.sum()) - np.repeat(np.cumsum(taken) - taken, taken)
    instances = np.repeat(starts[rows], taken) + inside
    chosen: Columns = {
        name: column[instances if name in INSTANCES else rows] for name, column in columns.items() if name not in ERRORS
    }
    for name in ERRORS:
        errors = columns[name]
        chosen[name] = {new: errors[old] for new, old in enumerate(rows.tolist()) if old in errors}
    return chosen


def mask_shapes(column: np.ndarray) -> list[tuple[int, ...]]:
    """The shapes that `pack` was given; () where the masks were not read."""
    return [tuple(side for side in row if side >= 0) for row in column.tolist()]


def _padded(shape: tuple[int, ...]) -> list[int]:
    return [*shape, *[-1] * MASK_RANK][:MASK_RANK]
