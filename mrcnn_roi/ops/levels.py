"""Which pyramid level an RoI is pooled from."""

from __future__ import annotations

import numpy as np

from mrcnn_roi.ops.backend import is_tensor, namespace

CANONICAL_SIZE = 224.0  # side in pixels of an RoI that belongs on P4 (the ImageNet crop, FPN section 4.2)


def log2_graph(x):
    """log2(x) as the original computed it, log(x) / log(2) in x's precision."""
    return namespace(x).log(x) / np.log(np.float32(2.0))


def roi_levels(boxes, image_shape, levels=(2, 3, 4, 5)):
    """int32 [...]: pyramid level of every normalized box [..., (y1, x1, y2, x2)].

    level = clip(4 + round(log2(sqrt(h * w) / (224 / sqrt(area)))), first, last), FPN equation 1 with the
    original's rounding (half to even). `image_shape` is (height, width) of the molded image in pixels, padding
    included. A box without area, or with one side reversed, has no logarithm and goes to the first level.
    """
    xp = namespace(boxes, image_shape)
    y1, x1, y2, x2 = xp.columns(xp.cast(boxes, "float32"))
    shape = xp.cast(image_shape, "float32")
    area = (y2 - y1) * (x2 - x1)
    positive = area > 0
    side = xp.sqrt(xp.where(positive, area, xp.cast(1.0, "float32")))
    ratio = side / (np.float32(CANONICAL_SIZE) / xp.sqrt(shape[0] * shape[1]))
    log2 = log2_graph(ratio)
    first, last = levels[0], levels[-1]
    level = xp.minimum(xp.maximum(xp.round(log2) + 4.0, float(first)), float(last))
    if is_tensor(level):
        return xp.cast(xp.where(positive, level, xp.cast(first, "float32")), "int32")
    return np.where(positive, level, first).astype(np.int32)
