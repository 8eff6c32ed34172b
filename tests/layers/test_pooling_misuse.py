"""Mistakes that are seen, or made visible, in calls that look right."""

import numpy as np
import pytest
import tensorflow as tf

from mrcnn_roi.layers import CropAndResize, PyramidROIAlign, ROIAlign, ROIPool
from mrcnn_roi.ops.boxes import norm_boxes
from tests.layers.pooling_cases import METHODS, SINGLE, maps_example, pyramid_example, single


@pytest.mark.parametrize("spoil", [lambda b: b * 500, lambda b: b[..., ::-1], lambda b: b * np.nan])
def test_compiled_with_xla_wrong_values_give_nan(spoil):
    boxes, meta, *maps = pyramid_example()
    layer = PyramidROIAlign((2, 3), levels=(2, 3), check="values")
    call = tf.function(lambda *inputs: layer(list(inputs)), jit_compile=True, autograph=False)
    assert np.isfinite(call(boxes, meta, *maps)).all()
    assert np.isnan(call(spoil(np.asarray(boxes)).astype("float32"), meta, *maps)).all()


@pytest.mark.parametrize("name", SINGLE)
def test_compiled_with_xla_reversed_boxes_give_nan_from_one_map(name):
    boxes, feature_map, _ = maps_example()
    layer = single(name, check="values")
    call = tf.function(lambda *inputs: layer(list(inputs)), jit_compile=True, autograph=False)
    ordered = np.sort(np.asarray(boxes).reshape(*boxes.shape[:2], 2, 2), axis=2).reshape(boxes.shape)
    assert np.isfinite(call(ordered, feature_map)).all()
    assert np.isnan(call(ordered[..., [2, 3, 0, 1]], feature_map)).any()


@pytest.mark.parametrize("symbolic", [False, True])
def test_maps_in_reverse_order_are_refused(symbolic):
    import keras

    boxes, meta, *maps = pyramid_example()
    inputs = [boxes, meta, *maps[::-1]]
    if symbolic:
        inputs = [keras.Input(batch_shape=each.shape) for each in inputs]
    with pytest.raises(ValueError, match="expected the finest map first, received"):
        PyramidROIAlign((2, 3), levels=(2, 3))(inputs)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("compiled", [False, True])
def test_no_images_at_all(method, compiled):
    boxes, meta, *maps = (np.asarray(each)[:0] for each in pyramid_example())
    layer = PyramidROIAlign((2, 3), method, levels=(2, 3))
    call = tf.function(lambda *inputs: layer(list(inputs)), autograph=False) if compiled else lambda *x: layer(list(x))
    assert call(boxes, meta, *maps).shape[0] == 0


@pytest.mark.parametrize("levels", [(2.5, 3.5), 2, (), (2, 4), "23", [[2, 3]]])
def test_levels_that_are_none(levels):
    with pytest.raises(ValueError, match="expected levels to be consecutive integers"):
        PyramidROIAlign(7, levels=levels)


def test_ragged_boxes_are_told_how_to_become_dense():
    boxes = tf.ragged.constant([[[0.0, 0.0, 1.0, 1.0]], []], ragged_rank=1, inner_shape=(4,))
    with pytest.raises(ValueError, match="expected dense boxes.*RaggedTensor.*pad_rois"):
        ROIAlign(7)([boxes, tf.ones([2, 8, 8, 1])])


def test_boxes_in_a_variable():
    boxes, feature_map = tf.Variable([[[0.0, 0.0, 4.0, 4.0]]]), tf.ones([1, 8, 8, 1])
    layer = ROIAlign(2)
    graph = tf.function(lambda: layer([boxes, feature_map]), autograph=False)
    np.testing.assert_allclose(graph(), layer([boxes, feature_map]))


@pytest.mark.parametrize("y1", [52.0, 96.0])
def test_every_mode_falls_on_the_same_side_of_the_edge(y1):
    boxes, feature_map = tf.constant([[[y1, 0, 256, 256]]]), tf.ones([1, 64, 64, 1])
    layer = CropAndResize(7, 0.25)

    def pool(boxes, feature_map):
        return layer([boxes, feature_map])

    expected = tf.image.crop_and_resize(feature_map, norm_boxes(boxes[0].numpy(), (256, 256)), [0], (7, 7))
    unknown = [tf.TensorSpec([None, None, 4]), tf.TensorSpec([None, None, None, 1])]
    for mode in ({}, {"input_signature": unknown}, {"jit_compile": True}):
        pooled = tf.function(pool, autograph=False, **mode)(boxes, feature_map)
        np.testing.assert_allclose(pooled[0], expected, atol=1e-6)
    np.testing.assert_allclose(pool(boxes, feature_map)[0], expected, atol=1e-6)


@pytest.mark.parametrize("size", [129, 256, 304])
def test_positions_on_large_maps_are_those_of_the_formula(size):
    """A map of its own row numbers pools to the mean position: 1.5e-5 is a last bit at row 256."""
    rows = tf.broadcast_to(tf.range(size, dtype=tf.float32)[None, :, None, None], [1, size, 8, 1])
    start = np.random.default_rng(0).uniform(0, size - 40, 500).astype("float32")
    boxes = np.stack([start, 0 * start, start + 31.7, 0 * start + 4], axis=-1)[None]
    pooled = ROIAlign(1, sampling_ratio=1)([boxes, rows])[0, :, 0, 0, 0]
    length = (boxes[0, :, 2] - boxes[0, :, 0]).astype("float32")
    exact = start + np.float32(0.5) * length
    limit = np.spacing(np.float32(size)) * (0.5 if size != 304 else 1)
    np.testing.assert_allclose(pooled, exact, rtol=0, atol=limit)


def test_lowest_values_and_nan_are_not_lost():
    box = tf.constant([[[0.0, 0.0, 3.0, 3.0]]])
    assert (ROIPool(2)([box, tf.fill([1, 4, 4, 1], -np.inf)]).numpy() == -np.inf).all()
    feature_map = np.ones((1, 4, 4, 1), "float32")
    feature_map[0, 0, 0, 0] = np.nan
    layer = ROIAlign(2, sampling_ratio=0, aggregate="max")
    for mode in ({}, {"jit_compile": True}):
        pooled = tf.function(lambda m: layer([box, m]), autograph=False, **mode)(feature_map)
        assert np.isnan(pooled[0, 0, 0, 0, 0])
        assert np.isfinite(pooled[0, 0, 1]).all()
