"""Which coordinates RoIs hold: their frame (normalized, pixels, cells of a map) and the order of the columns.

The reading is decided here once, so that one mistake is reported by one check. Where ground truth is given
it decides; without it only what the numbers themselves show is claimed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import permutations

import numpy as np

from mrcnn_roi.checks.any_array import as_array, is_floating, is_number, places
from mrcnn_roi.checks.pooling_inputs import ImageMeta, ImageSizes
from mrcnn_roi.checks.roi_matching import beyond_chance, read_gt, recall
from mrcnn_roi.ops.anchors import feature_shapes
from mrcnn_roi.ops.boxes import nonzero_rows, norm_boxes, scale_boxes

NORMALIZED, PIXELS, ORIGINAL_PIXELS = "normalized", "pixels", "pixels of the original image"
CELLS, UNKNOWN = "cells", "unknown"
YXYX, XYXY, YXHW = "(y1, x1, y2, x2)", "(x1, y1, x2, y2)", "(y, x, h, w)"

# Normalized coordinates of unclipped proposals may leave 0..1, hardly -2..2; a few outliers may go further.
LARGEST_NORMALIZED, LARGEST_OUTLIER = 2.0, 16.0
TOLERANCE = 1e-6  # a float32 box of the whole image may end at 1 + 1e-7
REFUTED_RECALL, CONFIRMED_RECALL = 0.3, 0.7
RARE_MARGIN = 0.1  # by which mistakes that are made less often than others must beat chance
WRONG_SIZES = (0.5, 2.0, 0.25, 4.0)  # of the molded image's: what a size from another config or scale usually is
SAME_SIZE = 64  # pixels by which what is said of the image's size may differ: maps know it up to a cell
MOST_ORDERED = 3  # images, of which every order is tried

Reading = tuple[dict, tuple[np.ndarray, np.ndarray]]  # see readings


@dataclass(frozen=True)
class Rois:
    """RoIs and how to read them.

    received: as passed; array: [B, N, 4] where that can be told, with the batch axis added to [N, 4].
    values [M, 4] float64: the finite rows that are not padding; places [M, (image, row)]. padding [P, (image, row)]:
    zero rows that went through norm_boxes, which are not among the values.
    image_shape: (height, width) of the molded image in pixels, None where nobody knows it.
    frame: one of the constants above, "" where the values say nothing (wrong rank, last dimension or dtype).
    columns: their order. stride: pixels a cell, for the frame CELLS. matched: the ground truth said so, and said
    what else is wrong: normalized_by, another (height, width) than image_shape; order, rois[order] finds it.
    """

    received: np.ndarray
    array: np.ndarray
    values: np.ndarray
    places: np.ndarray
    image_shape: tuple[int, int] | None
    image_meta: ImageMeta | None
    padding: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    frame: str = ""
    columns: str = YXYX
    stride: int = 1
    matched: bool = False
    normalized_by: tuple[int, int] | None = None
    order: tuple[int, ...] = ()

    def where(self, indices: np.ndarray) -> str:
        """Places [M, (image, row)] as text, by the indices of what was received."""
        return places("rois", indices[:, 2 - min(self.received.ndim - 1, 2) :])


def read_rois(value, sizes: ImageSizes, meta: ImageMeta | None, strides, gt_boxes) -> Rois:
    """Reads anything that was passed as RoIs; see Rois."""
    received = as_array(value)
    array = received[None] if received.ndim == 2 and received.shape[1] == 4 else received
    rois = Rois(received, array, np.zeros((0, 4)), np.zeros((0, 2), np.int64), sizes.best, meta)
    if array.ndim != 3 or array.shape[2] != 4 or not is_number(array.dtype):
        return rois
    rows = array.reshape(-1, 4).astype(np.float64)
    wrong_sizes = _wrong_sizes(sizes)
    padding = _normalized_zeros(rows, [each for each in (sizes.given, sizes.meta, sizes.maps, *wrong_sizes) if each])
    at = np.stack(np.divmod(np.arange(len(rows)), max(array.shape[1], 1)), axis=1)
    kept = np.isfinite(rows).all(axis=1) & nonzero_rows(rows) & ~padding
    rois = replace(rois, values=rows[kept], places=at[kept], padding=at[padding])
    frame, stride = likely_frame(rois, strides)
    if frame == NORMALIZED and not is_floating(array.dtype):
        return rois
    rois = replace(rois, frame=frame, stride=stride)
    gt = read_gt(gt_boxes, array.shape[0])
    if gt is not None and sizes.best is not None and len(rois.values):
        confirmed = matched_reading(rois, gt, sizes.best, strides, wrong_sizes)
        if confirmed is not None:
            return replace(rois, matched=True, **confirmed)
    return replace(rois, columns=YXHW) if frame == NORMALIZED and looks_like_extents(rois.values) else rois


def _normalized_zeros(rows: np.ndarray, sizes: list[tuple[int, int]]) -> np.ndarray:
    """bool [M]: which rows [M, 4] are what norm_boxes makes of zeros with one of the sizes (height, width):
    (0, 0, -1 / (height - 1), -1 / (width - 1))."""
    found = np.zeros(len(rows), bool)
    for size in sizes:
        if min(size) > 1:
            end = norm_boxes(np.zeros(4), size)[2:].astype(np.float64)
            found |= (np.abs(rows[:, 2:] / end - 1) < 0.01).all(axis=1)  # bfloat16 is as coarse as that
    return found & (rows[:, :2] == 0).all(axis=1)


def _wrong_sizes(sizes: ImageSizes) -> list[tuple[int, int]]:
    """Sizes (height, width) that RoIs may have been normalized with instead of the molded image's.

    None where the sources disagree on that one: which of them is wrong is for other checks to say.
    """
    height, width = sizes.best or (0, 0)
    others = [each for each in (sizes.given, sizes.meta, sizes.maps) if each]
    if not others or any(abs(h - height) >= SAME_SIZE or abs(w - width) >= SAME_SIZE for h, w in others):
        return []
    wrong = [(round(height * factor), round(width * factor)) for factor in WRONG_SIZES]
    wrong += [(width, height)] if height != width else []
    return [each for each in wrong if min(each) > 1]


def likely_frame(rois: Rois, strides) -> tuple[str, int]:
    """(frame, pixels a cell) from the magnitude of the coordinates."""
    floating, size = is_floating(rois.array.dtype), rois.image_shape
    largest = np.abs(rois.values).max(axis=1, initial=0.0)
    top = largest.max(initial=0.0)
    if top <= LARGEST_NORMALIZED:
        return NORMALIZED, 1
    minority = floating and np.mean(largest > LARGEST_NORMALIZED) < 0.5
    if minority and (top <= LARGEST_OUTLIER or (size and top > 1.05 * max(size))):
        return NORMALIZED, 1
    if size is None:
        return PIXELS, 1
    sides = feature_shapes(size, strides).max(axis=1)
    if top <= sides.max() and floating:
        return CELLS, max(stride for stride, side in zip(strides, sides) if top <= side)
    if top <= 1.05 * max(size):
        return PIXELS, 1
    original = rois.image_meta.original_shape if rois.image_meta else None
    return (ORIGINAL_PIXELS if original and top <= 1.05 * max(original) else UNKNOWN), 1


def looks_like_extents(values: np.ndarray) -> bool:
    """Whether rows [M, 4] are (y, x, h, w): then all lie inside the image, and as corners many are reversed.

    A corner row fits by chance one time in four, so that eight rows are proof. With fewer, the reversed rows
    must differ in the axis, or three or more be reversed on both: a swapped column shows on one axis alone.
    """
    reversed_axes = values[:, 2:] < values[:, :2]
    patterns = reversed_axes[reversed_axes.any(axis=1)]
    if len(patterns) < 2 or len(patterns) < 0.3 * len(values):
        return False
    ends = values[:, :2] + values[:, 2:]
    if values.min() < -TOLERANCE or values[:, 2:].min() <= 0 or ends.max() > 1 + TOLERANCE:
        return False
    return len(values) >= 8 or bool(np.any(patterns != patterns[0])) or (len(values) >= 3 and bool(patterns.all()))


def readings(rois: Rois, gt: list[np.ndarray], size, strides, wrong_sizes) -> Iterator[list[Reading]]:
    """Ways to read RoIs, the simplest mistakes first: the fields of Rois that say so, and what the RoIs then are,
    (pixels [M, (y1, x1, y2, x2)], images [M]). In lists, because the best of many is likelier to fit by chance."""
    values, images = rois.values, rois.places[:, 0]

    def reading(frame, columns, pixels, images=images, **more):
        return {"frame": frame, "columns": columns, "stride": 1, **more}, (pixels, images)

    swapped, extents = values[:, [1, 0, 3, 2]], np.hstack([values[:, :2], values[:, :2] + values[:, 2:]])
    pixels = scale_boxes(values, size)
    yield [reading(NORMALIZED, YXYX, pixels)]
    yield [reading(PIXELS, YXYX, values)]
    yield [reading(NORMALIZED, XYXY, scale_boxes(swapped, size))]
    yield [reading(NORMALIZED, XYXY, pixels[:, [1, 0, 3, 2]])]
    yield [reading(PIXELS, XYXY, swapped)]
    yield [reading(NORMALIZED, YXHW, scale_boxes(extents, size))]
    for stride in strides:
        yield [reading(CELLS, YXYX, values * stride, stride=stride)]
    yield [reading(NORMALIZED, YXYX, scale_boxes(values, other), normalized_by=other) for other in wrong_sizes]
    if rois.frame == NORMALIZED and len(gt) <= MOST_ORDERED and all(len(boxes) for boxes in gt):
        others = list(permutations(range(len(gt))))[1:]  # image i of rois[order] is image order[i] of rois
        yield [reading(NORMALIZED, YXYX, pixels, np.argsort(order)[images], order=order) for order in others]


def matched_reading(rois: Rois, gt: list[np.ndarray], size: tuple[int, int], strides, wrong_sizes) -> dict | None:
    """What the ground truth confirms, as fields of Rois; None where it confirms nothing.

    The likely reading stands when it finds some ground truth; another one must find most of it, and more than
    RoIs find by chance.
    """
    assumed = {"frame": rois.frame, "columns": rois.columns, "stride": rois.stride}
    groups = [each for each in readings(rois, gt, size, strides, wrong_sizes) if each]
    for (fields, read_as), *_ in groups:
        if fields == assumed and recall(*read_as, gt) >= REFUTED_RECALL:
            return fields
    for group in groups:
        found = [recall(*read_as, gt) for _, read_as in group]
        fields = group[int(np.argmax(found))][0]
        by = RARE_MARGIN if "order" in fields or "normalized_by" in fields else 0.0
        if max(found) > CONFIRMED_RECALL and beyond_chance([read_as for _, read_as in group], gt, size, by):
            return fields
    return None
