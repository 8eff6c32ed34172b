"""PyramidROIAlign: the layer the package is named after."""

from __future__ import annotations

import keras
import tensorflow as tf

from mrcnn_roi.layers.contract import (
    assert_values,
    check_pyramid_inputs,
    consecutive,
    flag,
    one_of,
    pool_size,
    samples_a_bin,
)
from mrcnn_roi.layers.map_pooling import CHECKS
from mrcnn_roi.ops.meta import parse_image_meta
from mrcnn_roi.ops.roi_pooling import METHODS, pool_pyramid


@keras.saving.register_keras_serializable("mrcnn_roi")
class PyramidROIAlign(keras.layers.Layer):
    """Pools every RoI from the pyramid level that suits its size.

    The level is `clip(4 + round(log2(sqrt(h * w) / (224 / sqrt(area)))), levels[0], levels[-1])` (FPN equation 1;
    h, w normalized, area of the molded image in pixels). The gradient to the maps is exact, on CPU the same in every
    run. Works in graphs, eagerly and compiled with XLA. There are no second derivatives, and `tape.jacobian` needs
    `experimental_use_pfor=False`.

    Args:
        pool_shape: (height, width) of the result in bins, or one int for both.
        method: how a box is pooled from its level's map.
            "crop_and_resize": one corner-aligned sample a bin, 0 outside the map: Matterport's numbers.
            "roi_align": RoIAlign of the Mask R-CNN paper, torchvision's numbers.
            "roi_pool": RoIPool of Fast R-CNN, torchvision's numbers.
            "roi_warp": RoIAlign's sampling of a box rounded to whole cells.
            For all but the first the boxes are denormalized to pixels of the molded image (not rounded) and scaled by
            map size over image size on each axis.
        sampling_ratio: samples a bin and axis for "roi_align" and "roi_warp"; 0 or -1: as many as the bin is cells
            long, rounded up.
        aggregate: "mean" or "max" of those samples.
        levels: pyramid levels of the maps, finest first, e.g. (2, 3, 4, 5) for P2..P5.
        aligned: for "roi_align": shift by half a cell, as torchvision's `aligned`.
        stop_box_gradient: False lets gradients through to the boxes for "roi_align"; the original stopped them.
        check: "static" checks ranks, last dimensions, dtypes, number of maps and channels when the layer is called,
            and in eager calls that boxes are finite; "values" also asserts, in the graph, that RoIs are finite,
            ordered and within 0..1; XLA drops assertions, there the whole result is NaN; "off" checks nothing.

    Call arguments: a list [boxes, image_meta, P2, P3, P4, P5]
        boxes: [B, N, (y1, x1, y2, x2)] normalized floats. All-zero rows are padding.
        image_meta: [B, 12 + K] as `compose_image_meta` makes it. The molded image's size is read from row 0.
        P2..P5: feature maps [B, H, W, C].

    Returns: [B, N, pool_height, pool_width, C] in the layer's compute dtype. Boxes and image_meta keep their
        precision under every dtype policy. Boxes with NaN or infinity: ValueError in eager calls; in a graph
        tf.errors.InvalidArgumentError or NaN, never zeros.

    Raises: ValueError "expected ..., received ..." for a wrong rank, last dimension, number of maps, dtype,
        NCHW maps or unequal channels; with check="values", tf.errors.InvalidArgumentError for wrong RoIs.
    """

    def __init__(
        self,
        pool_shape,
        method="crop_and_resize",
        sampling_ratio=2,
        aggregate="mean",
        *,
        levels=(2, 3, 4, 5),
        aligned=False,
        stop_box_gradient=True,
        check="static",
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # half precision would move boxes by pixels
        self.pool_shape = pool_size(pool_shape)
        self.method = one_of("method", method, METHODS)
        self.sampling_ratio = samples_a_bin(sampling_ratio)
        self.aggregate = one_of("aggregate", aggregate, ("mean", "max"))
        self.aligned = flag("aligned", aligned)
        self.stop_box_gradient = flag("stop_box_gradient", stop_box_gradient)
        self.check = one_of("check", check, CHECKS)
        self.levels = consecutive("levels", levels)

    def __call__(self, inputs, *args, **kwargs):
        if self.check != "off":
            check_pyramid_inputs(inputs, self.levels, self.name, finite=self.check == "static")
        return super().__call__(inputs, *args, **kwargs)

    def build(self, input_shape):
        self.built = True

    def call(self, inputs):
        boxes, image_meta = inputs[0], inputs[1]
        maps = [tf.cast(each, self.compute_dtype) for each in inputs[2:]]
        if self.check == "values":
            boxes = assert_values(boxes, type(self).__name__, normalized=True)
        image_shape = parse_image_meta(image_meta)["image_shape"]
        if not image_shape.shape[0]:  # a batch without images has no first one
            image_shape = tf.concat([image_shape, tf.ones([1, 3], image_shape.dtype)], axis=0)
        image_shape = image_shape[0]
        return pool_pyramid(boxes, image_shape, maps, self.pool_shape, **self._options())

    def _options(self):
        return {
            "method": self.method,
            "sampling_ratio": self.sampling_ratio,
            "aggregate": self.aggregate,
            "levels": self.levels,
            "aligned": self.aligned,
            "stop_box_gradient": self.stop_box_gradient,
        }

    def compute_output_shape(self, input_shape):
        return (*input_shape[0][:2], *self.pool_shape, input_shape[2][-1])

    def compute_output_spec(self, inputs):
        shape = self.compute_output_shape([x.shape for x in inputs])
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "pool_shape": self.pool_shape,
            **self._options(),
            "check": self.check,
        }
