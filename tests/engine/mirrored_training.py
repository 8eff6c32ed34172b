"""A training step on two devices changes the weights as the mean of the steps on each one's images. Run as a module."""

import os
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from mrcnn_roi.engine.mask_rcnn import MaskRCNN
from mrcnn_roi.inputs.pipeline import Batches
from tests.engine.conftest import Boxes, SmallConfig


class TwoDevices(SmallConfig):
    """Only the RPN learns: which RoIs the heads learn from is drawn at random."""

    GPU_COUNT = 2
    IMAGES_PER_GPU = 1
    STEPS_PER_EPOCH = 1
    LEARNING_MOMENTUM = 0.0
    GRADIENT_CLIP_NORM = 1e9
    LOSS_WEIGHTS = dict.fromkeys(["mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss"], 0.0)


def changes(model, start):
    return [np.asarray(after) - before for after, before in zip(model.get_weights(), start)]


def main():
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    data, config = Boxes(), TwoDevices()
    with tempfile.TemporaryDirectory() as folder:
        with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
            both = MaskRCNN("training", config, folder)
        start = both.keras_model.get_weights()
        history = both.train(data, data, 0.1, 1, "all", preflight="warn", findings=[]).history
        alone = MaskRCNN("training", config, folder)
        alone.set_trainable(".*", verbose=0)
        alone.compile(0.1, 0.0)
        batch = next(iter(Batches(data, config, seed=config.SEED, workers=0)))
        found, losses = [], []
        for i in range(2):
            alone.keras_model.set_weights(start)
            losses.append(alone.keras_model.train_on_batch({name: each[i : i + 1] for name, each in batch.items()})[0])
            found.append(changes(alone.keras_model, start))
    for together, *each in zip(changes(both.keras_model, start), *found):
        np.testing.assert_allclose(together, np.mean(each, axis=0), rtol=1e-2, atol=1e-5 + 1e-3 * abs(together).max())
    np.testing.assert_allclose(history["loss"], np.mean(losses), rtol=1e-4)
    assert max(abs(each).max() for each in found[0]) > 1e-3
    assert np.isfinite(history["val_loss"]).all()


if __name__ == "__main__":
    sys.exit(main())
