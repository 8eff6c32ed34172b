"""ROIAlign: bilinear samples spread evenly in each bin, from one feature map."""

from __future__ import annotations

import keras

from mrcnn_roi.layers.contract import flag, one_of, samples_a_bin
from mrcnn_roi.layers.map_pooling import MapPooling


@keras.saving.register_keras_serializable("mrcnn_roi")
class ROIAlign(MapPooling):
    """RoIAlign (Mask R-CNN, section 3) with torchvision's numbers, forward and gradient.

    Nothing is rounded: each bin is sampled at sampling_ratio x sampling_ratio evenly spaced points, each interpolated
    from four cells. Points up to one cell outside the map read its border, those further out are 0.

    Args:
        pool_shape: (height, width) of the result in bins, or one int for both.
        spatial_scale: cells of the map a pixel of the boxes' image, e.g. 1/16.
        sampling_ratio: samples a bin and axis; 0 or -1: as many as the bin is cells long, rounded up.
        aligned: True shifts the boxes by half a cell, so that pixel edges fall on cell edges. False, torchvision's
            default, reads half a cell further down and right, and makes a box at least one cell long.
        aggregate: "mean" or "max" of a bin's samples (Mask R-CNN, table 2c).
        stop_box_gradient: False lets gradients through to the boxes.
        check: "static", "values" or "off", see PyramidROIAlign.

    Call arguments: a list [boxes, feature_map]
        boxes: [B, N, (y1, x1, y2, x2)] in pixels, floats.
        feature_map: [B, H, W, C].

    Returns: [B, N, pool_height, pool_width, C] in the layer's compute dtype. Boxes with NaN or infinity: ValueError
        in eager calls; in a graph tf.errors.InvalidArgumentError or NaN, never zeros.

    Raises: ValueError "expected ..., received ..." for a wrong rank, last dimension, dtype or number of inputs.
    """

    method = "roi_align"

    def __init__(
        self,
        pool_shape,
        spatial_scale=1.0,
        sampling_ratio=2,
        aligned=False,
        aggregate="mean",
        *,
        stop_box_gradient=True,
        check="static",
        **kwargs,
    ):
        super().__init__(pool_shape, spatial_scale, check=check, **kwargs)
        self.sampling_ratio = samples_a_bin(sampling_ratio)
        self.aligned = flag("aligned", aligned)
        self.aggregate = one_of("aggregate", aggregate, ("mean", "max"))
        self.stop_box_gradient = flag("stop_box_gradient", stop_box_gradient)

    def options(self):
        return {
            "sampling_ratio": self.sampling_ratio,
            "aligned": self.aligned,
            "aggregate": self.aggregate,
            "stop_box_gradient": self.stop_box_gradient,
        }
