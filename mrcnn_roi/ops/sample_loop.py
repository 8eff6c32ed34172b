"""Pooling with as many samples a bin as the RoI is cells long: one pass over the RoIs for each sample. Tensors only."""

from __future__ import annotations

from mrcnn_roi.ops.sampling import adaptive_ratio, sample_positions

NOWHERE = -1e9  # a position outside any map


def pool_adaptive(read, maps, extents, sizes, pool_shape, aggregate):
    """[M, ph, pw, C]: mean or max of each bin's samples, whose number depends on the RoI (torchvision's ratio 0).

    read(maps, y, x) -> [M, ph, pw, C], differentiable. extents: ((start, length), (start, length)) of y and x, [M]
    in cells. sizes: (height, width) [M] of the maps. A bin without samples is 0. Among equal largest samples the
    first one gets the gradient. Memory of a few results, whatever the number of samples.
    """
    import tensorflow as tf

    loop = _mean if aggregate == "mean" else _max

    @tf.custom_gradient
    def pooled(y_start, y_length, x_start, x_length, *maps):
        inputs = (y_start, y_length, x_start, x_length, *maps)
        result = loop(read, inputs, sizes, pool_shape)
        return result, lambda upstream: _gradient(read, inputs, sizes, pool_shape, aggregate, result, upstream)

    return pooled(*extents[0], *extents[1], *maps)


def _counts(inputs, sizes, pool_shape):
    """Samples a bin on y and x, int32 [M], and the largest of each."""
    import tensorflow as tf

    counts = [adaptive_ratio(inputs[i], bins, size) for i, bins, size in zip((1, 3), pool_shape, sizes)]
    return counts, [tf.reduce_max(tf.concat([[0], count], axis=0)) for count in counts]


def _sample(read, inputs, counts, most, pool_shape, k):
    """Sample number k of every bin [M, ph, pw, C], 0 for RoIs that have fewer, and which have it [M]."""
    import tensorflow as tf

    y_start, y_length, x_start, x_length, *maps = inputs
    positions, has = [], True
    for start, length, bins, ratio, index in (
        (y_start, y_length, pool_shape[0], counts[0], k // most[1]),
        (x_start, x_length, pool_shape[1], counts[1], k % most[1]),
    ):
        mine = index < ratio
        position = sample_positions(start, length, bins, tf.maximum(ratio, 1), index)
        positions.append(tf.where(mine[:, None], position, NOWHERE))
        has = has & mine
    return read(maps, *positions), has


def _blank(inputs, pool_shape, value):
    import tensorflow as tf

    shape = tf.stack([tf.shape(inputs[0])[0], *pool_shape, tf.shape(inputs[4])[3]])
    return tf.fill(shape, value)


def _loop(step, most, state):
    """The state after step(k, *state) for every sample number k."""
    import tensorflow as tf

    # RoIs whose number is known when this is traced may meet results of which it is not.
    shapes = [tf.TensorShape([None, *each.shape[1:]]) if each.shape.rank else each.shape for each in state]
    _, *state = tf.while_loop(
        lambda k, *_: k < most[0] * most[1],
        lambda k, *state: (k + 1, *step(k, *state)),
        (tf.constant(0), *state),
        shape_invariants=(tf.TensorShape([]), *shapes),
    )
    return state


def _divisor(inputs, counts):
    """Samples a bin [M, 1, 1, 1], at least 1; NaN for RoIs that are not finite, which are not to pool zeros."""
    import tensorflow as tf

    number = tf.cast(tf.maximum(counts[0] * counts[1], 1), tf.float32)
    total = inputs[0] + inputs[1] + inputs[2] + inputs[3]
    return (number + tf.where(tf.math.is_finite(total), 0.0, tf.sin(total)))[:, None, None, None]


def _mean(read, inputs, sizes, pool_shape):
    counts, most = _counts(inputs, sizes, pool_shape)

    def step(k, total):
        return (total + _sample(read, inputs, counts, most, pool_shape, k)[0],)

    (total,) = _loop(step, most, [_blank(inputs, pool_shape, 0.0)])
    return total / _divisor(inputs, counts)


def _max(read, inputs, sizes, pool_shape):
    import tensorflow as tf

    counts, most = _counts(inputs, sizes, pool_shape)

    def step(k, best):
        sample, has = _sample(read, inputs, counts, most, pool_shape, k)
        return (tf.where(has[:, None, None, None] & ((sample > best) | tf.math.is_nan(sample)), sample, best),)

    (best,) = _loop(step, most, [_blank(inputs, pool_shape, tf.float32.min)])
    empty = ((counts[0] <= 0) | (counts[1] <= 0))[:, None, None, None]
    return tf.where(empty, 0.0, best) * (_divisor(inputs, counts) * 0.0 + 1.0)


def _gradient(read, inputs, sizes, pool_shape, aggregate, result, upstream):
    """d loss / d inputs, sample by sample: each is read again and gets its share of upstream."""
    import tensorflow as tf

    counts, most = _counts(inputs, sizes, pool_shape)
    share = upstream / _divisor(inputs, counts)

    def step(k, given, *totals):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs)
            sample, has = _sample(read, inputs, counts, most, pool_shape, k)
        part = share
        if aggregate == "max":
            wins = has[:, None, None, None] & (sample == result) & ~given
            given, part = given | wins, tf.where(wins, upstream, 0.0)
        found = tape.gradient(sample, inputs, part, unconnected_gradients="zero")
        return (given, *(total + each for total, each in zip(totals, found)))

    # Only the maximum has to remember which bins have got their gradient.
    given = _blank(inputs, pool_shape, False) if aggregate == "max" else tf.constant(False)
    return _loop(step, most, [given, *(tf.zeros_like(each) for each in inputs)])[1:]
