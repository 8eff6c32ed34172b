"""RPN targets: which anchors are objects, which are background, and how far the former are from their object.

Letters: A anchors, G ground-truth boxes, T = RPN_TRAIN_ANCHORS_PER_IMAGE. All boxes are pixels of the molded
image, (y1, x1, y2, x2).

A large image has a quarter of a million anchors, nearly all of them far from any object. They are looked at
in blocks of neighbours, and only blocks that a ground-truth box can touch are computed: the same targets as
with the full A x G table of overlaps.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from mrcnn_roi.ops.anchors import compute_backbone_shapes, generate_pyramid_anchors
from mrcnn_roi.ops.boxes import box_areas, box_refinement, compute_iou, compute_overlaps

NEGATIVE_IOU = 0.3  # below it with every object: background
POSITIVE_IOU = 0.7  # from here: object, besides the best anchors of each object
CROWD_IOU = 0.001  # from here with a crowd: not background
_BLOCK = 96


class AnchorGrid(NamedTuple):
    """Anchors [A, 4] with their areas [A] and the limits of every block of consecutive anchors."""

    anchors: np.ndarray
    areas: np.ndarray
    top_left: np.ndarray  # [2, blocks] smallest y1, x1
    bottom_right: np.ndarray  # [2, blocks] greatest y2, x2
    area_range: np.ndarray  # [2, blocks] smallest and greatest area

    def near(self, box, area: float, least_iou: float) -> tuple[np.ndarray, np.ndarray]:
        """(indices, IoUs) of anchors, among them all that overlap `box` with at least `least_iou`."""
        hit = (self.top_left[0] < box[2]) & (self.bottom_right[0] > box[0])
        hit &= (self.top_left[1] < box[3]) & (self.bottom_right[1] > box[1])
        if least_iou > 0:  # IoU <= smaller area / greater area; a little less, against rounding
            smallest, greatest = self.area_range
            hit &= np.minimum(greatest, area) >= 0.99 * least_iou * np.maximum(smallest, area)
        index = (np.flatnonzero(hit)[:, None] * _BLOCK + np.arange(_BLOCK)).ravel()
        index = index[: np.searchsorted(index, len(self.anchors))]
        return index, compute_iou(box, self.anchors[index], area, self.areas[index])


def anchor_grid(anchors) -> AnchorGrid:
    """Prepares anchors [A, 4] for build_targets."""
    anchors = np.asarray(anchors, np.float64)
    areas = box_areas(anchors)
    starts = np.arange(0, len(anchors), _BLOCK)
    y1, x1, y2, x2 = np.ascontiguousarray(anchors.T)

    def limit(function, *columns):
        return np.stack([function.reduceat(column, starts) for column in columns])

    return AnchorGrid(
        anchors,
        areas,
        limit(np.minimum, y1, x1),
        limit(np.maximum, y2, x2),
        np.concatenate([limit(np.minimum, areas), limit(np.maximum, areas)]),
    )


@functools.lru_cache(maxsize=16)
def _pyramid(scales, ratios, shapes, strides, anchor_stride) -> AnchorGrid:
    grid = anchor_grid(generate_pyramid_anchors(scales, ratios, shapes, strides, anchor_stride))
    grid.anchors.flags.writeable = False
    return grid


def molded_anchors(config, image_shape) -> AnchorGrid:
    """The anchors of a molded image of image_shape (H, W, ...), kept for the next one of that shape.

    The original made them from IMAGE_SHAPE, which is wrong for the resize modes "pad64" and "none".
    """
    shapes = compute_backbone_shapes(config, image_shape)
    return _pyramid(
        tuple(config.RPN_ANCHOR_SCALES),
        tuple(config.RPN_ANCHOR_RATIOS),
        tuple(tuple(int(side) for side in shape) for shape in shapes),
        tuple(config.BACKBONE_STRIDES),
        config.RPN_ANCHOR_STRIDE,
    )


def build_rpn_targets(image_shape, anchors, gt_class_ids, gt_boxes, config, rng=None):
    """Targets of the RPN for one image.

    Args:
        image_shape: not used; the original's signature.
        anchors: [A, (y1, x1, y2, x2)] pixels.
        gt_class_ids: int [G]; negative for crowds, which keep anchors from being background.
        gt_boxes: [G, (y1, x1, y2, x2)] pixels.
        config: RPN_TRAIN_ANCHORS_PER_IMAGE and RPN_BBOX_STD_DEV are read.
        rng: draws which surplus anchors become neutral: np.random (the default, so that np.random.seed
            counts) or a np.random.Generator.

    Returns:
        rpn_match: int32 [A], 1 object, -1 background, 0 neutral. Object: the anchors that overlap an object
            most (all ties), and every one with IoU >= 0.7. Background: IoU < 0.3 with all objects (Faster
            R-CNN, section 3.1.2).
        rpn_bbox: float64 [T, (dy, dx, log dh, log dw)] / RPN_BBOX_STD_DEV, one row for each object anchor in
            ascending order, towards the object that this anchor overlaps most; then zeros.

    Differs from the original where that failed: an object that overlaps no anchor used to turn every anchor
    into an object, and an image of crowds alone raised.
    """
    del image_shape
    rng = np.random if rng is None else rng
    return build_targets(anchor_grid(anchors), gt_class_ids, gt_boxes, config, rng)


def build_targets(grid: AnchorGrid, gt_class_ids, gt_boxes, config, rng):
    """build_rpn_targets on prepared anchors."""
    gt_class_ids = np.asarray(gt_class_ids)
    gt_boxes = np.asarray(gt_boxes, np.float64).reshape(-1, 4)
    crowd_boxes = gt_boxes[gt_class_ids < 0]
    if len(crowd_boxes):
        gt_boxes = gt_boxes[gt_class_ids > 0]
    rpn_match = _match(grid, gt_boxes, crowd_boxes)
    _subsample(rpn_match, config.RPN_TRAIN_ANCHORS_PER_IMAGE, rng)
    rpn_bbox = np.zeros((config.RPN_TRAIN_ANCHORS_PER_IMAGE, 4))
    positive = grid.anchors[rpn_match == 1]
    if len(positive):
        assigned = gt_boxes[np.argmax(compute_overlaps(positive, gt_boxes), axis=1)]
        rpn_bbox[: len(positive)] = box_refinement(positive, assigned, np.float64) / config.RPN_BBOX_STD_DEV
    return rpn_match, rpn_bbox


def _match(grid, gt_boxes, crowd_boxes) -> np.ndarray:
    """int32 [A]: 1, -1 or 0 before subsampling."""
    rpn_match = np.full(len(grid.anchors), -1, np.int32)
    positive = [np.empty(0, np.intp)]
    for box, area in zip(gt_boxes, box_areas(gt_boxes)):
        index, iou = grid.near(box, area, NEGATIVE_IOU)
        if not np.any(iou >= NEGATIVE_IOU):  # its best anchors are worse than what was looked at
            index, iou = grid.near(box, area, 0.0)
        rpn_match[index[iou >= NEGATIVE_IOU]] = 0
        best = iou.max(initial=0.0)
        if best > 0:
            positive.append(index[(iou >= POSITIVE_IOU) | (iou == best)])
    for box, area in zip(crowd_boxes, box_areas(crowd_boxes)):
        index, iou = grid.near(box, area, CROWD_IOU)
        rpn_match[index[iou >= CROWD_IOU]] = 0
    rpn_match[np.concatenate(positive)] = 1
    return rpn_match


def _subsample(rpn_match, count, rng) -> None:
    """Turns surplus anchors neutral: at most count // 2 object anchors, the rest background."""
    _keep(rpn_match, 1, count // 2, rng)
    _keep(rpn_match, -1, count - np.count_nonzero(rpn_match == 1), rng)


def _keep(rpn_match, value, count, rng) -> None:
    ids = np.flatnonzero(rpn_match == value)
    if len(ids) <= count:
        return
    if isinstance(rng, np.random.Generator):  # choosing the few to keep is cheaper than the many to drop
        rpn_match[ids] = 0
        rpn_match[ids[rng.choice(len(ids), count, replace=False, shuffle=False)]] = value
    else:
        rpn_match[rng.choice(ids, len(ids) - count, replace=False)] = 0
