"""Mini masks: bilinear, half-pixel grid, zeros outside the box, rounded. All instances at once, read where they lie.

A pixel of a mini mask blends four pixels of the mask. Nearly everywhere they are equal and the blend needs no
arithmetic; the float64 sums of the other pixels are those of scipy, in its order: the results agree bit for bit.
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.ops.resampling import linear_taps

_BLOCK = 8  # instances at a time; their indices stay in the second-level cache
_ALL = 15  # the four bits of a code


def minimized(mask, shown_rows, shown_columns, bbox, mini_shape, instances=None) -> np.ndarray:
    """Mini masks bool [*mini_shape, N] of masks [h, w, M] in boxes [N, 4] of the molded image.

    shown_rows, shown_columns: which row and column of `mask` each one of the molded image shows, -1 for none.
    instances: int [N], whose boxes these are; None for all masks.
    Raises ValueError for a box without area.
    """
    height, width = (int(size) for size in mini_shape)
    boxes = np.clip(np.asarray(bbox).reshape(-1, 4), 0, [len(shown_rows), len(shown_columns)] * 2)
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
    codes = np.zeros((len(boxes), height, width), np.uint8)
    for start in range(0, len(boxes), _BLOCK):
        part = slice(start, start + _BLOCK)
        _read(flat, rows[:, part], columns[:, part] * strides[1], codes[part])
    filled = (codes == _ALL).all(axis=(1, 2))
    codes &= _bits(row_weights, 3, 12)[:, :, None]
    codes &= _bits(column_weights, 5, 10)[:, None, :]
    minis = codes == _ALL
    mixed = np.flatnonzero(codes.ravel() - np.uint8(1) < _ALL - 1)
    minis.ravel()[mixed] = _blended(codes.ravel()[mixed], mixed, row_weights, column_weights) > 0.5
    for k in np.flatnonzero(filled):  # clipping to the range of the values keeps a full mask full
        y1, y2 = shown_rows[[boxes[k, 0], boxes[k, 2] - 1]]
        x1, x2 = shown_columns[[boxes[k, 1], boxes[k, 3] - 1]]
        if min(y1, y2, x1, x2) >= 0:
            minis[k] |= bool(np.all(mask[y1 : y2 + 1, x1 : x2 + 1, instances[k]]))
    return minis.transpose(1, 2, 0)


def _taps(start, size, new_size, shown):
    """Which two lines of the mask each line of the mini masks blends, [2, N, new_size], and their weights."""
    first, *pair = linear_taps(size[:, None], new_size)
    positions, weights = np.stack([first - 1, first]), np.stack(pair)
    weights[(positions < 0) | (positions >= size[:, None])] = 0.0
    lines = shown[np.clip(positions, 0, size[:, None] - 1) + start[:, None]]
    weights[lines < 0] = 0.0
    return np.maximum(lines, 0), weights


def _flat(mask):
    """The memory from the first to the last entry of a bool array, its strides, and the place of entry 0, 0, 0."""
    ends = tuple(slice(-1, None) if stride < 0 else slice(1) for stride in mask.strides)
    span = 1 + sum(abs(stride) * (size - 1) for stride, size in zip(mask.strides, mask.shape))
    offset = -sum(min(stride, 0) * (size - 1) for stride, size in zip(mask.strides, mask.shape))
    flat = np.lib.stride_tricks.as_strided(mask[ends], (span if mask.size else 0,), (1,), writeable=False)
    return flat, mask.strides, offset


def _read(flat, rows, columns, codes) -> None:
    """Adds bit 0 for the pixel above left, 1 above right, 2 below left, 3 below right to codes uint8 [n, h, w]."""
    index = np.empty(codes.shape, np.intp)
    for bit, (row, column) in enumerate((row, column) for row in rows for column in columns):
        np.add(row[:, :, None], column[:, None, :], out=index)
        values = flat.take(index).view(np.uint8)
        codes |= np.left_shift(values, np.uint8(bit), out=values)


def _bits(weights, first, second):
    """uint8 [N, size]: the bits that a code may have, `first` and `second` of the two taps where they have a weight."""
    return np.uint8(first) * (weights[0] != 0) | np.uint8(second) * (weights[1] != 0)


def _blended(codes, places, row_weights, column_weights) -> np.ndarray:
    """Sums float64 [M] of the weights of a code's pixels, for codes [M] at places [M] of the flattened mini masks."""
    height = row_weights.shape[2]
    line, column = np.divmod(places, column_weights.shape[2])
    column += line // height * column_weights.shape[2]
    row_weights, column_weights = (weights.reshape(2, -1) for weights in (row_weights, column_weights))
    down, across = row_weights[:, line], column_weights[:, column]
    total = np.where(codes & 1, down[0] * across[0], 0.0)
    for bit, (i, j) in ((2, (0, 1)), (4, (1, 0)), (8, (1, 1))):
        total += np.where(codes & bit, down[i] * across[j], 0.0)
    return total
