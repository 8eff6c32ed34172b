"""What all pooling layers do alike."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn_roi.layers import PyramidROIAlign
from tests.layers.check_layer import check_layer
from tests.layers.pooling_cases import (
    KINDS,
    METHODS,
    SCALE,
    SINGLE,
    assert_close,
    forward_and_gradient,
    maps_example,
    pyramid_example,
    single,
)

singles = pytest.mark.parametrize("name", SINGLE)
kinds = pytest.mark.parametrize("name", KINDS)
methods = pytest.mark.parametrize("method", METHODS)
ROUNDING = {"float16": 2**-11 * 1.01, "bfloat16": 2**-8 * 1.01}  # half a unit in the last place, and float32's errors
policies = pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])


@kinds
def test_it_is_a_good_layer(name, tmp_path):
    boxes, feature_map, _ = maps_example()
    # Small values: a graph may round a position differently in the last bit, and check_layer allows 1e-6.
    pooled = check_layer(single(name), [boxes, feature_map / 10], tmp_path)
    assert pooled.shape == (2, 5, 2, 3, 3)


@methods
def test_the_pyramid_is_a_good_layer(method, tmp_path):
    layer = PyramidROIAlign((2, 3), method, 0, "max", levels=(2, 3), aligned=True)
    assert check_layer(layer, pyramid_example(), tmp_path).shape == (2, 6, 2, 3, 3)


@singles
def test_the_configuration_comes_back(name):
    layer = single(name, name="pooling", check="off")
    config = layer.get_config()
    again = type(layer).from_config(config)
    assert again.get_config() == config
    assert (config["pool_shape"], config["spatial_scale"], config["check"]) == ((2, 3), SCALE, "off")
    assert {key: config[key] for key in SINGLE[name][1]} == SINGLE[name][1]


@methods
def test_the_pyramids_configuration_comes_back(method):
    arguments = {"sampling_ratio": 3, "aggregate": "max", "levels": (3, 4), "aligned": True, "stop_box_gradient": False}
    config = PyramidROIAlign(5, method, **arguments).get_config()
    assert PyramidROIAlign.from_config(config).get_config() == config
    assert {key: config[key] for key in arguments} == arguments


@kinds
def test_any_number_of_images_and_rois_through_one_model(name):
    inputs = [keras.Input((None, 4)), keras.Input((None, None, 3))]
    symbolic = single(name)(inputs)
    assert symbolic.shape == (None, None, 2, 3, 3)
    model = keras.Model(inputs, symbolic)

    @tf.function(input_signature=[tf.TensorSpec((None, None, 4)), tf.TensorSpec((None, None, None, 3))])
    def both(boxes, feature_map):
        with tf.GradientTape() as tape:
            tape.watch(feature_map)
            pooled = model([boxes, feature_map])
        return pooled, tape.gradient(pooled, feature_map)

    for batch, count, size in ((1, 5, (8, 12)), (2, 1, (5, 9)), (3, 0, (8, 12)), (0, 5, (8, 12))):
        boxes, feature_map, upstream = maps_example(1, batch=batch, count=count, size=size)
        pooled, gradient = both(boxes, feature_map)
        ones = np.ones_like(upstream)
        expected, expected_gradient, _ = forward_and_gradient(single(name), boxes, feature_map, ones)
        assert pooled.shape == (batch, count, 2, 3, 3)
        assert_close(pooled, expected)
        assert_close(gradient, expected_gradient)


@methods
def test_any_number_of_images_and_rois_through_a_pyramid(method):
    inputs = [keras.Input((None, 4)), keras.Input((14,)), keras.Input((None, None, 3)), keras.Input((None, None, 3))]
    layer = PyramidROIAlign((2, 3), method, levels=(2, 3))
    model = keras.Model(inputs, layer(inputs))
    for batch, count in ((1, 6), (2, 1), (3, 0)):
        arrays = [tf.constant(each) for each in pyramid_example(batch=batch, count=max(count, 1))]
        arrays[0] = arrays[0][:, :count]
        pooled = model(arrays)
        assert pooled.shape == (batch, count, 2, 3, 3)
        assert_close(pooled, layer(arrays))


@methods
@pytest.mark.parametrize("ratio", [2, 0])
def test_boxes_that_are_known_when_a_graph_is_traced(method, ratio):
    """TensorFlow then computes shapes ahead, of a level without RoIs, too: here none is on the coarse one."""
    boxes, meta, *maps = pyramid_example()
    layer = PyramidROIAlign((2, 3), method, ratio, levels=(2, 3))
    pooled = tf.function(lambda *maps: layer([tf.constant(boxes), tf.constant(meta), *maps]))(*maps)
    assert_close(pooled, layer([boxes, meta, *maps]))


@singles
@pytest.mark.parametrize("channels", [1, 7])
def test_any_number_of_channels(name, channels):
    boxes, feature_map, _ = maps_example(2, channels=channels)
    pooled = single(name)([boxes, feature_map])
    for channel in range(channels):
        assert_close(pooled[..., channel : channel + 1], single(name)([boxes, feature_map[..., channel : channel + 1]]))


@kinds
@policies
def test_half_precision_is_pooled_in_full(name, policy):
    """The maps are rounded, and the result; positions, weights and sums are not."""
    boxes, feature_map, upstream = maps_example(3)
    half = policy.removeprefix("mixed_")
    layer = single(name, dtype=policy)
    pooled, gradient, _ = forward_and_gradient(layer, boxes, feature_map, upstream)
    assert pooled.dtype == layer.compute_dtype == half
    symbolic = layer([keras.Input((5, 4)), keras.Input((8, 12, 3))])
    assert symbolic.dtype == half
    assert gradient.dtype == "float32"  # the map's own
    rounded = tf.cast(tf.cast(feature_map, half), tf.float32)
    exact = single(name)([tf.constant(boxes), rounded])
    np.testing.assert_allclose(tf.cast(pooled, tf.float32), exact, rtol=ROUNDING[half], atol=1e-6)


@methods
@policies
def test_half_precision_in_a_pyramid(method, policy):
    boxes, meta, *maps = (tf.constant(each) for each in pyramid_example())
    half = policy.removeprefix("mixed_")
    layer = PyramidROIAlign((2, 3), method, levels=(2, 3), dtype=policy)
    pooled = layer([boxes, meta, *(tf.cast(each, half) for each in maps)])
    assert pooled.dtype == layer.compute_dtype == half
    rounded = [tf.cast(tf.cast(each, half), tf.float32) for each in maps]
    exact = PyramidROIAlign((2, 3), method, levels=(2, 3))([boxes, meta, *rounded])
    np.testing.assert_allclose(tf.cast(pooled, tf.float32), exact, rtol=ROUNDING[half], atol=1e-6)


def test_a_model_with_all_layers_can_be_exported(tmp_path):
    """As a SavedModel, for any number of images and RoIs. `.keras` files are check_layer's."""
    boxes, feature_map, _ = maps_example(4)
    normalized, meta, *maps = pyramid_example(count=5)
    arrays = [tf.constant(each) for each in (boxes, feature_map, normalized, meta, *maps)]
    inputs = [keras.Input((None, *each.shape[2:]) if each.shape.rank == 3 else each.shape[1:]) for each in arrays]
    outputs = [single(name)(inputs[:2]) for name in KINDS]
    outputs += [PyramidROIAlign((2, 3), method, levels=(2, 3))(inputs[2:]) for method in METHODS]
    model = keras.Model(inputs, keras.layers.Concatenate()(outputs))
    model.export(tmp_path / "exported")
    serve = tf.saved_model.load(tmp_path / "exported").serve
    assert_close(serve(arrays), model(arrays))
    one = [each[:1, :2] if each.shape.rank == 3 else each[:1] for each in arrays]
    assert_close(serve(one), model(one))


def test_two_devices_give_the_numbers_of_one():
    """In a process of its own: devices are split before TensorFlow starts."""
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "tests.layers.mirrored_pooling"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
