"""One annotation: its geometry, checked. Faults go to `Problems`; what has no usable mask is marked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrcnn_roi.datasets.problems import Problems, quoted, shown
from mrcnn_roi.datasets.segmentation import (
    encloses_nothing,
    overshoot,
    polygon_extent,
    polygon_fault,
    run_lengths,
    runs_extent,
)
from mrcnn_roi.findings import Severity

Identity = int | str
SMALL = 16  # pixels; of smaller boxes the overlap says nothing


@dataclass
class Record:
    """An annotation as load_mask uses it: polygon parts, or run lengths, or the fault that forbids both."""

    id: Identity | None
    category: Identity
    crowd: bool
    parts: list[list[float]] | None = None
    runs: np.ndarray | None = None
    extent: tuple[float, float, float, float] = (0, 0, 0, 0)  # x1, y1, x2, y2 in pixels
    fault_code: str = ""
    fault: str = ""
    empty: bool = False  # well formed, but the polygon encloses nothing
    source_id: Identity | None = None  # in what the file was converted from

    def refuse(self, code: str, fault: str) -> None:
        """Marks the record as one whose mask cannot be had."""
        self.fault_code, self.fault = code, fault

    def content(self) -> bytes:
        """Bytes that change when the mask or the class does."""
        plain = (self.category, self.crowd, self.parts, self.extent, self.fault_code, self.fault, self.empty)
        return repr(plain).encode("utf-8", "backslashreplace") + (b"" if self.runs is None else self.runs.tobytes())


def identity(value: object) -> Identity | None:
    """An id as a dictionary key: integers, whole floats as integers, strings; None for anything else."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, (int, str)) and not isinstance(value, bool) else None


def one_side_known(sides: Sequence[object]) -> bool:
    """Whether one of width and height is a positive whole number and the other is not."""
    numbers = [identity(side) for side in sides]
    return sum(isinstance(side, int) and side > 0 for side in numbers) == 1


def read_record(
    annotation: dict[str, Any],
    category: Identity,
    size: tuple[int, int] | None,
    place: str,
    problems: Problems,
    turned: str = "",
) -> Record | None:
    """The record of one annotation; None for one that has keypoints only.

    size: (height, width) of its image, None where unknown: what needs it is not checked then.
    turned: what `turned_side` says of the file, for a bbox that fits with x and y exchanged.
    """
    record = Record(identity(annotation.get("id")), category, annotation.get("iscrowd") in (1, "1"))
    segmentation = annotation.get("segmentation")
    if segmentation is None or segmentation == [] or segmentation == {}:
        if annotation.get("keypoints"):
            return None
        record.refuse("ds-segmentation-missing", "it has no segmentation")
        only_box = "only a bbox" if annotation.get("bbox") else "neither segmentation nor bbox"
        problems.add(
            "ds-segmentation-missing",
            place,
            only_box,
            "annotate outlines; a detection set cannot train masks",
        )
    elif isinstance(segmentation, dict):
        _read_rle(record, segmentation, size, place, problems)
    else:
        _read_polygons(record, segmentation, size, place, problems)
    if not record.fault:
        _check_bbox(record, annotation.get("bbox"), size, place, problems, turned)
    return record


def _read_polygons(record: Record, segmentation: Any, size, place: str, problems: Problems) -> None:
    code, fix = "ds-polygon-degenerate", "draw the outline with at least 3 points [x1, y1, x2, y2, x3, y3]"
    parts = segmentation if isinstance(segmentation, list) else [segmentation]
    if not any(isinstance(part, (list, dict)) for part in parts):
        parts = [segmentation]  # one flat list of numbers: pycocotools takes it too
    faults = [polygon_fault(part) for part in parts]
    good = [part for part, fault in zip(parts, faults) if not fault]
    fault = next(filter(None, faults), "")
    if not good:
        record.refuse(code, f"its polygon has {fault}")
        problems.add(code, place, fault, fix)
        return
    record.parts, record.extent = good, polygon_extent(good)
    if _normalized(good, record.extent, size):
        _refuse_normalized(record, size, place, problems)
        return
    record.empty = all(encloses_nothing(part) for part in good)
    if record.empty:
        problems.add(code, place, "all points lie on one line", fix, may_be_rare=True)
    elif fault:
        problems.add(code, place, f"part {faults.index(fault) + 1}: {fault}", fix, Severity.WARNING)
    if record.crowd:
        problems.add("ds-crowd-polygon", place, "", "set iscrowd to 0 for an object, or give the crowd as RLE")


def _normalized(parts, extent, size) -> bool:
    """All within 0..1 with fractions, in an image larger than that: fractions of the sides, not pixels."""
    if size is None or min(size) <= 2 or min(extent) < 0 or max(extent) > 1:
        return False
    return any(number != int(number) for part in parts for number in part)


def _refuse_normalized(record: Record, size, place: str, problems: Problems) -> None:
    height, width = size
    record.refuse("ds-polygon-normalized", "its coordinates are fractions of the image's sides")
    problems.add(
        "ds-polygon-normalized",
        place,
        f"x up to {record.extent[2]:.3g}, y up to {record.extent[3]:.3g} in an image of {width} x {height}",
        f"multiply x by the width and y by the height of the image (here {width} and {height})",
    )


def _read_rle(record: Record, rle: dict[str, Any], size, place: str, problems: Problems) -> None:
    given = rle.get("size")
    sides = [identity(side) for side in given] if isinstance(given, list) else []
    height, width = (side if isinstance(side, int) else 0 for side in sides) if len(sides) == 2 else (0, 0)
    if height <= 0 or width <= 0:
        record.refuse("ds-rle-size", f"its RLE has the size {shown(given)}")
        problems.add("ds-rle-size", place, f"size {shown(given)}", "give size as [height, width]")
        return
    if size is not None and (height, width) != size:
        record.refuse("ds-rle-size", f"its RLE has the size {sides}, the image {list(size)}")
        swapped = ", height and width are swapped" if (width, height) == size else ""
        problems.add(
            "ds-rle-size",
            place,
            f"size {shown(sides)}, image {list(size)} as [height, width]{swapped}",
            f"encode the mask at the image's size {list(size)}",
        )
        return
    runs, pixels = run_lengths(rle.get("counts")), height * width
    if runs is None or int(runs.sum()) != pixels:
        detail = "counts are malformed" if runs is None else f"counts sum to {runs.sum()}, size to {pixels}"
        record.refuse("ds-rle-counts", f"its RLE {detail}")
        problems.add("ds-rle-counts", place, detail, f"encode the mask again; counts must sum to {shown(pixels)}")
        return
    record.runs, record.extent = runs, runs_extent(runs, height)


def _check_bbox(record: Record, bbox: Any, size, place: str, problems: Problems, turned: str) -> None:
    """[x, y, width, height] where given; it is compared with what the segmentation covers."""
    if not isinstance(bbox, list) or len(bbox) != 4 or polygon_fault(bbox * 2):
        if bbox not in (None, []):
            fix = "give bbox as [x, y, width, height], or leave it out"
            problems.add("ds-bbox-format", place, f"bbox {quoted(bbox)}", fix)
        return
    x, y, width, height = bbox
    fits_as_corners = box_iou(bbox, record.extent) > 0.9
    fit = box_iou((x, y, x + width, y + height), record.extent) if width > 0 and height > 0 else 0.0
    if fits_as_corners and fit < 0.5:
        x2, y2 = width, height
        fix = f"convert bbox to [x, y, width, height]: {[x, y, round(x2 - x, 2), round(y2 - y, 2)]}"
        problems.add("ds-bbox-format", place, f"bbox {bbox} fits as [x1, y1, x2, y2]", fix)
    elif (width <= 0 or height <= 0) and not record.empty:
        fix = f"take bbox from the segmentation: {_box_of(record)}"
        problems.add("ds-bbox-nonpositive", place, f"bbox {bbox}", fix, may_be_rare=True)
    elif not fits_as_corners and not record.crowd and not record.empty:
        _check_place(record, bbox, fit, size, place, problems, turned)


def _check_place(record: Record, bbox, fit: float, size, place: str, problems: Problems, turned: str) -> None:
    """A bbox that overlaps the segmentation too little: are x and y exchanged, or is it another object's?"""
    x, y, width, height = bbox
    x1, y1, x2, y2 = record.extent
    if min(_float(width) * _float(height), _float(x2 - x1) * _float(y2 - y1)) < SMALL:
        return
    exchanged = box_iou((x, y, x + width, y + height), (y1, x1, y2, x2))
    if exchanged > 0.9 and fit < (exchanged if turned else 0.5):
        if turned == "bbox":
            fix = f"write bbox as [x, y, width, height]: {[y, x, height, width]}"
            problems.add("ds-bbox-format", place, f"bbox {bbox} fits as [y, x, height, width]", fix)
            return
        fix = "write polygon points as x1, y1, x2, y2, ...; or leave bbox out if the outlines are right and bbox is not"
        if record.runs is not None:
            fix = "encode masks column by column, from top to bottom; or leave bbox out if the masks are right"
        detail = f"segmentation in {_box_of(record)}, bbox {bbox}"
        if turned != "polygon":  # the bbox, which nobody needs, may be the one that is wrong
            problems.add("ds-polygon-xy", place, detail, fix, Severity.WARNING)
            return
        problems.add("ds-polygon-xy", place, detail, fix)
        record.refuse("ds-polygon-xy", f"its segmentation fits its bbox {bbox} only with x and y exchanged")
    elif fit < 0.1 and not (record.parts and size and overshoot(record.extent, *size) > 1):  # else ds-polygon-outside
        fix = (
            f"take bbox from the segmentation, {_box_of(record)}, or give each object the segmentation that is its own"
        )
        problems.add("ds-bbox-format", place, f"bbox {bbox} and segmentation cover different places", fix)


def _box_of(record: Record) -> list[float]:
    """[x, y, width, height] of the segmentation."""
    x1, y1, x2, y2 = record.extent
    return [round(x1, 2), round(y1, 2), round(x2 - x1, 2), round(y2 - y1, 2)]


def _float(number: float) -> float:
    """The number as a float: integers of hundreds of digits, which JSON may hold, have no product with one."""
    try:
        return float(number)
    except OverflowError:
        return math.copysign(math.inf, number)


def box_iou(first, second) -> float:
    """Intersection over union of two boxes (x1, y1, x2, y2); 0 where either has no area."""
    first, second = ([_float(side) for side in box] for box in (first, second))
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    union = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)) - width * height
    return width * height / union if union > 0 else 0.0
