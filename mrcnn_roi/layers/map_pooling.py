"""What the layers that pool from a single feature map share."""

from __future__ import annotations

import keras
import tensorflow as tf

from mrcnn_roi.layers.contract import assert_values, check_map_inputs, one_of, pool_size, positive_number
from mrcnn_roi.ops.roi_pooling import pool_map

CHECKS = ("static", "values", "off")


class MapPooling(keras.layers.Layer):
    """Pools boxes in pixels from one map. Subclasses name the method and its options.

    Args:
        pool_shape: (height, width) of the result in bins, or one int for both.
        spatial_scale: cells of the map a pixel of the boxes' image, e.g. 1/16.
        check: "static" checks shapes and dtypes, and in eager calls that boxes are finite; "values" also asserts, in
            the graph, that boxes are finite and ordered (compiled with XLA the result is NaN otherwise); "off" checks
            nothing.
    """

    method = ""

    def __init__(self, pool_shape, spatial_scale=1.0, *, check="static", **kwargs):
        super().__init__(autocast=False, **kwargs)  # half precision would move boxes by pixels
        self.pool_shape = pool_size(pool_shape)
        self.spatial_scale = positive_number("spatial_scale", spatial_scale)
        self.check = one_of("check", check, CHECKS)

    def options(self) -> dict:
        """What `pool_map` is told beyond the method; also the layer's own entries of get_config."""
        return {}

    def __call__(self, inputs, *args, **kwargs):
        if self.check != "off":
            check_map_inputs(inputs, self.name, finite=self.check == "static")
        return super().__call__(inputs, *args, **kwargs)

    def build(self, input_shape):
        self.built = True

    def call(self, inputs):
        boxes, feature_map = inputs
        if self.check == "values":
            boxes = assert_values(boxes, type(self).__name__, normalized=False)
        feature_map = tf.cast(feature_map, self.compute_dtype)
        return pool_map(boxes, feature_map, self.pool_shape, self.method, self.spatial_scale, **self.options())

    def compute_output_shape(self, input_shape):
        boxes, feature_map = input_shape
        return (*boxes[:2], *self.pool_shape, feature_map[-1])

    def compute_output_spec(self, inputs):
        shape = self.compute_output_shape([each.shape for each in inputs])
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "pool_shape": self.pool_shape,
            "spatial_scale": self.spatial_scale,
            "check": self.check,
            **self.options(),
        }
