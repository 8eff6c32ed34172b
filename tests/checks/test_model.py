"""The group "model": strides, scales and anchors against the network the config describes."""

import numpy as np
import pytest

from mrcnn_roi.findings import CHECKS, Severity

from .examples_model import EXAMPLES, SCALES, SIX, config, findings_of, own_backbone, split


def codes_of(config):
    return [finding.code for finding in findings_of({"config": config})]


def test_every_code_has_examples_and_a_documentation():
    codes = [code for code, each in CHECKS.items() if each.group == "model" and code.startswith("mdl-")]
    assert set(EXAMPLES) <= set(codes)
    assert all(len(CHECKS[code].documentation) > 60 for code in codes)


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_bad_example_gives_this_finding_alone(code):
    (finding,) = findings_of(EXAMPLES[code][0])
    assert finding.code == code
    assert finding.where
    assert finding.fix


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_good_example_gives_no_finding(code):
    assert findings_of(EXAMPLES[code][1]) == []


def test_four_scales_and_four_strides_are_one_cause():
    found = findings_of({"config": config(RPN_ANCHOR_SCALES=(32, 64, 128, 256), BACKBONE_STRIDES=[4, 8, 16, 32])})
    assert [each.code for each in found] == ["mdl-strides-vs-scales"]
    assert "(32, 64, 128, 256, 512)" in found[0].fix
    assert "[4, 8, 16, 32, 64]" in found[0].fix


@pytest.mark.parametrize("strides", [[4, 8, 16, 32], [4, 8, 16, 32, 64, 128]])
def test_more_or_fewer_strides_than_scales(strides):
    (finding,) = findings_of({"config": config(BACKBONE_STRIDES=strides)})
    assert (finding.code, finding.severity) == ("mdl-strides-vs-scales", Severity.ERROR)
    assert f"{len(strides)} BACKBONE_STRIDES for 5" in finding.message
    assert finding.fix == "set BACKBONE_STRIDES = [4, 8, 16, 32, 64]"
    both = config(BACKBONE_STRIDES=[8, 16, 32, 64, 128], RPN_ANCHOR_SCALES=(8, 16, 32))
    assert {each.code for each in findings_of({"config": both})} == {"mdl-strides-vs-scales", "mdl-strides-vs-backbone"}


def test_the_message_counts_anchors():
    small = config(
        BACKBONE="resnet50",
        BACKBONE_STRIDES=[8, 16, 32, 64, 128],
        RPN_ANCHOR_SCALES=(8, 16, 32, 64, 128),
        IMAGE_MIN_DIM=128,
        IMAGE_MAX_DIM=128,
        RPN_ANCHOR_RATIOS=[0.5, 1, 2],
    )
    (finding,) = findings_of({"config": small})
    assert "1,023 anchors" in finding.message
    assert "4,092" in finding.message


@pytest.mark.parametrize(
    "good",
    [
        config(RPN_ANCHOR_SCALES=[16, 32, 64, 128, 256], RPN_ANCHOR_RATIOS=[1], RPN_ANCHOR_STRIDE=2),
        config(BACKBONE="tiny", BACKBONE_STRIDES=np.array([4, 8, 16, 32, 64])),
        config(IMAGE_RESIZE_MODE="pad64", IMAGE_MIN_DIM=0, IMAGE_MAX_DIM=128),
        config(IMAGE_RESIZE_MODE="crop", IMAGE_MIN_DIM=512),
        own_backbone(4, 8, 16, 32, BACKBONE_STRIDES=[4, 8, 16, 32], RPN_ANCHOR_SCALES=(32, 64, 128, 256)),
        own_backbone(
            4,
            8,
            16,
            32,
            64,
            COMPUTE_BACKBONE_SHAPE=lambda shape: np.array([[shape[0] // s, shape[1] // s] for s in (4, 8, 16, 32, 64)]),
            IMAGE_RESIZE_MODE="none",
            IMAGE_MAX_DIM=1000,
        ),
    ],
)
def test_legitimate_networks_are_not_flagged(good):
    assert codes_of(good) == []


@pytest.mark.parametrize(
    "attributes,text",
    [
        (
            {"COMPUTE_BACKBONE_SHAPE": lambda shape: [[s, s] for s in (512, 256, 128, 64, 32)]},
            "[2, 4, 8, 16, 32]",
        ),
        ({"COMPUTE_BACKBONE_SHAPE": lambda shape: 1 / 0}, "ZeroDivisionError"),
        ({"COMPUTE_BACKBONE_SHAPE": lambda shape: [1, 2, 3]}, "returns [1, 2, 3]"),
        ({"COMPUTE_BACKBONE_SHAPE": lambda shape: [[float("nan"), 1]] * 5}, "nan"),
    ],
)
def test_shapes_that_do_not_fit_the_strides(attributes, text):
    (finding,) = findings_of({"config": own_backbone(4, 8, 16, 32, 64, **attributes)})
    assert (finding.code, finding.severity) == ("mdl-strides-vs-backbone", Severity.ERROR)
    assert text in str(finding)


def test_a_declared_image_shape_must_fit_the_largest_stride():
    own = own_backbone(*SIX, BACKBONE_STRIDES=SIX, RPN_ANCHOR_SCALES=SCALES, IMAGE_RESIZE_MODE="none", IMAGE_MIN_DIM=0)
    own.IMAGE_SHAPE = np.array([448, 640, 3])
    (finding,) = findings_of({"config": own})
    assert (finding.code, finding.severity) == ("mdl-nonresnet-odd-size", Severity.ERROR)
    assert "[512, 640]" in finding.fix


@pytest.mark.parametrize(
    "name",
    [
        "RPN_ANCHOR_SCALES",
        "BACKBONE_STRIDES",
        "IMAGE_SHAPE",
        "BACKBONE",
        "IMAGE_MAX_DIM",
        "RPN_ANCHOR_RATIOS",
        "RPN_ANCHOR_STRIDE",
    ],
)
@pytest.mark.parametrize(
    "value", [None, float("nan"), "a", [], [[1]], {}, 10**400, [1e308] * 5, np.zeros((2, 2)), True]
)
def test_values_of_group_config_are_left_to_it(name, value):
    for made in (config(), own_backbone(4, 8, 16, 32, 64)):
        setattr(made, name, value)
        assert set(codes_of(made)) <= {"mdl-anchor-gt-image", "mdl-strides-vs-backbone"}


def test_the_level_follows_from_pixels_after_resizing():
    for side, image, level in ((60, 128, 2), (100, 1024, 3), (224, 1024, 4), (500, 1024, 5)):
        (finding,) = findings_of({"config": config(), "train": split(side, side + 1, image=image)})
        assert f"are pooled from P{level}" in finding.message
        assert finding.severity == Severity.INFO
    assert "P3, P4, P5" in findings_of({"config": config(), "train": split(30)})[0].message
    assert findings_of({"config": config(ROI_POOL_LEVELS=(2,)), "train": split(30)}) == []
    assert findings_of({"config": config(ROI_POOL_LEVELS=(4, 5)), "train": split(30)})[0].fix.endswith("alone")
    assert findings_of({"config": config(), "train": split()}) == []


@pytest.mark.parametrize("levels", [None, "2", [None], (1, 9), {}])
def test_levels_that_a_check_of_the_config_reports(levels):
    assert findings_of({"config": config(ROI_POOL_LEVELS=levels), "train": split(30)}) == []
