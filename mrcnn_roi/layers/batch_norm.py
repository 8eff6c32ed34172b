"""BatchNorm: batch normalization whose mode is fixed when the model is built."""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable("mrcnn_roi")
class BatchNorm(keras.layers.BatchNormalization):
    """Batch normalization that can ignore whether the model trains (batches are usually too small for statistics).

    Args:
        train_bn: False always uses the stored statistics, True always those of the batch, None the usual way
            (batch statistics while training). As in the original it is given when the layer is called on a
            symbolic tensor: `BatchNorm(name=...)(x, training=False)`; the layer remembers it, because Keras
            passes the mode of the running model otherwise.

    gamma and beta train in every mode, as in the original.
    """

    def __init__(self, *args, train_bn=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.train_bn = train_bn

    def __call__(self, inputs, training=None, **kwargs):
        if training is not None and isinstance(inputs, keras.KerasTensor):
            self.train_bn = bool(training)
        return super().__call__(inputs, training=training, **kwargs)

    def call(self, inputs, training=None, mask=None):
        training = training if self.train_bn is None else self.train_bn
        return super().call(inputs, training=training, mask=mask)

    def get_config(self):
        return {**super().get_config(), "train_bn": self.train_bn}
