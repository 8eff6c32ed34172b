"""Anchors prepared for finding, quickly, the few that boxes overlap.

A large image has a quarter of a million anchors, nearly all of them far from any object. Both kinds of grid answer
`near` with the numbers of the full table of IoUs. Letters: A anchors, G boxes; of one pyramid level R ratios, H rows
and W columns. Boxes are pixels of the molded image, (y1, x1, y2, x2).
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from mrcnn_roi.ops.anchors import compute_backbone_shapes, generate_pyramid_anchors
from mrcnn_roi.ops.boxes import box_areas, compute_iou

_BLOCK = 96  # anchors
_CHUNK = 1 << 15  # pairs of box and anchor that are looked at together; stays in the second-level cache
_SAFETY = 0.99  # limits derived from an IoU are set a little lower, against rounding


class AnchorBlocks(NamedTuple):
    """Any anchors [A, 4] with their areas [A] and the limits of every block of consecutive anchors."""

    anchors: np.ndarray
    areas: np.ndarray
    top_left: np.ndarray  # [2, blocks] smallest y1, x1
    bottom_right: np.ndarray  # [2, blocks] greatest y2, x2
    area_range: np.ndarray  # [2, blocks] smallest and greatest area

    def near(self, boxes, least_iou: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which of boxes [G, 4] and which anchors overlap with at least `least_iou`, and more than nothing.

        Returns the numbers of the boxes, the indices of the anchors and the IoUs; a pair may come twice.
        """
        return _joined(self._near_one(*each, least_iou) for each in enumerate(np.asarray(boxes, np.float64)))

    def _near_one(self, number, box, least_iou):
        area = (box[2] - box[0]) * (box[3] - box[1])
        hit = (self.top_left[0] < box[2]) & (self.bottom_right[0] > box[0])
        hit &= (self.top_left[1] < box[3]) & (self.bottom_right[1] > box[1])
        if least_iou > 0:  # IoU <= smaller area / greater area
            smallest, greatest = self.area_range
            hit &= np.minimum(greatest, area) >= _SAFETY * least_iou * np.maximum(smallest, area)
        index = (np.flatnonzero(hit)[:, None] * _BLOCK + np.arange(_BLOCK)).ravel()
        index = index[: np.searchsorted(index, len(self.anchors))]
        iou = compute_iou(box, self.anchors[index], area, self.areas[index])
        keep = (iou >= least_iou) & (iou > 0)
        return np.full(np.count_nonzero(keep), number), index[keep], iou[keep]


def _joined(parts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    nothing = (np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0))
    numbers, indices, ious = (np.concatenate(column) for column in zip(nothing, *parts))
    return numbers, indices, ious


def anchor_blocks(anchors) -> AnchorBlocks:
    """Prepares anchors [A, 4] in any order."""
    anchors = np.asarray(anchors, np.float64)
    areas = box_areas(anchors)
    starts = np.arange(0, len(anchors), _BLOCK)
    y1, x1, y2, x2 = np.ascontiguousarray(anchors.T)

    def limit(function, *columns):
        return np.stack([function.reduceat(column, starts) for column in columns])

    return AnchorBlocks(
        anchors,
        areas,
        limit(np.minimum, y1, x1),
        limit(np.maximum, y2, x2),
        np.concatenate([limit(np.minimum, areas), limit(np.maximum, areas)]),
    )


class AnchorLevel(NamedTuple):
    """One level: an anchor's vertical limits depend on its ratio and row alone, the others on ratio and column."""

    start: int  # index of its first anchor among those of all levels
    step: float  # pixels between neighbours
    sides: tuple[float, float]  # greatest height and width
    area_range: tuple[float, float]  # smallest and greatest area
    rows: np.ndarray  # [2, R, H] y1 and y2
    columns: np.ndarray  # [2, R, W] x1 and x2
    shape: tuple[int, int, int]  # H, W, R

    def near(self, boxes, least_iou: float):
        """Parts of what AnchorBlocks.near returns, of these anchors."""
        sides = boxes[:, 2:] - boxes[:, :2]
        areas = sides[:, 0] * sides[:, 1]
        greatest = np.minimum(self.sides, sides)  # height and width that an intersection can have
        least = _SAFETY * least_iou * np.maximum(self.area_range[0], areas)  # its area; the union is no smaller
        possible = greatest[:, 0] * greatest[:, 1]
        possible = (greatest > 0).all(axis=1) & (np.minimum(possible, self.area_range[1]) >= least)
        numbers = np.flatnonzero(possible)
        if len(numbers) == 0:
            return []
        boxes, areas = boxes[numbers], areas[numbers]
        reach = np.array(self.sides) / 2 - least[numbers, None] / greatest[numbers, ::-1]
        first = np.floor_divide(boxes[:, :2] - reach, self.step)  # centres from here overlap enough
        last = np.floor_divide(boxes[:, 2:] + reach, self.step) + 1
        first, last = (np.clip(each, 0, np.array(self.shape[:2]) - 1).astype(np.intp) for each in (first, last))
        height, width = (last - first).max(axis=0) + 1
        size = max(1, _CHUNK // int(height * width * self.shape[2]))
        parts = [slice(i, i + size) for i in range(0, len(numbers), size)]
        return [self._overlaps(numbers[p], boxes[p], areas[p], first[p], (height, width), least_iou) for p in parts]

    def _overlaps(self, numbers, boxes, box_area, first, window, least_iou):
        """IoUs of boxes with windows of the level that begin at `first` [G, (row, column)]."""
        height, width, ratios = self.shape
        rows = np.minimum(first[:, :1] + np.arange(window[0]), height - 1)  # [G, rows]
        columns = np.minimum(first[:, 1:] + np.arange(window[1]), width - 1)
        y1, x1, y2, x2 = boxes.T[:, :, None]
        (top, bottom), (left, right) = self.rows[:, :, rows], self.columns[:, :, columns]
        heights = np.maximum(np.minimum(bottom, y2) - np.maximum(top, y1), 0)  # [R, G, rows]
        widths = np.maximum(np.minimum(right, x2) - np.maximum(left, x1), 0)
        intersection = heights[:, :, :, None] * widths[:, :, None, :]  # [R, G, rows, columns]
        union = (bottom - top)[:, :, :, None] * (right - left)[:, :, None, :]
        union += box_area[:, None, None]
        union -= intersection
        iou = np.divide(intersection, union, out=intersection)
        hits = np.flatnonzero(iou >= least_iou if least_iou > 0 else iou > 0)
        ratio, number, row, column = np.unravel_index(hits, iou.shape)
        index = (rows[number, row] * width + columns[number, column]) * ratios + ratio + self.start
        return numbers[number], index, iou.ravel()[hits]


class AnchorPyramid(NamedTuple):
    """Anchors [A, 4] of regular grids, level by level."""

    anchors: np.ndarray
    levels: tuple[AnchorLevel, ...]

    def near(self, boxes, least_iou: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See AnchorBlocks."""
        boxes = np.asarray(boxes, np.float64)
        return _joined(part for level in self.levels for part in level.near(boxes, least_iou))


@functools.lru_cache(maxsize=16)
def _pyramid(scales, ratios, shapes, strides, anchor_stride) -> AnchorPyramid:
    anchors = generate_pyramid_anchors(scales, ratios, shapes, strides, anchor_stride)
    anchors.flags.writeable = False
    levels, start = [], 0
    for _, (height, width), stride in zip(scales, shapes, strides):
        shape = (-(-height // anchor_stride), -(-width // anchor_stride), len(ratios))
        end = start + shape[0] * shape[1] * shape[2]
        if end > start:
            levels.append(_level(anchors[start:end].reshape(*shape, 4), start, stride * anchor_stride))
        start = end
    return AnchorPyramid(anchors, tuple(levels))


def _level(anchors, start, step) -> AnchorLevel:
    y1, x1, y2, x2 = np.moveaxis(anchors, 3, 0)  # each [H, W, R]
    heights, widths = y2 - y1, x2 - x1
    areas = heights * widths
    return AnchorLevel(
        start,
        float(step),
        (float(heights.max()), float(widths.max())),
        (float(areas.min()), float(areas.max())),
        np.ascontiguousarray([y1[:, 0].T, y2[:, 0].T]),
        np.ascontiguousarray([x1[0].T, x2[0].T]),
        anchors.shape[:3],
    )


def molded_anchors(config, image_shape) -> AnchorPyramid:
    """The anchors of a molded image of image_shape (H, W, ...), kept for the next one of that shape.

    The original made them from IMAGE_SHAPE, which is wrong for the resize modes "pad64" and "none".
    """
    shapes = compute_backbone_shapes(config, image_shape)
    return _pyramid(
        tuple(config.RPN_ANCHOR_SCALES),
        tuple(config.RPN_ANCHOR_RATIOS),
        tuple(tuple(int(side) for side in shape) for shape in shapes),
        tuple(config.BACKBONE_STRIDES),
        config.RPN_ANCHOR_STRIDE,
    )


def grid_of(anchors, image_shape, config) -> AnchorPyramid | AnchorBlocks:
    """Prepares anchors [A, 4]: as a pyramid where they are those of the config and the image."""
    anchors = np.asarray(anchors, np.float64)
    if image_shape is not None and hasattr(config, "BACKBONE_STRIDES"):
        pyramid = molded_anchors(config, image_shape)
        if np.array_equal(pyramid.anchors, anchors):
            return pyramid
    return anchor_blocks(anchors)
