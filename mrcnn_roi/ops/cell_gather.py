"""Bilinear reading written with gathers: for XLA, which has no CropAndResize, and fused into one pass. Tensors only.

A pyramid is read in one expression. XLA wants static shapes, so that RoIs cannot be sorted by level: each is read from
every level, where it does not belong the first cell only, which stays in the cache, and its own level's value is kept.
"""

from __future__ import annotations

from mrcnn_roi.ops.sampling import taps


def read_cells(feature_maps, level, image, y, x, margin, position_gradient=False):
    """[M, Y, X, C]: feature_maps[level[m]] of image[m], read at y [M, Y] and x [M, X] in cells of that map.

    Points up to `margin` cells outside read the border, those further out are 0, NaN positions give NaN. Gradient to
    the maps, and to y and x with position_gradient.
    """
    import tensorflow as tf

    height, width = map_sizes(feature_maps, level)

    @tf.custom_gradient
    def read(y, x, *maps):
        rows, columns = taps(y, height, margin), taps(x, width, margin)

        def gradient(upstream):
            to_maps = _map_gradients(upstream, maps, level, image, rows, columns, width)
            if not position_gradient:
                return [None, None, *to_maps]
            return [*_position_gradients(upstream, maps, level, image, rows, columns), *to_maps]

        return interpolate(maps, level, image, rows, columns), gradient

    return read(y, x, *feature_maps)


def map_sizes(feature_maps, level):
    """Height and width [M] of every RoI's map, int32."""
    import tensorflow as tf

    shapes = tf.stack([tf.shape(each)[1:3] for each in feature_maps])
    return tf.gather(shapes[:, 0], level), tf.gather(shapes[:, 1], level)


def interpolate(maps, level, image, rows, columns):
    """The forward pass from `taps` of rows [M, Y] and columns [M, X]: [M, Y, X, C] float32."""
    import tensorflow as tf

    total = None
    for i, feature_map in enumerate(maps):
        here = (level == i)[:, None]
        part = 0.0
        for row, row_weight in zip(rows[:2], rows[2:]):
            for column, column_weight in zip(columns[:2], columns[2:]):
                cells = _take(feature_map, image, tf.where(here, row, 0), tf.where(here, column, 0))
                part += cells * (row_weight[:, :, None] * column_weight[:, None, :])[..., None]
        total = part if total is None else tf.where(here[:, :, None, None], part, total)
    return total


def _take(feature_map, image, row, column):
    """float32 [M, Y, X, C]: the cells of map [B, H, W, C] in rows [M, Y] and columns [M, X] of image [M]."""
    import tensorflow as tf

    shape = tf.shape(feature_map)
    cell = (image * shape[1])[:, None, None] + row[:, :, None]
    cell = cell * shape[2] + column[:, None, :]
    return tf.cast(tf.gather(tf.reshape(feature_map, [-1, shape[3]]), cell), tf.float32)


def _map_gradients(upstream, maps, level, image, rows, columns, width):
    """d loss / d maps from upstream [M, Y, X, C]: every point adds to its four cells, all levels in one sum."""
    import tensorflow as tf

    shapes = tf.stack([tf.shape(each) for each in maps])
    cells = tf.reduce_prod(shapes[:, :3], axis=1)
    height = tf.gather(shapes[:, 1], level)
    base = tf.gather(tf.cumsum(cells, exclusive=True), level) + image * height * width
    owners, parts = [], []
    for row, row_weight in zip(rows[:2], rows[2:]):
        for column, column_weight in zip(columns[:2], columns[2:]):
            owner = base[:, None, None] + row[:, :, None] * width[:, None, None] + column[:, None, :]
            weight = row_weight[:, :, None] * column_weight[:, None, :]
            owners.append(tf.reshape(owner, [-1]))
            parts.append(tf.reshape(upstream * weight[..., None], [-1, shapes[0, 3]]))
    total = tf.math.unsorted_segment_sum(tf.concat(parts, 0), tf.concat(owners, 0), tf.reduce_sum(cells))
    return [tf.reshape(part, tf.shape(each)) for part, each in zip(tf.split(total, cells), maps)]


def _position_gradients(upstream, maps, level, image, rows, columns):
    """d loss / d y [M, Y] and d loss / d x [M, X]: the difference of the two cells, 0 outside and on the border."""
    import tensorflow as tf

    def slope(low, high, low_weight, high_weight):
        on = tf.where((low != high) & (low_weight + high_weight > 0), 1.0, 0.0)
        return low, high, -on, on

    by_y = interpolate(maps, level, image, slope(*rows), columns)
    by_x = interpolate(maps, level, image, rows, slope(*columns))
    return tf.reduce_sum(upstream * by_y, axis=[2, 3]), tf.reduce_sum(upstream * by_x, axis=[1, 3])
