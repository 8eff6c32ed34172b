"""The objects of a VOC file as records: outlines where they have them, else their boxes as rectangles.

VOC counts pixels from 1 and its boxes include both ends: xmin 1, xmax 3 are the first three columns, 0..3 here. Tools
that count from 0 are one pixel off, which cannot be told from a file; what then leaves the image by a pixel is cut off.
Polygons are taken as the tools write them, in pixels from the left upper corner.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mrcnn_roi.datasets.base import declared_size
from mrcnn_roi.datasets.outline_dataset import Unusable, refused
from mrcnn_roi.datasets.outlines import rectangle
from mrcnn_roi.datasets.problems import Problems, quoted, shown
from mrcnn_roi.datasets.records import Record, read_record
from mrcnn_roi.datasets.segmentation import MAX_PIXELS
from mrcnn_roi.datasets.voc_file import CODE, VocObject
from mrcnn_roi.findings import Severity

Size = tuple[int, int] | None  # (height, width)
Box = tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels, x2/y2 outside
SIDES = ("xmin", "ymin", "xmax", "ymax")
BORDER = 1  # pixels that a box may leave the image by, for tools count from 0 or 1
_REDRAW = "draw the box again, or delete the object"
_OUTLINES = (
    "annotate outlines, or use a set with SegmentationObject, for masks; boxes are enough only where objects are "
    "rectangles"
)


def size_of(sides: tuple[str, str] | None) -> Size:
    """(height, width) of the texts of <size>, width and height; None where they are no size."""
    if sides is None:
        return None
    width, height = (number(side) for side in sides)
    if width is None or height is None or width % 1 or height % 1:
        return None
    size = declared_size({"height": int(height), "width": int(width)})
    return size if size is not None and size[0] * size[1] <= MAX_PIXELS else None


def number(text: str | None) -> float | None:
    """The text as a finite number, or None."""
    try:
        value = float(text) if text and "_" not in text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def box_of(each: VocObject) -> Box | Unusable:
    """The box in pixels, or why it is none. A box whose ends are equal is one pixel wide."""
    if each.box is None:
        return Unusable(CODE, "neither bndbox nor polygon", "draw the object, or delete it")
    if all(side is None or not side for side in each.box):
        return Unusable(CODE, "bndbox is empty", _REDRAW)
    sides = [number(side) for side in each.box]
    wrong = [i for i, side in enumerate(sides) if side is None]
    if wrong:
        found = each.box[wrong[0]]
        what = f"{SIDES[wrong[0]]} is {'missing' if found is None else quoted(found)}"
        return Unusable(CODE, f"bndbox: {what}", "give all four sides as numbers, or delete the object")
    xmin, ymin, xmax, ymax = (float(side) for side in sides if side is not None)
    if xmax < xmin or ymax < ymin:
        fix = "exchange xmin and xmax, ymin and ymax where the first is larger, or delete the object"
        return Unusable("ds-bbox-nonpositive", _sides(each), fix)
    return xmin - 1, ymin - 1, xmax, ymax


def fractions_of(objects: Sequence[VocObject], size: Size) -> Unusable | None:
    """Why none of the boxes of a file is usable: all are fractions of the image's sides. None where they are not.

    size: (height, width) of the image; None where unknown, then nothing is said.
    """
    if size is None or min(size) <= 2:
        return None
    sides = [number(side) for each in objects for side in each.box or ()]
    known = [side for side in sides if side is not None]
    if not known or min(known) < 0 or max(known) > 1 or all(side % 1 == 0 for side in known):
        return None
    height, width = size
    detail = f"bndbox with numbers up to {max(known):.3g} in an image of {width} x {height}"
    fix = f"multiply x by the width and y by the height of the image (here {width} and {height})"
    return Unusable("ds-polygon-normalized", detail, fix)


def read_object(
    each: VocObject, position: int, size: Size, place: str, problems: Problems, fractions: Unusable | None = None
) -> Record:
    """The record of an object with a name. position: its number in the file, from 1. Faults go to `problems`.

    fractions: what `fractions_of` says of the boxes of its file.
    """
    if each.polygons:
        parts = [[_coordinate(text) for text in polygon] for polygon in each.polygons]
        record = read_record({"id": position, "segmentation": parts}, each.name, size, place, problems)
        return record or Record(position, each.name, False)
    box = box_of(each)
    if fractions is not None and not isinstance(box, Unusable):
        box = fractions
    if isinstance(box, Unusable):
        return refused(position, box, place, problems)
    if box[2] - box[0] <= 1 or box[3] - box[1] <= 1:
        detail = f"{_sides(each)}, one pixel wide or high"
        problems.add("ds-bbox-nonpositive", place, detail, _REDRAW, Severity.WARNING)
    problems.add("ds-box-masks", place, "", _OUTLINES)
    box = _cut(box, size)
    return Record(position, each.name, False, [rectangle(*box)], extent=box)


def _cut(box: Box, size: Size) -> Box:
    """The box without what leaves the image by no more than a pixel."""
    x1, y1, x2, y2 = box
    height, width = size or (math.inf, math.inf)
    far = min(x1, y1) < -BORDER or x2 > width + BORDER or y2 > height + BORDER
    if far or x1 >= width or y1 >= height or min(x2, y2) <= 0:  # else nothing would be left of it
        return box
    return max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height))


def _coordinate(text: str) -> float | str:
    """The number, or the text that is none: `read_record` reports it."""
    value = number(text)
    return text if value is None else value


def _sides(each: VocObject) -> str:
    return ", ".join(f"{name} {shown(side, 20)}" for name, side in zip(SIDES, each.box or ()))
