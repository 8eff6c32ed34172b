"""Wrong calls of the pooling layers are refused with what was expected and what came."""

import keras
import numpy as np
import pytest

from mrcnn_roi.layers import CropAndResize, PyramidROIAlign, ROIAlign, ROIPool, ROIWarp
from tests.layers.pooling_cases import example

KINDS = [ROIAlign, ROIPool, ROIWarp, CropAndResize]
kinds = pytest.mark.parametrize("kind", KINDS)

BAD_INPUTS = {
    "rank 2 boxes": (lambda boxes, m: [boxes[0], m], r"expected boxes of rank 3.*received shape \(5, 4\)"),
    "5 columns": (
        lambda boxes, m: [np.pad(boxes, [(0, 0)] * 2 + [(1, 0)]), m],
        r"expected .*4.*received shape \(2, 5, 5\)",
    ),
    "int boxes": (lambda boxes, m: [boxes.astype("int32"), m], "expected .*floating dtype, received .*int32"),
    "int map": (lambda boxes, m: [boxes, m.astype("int32")], "expected .*floating dtype, received .*int32"),
    "rank 3 map": (lambda boxes, m: [boxes, m[0]], r"expected feature maps? of rank 4.*received shape \(8, 11, 3\)"),
    "missing map": (lambda boxes, m: [boxes], "expected a list of 2 inputs.*received 1 input"),
    "two maps": (lambda boxes, m: [boxes, m, m], "expected a list of 2 inputs.*received 3 inputs"),
    "the wrong way round": (lambda boxes, m: [m, boxes], "expected .*rank 3.*received shape"),
    "batch": (lambda boxes, m: [boxes[:1], m], r"expected the same batch size.*received \[1, 2"),
}


@kinds
@pytest.mark.parametrize("name", BAD_INPUTS)
@pytest.mark.parametrize("symbolic", [False, True], ids=["eager", "symbolic"])
def test_wrong_inputs_are_refused(kind, name, symbolic):
    spoil, message = BAD_INPUTS[name]
    inputs = spoil(*example()[:2])
    if symbolic:
        inputs = [keras.Input(batch_shape=each.shape, dtype=each.dtype.name) for each in inputs]
    with pytest.raises(ValueError, match=message):
        kind(7)(inputs)


@kinds
def test_boxes_alone_are_refused(kind):
    with pytest.raises(ValueError, match="expected a list of 2 inputs.*received"):
        kind(7)(example()[0])


@kinds
@pytest.mark.parametrize(
    "arguments,message",
    [
        ({"pool_shape": 0}, "expected pool_shape .* received 0"),
        ({"pool_shape": (7, -1)}, "expected pool_shape .* received"),
        ({"pool_shape": (7, 7, 7)}, "expected pool_shape .* received"),
        ({"pool_shape": 7, "spatial_scale": 0}, "expected spatial_scale .* received 0"),
        ({"pool_shape": 7, "spatial_scale": -0.25}, "expected spatial_scale .* received -0.25"),
        ({"pool_shape": 7, "spatial_scale": float("nan")}, "expected spatial_scale .* received nan"),
        ({"pool_shape": 7, "spatial_scale": float("inf")}, "expected spatial_scale .* received inf"),
        ({"pool_shape": 7, "spatial_scale": "1/4"}, "expected spatial_scale .* received '1/4'"),
        ({"pool_shape": 7, "check": "maybe"}, "expected check .* received 'maybe'"),
    ],
)
def test_wrong_arguments_are_refused(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        kind(**arguments)


@pytest.mark.parametrize("kind", [ROIAlign, ROIWarp, PyramidROIAlign])
@pytest.mark.parametrize(
    "arguments,message",
    [
        ({"aggregate": "sum"}, "expected aggregate .* received 'sum'"),
        ({"sampling_ratio": 1.5}, "expected sampling_ratio .* received 1.5"),
        ({"sampling_ratio": -2}, "expected sampling_ratio .* received -2"),
        ({"sampling_ratio": "2"}, "expected sampling_ratio .* received '2'"),
    ],
)
def test_wrong_sampling_is_refused(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        kind(7, **arguments)


@pytest.mark.parametrize("method", ["crop_and_resize", "roi_align", "roi_pool", "roi_warp"])
def test_maps_that_look_like_channels_first_are_refused_by_every_method(method):
    boxes = example()[0]
    maps = [np.zeros((2, 3, 16 // 2**i, 24 // 2**i), np.float32) for i in range(2)]
    with pytest.raises(ValueError, match="expected channels last.*received maps that look like"):
        PyramidROIAlign(7, method, levels=(2, 3))([boxes, np.zeros((2, 14), np.float32), *maps])


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="expected method to be one of .*roi_warp.* received 'roialign'"):
        PyramidROIAlign(7, "roialign")


@kinds
def test_nothing_is_checked_when_off(kind):
    boxes, feature_map, _ = example()
    assert kind(7, check="off")((boxes, feature_map)).shape == (2, 5, 7, 7, 3)
