"""The resampling grids against scipy and scikit-image, bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.transform import resize

from mrcnn_roi.ops.resampling import linear_taps, nearest_indices, resize_linear

sides = st.integers(1, 90)
seeds = st.integers(0, 2**31)


def reference_resize(image, height, width):
    source = image.astype(np.float64) if image.dtype == bool else image
    return resize(
        source,
        (height, width) + image.shape[2:],
        order=1,
        mode="constant",
        preserve_range=True,
        anti_aliasing=False,
    )


def random_image(kind, height, width, seed):
    rng = np.random.default_rng(seed)
    return {
        "rgb": lambda: rng.integers(0, 256, (height, width, 3)).astype(np.uint8),
        "flat": lambda: np.full((height, width, 3), rng.integers(0, 256), np.uint8),
        "uint16": lambda: rng.integers(0, 65536, (height, width, 1)).astype(np.uint16),
        "float32": lambda: rng.random((height, width)).astype(np.float32),
        "float64": lambda: rng.normal(size=(height, width, 2)),
        "bool": lambda: rng.random((height, width)) > 0.4,
    }[kind]()


@pytest.mark.parametrize("kind", ["rgb", "flat", "uint16", "float32", "float64", "bool"])
@settings(max_examples=40, deadline=None)
@given(height=sides, width=sides, new_height=sides, new_width=sides, seed=seeds)
def test_resize_linear_is_skimage_resize(kind, height, width, new_height, new_width, seed):
    image = random_image(kind, height, width, seed)
    expected = reference_resize(image, new_height, new_width)
    result = resize_linear(image, new_height, new_width)
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)


def test_resize_linear_large_image_in_several_blocks():
    image = random_image("rgb", 211, 307, 3)
    expected = reference_resize(image, 512, 745).astype(np.uint8)
    np.testing.assert_array_equal(resize_linear(image, 512, 745, np.uint8), expected)


def test_resize_linear_darkens_the_border_as_mode_constant_does():
    image = np.full((4, 4), 100.0)
    image[1, 1] = 0.0  # so that clipping to the image's range does not hide the dark border
    assert resize_linear(image, 16, 16)[0, 8] < 70


def test_resize_linear_takes_float16_as_float32():
    image = np.random.default_rng(0).random((9, 7)).astype(np.float16)
    expected = reference_resize(image, 5, 11)
    result = resize_linear(image, 5, 11)
    assert result.dtype == expected.dtype == np.float32
    np.testing.assert_array_equal(result, expected)


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_resize_linear_window_is_a_part_of_the_whole(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((28, 28)).astype(np.float32)
    height, width = rng.integers(1, 120, 2)
    y1, y2 = sorted(rng.integers(0, height + 1, 2))
    x1, x2 = sorted(rng.integers(0, width + 1, 2))
    whole = resize_linear(mask, height, width)
    part = resize_linear(mask, height, width, window=(y1, x1, y2, x2))
    np.testing.assert_array_equal(part, whole[y1:y2, x1:x2])


@settings(max_examples=200, deadline=None)
@given(size=st.integers(1, 400), new_size=st.integers(1, 900), seed=seeds)
def test_nearest_indices_are_those_of_zoom(size, new_size, seed):
    values = np.random.default_rng(seed).integers(1, 255, size).astype(np.uint8)
    scale = new_size / size
    expected = ndimage.zoom(values, scale, order=0)
    index, outside = nearest_indices(size, scale)
    np.testing.assert_array_equal(np.where(outside, 0, values[index]), expected)


def test_nearest_indices_can_run_over_the_end_by_rounding():
    """scipy writes zeros there; if this never happened, `outside` would be dead code."""
    assert any(nearest_indices(size, 1.7)[1].any() for size in range(2, 400))


def test_linear_taps_of_several_axes_at_once():
    sizes = np.array([[3], [17], [200]])
    together = linear_taps(sizes, 28)
    for row, size in enumerate(sizes[:, 0]):
        for all_axes, one_axis in zip(together, linear_taps(int(size), 28)):
            np.testing.assert_array_equal(all_axes[row], one_axis)
