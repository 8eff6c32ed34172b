"""PyramidROIAlign's methods against the slow references, level by level."""

import numpy as np
import pytest
import tensorflow as tf

from mrcnn_roi.layers import PyramidROIAlign
from mrcnn_roi.ops.levels import roi_levels
from tests.layers.pooling_cases import METHODS, assert_close, pyramid_example
from tests.ops import pooling_references as slow

methods = pytest.mark.parametrize("method", METHODS)


def slow_pyramid(boxes, meta, *maps, method, levels, bins=(2, 3), **options):
    """Every box from its own level, by the slow reference; pixels of the image scaled by map over image size."""
    image = meta[0, 4:6]
    pooled = np.zeros((*boxes.shape[:2], *bins, maps[0].shape[-1]))
    for b, n in np.ndindex(*boxes.shape[:2]):
        feature_map = maps[int(roi_levels(boxes[b, n], image, levels)) - levels[0]][b]
        if method == "crop_and_resize":
            pooled[b, n] = slow.crop_and_resize(feature_map, boxes[b, n][None], bins)[0]
            continue
        last, shift = np.tile(image, 2) - np.float32(1), np.array([0, 0, 1, 1], np.float32)
        cells = (boxes[b, n] * last + shift) * np.tile(np.float32(feature_map.shape[:2]) / image, 2)
        if method == "roi_warp":
            options = {"aggregate": "mean", **options}  # the pyramid's default; the single layer's is "max"
        pooled[b, n] = getattr(slow, method)(feature_map, cells[None], bins, **options)[0]
    return pooled


@methods
@pytest.mark.parametrize("levels", [(2,), (1, 2, 3), (2, 3, 4, 5), (0, 1, 2, 3, 4)], ids=str)
def test_pyramids_of_one_to_five_levels_equal_the_slow_reference(method, levels):
    inputs = pyramid_example(levels, image=(96, 160), count=8)
    used = set(np.ravel(roi_levels(inputs[0], (96, 160), levels)))
    assert len(used) >= min(len(levels), 2)
    assert_close(
        PyramidROIAlign((2, 3), method, levels=levels)(inputs), slow_pyramid(*inputs, method=method, levels=levels)
    )


@pytest.mark.parametrize("way", ["graph", "jit"])
@methods
def test_options_of_a_pyramid_and_its_gradient(method, way):
    """The same options as the single layers'; the gradient to the maps, checked along a random direction."""
    boxes, meta, *maps = pyramid_example()
    options = {
        "crop_and_resize": {},
        "roi_align": {"sampling_ratio": 3, "aggregate": "mean", "aligned": True},
        "roi_warp": {"sampling_ratio": 3, "aggregate": "mean"},
        "roi_pool": {},
    }[method]
    layer = PyramidROIAlign((2, 3), method, levels=(2, 3), **options)
    rng = np.random.default_rng(9)
    upstream = rng.normal(size=(2, 6, 2, 3, 3)).astype(np.float32)

    @tf.function(jit_compile=way == "jit")
    def both(boxes, *maps):
        with tf.GradientTape() as tape:
            tape.watch(maps)
            pooled = layer([boxes, meta, *maps])
            loss = tf.reduce_sum(pooled * upstream)
        return pooled, tape.gradient(loss, maps)

    pooled, gradients = both(boxes, *maps)
    expected = slow_pyramid(boxes, meta, *maps, method=method, levels=(2, 3), **options)
    assert_close(pooled, expected)
    step = 1e-4
    directions = [rng.normal(size=each.shape) for each in maps]
    moved = [each + step * direction for each, direction in zip(maps, directions)]
    ahead = slow_pyramid(boxes, meta, *moved, method=method, levels=(2, 3), **options)
    slope = np.sum((ahead - expected) * upstream) / step
    assert np.sum([np.sum(g * d) for g, d in zip(gradients, directions)]) == pytest.approx(slope, rel=1e-3)
