"""Matterport's metrics: average precision of one image, by mask IoU, and recall by box IoU. numpy only.

Two habits of the original, which its users' numbers depend on: the classes are pooled (one curve for all of
them, a pair counts only when its classes agree), and each image has its own curve, so a mean over images is
not COCO's AP. For COCO's numbers there is `mrcnn_roi.evaluation.coco`.

Nothing to find: without ground truth recall is undefined. AP is then NaN when there are predictions, and 0.0
when there are none, as in the original; leave such images out of a mean. With ground truth and without
predictions AP is 0.0.
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.ops.boxes import compute_overlaps
from mrcnn_roi.ops.matching import compute_matches, mask_overlaps, match_overlaps

__all__ = ["compute_ap", "compute_ap_range", "compute_matches", "compute_recall"]


def _precision_recall(gt_match, pred_match):
    """(AP, precisions [P + 2], recalls [P + 2]) of one image's matches, over recalls from 0 to 1.

    Precision is made non-increasing from the right, AP is the area under the steps (PASCAL VOC 2010).
    """
    hits = np.cumsum(pred_match > -1)
    precisions = np.concatenate([[0], hits / (np.arange(len(hits)) + 1), [0]])
    # The original rounds recall to float32, so AP has about seven digits.
    with np.errstate(invalid="ignore"):
        recalls = np.concatenate([[0], hits.astype(np.float32) / np.float32(len(gt_match)), [1]])
    precisions = np.maximum.accumulate(precisions[::-1])[::-1]
    steps = np.flatnonzero(recalls[:-1] != recalls[1:]) + 1
    return np.sum((recalls[steps] - recalls[steps - 1]) * precisions[steps]), precisions, recalls


def compute_ap(
    gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks, iou_threshold=0.5
):
    """Average precision of one image at one IoU threshold; arguments as in compute_matches.

    Returns (mAP, precisions [P + 2], recalls [P + 2], overlaps [P, G]); predictions by descending score.
    See the top of the module for images without ground truth.
    """
    gt_match, pred_match, overlaps = compute_matches(
        gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks, iou_threshold
    )
    return *_precision_recall(gt_match, pred_match), overlaps


def compute_ap_range(
    gt_box,
    gt_class_id,
    gt_mask,
    pred_box,
    pred_class_id,
    pred_score,
    pred_mask,
    iou_thresholds=None,
    verbose=1,
):
    """Mean over IoU thresholds of one image's average precision; arguments as in compute_matches.

    iou_thresholds: any sequence or array; None or empty means 0.5, 0.55, ... 0.95
    verbose: 1 prints a line a threshold and one for the mean
    """
    if iou_thresholds is None or not len(iou_thresholds):
        iou_thresholds = np.arange(0.5, 1.0, 0.05)
    # The overlaps are nearly all of the work and the same for every threshold.
    overlaps, gt_class_id, pred_class_id = mask_overlaps(
        gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score, pred_mask
    )
    aps = []
    for threshold in iou_thresholds:
        aps.append(_precision_recall(*match_overlaps(overlaps, gt_class_id, pred_class_id, threshold))[0])
        if verbose:
            print(f"AP @{threshold:.2f}:\t {aps[-1]:.3f}")
    mean = np.array(aps).mean()
    if verbose:
        print(f"AP @{iou_thresholds[0]:.2f}-{iou_thresholds[-1]:.2f}:\t {mean:.3f}")
    return mean


def compute_recall(pred_boxes, gt_boxes, iou):
    """Share of the ground-truth boxes that some predicted box overlaps by `iou` or more.

    pred_boxes, gt_boxes: [N, (y1, x1, y2, x2)] in one frame
    Each predicted box speaks for the ground truth it overlaps most, classes play no part.
    Returns (recall, positive_ids): the rows of pred_boxes that reach `iou`. Recall is NaN without ground
    truth.
    """
    pred_boxes, gt_boxes = np.asarray(pred_boxes).reshape(-1, 4), np.asarray(gt_boxes).reshape(-1, 4)
    if not len(gt_boxes):
        return float("nan"), np.zeros(0, np.int64)
    overlaps = compute_overlaps(pred_boxes, gt_boxes)
    positive_ids = np.flatnonzero(overlaps.max(axis=1) >= iou)
    return len(set(overlaps.argmax(axis=1)[positive_ids])) / len(gt_boxes), positive_ids
