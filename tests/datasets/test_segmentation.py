"""Polygons and run lengths against pycocotools and against plain counting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask

from mrcnn_roi.datasets.segmentation import (
    draw_runs,
    encloses_nothing,
    fill_polygons,
    overshoot,
    polygon_extent,
    polygon_fault,
    run_lengths,
    runs_extent,
    too_far,
)

masks = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(lambda size: arrays(bool, size))


def plain_runs(mask):
    """Column by column, background first."""
    counts, current = [0], False
    for value in mask.flatten(order="F"):
        if bool(value) != current:
            counts.append(0)
            current = not current
        counts[-1] += 1
    return counts


def filled(runs, shape):
    mask = np.zeros(shape, bool)
    draw_runs(mask, runs)
    return mask


@settings(deadline=None)
@given(masks)
def test_compressed_and_plain_runs_fill_the_mask(mask):
    encoded = coco_mask.encode(np.asfortranarray(mask, np.uint8))["counts"]
    for counts in (encoded, encoded.decode(), plain_runs(mask), [float(run) for run in plain_runs(mask)]):
        runs = run_lengths(counts)
        assert runs.tolist() == plain_runs(mask)
        np.testing.assert_array_equal(filled(runs, mask.shape), mask)


@settings(deadline=None)
@given(masks)
def test_extent_of_runs(mask):
    ys, xs = np.nonzero(mask)
    expected = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) if len(ys) else (0, 0, 0, 0)
    assert runs_extent(run_lengths(plain_runs(mask)), len(mask)) == expected


def test_long_runs_of_a_large_mask():
    mask = np.zeros((3000, 2000), bool)
    mask[700:2900, 3:1999] = True
    mask[5, 1998] = True
    counts = coco_mask.encode(np.asfortranarray(mask, np.uint8))["counts"]
    np.testing.assert_array_equal(filled(run_lengths(counts), mask.shape), mask)


@pytest.mark.parametrize(
    "counts",
    [None, 5, {}, [1, -2], [1, 2.5], ["1"], [True, 1], [10**30], "\x00", "o", "é", [float("nan")], "o" * 40],
)
def test_malformed_runs(counts):
    assert run_lengths(counts) is None


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=60), st.text(max_size=60), st.text("0123PQRop", max_size=30)))
def test_any_text_is_runs_or_none(counts):
    runs = run_lengths(counts)
    assert runs is None or (runs >= 0).all()


@pytest.mark.parametrize(
    "part, fault",
    [
        ([0, 0, 5, 0, 5, 5], ""),
        ([0.5, 0, 5, 0, 5, 5.25, 1, 1], ""),
        ([0, 0, 5, 5], "2 points"),
        ([], "0 points"),
        ([0, 0, 5, 0, 5], "odd"),
        ([0, 0, "5", 0, 5, 5], "not numbers"),
        ([0, 0, True, 0, 5, 5], "not numbers"),
        ([0, 0, None, 0, 5, 5], "not numbers"),
        ([0, 0, float("nan"), 0, 5, 5], "not finite"),
        ([0, 0, 10**400, 0, 5, 5], "not finite"),
        ("abc", "str"),
    ],
)
def test_polygon_fault(part, fault):
    found = polygon_fault(part)
    assert fault in found
    assert bool(found) == bool(fault)


@pytest.mark.parametrize(
    "part, expected",
    [
        ([0, 0, 5, 0, 5, 5], False),
        ([0, 0, 4, 4, 4, 0, 0, 4], False),  # a bow tie: signed area 0, yet two triangles
        ([3, 3, 3, 3, 3, 3], True),
        ([0, 0, 5, 0, 9, 0], True),
        ([0, 0, 1.1, 1.1, 7.7, 7.7, 3.3, 3.3], True),
        ([0, 0, 1000, 1, 500, 0.5001], False),
        ([-1e300, 0, 1e300, 10**30, 5, 1e300], False),
        ([0, 0, 1e-200, 0, 0, 1e-200], False),
    ],
)
def test_encloses_nothing(part, expected):
    assert encloses_nothing(part) is expected


def test_polygons_are_united_and_clipped():
    mask = fill_polygons([[0, 0, 10, 0, 10, 10, 0, 10], [15, 15, 40, 15, 40, 40, 15, 40]], 20, 25)
    expected = np.zeros((20, 25), bool)
    expected[:10, :10] = True
    expected[15:, 15:] = True
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("far", [1e6, -1e300, 10**30])
def test_points_far_away_are_refused(far):
    """pycocotools crashes the interpreter on them."""
    with pytest.raises(ValueError, match="expected points within 350 pixels of the image"):
        fill_polygons([[0, 0, far, 0, 5, 5]], 20, 25)


def test_extent_and_overshoot():
    extent = polygon_extent([[3, 4, 8, 4, 8, 9], [-2, 5, 1, 5, 1, 6]])
    assert extent == (-2, 4, 8, 9)
    assert overshoot(extent, 10, 10) == 2
    assert overshoot((0, 0, 10, 10), 10, 10) == 0
    assert not too_far(extent, 10, 10)
    assert too_far((10, 0, 12, 5), 10, 10)
    assert too_far((0, 0, 1e6, 5), 10, 10)
