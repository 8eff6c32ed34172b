import numpy as np
import pytest
import tensorflow as tf

from mrcnn_roi.layers import DetectionLayer, ProposalLayer, glue
from mrcnn_roi.ops.anchors import generate_pyramid_anchors
from mrcnn_roi.ops.boxes import norm_boxes
from tests.layers.check_layer import check_layer

BOXES = np.array([[[501, 333, 776, 900], [0, 0, 0, 0]]], "float32")


def test_anchors_follow_the_maps(tmp_path):
    image = np.zeros((1, 96, 128, 3), "float32")
    maps = [np.zeros((1, 96 // s, 128 // s, 2), "float32") for s in (8, 16)]
    layer = glue.Anchors((16, 32), (0.5, 1, 2), (8, 16))
    anchors = check_layer(layer, [image, *maps], tmp_path)
    pixels = generate_pyramid_anchors((16, 32), (0.5, 1, 2), [(12, 16), (6, 8)], (8, 16), 1)
    np.testing.assert_allclose(anchors[0], norm_boxes(pixels, (96, 128)), atol=1e-6)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_no_dtype_policy_moves_boxes(policy):
    image = np.zeros((1, 1024, 1024, 3), "float32")
    expected = norm_boxes(BOXES, (1024, 1024))
    # Tensors, as inside a model: Keras 3.3 casts numpy arrays to the policy whatever the layer says.
    inputs = [tf.constant(BOXES), tf.constant(image)]
    np.testing.assert_allclose(glue.NormalizeBoxes(dtype=policy)(inputs), expected, atol=1e-6)

    boxes = tf.constant(expected[:, :1])
    scores = tf.constant([[[0.1, 0.9]]])
    proposals = ProposalLayer(1, 0.7, dtype=policy)([scores, tf.zeros((1, 1, 4)), boxes])
    np.testing.assert_allclose(proposals, boxes, atol=1e-6)
    meta = np.zeros((1, 14), "float32")
    meta[0, 4:11] = 1024, 1024, 3, 0, 0, 1024, 1024
    detections = DetectionLayer(dtype=policy, max_instances=1)(
        [boxes, scores, tf.zeros((1, 1, 2, 4)), tf.constant(meta)]
    )
    np.testing.assert_allclose(detections[..., :4], boxes, atol=1e-6)


def test_small_views(tmp_path):
    meta = np.arange(28, dtype="float32").reshape(2, 14)
    np.testing.assert_array_equal(check_layer(glue.ActiveClasses(), [meta], tmp_path, one=True), meta[:, 12:])
    rows = np.arange(24, dtype="float32").reshape(2, 2, 6)
    np.testing.assert_array_equal(check_layer(glue.DetectedBoxes(), [rows], tmp_path, one=True), rows[..., :4])
    np.testing.assert_array_equal(check_layer(glue.FirstRows(1), [rows], tmp_path, one=True), rows[:, :1])
    np.testing.assert_array_equal(check_layer(glue.Identity(), [rows], tmp_path, one=True), rows)
