"""Anchors: where the RPN looks. Pixels of the molded image, [A, (y1, x1, y2, x2)], not clipped.

The original's order and placement, on which trained weights depend: levels, then rows, columns, ratios;
centres start at 0 and advance by the level's stride (no half-stride shift).
"""

from __future__ import annotations

import math

import numpy as np

from mrcnn_roi.ops.backend import namespace


def feature_shapes(image_shape, strides):
    """int [L, (height, width)] of the pyramid's maps for an image of shape (height, width, ...)."""
    return np.array(
        [[math.ceil(image_shape[0] / stride), math.ceil(image_shape[1] / stride)] for stride in strides],
        dtype=np.int64,
    ).reshape(-1, 2)


def compute_backbone_shapes(config, image_shape):
    """int [L, (height, width)] of the maps of the config's backbone: its own function, or ceil(size / stride)."""
    if callable(config.BACKBONE):
        if not callable(config.COMPUTE_BACKBONE_SHAPE):
            raise ValueError(
                "expected COMPUTE_BACKBONE_SHAPE to be a function (image_shape) -> [[height, width], ...] because "
                f"BACKBONE is a function, received {config.COMPUTE_BACKBONE_SHAPE!r}"
            )
        return np.asarray(config.COMPUTE_BACKBONE_SHAPE(image_shape))
    return feature_shapes(image_shape, config.BACKBONE_STRIDES)


def anchor_sizes(scales, ratios):
    """Heights and widths [R * S] of anchors: scale / sqrt(ratio) by scale * sqrt(ratio), ratio-major."""
    scales, ratios = np.meshgrid(np.array(scales, np.float64), np.array(ratios, np.float64))
    root = np.sqrt(ratios.ravel())
    return scales.ravel() / root, scales.ravel() * root


def generate_anchors(scales, ratios, shape, feature_stride, anchor_stride):
    """Anchors of one level, [H * W * R, (y1, x1, y2, x2)] float64 pixels.

    scales: side of the square anchor in pixels, one or several. ratios: width / height.
    shape: (height, width) of the feature map, integers or scalar tensors (then the answer is a tensor).
    feature_stride: pixels of the image per cell. anchor_stride: 1 puts anchors on every cell, 2 on every other.
    """
    height, width = shape[0], shape[1]
    xp = namespace(height, width)
    heights, widths = anchor_sizes(scales, ratios)
    half = np.stack([-heights, -widths, heights, widths], axis=1) / 2.0
    rows = xp.arange(0, height, anchor_stride, "float64") * feature_stride
    columns = xp.arange(0, width, anchor_stride, "float64") * feature_stride
    y = xp.expand_dims(xp.expand_dims(rows, 1), 1) + xp.expand_dims(columns, 1) * 0
    x = xp.expand_dims(xp.expand_dims(rows, 1), 1) * 0 + xp.expand_dims(columns, 1)
    centers = xp.stack([y, x, y, x], axis=-1)  # [H, W, 1, 4]
    return xp.reshape(centers + half, (-1, 4))


def generate_pyramid_anchors(scales, ratios, feature_shapes, feature_strides, anchor_stride):
    """Anchors of all levels, [A, (y1, x1, y2, x2)] float64 pixels; level i uses scales[i] alone.

    A 1024x1024 image with the default scales, ratios and strides has 261888 of them.
    """
    levels = [
        generate_anchors(scales[i], ratios, feature_shapes[i], feature_strides[i], anchor_stride)
        for i in range(len(scales))
    ]
    return namespace(*levels).concat(levels, axis=0)
