"""The picture of an evaluation: ground truth against predictions."""

from __future__ import annotations

import numpy as np

from mrcnn_roi.drawing.figure import Path
from mrcnn_roi.drawing.instances import display_instances
from mrcnn_roi.ops.matching import compute_matches


def display_differences(
    image,
    gt_box,
    gt_class_id,
    gt_mask,
    pred_box,
    pred_class_id,
    pred_score,
    pred_mask,
    class_names,
    title="",
    ax=None,
    show_mask=True,
    show_box=True,
    iou_threshold=0.5,
    score_threshold=0.5,
    path: Path = None,
):
    """Shows ground truth (green) and predictions (red), each prediction with "score / IoU".

    The IoU is that of the matched ground truth, or the highest one where nothing matched. Boxes
    [N, (y1, x1, y2, x2)] in pixels without padding, masks [H, W, N]; thresholds as in compute_matches.
    ax, path: as in display_instances.
    """
    gt_box, pred_box = np.asarray(gt_box).reshape(-1, 4), np.asarray(pred_box).reshape(-1, 4)
    # Matches speak of predictions by descending score, so everything is brought into that order first.
    order = np.argsort(np.asarray(pred_score), kind="stable")[::-1]
    pred_box, pred_class_id = pred_box[order], np.asarray(pred_class_id)[order]
    pred_score, pred_mask = np.asarray(pred_score)[order], np.asarray(pred_mask)[..., order]
    _, pred_match, overlaps = compute_matches(
        gt_box,
        gt_class_id,
        gt_mask,
        pred_box,
        pred_class_id,
        pred_score,
        pred_mask,
        iou_threshold=iou_threshold,
        score_threshold=score_threshold,
    )
    captions = [""] * len(gt_box)
    for score, match, row in zip(pred_score, pred_match.astype(int), overlaps):
        captions.append(f"{score:.2f} / {row[match] if match > -1 else row.max(initial=0):.2f}")
    display_instances(
        image,
        np.concatenate([gt_box, pred_box]),
        _join_masks(np.asarray(gt_mask), pred_mask, np.shape(image)[:2]),
        np.concatenate([np.asarray(gt_class_id), pred_class_id]).astype(int),
        class_names,
        title=title or "Ground Truth and Detections\n GT=green, pred=red, captions: score/IoU",
        ax=ax,
        show_mask=show_mask,
        show_bbox=show_box,
        colors=[(0.0, 0.8, 0.0)] * len(gt_box) + [(1.0, 0.0, 0.0)] * len(pred_box),
        captions=captions,
        path=path,
    )


def _join_masks(gt_mask, pred_mask, shape):
    """Both sets of masks [H, W, G + P]; a set without masks may have any height and width."""
    parts = [mask for mask in (gt_mask, pred_mask) if mask.shape[-1]]
    return np.concatenate(parts, axis=-1) if parts else np.zeros((*shape, 0), bool)
