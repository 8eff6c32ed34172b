"""Masks: their boxes, and the ways between image, molded image and mini mask. numpy only.

Shapes in this module: H W image or molded image, h w mini mask or mask head output, N instances. Boxes are
pixels [N, (y1, x1, y2, x2)], y2 and x2 outside. Functions that make full-size masks fill them instance by
instance, [N, H, W] in memory, and return the [H, W, N] view of that.
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.ops.resampling import linear_taps, nearest_indices, resize_linear


def _any_column(mask: np.ndarray) -> np.ndarray:
    """mask.any(axis=1) of a bool [H, W, N]: [H, N]. By halving: numpy reduces a middle axis slowly."""
    half = (mask.shape[1] + 1) // 2
    folded = mask[:, :half].copy()
    folded[:, : mask.shape[1] - half] |= mask[:, half:]
    while half > 1:
        width, half = half, (half + 1) // 2
        folded[:, : width - half] |= folded[:, half:width]
    return folded[:, 0]


def _first_and_end(used: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First true row and the row after the last one, for each column of used [L, N]; 0, 0 where none is."""
    found = used.any(axis=0)
    end = len(used) - np.argmax(used[::-1], axis=0)
    return np.where(found, np.argmax(used, axis=0), 0), np.where(found, end, 0)


def extract_bboxes(mask) -> np.ndarray:
    """Tight boxes int32 [N, (y1, x1, y2, x2)] of masks [H, W, N], pixels; an empty mask gives 0, 0, 0, 0."""
    mask = np.asarray(mask)
    if mask.ndim != 3:
        raise ValueError(f"expected masks of shape [H, W, N], received shape {list(mask.shape)}")
    if 0 in mask.shape:
        return np.zeros((mask.shape[2], 4), np.int32)
    mask = mask if mask.dtype == bool else mask != 0
    instance_major = mask.strides[2] > mask.strides[1]
    y1, y2 = _first_and_end(mask.any(axis=1) if instance_major else _any_column(mask))
    x1, x2 = _first_and_end(mask.any(axis=0))
    return np.stack([y1, x1, y2, x2], axis=1).astype(np.int32)


def resize_mask(mask, scale, padding, crop=None) -> np.ndarray:
    """Masks [H, W, N] brought along with an image: scale, padding and crop are what resize_image returned.

    Nearest neighbour on the original's corner-aligned grid (scipy.ndimage.zoom, order 0), which is not quite
    the grid of the image. The dtype is kept.
    """
    mask = np.asarray(mask)
    if mask.ndim != 3:
        raise ValueError(f"expected masks of shape [H, W, N], received shape {list(mask.shape)}")
    (rows, no_row), (columns, no_column) = (nearest_indices(size, scale) for size in mask.shape[:2])
    top, left, bottom, right = 0, 0, 0, 0
    if crop is not None:
        y, x, height, width = crop
        rows, no_row = rows[y : y + height], no_row[y : y + height]
        columns, no_column = columns[x : x + width], no_column[x : x + width]
    else:
        (top, bottom), (left, right) = padding[:2]
    out = np.zeros((top + len(rows) + bottom, left + len(columns) + right, mask.shape[2]), mask.dtype)
    inside = out[top : top + len(rows), left : left + len(columns)]
    if inside.size == 0:
        return out
    if scale == 1 and crop is None:
        inside[:] = mask
    elif len(rows) > mask.shape[0]:  # the smaller intermediate first
        np.take(np.take(mask, columns, axis=1), rows, axis=0, out=inside, mode="clip")
    else:
        np.take(np.take(mask, rows, axis=0), columns, axis=1, out=inside, mode="clip")
    inside[no_row] = 0
    inside[:, no_column] = 0
    return out


def minimize_mask(bbox, mask, mini_shape) -> np.ndarray:
    """Masks [H, W, N] cut to their boxes bbox [N, 4] and resized to mini_shape (h, w): bool [h, w, N].

    Saves memory at the price of detail. Bilinear, then rounded: exactly one half is background.
    Raises ValueError for a box without area.
    """
    height, width = (int(size) for size in mini_shape)
    mask, boxes = np.asarray(mask), np.asarray(bbox).reshape(-1, 4)
    boxes = np.clip(boxes, 0, [mask.shape[0], mask.shape[1]] * 2)
    sizes = boxes[:, 2:] - boxes[:, :2]
    if np.any(sizes <= 0):
        i = int(np.argmax(np.any(sizes <= 0, axis=1)))
        raise ValueError(f"expected boxes with area, received {np.asarray(bbox)[i].tolist()} for instance {i}")
    rows, row_weights = _taps_inside(boxes[:, 0], sizes[:, 0], height)
    columns, column_weights = _taps_inside(boxes[:, 1], sizes[:, 1], width)
    if not (mask.flags.c_contiguous or mask.transpose(2, 0, 1).flags.c_contiguous):
        mask = np.ascontiguousarray(mask)
    strides = np.array(mask.strides) // mask.itemsize
    flat = mask.ravel(order="K")
    instance = np.arange(len(boxes)) * strides[2]
    total, full = np.zeros((len(boxes), height, width)), np.ones(len(boxes), bool)
    for row, row_weight in zip(rows, row_weights):
        for column, column_weight in zip(columns, column_weights):
            index = (row * strides[0] + instance[:, None])[:, :, None] + (column * strides[1])[:, None, :]
            values = flat.take(index).astype(bool, copy=False)
            full &= values.all(axis=(1, 2))
            total += np.where(values, row_weight[:, :, None] * column_weight[:, None, :], 0.0)
    mini = total > 0.5
    for k in np.flatnonzero(full):  # clipping to the range of the values keeps a full mask full
        y1, x1, y2, x2 = boxes[k]
        mini[k] |= bool(np.all(mask[y1:y2, x1:x2, k]))
    return mini.transpose(1, 2, 0)


def mold_mask(mask, config) -> np.ndarray:
    """Masks [H, W, N] of a molded image as training takes them: bool, mini masks when USE_MINI_MASK.

    The original declared this function and left it empty.
    """
    mask = np.asarray(mask).astype(bool)
    return minimize_mask(extract_bboxes(mask), mask, config.MINI_MASK_SHAPE) if config.USE_MINI_MASK else mask


def _taps_inside(start, size, new_size):
    """Two input positions in the image, each [N, new_size], and their weights; 0 for one outside its box."""
    first, *weights = linear_taps(size[:, None], new_size)
    positions = []
    for shift, weight in enumerate(weights):
        position = first - 1 + shift
        weight[(position < 0) | (position >= size[:, None])] = 0.0
        positions.append(np.clip(position, 0, size[:, None] - 1) + start[:, None])
    return positions, weights


def _paste(full, mask, box, decide) -> None:
    """Resizes a float mask [h, w] to `box` and writes decide(values) into full [H, W] where they meet."""
    y1, x1, y2, x2 = (int(value) for value in box)
    top, left, bottom, right = max(y1, 0), max(x1, 0), min(y2, full.shape[0]), min(x2, full.shape[1])
    if bottom <= top or right <= left:
        return
    window = (top - y1, left - x1, bottom - y1, right - x1)
    full[top:bottom, left:right] = decide(resize_linear(mask, y2 - y1, x2 - x1, window=window))


def _as_float(masks) -> np.ndarray:
    masks = np.asarray(masks)
    return masks if masks.dtype.kind == "f" else masks.astype(np.float64)


def expand_mask(bbox, mini_mask, image_shape) -> np.ndarray:
    """Undoes minimize_mask, but for the detail lost: bool [H, W, N] of image_shape (H, W, ...).

    What a box [N, 4] has outside the image is cut off; a box without area gives an empty mask.
    """
    mini_mask, boxes = _as_float(mini_mask), np.asarray(bbox).reshape(-1, 4)
    full = np.zeros((mini_mask.shape[2], *image_shape[:2]), bool)
    for i, box in enumerate(boxes):
        _paste(full[i], mini_mask[:, :, i], box, lambda values: values > 0.5)  # np.around: one half becomes 0
    return full.transpose(1, 2, 0)


def unmold_mask(mask, bbox, image_shape) -> np.ndarray:
    """One mask of the mask head, float [h, w], in its place: bool [H, W] of image_shape (H, W, ...).

    Bilinear to the box bbox (y1, x1, y2, x2) in whole pixels, then >= 0.5. What the box has outside the image
    is cut off; a box without area gives an empty mask.
    """
    return unmold_masks(np.asarray(mask)[None], np.asarray(bbox)[None], image_shape)[:, :, 0]


def unmold_masks(masks, boxes, image_shape) -> np.ndarray:
    """Masks [N, h, w] of the mask head in their boxes [N, 4]: bool [H, W, N]; see unmold_mask."""
    masks = _as_float(masks)
    full = np.zeros((len(masks), *image_shape[:2]), bool)
    for i, box in enumerate(np.asarray(boxes).reshape(-1, 4)):
        _paste(full[i], masks[i], box, lambda values: values >= 0.5)
    return full.transpose(1, 2, 0)


def compute_overlaps_masks(masks1, masks2) -> np.ndarray:
    """IoU float32 [A, B] of masks [H, W, A] and [H, W, B], pixels > 0.5; without masks float64 zeros (A, B).

    Two empty masks give 0/0, NaN, as in the original. Only the intersection of two masks' boxes is looked at.
    """
    masks1, masks2 = np.asarray(masks1), np.asarray(masks2)
    if masks1.shape[-1] == 0 or masks2.shape[-1] == 0:
        return np.zeros((masks1.shape[-1], masks2.shape[-1]))
    if masks1.shape[:2] != masks2.shape[:2]:
        raise ValueError(f"expected masks of one height and width, received shapes {masks1.shape} and {masks2.shape}")
    (boxes1, cuts1, area1), (boxes2, cuts2, area2) = _cut(masks1), _cut(masks2)
    low = np.maximum(boxes1[:, None, :2], boxes2[None, :, :2])
    high = np.minimum(boxes1[:, None, 2:], boxes2[None, :, 2:])
    intersections = np.zeros((len(boxes1), len(boxes2)), np.float32)
    for i, j in np.argwhere(np.all(high > low, axis=2)):
        window = (*low[i, j], *high[i, j])
        pair = _part(cuts1[i], boxes1[i], window) & _part(cuts2[j], boxes2[j], window)
        intersections[i, j] = np.count_nonzero(pair)
    union = area1[:, None] + area2[None, :] - intersections
    with np.errstate(invalid="ignore"):
        return intersections / union


def _cut(masks):
    """Boxes [N, 4], the contiguous content of each box, and areas float32 [N] of masks [H, W, N]."""
    masks = masks if masks.dtype == bool else masks > 0.5
    boxes = extract_bboxes(masks)
    cuts = [np.ascontiguousarray(masks[y1:y2, x1:x2, i]) for i, (y1, x1, y2, x2) in enumerate(boxes)]
    return boxes, cuts, np.array([np.count_nonzero(cut) for cut in cuts], np.float32)


def _part(cut, box, window):
    """The part of an image window (y1, x1, y2, x2) out of the content of a box."""
    return cut[window[0] - box[0] : window[2] - box[0], window[1] - box[1] : window[3] - box[1]]
