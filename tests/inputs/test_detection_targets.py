"""Random RoIs and numpy detection targets."""

import numpy as np
import pytest

from mrcnn_roi.inputs.detection_targets import build_detection_targets, generate_random_rois
from mrcnn_roi.ops.boxes import compute_overlaps

BOXES = np.array([[10, 10, 60, 50], [70, 60, 120, 120]], np.int32)
IDS = np.array([1, 3], np.int32)
MINI = np.ones((28, 28, 2), bool)


def golden_inputs(arrays):
    return arrays["gt_class_ids"], arrays["gt_boxes"], arrays["gt_masks_mini"]


def test_random_rois_golden(golden):
    arrays = golden("numpy_targets")
    class_ids, boxes, _ = golden_inputs(arrays)
    np.random.seed(1061)
    rois = generate_random_rois(arrays.config["IMAGE_SHAPE"], 60, class_ids, boxes)
    assert rois.dtype == np.int32
    np.testing.assert_array_equal(rois, arrays["random_rois"])


def test_detection_targets_golden(golden, make_config):
    arrays = golden("numpy_targets")
    np.random.seed(1062)
    results = build_detection_targets(arrays["random_rois"], *golden_inputs(arrays), make_config())
    for name, result in zip(("rois", "class_ids", "bboxes", "masks"), results):
        expected = arrays[f"dt_{name}"]
        assert result.dtype == expected.dtype
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("boxes", [BOXES, BOXES[:0]])
def test_random_rois_lie_in_the_image_and_have_area(boxes):
    rois = generate_random_rois((128, 100, 3), 77, None, boxes, np.random.RandomState(0))
    assert rois.shape == (77, 4)
    assert (rois[:, :2] >= 0).all()
    assert (rois[:, :2] < rois[:, 2:]).all()
    assert (rois[:, 2:] <= [128, 100]).all()
    if len(boxes):
        assert compute_overlaps(rois, boxes).max(axis=0).min() > 0.3


@pytest.mark.parametrize("box", [[0, 0, 0, 9], [0, 0, 1, 1]])
def test_no_room_for_random_rois_raises_instead_of_looping(box):
    shape = (1, 1, 3) if box == [0, 0, 1, 1] else (50, 50, 3)
    with pytest.raises(ValueError, match="expected room for a box, received rows"):
        generate_random_rois(shape, 20, np.array([1]), np.array([box]))


@pytest.mark.parametrize("mini", [True, False])
def test_mask_targets_are_the_part_inside_the_roi(make_config, mini):
    masks = np.zeros((128, 128, 1), bool)
    masks[10:60, 10:30] = True
    boxes = np.array([[10, 10, 60, 50]])
    config = make_config(USE_MINI_MASK=mini, TRAIN_ROIS_PER_IMAGE=4)
    half = np.zeros((28, 28, 1), bool)
    half[:, :14] = True
    rois = np.array([[10, 10, 60, 50], [100, 100, 120, 120]])
    results = build_detection_targets(rois, np.array([2]), boxes, half if mini else masks, config)
    which = np.flatnonzero(results[1] == 2)
    assert len(which) == 1
    mask = results[3][which[0], :, :, 2]
    assert (mask[2:-2, 2:12] > 0.5).all()
    assert (mask[:, 17:] < 0.5).all()
    assert not np.delete(results[3], 2, axis=3).any()


def test_negatives_are_repeated_and_rows_without_class_are_left_out(make_config):
    rois = np.concatenate([BOXES, [[0, 60, 20, 120]]])
    results = build_detection_targets(rois, np.array([1, 0]), BOXES, MINI, make_config())
    assert results[1].tolist() == [1] + [0] * 15
    assert results[0][0].tolist() == BOXES[0].tolist()
    negatives = {tuple(row) for row in results[0][1:].tolist()}
    assert negatives == {tuple(BOXES[1].tolist()), (0, 60, 20, 120)}
    assert not results[2][1:].any()


def test_positives_are_limited(make_config):
    rois = np.concatenate([np.tile(BOXES, (10, 1)), np.tile([[0, 60, 20, 120]], (20, 1))])
    class_ids = build_detection_targets(rois, IDS, BOXES, MINI, make_config())[1]
    assert (class_ids[:5] > 0).all()
    assert not class_ids[5:].any()


def test_positives_are_repeated_when_there_are_no_negatives(make_config):
    class_ids = build_detection_targets(BOXES, IDS, BOXES, MINI, make_config())[1]
    assert set(class_ids.tolist()) == {1, 3}


def test_an_image_without_objects_has_only_negatives(make_config):
    empty = np.zeros((28, 28, 0), bool)
    results = build_detection_targets(BOXES, IDS[:0], BOXES[:0], empty, make_config())
    assert results[0].shape == (16, 4)
    for targets in results[1:]:
        assert not targets.any()


def test_wrong_rois(make_config):
    for rois in (np.zeros((0, 4)), np.zeros((3, 5)), np.zeros(4)):
        with pytest.raises(ValueError, match=r"expected RoIs of shape \[R, 4\], received shape"):
            build_detection_targets(rois, IDS, BOXES, MINI, make_config())
    exactly_half = np.array([[0, 0, 10, 10]]), np.array([1]), np.array([[0, 0, 10, 20]])
    with pytest.raises(ValueError, match="other than 0.5"):
        build_detection_targets(*exactly_half, MINI, make_config())
