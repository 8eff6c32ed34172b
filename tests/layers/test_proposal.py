from types import SimpleNamespace

import numpy as np
import pytest

from mrcnn_roi.layers import ProposalLayer
from tests.layers.check_layer import check_layer


@pytest.mark.parametrize("case", ["c0", "c1", "c2"])
def test_golden_proposals(golden, case, tmp_path):
    g = golden("proposal_layer")
    c = g.config[case]
    config = SimpleNamespace(PRE_NMS_LIMIT=c["PRE_NMS_LIMIT"], RPN_BBOX_STD_DEV=np.array([0.1, 0.1, 0.2, 0.2]))
    layer = ProposalLayer(c["proposal_count"], c["nms_threshold"], config)
    proposals = check_layer(layer, [g[f"{case}_rpn_probs"], g[f"{case}_rpn_bbox"], g[f"{case}_anchors"]], tmp_path)
    np.testing.assert_allclose(proposals, g[f"{case}_proposals"], rtol=1e-5, atol=1e-6)


def test_one_set_of_anchors_serves_the_whole_batch(golden):
    g = golden("proposal_layer")
    probs, deltas, anchors = (g[f"c1_{name}"] for name in ("rpn_probs", "rpn_bbox", "anchors"))
    layer = ProposalLayer(50, 0.7)
    np.testing.assert_array_equal(
        layer([probs, deltas, anchors[:1]]), layer([probs, deltas, np.repeat(anchors[:1], 2, axis=0)])
    )


def test_boxes_without_area_survive_and_appear_once():
    anchors = np.array([[[0.2, 0.2, 0.2, 0.2], [0.1, 0.1, 0.6, 0.6], [0.2, 0.2, 0.2, 0.2]]], "float32")
    probs = np.array([[[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]]], "float32")
    proposals = ProposalLayer(5, 0.7)([probs, np.zeros((1, 3, 4), "float32"), anchors])
    np.testing.assert_allclose(proposals[0, :3], anchors[0, [0, 1, 2]])
    np.testing.assert_array_equal(proposals[0, 3:], np.zeros((2, 4)))
