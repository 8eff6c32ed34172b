"""Pictures of every stage: data, boxes on their way, instances, differences, curves, tables.

Every function shows its picture, or writes it to `path`, which needs no screen.
"""

from mrcnn_roi.drawing.curves import plot_losses, plot_overlaps, plot_precision_recall
from mrcnn_roi.drawing.dataset import display_images, display_samples, display_top_masks
from mrcnn_roi.drawing.differences import display_differences
from mrcnn_roi.drawing.instances import display_instances, draw_instances
from mrcnn_roi.drawing.levels import draw_level_histogram, draw_levels
from mrcnn_roi.drawing.overlay import apply_mask, distinct_colors, draw_box, random_colors
from mrcnn_roi.drawing.rois import draw_boxes, draw_rois
from mrcnn_roi.drawing.sampling import draw_lost_and_gained, draw_pooling, draw_sampling
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
    "distinct_colors",
    "draw_box",
    "draw_boxes",
    "draw_instances",
    "draw_level_histogram",
    "draw_levels",
    "draw_lost_and_gained",
    "draw_pooling",
    "draw_rois",
    "draw_sampling",
    "plot_losses",
    "plot_overlaps",
    "plot_precision_recall",
    "random_colors",
]
