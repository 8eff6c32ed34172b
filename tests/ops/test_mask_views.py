"""Boxes and mini masks read through resizing, padding, cropping and flipping: as if the full masks had been made."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.transform import resize

from mrcnn_roi.ops.mask_views import copy_masks, identity_view, mask_boxes, molded_view


def some_masks(rng, height, width, count, layout):
    """Masks [H, W, N]: noisy boxes, full boxes, single pixels and one that is empty."""
    masks = np.zeros((height, width, count), bool)
    for i in range(count - 1):
        y1, x1 = rng.integers(0, height), rng.integers(0, width)
        box = masks[y1 : rng.integers(y1, height) + 1, x1 : rng.integers(x1, width) + 1, i]
        box[:] = True if i % 3 == 0 else rng.random(box.shape) < 0.7
    return masks if layout == "HWN" else np.ascontiguousarray(masks.transpose(2, 0, 1)).transpose(1, 2, 0)


def slow_boxes(masks):
    boxes = np.zeros((masks.shape[2], 4), np.int32)
    for i in range(masks.shape[2]):
        y, x = np.nonzero(masks[:, :, i])
        if len(y):
            boxes[i] = y.min(), x.min(), y.max() + 1, x.max() + 1
    return boxes


def slow_mini(mask, shape):
    return np.around(resize(mask.astype(float), shape, order=1, mode="constant", anti_aliasing=False)).astype(bool)


@pytest.mark.parametrize("layout", ["HWN", "NHW"])
@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    target=st.integers(1, 130),
    cropped=st.booleans(),
    flipped=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_a_view_is_what_it_shows(layout, height, width, target, cropped, flipped, seed):
    scale = target / max(height, width)
    if round(height * scale) == 0 or round(width * scale) == 0:
        return
    rng = np.random.default_rng(seed)
    masks = some_masks(rng, height, width, 4, layout)
    expected = ndimage.zoom(masks, [scale, scale, 1], order=0)
    padding, crop = [tuple(rng.integers(0, 5, 2)), tuple(rng.integers(0, 5, 2)), (0, 0)], None
    if cropped:
        y, x = rng.integers(0, expected.shape[0]), rng.integers(0, expected.shape[1])
        crop = (y, x, *rng.integers(1, np.array(expected.shape[:2]) - [y, x] + 1))
        expected = expected[y : y + crop[2], x : x + crop[3]]
    else:
        expected = np.pad(expected, padding)
    view = molded_view(masks, scale, padding, crop)
    if flipped:
        view, expected = view.flipped(), expected[:, ::-1]
    full = view.full()
    np.testing.assert_array_equal(full, expected)
    assert not np.shares_memory(full, masks)
    boxes = view.boxes()
    assert boxes.dtype == np.int32
    np.testing.assert_array_equal(boxes, slow_boxes(expected))
    visible = np.flatnonzero(boxes[:, 2])
    np.testing.assert_array_equal(view.only(visible).full(), expected[:, :, visible])
    shape = tuple(rng.integers(1, 40, 2))
    minis = view.minis(boxes[visible], shape, visible)
    assert minis.shape == (*shape, len(visible))
    for k, (i, (y1, x1, y2, x2)) in enumerate(zip(visible, boxes[visible])):
        np.testing.assert_array_equal(minis[:, :, k], slow_mini(expected[y1:y2, x1:x2, i], shape))


def test_a_box_may_reach_into_the_padding():
    masks = np.ones((10, 12, 1), bool)
    view = molded_view(masks, 2.0, [(3, 4), (5, 6), (0, 0)])
    full = view.full()
    box = np.array([[0, 0, 27, 35]])
    np.testing.assert_array_equal(view.minis(box, (14, 14))[:, :, 0], slow_mini(full[:27, :35, 0], (14, 14)))


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 140), width=st.integers(1, 40), seed=st.integers(0, 2**31))
def test_boxes_of_masks_in_any_layout(height, width, seed):
    rng = np.random.default_rng(seed)
    masks = some_masks(rng, height, width, 5, "HWN")
    expected = slow_boxes(masks)
    np.testing.assert_array_equal(mask_boxes(masks), expected)
    by_instance = some_masks(np.random.default_rng(seed), height, width, 5, "NHW")
    np.testing.assert_array_equal(mask_boxes(by_instance), expected)
    np.testing.assert_array_equal(mask_boxes(masks.astype(np.uint8) * 128), expected)  # only the highest bit
    np.testing.assert_array_equal(mask_boxes(masks * 0.25), expected)
    np.testing.assert_array_equal(mask_boxes(masks[::-1, ::-1]), slow_boxes(masks[::-1, ::-1]))


@pytest.mark.parametrize("shape", [(0, 5, 2), (5, 0, 2), (5, 5, 0)])
def test_without_pixels_or_instances(shape):
    view = identity_view(np.zeros(shape, bool))
    assert view.boxes().shape == (shape[2], 4)
    assert not view.boxes().any()
    assert view.full().shape == shape


def test_full_keeps_the_layout():
    masks = np.zeros((3, 10, 12), bool).transpose(1, 2, 0)
    assert molded_view(masks, 2.0, [(0, 0)] * 3).full().transpose(2, 0, 1).flags.c_contiguous
    assert molded_view(masks.copy("C"), 2.0, [(0, 0)] * 3).full().flags.c_contiguous


@pytest.mark.parametrize("layout", ["HWN", "NHW"])
@pytest.mark.parametrize("shape", [(7, 9, 5), (1, 1, 1), (6, 4, 0), (0, 4, 3)])
def test_copies_are_equal_in_any_layout(layout, shape):
    masks = np.random.default_rng(0).random(shape) < 0.5
    masks = masks if layout == "HWN" else np.ascontiguousarray(masks.transpose(2, 0, 1)).transpose(1, 2, 0)
    for part in (masks, masks[:, ::-1], masks[1:, 1:]):
        padded = np.zeros((*part.shape[:2], 8), bool)
        copy_masks(part, padded[:, :, : shape[2]])
        np.testing.assert_array_equal(padded[:, :, : shape[2]], part)
        assert not padded[:, :, shape[2] :].any()
