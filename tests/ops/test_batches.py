import numpy as np
import tensorflow as tf

from mrcnn_roi.ops.batches import batch_slice


def test_one_output_is_unwrapped_and_several_are_a_list():
    x, y = tf.reshape(tf.range(6.0), (3, 2)), tf.constant([[1.0], [2.0], [3.0]])
    np.testing.assert_array_equal(batch_slice([x, y], lambda a, b: a * b, 3), x * y)
    np.testing.assert_array_equal(batch_slice(x, lambda a: a + 1, 2), x[:2] + 1)
    total, scaled = batch_slice([x], lambda a: (tf.reduce_sum(a), a * 2), 3, names=["total", "scaled"])
    np.testing.assert_array_equal(total, [1, 5, 9])
    np.testing.assert_array_equal(scaled, x * 2)
