"""Masks and outlines as COCO writes them: the members "segmentation", "bbox" and "area" of an annotation, as JSON text.

Polygons keep their parts and coordinates. Everything else, holes included, becomes an RLE in COCO's compressed text, of
which every tool makes the same pixels. A bbox is [x, y, width, height] of what lies inside the image, of a polygon in
fractions of a pixel as COCO's own; an area is the number of pixels of the mask.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mrcnn_roi.datasets.records import Record
from mrcnn_roi.datasets.segmentation import MAX_OUTLINE, fill_polygons, overshoot, runs_extent

DIGITS = 3  # behind the point, of a bbox in pixels
AT_ONCE = 200  # polygons in one call: pycocotools counts masks in 8 bits


class Shape(NamedTuple):
    """The JSON texts of an annotation's geometry, and its area in pixels."""

    segmentation: str
    bbox: str
    area: int


def shapes_of_records(records: Sequence[Record], height: int, width: int) -> list[Shape]:
    """The shapes of sound records of an image of that size.

    Raises ValueError for an outline that nothing can draw, as load_mask does.
    """
    areas = _polygon_areas(records, height, width)
    return [_of_record(record, area, height, width) for record, area in zip(records, areas)]


def shape_of_mask(mask: np.ndarray) -> Shape:
    """The shape of a mask bool [H, W]."""
    from pycocotools import mask as coco_mask

    rle = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return _of_rle(rle, coco_mask.toBbox(rle).tolist(), int(coco_mask.area(rle)))


def _of_record(record: Record, area: int, height: int, width: int) -> Shape:
    if record.runs is not None:
        return _of_runs(record.runs, height, width)
    if not record.parts or (record.empty and area):  # a line: pycocotools fills pixels along it, load_mask does not
        return _of_runs(np.array([height * width], np.int64), height, width)
    return Shape(_numbers([list(part) for part in record.parts]), _numbers(_bbox(record, height, width)), area)


def _of_runs(runs: np.ndarray, height: int, width: int) -> Shape:
    from pycocotools import mask as coco_mask

    rle = coco_mask.frPyObjects({"size": [height, width], "counts": runs.tolist()}, height, width)
    x1, y1, x2, y2 = runs_extent(runs, height)
    return _of_rle(rle, [x1, y1, x2 - x1, y2 - y1], int(runs[1::2].sum()))


def _of_rle(rle: dict, bbox: list[float], area: int) -> Shape:
    height, width = rle["size"]
    text = f'{{"size":[{height},{width}],"counts":{json.dumps(rle["counts"].decode("ascii"))}}}'
    return Shape(text, _numbers(bbox), area)


def _bbox(record: Record, height: int, width: int) -> list[float]:
    """[x, y, width, height] of a polygon, cut off at the image's edges."""
    if record.empty:
        return [0, 0, 0, 0]
    x1, y1, x2, y2 = map(float, record.extent)
    left, top = max(x1, 0.0), max(y1, 0.0)
    sides = [min(x2, width) - left, min(y2, height) - top]
    return [left, top, *(round(side, DIGITS) or side for side in sides)]


def _numbers(value: object) -> str:
    """JSON of finite floats and integers in lists, whole ones as integers; Python's own text, for it is faster made."""
    text = str(value)
    if "(" in text:  # NumPy's numbers say what they are
        text = json.dumps(value)
    return text.replace(", ", ",").replace(".0,", ",").replace(".0]", "]")


def _polygon_areas(records: Sequence[Record], height: int, width: int) -> list[int]:
    """The pixels that each record's polygons cover; 0 for run lengths. Simple ones are drawn in one call."""
    from pycocotools import mask as coco_mask

    areas = [0] * len(records)
    simple: list[int] = []
    for i, record in enumerate(records):
        if record.parts and len(record.parts) == 1 and _harmless(record, height, width):
            simple.append(i)
        elif record.parts:
            areas[i] = int(fill_polygons(record.parts, height, width).sum())
    for first in range(0, len(simple), AT_ONCE):
        some = simple[first : first + AT_ONCE]
        drawn = coco_mask.frPyObjects([records[i].parts[0] for i in some], height, width)  # type: ignore[index]
        for i, area in zip(some, coco_mask.area(drawn).tolist()):
            areas[i] = area
    return areas


def _harmless(record: Record, height: int, width: int) -> bool:
    """Whether the rasterizer may have the polygon without the care that fill_polygons takes."""
    x1, y1, x2, y2 = record.extent
    longest = sum(map(len, record.parts or ())) / 2 * max(x2 - x1, y2 - y1)
    return overshoot(record.extent, height, width) <= max(height, width) and longest <= MAX_OUTLINE
