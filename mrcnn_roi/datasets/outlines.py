"""Shapes as polygons: rectangles, circles and ellipses of annotation tools; does an outline cross itself.

A polygon is a flat list [x1, y1, x2, y2, ...] in pixels, x to the right and y down, as in `segmentation`. Angles turn
from x to y, which on the screen is clockwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

SAGITTA = 0.05  # pixels by which an edge of the polygon may fall short of the curve
MOST_VERTICES = 720
_FAR = 1e9  # pixels beyond which cutting off makes no sense: `bounds` refuses such shapes


def rectangle(x1: float, y1: float, x2: float, y2: float) -> list[float]:
    """The four corners of the box between two opposite ones."""
    return [x1, y1, x2, y1, x2, y2, x1, y2]


def ellipse(cx: float, cy: float, rx: float, ry: float, theta: float = 0.0) -> list[float]:
    """An ellipse around (cx, cy) with the half axes rx and ry, turned by theta radians.

    It has as many vertices as keep the polygon within SAGITTA of the curve, at most MOST_VERTICES.
    """
    radius = min(max(abs(rx), abs(ry), 1.0), _FAR)
    count = min(math.ceil(math.pi * math.sqrt(radius / (2 * SAGITTA))), MOST_VERTICES)
    cosine, sine = math.cos(theta), math.sin(theta)
    points = []
    for step in range(count):
        angle = 2 * math.pi * step / count
        along, across = rx * math.cos(angle), ry * math.sin(angle)
        points += [cx + along * cosine - across * sine, cy + along * sine + across * cosine]
    return points


def cut_to_image(part: Sequence[float], size: tuple[int, int] | None) -> list[float]:
    """What a convex polygon has inside an image of size (height, width); as it came where that is nothing.

    A circle at the border reaches beyond it by its nature, and nobody can draw it otherwise.
    """
    if size is None or not all(abs(number) < _FAR for number in part):
        return list(part)
    points = list(zip(part[0::2], part[1::2]))
    for axis, limit, sign in ((0, 0, 1), (1, 0, 1), (0, size[1], -1), (1, size[0], -1)):
        points = _half_plane(points, axis, limit, sign)
    return [number for point in points for number in point] if len(points) >= 3 else list(part)


def _half_plane(points: list[tuple[float, float]], axis: int, limit: float, sign: int) -> list[tuple[float, float]]:
    """The part of a convex polygon with sign * coordinate >= sign * limit (Sutherland and Hodgman, one edge)."""
    kept = []
    for before, point in zip(points[-1:] + points[:-1], points):
        inside, was_inside = (sign * (each[axis] - limit) >= 0 for each in (point, before))
        if inside != was_inside:
            share = (limit - before[axis]) / (point[axis] - before[axis])
            other = before[1 - axis] + share * (point[1 - axis] - before[1 - axis])
            kept.append((limit, other) if axis == 0 else (other, limit))
        if inside:
            kept.append(point)
    return kept


def crosses_itself(part: Sequence[float]) -> bool:
    """Whether two edges of the polygon cross: each runs from one side of the other to its other side.

    An edge through a vertex counts where the outline changes sides there. Touching is no crossing, and edges on top of
    each other are none: outlines with a hole joined by a double line are sound.
    """
    points = np.asarray(part, np.float64).reshape(-1, 2)
    if len(points) < 4:
        return False
    points = np.ldexp(points, -math.frexp(float(np.abs(points).max()))[1])  # exact, and no product overflows
    points = points[(points != np.roll(points, 1, axis=0)).any(axis=1)]  # an edge of no length has no sides
    if len(points) < 4:
        return False
    edges = np.roll(points, -1, axis=0) - points
    x, y = (points[:, axis] - points[:, axis, None] for axis in (0, 1))  # [i, j]: vertex j seen from vertex i
    side = np.sign(edges[:, :1] * y - edges[:, 1:] * x).astype(np.int8)  # [i, j]: of edge i, on which vertex j lies
    parted = side * np.roll(side, -1, axis=1) < 0  # [i, j]: the ends of edge j lie on both sides of edge i
    if (parted & parted.T).any():
        return True
    edge, vertex = np.nonzero((side == 0) & (np.roll(side, 1, axis=1) * np.roll(side, -1, axis=1) < 0))
    along = x[edge, vertex] * edges[edge, 0] + y[edge, vertex] * edges[edge, 1]
    return bool(((along > 0) & (along < np.square(edges[edge]).sum(axis=1))).any())
