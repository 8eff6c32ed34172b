"""Keras 3's own ".weights.h5", loaded by position: what is found by its shapes alone."""

from dataclasses import replace

import pytest

from mrcnn_roi.checks.h5_header import read_header
from mrcnn_roi.findings import Severity
from mrcnn_roi.preflight import preflight

from .toy import CPU
from .weight_files import config, write_numbered

RESNET101 = {"BACKBONE": "resnet101"}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_numbered(tmp_path_factory.mktemp("keras3") / "m.weights.h5")


def found(path, mode="training", exclude=(), **attributes):
    arguments = {"weights": path, "mode": mode, "exclude": exclude, "environment": CPU}
    return [each for each in preflight(config(**attributes), **arguments) if each.code.startswith("w-")]


def own_backbone(image, stage5, train_bn):
    raise AssertionError("a check must not call it")


def test_silent_about_a_file_of_hardly_any_of_the_layers(file):
    header = read_header(file)
    part = dict(list(header.layers.items())[:30])
    assert found(replace(header, layers=part), NUM_CLASSES=7) == []


def test_silent_where_it_fits_or_cannot_be_told(file):
    assert found(file) == found(file, BACKBONE=own_backbone) == found(file, BACKBONE="resnet34") == []


CASES = {
    "classes": (
        {"NUM_CLASSES": 7},
        {"w-num-classes": ("has 4 classes, background included, the model 7", "NUM_CLASSES = 4")},
    ),
    "ratios": ({"RPN_ANCHOR_RATIOS": [1]}, {"w-rpn-ratios": ("has 3 anchor ratios, the model 1", "the 3 the")}),
    "channels": (
        {"IMAGE_CHANNEL_COUNT": 1, "MEAN_PIXEL": [9]},
        {"w-conv1-channels": ("3 image channels", "COUNT = 3")},
    ),
    "depth": (RESNET101, {"w-backbone-depth": ("of a resnet50", 'BACKBONE = "resnet50"')}),
    "tiny": ({"BACKBONE": "tiny"}, {"w-shape-other": ("of a resnet50", 'BACKBONE = "resnet50"')}),
    "pyramid": ({"TOP_DOWN_PYRAMID_SIZE": 128}, {"w-shape-other": ("fpn_c5p5", "TOP_DOWN_PYRAMID_SIZE = 256")}),
    "hidden": (
        {"FPN_CLASSIF_FC_LAYERS_SIZE": 512},
        {"w-shape-other": ("mrcnn_class_conv1", "FPN_CLASSIF_FC_LAYERS_SIZE = 1024")},
    ),
    "masks": ({"MASK_CONV_SIZE": 64}, {"w-shape-other": ("mrcnn_mask_conv1: (3, 3, 256, 64)", "save_weights(")}),
    "several": (
        {"NUM_CLASSES": 7, "RPN_ANCHOR_RATIOS": [1], **RESNET101},
        {"w-num-classes": ("4", "4"), "w-rpn-ratios": ("3", "3"), "w-backbone-depth": ("50", "50")},
    ),
}


@pytest.mark.parametrize("attributes, expected", CASES.values(), ids=CASES)
def test_causes(file, attributes, expected):
    findings = {each.code: each for each in found(file, **attributes)}
    assert findings.keys() == expected.keys()
    for code, (message, fix) in expected.items():
        assert findings[code].severity == Severity.ERROR
        assert message in findings[code].message
        assert fix in findings[code].fix


def test_layers_cannot_be_excluded(file):
    for exclude in (["mrcnn_mask"], "conv1", ["nonsense"]):
        (finding,) = found(file, exclude=exclude, NUM_CLASSES=7)
        assert (finding.code, finding.where) == ("w-exclude-unknown", "exclude")
        assert "loaded by position" in finding.message
        assert "NUM_CLASSES = 4" in finding.fix


def test_a_file_of_the_other_mode(file, tmp_path):
    (finding,) = found(file, mode="inference")
    assert finding.code == "w-shape-other"
    assert "is of a model for training, this one is for inference" in finding.message
    assert 'mode="training"' in finding.fix
    other = write_numbered(tmp_path / "m.weights.h5", mode="inference")
    assert found(other, mode="inference") == []
    assert 'mode="inference"' in found(other)[0].fix
