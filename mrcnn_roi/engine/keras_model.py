"""The keras.Model behind MaskRCNN: the functional graph plus the original's loss, metrics and weight files."""

from __future__ import annotations

from pathlib import Path

import keras
import tensorflow as tf

from mrcnn_roi.engine import weights as weight_files
from mrcnn_roi.network.losses import LOSS_NAMES, weight_decay_loss


@keras.saving.register_keras_serializable("mrcnn_roi")
class MaskRCNNModel(keras.Model):
    """A functional model that trains on its own five loss outputs.

    total = sum of loss_weights[name] * loss + the original's weight decay (see `weight_decay_loss`). `fit`,
    `train_on_batch` and `evaluate` report `loss` and the five losses by name, weighted. `save_weights` and
    `load_weights` also take ".h5", Matterport's layout.
    """

    loss_weights: dict[str, float]
    weight_decay: float

    def set_losses(self, loss_weights=None, weight_decay=0.0001):
        """Sets the weights of the five losses (1 where a name is missing) and of the L2 term."""
        self.loss_weights = {name: float((loss_weights or {}).get(name, 1.0)) for name in LOSS_NAMES}
        self.weight_decay = float(weight_decay)
        if not hasattr(self, "loss_trackers"):
            self.loss_trackers = [keras.metrics.Mean(name=name) for name in LOSS_NAMES]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The total loss of a batch; y and sample_weight are not used, targets are inputs of the graph.

        Of replicas each gives its share: Keras adds up their gradients, and the original trained on the mean.
        """
        batch = tf.shape(tf.nest.flatten(x)[0])[0] if x is not None else 1
        total = weight_decay_loss(self.trainable_weights, self.weight_decay)
        for tracker, loss in zip(self.loss_trackers, y_pred[-len(LOSS_NAMES) :]):
            weighted = loss * self.loss_weights[tracker.name]
            tracker.update_state(weighted, sample_weight=batch)
            total += weighted
        return total / tf.distribute.get_strategy().num_replicas_in_sync

    def make_train_function(self, force=False):
        """As in Keras, with the optimizer's variables made before: TensorFlow traces a function twice that makes its
        own, which takes as long again before the first step."""
        if not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)
        return super().make_train_function(force)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Nothing: the graph is built. Keras would take the mean of the first batch's masks over replicas, and fail."""

    def train_on_batch(self, *args, **kwargs):
        """As in Keras; the answer is of this batch alone."""
        self.reset_metrics()
        return super().train_on_batch(*args, **kwargs)

    def test_on_batch(self, *args, **kwargs):
        """As in Keras; the answer is of this batch alone."""
        self.reset_metrics()
        return super().test_on_batch(*args, **kwargs)

    def save_weights(self, filepath, overwrite=True, **kwargs):
        """Writes ".h5" in Matterport's layout, ".weights.h5" in Keras 3's; whole or not at all."""
        path = Path(filepath)
        if path.exists() and not overwrite:
            raise ValueError(f"expected a new file because overwrite is False, received {path}, which exists")
        path.parent.mkdir(parents=True, exist_ok=True)
        if _is_matterport(path):
            weight_files.save_h5(self, path)
            return
        temporary = path.with_name(f".{path.name}.part.weights.h5")
        try:
            super().save_weights(temporary, overwrite=True, **kwargs)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        """Reads ".h5" by layer name (keywords by_name, exclude), other formats as Keras does."""
        if _is_matterport(Path(filepath)):
            return weight_files.load_h5(self, filepath, **kwargs)
        return super().load_weights(filepath, skip_mismatch=skip_mismatch, **kwargs)

    def get_config(self):
        config = super().get_config()
        if hasattr(self, "loss_weights"):
            config["losses"] = {"loss_weights": self.loss_weights, "weight_decay": self.weight_decay}
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        losses = config.pop("losses", None)
        model = super().from_config(config, custom_objects=custom_objects)
        if losses:
            model.set_losses(**losses)
        return model


def _is_matterport(path: Path) -> bool:
    return path.suffix in (".h5", ".hdf5") and not path.name.endswith(".weights.h5")
