"""Mini masks: bilinear, half-pixel grid, zeros outside the box, rounded. All instances at once, read where they lie.

A pixel of a mini mask blends four pixels of the mask. Nearly everywhere they are equal and the blend needs no
arithmetic; the float64 sums of the other pixels are those of scipy, in its order: the results agree bit for bit.
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.ops.resampling import linear_taps

_BLOCK = 16  # instances at a time; their indices stay in the second-level cache
_ALL = 15  # the four bits of a code
_BITS = np.array([[1], [2], [4], [8]], np.uint8)
_PAIR = np.array([-1, 0])[:, None, None]


def minimized(mask, shown_rows, shown_columns, bbox, mini_shape, instances=None) -> np.ndarray:
    """Mini masks bool [*mini_shape, N] of masks [h, w, M] in boxes [N, 4] of the molded image.

    shown_rows, shown_columns: which row and column of `mask` each one of the molded image shows, -1 for none.
    instances: int [N], whose boxes these are; None for all masks.
    Raises ValueError for a box without area.
    """
    height, width = (int(size) for size in mini_shape)
    most = np.array([len(shown_rows), len(shown_columns)] * 2)
    boxes = np.minimum(np.maximum(np.asarray(bbox).reshape(-1, 4), 0), most)
    sizes = boxes[:, 2:] - boxes[:, :2]
    if np.any(sizes <= 0):
        i = int(np.argmax(np.any(sizes <= 0, axis=1)))
        raise ValueError(f"expected boxes with area, received {np.asarray(bbox)[i].tolist()} for instance {i}")
    mask = mask if mask.dtype == bool else mask != 0
    rows, row_weights = _taps(boxes[:, 0], sizes[:, 0], height, shown_rows)
    columns, column_weights = _taps(boxes[:, 1], sizes[:, 1], width, shown_columns)
    flat, strides, offset = _flat(mask)
    instances = np.arange(len(boxes)) if instances is None else instances
    rows = rows * strides[0] + (instances * strides[2] + offset)[:, None]
    codes = np.empty((len(boxes), height, width), np.uint8)
    for start in range(0, len(boxes), _BLOCK):
        part = slice(start, start + _BLOCK)
        _read(flat, rows[:, part], columns[:, part] * strides[1], codes[part])
    filled = (codes == _ALL).all(axis=(1, 2))
    codes &= _bits(row_weights, 3, 12)[:, :, None]
    codes &= _bits(column_weights, 5, 10)[:, None, :]
    minis = codes == _ALL
    mixed = np.flatnonzero(codes.ravel() - np.uint8(1) < _ALL - 1)
    minis.ravel()[mixed] = _blended(codes.ravel().take(mixed), mixed, row_weights, column_weights) > 0.5
    for k in np.flatnonzero(filled):  # clipping to the range of the values keeps a full mask full
        y1, y2 = shown_rows[[boxes[k, 0], boxes[k, 2] - 1]]
        x1, x2 = shown_columns[[boxes[k, 1], boxes[k, 3] - 1]]
        if min(y1, y2, x1, x2) >= 0:
            minis[k] |= bool(np.all(mask[y1 : y2 + 1, x1 : x2 + 1, instances[k]]))
    return minis.transpose(1, 2, 0)


def _taps(start, size, new_size, shown):
    """Which two lines of the mask each line of the mini masks blends, [2, N, new_size], and their weights."""
    first, *pair = linear_taps(size[:, None], new_size)
    positions, weights = first + _PAIR, np.array(pair)
    inside = np.minimum(np.maximum(positions, 0), size[:, None] - 1)
    lines = shown[inside + start[:, None]]
    weights *= (inside == positions) & (lines >= 0)
    return np.maximum(lines, 0, out=lines), weights


def _flat(mask):
    """The memory from the first to the last entry of a bool array, its strides, and the place of entry 0, 0, 0."""
    if mask.flags.c_contiguous:
        return mask.reshape(-1), mask.strides, 0
    ends = tuple(slice(-1, None) if stride < 0 else slice(1) for stride in mask.strides)
    span = 1 + sum(abs(stride) * (size - 1) for stride, size in zip(mask.strides, mask.shape))
    offset = -sum(min(stride, 0) * (size - 1) for stride, size in zip(mask.strides, mask.shape))
    flat = np.lib.stride_tricks.as_strided(mask[ends], (span if mask.size else 0,), (1,), writeable=False)
    return flat, mask.strides, offset


def _read(flat, rows, columns, codes) -> None:
    """Sets bit 0 for the pixel above left, 1 above right, 2 below left, 3 below right in codes uint8 [n, h, w]."""
    width = codes.shape[2]
    columns = np.concatenate(list(columns), axis=1)[:, None, :]
    above, below = (flat.take(row[:, :, None] + columns).view(np.uint8) for row in rows)
    above |= np.multiply(below, np.uint8(4), out=below)
    np.multiply(above[:, :, width:], np.uint8(2), out=codes)
    codes |= above[:, :, :width]


def _bits(weights, first, second):
    """uint8 [N, size]: the bits that a code may have, `first` and `second` of the two taps where they have a weight."""
    return np.uint8(first) * (weights[0] != 0) | np.uint8(second) * (weights[1] != 0)


def _blended(codes, places, row_weights, column_weights) -> np.ndarray:
    """Sums float64 [M] of the weights of a code's pixels, for codes [M] at places [M] of the flattened mini masks."""
    (_, _, height), (_, _, width) = row_weights.shape, column_weights.shape
    line = places // width
    column = places - (line - line // height) * width  # of the mini masks side by side
    down = row_weights.reshape(2, 1, -1).take(line, axis=2)
    weights = (down * column_weights.reshape(2, -1).take(column, axis=1)).reshape(4, -1)
    weights *= (codes & _BITS) != 0
    return np.add.reduce(weights, axis=0)  # one after the other
