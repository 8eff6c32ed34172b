"""Where the pooling methods read a feature map, one axis at a time. numpy or tensors.

Positions are in cells: k is the centre of cell k of the map. `start` and `end` are an RoI's two edges on the axis,
in cells (pixels times spatial scale), not yet rounded; only crop_and_resize takes them normalized. Every function
takes [M] values, one an RoI. The arithmetic is float32 in the order of the reference kernels (TensorFlow's
CropAndResize, torchvision's roi_align and roi_pool), so that a position falls on the same side of a cell as theirs;
products and quotients go through xp.multiply and xp.divide, which no compiler rewrites.
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.ops.backend import namespace
from mrcnn_roi.ops.boxes import scale_boxes


def cell_boxes(boxes, image_shape, map_shape):
    """Normalized boxes [..., (y1, x1, y2, x2)] in cells of a map of `map_shape` (height, width), float32.

    The boxes are turned to pixels of the molded image of `image_shape` (without rounding), then scaled by map size
    over image size on each axis. Height and width of the map are numbers, or [...], one a box.
    """
    xp = namespace(boxes, image_shape)
    image = xp.cast(image_shape, "float32")[:2]
    height, width = xp.divide(map_shape[0], image[0]), xp.divide(map_shape[1], image[1])
    pixels = xp.cast(scale_boxes(boxes, image), "float32")
    return xp.multiply(pixels, xp.stack([height, width, height, width], axis=-1))


def round_half_away(x):
    """x rounded to whole numbers, halves away from zero: C's round(), which the RoIPool kernels use."""
    xp = namespace(x)
    magnitude = xp.abs(x)
    down = xp.floor(magnitude)
    rounded = xp.where(magnitude - down >= 0.5, down + 1.0, down)
    return xp.where(x < 0, -rounded, rounded)


def crop_positions(start, end, size, bins):
    """crop_and_resize: [M, bins], one corner-aligned sample a bin. start, end: normalized. size: cells of the map.

    start * (size - 1) + i * ((end - start) * (size - 1) / (bins - 1)), or the middle for one bin, in this order of
    operations: by float rounding the last bin of a box that ends at 1.0 may fall outside, and the kernel pools 0.
    """
    xp = namespace(start, size)
    last = xp.cast(size, "float32") - 1.0
    if bins == 1:
        return (0.5 * (start + end) * last)[..., None]
    step = xp.divide(xp.multiply(end - start, last), np.float32(bins - 1))
    return xp.multiply(start, last)[..., None] + xp.multiply(np.arange(bins, dtype=np.float32), step[..., None])


def align_extent(start, end, aligned=False):
    """RoIAlign: (start, length). aligned=True shifts by half a cell, so that cells, not their centres, line up.

    Without it an RoI is at least one cell long, as in torchvision.
    """
    xp = namespace(start)
    if aligned:
        return start - 0.5, (end - 0.5) - (start - 0.5)
    return start, xp.maximum(end - start, 1.0)


def warp_extent(start, end):
    """RoIWarp: (start, length) of the RoI rounded to whole cells, at least one long; sampled as RoIAlign then."""
    xp = namespace(start)
    start = round_half_away(start)
    return start, xp.maximum(round_half_away(end) - start, 1.0)


def adaptive_ratio(length, bins, size):
    """Samples a bin of RoIAlign with sampling_ratio 0: ceil(length / bins), int32.

    An RoI more than four times as long as the map of `size` cells gets no more than one of that length, so that a
    box in the wrong unit does not keep the machine busy for hours. One without length has none.
    """
    xp = namespace(length)
    length = xp.minimum(length, 4.0 * xp.cast(size, "float32"))
    return xp.cast(xp.ceil(xp.divide(xp.where(length > 0, length, 0.0), np.float32(bins))), "int32")


def sample_positions(start, length, bins, ratio, sample):
    """[M, bins]: where sample number `sample` of every bin lies, of `ratio` (int or [M]) evenly spaced ones.

    start + i * bin + (sample + 0.5) * bin / ratio (Mask R-CNN, section 3), in torchvision's order of operations.
    """
    xp = namespace(start)
    size = xp.divide(length, np.float32(bins))
    index = np.arange(bins, dtype=np.float32)
    # Subtracted, because the graph optimizer adds three summands in another order.
    back = xp.divide(xp.multiply(-0.5 - xp.cast(sample, "float32"), size), xp.cast(ratio, "float32"))
    return (start[..., None] + xp.multiply(index, size[..., None])) - back[..., None]


def taps(position, size, margin):
    """The two cells a sample is interpolated from: (low cell, high cell, low weight, high weight).

    position: [M, bins]. size: [M] cells of the map. margin: samples up to so many cells outside the outermost cell
    centres read the border cell (RoIAlign: 1, crop_and_resize: 0); those further out weigh 0.
    """
    xp = namespace(position)
    last = xp.cast(size, "float32")[..., None] - 1.0
    inside = xp.cast((position >= -float(margin)) & (position <= last + float(margin)), "float32")
    weight = xp.where(position == position, inside, position)  # NaN stays NaN: silent zeros would hide it
    position = xp.minimum(xp.maximum(xp.where(position == position, position, 0.0), 0.0), last)
    low, high = xp.floor(position), xp.ceil(position)
    fraction = position - low
    return xp.cast(low, "int32"), xp.cast(high, "int32"), (1.0 - fraction) * weight, fraction * weight


def pool_windows(start, end, size, bins):
    """RoIPool: (first, stop) cells of every bin, int32 [M, bins]; an empty bin has stop <= first.

    The RoI is rounded to whole cells, both ends included; bin i then covers floor(i * bin) to ceil((i + 1) * bin),
    the second rounding (Fast R-CNN, section 2.1). Cut to the map.
    """
    xp = namespace(start)
    start = round_half_away(start)
    length = xp.maximum(round_half_away(end) - start + 1.0, 1.0)
    step = xp.divide(length, np.float32(bins))[..., None]
    index = np.arange(bins, dtype=np.float32)
    limit = xp.cast(size, "float32")[..., None]
    first = xp.floor(xp.multiply(index, step)) + start[..., None]
    stop = xp.ceil(xp.multiply(index + 1.0, step)) + start[..., None]
    first, stop = (xp.minimum(xp.maximum(edge, 0.0), limit) for edge in (first, stop))
    return tuple(xp.cast(xp.where(edge >= 0.0, edge, 0.0), "int32") for edge in (first, stop))
