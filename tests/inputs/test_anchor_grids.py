"""Both kinds of anchor grid against the full table of overlaps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn_roi.inputs.anchor_grids import AnchorBlocks, AnchorPyramid, anchor_blocks, grid_of, molded_anchors
from mrcnn_roi.ops.anchors import compute_backbone_shapes, generate_pyramid_anchors
from mrcnn_roi.ops.boxes import compute_overlaps


def pyramid(config, image_shape):
    return generate_pyramid_anchors(
        config.RPN_ANCHOR_SCALES,
        config.RPN_ANCHOR_RATIOS,
        compute_backbone_shapes(config, image_shape),
        config.BACKBONE_STRIDES,
        config.RPN_ANCHOR_STRIDE,
    )


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    least=st.sampled_from([0.0, 0.001, 0.3, 0.7]),
    stride=st.sampled_from([1, 2, 3]),
    ratios=st.sampled_from([[0.5, 1, 2], [1], [0.13, 3.7]]),
    whole=st.booleans(),
)
def test_near_is_the_full_table_where_it_reaches_the_least(make_config, seed, least, stride, ratios, whole):
    rng = np.random.default_rng(seed)
    shape = rng.integers(64, 300, 2)
    config = make_config(RPN_ANCHOR_STRIDE=stride, RPN_ANCHOR_RATIOS=ratios, RPN_ANCHOR_SCALES=(20, 45, 90, 200, 350))
    corners = rng.uniform(-40, 320, (2, rng.integers(0, 12), 2))
    boxes = np.concatenate([corners.min(axis=0), corners.max(axis=0)], axis=1)  # some leave the image
    boxes = np.round(boxes) if whole else boxes
    boxes[::5, 2] = boxes[::5, 0]  # without area
    boxes[1::7, 2] = boxes[1::7, 0] + 300  # needles
    boxes[1::7, 3] = boxes[1::7, 1] + 2
    grid = molded_anchors(config, (*shape, 3))
    expected = compute_overlaps(boxes, grid.anchors)
    wanted = {(i, j) for i, j in np.argwhere((expected >= least) & (expected > 0))}
    for each in (grid, anchor_blocks(grid.anchors)):
        number, index, iou = each.near(boxes, least)
        assert {*zip(number, index)} == wanted
        np.testing.assert_array_equal(iou, expected[number, index])  # to the bit


def test_many_boxes_are_looked_at_in_parts(make_config):
    rng = np.random.default_rng(0)
    top_left = rng.uniform(0, 100, (100, 2))
    boxes = np.concatenate([top_left, top_left + rng.uniform(5, 150, (100, 2))], axis=1)
    grid = molded_anchors(make_config(), (256, 256, 3))
    expected = compute_overlaps(boxes, grid.anchors)
    number, index, iou = grid.near(boxes, 0.3)
    found = np.zeros(expected.shape)
    found[number, index] = iou
    np.testing.assert_array_equal(found, np.where(expected >= 0.3, expected, 0))


def test_no_boxes(make_config):
    grid = molded_anchors(make_config(), (128, 128, 3))
    for each in (grid, anchor_blocks(grid.anchors)):
        assert [part.shape for part in each.near(np.zeros((0, 4)), 0.3)] == [(0,)] * 3


def test_molded_anchors_follow_the_image_and_are_kept(make_config):
    config = make_config()
    grid = molded_anchors(config, (192, 320, 3))
    np.testing.assert_array_equal(grid.anchors, pyramid(config, (192, 320)))
    assert molded_anchors(config, (192, 320, 3)) is grid
    assert len(molded_anchors(config, (128, 128, 3)).anchors) == 4092
    with pytest.raises(ValueError, match="read-only"):
        grid.anchors[0] = 0


def test_only_anchors_of_the_config_are_taken_for_its_pyramid(make_config):
    config, shape = make_config(), (192, 320, 3)
    anchors = pyramid(config, shape)
    assert isinstance(grid_of(anchors, shape, config), AnchorPyramid)
    assert isinstance(grid_of(anchors[::-1], shape, config), AnchorBlocks)
    assert isinstance(grid_of(anchors, (320, 192, 3), config), AnchorBlocks)
    assert isinstance(grid_of(anchors, None, config), AnchorBlocks)


def test_the_last_block_may_be_short():
    anchors = np.tile([[0.0, 0.0, 10.0, 10.0]], (100, 1))
    _, index, iou = anchor_blocks(anchors).near([[0.0, 0.0, 10.0, 10.0]], 0.3)
    np.testing.assert_array_equal(index, np.arange(100))
    assert (iou == 1).all()
