"""ROIPool: the largest cell of each bin, from one feature map."""

from __future__ import annotations

import keras

from mrcnn_roi.layers.map_pooling import MapPooling


@keras.saving.register_keras_serializable("mrcnn_roi")
class ROIPool(MapPooling):
    """RoIPool (Fast R-CNN, section 2.1) with torchvision's numbers, forward and gradient.

    The box is rounded to whole cells, both ends included, the bins are rounded outwards to whole cells, and each
    gives its largest cell. A bin outside the map is 0. The gradient goes to the first largest cell.

    Args:
        pool_shape: (height, width) of the result in bins, or one int for both.
        spatial_scale: cells of the map a pixel of the boxes' image, e.g. 1/16.
        check: "static", "values" or "off", see PyramidROIAlign.

    Call arguments: a list [boxes, feature_map]
        boxes: [B, N, (y1, x1, y2, x2)] in pixels, floats.
        feature_map: [B, H, W, C].

    Returns: [B, N, pool_height, pool_width, C] in the layer's compute dtype. Boxes with NaN or infinity: ValueError
        in eager calls, NaN in a graph.

    Raises: ValueError "expected ..., received ..." for a wrong rank, last dimension, dtype or number of inputs.
    """

    method = "roi_pool"
