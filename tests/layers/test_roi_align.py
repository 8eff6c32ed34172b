"""ROIAlign against torchvision's numbers and against the slow reference."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn_roi.layers import ROIAlign
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

GOLDENS = torchvision_cases("roi_align")
# Compiling takes its time: different numbers of samples, every scale, every map.
COMPILED = ["wide-0.25-(3,2)-0-False", "wide-0.3-(2,3)-3-True", "tall-0.0625-(1,1)-1-True", "deep-1.0-(3,3)-3-True"]


def layer_of(settings, **options):
    return ROIAlign(
        tuple(settings["pool_shape"]),
        settings["spatial_scale"],
        settings["sampling_ratio"],
        settings["aligned"],
        **options,
    )


@pytest.mark.parametrize(
    "name,way",
    [
        *((name, "eager") for name in GOLDENS),
        *((name, "graph") for name in COMPILED[:2]),
        *((name, "jit") for name in COMPILED),
    ],
)
def test_torchvision_numbers(name, way):
    case = GOLDENS[name]
    pooled, gradient, _ = forward_and_gradient(
        layer_of(case.settings), case.boxes, case.feature_map, case.upstream, way
    )
    assert_close(pooled, case.pooled)
    assert_close(gradient, case.gradient)


def test_the_goldens_named_above_exist():
    assert set(COMPILED) <= set(GOLDENS)


def test_zero_and_minus_one_are_both_adaptive():
    boxes, feature_map, upstream = example(1)
    adaptive = [forward_and_gradient(ROIAlign((2, 3), 1.0, r), boxes, feature_map, upstream)[:2] for r in (0, -1)]
    for zero, minus_one in zip(*adaptive):
        np.testing.assert_array_equal(zero, minus_one)


@given(
    BOXES,
    st.sampled_from([1, 2, 3, 0]),
    st.booleans(),
    st.sampled_from(["mean", "max"]),
    st.sampled_from([1.0, 0.25, 0.3]),
)
@settings(max_examples=20, deadline=None)
def test_any_boxes_equal_the_slow_reference(boxes, ratio, aligned, aggregate, scale):
    _, feature_map, upstream = example(2, batch=1, count=4, size=(6, 9), channels=2)
    boxes = np.array([boxes], np.float32) / np.float32(scale)
    layer = ROIAlign((2, 3), scale, ratio, aligned, aggregate)
    pooled, gradient, _ = forward_and_gradient(layer, boxes, feature_map, upstream)

    def bins(boxes, map_shape):
        return slow.align_bins(boxes, map_shape, (2, 3), scale, ratio, aligned)

    assert_close(pooled, by_image(slow.roi_align, feature_map, boxes, (2, 3), scale, ratio, aligned, aggregate))
    assert_close(gradient, reference_gradient(bins, feature_map, boxes, upstream, aggregate))


@pytest.mark.parametrize("way,ratio", [("eager", 0), ("graph", 2), ("graph", 0), ("jit", 2), ("jit", 0)])
def test_the_largest_sample(way, ratio):
    boxes, feature_map, upstream = example(3)
    layer = ROIAlign((2, 3), 0.5, ratio, True, "max")
    pooled, gradient, _ = forward_and_gradient(layer, boxes * 2, feature_map, upstream, way)

    def bins(boxes, map_shape):
        return slow.align_bins(boxes, map_shape, (2, 3), 0.5, ratio, True)

    assert_close(pooled, by_image(slow.roi_align, feature_map, boxes * 2, (2, 3), 0.5, ratio, True, "max"))
    assert_close(gradient, reference_gradient(bins, feature_map, boxes * 2, upstream, "max"))


@pytest.mark.parametrize("way", WAYS)
def test_samples_outside_count_as_zero_for_the_largest_too(way):
    feature_map = np.full((1, 4, 4, 1), -1.0, np.float32)
    boxes = np.array([[[-4, 0, 4, 4], [-9, 0, -5, 4], [0, 0, 4, 4]]], np.float32)
    upstream = np.ones((1, 3, 1, 1, 1), np.float32)
    pooled, gradient, _ = forward_and_gradient(ROIAlign(1, 1.0, 2, False, "max"), boxes, feature_map, upstream, way)
    np.testing.assert_array_equal(np.ravel(pooled), [0, 0, -1])
    assert np.sum(gradient) == pytest.approx(1)  # of the last box alone


@pytest.mark.parametrize("way,aggregate", [("eager", "mean"), ("graph", "max"), ("jit", "mean")])
def test_adaptive_and_aligned_takes_no_samples_of_boxes_without_extent(way, aggregate):
    """torchvision's GPU kernel takes none either; its CPU kernel refuses boxes with one side reversed."""
    feature_map = example(4)[1][:1]
    no_extent = [[2, 4, 4, 2], [4, 2, 2, 4], [4, 4, 2, 2], [3, 3, 3, 3], [2, 3, 4, 3]]
    boxes = np.array([[*no_extent, [1, 1, 4, 4]]], np.float32)
    upstream = np.ones((1, 6, 2, 2, 3), np.float32)
    layer = ROIAlign(2, 1.0, 0, True, aggregate)
    pooled, gradient, _ = forward_and_gradient(layer, boxes, feature_map, upstream, way)
    np.testing.assert_array_equal(pooled[:, :5], np.zeros((1, 5, 2, 2, 3)))
    assert np.sum(gradient) == pytest.approx(np.sum(upstream[:, 5]), rel=1e-5)


def test_an_adaptive_box_in_the_wrong_unit_ends():
    _, feature_map, _ = example(4, batch=1)
    boxes = np.array([[[-1e6, -1e6, 1e6, 1e6], [0, 0, 8, 11]]], np.float32)
    upstream = np.ones((1, 2, 7, 7, 3), np.float32)
    pooled, gradient, _ = forward_and_gradient(ROIAlign(7, 1.0, 0), boxes, feature_map, upstream)
    assert_close(pooled[:, 1:], ROIAlign(7, 1.0, 0)([boxes[:, 1:], feature_map]))
    assert np.isfinite(gradient).all()


def smooth_boxes(scale, ratio, aligned, bins):
    """[2, 5, 4] boxes of which no sample lies on a whole cell and no side is one cell long: there are kinks."""
    corners = np.sort(np.random.default_rng(5).uniform(-0.8, 11.5, (2, 400, 2)), axis=0)
    boxes = (np.concatenate([corners[0], corners[1]], 1) / scale).astype(np.float32)
    away = slow.closest_to_a_kink(boxes, bins, scale, ratio, aligned) > 0.01
    lengths = (boxes[:, 2:] - boxes[:, :2]) * scale / (bins if ratio <= 0 else 1)
    away &= np.all(np.abs(lengths - np.round(lengths)) > 0.01, axis=1)
    return boxes[away][:10].reshape(2, 5, 4)


@pytest.mark.parametrize(
    "way,scale,ratio,aligned,aggregate",
    [
        ("eager", 0.25, 2, False, "mean"), ("graph", 0.25, 3, True, "max"), ("jit", 0.25, 2, True, "mean"),
        ("graph", 1.0, 0, True, "mean"), ("graph", 1.0, 0, True, "max"),
    ],
)  # fmt: skip
def test_gradient_to_the_boxes(way, scale, ratio, aligned, aggregate):
    _, feature_map, upstream = example(6)
    boxes = smooth_boxes(scale, ratio, aligned, (2, 3))
    layer = ROIAlign((2, 3), scale, ratio, aligned, aggregate, stop_box_gradient=False)
    pooled, map_gradient, box_gradient = forward_and_gradient(layer, boxes, feature_map, upstream, way)
    expected = np.stack(
        [
            slow.roi_align_box_gradient(m, b, u, scale, ratio, aligned, aggregate=aggregate)
            for m, b, u in zip(feature_map, boxes, upstream)
        ]
    )
    assert np.abs(expected).max() > 0.1
    assert_close(box_gradient, expected, 1e-4)
    still = ROIAlign((2, 3), scale, ratio, aligned, aggregate)
    for with_boxes, without in zip(
        (pooled, map_gradient), forward_and_gradient(still, boxes, feature_map, upstream, way)
    ):
        assert_close(with_boxes, without, 1e-6)


@pytest.mark.parametrize("way", ["eager", "graph"])
def test_no_gradient_to_the_boxes_unless_asked_for(way):
    boxes, feature_map, upstream = example(7)
    assert forward_and_gradient(ROIAlign((2, 3)), boxes, feature_map, upstream, way)[2] is None


def test_boxes_outside_get_no_gradient():
    _, feature_map, _ = example(8, batch=1)
    boxes = np.array([[[-20, -20, -10, -10]]], np.float32)
    layer = ROIAlign((2, 3), stop_box_gradient=False)
    _, _, gradient = forward_and_gradient(layer, boxes, feature_map, np.ones((1, 1, 2, 3, 3), np.float32))
    np.testing.assert_array_equal(gradient, np.zeros((1, 1, 4)))


def test_a_ramp_is_read_where_the_paper_says():
    """On a map whose values are its positions, a bin's mean is its centre; half a cell less when aligned."""
    rows, columns = np.meshgrid(np.arange(20.0), np.arange(30.0), indexing="ij")
    feature_map = tf.constant(np.stack([rows, columns], -1)[None], tf.float32)
    boxes = tf.constant([[[16.0, 8.0, 48.0, 80.0]]])
    pooled = ROIAlign((2, 3), 0.25)([boxes, feature_map])[0, 0]
    assert_close(pooled[..., 0], np.broadcast_to([[6.0], [10.0]], (2, 3)))
    assert_close(pooled[..., 1], np.broadcast_to([[5.0, 11.0, 17.0]], (2, 3)))
    assert_close(ROIAlign((2, 3), 0.25, aligned=True)([boxes, feature_map])[0, 0], pooled - 0.5)
