"""Masks as the molded image will show them, without making them: boxes and mini masks straight from the loaded masks.

Resizing masks repeats rows and columns, padding adds empty ones. So the box of a resized mask follows from the box of
the mask itself, and a mini mask can be read through the resizing. Only who wants full masks pays for them.
Shapes in this module: H W molded image, h w the masks that were loaded, N instances. Boxes are pixels of the molded
image [N, (y1, x1, y2, x2)], y2 and x2 outside. Masks keep their layout in memory, [h, w, N] or instance by instance.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mrcnn_roi.ops.mini_masks import minimized
from mrcnn_roi.ops.resampling import nearest_indices

_BLOCK_BYTES = 1 << 18  # stays in the second-level cache
_GROUP = 32  # rows that are looked at as one in the first pass


def instance_major(mask) -> bool:
    """Whether masks [H, W, N] lie in memory instance by instance."""
    return mask.strides[2] > mask.strides[1]


def copy_masks(masks, out) -> None:
    """out [H, W, N] = masks [H, W, N]. What lies instance by instance is copied row by row, which takes a third of the
    time: one row of all instances stays in the second-level cache while it is turned."""
    if not instance_major(masks):
        out[...] = masks
        return
    for y in range(len(masks)):
        out[y] = np.ascontiguousarray(masks[y].T).T


class MaskView(NamedTuple):
    """Masks [h, w, N]; for each row and column of the molded image the one that it shows, -1 for none.

    What is shown is one run that ascends by steps of 0 and 1 and leaves out none.
    """

    masks: np.ndarray
    rows: np.ndarray  # intp [H]
    columns: np.ndarray  # intp [W]

    def flipped(self) -> MaskView:
        """Left and right exchanged."""
        columns = np.where(self.columns < 0, -1, self.masks.shape[1] - 1 - self.columns)
        return MaskView(self.masks[:, ::-1], self.rows, columns[::-1])

    def boxes(self) -> np.ndarray:
        """Tight boxes int32 [N, 4]; an empty mask gives 0, 0, 0, 0."""
        boxes = mask_boxes(self.masks)
        y1, x1, y2, x2 = boxes.T
        empty = y2 == 0
        molded = [*_molded(self.rows, y1, y2), *_molded(self.columns, x1, x2)]
        boxes = np.stack([molded[i] for i in (0, 2, 1, 3)], axis=1).astype(np.int32)
        boxes[empty] = 0
        return boxes

    def minis(self, boxes, mini_shape, instances=None) -> np.ndarray:
        """Mini masks bool [*mini_shape, M] of boxes [M, 4] of these instances: see ops.masks.minimize_mask."""
        return minimized(self.masks, self.rows, self.columns, boxes, mini_shape, instances)

    def only(self, instances) -> MaskView:
        """The instances of these indices or of this bool [N]."""
        return MaskView(self.masks[:, :, instances], self.rows, self.columns)

    def full(self, copy: bool = True) -> np.ndarray:
        """The array [H, W, N]. copy: a new one in any case; else it may share memory with the masks."""
        (height, width), count = (len(self.rows), len(self.columns)), self.masks.shape[2]
        if self.masks.shape[:2] == (height, width):  # every line shows another one
            return self.masks.copy(order="K") if copy else self.masks
        if instance_major(self.masks):
            out = np.zeros((count, height, width), self.masks.dtype).transpose(1, 2, 0)
        else:
            out = np.zeros((height, width, count), self.masks.dtype)
        (top, bottom), (left, right) = _run(self.rows), _run(self.columns)
        inside = out[top:bottom, left:right]
        if inside.size:
            _enlarge(self.masks, self.rows[top:bottom], self.columns[left:right], inside)
        return out


def identity_view(mask) -> MaskView:
    """Masks [H, W, N] as they are."""
    return MaskView(mask, np.arange(mask.shape[0]), np.arange(mask.shape[1]))


def molded_view(mask, scale, padding, crop=None) -> MaskView:
    """Masks [h, w, N] brought along with an image: see ops.masks.resize_mask."""
    lines = [nearest_indices(size, scale) for size in mask.shape[:2]]
    shown = [np.where(outside, -1, index) for index, outside in lines]
    if crop is not None:
        y, x, height, width = crop
        shown = [shown[0][y : y + height], shown[1][x : x + width]]
    else:
        shown = [np.pad(each, around, constant_values=-1) for each, around in zip(shown, padding)]
    for axis, positions in enumerate(shown):
        start, end = _run(positions)
        run = positions[start:end]
        if np.any(run[1:] > run[:-1] + 1):  # shrinks: some are not shown at all
            mask = _taken(mask, run, axis)
            positions[start:end] = np.arange(len(run))
        elif len(run):
            mask = mask[run[0] : run[-1] + 1] if axis == 0 else mask[:, run[0] : run[-1] + 1]
            positions[start:end] -= run[0]
        else:
            mask = mask[:0] if axis == 0 else mask[:, :0]
    return MaskView(mask, *shown)


def _run(positions) -> tuple[int, int]:
    """Start and end of the entries that are not negative."""
    shown = np.flatnonzero(positions >= 0)
    return (int(shown[0]), int(shown[-1]) + 1) if len(shown) else (0, 0)


def _taken(mask, index, axis) -> np.ndarray:
    """np.take along rows (0) or columns (1) that keeps the layout."""
    if instance_major(mask):
        return np.take(mask.transpose(2, 0, 1), index, axis=axis + 1).transpose(1, 2, 0)
    return np.take(mask, index, axis=axis)


def _molded(positions, first, end):
    """Where lines first..end of the masks begin and end in the molded image."""
    start, stop = _run(positions)
    run = positions[start:stop]
    return start + np.searchsorted(run, first), start + np.searchsorted(run, end - 1, side="right")


def _enlarge(masks, rows, columns, out) -> None:
    """out [H, W, N] = masks[rows][:, columns], in blocks of rows."""
    if instance_major(masks):
        for k in range(masks.shape[2]):
            np.take(np.take(masks[:, :, k], columns, axis=1), rows, axis=0, out=out[:, :, k])
        return
    block = max(1, _BLOCK_BYTES // max(1, len(columns) * masks.shape[2] * masks.itemsize))
    for start in range(0, masks.shape[0], block):
        first, end = np.searchsorted(rows, [start, start + block])
        wide = np.take(masks[start : start + block], columns, axis=1)
        np.take(wide, rows[first:end] - start, axis=0, out=out[first:end], mode="clip")


def mask_boxes(mask) -> np.ndarray:
    """Tight boxes int32 [N, 4] of masks [h, w, N] of any dtype; an empty mask gives 0, 0, 0, 0."""
    if 0 in mask.shape:
        return np.zeros((mask.shape[2], 4), np.int32)
    used = (mask if mask.dtype == bool else mask != 0).view(np.uint8)
    if instance_major(mask):
        return np.array([_box(used[:, :, k]) for k in range(used.shape[2])], np.int32)
    return _boxes_of_rows(used)


def _limits(used) -> tuple[int, int]:
    """First true entry and the one after the last of used [L]; 0, 0 where none is."""
    found = np.flatnonzero(used)
    return (int(found[0]), int(found[-1]) + 1) if len(found) else (0, 0)


def _box(mask) -> tuple[int, int, int, int]:
    """The box of one mask uint8 [h, w]."""
    x1, x2 = _limits(np.bitwise_or.reduce(mask, axis=0))
    y1, y2 = _limits(mask[:, x1:x2].view(bool).any(axis=1))
    return y1, x1, y2, x2


def _boxes_of_rows(used) -> np.ndarray:
    """Boxes int32 [N, 4] of masks uint8 [h, w, N] that lie in memory row by row.

    One pass over the masks joins groups of rows, which gives the columns; then only the first and the last group of
    each instance are looked at again.
    """
    height, width, count = used.shape
    whole = height - height % _GROUP
    groups = [np.bitwise_or.reduce(used[:whole].reshape(-1, _GROUP, width, count), axis=1)]
    if whole < height:
        groups.append(np.bitwise_or.reduce(used[whole:], axis=0)[None])
    joined = np.concatenate(groups) if len(groups) > 1 else groups[0]
    columns = np.bitwise_or.reduce(joined, axis=0)  # [w, N]
    boxes = np.zeros((count, 4), np.int32)
    for k, group in enumerate(_any_column(joined).T):
        first, end = _limits(group)
        if end == 0:
            continue
        x1, x2 = _limits(columns[:, k])
        top, bottom = _GROUP * first, _GROUP * (end - 1)
        y1 = top + _limits(used[top : top + _GROUP, x1:x2, k].any(axis=1))[0]
        y2 = bottom + _limits(used[bottom : bottom + _GROUP, x1:x2, k].any(axis=1))[1]
        boxes[k] = y1, x1, y2, x2
    return boxes


def _any_column(used: np.ndarray) -> np.ndarray:
    """Bitwise or over the columns of uint8 [h, w, N]: [h, N]. By halving: numpy reduces a middle axis slowly."""
    half = (used.shape[1] + 1) // 2
    folded = used[:, :half].copy()
    folded[:, : used.shape[1] - half] |= used[:, half:]
    while half > 1:
        width, half = half, (half + 1) // 2
        folded[:, : width - half] |= folded[:, half:width]
    return folded[:, 0]
