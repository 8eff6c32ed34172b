"""Whether what is being traced will be compiled by XLA, and whether it may be. Tensors only."""

from __future__ import annotations

import functools


def in_xla() -> bool:
    """True while a function with jit_compile=True is traced: there CropAndResize is not available.

    TensorFlow tells it by the control flow context of the graph or of one around it; there is no public question.
    """
    import tensorflow as tf
    from tensorflow.python.ops import control_flow_util

    return bool(control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()))


def rounded(x):
    """float64 x, rounded to float32, half to even, by whole-number arithmetic on its bits.

    A cast would not do: the compiler makes a float32 product of it again and fuses that with a sum. Gradients pass.
    """
    import tensorflow as tf

    @tf.custom_gradient
    def to_float32(x):
        bits = tf.bitcast(x, tf.int64)
        half = tf.bitwise.bitwise_and(tf.bitwise.right_shift(bits, tf.constant(29, tf.int64)), 1) + (2**28 - 1)
        kept = tf.bitwise.bitwise_and(bits + half, tf.constant(-(2**29), tf.int64))
        # Infinity and NaN have no room to be rounded in.
        exact = tf.where(tf.math.is_finite(x), tf.bitcast(kept, tf.float64), x)
        return tf.cast(exact, tf.float32), lambda upstream: tf.cast(upstream, tf.float64)

    return to_float32(x)


@functools.lru_cache(maxsize=1)
def can_fuse() -> bool:
    """True where small pieces may be compiled on their own: a CPU whose TensorFlow has XLA, and no GPU."""
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return False
    try:
        with tf.init_scope():
            return bool(tf.function(lambda x: x + 1, jit_compile=True, autograph=False)(tf.constant(1)) == 2)
    except tf.errors.OpError:
        return False
