"""Which of a million annotations need a closer look: the questions of `read_record`, asked of all of them at once.

Nothing is judged here. An annotation that is not suspicious is one about which `read_record` and `check_bounds` have
nothing to say; the others go through them one by one. Letters: M annotations, P polygon parts.
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.datasets.annotation_table import ODD, POLYGON, AnnotationTable
from mrcnn_roi.datasets.segmentation import run_lengths, runs_extent

BLOCK = 20_000  # annotations measured at once
FLAT = 1e-6  # area of a part against its extent below which its points may lie on one line


def measure(table: AnnotationTable, height: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Sets table.extent and returns bool [M], the rows that need a closer look.

    height, width: int [M], of each annotation's image, -1 where unknown.
    """
    kind = table.kind
    suspicious = (kind == ODD) | (height < 0) | ((kind == POLYGON) & (table.crowd > 0))
    suspicious |= _measure_polygons(table)
    for row in np.flatnonzero((kind != POLYGON) & (kind != ODD)).tolist():
        suspicious[row] |= not _measure_rle(table, row, int(height[row]), int(width[row]))
    x1, y1, x2, y2 = table.extent.T
    fractions = (kind == POLYGON) & (x2 <= 1) & (y2 <= 1)
    return suspicious | fractions | _bbox_differs(table)


def leaves_image(table: AnnotationTable, height: np.ndarray, width: np.ndarray) -> np.ndarray:
    """bool [M]: polygons that reach over an edge of their image."""
    x1, y1, x2, y2 = table.extent.T
    return (table.kind == POLYGON) & ((x1 < 0) | (y1 < 0) | (x2 > width) | (y2 > height))


def _measure_polygons(table: AnnotationTable) -> np.ndarray:
    """Extents of all polygons; True where a part is no polygon, is flat, or has numbers that are not finite."""
    return np.concatenate([np.zeros(0, bool), *(_measure_block(table, first) for first in range(0, len(table), BLOCK))])


def _measure_block(table: AnnotationTable, first: int) -> np.ndarray:
    """The same for the rows from `first` on, so many that what is worked out on the way stays small."""
    rows = slice(first, min(first + BLOCK, len(table)))
    bounds = np.concatenate([[table.last_part[first - 1] if first else 0], table.last_part[rows]])
    ends = table.part_ends[bounds[0] : bounds[-1]]
    start = int(table.part_ends[bounds[0] - 1]) if bounds[0] else 0
    counts = np.diff(ends, prepend=start)
    owner = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    bad = np.zeros(len(bounds) - 1, bool)
    bad[owner[(counts % 2 == 1) | (counts < 6)]] = True
    whole = np.flatnonzero(~bad[owner])
    if not len(whole):
        return bad
    points = table.numbers[start : int(ends[-1])]
    if bad.any():  # keep the parts of sound annotations, so that every part has whole points
        points = points[np.repeat(~bad[owner], counts)]
    low, high, area = _of_parts(points.reshape(-1, 2), (np.cumsum(counts[whole]) - counts[whole]) // 2)
    begin = np.flatnonzero(np.diff(owner[whole], prepend=-1))
    found = owner[whole][begin] + first
    table.extent[found, :2] = np.minimum.reduceat(low, begin)
    table.extent[found, 2:] = np.maximum.reduceat(high, begin)
    with np.errstate(all="ignore"):
        flat = ~(area > FLAT * np.prod(high - low, axis=1)) | ~np.isfinite(area)
    bad[owner[whole][flat]] = True
    return bad


def _of_parts(points: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(lowest [P, (x, y)], highest [P, (x, y)], area [P]) of polygons that begin at `starts` in points [N, (x, y)]."""
    low, high = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
    following = np.arange(1, len(points) + 1)
    following[np.append(starts[1:], len(points)) - 1] = starts
    with np.errstate(all="ignore"):  # numbers near the largest float; what overflows is looked at closely
        x, y = (points - np.repeat(low, np.diff(np.append(starts, len(points))), axis=0)).T
        area = np.abs(np.add.reduceat(x * y[following] - x[following] * y, starts)) / 2
    return low, high, area


def _measure_rle(table: AnnotationTable, row: int, height: int, width: int) -> bool:
    """Sets the extent of an RLE; False where it does not fill an image of that size."""
    own_height, own_width, counts = table.rle(row)
    runs = run_lengths(counts)
    if (own_height, own_width) != (height, width) or runs is None or int(runs.sum()) != height * width:
        return False
    table.extent[row] = runs_extent(runs, height)
    return True


def turned_side(table: AnnotationTable, height: np.ndarray, width: np.ndarray) -> str:
    """Which of the two is wrong in this file where bbox and polygon agree but for x and y: "bbox", "polygon"; "either"
    where most annotations are like that, but nothing tells; "" where it is few.

    The images tell: only the wrong one leaves them.
    """
    with np.errstate(all="ignore"):
        box = _as_corners(table.bbox)
        turned = (_iou(box, table.extent) < 0.5) & (_turned_iou(table) > 0.9) & (height > 0)
        edges = np.stack([width, height], axis=1) + 0.5
        box_out, polygon_out = ((each[turned, 2:] > edges[turned]).any(axis=1) for each in (box, table.extent))
    if box_out.sum() > polygon_out.sum():
        return "bbox"
    if polygon_out.any():
        return "polygon"
    return "either" if 2 * turned.sum() > np.isfinite(table.bbox[:, 0]).sum() else ""


def _turned_iou(table: AnnotationTable) -> np.ndarray:
    """float [M]: of bbox and extent with x and y exchanged."""
    return _iou(_as_corners(table.bbox), table.extent[:, [1, 0, 3, 2]])


def _as_corners(bbox: np.ndarray) -> np.ndarray:
    """float [M, (x1, y1, x2, y2)] of bbox [M, (x, y, width, height)]."""
    return np.concatenate([bbox[:, :2], bbox[:, :2] + bbox[:, 2:]], axis=1)


def _bbox_differs(table: AnnotationTable) -> np.ndarray:
    """bool [M]: a bbox that is empty, fits the extent better as corners or with x and y exchanged, or lies elsewhere.

    With a margin, for box_iou may round otherwise.
    """
    x, y, width, height = table.bbox.T
    with np.errstate(all="ignore"):
        fit, turned = _iou(_as_corners(table.bbox), table.extent), _turned_iou(table)
        elsewhere = ((turned > np.maximum(fit, 0.89)) | (fit < 0.11)) & (table.crowd == 0)
        return (width <= 0) | (height <= 0) | (_iou(table.bbox, table.extent) > 0.9) | elsewhere


def _iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """float [M]: of boxes [M, (x1, y1, x2, y2)], row by row; NaN where one is not known."""
    sides = np.minimum(first[:, 2:], second[:, 2:]) - np.maximum(first[:, :2], second[:, :2])
    common = np.prod(np.clip(sides, 0, None), axis=1)
    areas = np.prod(first[:, 2:] - first[:, :2], axis=1) + np.prod(second[:, 2:] - second[:, :2], axis=1)
    return common / (areas - common)
