"""Boxes that are no numbers, and very many boxes."""

import numpy as np
import pytest
import tensorflow as tf

from tests.layers.pooling_cases import KINDS, SINGLE, assert_close, forward_and_gradient, maps_example, single

singles = pytest.mark.parametrize("name", SINGLE)
kinds = pytest.mark.parametrize("name", KINDS)


def with_two_bad_boxes(value):
    boxes, feature_map, upstream = maps_example(5)
    boxes[0, 1, 2], boxes[1, 3, 1] = value, value
    return boxes, feature_map, upstream


@singles
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_boxes_that_are_no_numbers_are_refused_eagerly(name, value):
    with pytest.raises(ValueError, match=r"expected finite boxes, received 2 .* the first at \(0, 1\)"):
        single(name)(list(with_two_bad_boxes(value)[:2]))


@kinds
@pytest.mark.parametrize("way", ["graph", "jit"])
def test_in_a_graph_they_raise_or_pool_nan_and_no_other_box_does(name, way):
    """TensorFlow's kernel raises; RoIPool and adaptive RoIAlign do not hand it the box, and XLA cannot raise."""
    boxes, feature_map, _ = with_two_bad_boxes(np.nan)
    boxes[1, 3, 1] = np.inf
    expected = np.array(single(name)(list(maps_example(5)[:2])))
    expected[0, 1] = expected[1, 3] = np.nan
    layer = single(name)
    pool = tf.function(lambda *x: layer(list(x)), jit_compile=way == "jit")
    if way == "graph" and name not in ("roi_pool", "roi_align adaptive"):
        with pytest.raises(tf.errors.InvalidArgumentError, match="finite"):
            pool(tf.constant(boxes), feature_map)
    else:
        assert_close(pool(tf.constant(boxes), feature_map), expected)


@singles
def test_more_than_a_hundred_thousand_rois(name):
    boxes, feature_map, _ = maps_example(6, batch=1, count=50, channels=1, bins=(1, 1))
    boxes[..., 2:] = boxes[..., :2] + (boxes[..., 2:] - boxes[..., :2]) / 3  # few samples for the adaptive one
    many = np.tile(boxes, (1, 2001, 1))
    layer = single(name, 1)
    pooled, gradient, _ = forward_and_gradient(layer, many, feature_map, np.ones((1, 100_050, 1, 1, 1), np.float32))
    few, once, _ = forward_and_gradient(layer, boxes, feature_map, np.ones((1, 50, 1, 1, 1), np.float32))
    np.testing.assert_array_equal(pooled, np.tile(few, (1, 2001, 1, 1, 1)))
    assert_close(gradient / 2001, once, 1e-3)
