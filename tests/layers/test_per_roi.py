import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn_roi.layers.per_roi import PerRoiConv2D, PerRoiConv2DTranspose
from tests.layers.check_layer import check_layer


def inputs(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


CASES = {
    "covers the RoI": (7, {"kernel_size": 7, "padding": "valid"}),
    "covers an oblong RoI": ((3, 5), {"kernel_size": (3, 5), "activation": "relu", "use_bias": True}),
    "one cell": (1, {"kernel_size": 1, "padding": "same"}),
    "no bias": (4, {"kernel_size": 4, "use_bias": False}),
    "goes over the RoI": (7, {"kernel_size": 3, "padding": "same"}),
    "as large, but padded": (3, {"kernel_size": 3, "padding": "same"}),
    "1x1 in a larger RoI": (5, {"kernel_size": 1}),
    "strides": (6, {"kernel_size": 2, "strides": 2}),
    "groups": (3, {"kernel_size": 3, "groups": 2}),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_equals_the_plain_convolution_of_each_roi(case, training):
    side, arguments = case
    height, width = side if isinstance(side, tuple) else (side, side)
    layer, plain = PerRoiConv2D(6, **arguments), keras.layers.Conv2D(6, **arguments)
    x = tf.constant(inputs(2, 3, height, width, 4))
    layer.build(x.shape), plain.build(x.shape[1:])
    weights = [inputs(*each.shape) for each in layer.get_weights()]
    layer.set_weights(weights), plain.set_weights(weights)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        found = layer(x, training=training)
        expected = tf.stack([plain(x[i]) for i in range(2)])
        sums = tf.reduce_sum(found**2), tf.reduce_sum(expected**2)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    for a, b in zip(tape.gradient(sums[0], [x, layer.kernel.value]), tape.gradient(sums[1], [x, plain.kernel.value])):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("count", [0, 3])
@pytest.mark.parametrize("padding, rows, side", [("valid", None, 1), ("same", 5, 4)])
def test_as_a_layer(padding, rows, side, count, tmp_path):
    weights = keras.initializers.GlorotUniform(seed=1)
    layer = PerRoiConv2D(6, 4, padding=padding, rows=rows, kernel_initializer=weights)
    result = check_layer(layer, [inputs(2, count, 4, 4, 3)], tmp_path, one=True)
    assert result.shape == (2, rows or count, side, side, 6)


def test_the_transposed_one(tmp_path):
    layer = PerRoiConv2DTranspose(6, 2, strides=2, kernel_initializer=keras.initializers.GlorotUniform(seed=1))
    assert check_layer(layer, [inputs(2, 3, 4, 4, 3)], tmp_path, one=True).shape == (2, 3, 8, 8, 6)


@pytest.mark.parametrize("arguments", [{"padding": "valid"}, {"padding": "same"}, {"padding": "same", "rows": 5}])
def test_no_roi_at_all_in_a_graph(arguments):
    layer = PerRoiConv2D(6, 4, **arguments)
    graph = tf.function(layer, input_signature=[tf.TensorSpec((None, None, 4, 4, 3))])
    for shape in [(2, 0), (0, 3), (2, 3)]:
        side = 1 if arguments["padding"] == "valid" else 4
        expected = (shape[0], arguments.get("rows", shape[1]), side, side, 6)
        x = inputs(*shape, 4, 4, 3)
        assert graph(x).shape == layer(x).shape == expected


@pytest.mark.parametrize("training", [True, False])
def test_compiles(training):
    layer = PerRoiConv2D(6, 7, padding="valid")
    x = inputs(1, 5, 7, 7, 4)
    compiled = tf.function(lambda x: layer(x, training=training), jit_compile=True)
    np.testing.assert_allclose(compiled(x), layer(x), rtol=1e-4, atol=1e-5)


def test_training_takes_the_product(monkeypatch):
    layer = PerRoiConv2D(6, 7, padding="valid", activation="relu")
    x = inputs(2, 5, 7, 7, 4)
    layer.build(x.shape)
    monkeypatch.setattr(layer, "convolution_op", None)
    assert layer(x, training=True).shape == (2, 5, 1, 1, 6)
    with pytest.raises(TypeError):
        layer(x, training=False)
