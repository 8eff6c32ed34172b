"""How well RoIs find the ground truth, and whether chance alone would do as well.

Boxes are pixels (y1, x1, y2, x2) of the molded image. Letters: B images, G ground-truth boxes, M RoIs.
"""

from __future__ import annotations

import math

import numpy as np

from mrcnn_roi.checks.any_array import as_array, is_number
from mrcnn_roi.ops.boxes import box_areas, compute_iou, nonzero_rows

MATCH_IOU = 0.5
# Matching looks at a sample, so that 100000 RoIs or ground-truth boxes take milliseconds.
MATCH_IMAGES, MATCH_BOXES, MATCH_PAIRS = 8, 1000, 1_000_000
CHANCE_BOXES, FEWEST_PLACES = 4, 24


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
    if max(each.max() for each in kept.values() if len(each)) <= 1.01:
        return None  # normalized instead of pixels: comparing them would blame RoIs that are right
    return [kept.get(i, np.zeros((0, 4))) for i in range(batch)]


def best_overlaps(pixels: np.ndarray, images: np.ndarray, gt: list[np.ndarray], most=MATCH_BOXES) -> np.ndarray:
    """IoU of ground-truth boxes with the RoI of their image that covers each best.

    pixels [M, (y1, x1, y2, x2)] with the image index of each; gt: boxes [G, 4] of every image. A sample of
    the ground truth, at most about `most` an image, decides where there are very many pairs.
    """
    best = []
    limit = min(most, max(8, MATCH_PAIRS // max(len(pixels), 1)))
    for image, boxes in enumerate(gt):
        if len(boxes) == 0:
            continue
        mine = pixels[images == image]
        areas = box_areas(mine)
        sample = boxes[:: math.ceil(len(boxes) / limit)]
        for box, area in zip(sample, box_areas(sample)):
            best.append(np.fmax.reduce(compute_iou(box, mine, area, areas), initial=0.0))
    return np.array(best)


def recall(pixels: np.ndarray, images: np.ndarray, gt: list[np.ndarray]) -> float:
    """Share of the ground-truth boxes that some RoI of their image covers with IoU >= 0.5."""
    best = best_overlaps(pixels, images, gt)
    return float(np.mean(best >= MATCH_IOU)) if len(best) else 0.0


def beyond_chance(
    tried: list[tuple[np.ndarray, np.ndarray]], gt: list[np.ndarray], size: tuple[int, int], by=0.0
) -> bool:
    """Whether RoIs cover the ground truth better where it is than anywhere else in the image.

    A few hundred RoIs at random cover most single boxes in one reading or another. What they reach by chance
    is measured on the same boxes moved about the image of `size`, where nothing is to be found.
    tried: the readings (pixels, images) of which the best is taken, here and there. by: how much better, in IoU.
    """
    few = [boxes[:: math.ceil(len(boxes) / CHANCE_BOXES)] if len(boxes) else boxes for boxes in gt]

    def best(boxes):
        return max(np.mean(best_overlaps(pixels, images, boxes, CHANCE_BOXES)) for pixels, images in tried)

    elsewhere = []
    for shift in np.ndindex(10, 10):
        moved = [_moved(boxes, np.array(shift) / 10, size) for boxes in few]
        stayed = best_overlaps(np.concatenate(few), np.repeat(range(len(few)), [len(each) for each in few]), moved)
        if np.mean(stayed) < MATCH_IOU:
            elsewhere.append(best(moved))
    return len(elsewhere) >= FEWEST_PLACES and bool(best(few) > max(elsewhere) + by)


def _moved(boxes: np.ndarray, shares: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Boxes [G, (y1, x1, y2, x2)] moved by shares (y, x) of the room they have in the image, around its edges."""
    extents = boxes[:, 2:] - boxes[:, :2]
    room = np.maximum(size - extents, 1e-9)
    corners = np.mod(boxes[:, :2] + shares * room, room)
    return np.hstack([corners, corners + extents])
