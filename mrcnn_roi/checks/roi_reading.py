"""Which coordinates RoIs hold: their frame (normalized, pixels, cells of a map) and the order of the columns.

The reading is decided here once, so that one mistake is reported by one check. Where ground truth is given
it decides; without it only what the numbers themselves show is claimed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from mrcnn_roi.checks.pooling_inputs import ImageMeta, ImageSizes, as_array, is_floating, is_number
from mrcnn_roi.ops.anchors import feature_shapes
from mrcnn_roi.ops.boxes import box_areas, compute_iou, nonzero_rows, scale_boxes

NORMALIZED, PIXELS, ORIGINAL_PIXELS = "normalized", "pixels", "pixels of the original image"
CELLS, UNKNOWN = "cells", "unknown"
YXYX, XYXY, YXHW = "(y1, x1, y2, x2)", "(x1, y1, x2, y2)", "(y, x, h, w)"

# Normalized coordinates of unclipped proposals may leave 0..1, hardly -2..2; a few outliers may go further.
LARGEST_NORMALIZED, LARGEST_OUTLIER = 2.0, 16.0
TOLERANCE = 1e-6  # a float32 box of the whole image may end at 1 + 1e-7
MATCH_IOU, REFUTED_RECALL, CONFIRMED_RECALL = 0.5, 0.3, 0.7
MATCH_IMAGES, MATCH_PAIRS = 8, 1_000_000  # matching looks at a sample, so that 100000 RoIs take milliseconds


@dataclass(frozen=True)
class Rois:
    """RoIs and how to read them.

    array: as received. values [M, 4] float64: the finite rows that are not padding; places [M, (image, row)].
    image_shape: (height, width) of the molded image in pixels, None where nobody knows it.
    frame: one of the constants above, "" where the values say nothing (wrong rank, last dimension or dtype).
    columns: their order. stride: pixels a cell, for the frame CELLS. matched: the ground truth said so.
    """

    array: np.ndarray
    values: np.ndarray
    places: np.ndarray
    image_shape: tuple[int, int] | None
    image_meta: ImageMeta | None
    frame: str = ""
    columns: str = YXYX
    stride: int = 1
    matched: bool = False


def read_rois(value, sizes: ImageSizes, meta: ImageMeta | None, strides, gt_boxes) -> Rois:
    """Reads anything that was passed as RoIs; see Rois."""
    array = as_array(value)
    rois = Rois(array, np.zeros((0, 4)), np.zeros((0, 2), np.int64), sizes.best, meta)
    if array.ndim != 3 or array.shape[2] != 4 or not is_number(array.dtype):
        return rois
    rows = array.reshape(-1, 4).astype(np.float64)
    kept = np.flatnonzero(np.isfinite(rows).all(axis=1) & nonzero_rows(rows))
    rois = replace(rois, values=rows[kept], places=np.stack(np.divmod(kept, max(array.shape[1], 1)), axis=1))
    frame, stride = likely_frame(rois, strides)
    if frame == NORMALIZED and not is_floating(array.dtype):
        return rois
    rois = replace(rois, frame=frame, stride=stride)
    confirmed = matched_reading(rois, read_gt(gt_boxes, array.shape[0]), strides)
    if confirmed is not None:
        frame, columns, stride = confirmed
        return replace(rois, frame=frame, columns=columns, stride=stride, matched=True)
    return replace(rois, columns=YXHW) if frame == NORMALIZED and looks_like_extents(rois.values) else rois


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
    return (
        len(values) >= 8
        or bool(np.any(patterns != patterns[0]))
        or (len(values) >= 3 and bool(patterns.all()))
    )


def read_gt(gt_boxes, batch: int) -> list[np.ndarray] | None:
    """Ground-truth boxes of every image, pixels [G, 4], without padding; None where there are none to use."""
    array = as_array(gt_boxes) if gt_boxes is not None else np.zeros((0, 4))
    if array.ndim not in (2, 3) or array.shape[-1] != 4 or array.size == 0 or not is_number(array.dtype):
        return None
    boxes = np.broadcast_to(array.astype(np.float64), (batch, *array.shape)) if array.ndim == 2 else array
    if len(boxes) != batch:
        return None
    sample = {i: np.asarray(boxes[i], np.float64) for i in range(0, batch, max(1, batch // MATCH_IMAGES))}
    kept = {i: each[np.isfinite(each).all(axis=1) & nonzero_rows(each)] for i, each in sample.items()}
    if not any(len(each) for each in kept.values()):
        return None
    return [kept.get(i, np.zeros((0, 4))) for i in range(batch)]


def recall(pixels: np.ndarray, images: np.ndarray, gt: list[np.ndarray]) -> float:
    """Share of the ground-truth boxes that some RoI of their image covers with IoU >= 0.5.

    pixels [M, (y1, x1, y2, x2)] with the image index of each; gt: boxes [G, 4] of every image. A sample of
    the ground truth decides where there are very many pairs.
    """
    found = total = 0
    limit = max(8, MATCH_PAIRS // max(len(pixels), 1))
    for image, boxes in enumerate(gt):
        if len(boxes) == 0:
            continue
        mine = pixels[images == image]
        areas = box_areas(mine)
        sample = boxes[:: math.ceil(len(boxes) / limit)]
        for box, area in zip(sample, box_areas(sample)):
            found += bool(np.any(compute_iou(box, mine, area, areas) >= MATCH_IOU))
            total += 1
    return found / total if total else 0.0


def matched_reading(rois: Rois, gt: list[np.ndarray] | None, strides) -> tuple[str, str, int] | None:
    """(frame, columns, stride) that ground truth confirms; None where it confirms nothing.

    The likely reading stands when it finds some ground truth; another one must find most of it.
    """
    size = rois.image_shape
    if gt is None or size is None or len(rois.values) == 0:
        return None
    values = rois.values
    swapped, extents = values[:, [1, 0, 3, 2]], np.hstack([values[:, :2], values[:, :2] + values[:, 2:]])
    readings = [
        (NORMALIZED, YXYX, 1, scale_boxes(values, size)),
        (PIXELS, YXYX, 1, values),
        (NORMALIZED, XYXY, 1, scale_boxes(swapped, size)),
        (NORMALIZED, XYXY, 1, scale_boxes(values, size)[:, [1, 0, 3, 2]]),
        (PIXELS, XYXY, 1, swapped),
        (NORMALIZED, YXHW, 1, scale_boxes(extents, size)),
        *((CELLS, YXYX, stride, values * stride) for stride in strides),
    ]
    images = rois.places[:, 0]
    for frame, columns, stride, pixels in readings:
        likely = (frame, columns, stride) == (rois.frame, rois.columns, rois.stride)
        if likely and recall(pixels, images, gt) >= REFUTED_RECALL:
            return frame, columns, stride
    for frame, columns, stride, pixels in readings:
        if recall(pixels, images, gt) > CONFIRMED_RECALL:
            return frame, columns, stride
    return None
