"""RoIPool's maximum over windows of cells, with its gradient. Tensors only."""

from __future__ import annotations

from mrcnn_roi.ops.cell_gather import map_sizes


def max_of_windows(feature_maps, level, image, rows, columns):
    """[M, ph, pw, C]: the largest value of each window of feature_maps[level[m]][image[m]].

    rows, columns: (first, stop) [M, ph] and [M, pw] int32, whole cells. An empty window is 0 and has no gradient. The
    gradient goes to the first largest cell in reading order, as in torchvision.

    Takes as many steps as the largest window has cells, each in memory of the result's size.
    """
    import tensorflow as tf

    @tf.custom_gradient
    def pooled(*maps):
        best, winner = _search(maps, level, image, rows, columns)

        def gradient(upstream):
            return _scatter(upstream, winner, maps)

        return best, gradient

    return pooled(*feature_maps)


def _search(maps, level, image, rows, columns):
    """(largest value, its cell among the cells of all levels, -1 for none), both [M, ph, pw, C]."""
    import tensorflow as tf

    height, width = map_sizes(maps, level)
    shapes = tf.stack([tf.shape(each) for each in maps])
    cells = tf.reduce_prod(shapes[:, :3], axis=1)
    starts = tf.cumsum(cells, exclusive=True)
    first = tf.gather(starts, level) + image * height * width
    (top, bottom), (left, right) = rows, columns
    across = tf.maximum(tf.reduce_max(tf.concat([[0], tf.reshape(right - left, [-1])], 0)), 0)
    down = tf.maximum(tf.reduce_max(tf.concat([[0], tf.reshape(bottom - top, [-1])], 0)), 0)
    shape = tf.stack([tf.shape(top)[0], tf.shape(top)[1], tf.shape(left)[1], shapes[0, 3]])

    def step(k, best, winner):
        row, column = top + k // across, left + k % across
        inside = (row < bottom)[:, :, None] & (column < right)[:, None, :]
        cell = (first[:, None] + row * width[:, None])[:, :, None] + column[:, None, :]
        value = _values(maps, starts, level, tf.where(inside, cell, tf.gather(starts, level)[:, None, None]))
        larger = inside[..., None] & ((value > best) | ((winner < 0) & (value == value)))
        return k + 1, tf.where(larger, value, best), tf.where(larger, cell[..., None], winner)

    state = (0, tf.fill(shape, maps[0].dtype.min), tf.fill(shape, -1))
    result = tf.TensorShape([None, top.shape[1], left.shape[1], maps[0].shape[3]])
    _, best, winner = tf.while_loop(
        lambda k, *_: k < down * across, step, state, shape_invariants=(tf.TensorShape([]), result, result)
    )
    return tf.where(winner < 0, tf.zeros([], best.dtype), best), winner


def _values(maps, starts, level, cell):
    """[M, ph, pw, C]: the cells numbered through all levels."""
    import tensorflow as tf

    total = None
    for i, each in enumerate(maps):
        here = (level == i)[:, None, None]
        value = tf.gather(tf.reshape(each, [-1, tf.shape(each)[3]]), tf.where(here, cell - starts[i], 0))
        total = value if total is None else tf.where(here[..., None], value, total)
    return total


def _scatter(upstream, winner, maps):
    import tensorflow as tf

    channels = tf.cast(tf.shape(maps[0])[3], tf.int64)
    sizes = [tf.size(each, out_type=tf.int64) for each in maps]
    owner = tf.cast(winner, tf.int64) * channels + tf.range(channels)
    owner = tf.where(winner < 0, tf.constant(-1, tf.int64), owner)
    total = tf.math.unsorted_segment_sum(tf.reshape(upstream, [-1]), tf.reshape(owner, [-1]), tf.add_n(sizes))
    return [tf.reshape(part, tf.shape(each)) for part, each in zip(tf.split(total, sizes), maps)]
