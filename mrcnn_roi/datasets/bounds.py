"""Polygons against the edges of their image, and which of two causes a polygon outside has."""

from __future__ import annotations

import os
from typing import Any

from mrcnn_roi.datasets.base import declared_size
from mrcnn_roi.datasets.images import orientation_applies, read_header
from mrcnn_roi.datasets.problems import Problems, shown
from mrcnn_roi.datasets.records import Record
from mrcnn_roi.datasets.segmentation import overshoot, too_far
from mrcnn_roi.findings import SetupError

TOLERANCE = 1  # pixels


def check_bounds(info: dict[str, Any], problems: Problems, unit: str = "annotation") -> None:
    """Adds the polygons of one image_info entry that leave the image to `problems`. unit: what to call one of them.

    Coordinates up to W and H are legal in COCO. Records of which nothing can be drawn are refused.
    A recorded size that contradicts the file is left to the scan, which reports it for every image.
    """
    size = declared_size(info)
    polygons = [each for each in info["records"] if each.parts and not each.fault and not each.empty]
    outside = [each for each in polygons if size and overshoot(each.extent, *size) > 0]
    if size is None or not outside:
        return
    code = "ds-polygon-outside"
    if any(overshoot(each.extent, *size) > TOLERANCE for each in outside):
        code = _cause(info, size, polygons)
    if code == "ds-size-transposed":
        height, width = size
        fix = f"record the size people see, width {height} and height {width}; load_image then turns the pixels"
        if not _has_orientation(info["path"]):
            fix = "turn the images by 90 degrees, as they were annotated: their EXIF orientation is gone"
        problems.add(code, f"image {shown(info['file_name'])}", f"recorded as {width} x {height}", fix)
    for record in outside:
        over = overshoot(record.extent, *size)
        if code == "ds-polygon-outside":
            _report(record, over, info, problems, unit)
        if over > TOLERANCE and too_far(record.extent, *size):
            record.refuse(code, "its polygon lies outside the image")


def _has_orientation(path: str) -> bool:
    """Whether the file carries an EXIF orientation that turns it; it could be read a moment ago."""
    try:
        return read_header(path).orientation >= 5
    except SetupError:
        return False


def _cause(info: dict[str, Any], size: tuple[int, int], polygons: list[Record]) -> str:
    """The code of the one cause: the polygons themselves, an EXIF orientation, or the recorded size."""
    if not os.path.isfile(info["path"]):
        return "ds-polygon-outside"
    try:
        header = read_header(info["path"])
    except SetupError:  # the scan reports the file, which it decodes as a whole
        return "ds-polygon-outside"

    def fits(other: tuple[int, int]) -> bool:
        return other != size and all(overshoot(each.extent, *other) <= TOLERANCE for each in polygons)

    if fits(header.oriented_size(orientation_applies(header, size, True))):
        return "ds-size-mismatch"
    if header.oriented_size(False) == size and fits(header.oriented_size(True)):
        return "ds-size-transposed"
    height, width = size
    far_right, far_down = (max(each.extent[side] for each in polygons) for side in (2, 3))
    beyond = max(far_right - width, far_down - height) > abs(height - width) / 2  # not just over the edge
    if header.oriented_size(False) == size and beyond and fits((width, height)):
        return "ds-size-transposed"
    return "ds-polygon-outside"


def _report(record: Record, over: float, info: dict[str, Any], problems: Problems, unit: str) -> None:
    x1, y1, x2, y2 = record.extent
    height, width = info["height"], info["width"]
    place = f"{unit} {shown(record.id)} of {shown(info['file_name'])}"
    detail = f"x {x1:.6g} to {x2:.6g}, y {y1:.6g} to {y2:.6g} in an image of {width} x {height}"
    if over <= TOLERANCE:
        fix = f"clip x to 0..{width} and y to 0..{height} (the sides of each image)"
        problems.add("ds-polygon-edge", place, detail, fix)
    elif x1 >= width or y1 >= height:
        fix = "subtract the offset of the tile from x and y if these are coordinates in a larger picture"
        problems.add("ds-polygon-outside", place, detail, fix)
    else:
        fix = f"clip x to 0..{width} and y to 0..{height}, or scale the points if the images were resized"
        problems.add("ds-polygon-outside", place, detail, fix)
