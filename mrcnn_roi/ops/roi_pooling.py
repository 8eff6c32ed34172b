"""RoI pooling: every method, on a pyramid or on a single map. Tensors only.

crop_and_resize  one corner-aligned bilinear sample a bin, 0 outside the map (the original Mask R-CNN for Keras)
roi_align        bilinear samples spread evenly in each bin, mean or max (Mask R-CNN section 3; torchvision)
roi_warp         the same after rounding the RoI to whole cells (Mask R-CNN table 2c)
roi_pool         the largest cell of each bin, RoI and bins rounded to whole cells (Fast R-CNN section 2.1; torchvision)

Where they read the map is in sampling.py. Reading goes through TensorFlow's kernel (crop_kernel.py), level by level;
in what XLA compiles, through gathers (cell_gather.py).

Letters: B batch, N RoIs a picture, M = B * N, C channels, L levels, ph x pw bins, s samples a bin and axis.
"""

from __future__ import annotations

import functools

from mrcnn_roi.ops import sampling
from mrcnn_roi.ops.backend import namespace
from mrcnn_roi.ops.boxes import norm_boxes
from mrcnn_roi.ops.cell_gather import interpolate, map_sizes, read_cells
from mrcnn_roi.ops.compilation import can_fuse, in_xla
from mrcnn_roi.ops.crop_kernel import crop_pyramid, restore_order
from mrcnn_roi.ops.levels import roi_levels
from mrcnn_roi.ops.sample_pooling import pool_samples
from mrcnn_roi.ops.window_max import max_of_windows

FUSED_VALUES = 2**20  # pooled values an image from which a compiled pass is worth its compilation
METHODS = ("crop_and_resize", "roi_align", "roi_pool", "roi_warp")


def pool_pyramid(
    boxes,
    image_shape,
    feature_maps,
    pool_shape,
    method="crop_and_resize",
    *,
    levels=(2, 3, 4, 5),
    sampling_ratio=2,
    aggregate="mean",
    aligned=False,
    stop_box_gradient=True,
):
    """Pools every box from its pyramid level.

    boxes: [B, N, (y1, x1, y2, x2)] normalized. image_shape: (height, width) of the molded image in pixels; it
    decides the level. feature_maps: L maps [B, H, W, C], finest first. pool_shape: (ph, pw) bins.
    sampling_ratio: samples a bin and axis, 0 or -1 for as many as the bin is cells long; aggregate: "mean" or "max"
    of them; aligned: shift by half a cell. These three concern roi_align, the first two roi_warp as well.
    stop_box_gradient: False lets gradients through to the boxes, for roi_align.
    Returns [B, N, ph, pw, C] in the maps' dtype; half precision is pooled in float32.
    """
    import tensorflow as tf

    boxes = tf.cast(boxes, tf.float32)
    if stop_box_gradient or method != "roi_align":
        boxes = tf.stop_gradient(boxes)
    level = tf.reshape(roi_levels(tf.stop_gradient(boxes), image_shape, levels), [-1]) - levels[0]
    flat, image = _flat(boxes)
    if method == "crop_and_resize":
        fuse = _worth_fusing(boxes, feature_maps, pool_shape)
        pooled = _crop(flat, level, image, feature_maps, pool_shape, fuse)
    else:
        cells = sampling.cell_boxes(flat, image_shape, map_sizes(feature_maps, level))
        options = _options(sampling_ratio, aggregate, aligned, stop_box_gradient)
        pooled = _pool_levels(cells, level, image, feature_maps, pool_shape, method, options)
    return _unflat(pooled, boxes, feature_maps[0], pool_shape)


def pool_map(
    boxes,
    feature_map,
    pool_shape,
    method,
    spatial_scale=1.0,
    *,
    sampling_ratio=2,
    aggregate="mean",
    aligned=False,
    stop_box_gradient=True,
):
    """Pools boxes [B, N, (y1, x1, y2, x2)] in pixels from one map [B, H, W, C] of spatial_scale cells a pixel.

    For crop_and_resize the image is taken to be map size / spatial_scale pixels high and wide. The rest is as in
    pool_pyramid.
    """
    import tensorflow as tf

    boxes = tf.cast(boxes, tf.float32)
    if stop_box_gradient or method != "roi_align":
        boxes = tf.stop_gradient(boxes)
    flat, image = _flat(boxes)
    level = tf.zeros_like(image)
    if method == "crop_and_resize":
        # An image of one pixel has no normalized boxes; any will do, because its map is of one cell.
        size = tf.maximum(namespace(flat).divide(tf.shape(feature_map)[1:3], spatial_scale), 2.0)
        pooled = _crop(norm_boxes(flat, size), level, image, [feature_map], pool_shape, fuse=False)
    else:
        options = _options(sampling_ratio, aggregate, aligned, stop_box_gradient)
        pooled = _pool_levels(
            namespace(flat).multiply(flat, spatial_scale), level, image, [feature_map], pool_shape, method, options
        )
    return _unflat(pooled, boxes, feature_map, pool_shape)


def _options(sampling_ratio, aggregate, aligned, stop_box_gradient):
    return {
        "ratio": sampling_ratio,
        "aggregate": aggregate,
        "aligned": aligned,
        "position_gradient": not stop_box_gradient,
    }


def _flat(boxes):
    """boxes [B, N, 4] as [M, 4], and the image [M] each belongs to."""
    import tensorflow as tf

    shape = tf.shape(boxes)
    return tf.reshape(boxes, [-1, 4]), tf.repeat(tf.range(shape[0]), shape[1])


def _unflat(pooled, boxes, feature_map, pool_shape):
    import tensorflow as tf

    shape = tf.concat([tf.shape(boxes)[:2], [*pool_shape], tf.shape(feature_map)[3:]], axis=0)
    pooled = tf.cast(tf.reshape(pooled, shape), feature_map.dtype)
    return tf.ensure_shape(pooled, [*boxes.shape[:2], *pool_shape, feature_map.shape[3]])


def _crop(boxes, level, image, maps, pool_shape, fuse):
    """crop_and_resize of normalized boxes [M, 4]. fuse: in one compiled pass."""
    import tensorflow as tf

    if in_xla():
        y, x = _crop_positions(boxes, level, maps, pool_shape)
        return read_cells(maps, level, image, y, x, 0)
    forward = None
    if fuse:

        def forward(*maps):
            return _fused_crop()(boxes, level, image, maps, pool_shape)

    # The kernel has no bfloat16 and answers float16 with float32.
    return crop_pyramid([tf.cast(each, tf.float32) for each in maps], boxes, level, image, pool_shape, forward)


def _crop_positions(boxes, level, maps, pool_shape):
    height, width = map_sizes(maps, level)
    y = sampling.crop_positions(boxes[:, 0], boxes[:, 2], height, pool_shape[0])
    return y, sampling.crop_positions(boxes[:, 1], boxes[:, 3], width, pool_shape[1])


def _worth_fusing(boxes, maps, pool_shape):
    """True in a graph of known sizes and much work: there one compiled pass, in the RoIs' order, is fastest.

    A new size costs a compilation of some tenths of a second. So eager calls, RoIs or maps of unknown number or size,
    and small work are left to the kernel. The number of images may be unknown: it takes one or two values.
    """
    import tensorflow as tf

    sizes = [boxes.shape[1], *(side for each in maps for side in each.shape[1:])]
    if tf.executing_eagerly() or len(maps) < 2 or None in sizes:
        return False
    values = boxes.shape[1] * pool_shape[0] * pool_shape[1] * maps[0].shape[3]
    return values >= FUSED_VALUES and can_fuse()


@functools.lru_cache(maxsize=1)
def _fused_crop():
    import tensorflow as tf

    @tf.function(jit_compile=True, autograph=False)
    def fused_crop(boxes, level, image, maps, pool_shape):
        y, x = _crop_positions(boxes, level, maps, pool_shape)
        height, width = map_sizes(maps, level)
        return interpolate(maps, level, image, sampling.taps(y, height, 0), sampling.taps(x, width, 0))

    return fused_crop


def _pool_levels(cells, level, image, maps, pool_shape, method, options):
    """Pools boxes [M, 4] in cells of their own level's map: level by level, or at once where XLA compiles."""
    import tensorflow as tf

    # An infinite box would read only points outside: zeros. The sine of infinity is NaN (a constant NaN in the graph
    # would set off tf.debugging.enable_check_numerics).
    bad = tf.where(tf.math.is_finite(cells), 0.0, tf.stop_gradient(cells))
    cells += tf.reduce_sum(tf.sin(bad), axis=-1, keepdims=True)
    maps = [tf.cast(each, tf.float32) for each in maps]
    pool = _pool_windows if method == "roi_pool" else functools.partial(pool_samples, method=method, **options)
    if in_xla() or len(maps) == 1:
        return pool(cells, level, image, maps, pool_shape)
    rows = tf.dynamic_partition(tf.range(tf.size(level)), level, len(maps))

    def pool_level(feature_map, own):
        return pool(tf.gather(cells, own), tf.zeros_like(own), tf.gather(image, own), [feature_map], pool_shape)

    linear = method != "roi_pool" and options["aggregate"] == "mean" and options["ratio"] > 0
    if tf.executing_eagerly() or not linear or options["position_gradient"]:
        return restore_order(rows, _one_after_the_other(pool_level, maps, rows))
    return _pool_sparingly(pool_level, maps, rows)


def _one_after_the_other(function, *lists):
    """[function(...) for each], each begun when the one before is done: one level's samples in memory at a time."""
    import tensorflow as tf

    results: list = []
    for values in zip(*lists):
        with tf.control_dependencies(results[-1:]):
            held = [tf.identity(value) for value in values]
        results.append(function(*held))
    return results


def _pool_sparingly(pool_level, maps, rows):
    """[M, ph, pw, C] from pool_level(map, rows), linear in the map; the backward pass too takes level by level.

    Left to itself a graph spreads the gradient of all samples of all levels out in memory at once.
    """
    import tensorflow as tf

    @tf.custom_gradient
    def pooled(*maps):
        def gradient(upstream):
            def level_gradient(feature_map, own):
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch(feature_map)
                    part = pool_level(feature_map, own)  # not computed: nothing asks for its values
                return tape.gradient(part, feature_map, tf.gather(upstream, own))

            return _one_after_the_other(level_gradient, maps, rows)

        return restore_order(rows, _one_after_the_other(pool_level, maps, rows)), gradient

    return pooled(*maps)


def _pool_windows(cells, level, image, maps, pool_shape):
    """RoIPool of boxes [M, 4] in cells."""
    import tensorflow as tf

    height, width = map_sizes(maps, level)
    y1, x1, y2, x2 = tf.unstack(cells, axis=1)
    rows = sampling.pool_windows(y1, y2, height, pool_shape[0])
    columns = sampling.pool_windows(x1, x2, width, pool_shape[1])
    pooled = max_of_windows(maps, level, image, rows, columns)
    return tf.where(tf.math.is_nan(y1)[:, None, None, None], y1[:, None, None, None], pooled)
