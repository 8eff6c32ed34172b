"""Painting into arrays, against plain loops."""

import colorsys
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn_roi.drawing.overlay import (
    apply_mask,
    displayable,
    distinct_colors,
    draw_box,
    mask_contours,
    mask_edge,
    random_colors,
)


def slow_apply_mask(image, mask, color, alpha):
    for channel in range(3):
        blended = image[..., channel] * (1 - alpha) + alpha * color[channel] * 255
        image[..., channel] = np.where(mask == 1, blended, image[..., channel])
    return image


@pytest.mark.parametrize("dtype", [np.uint8, np.uint32, np.float32, np.float64])
@pytest.mark.parametrize("mask_dtype", [bool, np.int32, np.float32])
def test_apply_mask_equals_the_formula_and_works_in_place(dtype, mask_dtype):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (30, 40, 3)).astype(dtype)
    mask = np.zeros((30, 40), mask_dtype)
    mask[5:20, 8:30] = rng.integers(0, 3, (15, 22))
    expected = slow_apply_mask(image.copy(), mask, (0.2, 1.0, 0.55), 0.3)
    received = apply_mask(image, mask, (0.2, 1.0, 0.55), alpha=0.3)
    assert received is image
    assert received.dtype == dtype
    np.testing.assert_array_equal(received, expected)


def test_apply_mask_of_nothing_changes_nothing():
    image = np.full((4, 4, 3), 7, np.uint8)
    assert np.all(apply_mask(image, np.zeros((4, 4)), (1, 1, 1)) == 7)


@pytest.mark.parametrize("bright, value", [(True, 1.0), (False, 0.7)])
def test_random_colors_are_the_shuffled_wheel(bright, value):
    random.seed(3)
    colors = random_colors(5, bright=bright)
    random.seed(3)
    expected = [colorsys.hsv_to_rgb(i / 5, 1, value) for i in range(5)]
    random.shuffle(expected)
    assert colors == expected
    assert random_colors(0) == []


def test_distinct_colors_are_always_the_same_and_all_different():
    colors = distinct_colors(40)
    assert colors == distinct_colors(40)
    assert len(set(colors)) == 40
    assert distinct_colors(3) == colors[:3]


def test_draw_box_has_lines_of_two_pixels():
    image = np.zeros((12, 14, 3), np.uint8)
    assert draw_box(image, np.array([2, 3, 8, 10]), (255, 0, 9)) is image
    expected = np.zeros((12, 14), bool)
    expected[2:4, 3:10] = expected[8:10, 3:10] = expected[2:8, 3:5] = expected[2:8, 10:12] = True
    np.testing.assert_array_equal(image[..., 0] == 255, expected)
    np.testing.assert_array_equal(image[..., 2] == 9, expected)


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(-20, 30)] * 4))
def test_draw_box_outside_the_image_does_not_come_in_at_the_other_side(box):
    large, small = np.zeros((70, 70, 3), np.uint8), np.zeros((12, 14, 3), np.uint8)
    draw_box(large, np.add(box, 25), 255)
    draw_box(small, box, 255)
    np.testing.assert_array_equal(small, large[25:37, 25:39])


@pytest.mark.parametrize(
    "image, expected",
    [
        (np.full((2, 3, 3), 9, np.uint8), 9),
        (np.full((2, 3), 9, np.uint8), 9),
        (np.full((2, 3, 1), 9, np.uint8), 9),
        (np.full((2, 3, 4), 9, np.uint8), 9),
        (np.full((2, 3, 3), 0.5, np.float32), 127),
        (np.full((2, 3, 3), 200.7), 200),
        (np.full((2, 3, 3), -5.0), 0),
        (np.full((2, 3, 3), 65535, np.uint16), 255),
        (np.ones((2, 3), bool), 255),
        (np.full((2, 3, 3), [-30.0, -15, 0]), [0, 127, 255]),
    ],
)
def test_displayable(image, expected):
    before = image.copy()
    shown = displayable(image)
    assert shown.shape == (2, 3, 3)
    assert shown.dtype == np.uint8
    assert np.all(shown == expected)
    shown[:] = 0
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("shape", [(3,), (2, 2, 2, 3), (0, 5, 3)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(ValueError, match="expected an image .*received shape"):
        displayable(np.zeros(shape))


def test_contours_are_closed_and_lie_on_the_rim():
    mask = np.zeros((10, 12), bool)
    mask[0:4, 5:12] = True
    (contour,) = mask_contours(mask)
    np.testing.assert_array_equal(contour[0], contour[-1])
    assert contour.min(axis=0) == pytest.approx([4.5, -0.5])
    assert contour.max(axis=0) == pytest.approx([11.5, 3.5])
    assert mask_contours(np.zeros((4, 4), bool)) == []


@pytest.mark.parametrize("thickness", [1, 2])
def test_the_edge_of_a_mask_is_its_rim(thickness):
    mask = np.zeros((12, 14), bool)
    mask[2:10, 3:12] = True
    window, rim = mask_edge(mask, thickness)
    received = np.zeros_like(mask)
    received[window] = rim
    expected = mask.copy()
    expected[2 + thickness : 10 - thickness, 3 + thickness : 12 - thickness] = False
    np.testing.assert_array_equal(received, expected)
    assert mask_edge(np.zeros((4, 4), bool)) is None
