"""Matterport's `mrcnn.utils`: its names, from where they live here."""

from mrcnn_roi.datasets import Dataset
from mrcnn_roi.engine.download import COCO_MODEL_URL, download_trained_weights
from mrcnn_roi.evaluation.ap import compute_ap, compute_ap_range, compute_matches, compute_recall
from mrcnn_roi.ops.anchors import generate_anchors, generate_pyramid_anchors
from mrcnn_roi.ops.batches import batch_slice
from mrcnn_roi.ops.boxes import (
    apply_box_deltas,
    box_refinement,
    compute_iou,
    compute_overlaps,
    denorm_boxes,
    non_max_suppression,
    norm_boxes,
    trim_zeros,
)
from mrcnn_roi.ops.boxes import box_refinement as box_refinement_graph
from mrcnn_roi.ops.images import resize, resize_image
from mrcnn_roi.ops.masks import (
    compute_overlaps_masks,
    expand_mask,
    extract_bboxes,
    minimize_mask,
    mold_mask,
    resize_mask,
    unmold_mask,
)

__all__ = [
    "COCO_MODEL_URL",
    "Dataset",
    "apply_box_deltas",
    "batch_slice",
    "box_refinement",
    "box_refinement_graph",
    "compute_ap",
    "compute_ap_range",
    "compute_iou",
    "compute_matches",
    "compute_overlaps",
    "compute_overlaps_masks",
    "compute_recall",
    "denorm_boxes",
    "download_trained_weights",
    "expand_mask",
    "extract_bboxes",
    "generate_anchors",
    "generate_pyramid_anchors",
    "minimize_mask",
    "mold_mask",
    "non_max_suppression",
    "norm_boxes",
    "resize",
    "resize_image",
    "resize_mask",
    "trim_zeros",
    "unmold_mask",
]
