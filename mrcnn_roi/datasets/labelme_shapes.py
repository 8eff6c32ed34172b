"""LabelMe's shapes as a segmentation: polygon parts, or run lengths where a shape is a mask.

Shapes of one label and group_id are one object. A mask is a small PNG that fills the box of its two points, both
ends included. A circle is its centre and a point on it; it is cut off at the image's border.
"""

from __future__ import annotations

import base64
import io
import math
from typing import Any

import numpy as np

from mrcnn_roi.datasets.images import opened
from mrcnn_roi.datasets.outline_dataset import Unusable
from mrcnn_roi.datasets.outlines import cut_to_image, ellipse, rectangle
from mrcnn_roi.datasets.problems import shown
from mrcnn_roi.datasets.segmentation import MAX_PIXELS, fill_polygons, polygon_fault
from mrcnn_roi.datasets.via_shapes import finite

CODE = "ds-json-invalid"
AREAS = ("polygon", "rectangle", "oriented_rectangle", "rotation", "circle", "mask")
LINES = ("line", "linestrip", "point", "points")
COUNTS = {"rectangle": (2, 4), "oriented_rectangle": (4,), "rotation": (4,), "circle": (2,), "mask": (2,)}
_REDRAW = "draw the shape again in labelme, or delete it"

Size = tuple[int, int] | None  # (height, width)


def kind_of(shape: dict[str, Any]) -> str:
    """The shape_type; files of old versions have none, and polygons only."""
    kind = shape.get("shape_type")
    return "polygon" if kind is None else kind if isinstance(kind, str) else shown(kind, 40)


def outline(shape: dict[str, Any], size: Size) -> list[Any] | np.ndarray | Unusable:
    """The polygon of one shape, or the mask bool [H, W] of the whole image; numbers of a polygon are not yet checked.

    A mask needs the size of the image; without it the result is an empty polygon, as nothing can be drawn anyway.
    """
    kind = kind_of(shape)
    points = shape.get("points")
    if not isinstance(points, list) or not all(isinstance(each, list) and len(each) == 2 for each in points):
        return Unusable(CODE, f"{kind}: points are not a list of [x, y]: {shown(points)}", _REDRAW)
    flat = [number for point in points for number in point]
    if kind not in COUNTS:
        return flat
    if len(points) not in COUNTS[kind]:
        wanted = " or ".join(map(str, COUNTS[kind]))
        return Unusable("ds-polygon-degenerate", f"{kind} with {len(points)} points, {wanted} are needed", _REDRAW)
    numbers = [finite(number) for number in flat]
    if None in numbers:
        return Unusable(CODE, f"{kind}: points that are not numbers: {shown(points)}", _REDRAW)
    return _drawn(kind, numbers, shape, size)  # type: ignore[arg-type]


def _drawn(kind: str, numbers: list[float], shape: dict[str, Any], size: Size) -> list[float] | np.ndarray | Unusable:
    if kind == "circle":
        cx, cy, x, y = numbers
        radius = math.hypot(x - cx, y - cy)
        if not 0 < radius < math.inf:
            return Unusable("ds-polygon-degenerate", f"circle with the radius {radius:g}", _REDRAW)
        return cut_to_image(ellipse(cx, cy, radius, radius), size)
    if kind == "mask":
        return _mask(numbers, shape.get("mask"), size)
    return rectangle(*numbers) if len(numbers) == 4 else numbers


def _mask(box: list[float], data: Any, size: Size) -> np.ndarray | list[float] | Unusable:
    """bool [H, W] with the PNG put at its box; its own height and width hold, they may differ by one from the box's."""
    if size is None:
        return []
    height, width = size
    x1, y1, x2, y2 = box
    if not -MAX_PIXELS < min(box) <= max(box) < MAX_PIXELS or height * width > MAX_PIXELS:
        return Unusable("ds-polygon-outside", f"mask at {shown(box)} in an image of {width} x {height}", _REDRAW)
    try:
        with opened(io.BytesIO(base64.b64decode(data))) as image:
            wanted, given = (int(x2) - int(x1) + 1, int(y2) - int(y1) + 1), image.size
            if max(abs(wanted[0] - given[0]), abs(wanted[1] - given[1])) > 1:
                detail = f"mask of {given[0]} x {given[1]} pixels in a box of {wanted[0]} x {wanted[1]}"
                return Unusable(CODE, detail, _REDRAW)
            small = np.asarray(image) != 0
    except Exception as error:  # decoders raise nearly anything on damaged bytes
        return Unusable(CODE, f"mask cannot be decoded: {type(error).__name__}: {shown(str(error))}", _REDRAW)
    return _placed(small if small.ndim == 2 else small.any(axis=2), int(x1), int(y1), size)


def _placed(small: np.ndarray, x: int, y: int, size: tuple[int, int]) -> np.ndarray | Unusable:
    height, width = size
    over = max(-x, -y, x + small.shape[1] - width, y + small.shape[0] - height)
    if over > 1:
        detail = f"mask from x {x} to {x + small.shape[1]}, y {y} to {y + small.shape[0]} in an image of"
        return Unusable("ds-polygon-outside", f"{detail} {width} x {height}", _REDRAW)
    mask = np.zeros(size, bool)
    small = small[max(-y, 0) :, max(-x, 0) :][: height - max(y, 0), : width - max(x, 0)]
    mask[max(y, 0) :, max(x, 0) :][: small.shape[0], : small.shape[1]] = small
    return mask


def joined(outlines: list[list[Any] | np.ndarray], size: Size) -> Any:
    """The segmentation of an object from the outlines of its shapes: the polygons, or the RLE of their union."""
    if not any(isinstance(each, np.ndarray) for each in outlines) or size is None:
        return outlines
    union = np.zeros(size, bool)
    for each in outlines:
        if isinstance(each, np.ndarray):
            union |= each
        elif not polygon_fault(each):
            try:
                union |= fill_polygons([each], *size)
            except ValueError:  # absurdly far away: there is nothing of it in the image
                continue
    return {"size": list(size), "counts": _runs(union)}


def _runs(mask: np.ndarray) -> list[int]:
    """Run lengths column by column, background first."""
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate(([0], changes, [flat.size]))).tolist()
    return [0, *runs] if flat[0] else runs
