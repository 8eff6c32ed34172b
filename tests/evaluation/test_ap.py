"""Matterport's metrics against the original's numbers, and at the edges where nothing was found."""

import inspect

import numpy as np
import pytest

from mrcnn_roi.evaluation import compute_ap, compute_ap_range, compute_matches, compute_recall

CASES = ["c0", "c1", "c2"]
NAMES = ("gt_boxes", "gt_class_ids", "gt_masks", "pred_boxes", "pred_class_ids", "pred_scores", "pred_masks")
NONE = (np.zeros((0, 4), np.int32), np.zeros(0, np.int32), np.zeros((20, 20, 0), bool))


def square(*starts, side=6):
    """Boxes, class ids 1 and masks of squares whose corners lie at (start, start)."""
    boxes = np.array([[start, start, start + side, start + side] for start in starts])
    masks = np.zeros((20, 20, len(starts)), bool)
    for i, start in enumerate(starts):
        masks[start : start + side, start : start + side, i] = True
    return boxes, np.ones(len(starts), np.int32), masks


def arguments(truth, found, scores):
    boxes, class_ids, masks = found
    return (*truth, boxes, class_ids, np.asarray(scores, np.float32), masks)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("tag, iou, score", [("m50_0", 0.5, 0.0), ("m30_2", 0.3, 0.2), ("m75_0", 0.75, 0.0)])
def test_matches_equal_the_original(golden, case, tag, iou, score):
    data = golden("metrics")
    given = [data[f"{case}_{name}"] for name in NAMES]
    gt_match, pred_match, overlaps = compute_matches(*given, iou_threshold=iou, score_threshold=score)
    for name, received in (("gt_match", gt_match), ("pred_match", pred_match)):
        expected = data[f"{case}_{tag}_{name}"]
        np.testing.assert_array_equal(received, expected)
        assert received.dtype == expected.dtype
    np.testing.assert_allclose(overlaps, data[f"{case}_{tag}_overlaps"], rtol=1e-5, atol=1e-6)
    assert overlaps.dtype == data[f"{case}_{tag}_overlaps"].dtype


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("tag, iou", [("m50_0", 0.5), ("m75_0", 0.75)])
def test_ap_equals_the_original(golden, case, tag, iou):
    data = golden("metrics")
    received = compute_ap(*[data[f"{case}_{name}"] for name in NAMES], iou_threshold=iou)
    for name, value in zip(("ap", "precisions", "recalls"), received):
        np.testing.assert_allclose(value, data[f"{case}_{tag}_{name}"], rtol=1e-6)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("thresholds", [None, [], np.arange(0.5, 1.0, 0.05), list(np.arange(0.5, 1.0, 0.05))])
def test_ap_range_equals_the_original(golden, case, thresholds, capsys):
    data = golden("metrics")
    received = compute_ap_range(*[data[f"{case}_{name}"] for name in NAMES], thresholds, verbose=0)
    np.testing.assert_allclose(received, data[f"{case}_ap_range"], rtol=1e-6)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("case", ["c0", "c1"])
def test_recall_equals_the_original(golden, case):
    data = golden("metrics")
    gt_boxes = data[f"{case}_gt_boxes"]
    recall, ids = compute_recall(data[f"{case}_pred_boxes"], gt_boxes[np.any(gt_boxes != 0, axis=1)], 0.5)
    np.testing.assert_allclose(recall, data[f"{case}_recall"], rtol=1e-9)
    np.testing.assert_array_equal(ids, data[f"{case}_recall_ids"])


def test_ap_by_hand():
    """Three objects; best prediction right, second one wrong, third one right: 1/3 * 1 + 1/3 * 2/3."""
    truth, found = square(0, 7, 14), square(0, 3, 7)
    ap, precisions, recalls, _ = compute_ap(*arguments(truth, found, [0.9, 0.8, 0.7]))
    assert ap == pytest.approx(1 / 3 + 2 / 9, rel=1e-6)
    assert precisions == pytest.approx([1, 1, 2 / 3, 2 / 3, 0])
    assert recalls == pytest.approx([0, 1 / 3, 1 / 3, 2 / 3, 1])


def test_ap_range_prints_a_line_a_threshold_and_the_mean(capsys):
    truth = square(0, 7)
    mean = compute_ap_range(*arguments(truth, truth, [0.9, 0.8]), iou_thresholds=np.array([0.5, 0.75]))
    assert mean == pytest.approx(1.0)
    assert capsys.readouterr().out == "AP @0.50:\t 1.000\nAP @0.75:\t 1.000\nAP @0.50-0.75:\t 1.000\n"


def test_padding_rows_count_for_nothing():
    truth = square(0, 7)
    padded = (np.vstack([truth[0], np.zeros((3, 4), int)]), truth[1], truth[2])
    masks = np.concatenate([truth[2], np.zeros((20, 20, 2), bool)], axis=-1)
    found = (np.vstack([truth[0], np.zeros((2, 4), int)]), np.array([1, 1, 0, 0]), masks)
    assert compute_ap(*arguments(padded, found, [0.9, 0.8, 0, 0]))[0] == pytest.approx(1.0)


def test_no_predictions_give_zero():
    ap, precisions, recalls, overlaps = compute_ap(*arguments(square(0, 7), NONE, []))
    assert (ap, precisions.tolist(), recalls.tolist(), overlaps.shape) == (0, [0, 0], [0, 1], (0, 2))
    assert compute_ap_range(*arguments(square(0, 7), NONE, []), verbose=0) == 0


def test_no_ground_truth_is_nan_with_predictions_and_zero_without():
    assert np.isnan(compute_ap(*arguments(NONE, square(0), [0.9]))[0])
    assert np.isnan(compute_ap_range(*arguments(NONE, square(0), [0.9]), verbose=0))
    assert compute_ap(*arguments(NONE, NONE, []))[0] == 0


def test_recall_at_the_edges():
    boxes = square(0, 7)[0]
    recall, ids = compute_recall(np.zeros((0, 4)), boxes, 0.5)
    assert (recall, ids.tolist()) == (0, [])
    recall, ids = compute_recall(boxes, np.zeros((0, 4)), 0.5)
    assert np.isnan(recall)
    assert ids.tolist() == []
    recall, ids = compute_recall(boxes[[0, 0]], boxes, 0.5)
    assert (recall, ids.tolist()) == (0.5, [0, 1])


@pytest.mark.parametrize(
    "function, parameters",
    [
        (compute_matches, (*NAMES, "iou_threshold", "score_threshold")),
        (compute_ap, (*NAMES, "iou_threshold")),
        (
            compute_ap_range,
            ("gt_box", "gt_class_id", "gt_mask", "pred_box", "pred_class_id", "pred_score", "pred_mask")
            + ("iou_thresholds", "verbose"),
        ),
        (compute_recall, ("pred_boxes", "gt_boxes", "iou")),
    ],
)
def test_parameters_have_the_original_names(function, parameters):
    assert tuple(inspect.signature(function).parameters) == tuple(parameters)
