"""Matterport's `mrcnn.visualize`: its names, each an alias of what lives in `mrcnn_roi.drawing`."""

from mrcnn_roi.drawing.curves import plot_losses, plot_overlaps, plot_precision_recall
from mrcnn_roi.drawing.dataset import display_images, display_samples, display_top_masks
from mrcnn_roi.drawing.differences import display_differences
from mrcnn_roi.drawing.instances import display_instances, draw_instances
from mrcnn_roi.drawing.overlay import apply_mask, draw_box, random_colors
from mrcnn_roi.drawing.rois import draw_boxes, draw_rois
from mrcnn_roi.drawing.tables import display_table, display_weight_stats

__all__ = [
    "apply_mask",
    "display_differences",
    "display_images",
    "display_instances",
    "display_samples",
    "display_table",
    "display_top_masks",
    "display_weight_stats",
    "draw_box",
    "draw_boxes",
    "draw_instances",
    "draw_rois",
    "plot_losses",
    "plot_overlaps",
    "plot_precision_recall",
    "random_colors",
]
