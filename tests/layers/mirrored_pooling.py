"""A program: MirroredStrategy over two CPU devices gives the pooling layers' numbers on one. Exits 0 if it does.

It is a program because the devices have to be split before TensorFlow starts.
"""

import keras
import numpy as np
import tensorflow as tf

from mrcnn_roi.layers import CropAndResize, PyramidROIAlign, ROIAlign, ROIPool, ROIWarp

BATCH, COUNT = 4, 3


def layers():
    single = [ROIAlign(2, 0.25, 0, True), ROIPool(2, 0.25), ROIWarp(2, 0.25), CropAndResize(2, 0.25)]
    return single, [PyramidROIAlign(2, method, levels=(2, 3)) for method in ("crop_and_resize", "roi_align")]


def build():
    """A trained 1x1 convolution, then every layer on its result; their means over the bins side by side."""
    boxes, normalized = keras.Input((None, 4)), keras.Input((None, 4))
    meta, image = keras.Input((14,)), keras.Input((8, 12, 2))
    features = keras.layers.Conv2D(3, 1, kernel_initializer=keras.initializers.Ones(), name="trained")(image)
    coarse = keras.layers.AveragePooling2D(2)(features)
    single, pyramids = layers()
    pooled = [layer([boxes, features]) for layer in single]
    pooled += [layer([normalized, meta, features, coarse]) for layer in pyramids]
    return keras.Model([boxes, normalized, meta, image], keras.layers.Concatenate()(pooled))


def data():
    rng = np.random.default_rng(0)
    corners = np.sort(rng.uniform(0, 1, (2, BATCH, COUNT, 2)), axis=0)
    normalized = np.concatenate([corners[0], corners[1]], -1).astype(np.float32)
    boxes = normalized * np.array([32, 48, 32, 48], np.float32)
    meta = np.tile(np.array([0, 32, 48, 3, 32, 48, 3, 0, 0, 32, 48, 1, 0, 0], np.float32), (BATCH, 1))
    image = rng.normal(size=(BATCH, 8, 12, 2)).astype(np.float32)
    upstream = rng.normal(size=(BATCH, COUNT, 2, 2, 18)).astype(np.float32)
    return boxes, normalized, meta, image, upstream


def step(model, boxes, normalized, meta, image, upstream):
    with tf.GradientTape() as tape:
        pooled = model([boxes, normalized, meta, image], training=True)
        loss = tf.reduce_sum(pooled * upstream)
    return pooled, tape.gradient(loss, model.trainable_variables)


def main():
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_visible_devices([], "GPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    arrays = [tf.constant(each) for each in data()]
    alone = step(build(), *arrays)

    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        model = build()

    def half(context):
        rows = slice(BATCH // 2 * context.replica_id_in_sync_group, BATCH // 2 * (context.replica_id_in_sync_group + 1))
        return [each[rows] for each in arrays]

    @tf.function
    def together(halves):
        return strategy.run(lambda arrays: step(model, *arrays), (halves,))

    pooled, gradients = together(strategy.experimental_distribute_values_from_function(half))
    pooled = tf.concat(strategy.experimental_local_results(pooled), axis=0)
    np.testing.assert_allclose(pooled, alone[0], rtol=1e-5, atol=1e-5)
    for spread, single in zip(gradients, alone[1]):
        assert np.abs(single).max() > 0.1
        total = sum(strategy.experimental_local_results(spread))
        np.testing.assert_allclose(total, single, rtol=1e-4, atol=1e-4)


if __name__ == "__main__":
    main()
