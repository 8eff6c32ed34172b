"""Convolutions over [B, N, h, w, C]: every RoI is an image of its own.

The original wrapped plain layers in TimeDistributed. These fold the RoIs into the batch, run once, and unfold;
their names and weights are the plain layers' own.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

# A mixin has no base that mypy could look into; Any stands for the convolution it is mixed into.
_Convolution: Any = object


class _PerRoi(_Convolution):
    """Mixin for a Keras convolution: folds axis 1 into the batch around `call`."""

    def build(self, input_shape):
        super().build((None, *input_shape[2:]))

    def call(self, inputs):
        shape = ops.shape(inputs)
        outputs = super().call(ops.reshape(inputs, (-1, *shape[2:])))
        return ops.reshape(outputs, (*shape[:2], *ops.shape(outputs)[1:]))

    def compute_output_shape(self, input_shape):
        if len(input_shape) == 4:  # the convolution's own build asks about a single RoI
            return super().compute_output_shape(input_shape)
        return (*input_shape[:2], *super().compute_output_shape((None, *input_shape[2:]))[1:])

    def compute_output_spec(self, inputs, training=None):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)


@keras.saving.register_keras_serializable("mrcnn_roi")
class PerRoiConv2D(_PerRoi, keras.layers.Conv2D):
    """Conv2D over every RoI of [B, N, h, w, C].

    In training, a kernel that covers the whole RoI, as in the class head, is one product of matrices: the gradient of
    TensorFlow's convolution takes up to eighty times as long there. Elsewhere it stays a convolution, whose rounding
    does not depend on how many RoIs there are.

    rows: when given, the result is padded with zeros to [B, rows, h, w, C]: RoIs that were left out of the
    computation keep their place.
    """

    def __init__(self, *args, rows=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.rows = rows

    def convolution_op(self, inputs, kernel):
        outputs = super().convolution_op(inputs, kernel)
        if inputs.shape[0]:
            return outputs
        # The convolution of oneDNN gives what is empty the shape of its inputs.
        shape = super().compute_output_shape((None, *inputs.shape[1:]))
        return ops.reshape(outputs, (ops.shape(inputs)[0], *shape[1:]))

    def call(self, inputs, training=False):
        outputs = self._product(inputs) if training and self._covers(inputs.shape[2:4]) else super().call(inputs)
        if self.rows is None:
            return outputs
        missing = self.rows - ops.shape(outputs)[1]
        return ops.pad(outputs, [[0, 0], [0, missing], [0, 0], [0, 0], [0, 0]])

    def _covers(self, size) -> bool:
        """Whether the kernel fits RoIs of size (h, w) at one place only."""
        alone = self.padding == "valid" or self.kernel_size == (1, 1)
        return alone and tuple(size) == self.kernel_size and self.groups == 1 and self.dilation_rate == (1, 1)

    def _product(self, inputs):
        size = math.prod(inputs.shape[2:])
        outputs = ops.matmul(ops.reshape(inputs, (-1, size)), ops.reshape(self.kernel, (size, self.filters)))
        if self.use_bias:
            outputs = outputs + self.bias
        return ops.reshape(self.activation(outputs), (*ops.shape(inputs)[:2], 1, 1, self.filters))

    def compute_output_shape(self, input_shape):
        shape = super().compute_output_shape(input_shape)
        if self.rows is None or len(input_shape) == 4:
            return shape
        return (shape[0], self.rows, *shape[2:])

    def get_config(self):
        return {**super().get_config(), "rows": self.rows}


@keras.saving.register_keras_serializable("mrcnn_roi")
class PerRoiConv2DTranspose(_PerRoi, keras.layers.Conv2DTranspose):
    """Conv2DTranspose over every RoI of [B, N, h, w, C]."""
