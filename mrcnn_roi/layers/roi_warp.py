"""ROIWarp: bilinear samples of a box that was rounded to whole cells, from one feature map."""

from __future__ import annotations

import keras

from mrcnn_roi.layers.contract import one_of, samples_a_bin
from mrcnn_roi.layers.map_pooling import MapPooling


@keras.saving.register_keras_serializable("mrcnn_roi")
class ROIWarp(MapPooling):
    """RoIWarp as the Mask R-CNN paper compares it (table 2c): the placement is rounded, the sampling is bilinear.

    The box's corners are rounded to whole cells (halves away from zero, at least one cell long), then it is sampled as
    RoIAlign samples. For boxes on whole cells the two are the same. The boxes get no gradient.

    Args:
        pool_shape: (height, width) of the result in bins, or one int for both.
        spatial_scale: cells of the map a pixel of the boxes' image, e.g. 1/16.
        aggregate: "max" or "mean" of a bin's samples.
        sampling_ratio: samples a bin and axis; 0 or -1: as many as the bin is cells long, rounded up.
        check: "static", "values" or "off", see PyramidROIAlign.

    Call arguments: a list [boxes, feature_map]
        boxes: [B, N, (y1, x1, y2, x2)] in pixels, floats.
        feature_map: [B, H, W, C].

    Returns: [B, N, pool_height, pool_width, C] in the layer's compute dtype. Boxes with NaN or infinity: ValueError
        in eager calls; in a graph tf.errors.InvalidArgumentError or NaN, never zeros.

    Raises: ValueError "expected ..., received ..." for a wrong rank, last dimension, dtype or number of inputs.
    """

    method = "roi_warp"

    def __init__(self, pool_shape, spatial_scale=1.0, aggregate="max", *, sampling_ratio=2, check="static", **kwargs):
        super().__init__(pool_shape, spatial_scale, check=check, **kwargs)
        self.aggregate = one_of("aggregate", aggregate, ("mean", "max"))
        self.sampling_ratio = samples_a_bin(sampling_ratio)

    def options(self):
        return {"aggregate": self.aggregate, "sampling_ratio": self.sampling_ratio}
