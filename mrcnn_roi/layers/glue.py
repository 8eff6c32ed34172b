"""Small layers between the big ones: views of tensors that the functional graph needs by name."""

from __future__ import annotations

import keras
import tensorflow as tf

from mrcnn_roi.ops.anchors import generate_pyramid_anchors
from mrcnn_roi.ops.boxes import norm_boxes
from mrcnn_roi.ops.meta import parse_image_meta


class _Exact(keras.layers.Layer):
    """A layer that takes its inputs as they are under any dtype policy: half precision would move boxes by pixels."""

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)


@keras.saving.register_keras_serializable("mrcnn_roi")
class Anchors(_Exact):
    """Anchors of the image that is in the network, from the sizes of its feature maps.

    The original froze anchors for IMAGE_SHAPE, so that images of another size trained on anchors that were not
    theirs. Args: the RPN_ANCHOR_* and BACKBONE_STRIDES numbers of the config.
    Call arguments: [input_image [B, H, W, C], P2, ..., P6]. Returns [1, A, (y1, x1, y2, x2)] normalized.
    """

    def __init__(self, scales, ratios, strides, anchor_stride=1, **kwargs):
        super().__init__(**kwargs)
        self.scales, self.ratios = [float(x) for x in scales], [float(x) for x in ratios]
        self.strides, self.anchor_stride = [float(x) for x in strides], int(anchor_stride)

    def call(self, inputs):
        image, *maps = inputs
        shapes = [tf.shape(each)[1:3] for each in maps]
        anchors = generate_pyramid_anchors(
            self.scales, self.ratios, shapes, self.strides[: len(maps)], self.anchor_stride
        )
        return norm_boxes(anchors, tf.shape(image)[1:3])[None]

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((1, None, 4), dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "scales": self.scales,
            "ratios": self.ratios,
            "strides": self.strides,
            "anchor_stride": self.anchor_stride,
        }


@keras.saving.register_keras_serializable("mrcnn_roi")
class NormalizeBoxes(_Exact):
    """[boxes [B, N, (y1, x1, y2, x2)] pixels, input_image [B, H, W, C]] -> normalized boxes, float32."""

    def call(self, inputs):
        boxes, image = inputs
        return norm_boxes(boxes, tf.shape(image)[1:3])

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs[0].shape, dtype="float32")


@keras.saving.register_keras_serializable("mrcnn_roi")
class ActiveClasses(_Exact):
    """image_meta [B, 12 + K] -> active class flags [B, K]."""

    def call(self, inputs):
        return parse_image_meta(inputs)["active_class_ids"]

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((inputs.shape[0], inputs.shape[1] - 12), dtype=inputs.dtype)


@keras.saving.register_keras_serializable("mrcnn_roi")
class DetectedBoxes(_Exact):
    """detections [B, D, (y1, x1, y2, x2, class id, score)] -> boxes [B, D, (y1, x1, y2, x2)]."""

    def call(self, inputs):
        return inputs[..., :4]

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((*inputs.shape[:2], 4), dtype=inputs.dtype)


@keras.saving.register_keras_serializable("mrcnn_roi")
class FirstRows(_Exact):
    """rows [B, N, ...] -> their first `count` [B, count, ...]."""

    def __init__(self, count, **kwargs):
        super().__init__(**kwargs)
        self.count = int(count)

    def call(self, inputs):
        return inputs[:, : self.count]

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((inputs.shape[0], self.count, *inputs.shape[2:]), dtype=inputs.dtype)

    def get_config(self):
        return {**super().get_config(), "count": self.count}


@keras.saving.register_keras_serializable("mrcnn_roi")
class Identity(_Exact):
    """Passes its input on under a name of its own."""

    def call(self, inputs):
        return tf.identity(inputs)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, dtype=inputs.dtype)
