"""CropAndResize against TensorFlow's kernel; its gradient, which is its own, against the slow reference."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn_roi.layers import CropAndResize
from tests.layers.pooling_cases import (
    BOXES,
    WAYS,
    assert_close,
    by_image,
    example,
    forward_and_gradient,
    reference_gradient,
)
from tests.ops import pooling_references as slow


def normalized(boxes, map_shape, scale):
    """Boxes in pixels of an image of map size / scale pixels, in the frame of the original's norm_boxes. float32."""
    height, width = (np.float32(size) / np.float32(scale) for size in map_shape[:2])
    shift = np.array([0, 0, 1, 1], np.float32)
    return (boxes - shift) / np.array([height - 1, width - 1, height - 1, width - 1], np.float32)


def kernel(feature_map, boxes, bins, scale):
    """[B, N, ph, pw, C] by TensorFlow's kernel."""
    flat = np.reshape(normalized(boxes, feature_map.shape[1:], scale), (-1, 4))
    owner = np.repeat(np.arange(len(boxes)), boxes.shape[1])
    return np.reshape(
        tf.image.crop_and_resize(feature_map, flat, owner, bins), (*boxes.shape[:2], *bins, feature_map.shape[-1])
    )


def compare(boxes, feature_map, upstream, scale, way="eager"):
    bins = upstream.shape[2:4]
    pooled, gradient, box_gradient = forward_and_gradient(CropAndResize(bins, scale), boxes, feature_map, upstream, way)
    norm = normalized(boxes, feature_map.shape[1:], scale)
    assert_close(pooled, by_image(slow.crop_and_resize, feature_map, norm, bins))
    assert_close(pooled, kernel(feature_map, boxes, bins, scale), 1e-6 if way == "eager" else 1e-5)

    def crops(boxes, map_shape):
        return slow.crop_bins(boxes, map_shape, bins)

    assert_close(gradient, reference_gradient(crops, feature_map, norm, upstream, "mean"))
    return box_gradient


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scale,bins", [(1.0, (2, 3)), (0.25, (1, 1)), (0.3, (4, 2))])
def test_forward_and_gradient(way, scale, bins):
    boxes, feature_map, upstream = example(1, bins=bins, scale=scale)
    boxes[0, 0] = 0  # padding
    boxes[0, 1] = boxes[0, 1, [2, 3, 0, 1]]  # reversed: sampled backwards
    box_gradient = compare(boxes, feature_map, upstream, scale, way)
    if way != "jit":
        assert box_gradient is None


@given(
    BOXES,
    st.sampled_from([1.0, 0.25, 0.3]),
)
@settings(max_examples=40, deadline=None)
def test_any_boxes_equal_the_kernel_and_the_slow_reference(boxes, scale):
    _, feature_map, upstream = example(2, batch=1, count=4, size=(6, 9), channels=2)
    compare(np.array([boxes], np.float32) / np.float32(scale), feature_map, upstream, scale)


def test_the_corners_of_the_image_are_the_corners_of_the_map():
    """The last pixel's centre lies on the last cell's centre: the original's frame, not RoIAlign's."""
    feature_map = np.arange(12, dtype=np.float32).reshape(1, 3, 4, 1)
    pooled = CropAndResize((3, 4), 0.25)([np.array([[[0, 0, 12, 16]]], np.float32), feature_map])
    assert_close(pooled[0], feature_map)


def test_the_gradient_loses_nothing_when_all_boxes_meet():
    """TensorFlow's own kernel drops updates here: many boxes on the same cells, added by several threads."""
    boxes = np.tile(np.array([10.3, 10.3, 14.6, 14.6], np.float32), (1, 600, 1))
    upstream = np.ones((1, 600, 7, 7, 32), np.float32)
    feature_map = np.zeros((1, 64, 64, 32), np.float32)
    _, gradient, _ = forward_and_gradient(CropAndResize(7), boxes, feature_map, upstream)
    assert np.sum(gradient, dtype=np.float64) == pytest.approx(upstream.size, rel=1e-4)
