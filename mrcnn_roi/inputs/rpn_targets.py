"""RPN targets: which anchors are objects, which are background, and how far the former are from their object.

Letters: A anchors, G ground-truth boxes, T = RPN_TRAIN_ANCHORS_PER_IMAGE. All boxes are pixels of the molded
image, (y1, x1, y2, x2).

Only anchors near a ground-truth box are looked at (inputs.anchor_grids): the same targets as with the full A x G table
of overlaps.
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.inputs.anchor_grids import AnchorBlocks, AnchorPyramid, grid_of, molded_anchors
from mrcnn_roi.ops.boxes import box_refinement, compute_overlaps

__all__ = ["build_rpn_targets", "build_targets", "molded_anchors"]

NEGATIVE_IOU = 0.3  # below it with every object: background
POSITIVE_IOU = 0.7  # from here: object, besides the best anchors of each object
CROWD_IOU = 0.001  # from here with a crowd: not background
_LADDER = (NEGATIVE_IOU, NEGATIVE_IOU / 4, 0.0)  # where to look for an object's best anchors: the more, the slower


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
    rng = np.random if rng is None else rng
    return build_targets(grid_of(anchors, image_shape, config), gt_class_ids, gt_boxes, config, rng)


def build_targets(grid: AnchorPyramid | AnchorBlocks, gt_class_ids, gt_boxes, config, rng):
    """build_rpn_targets on prepared anchors."""
    gt_class_ids = np.asarray(gt_class_ids)
    gt_boxes = np.asarray(gt_boxes, np.float64).reshape(-1, 4)
    crowd_boxes = gt_boxes[gt_class_ids < 0]
    if len(crowd_boxes):
        gt_boxes = gt_boxes[gt_class_ids > 0]
    count, limit = len(grid.anchors), config.RPN_TRAIN_ANCHORS_PER_IMAGE
    objects, others = _match(grid, gt_boxes, crowd_boxes)
    objects = objects[_kept(len(objects), limit // 2, rng)]
    rpn_match = np.zeros(count, np.int32)
    rpn_match[objects] = 1
    background = _kept(count - len(others), limit - len(objects), rng)
    rpn_match[_ranked_outside(others, background)] = -1
    rpn_bbox = np.zeros((limit, 4))
    if len(objects):
        positive = grid.anchors[objects]
        assigned = gt_boxes[np.argmax(compute_overlaps(positive, gt_boxes), axis=1)]
        rpn_bbox[: len(positive)] = box_refinement(positive, assigned, np.float64) / config.RPN_BBOX_STD_DEV
    return rpn_match, rpn_bbox


def _match(grid, gt_boxes, crowd_boxes) -> tuple[np.ndarray, np.ndarray]:
    """Ascending indices of the object anchors, and of all anchors that are not background."""
    positive, others = [], [grid.near(crowd_boxes, CROWD_IOU)[1]]
    for least in _LADDER:
        number, index, iou = grid.near(gt_boxes, least)
        best = np.zeros(len(gt_boxes))
        np.maximum.at(best, number, iou)
        positive.append(index[(iou >= POSITIVE_IOU) | (iou == best[number])])
        others.append(index[iou >= NEGATIVE_IOU])
        gt_boxes = gt_boxes[best == 0]  # their best anchors are worse than that
        if len(gt_boxes) == 0:
            break
    marks = np.zeros(len(grid.anchors), bool)
    marks[np.concatenate(positive)] = True
    objects = np.flatnonzero(marks)
    marks[np.concatenate(others)] = True
    return objects, np.flatnonzero(marks)


def _kept(count, limit, rng) -> np.ndarray:
    """Which of `count` anchors to keep: their ranks, at most `limit` of them, drawn at random; ascending."""
    if count <= limit:
        return np.arange(count)
    if isinstance(rng, np.random.Generator):  # choosing the few to keep is cheaper than the many to drop
        return np.sort(rng.choice(count, limit, replace=False, shuffle=False))
    return np.sort(rng.permutation(count)[count - limit :])  # the rest of rng.choice(ids, count - limit, replace=False)


def _ranked_outside(excluded, ranks) -> np.ndarray:
    """The anchors of these ranks among all that are not in `excluded` (ascending)."""
    before = excluded - np.arange(len(excluded))  # how many not excluded ones precede each
    return ranks + np.searchsorted(before, ranks, side="right")
