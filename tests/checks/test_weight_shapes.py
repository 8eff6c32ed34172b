"""Shapes from a config's numbers, and how the weights of a layer find each other."""

import csv
from types import SimpleNamespace

import pytest

from mrcnn_roi.checks.weight_shapes import (
    base_name,
    expected_weight_shapes,
    expected_weights,
    match_weights,
    owner,
    same_shape,
    unsuffixed,
)

from .weight_files import config


@pytest.mark.parametrize("backbone", ["resnet50", "resnet101"])
@pytest.mark.parametrize("mode", ["training", "inference"])
def test_the_original_has_the_same_weights(shared, backbone, mode):
    table: dict = {}
    with (shared / "tables" / f"weights_{backbone}_{mode}.csv").open() as file:
        for row in csv.DictReader(file):
            shape = tuple(int(side) for side in row["shape"].split("x"))
            table.setdefault(row["h5_group(layer name)"], []).append((row["weight_name"], shape))
    layers = expected_weights(config(BACKBONE=backbone, NUM_CLASSES=81))
    assert {layer: [(f"{name}:0", shape) for name, shape in weights] for layer, weights in layers.items()} == table


def test_own_backbone_leaves_its_channels_open():
    shapes = expected_weight_shapes(config(BACKBONE=lambda *args: None))
    assert shapes["fpn_c5p5"] == [(1, 1, None, 256), (256,)]
    assert "conv1" not in shapes
    assert len(shapes) == 131 - 2 * 53  # 53 convolutions with their normalization


def test_numbers_that_shapes_follow():
    shapes = expected_weight_shapes(
        config(
            IMAGE_CHANNEL_COUNT=5,
            TOP_DOWN_PYRAMID_SIZE=64,
            FPN_CLASSIF_FC_LAYERS_SIZE=32,
            POOL_SIZE=9,
            RPN_ANCHOR_RATIOS=[1, 2],
            NUM_CLASSES=7,
            RPN_CONV_SIZE=24,
            MASK_CONV_SIZE=48,
        )  # fmt: skip
    )
    assert shapes["conv1"] == [(7, 7, 5, 64), (64,)]
    assert shapes["rpn_model"] == [(3, 3, 64, 24), (24,), (1, 1, 24, 4), (4,), (1, 1, 24, 8), (8,)]
    assert shapes["mrcnn_class_conv1"] == [(9, 9, 64, 32), (32,)]
    assert shapes["mrcnn_bbox_fc"] == [(32, 28), (28,)]
    assert shapes["mrcnn_mask_conv1"] == [(3, 3, 64, 48), (48,)]
    assert shapes["mrcnn_mask"] == [(1, 1, 48, 7), (7,)]


@pytest.mark.parametrize(
    "attributes",
    [{"NUM_CLASSES": 0}, {"NUM_CLASSES": "4"}, {"POOL_SIZE": 7.5}, {"BACKBONE": "vgg"}, {"BACKBONE": 50},
     {"RPN_ANCHOR_RATIOS": []}, {"RPN_ANCHOR_RATIOS": 1}, {"MASK_CONV_SIZE": None}],
)  # fmt: skip
def test_unusable_numbers(attributes):
    (name,) = attributes
    with pytest.raises(ValueError, match=f"expected {name} to be .*, received"):
        expected_weight_shapes(config(**attributes))


def test_a_config_without_the_numbers():
    with pytest.raises(ValueError, match="expected a config with NUM_CLASSES"):
        expected_weight_shapes(SimpleNamespace())


KERNEL, BIAS = ("conv/kernel", (1, 1, 4, 4)), ("conv/bias", (4,))
STAT = [("bn/gamma", (4,)), ("bn/beta", (4,))]
NESTED = [("a/kernel", (4,)), ("b/kernel", (4,))]
MATCHES = {
    "by position": ([KERNEL, BIAS], [KERNEL, BIAS], [0, 1]),
    "by name where positions differ": ([BIAS, KERNEL], [KERNEL, BIAS], [1, 0]),
    "position before names": (STAT[::-1], STAT, [0, 1]),
    "foreign names": ([("conv1_W_1:0", (1, 1, 4, 4)), ("conv1_b_1:0", (4,))], [KERNEL, BIAS], [0, 1]),
    "names before position in nested models": (NESTED[::-1], NESTED, [1, 0]),
    "nested, suffixed": ([("b_1/kernel:0", (4,)), ("a_1/kernel:0", (4,))], NESTED, [1, 0]),
    "nested, other names": ([("x/kernel:0", (4,)), ("y/kernel:0", (4,))], NESTED, [0, 1]),
    "nested, one name twice": ([("a/kernel:0", (4,)), ("a/kernel:0", (4,))], NESTED, [0, 1]),
    "open channels": ([("c/kernel", (1, 1, 99, 4))], [("c/kernel", (1, 1, None, 4))], [0]),
    "other shape": ([("c/kernel", (1, 1, 3, 4))], [("c/kernel", (1, 1, 2, 4))], None),
    "other number": ([KERNEL], [KERNEL, BIAS], None),
    "nothing": ([], [], []),
}


@pytest.mark.parametrize("stored, wanted, expected", MATCHES.values(), ids=MATCHES)
def test_match_weights(stored, wanted, expected):
    assert match_weights(stored, wanted) == expected


PARTS = {
    "conv1/kernel:0": ("conv1", "kernel"),
    "rpn_model/rpn_class_raw/bias": ("rpn_class_raw", "bias"),
    "conv1_W_1:0": ("", "conv1_W_1"),
    "": ("", ""),
}


@pytest.mark.parametrize("name, parts", PARTS.items())
def test_parts_of_names(name, parts):
    assert (owner(name), base_name(name)) == parts


@pytest.mark.parametrize("name, bare", [("rpn_class_raw_12", "rpn_class_raw"), ("fpn_p2", "fpn_p2"), ("a_1b", "a_1b")])
def test_unsuffixed(name, bare):
    assert unsuffixed(name) == bare


def test_shapes_of_other_rank_differ():
    assert not same_shape((1, 2), (1, 2, 3))
