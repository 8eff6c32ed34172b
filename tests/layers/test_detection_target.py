from types import SimpleNamespace

import numpy as np
import pytest

from mrcnn_roi.layers import DetectionTargetLayer
from tests.layers.check_layer import check_layer


def layer_of(config, **more):
    defaults = {"ROI_POSITIVE_RATIO": 0.33, "BBOX_STD_DEV": np.array([0.1, 0.1, 0.2, 0.2]), "MASK_SHAPE": [28, 28]}
    return DetectionTargetLayer(SimpleNamespace(**{**defaults, **config}), **more)


def in_blocks(positives, negatives, *arrays):
    """Rows of the positive and of the negative block sorted by RoI: the order within a block is random."""
    rois = np.asarray(arrays[0])
    order = np.lexsort(rois[:positives].T[::-1])
    order = np.concatenate([order, positives + np.lexsort(rois[positives : positives + negatives].T[::-1])])
    order = np.concatenate([order, np.arange(positives + negatives, len(rois))])
    return [np.asarray(each)[order] for each in arrays]


@pytest.mark.parametrize("index", range(4))
def test_golden_targets(golden, index, tmp_path):
    g = golden(f"detection_targets_{index}")
    inputs = [g[name] for name in ("proposals", "gt_class_ids", "gt_boxes", "gt_masks")]
    results = check_layer(layer_of(g.config, seed=3), inputs, tmp_path)
    for image, (positives, negatives) in enumerate(g["counts"]):
        rois, class_ids, deltas, masks = in_blocks(positives, negatives, *(np.asarray(r)[image] for r in results))
        np.testing.assert_allclose(rois, g["rois"][image], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(class_ids, g["class_ids"][image])
        np.testing.assert_allclose(deltas, g["deltas"][image], rtol=1e-4, atol=1e-5)
        assert np.mean(masks != g["masks"][image]) <= 0.002


def crowded_scene(count):
    rng = np.random.default_rng(0)
    gt = np.array([[0.2, 0.2, 0.6, 0.6]], "float32")
    near = gt + rng.uniform(-0.03, 0.03, (count, 4))
    far = np.tile([0.7, 0.7, 0.9, 0.9], (count, 1)) + rng.uniform(-0.05, 0.05, (count, 4))
    proposals = np.concatenate([near, far])[None].astype("float32")
    return [proposals, np.array([[3]], "int32"), gt[None], np.ones((1, 28, 28, 1), bool)]


def test_positives_and_negatives_are_bounded_and_drawn_anew():
    layer = layer_of({"TRAIN_ROIS_PER_IMAGE": 30, "USE_MINI_MASK": True})
    first, second = (np.asarray(layer(crowded_scene(50))[0]) for _ in range(2))
    ids = np.asarray(layer(crowded_scene(50))[1])
    assert (ids > 0).sum() == 9  # int(30 * 0.33)
    assert (np.abs(first).sum(-1) > 0).sum() == int(9 / 0.33)
    assert not np.array_equal(first, second)


def test_an_image_without_objects_has_no_targets():
    proposals, ids, boxes, masks = crowded_scene(5)
    layer = layer_of({"TRAIN_ROIS_PER_IMAGE": 12, "USE_MINI_MASK": True})
    for result in layer([proposals, ids * 0, boxes * 0, masks]):
        assert not np.asarray(result).any()


def test_crowds_keep_negatives_away():
    proposals, ids, boxes, masks = crowded_scene(20)
    boxes = np.concatenate([boxes, [[[0.6, 0.6, 1.0, 1.0]]]], axis=1).astype("float32")
    masks = np.concatenate([masks, masks], axis=3)
    layer = layer_of({"TRAIN_ROIS_PER_IMAGE": 30, "USE_MINI_MASK": True})
    with_crowd = np.asarray(layer([proposals, np.array([[3, -3]], "int32"), boxes, masks])[0])
    assert (np.abs(with_crowd).sum(-1) > 0).sum() == 9  # positives only: every negative lies in the crowd
