from types import SimpleNamespace

import numpy as np
import pytest

from mrcnn_roi.layers import DetectionLayer
from tests.layers.check_layer import check_layer


@pytest.mark.parametrize("case", ["c0", "c1", "c2", "c3"])
def test_golden_detections(golden, case, tmp_path):
    g = golden("detection_layer")
    config = SimpleNamespace(**g.config[case], BBOX_STD_DEV=np.array([0.1, 0.1, 0.2, 0.2]))
    inputs = [g[f"{case}_{name}"] for name in ("rois", "probs", "deltas", "image_meta")]
    detections = check_layer(DetectionLayer(config), inputs, tmp_path)
    np.testing.assert_allclose(detections, g[f"{case}_detections"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("confidence", [0, None])
def test_without_a_confidence_limit_every_score_counts(confidence):
    rois = np.array([[[0.1, 0.1, 0.4, 0.4], [0.5, 0.5, 0.9, 0.9]]], "float32")
    probs = np.array([[[0.3, 0.7], [0.49, 0.51]]], "float32")
    meta = np.zeros((1, 14), "float32")
    meta[0, 4:11] = 64, 64, 3, 0, 0, 64, 64
    layer = DetectionLayer(min_confidence=confidence, max_instances=3)
    detections = np.asarray(layer([rois, probs, np.zeros((1, 2, 2, 4), "float32"), meta]))
    np.testing.assert_allclose(detections[0, :, 5], [0.7, 0.51, 0])
    assert (
        np.count_nonzero(
            np.asarray(DetectionLayer(min_confidence=0.6)([rois, probs, np.zeros((1, 2, 2, 4), "float32"), meta]))[
                0, :, 4
            ]
        )
        == 1
    )


def test_each_image_has_its_own_window():
    rois = np.tile(np.array([[[0.0, 0.0, 1.0, 1.0]]], "float32"), (2, 1, 1))
    probs = np.tile(np.array([[[0.1, 0.9]]], "float32"), (2, 1, 1))
    meta = np.zeros((2, 14), "float32")
    meta[:, 4:7] = 101, 101, 3
    meta[0, 7:11] = 0, 0, 101, 101
    meta[1, 7:11] = 25, 0, 76, 101
    detections = np.asarray(DetectionLayer()([rois, probs, np.zeros((2, 1, 2, 4), "float32"), meta]))
    np.testing.assert_allclose(detections[0, 0, :4], [0, 0, 1, 1])
    np.testing.assert_allclose(detections[1, 0, :4], [0.25, 0, 0.75, 1], atol=1e-6)
