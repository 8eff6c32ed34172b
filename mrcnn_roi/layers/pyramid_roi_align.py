"""PyramidROIAlign: the layer the package is named after."""

from __future__ import annotations

import keras
import tensorflow as tf

from mrcnn_roi.layers.contract import check_pyramid_inputs, pool_size
from mrcnn_roi.ops.meta import parse_image_meta
from mrcnn_roi.ops.roi_pooling import crop_and_resize_pyramid

METHODS = ("crop_and_resize",)
CHECKS = ("static", "values", "off")


@keras.saving.register_keras_serializable("mrcnn_roi")
class PyramidROIAlign(keras.layers.Layer):
    """Pools every RoI from the pyramid level that suits its size.

    The level is `clip(4 + round(log2(sqrt(h * w) / (224 / sqrt(area)))), levels[0], levels[-1])` (FPN equation 1;
    h, w normalized, area of the molded image in pixels). Method "crop_and_resize" samples one corner-aligned point
    a bin, 0 outside the map: Matterport's numbers, forward and gradient. The gradient to the maps is exact and the
    same in every run; the boxes get none, as in the original.

    Args:
        pool_shape: (height, width) of the result in bins, or one int for both.
        method: "crop_and_resize".
        sampling_ratio: samples a bin and axis, for methods that take several; "crop_and_resize" takes one.
        aggregate: "mean" or "max" of those samples; without effect on "crop_and_resize".
        levels: pyramid levels of the maps, finest first, e.g. (2, 3, 4, 5) for P2..P5.
        check: "static" checks ranks, last dimensions, number of maps and channels when the layer is built and
            costs nothing at run time; "values" also asserts, in the graph, that RoIs are finite, ordered and
            within 0..1; "off" checks nothing.

    Call arguments: a list [boxes, image_meta, P2, P3, P4, P5]
        boxes: [B, N, (y1, x1, y2, x2)] normalized floats. All-zero rows are padding.
        image_meta: [B, 12 + K] as `compose_image_meta` makes it. The molded image's size is read from row 0.
        P2..P5: feature maps [B, H, W, C].

    Returns: [B, N, pool_height, pool_width, C] in the layer's compute dtype. Boxes and image_meta keep their
        precision under every dtype policy.

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
        check="static",
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # half precision would move boxes by pixels
        self.pool_shape = pool_size(pool_shape)
        if method not in METHODS:
            raise ValueError(f"expected method to be one of {METHODS}, received {method!r}")
        if aggregate not in ("mean", "max"):
            raise ValueError(f'expected aggregate to be "mean" or "max", received {aggregate!r}')
        if check not in CHECKS:
            raise ValueError(f"expected check to be one of {CHECKS}, received {check!r}")
        levels = tuple(int(level) for level in levels)
        if not levels or levels != tuple(range(levels[0], levels[0] + len(levels))):
            raise ValueError(f"expected levels to be consecutive integers such as (2, 3, 4, 5), received {levels}")
        self.method, self.sampling_ratio, self.aggregate = method, sampling_ratio, aggregate
        self.levels, self.check = levels, check
        self.supports_jit = False  # XLA has no CropAndResize

    def __call__(self, inputs, *args, **kwargs):
        if self.check != "off":
            check_pyramid_inputs(inputs, self.levels, self.name)
        return super().__call__(inputs, *args, **kwargs)

    def build(self, input_shape):
        self.built = True

    def call(self, inputs):
        boxes, image_meta = inputs[0], inputs[1]
        maps = [tf.cast(each, self.compute_dtype) for each in inputs[2:]]
        if self.check == "values":
            boxes = _assert_values(boxes)
        image_shape = parse_image_meta(image_meta)["image_shape"][0]
        return crop_and_resize_pyramid(boxes, image_shape, maps, self.pool_shape, self.levels)

    def compute_output_shape(self, input_shape):
        return (*input_shape[0][:2], *self.pool_shape, input_shape[2][-1])

    def compute_output_spec(self, inputs):
        shape = self.compute_output_shape([x.shape for x in inputs])
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "pool_shape": self.pool_shape,
            "method": self.method,
            "sampling_ratio": self.sampling_ratio,
            "aggregate": self.aggregate,
            "levels": self.levels,
            "check": self.check,
        }


def _assert_values(boxes):
    """boxes, once the graph has asserted that they are finite, ordered and in range."""
    y1, x1, y2, x2 = tf.unstack(boxes, axis=-1)
    conditions = [
        (tf.math.is_finite(boxes), "finite RoIs", "NaN or infinity"),
        (tf.stack([y2 >= y1, x2 >= x1]), "y1 <= y2 and x1 <= x2", "reversed corners; they would pool flipped features"),
        (
            (boxes >= -1e-6) & (boxes <= 1 + 1e-6),
            "normalized RoIs within 0..1",
            "values outside; pixels? Use norm_boxes. Outside the map zeros are pooled",
        ),
    ]
    asserts = [
        tf.debugging.assert_equal(
            tf.reduce_all(condition), True, f"PyramidROIAlign expected {expected}, received {received}"
        )
        for condition, expected, received in conditions
    ]
    with tf.control_dependencies([each for each in asserts if each is not None]):  # eager: they have run
        return tf.identity(boxes)
