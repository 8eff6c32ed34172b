import numpy as np
import pytest
import tensorflow as tf

from mrcnn_roi.ops.levels import roi_levels
from mrcnn_roi.ops.roi_pooling import pool_pyramid


def maps_and_boxes(seed, batch=2, count=60, size=(96, 64), channels=5):
    rng = np.random.default_rng(seed)
    maps = [
        tf.constant(rng.normal(size=(batch, size[0] // 2**i, size[1] // 2**i, channels)), tf.float32) for i in range(4)
    ]
    corners = np.sort(rng.uniform(-0.1, 1.1, (2, batch, count, 2)), axis=0)
    boxes = np.concatenate([corners[0], corners[1]], axis=-1).astype(np.float32)
    boxes[:, 0], boxes[:, 1] = 0, [0, 0, 1, 1]
    return maps, boxes


def slow_gradient(maps, boxes, image_shape, upstream):
    """Adds every bin's gradient to its four cells, one after the other, in float64."""
    gradients = [np.zeros(each.shape) for each in maps]
    levels = roi_levels(boxes, image_shape)
    bins = upstream.shape[2]
    for b in range(boxes.shape[0]):
        for n, box in enumerate(boxes[b]):
            target = gradients[levels[b, n] - 2][b]
            height, width = np.float32(target.shape[0] - 1), np.float32(target.shape[1] - 1)
            step_y = (box[2] - box[0]) * height / np.float32(bins - 1)
            step_x = (box[3] - box[1]) * width / np.float32(bins - 1)
            for i in range(bins):
                y = box[0] * height + np.float32(i) * step_y
                if not 0 <= y <= height:
                    continue
                for j in range(bins):
                    x = box[1] * width + np.float32(j) * step_x
                    if not 0 <= x <= width:
                        continue
                    top, left = int(np.floor(y)), int(np.floor(x))
                    bottom, right = int(np.ceil(y)), int(np.ceil(x))
                    dy, dx = float(y) - top, float(x) - left
                    value = upstream[b, n, i, j].astype(np.float64)
                    target[top, left] += (1 - dy) * (1 - dx) * value
                    target[top, right] += (1 - dy) * dx * value
                    target[bottom, left] += dy * (1 - dx) * value
                    target[bottom, right] += dy * dx * value
    return gradients


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "graph"])
def test_gradient_equals_a_slow_loop(compiled):
    maps, boxes = maps_and_boxes(0)
    upstream = np.random.default_rng(1).normal(size=(2, 60, 7, 7, 5)).astype(np.float32)

    def gradient(boxes, *maps):
        with tf.GradientTape() as tape:
            tape.watch(maps)
            loss = tf.reduce_sum(pool_pyramid(boxes, (384, 256), list(maps), (7, 7)) * upstream)
        return tape.gradient(loss, maps)

    actual = (tf.function(gradient) if compiled else gradient)(tf.constant(boxes), *maps)
    for mine, expected in zip(actual, slow_gradient(maps, boxes, (384, 256), upstream)):
        np.testing.assert_allclose(mine, expected, rtol=1e-4, atol=1e-4)


def test_the_gradient_loses_nothing_when_all_boxes_meet():
    """TensorFlow's kernel drops updates here: many boxes on the same cells, added by several threads."""
    channels, count = 64, 600
    maps = [tf.zeros((1, 64 // 2**i, 64 // 2**i, channels)) for i in range(4)]
    boxes = tf.tile(tf.constant([[[0.1, 0.1, 0.14, 0.14]]]), [1, count, 1])
    with tf.GradientTape() as tape:
        tape.watch(maps)
        loss = tf.reduce_sum(pool_pyramid(boxes, (256, 256), maps, (7, 7)))
    total = sum(float(tf.reduce_sum(tf.cast(g, tf.float64))) for g in tape.gradient(loss, maps))
    assert total == pytest.approx(count * 49 * channels, rel=1e-4)


def test_two_runs_agree_to_the_last_bit():
    maps, boxes = maps_and_boxes(3, batch=1, count=400, channels=64)

    def gradient():
        with tf.GradientTape() as tape:
            tape.watch(maps)
            loss = tf.reduce_sum(pool_pyramid(tf.constant(boxes), (384, 256), maps, (7, 7)) ** 2)
        return [g.numpy() for g in tape.gradient(loss, maps)]

    for a, b in zip(gradient(), gradient()):
        np.testing.assert_array_equal(a, b)


def test_no_gradient_to_the_boxes():
    maps, boxes = maps_and_boxes(4)
    boxes = tf.constant(boxes)
    with tf.GradientTape() as tape:
        tape.watch(boxes)
        loss = tf.reduce_sum(pool_pyramid(boxes, (384, 256), maps, (7, 7)))
    assert tape.gradient(loss, boxes) is None


@pytest.mark.parametrize("bins", [1, 2, 14])
def test_one_level_equals_the_kernel(bins):
    maps, boxes = maps_and_boxes(5)
    pooled = pool_pyramid(tf.constant(boxes), (384, 256), maps[:1], (bins, bins), levels=(2,))
    flat = tf.reshape(boxes, [-1, 4])
    expected = tf.image.crop_and_resize(maps[0], flat, tf.repeat([0, 1], 60), (bins, bins))
    np.testing.assert_array_equal(tf.reshape(pooled, expected.shape), expected)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_floats_come_back_as_they_went_in(dtype):
    maps, boxes = maps_and_boxes(6)
    wide = pool_pyramid(tf.constant(boxes), (384, 256), maps, (7, 7))
    narrow = pool_pyramid(tf.constant(boxes), (384, 256), [tf.cast(m, dtype) for m in maps], (7, 7))
    assert narrow.dtype == dtype
    np.testing.assert_allclose(tf.cast(narrow, tf.float32), wide, atol=0.05)


def test_no_rois():
    maps, _ = maps_and_boxes(7)
    assert pool_pyramid(tf.zeros((2, 0, 4)), (384, 256), maps, (7, 7)).shape == (2, 0, 7, 7, 5)
