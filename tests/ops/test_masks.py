"""Masks against the goldens and against the slow calls of scipy and scikit-image that they replace."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.transform import resize

from mrcnn_roi.ops.masks import (
    compute_overlaps_masks,
    expand_mask,
    extract_bboxes,
    minimize_mask,
    mold_mask,
    resize_mask,
    unmold_mask,
    unmold_masks,
)

seeds = st.integers(0, 2**31)


def skimage_linear(mask, shape):
    return resize(mask, shape, order=1, mode="constant", cval=0, clip=True, anti_aliasing=False)


def some_masks(height, width, count, seed, layout="HWN"):
    """Masks [H, W, N]: noisy boxes, full boxes and single pixels, none empty."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((height, width, count), bool)
    for i in range(count):
        y1, x1 = rng.integers(0, height), rng.integers(0, width)
        y2, x2 = rng.integers(y1, height) + 1, rng.integers(x1, width) + 1
        box = masks[y1:y2, x1:x2, i]
        box[:] = True if i % 3 == 0 else rng.random(box.shape) < 0.8
        box[0, 0] = True
    return masks if layout == "HWN" else np.ascontiguousarray(masks.transpose(2, 0, 1)).transpose(1, 2, 0)


def slow_boxes(masks):
    boxes = []
    for i in range(masks.shape[2]):
        y, x = np.nonzero(masks[:, :, i])
        boxes.append([y.min(), x.min(), y.max() + 1, x.max() + 1] if len(y) else [0, 0, 0, 0])
    return np.array(boxes, np.int32).reshape(-1, 4)


def slow_minimize(boxes, masks, shape):
    minis = np.zeros((*shape, len(boxes)), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        part = masks[y1:y2, x1:x2, i].astype(bool).astype(float)
        minis[:, :, i] = np.around(skimage_linear(part, shape)).astype(bool)
    return minis


def test_masks_golden(golden):
    arrays = golden("masks")
    mask, shape = arrays["mask"], tuple(arrays.config["mini_shape"])
    boxes = extract_bboxes(mask)
    assert boxes.dtype == np.int32
    np.testing.assert_array_equal(boxes, arrays["extract_bboxes"])
    empty = extract_bboxes(np.zeros((9, 9, 1), bool))
    np.testing.assert_array_equal(empty, arrays["extract_bboxes_empty"])
    mini = minimize_mask(boxes, mask, shape)
    assert mini.dtype == bool
    assert np.mean(mini != arrays["minimize_mask"]) <= 0.002
    expanded = expand_mask(boxes, mini, (*mask.shape[:2], 3))
    assert expanded.dtype == bool
    assert np.mean(expanded != arrays["expand_mask"]) <= 0.002
    unmolded = unmold_masks(arrays["nn_masks"], arrays["unmold_boxes"], (*mask.shape[:2], 3))
    assert np.mean(unmolded != arrays["unmold_mask"]) <= 0.001
    overlaps = compute_overlaps_masks(mask, np.roll(mask[..., :3], 5, axis=0))
    assert overlaps.dtype == np.float32
    np.testing.assert_allclose(overlaps, arrays["overlaps_masks"], rtol=1e-5, atol=1e-6)
    nothing = compute_overlaps_masks(mask, mask[..., :0])
    assert nothing.dtype == arrays["overlaps_masks_empty"].dtype
    assert nothing.shape == arrays["overlaps_masks_empty"].shape


@pytest.mark.parametrize("layout", ["HWN", "NHW"])
@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 50), width=st.integers(1, 50), count=st.integers(0, 6), seed=seeds)
def test_extract_bboxes(layout, height, width, count, seed):
    masks = some_masks(height, width, count, seed, layout)
    if count:
        masks[:, :, -1] = False
    np.testing.assert_array_equal(extract_bboxes(masks), slow_boxes(masks))
    np.testing.assert_array_equal(extract_bboxes(masks.astype(np.uint8) * 255), slow_boxes(masks))
    np.testing.assert_array_equal(extract_bboxes(masks[:, ::-1]), slow_boxes(masks[:, ::-1]))


def test_extract_bboxes_leaves_its_argument_alone():
    masks = some_masks(20, 31, 4, 0)
    before = masks.copy()
    extract_bboxes(masks)
    np.testing.assert_array_equal(masks, before)


@pytest.mark.parametrize("function", [extract_bboxes, lambda mask: resize_mask(mask, 1, [(0, 0)] * 3)])
def test_masks_without_instance_axis(function):
    with pytest.raises(ValueError, match=r"expected masks of shape \[H, W, N\], received shape \[8, 8\]"):
        function(np.zeros((8, 8), bool))


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    count=st.integers(1, 4),
    target=st.integers(1, 150),
    seed=seeds,
)
def test_resize_mask_is_zoom_and_pad(height, width, count, target, seed):
    scale = target / max(height, width)
    if round(height * scale) == 0 or round(width * scale) == 0:
        return
    rng = np.random.default_rng(seed)
    masks = rng.random((height, width, count)) > 0.5
    padding = [tuple(rng.integers(0, 5, 2)), tuple(rng.integers(0, 5, 2)), (0, 0)]
    zoomed = ndimage.zoom(masks, [scale, scale, 1], order=0)
    np.testing.assert_array_equal(resize_mask(masks, scale, padding), np.pad(zoomed, padding))
    y, x = rng.integers(0, zoomed.shape[0]), rng.integers(0, zoomed.shape[1])
    crop = (y, x, zoomed.shape[0] - y, zoomed.shape[1] - x)
    np.testing.assert_array_equal(resize_mask(masks, scale, padding, crop), zoomed[y:, x:])


def test_resize_mask_unscaled_is_a_copy_and_keeps_the_dtype():
    masks = some_masks(16, 16, 2, 0).astype(np.uint8) * 255
    result = resize_mask(masks, 1, [(0, 0)] * 3)
    np.testing.assert_array_equal(result, masks)
    assert result.dtype == np.uint8
    assert not np.shares_memory(result, masks)


def test_resize_mask_without_instances():
    assert resize_mask(np.zeros((10, 20, 0), bool), 2.0, [(1, 1), (0, 0), (0, 0)]).shape == (22, 40, 0)


@pytest.mark.parametrize("layout", ["HWN", "NHW"])
@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    count=st.integers(1, 6),
    shape=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    seed=seeds,
)
def test_minimize_mask_is_skimage_resize(layout, height, width, count, shape, seed):
    masks = some_masks(height, width, count, seed, layout)
    boxes = slow_boxes(masks)
    expected = slow_minimize(boxes, masks, shape)
    np.testing.assert_array_equal(minimize_mask(boxes, masks, shape), expected)
    np.testing.assert_array_equal(minimize_mask(boxes, masks.astype(np.uint8) * 7, shape), expected)
    flipped = masks[:, ::-1]
    np.testing.assert_array_equal(
        minimize_mask(slow_boxes(flipped), flipped, shape), slow_minimize(slow_boxes(flipped), flipped, shape)
    )


def test_a_full_mask_stays_full_and_an_almost_full_one_loses_its_corners():
    masks = np.ones((30, 30, 2), bool)
    masks[14, 15, 1] = False  # between the points that a 3 x 3 mini mask reads
    boxes = np.array([[0, 0, 30, 30]] * 2)
    mini = minimize_mask(boxes, masks, (90, 90))
    assert mini[:, :, 0].all()
    assert not mini[0, 0, 1]
    np.testing.assert_array_equal(minimize_mask(boxes, masks, (3, 3)), slow_minimize(boxes, masks, (3, 3)))


def test_minimize_mask_without_instances():
    assert minimize_mask(np.zeros((0, 4), np.int32), np.zeros((8, 8, 0), bool), (28, 28)).shape == (28, 28, 0)


@pytest.mark.parametrize("box", [[3, 3, 3, 9], [0, 0, 0, 0], [5, 5, 2, 9], [40, 0, 50, 9]])
def test_minimize_mask_box_without_area(box):
    boxes = np.array([[0, 0, 8, 8], box])
    with pytest.raises(ValueError, match=f"expected boxes with area, received .*{box[0]}.* for instance 1"):
        minimize_mask(boxes, np.ones((20, 20, 2), bool), (28, 28))


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 80), width=st.integers(1, 80), seed=seeds)
def test_expand_mask_is_skimage_resize(height, width, seed):
    rng = np.random.default_rng(seed)
    mini = rng.random((14, 10, 3)) > 0.4
    mini[:, :, 0] = True
    boxes = slow_boxes(some_masks(height, width, 3, seed))
    expected = np.zeros((height, width, 3), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        values = skimage_linear(mini[:, :, i].astype(float), (y2 - y1, x2 - x1))
        expected[y1:y2, x1:x2, i] = np.around(values).astype(bool)
    np.testing.assert_array_equal(expand_mask(boxes, mini, (height, width)), expected)


def slow_unmold(mask, box, shape):
    y1, x1, y2, x2 = box
    full = np.zeros(shape, bool)
    full[y1:y2, x1:x2] = skimage_linear(mask, (y2 - y1, x2 - x1)) >= 0.5
    return full


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 130), width=st.integers(1, 130), levels=st.sampled_from([2, 5, 100]), seed=seeds)
def test_unmold_mask_is_skimage_resize(height, width, levels, seed):
    rng = np.random.default_rng(seed)
    masks = (rng.integers(0, levels + 1, (3, 28, 28)) / levels).astype(np.float32)  # many exact halves
    masks[0] = 0.5
    boxes = slow_boxes(some_masks(height, width, 3, seed))
    expected = [slow_unmold(mask, box, (height, width)) for mask, box in zip(masks, boxes)]
    np.testing.assert_array_equal(unmold_masks(masks, boxes, (height, width, 3)), np.stack(expected, axis=-1))
    one = unmold_mask(masks[1], boxes[1], (height, width, 3))
    assert one.dtype == bool
    np.testing.assert_array_equal(one, expected[1])


@pytest.mark.parametrize(
    "box", [[-10, -5, 30, 25], [20, 30, 70, 60], [-9, -9, 90, 90], [-30, 2, -5, 20], [60, 0, 80, 20]]
)
def test_a_box_that_leaves_the_image_is_cut_off(box):
    mask = np.random.default_rng(0).random((28, 28))
    canvas = slow_unmold(mask, np.add(box, 100), (300, 300))
    expected = canvas[100:150, 100:140]
    np.testing.assert_array_equal(unmold_mask(mask, box, (50, 40, 3)), expected)


@pytest.mark.parametrize("box", [[5, 5, 5, 9], [9, 5, 5, 9], [5, 9, 9, 5]])
def test_a_box_without_area_gives_an_empty_mask(box):
    assert not unmold_mask(np.ones((28, 28)), box, (20, 20)).any()
    assert not expand_mask([box], np.ones((28, 28, 1), bool), (20, 20)).any()


def test_no_masks_to_unmold():
    result = unmold_masks(np.zeros((0, 28, 28), np.float32), np.zeros((0, 4), np.int32), (30, 40, 3))
    assert result.shape == (30, 40, 0)
    assert result.dtype == bool


def slow_overlaps(masks1, masks2):
    flat1, flat2 = ((masks > 0.5).reshape(-1, masks.shape[-1]).astype(np.float32) for masks in (masks1, masks2))
    intersections = flat1.T @ flat2
    with np.errstate(invalid="ignore"):
        return intersections / (flat1.sum(axis=0)[:, None] + flat2.sum(axis=0)[None] - intersections)


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 60), width=st.integers(1, 60), seed=seeds)
def test_compute_overlaps_masks_is_the_matrix_product(height, width, seed):
    masks1, masks2 = some_masks(height, width, 4, seed), some_masks(height, width, 3, seed + 1, "NHW")
    masks1[:, :, 1] = False
    expected = slow_overlaps(masks1, masks2)
    result = compute_overlaps_masks(masks1, masks2)
    assert result.dtype == expected.dtype == np.float32
    np.testing.assert_array_equal(result, expected)
    soft = masks2 * np.float32(0.7) + np.float32(0.1)
    np.testing.assert_array_equal(compute_overlaps_masks(masks1, soft), expected)


def test_two_empty_masks_have_no_iou():
    assert np.isnan(compute_overlaps_masks(np.zeros((5, 5, 1)), np.zeros((5, 5, 1))))


def test_overlaps_of_masks_of_two_sizes():
    with pytest.raises(ValueError, match=r"expected masks of one height and width, received .*\(5, 5, 1\)"):
        compute_overlaps_masks(np.zeros((5, 5, 1)), np.zeros((5, 6, 1)))


def test_mold_mask_is_what_training_takes():
    mask = np.zeros((20, 30, 2), np.uint8)
    mask[3:9, 4:20, 0] = 255
    mask[10:15, 1:5, 1] = 1
    mini = SimpleNamespace(USE_MINI_MASK=True, MINI_MASK_SHAPE=(7, 7))
    full = SimpleNamespace(USE_MINI_MASK=False)
    np.testing.assert_array_equal(mold_mask(mask, mini), np.ones((7, 7, 2), bool))
    np.testing.assert_array_equal(mold_mask(mask, full), mask > 0)
