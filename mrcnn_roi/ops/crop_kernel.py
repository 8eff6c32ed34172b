"""Bilinear reading through TensorFlow's CropAndResize kernel, with a gradient that is exact. Tensors only.

The kernel's own CPU gradient adds from several threads into the same cells without a lock: updates are lost (single
cells were off by a third of the largest value) and two runs differ. Run by one thread it is exact, and hardly slower,
because writing the zeros of a large map takes most of its time. MapDefun is the one operation that bounds the threads
of what it runs; the levels of a pyramid still run beside each other.

The kernel does not compile with XLA; reading without it is in cell_gather.py.
"""

from __future__ import annotations

import functools

OUTSIDE = 2.0  # a normalized coordinate that no cell answers, on maps of more than one cell


def crop_pyramid(feature_maps, boxes, level, image, pool_shape, forward=None):
    """crop_and_resize of boxes [M, (y1, x1, y2, x2)], each from feature_maps[level[m]][image[m]]: [M, ph, pw, C].

    The gradient to the maps is exact; the boxes get none. forward: computes the same [M, ph, pw, C] from the maps in
    another way; by default each level's boxes are cropped and put back in order.
    """
    import tensorflow as tf

    def in_levels(*maps):
        rows = tf.dynamic_partition(tf.range(tf.size(level)), level, len(maps))
        crops = [
            tf.image.crop_and_resize(each, tf.gather(boxes, own), tf.gather(image, own), pool_shape)
            for each, own in zip(maps, rows)
        ]
        return restore_order(rows, crops)

    @tf.custom_gradient
    def cropped(*maps):
        def gradient(upstream):
            # Boxes of other levels are moved outside the map, where the kernel passes over them: cheaper than
            # copying the level's share of the upstream gradient.
            gradients = []
            for i, each in enumerate(maps):
                mine = (level == i)[:, None]
                own = upstream if len(maps) == 1 else _hide_in_single_cell(upstream, mine, each)
                gradients.append(crop_gradient(own, tf.where(mine, boxes, OUTSIDE), image, tf.shape(each)))
            return gradients

        return (forward or in_levels)(*maps), gradient

    return cropped(*feature_maps)


def restore_order(rows, parts):
    """[M, ...] from parts of it: parts[i] holds rows[i]. Every row is in one part."""
    import tensorflow as tf

    return parts[0] if len(parts) == 1 else tf.raw_ops.ParallelDynamicStitch(indices=rows, data=parts)


def _hide_in_single_cell(upstream, mine, feature_map):
    """upstream [M, ph, pw, C], 0 where not `mine` [M, 1] if the map is of one cell: that has no outside."""
    import tensorflow as tf

    height, width = feature_map.shape[1:3]
    if (height or 0) > 1 or (width or 0) > 1:
        return upstream
    shape = tf.shape(feature_map)
    masked = functools.partial(tf.where, mine[:, :, None, None], upstream, 0.0)
    return tf.cond((shape[1] == 1) & (shape[2] == 1), masked, lambda: upstream)


def crop_gradient(upstream, boxes, image, map_shape):
    """d loss / d map [B, H, W, C] from upstream [M, ph, pw, C] = d loss / d crops of boxes [M, 4]. Exact on CPU."""
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):  # the GPU's kernel adds atomically
        return _gradient_kernel(upstream, boxes, image, map_shape)
    function = _single_thread_gradient()
    graph = tf.compat.v1.get_default_graph()
    function.add_to_graph(None if tf.executing_eagerly() else graph)
    # One slice, so that nothing is copied together; a list of one, because a variant is passed on without a copy.
    (result,) = tf.raw_ops.MapDefun(
        arguments=[tf.zeros([1], tf.int32)],
        captured_inputs=[tf.identity(upstream), boxes, image, map_shape],
        output_types=[tf.variant],
        output_shapes=[[]],
        f=function,
        max_intra_op_parallelism=1,
    )
    gradient = tf.raw_ops.TensorListGetItem(
        input_handle=result[0], index=0, element_shape=tf.constant(-1), element_dtype=tf.float32
    )
    return tf.reshape(gradient, map_shape)


def _gradient_kernel(upstream, boxes, image, map_shape):
    import tensorflow as tf

    return tf.raw_ops.CropAndResizeGradImage(
        grads=upstream, boxes=boxes, box_ind=image, image_size=map_shape, T=tf.float32
    )


@functools.lru_cache(maxsize=1)
def _single_thread_gradient():
    """The gradient kernel as a function for MapDefun; answers a list that holds the gradient."""
    import tensorflow as tf

    @tf.function(
        autograph=False,
        input_signature=[
            tf.TensorSpec([], tf.int32),
            tf.TensorSpec([None, None, None, None], tf.float32),
            tf.TensorSpec([None, 4], tf.float32),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([4], tf.int32),
        ],
    )
    def single_thread_crop_gradient(number, upstream, boxes, image, map_shape):
        del number  # MapDefun wants something to map over
        empty = tf.raw_ops.EmptyTensorList(
            element_shape=tf.constant(-1), max_num_elements=tf.constant(1), element_dtype=tf.float32
        )
        return tf.raw_ops.TensorListPushBack(
            input_handle=empty, tensor=_gradient_kernel(upstream, boxes, image, map_shape)
        )

    with tf.init_scope():
        return single_thread_crop_gradient.get_concrete_function()


def read_points(feature_map, image, y, x, margin, position_gradient=False):
    """[M, Y, X, C]: map [B, H, W, C] of image[m], read at y [M, Y] and x [M, X] in cells.

    Every point is a crop of one bin, so its position is the caller's to the last bit; the kernel is no slower for it.
    Points up to `margin` cells outside read the border, those further out are 0. A NaN position raises
    InvalidArgumentError in the kernel's words. Gradient to the map, and to y and x with position_gradient.
    """
    import tensorflow as tf

    size = tf.shape(feature_map)[1:3]
    feature_map = _two_cells_at_least(feature_map)
    padded = tf.shape(feature_map)
    y, x = _normalized(y, size[0], padded[1], margin), _normalized(x, size[1], padded[2], margin)
    shape = tf.stack([tf.shape(y)[0], tf.shape(y)[1], tf.shape(x)[1]])
    y, x = tf.broadcast_to(y[:, :, None], shape), tf.broadcast_to(x[:, None, :], shape)
    boxes = tf.reshape(tf.stack([y, x, y, x], axis=-1), [-1, 4])
    owner = tf.repeat(image, shape[1] * shape[2])
    read = _points_with_box_gradient if position_gradient else _points
    points = tf.reshape(read(feature_map, boxes, owner), tf.concat([shape, padded[3:]], axis=0))
    return tf.ensure_shape(points, [None, y.shape[1], x.shape[2], feature_map.shape[3]])


def _two_cells_at_least(feature_map):
    """The map, padded where it has a single row or column: on such an axis the kernel knows no outside."""
    import tensorflow as tf

    height, width = feature_map.shape[1:3]
    if (height or 0) > 1 and (width or 0) > 1:
        return feature_map
    shape = tf.shape(feature_map)
    missing = tf.maximum(2 - shape[1:3], 0)
    padding = tf.pad(tf.stack([tf.zeros_like(missing), missing], axis=1), [[1, 1], [0, 0]])
    enough = tf.reduce_all(missing == 0)
    padded = tf.cond(enough, lambda: feature_map, lambda: tf.pad(feature_map, padding))
    return tf.ensure_shape(padded, [feature_map.shape[0], None, None, feature_map.shape[3]])


def _normalized(position, size, padded, margin):
    """Positions in cells as the kernel's coordinates: moved to the border within the margin, -1 beyond it."""
    import tensorflow as tf

    last, scale = tf.cast(size - 1, tf.float32), tf.cast(padded - 1, tf.float32)
    outside = (position < -float(margin)) | (position > last + float(margin))
    inside = tf.clip_by_value(position, 0.0, last)
    scaled = tf.math.divide_no_nan(inside, scale)
    # The kernel multiplies by `scale` again. One correction makes it hit the position itself on maps of 2**k cells,
    # and the nearest it can reach on others.
    missed = tf.stop_gradient(inside - scaled * scale)
    better = scaled + tf.stop_gradient(tf.math.divide_no_nan(missed, scale))
    closer = tf.abs(inside - better * scale) < tf.abs(missed)
    scaled = tf.where(closer & (better <= 1.0), better, scaled)
    known = tf.where(outside, -1.0, scaled)
    return tf.where(tf.math.is_nan(position), position, known)


def _points(feature_map, boxes, image):
    import tensorflow as tf

    boxes = tf.stop_gradient(boxes)

    @tf.custom_gradient
    def points(feature_map):
        def gradient(upstream):
            return crop_gradient(upstream, boxes, image, tf.shape(feature_map))

        return tf.image.crop_and_resize(feature_map, boxes, image, (1, 1)), gradient

    return points(feature_map)


def _points_with_box_gradient(feature_map, boxes, image):
    import tensorflow as tf

    @tf.custom_gradient
    def points(feature_map, boxes):
        def gradient(upstream):
            to_boxes = tf.raw_ops.CropAndResizeGradBoxes(
                grads=upstream, image=feature_map, boxes=boxes, box_ind=image, method="bilinear"
            )
            return crop_gradient(upstream, boxes, image, tf.shape(feature_map)), to_boxes

        return tf.image.crop_and_resize(feature_map, boxes, image, (1, 1)), gradient

    return points(feature_map, boxes)
