import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn_roi.layers import PyramidROIAlign
from tests.layers.check_layer import check_layer


def golden_inputs(g):
    return [g["boxes"], g["image_meta"], *(g[f"P{level}"] for level in (2, 3, 4, 5))]


@pytest.mark.parametrize("index", range(4))
def test_golden_forward_and_gradient(golden, index):
    g = golden(f"roialign_{index}")
    boxes, meta, *maps = (tf.constant(each) for each in golden_inputs(g))
    layer = PyramidROIAlign(golden(f"roialign_{index}").config["pool_shape"])
    with tf.GradientTape() as tape:
        tape.watch([boxes, *maps])
        pooled = layer([boxes, meta, *maps])
        loss = tf.reduce_sum(pooled * g["weights"])
    gradients = tape.gradient(loss, [boxes, *maps])
    np.testing.assert_allclose(pooled, g["pooled"], rtol=1e-5, atol=1e-6)
    assert gradients[0] is None
    for level, gradient in zip((2, 3, 4, 5), gradients[1:]):
        np.testing.assert_allclose(gradient, g[f"grad_P{level}"], rtol=1e-4, atol=1e-5)


def example(batch=2, count=9, channels=3):
    rng = np.random.default_rng(0)
    corners = np.sort(rng.uniform(0, 1, (2, batch, count, 2)), axis=0)
    boxes = np.concatenate([corners[0], corners[1]], -1).astype("float32")
    meta = np.zeros((batch, 14), "float32")
    meta[:, 4:7] = 128, 192, 3
    maps = [rng.normal(size=(batch, 32 // 2**i, 48 // 2**i, channels)).astype("float32") for i in range(4)]
    return [boxes, meta, *maps]


@pytest.mark.parametrize("check", ["static", "values", "off"])
def test_it_is_a_good_layer(tmp_path, check):
    pooled = check_layer(PyramidROIAlign((7, 5), check=check), example(), tmp_path)
    assert pooled.shape == (2, 9, 7, 5, 3)


def test_one_number_is_a_square_and_levels_may_differ():
    boxes, meta, *maps = example()
    assert PyramidROIAlign(3, levels=(2, 3))([boxes, meta, *maps[:2]]).shape == (2, 9, 3, 3, 3)


def test_lists_tuples_and_no_rois():
    boxes, meta, *maps = example()
    assert PyramidROIAlign([7, 7])((boxes[:, :0], meta, *maps)).shape == (2, 0, 7, 7, 3)


def test_mixed_precision_is_honest():
    inputs = example()
    layer = PyramidROIAlign(7, dtype="mixed_bfloat16")
    pooled = layer([tf.constant(inputs[0]), inputs[1], *(tf.cast(m, "bfloat16") for m in inputs[2:])])
    assert pooled.dtype == "bfloat16"


def change(position, value):
    def apply(inputs):
        inputs = list(inputs)
        inputs[position] = value(inputs[position])
        return inputs

    return apply


def nchw(inputs):
    return [*inputs[:2], *(np.moveaxis(each, 3, 1) for each in inputs[2:])]


BAD = {
    "rank 2 boxes": (change(0, lambda b: b[0]), r"expected boxes of rank 3.*received shape \(9, 4\).*boxes\[None\]"),
    "5 columns": (change(0, lambda b: np.pad(b, [(0, 0)] * 2 + [(1, 0)])), r"expected .*4.*received shape \(2, 9, 5\)"),
    "int boxes": (change(0, lambda b: b.astype("int32")), "expected boxes of a floating dtype, received"),
    "a map too few": (lambda x: x[:-1], "expected a list of 6 inputs.*P5.*received 5 inputs"),
    "a map too many": (lambda x: [*x, x[-1]], "expected a list of 6 inputs.*received 7 inputs"),
    "rank 3 map": (change(3, lambda m: m[0]), "expected feature maps of rank 4.*received shape .* for map 1"),
    "NCHW": (nchw, r"expected channels last.*received maps that look like \[B, C, H, W\]"),
    "channels": (change(4, lambda m: m[..., :2]), r"expected the same number of channels.*received \[3, 3, 2, 3\]"),
    "int map": (change(2, lambda m: m.astype("int32")), "expected feature maps of a floating dtype, received"),
    "short meta": (change(1, lambda m: m[:, :9]), r"expected image_meta of shape \[B, 12.*received shape \(2, 9\)"),
    "batch": (change(0, lambda b: b[:1]), r"expected the same batch size.*received \[1, 2"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("symbolic", [False, True], ids=["eager", "symbolic"])
def test_wrong_inputs_are_refused(name, symbolic):
    spoil, message = BAD[name]
    inputs = spoil(example())
    if symbolic:
        inputs = [keras.Input(batch_shape=x.shape, dtype=x.dtype.name) for x in inputs]
    with pytest.raises(ValueError, match=message):
        PyramidROIAlign(7)(inputs)


@pytest.mark.parametrize(
    "arguments,message",
    [
        ({"pool_shape": (7, 0)}, "expected pool_shape .* received"),
        ({"pool_shape": (7, 7, 7)}, "expected pool_shape .* received"),
        ({"pool_shape": 7.5}, "expected pool_shape .* received 7.5"),
        ({"pool_shape": 7, "method": "roi"}, "expected method to be one of .* received 'roi'"),
        ({"pool_shape": 7, "aggregate": "sum"}, "expected aggregate .* received 'sum'"),
        ({"pool_shape": 7, "check": "maybe"}, "expected check to be one of .* received 'maybe'"),
        ({"pool_shape": 7, "levels": (2, 4)}, "expected levels to be consecutive .* received"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        PyramidROIAlign(**arguments)


def spoiled(value):
    boxes, *rest = example()
    boxes[0, 0] = value
    return [boxes, *rest]


@pytest.mark.parametrize(
    "value,message",
    [
        ([0.1, 0.1, np.nan, 0.2], "finite"),
        ([0.1, 0.1, np.inf, 0.2], "finite"),
        ([0.5, 0.1, 0.2, 0.2], "reversed"),
        ([10, 20, 300, 400], "norm_boxes"),
    ],
)
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "graph"])
def test_wrong_values_are_refused_when_asked_for(value, message, compiled):
    layer = PyramidROIAlign(7, check="values")
    call = tf.function(lambda *x: layer(list(x))) if compiled else (lambda *x: layer(list(x)))
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        call(*(tf.constant(x) for x in spoiled(value)))


def test_values_at_the_edge_are_legitimate():
    layer = PyramidROIAlign(7, check="values")
    for value in ([0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 1 + 1e-7, 1]):
        layer(spoiled(value))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_boxes_keep_their_precision_under_half_policies(policy):
    inputs = [tf.constant(each) for each in example(count=40)]  # Keras 3.3 casts numpy arrays in any case
    exact = PyramidROIAlign(7)(inputs)
    narrow = PyramidROIAlign(7, dtype=policy)(inputs)
    assert narrow.dtype == policy.removeprefix("mixed_")
    # The maps are rounded to half, the sampling positions are not: errors stay at the maps' own rounding.
    np.testing.assert_allclose(tf.cast(narrow, "float32"), exact, atol=0.03)
    symbolic = PyramidROIAlign(7, dtype=policy)([keras.Input(batch_shape=x.shape) for x in inputs])
    assert symbolic.dtype == narrow.dtype
