"""Convolutions over [B, N, h, w, C]: every RoI is an image of its own.

The original wrapped plain layers in TimeDistributed. These fold the RoIs into the batch, run once, and unfold;
their names and weights are the plain layers' own.
"""

from __future__ import annotations

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

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)


@keras.saving.register_keras_serializable("mrcnn_roi")
class PerRoiConv2D(_PerRoi, keras.layers.Conv2D):
    """Conv2D over every RoI of [B, N, h, w, C].

    rows: when given, the result is padded with zeros to [B, rows, h, w, C]: RoIs that were left out of the
    computation keep their place.
    """

    def __init__(self, *args, rows=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.rows = rows

    def call(self, inputs):
        outputs = super().call(inputs)
        if self.rows is None:
            return outputs
        missing = self.rows - ops.shape(outputs)[1]
        return ops.pad(outputs, [[0, 0], [0, missing], [0, 0], [0, 0], [0, 0]])

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
