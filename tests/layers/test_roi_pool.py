"""ROIPool against torchvision's numbers and against the slow reference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn_roi.layers import ROIPool
from tests.layers.pooling_cases import (
    BOXES,
    WAYS,
    assert_close,
    by_image,
    example,
    forward_and_gradient,
    reference_gradient,
    torchvision_cases,
)
from tests.ops import pooling_references as slow

GOLDENS = torchvision_cases("roi_pool")
COMPILED = ["wide-0.3-(2,3)", "ties-1.0-(2,3)"]


@pytest.mark.parametrize(
    "name,way", [(name, way) for name in GOLDENS for way in WAYS if way == "eager" or name in COMPILED]
)
def test_torchvision_numbers(name, way):
    """ "ties" holds maps of few values, most of them 0: the gradient goes to the first of the largest cells."""
    case = GOLDENS[name]
    layer = ROIPool(tuple(case.settings["pool_shape"]), case.settings["spatial_scale"])
    pooled, gradient, _ = forward_and_gradient(layer, case.boxes, case.feature_map, case.upstream, way)
    np.testing.assert_array_equal(pooled, case.pooled)
    assert_close(gradient, case.gradient)


def test_the_goldens_named_above_exist():
    assert set(COMPILED) <= set(GOLDENS)


@given(
    BOXES,
    st.sampled_from([1.0, 0.25, 0.3]),
    st.booleans(),
)
@settings(max_examples=20, deadline=None)
def test_any_boxes_equal_the_slow_reference(boxes, scale, ties):
    _, feature_map, upstream = example(2, batch=1, count=4, size=(6, 9), channels=2)
    feature_map = np.maximum(np.round(feature_map), 0) if ties else feature_map
    boxes = np.array([boxes], np.float32) / np.float32(scale)
    pooled, gradient, _ = forward_and_gradient(ROIPool((2, 3), scale), boxes, feature_map, upstream)

    def bins(boxes, map_shape):
        return slow.pool_bins(boxes, map_shape, (2, 3), scale)

    np.testing.assert_array_equal(pooled, by_image(slow.roi_pool, feature_map, boxes, (2, 3), scale).astype(np.float32))
    assert_close(gradient, reference_gradient(bins, feature_map, boxes, upstream, "max"))


@pytest.mark.parametrize("way", WAYS)
def test_bins_without_cells_are_zero_not_the_smallest_number(way):
    feature_map = np.full((1, 4, 4, 1), -1.0, np.float32)
    boxes = np.array([[[-9, -9, -6, -6], [6, 6, 9, 9], [-4, 0, 3, 3]]], np.float32)
    upstream = np.ones((1, 3, 2, 2, 1), np.float32)
    pooled, gradient, _ = forward_and_gradient(ROIPool(2), boxes, feature_map, upstream, way)
    np.testing.assert_array_equal(np.reshape(pooled, (3, 4)), [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, -1, -1]])
    assert np.sum(gradient) == pytest.approx(2)


@pytest.mark.parametrize("way", ["eager", "graph"])
def test_no_gradient_to_the_boxes(way):
    boxes, feature_map, upstream = example(7)
    assert forward_and_gradient(ROIPool((2, 3)), boxes, feature_map, upstream, way)[2] is None


def test_every_bin_is_rounded_outwards():
    """A RoI of cells 0..4 in two bins: the cell in the middle belongs to both (Fast R-CNN)."""
    feature_map = np.arange(5, dtype=np.float32).reshape(1, 1, 5, 1)
    feature_map[0, 0, 2] = 9
    pooled = ROIPool((1, 2))([np.array([[[0, 0.4, 0, 3.5]]], np.float32), feature_map])
    np.testing.assert_array_equal(np.ravel(pooled), [9, 9])
