"""Numbers: Matterport's metrics of single images, and COCO's metrics of a whole dataset."""

from mrcnn_roi.evaluation.ap import compute_ap, compute_ap_range, compute_matches, compute_recall
from mrcnn_roi.evaluation.coco import CocoEvaluator, evaluate_coco

__all__ = [
    "CocoEvaluator",
    "compute_ap",
    "compute_ap_range",
    "compute_matches",
    "compute_recall",
    "evaluate_coco",
]
