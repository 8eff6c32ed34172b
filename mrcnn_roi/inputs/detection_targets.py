"""Targets of the heads in numpy, for looking at them and for training on random RoIs.

The original's debug tools; training uses the detection target layer.

Letters: R RoIs, G ground-truth boxes, T = TRAIN_ROIS_PER_IMAGE, K classes. All boxes are whole pixels of the
molded image, (y1, x1, y2, x2).
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.ops.boxes import box_refinement, compute_overlaps
from mrcnn_roi.ops.masks import expand_mask
from mrcnn_roi.ops.resampling import resize_linear

POSITIVE_IOU = 0.5


def generate_random_rois(image_shape, count, gt_class_ids, gt_boxes, rng=None) -> np.ndarray:
    """Random boxes int32 [count, (y1, x1, y2, x2)]: nine tenths around the ground truth, the rest anywhere.

    The corners of a box around an object of height h and width w lie within h and w of the object and inside
    the image; every box has area. Without objects all are anywhere. `gt_class_ids` is not used (the
    original's signature). `rng`: np.random (the default) or anything with its randint.
    Raises ValueError for an image, or an object's surroundings, too small for two different corners.
    """
    del gt_class_ids
    rng = np.random if rng is None else rng
    height, width = (int(side) for side in image_shape[:2])
    gt_boxes = np.asarray(gt_boxes).reshape(-1, 4)
    per_box = int(0.9 * count / len(gt_boxes)) if len(gt_boxes) else 0
    rois = np.zeros((count, 4), np.int32)
    for i, (y1, x1, y2, x2) in enumerate(gt_boxes.astype(np.int64)):
        rows = (max(2 * y1 - y2, 0), min(2 * y2 - y1, height))
        columns = (max(2 * x1 - x2, 0), min(2 * x2 - x1, width))
        rois[per_box * i : per_box * (i + 1)] = _random_boxes(rng, rows, columns, per_box)
    done = per_box * len(gt_boxes)
    rois[done:] = _random_boxes(rng, (0, height), (0, width), count - done)
    return rois


def _random_boxes(rng, rows, columns, count) -> np.ndarray:
    """Boxes [count, 4] with corners in rows (low, high) and columns (low, high), high excluded."""
    if rows[1] - rows[0] < 2 or columns[1] - columns[0] < 2:
        raise ValueError(f"expected room for a box, received rows {rows} and columns {columns}")
    while True:  # twice as many as needed, because some have no area
        y = rng.randint(rows[0], rows[1], (count * 2, 2))
        x = rng.randint(columns[0], columns[1], (count * 2, 2))
        y, x = y[y[:, 0] != y[:, 1]][:count], x[x[:, 0] != x[:, 1]][:count]
        if len(y) == len(x) == count:
            y, x = np.sort(y, axis=1), np.sort(x, axis=1)
            return np.stack([y[:, 0], x[:, 0], y[:, 1], x[:, 1]], axis=1)


def build_detection_targets(rpn_rois, gt_class_ids, gt_boxes, gt_masks, config, rng=None):
    """Samples T RoIs of one image and gives each its targets.

    Args:
        rpn_rois: int [R, 4]. gt_class_ids: int [G]; rows <= 0 are left out. gt_boxes: int [G, 4].
        gt_masks: bool [H, W, G], or mini masks [h, w, G] when config.USE_MINI_MASK.
        rng: np.random (the default) or anything with its choice.

    Returns:
        rois [T, 4]: positives (IoU > 0.5, at most T * ROI_POSITIVE_RATIO), negatives, and where there are too
        few, negatives again. class_ids int32 [T], 0 for negatives. bboxes float32 [T, K, 4]: refinement /
        BBOX_STD_DEV in the row of the class. masks float32 [T, h, w, K] of MASK_SHAPE, in the channel of the
        class, not rounded.

    Raises ValueError when there are no RoIs or none can be used.
    """
    rng = np.random if rng is None else rng
    rpn_rois, gt_masks = np.asarray(rpn_rois), np.asarray(gt_masks)
    if rpn_rois.ndim != 2 or rpn_rois.shape[0] == 0 or rpn_rois.shape[1] != 4:
        raise ValueError(f"expected RoIs of shape [R, 4], received shape {list(rpn_rois.shape)}")
    instances = np.flatnonzero(np.asarray(gt_class_ids) > 0)
    gt_class_ids, gt_boxes = np.asarray(gt_class_ids)[instances], np.asarray(gt_boxes)[instances]
    best, best_iou = np.zeros(len(rpn_rois), np.intp), np.zeros(len(rpn_rois))
    if len(instances):
        overlaps = compute_overlaps(rpn_rois, gt_boxes)
        best, best_iou = overlaps.argmax(axis=1), overlaps.max(axis=1)
    keep, positives = _sample_rois(best_iou, config, rng)
    rois, assigned = rpn_rois[keep], best[keep]
    class_ids = np.zeros(len(keep), np.int32)
    bboxes = np.zeros((len(keep), config.NUM_CLASSES, 4), np.float32)
    masks = np.zeros((len(keep), *config.MASK_SHAPE, config.NUM_CLASSES), np.float32)
    which = np.flatnonzero(positives)
    if len(which):
        class_ids[which] = gt_class_ids[assigned[which]]
        deltas = box_refinement(rois[which], gt_boxes[assigned[which]])
        bboxes[which, class_ids[which]] = deltas
        bboxes /= np.asarray(config.BBOX_STD_DEV)
    for i in which:
        mask = gt_masks[:, :, instances[assigned[i]]]
        masks[i, :, :, class_ids[i]] = _mask_target(mask, gt_boxes[assigned[i]], rois[i], config)
    return rois, class_ids, bboxes, masks


def _sample_rois(best_iou, config, rng):
    """Indices [T] of the RoIs to use, and bool [T]: which of them are positives."""
    total = config.TRAIN_ROIS_PER_IMAGE
    positive, negative = np.flatnonzero(best_iou > POSITIVE_IOU), np.flatnonzero(best_iou < POSITIVE_IOU)
    limit = int(total * config.ROI_POSITIVE_RATIO)
    if len(positive) > limit:
        positive = rng.choice(positive, limit, replace=False)
    if len(negative) > total - len(positive):
        negative = rng.choice(negative, total - len(positive), replace=False)
    keep = np.concatenate([positive, negative])
    if len(keep) == 0:
        raise ValueError("expected RoIs with an IoU other than 0.5, received none")
    missing = total - len(keep)
    if missing > 0:  # without negatives the original failed here; positives are repeated instead
        fill = negative if len(negative) else positive
        keep = np.concatenate([keep, rng.choice(fill, missing, replace=True)])
    return keep, best_iou[keep] > POSITIVE_IOU


def _mask_target(mask, gt_box, roi, config) -> np.ndarray:
    """The part of an instance's mask inside an RoI, resized to MASK_SHAPE, soft: float [h, w]."""
    if config.USE_MINI_MASK:
        extent = np.maximum(gt_box[2:], roi[2:])
        mask = expand_mask(gt_box[None], mask[:, :, None], extent)[:, :, 0]
    y1, x1, y2, x2 = (int(value) for value in roi)
    return resize_linear(mask[y1:y2, x1:x2].astype(np.float64), *config.MASK_SHAPE)
