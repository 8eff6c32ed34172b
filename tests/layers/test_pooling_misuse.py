"""Mistakes that are seen, or made visible, in calls that look right."""

import numpy as np
import pytest
import tensorflow as tf

from mrcnn_roi.layers import PyramidROIAlign
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
