"""Outlines of VIA's region shapes: polygon, polyline, rect, circle and ellipse.

A polyline is closed, as Matterport's samples and their descendants do, which read its points like a polygon's.
A circle or ellipse is cut off at the image's border.
"""

from __future__ import annotations

import math
from typing import Any

from mrcnn_roi.datasets.outline_dataset import Unusable
from mrcnn_roi.datasets.outlines import cut_to_image, ellipse, rectangle
from mrcnn_roi.datasets.problems import quoted, shown

NUMBERS = {"rect": ("x", "y", "width", "height"), "circle": ("cx", "cy", "r"), "ellipse": ("cx", "cy", "rx", "ry")}
POINTS = ("polygon", "polyline")
_REDRAW = "draw the region again in VIA, or delete it"


def outline(shape: object, size: tuple[int, int] | None) -> list[Any] | Unusable:
    """The polygon of a region's shape_attributes; its numbers are not yet checked where VIA keeps points.

    size: (height, width) of the image, None where unknown.
    """
    if not isinstance(shape, dict):
        return Unusable("ds-via-format", f"shape_attributes is {_kind(shape)}, not an object", _REDRAW)
    name = shape.get("name", "polygon" if "all_points_x" in shape else None)
    if isinstance(name, str) and name.lower() in POINTS:
        return _points(shape, name)
    if isinstance(name, str) and name.lower() in NUMBERS:
        return _drawn(shape, name.lower(), size)
    if name is None:
        return Unusable("ds-via-format", f"shape_attributes has no name, only {_keys(shape)}", _REDRAW)
    known = ", ".join((*POINTS, *NUMBERS))
    fix = f"draw the object as one of {known}, or delete the region"
    return Unusable("ds-via-shape", f"shape {shown(name, 40)}", fix)


def _points(shape: dict[str, Any], name: str) -> list[Any] | Unusable:
    xs, ys = shape.get("all_points_x"), shape.get("all_points_y")
    for key, values in (("all_points_x", xs), ("all_points_y", ys)):
        if not isinstance(values, list):
            found = f"{key} is {_kind(values)}" if key in shape else f"no {key}, only {_keys(shape)}"
            return Unusable("ds-via-format", f"{name}: {found}", _REDRAW)
    if len(xs) != len(ys):  # type: ignore[arg-type]
        detail = f"{len(xs)} values in all_points_x, {len(ys)} in all_points_y"  # type: ignore[arg-type]
        return Unusable("ds-polygon-degenerate", detail, _REDRAW)
    return [number for point in zip(xs, ys) for number in point]  # type: ignore[arg-type]


def _drawn(shape: dict[str, Any], name: str, size: tuple[int, int] | None) -> list[float] | Unusable:
    numbers = []
    for key in (*NUMBERS[name], "theta"):
        value = shape.get(key, 0 if key == "theta" else None)
        number = finite(value)
        if number is None:
            found = f"{key} is {quoted(value)}, not a number" if key in shape else f"no {key}, only {_keys(shape)}"
            return Unusable("ds-via-format", f"{name}: {found}", _REDRAW)
        numbers.append(number)
    if name == "rect":
        x, y, width, height = numbers[:4]
        return rectangle(x, y, x + width, y + height)
    cx, cy, rx, *more = numbers
    ry, theta = more if name == "ellipse" else (rx, 0.0)
    if min(rx, ry) <= 0:
        return Unusable("ds-polygon-degenerate", f"{name} with the radius {min(rx, ry):g}", _REDRAW)
    return cut_to_image(ellipse(cx, cy, rx, ry, theta), size)


def finite(value: object) -> float | None:
    """The value as a float; None where it is no finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # integers of hundreds of digits
        return None


def _kind(value: object) -> str:
    return "missing" if value is None else f"a {type(value).__name__}"


def _keys(shape: dict[str, Any]) -> str:
    return ", ".join(shown(key, 30) for key in list(shape)[:8]) or "an empty object"
