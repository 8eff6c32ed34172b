"""ROIWarp against the slow reference, and equal to ROIAlign where nothing is rounded."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn_roi.layers import ROIAlign, ROIWarp
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


def compare(layer, boxes, feature_map, upstream, scale, ratio, aggregate, way="eager"):
    pooled, gradient, box_gradient = forward_and_gradient(layer, boxes, feature_map, upstream, way)

    def bins(boxes, map_shape):
        return slow.warp_bins(boxes, map_shape, upstream.shape[2:4], scale, ratio)

    expected = by_image(slow.roi_warp, feature_map, boxes, upstream.shape[2:4], scale, aggregate, ratio)
    assert_close(pooled, expected)
    assert_close(gradient, reference_gradient(bins, feature_map, boxes, upstream, aggregate))
    return box_gradient


@given(
    BOXES,
    st.sampled_from([1, 2, 3, 0]),
    st.sampled_from(["mean", "max"]),
    st.sampled_from([1.0, 0.25, 0.3]),
)
@settings(max_examples=20, deadline=None)
def test_any_boxes_equal_the_slow_reference(boxes, ratio, aggregate, scale):
    _, feature_map, upstream = example(2, batch=1, count=4, size=(6, 9), channels=2)
    boxes = np.array([boxes], np.float32) / np.float32(scale)
    layer = ROIWarp((2, 3), scale, aggregate, sampling_ratio=ratio)
    compare(layer, boxes, feature_map, upstream, scale, ratio, aggregate)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("arguments,ratio,aggregate", [({}, 2, "max"), ({"aggregate": "mean"}, 2, "mean")])
def test_forward_and_gradient(way, arguments, ratio, aggregate):
    """The largest of two samples a bin and axis is the default."""
    boxes, feature_map, upstream = example(3, scale=0.25)
    box_gradient = compare(
        ROIWarp((2, 3), 0.25, **arguments), boxes, feature_map, upstream, 0.25, ratio, aggregate, way
    )
    if way != "jit":
        assert box_gradient is None


@pytest.mark.parametrize("way,aggregate", [("eager", "max"), ("graph", "mean"), ("jit", "max")])
def test_whole_cells_equal_roi_align(way, aggregate):
    _, feature_map, upstream = example(4)
    corners = np.sort(np.random.default_rng(4).integers(-2, 13, (2, 2, 5, 2)), axis=0)
    boxes = np.concatenate([corners[0], corners[1]], axis=-1).astype(np.float32) * 4
    warp = forward_and_gradient(ROIWarp((2, 3), 0.25, aggregate), boxes, feature_map, upstream, way)
    align = forward_and_gradient(ROIAlign((2, 3), 0.25, aggregate=aggregate), boxes, feature_map, upstream, way)
    for one, other in zip(warp[:2], align[:2]):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("way", ["eager", "graph"])
def test_corners_are_rounded_halves_away_from_zero(way):
    _, feature_map, upstream = example(5, batch=1, count=4)
    halves = np.array([[[0.5, 1.5, 2.5, 4.5], [-0.5, -1.5, 3.4, 3.5], [2.2, 2.2, 2.4, 2.4], [6, 7, 3, 2]]])
    whole = np.array([[[1, 2, 3, 5], [-1, -2, 3, 4], [2, 2, 3, 3], [6, 7, 7, 8]]])
    rounded = [
        forward_and_gradient(ROIWarp((2, 3)), boxes.astype(np.float32), feature_map, upstream, way)[:2]
        for boxes in (halves, whole)
    ]
    for one, other in zip(*rounded):
        np.testing.assert_array_equal(one, other)
