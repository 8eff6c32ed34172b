from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from mrcnn_roi.ops import anchors as ops
from mrcnn_roi.ops.boxes import norm_boxes


def cases(arrays):
    return sorted({name.split("_")[0] for name in arrays})


def test_golden_pyramids(golden):
    g = golden("anchors")
    assert len(cases(g)) > 1
    for case in cases(g):
        shape, strides = g[f"{case}_image_shape"], g[f"{case}_strides"]
        shapes = ops.feature_shapes(shape, strides)
        np.testing.assert_array_equal(shapes, g[f"{case}_backbone_shapes"])
        anchors = ops.generate_pyramid_anchors(
            g[f"{case}_scales"], g[f"{case}_ratios"], shapes, strides, int(g[f"{case}_anchor_stride"])
        )
        assert len(anchors) == g[f"{case}_n_anchors"]
        index = g[f"{case}_index"]
        np.testing.assert_allclose(anchors[index], g[f"{case}_anchors"], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(anchors.sum(axis=0), g[f"{case}_column_sum"], rtol=1e-9)
        np.testing.assert_allclose(np.abs(anchors).sum(), g[f"{case}_abs_sum"], rtol=1e-9)
        np.testing.assert_allclose(norm_boxes(anchors, shape[:2])[index], g[f"{case}_normalized"], rtol=1e-6, atol=1e-7)


def test_tensor_shapes_give_the_same_anchors():
    args = (8, 16), [0.5, 1, 2]
    strides = (4, 8)
    shapes = np.array([[5, 7], [3, 4]])
    expected = ops.generate_pyramid_anchors(*args, shapes, strides, 2)
    actual = ops.generate_pyramid_anchors(*args, [tf.constant(s, tf.int32) for s in shapes], strides, 2)
    np.testing.assert_array_equal(actual, expected)


def test_the_default_pyramid_has_261888_anchors():
    strides = (4, 8, 16, 32, 64)
    shapes = ops.feature_shapes((1024, 1024, 3), strides)
    assert len(ops.generate_pyramid_anchors((32, 64, 128, 256, 512), (0.5, 1, 2), shapes, strides, 1)) == 261888


def test_several_scales_on_one_level_are_ratio_major():
    anchors = ops.generate_anchors([8, 16], [1, 4], (1, 1), 4, 1)
    widths = anchors[:, 3] - anchors[:, 1]
    np.testing.assert_allclose(widths, [8, 16, 16, 32])


def test_a_backbone_function_needs_a_shape_function():
    config = SimpleNamespace(BACKBONE=lambda image: image, COMPUTE_BACKBONE_SHAPE=None, BACKBONE_STRIDES=[4])
    with pytest.raises(ValueError, match="expected COMPUTE_BACKBONE_SHAPE.*received None"):
        ops.compute_backbone_shapes(config, (64, 64))
    config.COMPUTE_BACKBONE_SHAPE = lambda shape: [[shape[0] // 4, shape[1] // 4]]
    np.testing.assert_array_equal(ops.compute_backbone_shapes(config, (64, 32)), [[16, 8]])
