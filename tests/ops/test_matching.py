"""Greedy matching: the original's order of decisions, padding, and the errors for wrong calls."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn_roi.ops.matching import compute_matches, mask_overlaps, match_overlaps


def boxes_to_masks(boxes, shape=(20, 20)):
    masks = np.zeros((*shape, len(boxes)), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, i] = True
    return masks


def slow_matches(overlaps, gt_ids, pred_ids, iou_threshold, score_threshold):
    """Prediction by prediction, ground truths by falling IoU, as one would explain it."""
    gt_match, pred_match = -np.ones(overlaps.shape[1]), -np.ones(overlaps.shape[0])
    for i in range(overlaps.shape[0]):
        for j in np.argsort(overlaps[i], kind="stable")[::-1]:
            if overlaps[i, j] < score_threshold or overlaps[i, j] < iou_threshold:
                break
            if gt_match[j] == -1 and gt_ids[j] == pred_ids[i]:
                gt_match[j], pred_match[i] = i, j
                break
    return gt_match, pred_match


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 6), st.integers(0, 6), st.sampled_from([0.0, 0.3, 0.75]))
def test_equals_the_slow_loop(seed, predictions, truths, score_threshold):
    rng = np.random.default_rng(seed)
    # Quarters, so that ties and IoUs that equal the threshold occur.
    overlaps = rng.integers(0, 5, (predictions, truths)).astype(np.float32) / 4
    gt_ids, pred_ids = rng.integers(1, 3, truths), rng.integers(1, 3, predictions)
    expected = slow_matches(overlaps, gt_ids, pred_ids, 0.5, score_threshold)
    received = match_overlaps(overlaps, gt_ids, pred_ids, 0.5, score_threshold)
    np.testing.assert_array_equal(received[0], expected[0])
    np.testing.assert_array_equal(received[1], expected[1])
    assert received[0].dtype == received[1].dtype == np.float64


def test_iou_thresholds_compare_as_the_original_did():
    overlap = np.array([[0.7]], np.float32)  # 0.69999999 in float64
    assert match_overlaps(overlap, [1], [1], iou_threshold=0.7)[1] == [-1]
    assert match_overlaps(overlap, [1], [1], iou_threshold=0.5, score_threshold=0.7)[1] == [0]


def test_predictions_are_sorted_by_score_before_matching():
    boxes = np.array([[0, 0, 5, 5], [10, 10, 18, 18]])
    masks = boxes_to_masks(boxes)
    gt_match, pred_match, overlaps = compute_matches(
        boxes, [1, 2], masks, boxes, np.array([1, 2]), np.array([0.2, 0.9]), masks
    )
    assert gt_match.tolist() == [1, 0]
    assert pred_match.tolist() == [1, 0]
    assert overlaps.tolist() == [[0, 1], [1, 0]]


def test_score_threshold_cuts_on_iou_and_not_on_scores():
    boxes = np.array([[0, 0, 10, 10]])
    masks = boxes_to_masks(boxes)
    smaller = boxes_to_masks([[0, 0, 10, 6]])
    arguments = (boxes, [1], masks, boxes, [1], [0.1], smaller, 0.5)
    assert compute_matches(*arguments, score_threshold=0.59)[0].tolist() == [0]
    assert compute_matches(*arguments, score_threshold=0.61)[0].tolist() == [-1]


def test_padding_in_the_middle_does_not_shift_masks():
    boxes = np.array([[0, 0, 5, 5], [0, 0, 0, 0], [10, 10, 18, 18], [0, 0, 0, 0]])
    masks = boxes_to_masks(boxes)
    ids = np.array([1, 9, 2, 0])
    gt_match, pred_match, overlaps = compute_matches(boxes, ids, masks, boxes, ids, [0.9, 0.8, 0.7, 0], masks)
    assert overlaps.tolist() == [[1, 0], [0, 1]]
    assert gt_match.tolist() == pred_match.tolist() == [0, 1]


def test_nothing_on_either_side():
    boxes, masks, none = np.array([[0, 0, 5, 5]]), boxes_to_masks([[0, 0, 5, 5]]), np.zeros((0, 4), np.int32)
    gt_match, pred_match, overlaps = compute_matches(boxes, [1], masks, none, [], [], np.zeros((28, 28, 0)))
    assert gt_match.tolist() == [-1]
    assert pred_match.shape == (0,)
    assert overlaps.shape == (0, 1)
    gt_match, pred_match, overlaps = compute_matches(none, [], np.zeros((0, 0, 0)), boxes, [1], [0.5], masks)
    assert pred_match.tolist() == [-1]
    assert gt_match.shape == (0,)
    assert overlaps.shape == (1, 0)


def test_masks_of_another_size_are_refused():
    boxes = np.array([[0, 0, 5, 5]])
    with pytest.raises(ValueError, match=r"expected gt_masks.*received \(56, 56, 1\) and \(20"):
        mask_overlaps(boxes, [1], np.ones((56, 56, 1)), boxes, [1], [0.5], boxes_to_masks(boxes))


@pytest.mark.parametrize("missing", ["gt_class_ids", "gt_masks", "pred_class_ids", "pred_scores", "pred_masks"])
def test_counts_that_disagree_are_refused(missing):
    boxes = np.array([[0, 0, 5, 5], [3, 3, 9, 9]])
    masks = boxes_to_masks(boxes)
    arguments = {
        "gt_boxes": boxes,
        "gt_class_ids": np.array([1, 1]),
        "gt_masks": masks,
        "pred_boxes": boxes,
        "pred_class_ids": np.array([1, 1]),
        "pred_scores": np.array([0.5, 0.4]),
        "pred_masks": masks,
    }
    arguments[missing] = arguments[missing][..., :1]
    with pytest.raises(ValueError, match=f"expected {missing} for 2 .*, received shape"):
        mask_overlaps(**arguments)
