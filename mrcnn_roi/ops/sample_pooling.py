"""RoIAlign and RoIWarp: bilinear samples in each bin, and their mean or maximum. Tensors only."""

from __future__ import annotations

from mrcnn_roi.ops import sampling
from mrcnn_roi.ops.cell_gather import map_sizes, read_cells
from mrcnn_roi.ops.compilation import in_xla
from mrcnn_roi.ops.crop_kernel import read_points
from mrcnn_roi.ops.sample_loop import pool_adaptive


def pool_samples(cells, level, image, maps, pool_shape, method, ratio, aggregate, aligned, position_gradient):
    """RoIAlign or RoIWarp of boxes [M, 4] in cells."""
    import tensorflow as tf

    y1, x1, y2, x2 = tf.unstack(cells, axis=1)
    if method == "roi_warp":
        extents = sampling.warp_extent(y1, y2), sampling.warp_extent(x1, x2)
    else:
        extents = sampling.align_extent(y1, y2, aligned), sampling.align_extent(x1, x2, aligned)

    def read(maps, y, x):
        if in_xla():
            return read_cells(maps, level, image, y, x, 1, position_gradient)
        return read_points(maps[0], image, y, x, 1, position_gradient)

    if ratio <= 0:
        return pool_adaptive(read, maps, extents, map_sizes(maps, level), pool_shape, aggregate)
    y, x = (
        tf.stack([sampling.sample_positions(start, length, bins, ratio, k) for k in range(ratio)], axis=-1)
        for (start, length), bins in zip(extents, pool_shape)
    )
    y, x = tf.reshape(y, [-1, pool_shape[0] * ratio]), tf.reshape(x, [-1, pool_shape[1] * ratio])
    return _aggregate(read(maps, y, x), ratio, aggregate)


def _aggregate(samples, ratio, aggregate):
    """samples [M, ph * s, pw * s, C] -> [M, ph, pw, C]."""
    if ratio == 1:
        return samples
    return _mean_of_samples(samples, ratio) if aggregate == "mean" else _largest_sample(samples, ratio)


def _mean_of_samples(samples, ratio):
    import tensorflow as tf

    window = [1, ratio, ratio, 1]

    @tf.custom_gradient
    def mean(samples):
        def gradient(upstream):  # TensorFlow's own keeps the samples to ask for their shape
            return tf.raw_ops.AvgPoolGrad(
                orig_input_shape=tf.shape(upstream) * window,
                grad=upstream,
                ksize=window,
                strides=window,
                padding="VALID",
            )

        return tf.nn.avg_pool2d(samples, ratio, ratio, "VALID"), gradient

    return mean(samples)


def _largest_sample(samples, ratio):
    import tensorflow as tf

    if in_xla():
        values = tf.nn.max_pool2d(samples, ratio, ratio, "VALID")
        # XLA's maximum passes over NaN, and nothing but NaN has no maximum. The kernel lets no NaN in.
        return tf.where(tf.math.is_inf(values) & (values < 0), float("nan"), values)
    window = [1, ratio, ratio, 1]

    @tf.custom_gradient
    def largest(samples):
        result = tf.nn.max_pool2d(samples, ratio, ratio, "VALID")

        def gradient(upstream):
            def kernel():
                return tf.raw_ops.MaxPoolGrad(
                    orig_input=samples, orig_output=result, grad=upstream, ksize=window, strides=window, padding="VALID"
                )

            # The kernel ends the process when there is no RoI.
            return tf.cond(tf.size(upstream) == 0, lambda: tf.zeros_like(samples), kernel)

        return result, gradient

    return largest(samples)
