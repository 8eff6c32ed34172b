"""Shapes as polygons, and outlines that cross themselves."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mrcnn_roi.datasets.outlines import MOST_VERTICES, crosses_itself, cut_to_image, ellipse, rectangle
from mrcnn_roi.datasets.segmentation import fill_polygons

side = st.floats(4, 30)


@settings(max_examples=60, deadline=None)
@given(cx=st.floats(0, 60), cy=st.floats(0, 40), rx=side, ry=side, theta=st.floats(-7, 7))
def test_an_ellipse_covers_what_its_equation_says(cx, cy, rx, ry, theta):
    """But for pixels whose centre is within one pixel of the curve."""
    mask = fill_polygons([cut_to_image(ellipse(cx, cy, rx, ry, theta), (40, 60))], 40, 60)
    y, x = np.mgrid[0.5:40, 0.5:60]
    along = (x - cx) * math.cos(theta) + (y - cy) * math.sin(theta)
    across = (y - cy) * math.cos(theta) - (x - cx) * math.sin(theta)

    def within(more):
        return (along / (rx + more)) ** 2 + (across / (ry + more)) ** 2 <= 1

    assert not (within(-1.0) & ~mask).any()
    assert not (mask & ~within(1.0)).any()


def test_a_circle_has_as_many_vertices_as_it_needs():
    for radius in (0.1, 3, 50, 1e3):
        points = np.reshape(ellipse(5, 7, radius, radius), (-1, 2))
        middles = (points + np.roll(points, -1, axis=0)) / 2
        assert radius - np.hypot(*(middles - [5, 7]).T).min() < 0.051
    assert len(ellipse(0, 0, 1e308, 1e-300, 1e300)) == 2 * MOST_VERTICES


def test_a_rectangle():
    assert rectangle(1, 2, 5, 4) == [1, 2, 5, 2, 5, 4, 1, 4]


@settings(max_examples=60, deadline=None)
@given(cx=st.floats(-20, 80), cy=st.floats(-20, 60), rx=side, ry=side, theta=st.floats(0, 3))
def test_what_is_cut_off_is_outside(cx, cy, rx, ry, theta):
    whole = ellipse(cx, cy, rx, ry, theta)
    cut = cut_to_image(whole, (40, 60))
    if cut == whole:
        return
    xs, ys = cut[0::2], cut[1::2]
    assert 0 <= min(xs) <= max(xs) <= 60
    assert 0 <= min(ys) <= max(ys) <= 40
    changed = fill_polygons([cut], 40, 60) ^ fill_polygons([whole], 40, 60)
    assert changed.sum() <= 12  # the rasterizer rounds other vertices


def test_what_is_not_cut():
    outside = ellipse(-50, -50, 5, 5)
    assert cut_to_image(outside, (40, 60)) == outside
    assert cut_to_image(outside, None) == outside
    far = [0, 0, 1e308, 0, 1e308, -1e308]
    assert cut_to_image(far, (40, 60)) == far
    inside = ellipse(20, 20, 5, 5)
    assert cut_to_image(inside, (40, 60)) == inside


CROSSING = {
    "bow tie": [0, 0, 4, 4, 4, 0, 0, 4],
    "star": [0, 3, 4, 0, 1, 5, 2, -1, 4, 4],
    "through a vertex": [0, 0, 4, 4, 4, 0, 2, 2, 0, 4],
    "bow tie far away": [1e300, 0, -1e300, 1e300, -1e300, 0, 1e300, 1e300],
}
SOUND = {
    "square": [0, 0, 4, 0, 4, 4, 0, 4],
    "closed by its first point": [0, 0, 4, 0, 4, 4, 0, 4, 0, 0],
    "a point twice": [0, 0, 4, 0, 4, 0, 4, 4, 0, 4],
    "a vertex that touches an edge": [0, 0, 4, 0, 4, 4, 2, 0, 0, 4],
    "a hole joined by a double line": [0, 0, 9, 0, 9, 9, 0, 9, 0, 0, 3, 3, 3, 6, 6, 6, 6, 3, 3, 3],
    "triangle": [0, 0, 4, 0, 4, 4],
    "two points": [0, 0, 4, 0],
    "nothing": [],
    "one point often": [3, 3] * 6,
}


@pytest.mark.parametrize("part", CROSSING.values(), ids=CROSSING)
def test_crossing(part):
    assert crosses_itself(part)


@pytest.mark.parametrize("part", SOUND.values(), ids=SOUND)
def test_not_crossing(part):
    assert not crosses_itself(part)


def slow_crosses_itself(part):
    """Two edges with the ends of each on both sides of the other, or a vertex on an edge with its neighbours so."""
    points = [tuple(map(Fraction, part[i : i + 2])) for i in range(0, len(part), 2)]
    points = [point for before, point in zip(points[-1:] + points[:-1], points) if point != before]
    edges = list(zip(points, points[1:] + points[:1]))

    def turn(a, b, c):
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    def parts(a, b, c, d):
        return turn(a, b, c) * turn(a, b, d) < 0

    for a, b in edges:
        for c, d in edges:
            if parts(a, b, c, d) and parts(c, d, a, b):
                return True
        for before, point, after in zip(points[-1:] + points[:-1], points, points[1:] + points[:1]):
            between = (
                0 < sum((p - q) * (r - q) for p, q, r in zip(point, a, b)) < sum((r - q) ** 2 for q, r in zip(a, b))
            )
            if turn(a, b, point) == 0 and between and parts(a, b, before, after):
                return True
    return False


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=0, max_size=20).map(lambda part: part[: len(part) // 2 * 2]))
@example([0, 0, 4, 4, 4, 0, 2, 2, 0, 4])
def test_crossing_as_the_slow_way_says(part):
    assert crosses_itself(part) == slow_crosses_itself(part)


def test_a_thousand_points():
    angles = np.linspace(0, 2 * np.pi, 1000, endpoint=False)
    circle = np.stack([100 + 50 * np.cos(angles), 100 + 50 * np.sin(angles)], axis=1)
    assert not crosses_itself(circle.ravel().tolist())
    circle[[10, 500]] = circle[[500, 10]]
    assert crosses_itself(circle.ravel().tolist())
