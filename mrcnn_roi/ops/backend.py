"""Chooses numpy or TensorFlow for an op, so that every formula has one body.

`namespace(x)` returns an object with the handful of functions the formulas need; both sides take the same
arguments. TensorFlow is imported only when an op is handed a tensor.
"""

from __future__ import annotations

import numpy as np


def is_tensor(value) -> bool:
    """True for a TensorFlow tensor or variable (eager or symbolic), without importing TensorFlow."""
    return any(
        base.__module__.partition(".")[0] in ("tensorflow", "keras") for base in type(value).__mro__
    ) and hasattr(value, "dtype")


class _Numpy:
    """The numpy side."""

    abs = staticmethod(np.abs)
    ceil = staticmethod(np.ceil)
    concat = staticmethod(np.concatenate)
    exp = staticmethod(np.exp)
    expand_dims = staticmethod(np.expand_dims)
    floor = staticmethod(np.floor)
    log = staticmethod(np.log)
    maximum = staticmethod(np.maximum)
    minimum = staticmethod(np.minimum)
    round = staticmethod(np.around)
    sqrt = staticmethod(np.sqrt)
    stack = staticmethod(np.stack)
    sum = staticmethod(np.sum)
    where = staticmethod(np.where)

    @staticmethod
    def cast(value, dtype):
        return np.asarray(value).astype(dtype)

    @staticmethod
    def asarray(value, dtype=None):
        return np.asarray(value, dtype=dtype)

    @staticmethod
    def columns(boxes):
        """The four columns of boxes [..., (y1, x1, y2, x2)], each [...]."""
        return tuple(boxes[..., i] for i in range(boxes.shape[-1]))

    @staticmethod
    def multiply(x, y):
        return np.multiply(x, y, dtype=np.float32)

    @staticmethod
    def divide(x, y):
        """x / y in float32, 0 where y is 0."""
        x, y = np.broadcast_arrays(np.float32(x), np.float32(y))
        return np.divide(x, y, out=np.zeros(x.shape, np.float32), where=y != 0)

    @staticmethod
    def keep(values, mask):
        return values[mask]

    @staticmethod
    def arange(start, stop, step, dtype):
        return np.arange(start, stop, step).astype(dtype)

    @staticmethod
    def reshape(value, shape):
        return np.reshape(value, shape)

    @staticmethod
    def broadcast_to(value, shape):
        return np.broadcast_to(value, shape)


def _tensorflow():
    import tensorflow as tf

    from mrcnn_roi.ops.compilation import in_xla, rounded

    class _TensorFlow:
        """The TensorFlow side."""

        abs = staticmethod(tf.abs)
        ceil = staticmethod(tf.math.ceil)
        concat = staticmethod(tf.concat)
        exp = staticmethod(tf.exp)
        expand_dims = staticmethod(tf.expand_dims)
        floor = staticmethod(tf.floor)
        log = staticmethod(tf.math.log)
        maximum = staticmethod(tf.maximum)
        minimum = staticmethod(tf.minimum)
        round = staticmethod(tf.round)
        sqrt = staticmethod(tf.sqrt)
        stack = staticmethod(tf.stack)
        sum = staticmethod(tf.reduce_sum)
        where = staticmethod(tf.where)
        cast = staticmethod(tf.cast)
        reshape = staticmethod(tf.reshape)
        broadcast_to = staticmethod(tf.broadcast_to)
        keep = staticmethod(tf.boolean_mask)

        @staticmethod
        def multiply(x, y):
            """x * y in float32, rounded before anything is added to it, also where XLA compiles."""
            if in_xla():
                return rounded(tf.cast(x, tf.float64) * tf.cast(y, tf.float64))
            return tf.cast(x, tf.float32) * tf.cast(y, tf.float32)

        @staticmethod
        def divide(x, y):
            """x / y in float32, 0 where y is 0; by a kernel of which the graph optimizer makes no multiplication."""
            if in_xla():
                return rounded(tf.math.divide_no_nan(tf.cast(x, tf.float64), tf.cast(y, tf.float64)))
            return tf.math.divide_no_nan(tf.cast(x, tf.float32), tf.cast(y, tf.float32))

        @staticmethod
        def asarray(value, dtype=None):
            return tf.convert_to_tensor(value) if dtype is None else tf.cast(value, dtype)

        @staticmethod
        def columns(boxes):
            return tuple(tf.unstack(boxes, axis=-1))

        @staticmethod
        def arange(start, stop, step, dtype):
            return tf.cast(tf.range(start, stop, step), dtype)

    return _TensorFlow


_cache: dict[str, type] = {}


def namespace(*arrays):
    """The numpy side, or the TensorFlow side when any of `arrays` is a tensor."""
    if not any(is_tensor(array) for array in arrays):
        return _Numpy
    if "tensorflow" not in _cache:
        import tensorflow as tf

        _cache["tensorflow"] = tf.autograph.experimental.do_not_convert(_tensorflow)()
    return _cache["tensorflow"]
