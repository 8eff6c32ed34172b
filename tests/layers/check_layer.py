"""One helper for every layer: what a well-behaved Keras layer does."""

import keras
import numpy as np
import tensorflow as tf


def flat(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def check_layer(layer, inputs, tmp_path, *, one=False):
    """Calls eagerly and in a graph, compares symbolic with real shapes and dtypes, and saves and loads.

    inputs: a list of arrays; one: the layer takes the only one itself. Layers that draw random numbers need a seed.
    Returns the eager result.
    """
    arrays = [tf.convert_to_tensor(x) for x in inputs]
    pack = (lambda x: x[0]) if one else list
    eager = layer(pack(arrays))

    again = type(layer).from_config(layer.get_config())
    graph = tf.function(lambda *x: again(pack(x)))(*arrays)
    for a, b in zip(flat(eager), flat(graph)):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)

    symbolic = [keras.Input(x.shape[1:], dtype=x.dtype.name) for x in arrays]
    third = type(layer).from_config(layer.get_config())
    outputs = third(pack(symbolic))
    for real, expected in zip(flat(eager), flat(outputs)):
        assert real.dtype.name == expected.dtype
        assert len(real.shape) == len(expected.shape)
        assert all(e in (None, r) for e, r in zip(expected.shape, real.shape)), (expected.shape, real.shape)

    path = tmp_path / "layer.keras"
    keras.Model(symbolic, outputs).save(path)
    revived = keras.models.load_model(path)
    for a, b in zip(flat(eager), flat(revived(pack(arrays)))):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    return eager
