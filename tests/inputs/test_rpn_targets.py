"""RPN targets against the goldens and against the full table of overlaps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn_roi.inputs.rpn_targets import build_rpn_targets
from mrcnn_roi.ops.anchors import compute_backbone_shapes, generate_pyramid_anchors
from mrcnn_roi.ops.boxes import compute_overlaps

STD_DEV = np.array([0.1, 0.1, 0.2, 0.2])


def pyramid(config, image_shape):
    return generate_pyramid_anchors(
        config.RPN_ANCHOR_SCALES,
        config.RPN_ANCHOR_RATIOS,
        compute_backbone_shapes(config, image_shape),
        config.BACKBONE_STRIDES,
        config.RPN_ANCHOR_STRIDE,
    )


def slow_targets(anchors, class_ids, boxes):
    """Match int32 [A] and deltas [positives, 4] without subsampling, from the full table of overlaps."""
    crowd, boxes = boxes[class_ids < 0], boxes[class_ids > 0]
    match = np.full(len(anchors), -1, np.int32)
    if len(crowd):
        match[compute_overlaps(anchors, crowd).max(axis=1) >= 0.001] = 0
    if not len(boxes):
        return match, np.zeros((0, 4))
    overlaps = compute_overlaps(anchors, boxes)
    match[overlaps.max(axis=1) >= 0.3] = 0
    for column in overlaps.T:
        if column.max() > 0:
            match[column == column.max()] = 1
    match[overlaps.max(axis=1) >= 0.7] = 1
    deltas = []
    for i in np.flatnonzero(match == 1):
        (y1, x1, y2, x2), (t, left, b, r) = anchors[i], boxes[overlaps[i].argmax()]
        height, width = y2 - y1, x2 - x1
        deltas.append(
            [
                (0.5 * (t + b) - 0.5 * (y1 + y2)) / height,
                (0.5 * (left + r) - 0.5 * (x1 + x2)) / width,
                np.log((b - t) / height),
                np.log((r - left) / width),
            ]
        )
    return match, np.array(deltas).reshape(-1, 4) / STD_DEV


@pytest.mark.parametrize("count", ["all", 256, 32])
def test_golden(golden, make_config, count):
    arrays = golden("rpn_targets")
    anchors = pyramid(make_config(), arrays["image_shape"])
    config = make_config(RPN_TRAIN_ANCHORS_PER_IMAGE=4 * len(anchors) if count == "all" else count)
    name = "full" if count == "all" else f"seeded{count}"
    np.random.seed(arrays.config["numpy_seed"])
    match, deltas = build_rpn_targets(
        arrays["image_shape"], anchors, arrays["gt_class_ids"], arrays["gt_boxes"], config
    )
    assert match.dtype == np.int32
    assert deltas.dtype == np.float64
    np.testing.assert_array_equal(match, arrays[f"{name}_match"])
    expected = arrays[f"{name}_bbox"]
    np.testing.assert_allclose(deltas[: len(expected)], expected, rtol=1e-6)
    assert not deltas[len(expected) :].any()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), count=st.integers(0, 12), smallest=st.sampled_from([1, 20]))
def test_same_as_the_full_table(make_config, seed, count, smallest):
    rng = np.random.default_rng(seed)
    shape = rng.integers(64, 300, 2)
    anchors = pyramid(make_config(), shape)
    top_left = rng.integers(0, shape - smallest, (count, 2))
    bottom_right = np.minimum(top_left + rng.integers(smallest, 250, (count, 2)), shape)
    boxes = np.concatenate([top_left, bottom_right], axis=1).astype(np.int32)
    class_ids = rng.choice([1, 2, -1], count, p=[0.5, 0.3, 0.2]).astype(np.int32)
    config = make_config(RPN_TRAIN_ANCHORS_PER_IMAGE=4 * len(anchors))
    expected_match, expected_deltas = slow_targets(anchors, class_ids, boxes)
    for image_shape in (shape, None):  # as a pyramid, and as anchors of any kind
        match, deltas = build_rpn_targets(image_shape, anchors, class_ids, boxes, config)
        np.testing.assert_array_equal(match, expected_match)
        np.testing.assert_allclose(deltas[: len(expected_deltas)], expected_deltas, rtol=1e-9, atol=1e-12)
        assert not deltas[len(expected_deltas) :].any()


@pytest.mark.parametrize("limit", [8, 64, 4000])
def test_numpy_random_draws_what_the_original_draws(make_config, limit):
    """Surplus anchors fall by np.random.choice(ids, surplus): first the objects, then the background."""
    anchors = pyramid(make_config(), (256, 256))
    boxes = np.array([[3, 5, 120, 130], [40, 40, 150, 170], [100, 20, 240, 90], [5, 5, 9, 200]], np.int32)
    class_ids = np.array([1, 2, -1, 1])
    expected, _ = slow_targets(anchors, class_ids, boxes)
    np.random.seed(4)
    for value, count in ((1, lambda: limit // 2), (-1, lambda: limit - np.count_nonzero(expected == 1))):
        ids = np.flatnonzero(expected == value)
        if len(ids) > count():
            expected[np.random.choice(ids, len(ids) - count(), replace=False)] = 0
    following = np.random.rand()
    np.random.seed(4)
    config = make_config(RPN_TRAIN_ANCHORS_PER_IMAGE=limit)
    match, _ = build_rpn_targets((256, 256, 3), anchors, class_ids, boxes, config)
    np.testing.assert_array_equal(match, expected)
    assert np.random.rand() == following


def test_anchors_in_any_order(make_config):
    """Blocks only save work: they need no grid."""
    anchors = pyramid(make_config(), (128, 128))
    order = np.random.default_rng(0).permutation(len(anchors))
    boxes, class_ids = np.array([[3, 5, 60, 50], [40, 40, 52, 49]], np.int32), np.array([1, 2], np.int32)
    config = make_config(RPN_TRAIN_ANCHORS_PER_IMAGE=4 * len(anchors))
    match, _ = build_rpn_targets(None, anchors, class_ids, boxes, config)
    shuffled, _ = build_rpn_targets(None, anchors[order], class_ids, boxes, config)
    np.testing.assert_array_equal(shuffled, match[order])


def test_an_object_that_overlaps_no_anchor_makes_none_positive(make_config):
    anchors = np.array([[0, 0, 32, 32], [32, 32, 64, 64]], np.float64)
    boxes = np.array([[100, 100, 120, 120], [30, 30, 60, 60]], np.int32)
    match, deltas = build_rpn_targets(None, anchors, np.array([1, 1]), boxes, make_config())
    assert match.tolist() == [-1, 1]
    assert np.count_nonzero(deltas.any(axis=1)) == 1


def test_ties_are_all_kept(make_config):
    anchors = np.array([[0, 0, 10, 10], [0, 10, 10, 20], [50, 50, 60, 60]], np.float64)
    match, _ = build_rpn_targets(None, anchors, np.array([1]), np.array([[0, 5, 10, 15]]), make_config())
    assert match.tolist() == [1, 1, -1]


@pytest.mark.parametrize("class_ids", [[], [-1, -2]])
def test_without_objects_there_are_only_negatives(make_config, class_ids):
    anchors = pyramid(make_config(), (128, 128))
    boxes = np.array([[10, 10, 40, 40]] * len(class_ids), np.int32).reshape(-1, 4)
    match, deltas = build_rpn_targets(None, anchors, np.array(class_ids, np.int32), boxes, make_config())
    assert np.count_nonzero(match == -1) == 64
    assert np.count_nonzero(match) == 64
    assert not deltas.any()
    if class_ids:
        assert not match[compute_overlaps(anchors, boxes).max(axis=1) >= 0.001].any()


@pytest.mark.parametrize("count", [8, 64, 255])
def test_generator_keeps_the_same_numbers_and_repeats(make_config, count):
    anchors = pyramid(make_config(), (256, 256))
    boxes = np.array([[3, 5, 120, 130], [40, 40, 150, 170], [100, 20, 240, 90]], np.int32)
    config = make_config(RPN_TRAIN_ANCHORS_PER_IMAGE=count)
    everything, _ = slow_targets(anchors, np.ones(3), boxes)
    first, second, other = (
        build_rpn_targets(None, anchors, np.ones(3), boxes, config, np.random.default_rng(seed))[0]
        for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
    positives = min(np.count_nonzero(everything == 1), count // 2)
    assert np.count_nonzero(first == 1) == positives
    assert np.count_nonzero(first == -1) == count - positives
    assert (first == everything)[first != 0].all()
