"""RoI pooling on a feature pyramid. Tensors only.

`crop_and_resize_pyramid` pools as the original does: one corner-aligned bilinear sample a bin, 0 outside the
map. Its forward pass is TensorFlow's kernel. Its gradient is ours: the kernel's CPU gradient adds from several
threads into the same cells without a lock and loses updates, so a step would differ from run to run.

Letters: B batch, N RoIs a picture, M = B * N, C channels, L levels, ph x pw bins.
"""

from __future__ import annotations

from mrcnn_roi.ops.levels import roi_levels


def crop_and_resize_pyramid(boxes, image_shape, feature_maps, pool_shape, levels=(2, 3, 4, 5)):
    """Pools every box from its pyramid level.

    boxes: [B, N, (y1, x1, y2, x2)] normalized. image_shape: (height, width) of the molded image in pixels, it
    decides the level. feature_maps: L maps [B, H, W, C], finest first. pool_shape: (ph, pw) bins.
    Returns [B, N, ph, pw, C] in the maps' dtype. Gradients flow to the maps, none to the boxes, as in the
    original. Zero-area boxes (padding included) sample a single point of the finest map.
    """
    import tensorflow as tf

    dtype = feature_maps[0].dtype
    batch, count = tf.shape(boxes)[0], tf.shape(boxes)[1]
    boxes = tf.stop_gradient(tf.cast(boxes, tf.float32))
    level = tf.reshape(roi_levels(boxes, image_shape, levels), [-1]) - levels[0]
    image = tf.repeat(tf.range(batch), count)
    # The kernel has no bfloat16 and answers float16 with float32: pool in float32, answer in the maps' dtype.
    maps = [tf.cast(each, tf.float32) for each in feature_maps]
    pooled = _crop_levels(tf.reshape(boxes, [-1, 4]), level, image, maps, pool_shape)
    shape = tf.concat([tf.shape(boxes)[:2], tf.shape(pooled)[1:]], axis=0)
    return tf.cast(tf.reshape(pooled, shape), dtype)


def _crop_levels(boxes, level, image, maps, pool_shape):
    """crop_and_resize of boxes [M, 4] from maps[level[m]][image[m]]: [M, ph, pw, C], with an exact gradient."""
    import tensorflow as tf

    @tf.custom_gradient
    def crop(*maps):
        index = tf.dynamic_partition(tf.range(tf.shape(level)[0]), level, len(maps))
        crops = [
            tf.image.crop_and_resize(each, tf.gather(boxes, rows), tf.gather(image, rows), pool_shape)
            for each, rows in zip(maps, index)
        ]

        def gradient(upstream):
            return crop_gradient(upstream, boxes, level, image, [tf.shape(each) for each in maps])

        return tf.dynamic_stitch(index, crops), gradient

    return crop(*maps)


def crop_gradient(upstream, boxes, level, image, map_shapes):
    """d loss / d maps, a list of [B, H, W, C], from upstream [M, ph, pw, C] = d loss / d crops. Exact.

    Every bin adds its gradient to the four cells it was interpolated from, weighted as in the forward pass.
    One sorted-by-owner sum (unsorted_segment_sum) over the cells of all levels has no race.
    """
    import tensorflow as tf

    pool_height, pool_width, channels = upstream.shape[1], upstream.shape[2], tf.shape(upstream)[3]
    shapes = tf.stack([shape[:3] for shape in map_shapes])  # [L, (B, H, W)]
    cells = tf.reduce_prod(shapes, axis=1)
    height, width = tf.gather(shapes[:, 1], level), tf.gather(shapes[:, 2], level)
    base = tf.gather(tf.cumsum(cells, exclusive=True), level) + image * height * width
    rows, row_weights = _corners(boxes[:, 0], boxes[:, 2], height, pool_height)
    columns, column_weights = _corners(boxes[:, 1], boxes[:, 3], width, pool_width)

    owners, parts = [], []
    for row, row_weight in zip(rows, row_weights):
        for column, column_weight in zip(columns, column_weights):
            owner = base[:, None, None] + row[:, :, None] * width[:, None, None] + column[:, None, :]
            weight = row_weight[:, :, None] * column_weight[:, None, :]
            owners.append(tf.reshape(owner, [-1]))
            parts.append(tf.reshape(upstream * weight[..., None], [-1, channels]))
    total = tf.math.unsorted_segment_sum(tf.concat(parts, 0), tf.concat(owners, 0), tf.reduce_sum(cells))
    return [tf.reshape(part, shape) for part, shape in zip(tf.split(total, cells), map_shapes)]


def _corners(start, end, size, bins):
    """The two cells each bin centre lies between on one axis, and their weights.

    start, end: [M] normalized. size: [M] cells of the map. Returns ([M, bins] lower cell, [M, bins] upper cell)
    and their weights; bins outside the map weigh 0. Positions are computed in the kernel's order of operations,
    start * (size - 1) + i * ((end - start) * (size - 1) / (bins - 1)), because by float rounding the last bin of
    a box that ends at 1.0 may fall outside, and the forward pass then pooled 0.
    """
    import tensorflow as tf

    last = tf.cast(size - 1, tf.float32)
    if bins > 1:
        # divide_no_nan, because the graph optimizer would fold "* constant / constant" into one product.
        step = tf.math.divide_no_nan((end - start) * last, float(bins - 1))
        position = (start * last)[:, None] + tf.range(bins, dtype=tf.float32) * step[:, None]
    else:
        position = (0.5 * (start + end) * last)[:, None]
    inside = tf.cast((position >= 0) & (position <= last[:, None]), tf.float32)
    lower = tf.floor(position)
    fraction = position - lower
    cells = [
        tf.clip_by_value(tf.cast(cell, tf.int32), 0, size[:, None] - 1) for cell in (lower, tf.math.ceil(position))
    ]
    return cells, [(1.0 - fraction) * inside, fraction * inside]
