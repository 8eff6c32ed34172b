"""CropAndResize: one corner-aligned bilinear sample a bin, from one feature map."""

from __future__ import annotations

import keras

from mrcnn_roi.layers.map_pooling import MapPooling


@keras.saving.register_keras_serializable("mrcnn_roi")
class CropAndResize(MapPooling):
    """tf.image.crop_and_resize of boxes in pixels, with a gradient that is exact on CPU.

    The image is taken to be map size / spatial_scale pixels high and wide; its first pixel's centre lies on the first
    cell's and its last pixel's on the last cell's, as in Matterport's pyramid. Samples outside the map are 0. The boxes
    get no gradient.

    Args:
        pool_shape: (height, width) of the result in bins, or one int for both.
        spatial_scale: cells of the map a pixel of the boxes' image, e.g. 1/16.
        check: "static", "values" or "off", see PyramidROIAlign.

    Call arguments: a list [boxes, feature_map]
        boxes: [B, N, (y1, x1, y2, x2)] in pixels, y2 and x2 outside the box, floats.
        feature_map: [B, H, W, C].

    Returns: [B, N, pool_height, pool_width, C] in the layer's compute dtype. Boxes with NaN or infinity: ValueError
        in eager calls; in a graph tf.errors.InvalidArgumentError or NaN, never zeros.

    Raises: ValueError "expected ..., received ..." for a wrong rank, last dimension, dtype or number of inputs.
    """

    method = "crop_and_resize"
