"""The group "weights": one finding for one cause, what it says, and what must not be flagged."""

import json
import os
import re
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn_roi.checks.h5_header import WeightHeader, read_header
from mrcnn_roi.checks.weights import checkpoint_epoch
from mrcnn_roi.findings import CHECKS, Severity
from mrcnn_roi.preflight import preflight

from .examples_weights import COCO, EXAMPLES, HEADS, IMAGENET, RUN, findings_of, header, loading, resuming
from .toy import CPU
from .weight_files import config, write

FOUR_EXCLUDED = 'exclude=["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]'


def codes(example):
    return [finding.code for finding in findings_of(example)]


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_bad_example_gives_this_finding_alone(code):
    (finding,) = findings_of(EXAMPLES[code][0])
    assert finding.code == code
    assert finding.severity == CHECKS[code].severity
    assert finding.where


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_good_example_gives_no_finding(code):
    assert findings_of(EXAMPLES[code][1]) == []


def test_the_catalogue_is_complete(shared):
    catalogue = set(re.findall(r"^\| (w-[a-z0-9-]+) \|", (shared / "CHECKS.md").read_text(), re.MULTILINE))
    assert len(catalogue) > 10
    assert catalogue == {code for code, each in CHECKS.items() if each.group == "weights"} == set(EXAMPLES)


def own_backbone(image, stage5, train_bn):
    raise AssertionError("a check must not call it")


def suffixed(weights):
    return [(name.replace("/", "_1/"), shape) for name, shape in weights]


GOOD = {
    "the same model": loading(),
    "the same model at inference": loading(mode="inference"),
    "coco at inference": loading(mode="inference", **COCO),
    "rpn excluded for other ratios": loading(header(RPN_ANCHOR_RATIOS=[1]), exclude=("rpn_model",)),
    "rpn outputs excluded for other ratios": loading(
        header(RPN_ANCHOR_RATIOS=[1]), exclude=("rpn_class_raw", "rpn_bbox_pred")
    ),
    "imagenet": loading(IMAGENET),
    "keras 3, layers unknown": loading(WeightHeader(Path("m.weights.h5"), "keras3", {}), mode="inference"),
    "archive, layers unknown": loading(WeightHeader(Path("m.keras"), "archive", {}), exclude=("x",), mode="inference"),
    "own backbone": loading(header(BACKBONE="resnet101"), BACKBONE=own_backbone, exclude=("block7", "res9z")),
    "own backbone, nothing in common": loading(IMAGENET, BACKBONE=own_backbone),
    "tiny": loading(BACKBONE="tiny", RPN_CONV_SIZE=32, MASK_CONV_SIZE=16),
    "suffixes of a second model in the process": loading(
        header(extra={"rpn_model": suffixed(header(RPN_ANCHOR_RATIOS=[1]).layers["rpn_model"])}),
        exclude=("rpn_class_raw", "rpn_bbox_pred"),
    ),
    "epochs to go": resuming(6),
    "no checkpoint of ours": resuming(5, checkpoint="mask_rcnn_coco.h5"),
    "epochs of another type": resuming("5"),
    "epochs at inference": resuming(5, mode="inference"),
    "a config that cannot say its shapes": loading(NUM_CLASSES=None, file=header()),
    "an unknown backbone": loading(BACKBONE="resnet34", file=header()),
    "no config at all": {**loading(), "config": SimpleNamespace()},
    "a regular expression that is none": loading(exclude=("conv1",), layers="["),
}


@pytest.mark.parametrize("example", GOOD.values(), ids=GOOD)
def test_must_not_be_flagged(example):
    assert findings_of(example) == []


BAD = {
    "partly excluded heads": (loading(header(**COCO), exclude=HEADS[:2]), ["w-num-classes"]),
    "more classes at inference": (loading(header(**COCO), mode="inference"), ["w-num-classes"]),
    "imagenet at inference": (loading(IMAGENET, mode="inference"), ["w-exclude-at-inference"]),
    "rpn part at inference": (loading(exclude=("rpn_class_raw",), mode="inference"), ["w-exclude-at-inference"]),
    "half of rpn's outputs excluded": (
        loading(header(RPN_ANCHOR_RATIOS=[1]), exclude=("rpn_class_raw",)),
        ["w-rpn-ratios"],
    ),
    "three causes": (
        loading(header(RPN_ANCHOR_RATIOS=[1], IMAGE_CHANNEL_COUNT=1, **COCO)),
        ["w-num-classes", "w-rpn-ratios", "w-conv1-channels"],
    ),
    "classes and hidden size": (
        loading(header(FPN_CLASSIF_FC_LAYERS_SIZE=512, **COCO)),
        ["w-num-classes", "w-shape-other"],
    ),
    "own backbone, other classes": (loading(header(**COCO), BACKBONE=own_backbone), ["w-num-classes"]),
    "own backbone, head misspelt": (loading(exclude=("mrcnn_msk",), BACKBONE=own_backbone), ["w-exclude-unknown"]),
    "all excluded": (loading(exclude=tuple(header().layers)), ["w-nothing-loaded"]),
    "another backbone kind": (loading(header(BACKBONE="tiny")), ["w-shape-other"]),
    "deeper model": (loading(header(), BACKBONE="resnet101"), ["w-backbone-depth"]),
    "imagenet for the deeper model": (loading(IMAGENET, BACKBONE="resnet101"), ["w-backbone-depth"]),
    "unknown twice": (loading(exclude=("a", 3)), ["w-exclude-unknown"] * 2),
    "epochs long done": (resuming(3), ["w-epochs-done"]),
}


@pytest.mark.parametrize("example, expected", BAD.values(), ids=BAD)
def test_codes(example, expected):
    assert codes(example) == expected


def test_the_fix_for_other_classes():
    (finding,) = findings_of(loading(header(**COCO)))
    assert "has 81 classes, background included, the model 4" in finding.message
    assert finding.fix == f"load with {FOUR_EXCLUDED}; or set NUM_CLASSES = 81"
    (finding,) = findings_of(loading(header(**COCO), mode="inference"))
    assert finding.fix == "set NUM_CLASSES = 81"
    (finding,) = findings_of(loading(header(**COCO), mode="inference", exclude=HEADS))
    assert finding.fix.startswith("set NUM_CLASSES = 81 to match the file, and drop exclude")


def test_following_one_fix_settles_all_shapes():
    wrong = header(RPN_ANCHOR_RATIOS=[1], IMAGE_CHANNEL_COUNT=1, TOP_DOWN_PYRAMID_SIZE=128, **COCO)
    fixes = {re.search(r"exclude=(\[.*?\])", each.fix)[1] for each in findings_of(loading(wrong))}
    (complete,) = fixes
    assert findings_of(loading(wrong, exclude=tuple(json.loads(complete)), layers="all")) == []


def test_other_shapes_name_the_settings():
    (finding,) = findings_of(loading(header(TOP_DOWN_PYRAMID_SIZE=128, FPN_CLASSIF_FC_LAYERS_SIZE=512, POOL_SIZE=5)))
    assert "TOP_DOWN_PYRAMID_SIZE = 128, FPN_CLASSIF_FC_LAYERS_SIZE = 512, POOL_SIZE = 5" in finding.fix
    assert "fpn_c5p5 (1, 1, 2048, 128) in the file, (1, 1, 2048, 256) in the model" in finding.message
    (finding,) = findings_of(loading(header(BACKBONE="tiny"), mode="inference"))
    assert finding.fix == 'set BACKBONE = "tiny"'
    extra = {"fpn_p2": [("fpn_p2/kernel:0", (3, 3, 256, 256))]}
    (finding,) = findings_of(loading(header(extra=extra), mode="inference"))
    assert "settings that the weights were trained with" in finding.fix


def test_depth_is_told_by_how_grave_it_is():
    (finding,) = findings_of(loading(header(), BACKBONE="resnet101"))
    assert finding.severity == Severity.WARNING
    assert "102 of 208 backbone layers are not in the file" in finding.message
    assert finding.fix == 'set BACKBONE = "resnet50"'
    (finding,) = findings_of(loading(IMAGENET, BACKBONE="resnet101"))
    assert finding.severity == Severity.INFO
    (finding,) = findings_of(loading(header(BACKBONE="resnet101")))
    assert "102 backbone layers that resnet50 lacks" in finding.message


def test_unknown_names_get_a_suggestion():
    (finding,) = findings_of(loading(exclude=("mrcnn_bbox_fcc",)))
    assert finding.fix == 'use "mrcnn_bbox_fc"'
    (finding,) = findings_of(loading(exclude=("zzz",)))
    assert "keras_model.summary()" in finding.fix


PATHS = {
    RUN: 5,
    str(PureWindowsPath("C:/x") / RUN): 5,
    "/a/b/my-data_220171029T2315/mask_rcnn_my-data_2_0012.h5": 12,
    "/a/shapes20171029T2315/mask_rcnn_shapes_12345.h5": 12345,
    "/a/shapes20171029T2315/mask_rcnn_shapes_0003.weights.h5": 3,
    "/a/shapes/mask_rcnn_shapes_0003.h5": None,
    "/a/shapes20179999T2315/mask_rcnn_shapes_0003.h5": None,
    "mask_rcnn_coco.h5": None,
    "": None,
}


@pytest.mark.parametrize("path, epoch", PATHS.items())
def test_epoch_of_a_checkpoint(path, epoch):
    assert checkpoint_epoch(path) == epoch
    assert checkpoint_epoch(os.fsencode(path)) == epoch


def test_how_many_epochs_to_ask_for():
    (finding,) = findings_of(resuming(5))
    assert finding.fix == "use epochs=10 for 5 more"


def test_preflight_reads_the_file(tmp_path):
    path = write(tmp_path / "coco.h5", {"conv1": [("conv1/kernel:0", (7, 7, 1, 64)), ("conv1/bias:0", (64,))]})
    (finding,) = [each for each in preflight(config(), weights=path, environment=CPU) if each.code[:2] == "w-"]
    assert finding.code == "w-conv1-channels"
    assert "set IMAGE_CHANNEL_COUNT = 1" in finding.fix


def test_one_finding_for_one_layer():
    extra = {"mrcnn_class_logits": [("mrcnn_class_logits/kernel:0", (256, 81)), ("mrcnn_class_logits/bias:0", (81,))]}
    for mode in ("training", "inference"):
        (finding,) = findings_of(loading(header(extra=extra), mode=mode))
        assert finding.code == "w-num-classes"
        assert "mrcnn_class_logits (256, 81) in the file, (1024, 4) in the model" in finding.message
    extra["fpn_p2"] = [("fpn_p2/kernel:0", (3, 3, 256, 128)), ("fpn_p2/bias:0", (128,))]
    classes, other = findings_of(loading(header(extra=extra)))
    assert (classes.code, other.code) == ("w-num-classes", "w-shape-other")
    assert "mrcnn_class_logits" not in other.message
    assert "fpn_p2 (3, 3, 256, 128) in the file, (3, 3, 256, 256) in the model" in other.message


def test_messages_have_a_limit():
    extra = {"conv1": [(f"conv1/{i}:0", (7, 7, 3, 64)) for i in range(5000)]}
    (finding,) = findings_of(loading(header(extra=extra)))
    assert "conv1 5000 weights in the file, 2 in the model" in finding.message
    names = {f"{'a' * 5000}{i}": [("a/kernel:0", (1,))] for i in range(9)}
    (finding,) = findings_of(loading(WeightHeader(Path("w.h5"), "keras2", names)))
    assert len(finding.message) < 600


def test_epochs_of_the_path_given_to_load_weights(tmp_path, monkeypatch):
    """load_weights continues them for any NAME, and only where the text of the path has the folder of a run."""

    def epochs_found(path, **arguments):
        return [each for each in preflight(config(), weights=path, environment=CPU, **arguments)
                if each.code == "w-epochs-done"]  # fmt: skip

    monkeypatch.chdir(tmp_path)
    (tmp_path / "acc20200101T0000").mkdir()
    path = str(write(tmp_path / "acc20200101T0000" / "mask_rcnn_acc_0007.h5"))
    (finding,) = epochs_found(path, epochs=5)
    assert "epoch 7 and epochs=5" in finding.message
    assert len(epochs_found(path, epochs=5, checkpoint=path)) == 1
    assert len(epochs_found(f".{path.removeprefix(str(tmp_path))}", epochs=7)) == 1
    assert epochs_found(path, epochs=8) == epochs_found(path, epochs=5, mode="inference") == []
    assert epochs_found(path[len(str(tmp_path)) + 1 :], epochs=5) == []
    assert epochs_found(write(tmp_path / "mask_rcnn_coco.h5"), epochs=5) == []
    Path(path).write_bytes(b"")
    assert epochs_found(path, epochs=5) == []  # it is unreadable, which is found


def test_a_bad_file_is_read_once(tmp_path, monkeypatch):
    (tmp_path / "w.h5").write_bytes(b"<html>")
    reads = []

    def read(path):
        reads.append(path)
        return read_header(path)

    monkeypatch.setattr("mrcnn_roi.preflight.read_header", read)
    monkeypatch.setattr("mrcnn_roi.checks.weights.read_header", read)
    found = [each.code for each in preflight(config(), weights=tmp_path / "w.h5", environment=CPU)]
    assert found.count("w-file-unreadable") == len(reads) == 1


SHAPES = st.lists(st.tuples(st.sampled_from(["a", "conv1/kernel:0", "rpn_class_raw/kernel:0", ""]),
                            st.lists(st.integers(0, 9), max_size=5).map(tuple)), max_size=4)  # fmt: skip
LAYERS = st.dictionaries(st.sampled_from(["conv1", "rpn_model", "mrcnn_mask", "mrcnn_bbox_fc", "fpn_p2", "x"]), SHAPES)


@given(layers=LAYERS, exclude=st.lists(st.sampled_from(["conv1", "rpn_model", "rpn_class_raw", "?", "", 1, None, ()])),
       mode=st.sampled_from(["training", "inference"]))  # fmt: skip
def test_no_header_breaks_a_check(layers, exclude, mode):
    file = WeightHeader(Path("w.h5"), "keras2", layers)
    assert "check-failed" not in codes(loading(file, exclude=tuple(exclude), mode=mode))
