"""Matching predicted instances with the ground truth. numpy only.

Here and not in `evaluation`, because the pictures of `drawing` show the same matches that the metrics count.
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.ops.boxes import nonzero_rows
from mrcnn_roi.ops.masks import compute_overlaps_masks


def _trim(values, keep):
    """The kept entries of the last axis. `values` that hold only the kept entries already pass unchanged.

    Padding stands at the end as a rule; then this is a view, which matters for masks.
    """
    count = int(keep.sum())
    if values.shape[-1] != len(keep) or keep[:count].all():
        return values[..., :count]
    return values[..., keep]


def _check_counts(count, what, **arrays):
    for name, array in arrays.items():
        if array.shape[-1] < count:
            raise ValueError(f"expected {name} for {count} {what}, received shape {array.shape}")


def mask_overlaps(gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks):
    """Mask IoU of the predictions, best score first, with the ground truth; padding rows are left out.

    gt_boxes, pred_boxes: [N, (y1, x1, y2, x2)], read only to find padding (rows of zeros)
    gt_masks, pred_masks: [H, W, N] bool or 0/1, of one height and width
    Returns (overlaps [P, G], gt_class_ids [G], pred_class_ids [P]); predictions sorted by descending score.
    Raises ValueError where counts disagree, or where the two sets of masks differ in size.
    """
    gt_boxes, gt_class_ids, gt_masks = np.asarray(gt_boxes), np.asarray(gt_class_ids), np.asarray(gt_masks)
    pred_boxes, pred_class_ids = np.asarray(pred_boxes), np.asarray(pred_class_ids)
    pred_scores, pred_masks = np.asarray(pred_scores), np.asarray(pred_masks)
    gt_keep, pred_keep = nonzero_rows(gt_boxes), nonzero_rows(pred_boxes)
    gt_count, pred_count = int(gt_keep.sum()), int(pred_keep.sum())
    _check_counts(gt_count, "gt_boxes", gt_class_ids=gt_class_ids, gt_masks=gt_masks)
    _check_counts(pred_count, "pred_boxes", pred_class_ids=pred_class_ids, pred_scores=pred_scores)
    _check_counts(pred_count, "pred_boxes", pred_masks=pred_masks)
    if gt_count and pred_count and gt_masks.shape[:2] != pred_masks.shape[:2]:
        raise ValueError(
            "expected gt_masks and pred_masks of one height and width, received "
            f"{gt_masks.shape} and {pred_masks.shape}; expand mini masks, or load with use_mini_mask=False"
        )
    # A stable sort, turned round: of equal scores the later prediction comes first, as in the original.
    order = np.argsort(_trim(pred_scores, pred_keep), kind="stable")[::-1]
    overlaps = compute_overlaps_masks(_trim(pred_masks, pred_keep), _trim(gt_masks, gt_keep))[order]
    return overlaps, _trim(gt_class_ids, gt_keep), _trim(pred_class_ids, pred_keep)[order]


def match_overlaps(overlaps, gt_class_ids, pred_class_ids, iou_threshold=0.5, score_threshold=0.0):
    """Greedy matching: each prediction in turn takes the free ground truth of its class with the highest IoU.

    overlaps: [P, G] IoU, predictions sorted by descending score
    Returns (gt_match [G], pred_match [P]), float64: the index of the partner, or -1.
    """
    # The original compares single float32 IoUs with the IoU threshold (in float64) and whole rows with the
    # other threshold (in float32). An IoU of exactly 7/10 falls on different sides, so the types are spelled
    # out.
    eligible = np.asarray(overlaps, np.float64) >= iou_threshold
    eligible &= np.asarray(overlaps, np.float32) >= np.float32(score_threshold)
    eligible &= np.asarray(pred_class_ids)[:, None] == np.asarray(gt_class_ids)[None, :]
    gt_match, pred_match = np.full(overlaps.shape[1], -1.0), np.full(overlaps.shape[0], -1.0)
    for i in np.flatnonzero(eligible.any(axis=1)):
        # Reversed: of equal IoUs the later one, as above.
        candidates = np.flatnonzero(eligible[i] & (gt_match < 0))[::-1]
        if len(candidates):
            best = candidates[np.argmax(overlaps[i, candidates])]
            gt_match[best], pred_match[i] = i, best
    return gt_match, pred_match


def compute_matches(
    gt_boxes,
    gt_class_ids,
    gt_masks,
    pred_boxes,
    pred_class_ids,
    pred_scores,
    pred_masks,
    iou_threshold=0.5,
    score_threshold=0.0,
):
    """Matches predictions with the ground truth of one image by mask IoU and class (the original's rule).

    gt_boxes, pred_boxes: [N, (y1, x1, y2, x2)] pixels; rows of zeros are padding
    gt_class_ids, pred_class_ids: [N] int; pred_scores: [N] float
    gt_masks, pred_masks: [H, W, N] of one height and width
    iou_threshold: a pair counts from this IoU on
    score_threshold: despite its name compared with the IoU, not with the scores, as in the original

    Returns gt_match [G] and pred_match [P], float64: the index of the partner or -1, and overlaps [P, G]. All
    indices and rows of predictions refer to the predictions SORTED by descending score.
    Raises ValueError where counts disagree, or where the two sets of masks differ in size.
    """
    overlaps, gt_class_ids, pred_class_ids = mask_overlaps(
        gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks
    )
    matches = match_overlaps(overlaps, gt_class_ids, pred_class_ids, iou_threshold, score_threshold)
    return *matches, overlaps
