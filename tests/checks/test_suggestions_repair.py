"""Broken configurations, repaired: the file that is written loads and has nothing left that a setting can cure."""

import functools
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mrcnn_roi.checks.suggestions import fixed_config, repaired
from mrcnn_roi.checks.suggestions.coercion import in_the_fix, meant_values, valid_loss_weights
from mrcnn_roi.checks.suggestions.trial import all_problems, remolded
from mrcnn_roi.config import Config
from mrcnn_roi.datasets import load_dataset, split_dataset
from mrcnn_roi.findings import Severity
from mrcnn_roi.preflight import gather, judge

from .examples_config import backbone, backbone_shapes
from .suggestions_data import mine, splits_of, synthetic
from .toy import CPU, Toy, ToyConfig

WEIGHTS = dict(Config.LOSS_WEIGHTS)
PAD64, NONE, CROP = ({"IMAGE_RESIZE_MODE": mode} for mode in ("pad64", "none", "crop"))
FAULTS = {
    "no name": {"NAME": None},
    "name is empty": {"NAME": ""},
    "name with spaces": {"NAME": "my data.v2"},
    "no GPU": {"GPU_COUNT": 0},
    "GPUs as text": {"GPU_COUNT": "1"},
    "no images": {"IMAGES_PER_GPU": 0},
    "half an image": {"IMAGES_PER_GPU": 0.5},
    "two images as text": {"IMAGES_PER_GPU": "2"},
    "classes unset": {"NUM_CLASSES": 1},
    "too few classes": {"NUM_CLASSES": 2},
    "too many classes": {"NUM_CLASSES": 81},
    "classes as text": {"NUM_CLASSES": "three"},
    "size not divisible": {"IMAGE_MIN_DIM": 600, "IMAGE_MAX_DIM": 600},
    "size as text": {"IMAGE_MAX_DIM": "512"},
    "size as float": {"IMAGE_MAX_DIM": 512.0},
    "size missing": {"IMAGE_MAX_DIM": None},
    "size zero": {"IMAGE_MAX_DIM": 0},
    "minimum as text": {"IMAGE_MIN_DIM": "small"},
    "minimum below zero": {"IMAGE_MIN_DIM": -5},
    "sizes swapped": {"IMAGE_MIN_DIM": 1024, "IMAGE_MAX_DIM": 512},
    "sizes swapped and not divisible": {"IMAGE_MIN_DIM": 1000, "IMAGE_MAX_DIM": 512},
    "mode with a space": {"IMAGE_RESIZE_MODE": "square "},
    "mode unknown": {"IMAGE_RESIZE_MODE": "stretch"},
    "mode None": {"IMAGE_RESIZE_MODE": None},
    "pad64 of 100": {**PAD64, "IMAGE_MIN_DIM": 100, "IMAGES_PER_GPU": 1},
    "pad64 of None": {**PAD64, "IMAGE_MIN_DIM": None},
    "crop of nothing": {**CROP, "IMAGE_MIN_DIM": 0},
    "crop of 100": {**CROP, "IMAGE_MIN_DIM": 100},
    "none of any size": {**NONE, "IMAGES_PER_GPU": 2},
    "full masks of any size": {**PAD64, "IMAGE_MIN_DIM": 0, "IMAGES_PER_GPU": 1, "USE_MINI_MASK": False},
    "scale below zero": {"IMAGE_MIN_SCALE": -1},
    "scale as text": {"IMAGE_MIN_SCALE": "2x"},
    "mean of one channel too few": {"MEAN_PIXEL": [120, 110]},
    "mean of nothing": {"MEAN_PIXEL": None},
    "mean of 0 to 1": {"MEAN_PIXEL": [0.485, 0.456, 0.406]},
    "mean NaN": {"MEAN_PIXEL": [float("nan")] * 3},
    "channels for the wrong images": {"IMAGE_CHANNEL_COUNT": 1, "MEAN_PIXEL": [100]},
    "channels as text": {"IMAGE_CHANNEL_COUNT": "3"},
    "no channels": {"IMAGE_CHANNEL_COUNT": 0},
    "backbone misspelt": {"BACKBONE": "resnet-50"},
    "backbone None": {"BACKBONE": None},
    "strides of another network": {"BACKBONE_STRIDES": [8, 16, 32, 64, 128]},
    "strides out of order": {"BACKBONE_STRIDES": [64, 32, 16, 8, 4]},
    "strides as text": {"BACKBONE_STRIDES": "4 8 16 32 64"},
    "nested scales": {"RPN_ANCHOR_SCALES": ((8, 16), 32, 64, 128, 256)},
    "scales as text": {"RPN_ANCHOR_SCALES": ["8", "16", "32", "64", "128"]},
    "four scales": {"RPN_ANCHOR_SCALES": (8, 16, 32, 64)},
    "six scales": {"RPN_ANCHOR_SCALES": (8, 16, 32, 64, 128, 256)},
    "scales reversed": {"RPN_ANCHOR_SCALES": (128, 64, 32, 16, 8)},
    "a scale of zero": {"RPN_ANCHOR_SCALES": (0, 16, 32, 64, 128)},
    "no scales": {"RPN_ANCHOR_SCALES": ()},
    "huge scales": {"RPN_ANCHOR_SCALES": (1024, 2048, 4096, 8192, 16384)},
    "scales for dots": {"RPN_ANCHOR_SCALES": (1, 2, 3, 4, 5)},
    "a ratio of zero": {"RPN_ANCHOR_RATIOS": [0, 1, 2]},
    "one ratio as number": {"RPN_ANCHOR_RATIOS": 1},
    "ratios for poles": {"RPN_ANCHOR_RATIOS": [0.01, 0.02, 0.03]},
    "anchor stride zero": {"RPN_ANCHOR_STRIDE": 0},
    "anchor stride eight": {"RPN_ANCHOR_STRIDE": 8},
    "confidence in percent": {"DETECTION_MIN_CONFIDENCE": 70},
    "confidence as text": {"DETECTION_MIN_CONFIDENCE": "70 %"},
    "overlap zero": {"RPN_NMS_THRESHOLD": 0},
    "overlap in percent": {"DETECTION_NMS_THRESHOLD": 30},
    "no positive RoIs": {"TRAIN_ROIS_PER_IMAGE": 2},
    "RoIs as text": {"TRAIN_ROIS_PER_IMAGE": "200"},
    "positive ratio above one": {"ROI_POSITIVE_RATIO": 33},
    "fewer proposals than RoIs": {"POST_NMS_ROIS_TRAINING": 100},
    "few anchors before NMS": {"PRE_NMS_LIMIT": 500},
    "one training anchor": {"RPN_TRAIN_ANCHORS_PER_IMAGE": 1},
    "pool of two": {"POOL_SIZE": (7, 7)},
    "mask twice as large": {"MASK_SHAPE": [56, 56]},
    "mask one number": {"MASK_SHAPE": 28},
    "mini mask one number": {"MINI_MASK_SHAPE": 56},
    "mini mask too small": {"MINI_MASK_SHAPE": (14, 14)},
    "mini mask as text": {"USE_MINI_MASK": "yes"},
    "deviations of zero": {"BBOX_STD_DEV": [0.1, 0.1, 0.2, 0]},
    "three deviations": {"RPN_BBOX_STD_DEV": [0.1, 0.1, 0.2]},
    "loss misspelt": {"LOSS_WEIGHTS": {**WEIGHTS, "mrcnn_mask_los": 2.0}},
    "loss missing": {"LOSS_WEIGHTS": {"rpn_class_loss": 1.0}},
    "loss below zero": {"LOSS_WEIGHTS": {**WEIGHTS, "rpn_bbox_loss": -1}},
    "losses as list": {"LOSS_WEIGHTS": [1, 1, 1, 1, 1]},
    "no steps": {"STEPS_PER_EPOCH": 0},
    "steps as float": {"STEPS_PER_EPOCH": 10.0},
    "validation below zero": {"VALIDATION_STEPS": -1},
    "rate as text": {"LEARNING_RATE": "0.001"},
    "rate with a comma": {"LEARNING_RATE": "0,001"},
    "rate too high": {"LEARNING_RATE": 0.5},
    "rate None": {"LEARNING_RATE": None},
    "momentum of one": {"LEARNING_MOMENTUM": 1},
    "clip of zero": {"GRADIENT_CLIP_NORM": 0},
    "decay too high": {"WEIGHT_DECAY": 0.1},
    "decay below zero": {"WEIGHT_DECAY": -0.1},
    "batch norm of small batches": {"TRAIN_BN": True},
    "no slots": {"MAX_GT_INSTANCES": 0},
    "few slots": {"MAX_GT_INSTANCES": 1},
    "few detections": {"DETECTION_MAX_INSTANCES": 1},
    "no detections": {"DETECTION_MAX_INSTANCES": 0},
    "pooling misspelt": {"ROI_POOL_METHOD": "RoIAlign"},
    "pooling levels with a gap": {"ROI_POOL_LEVELS": (2, 3, 5)},
    "pooling samples as float": {"ROI_POOL_METHOD": "roi_align", "ROI_POOL_SAMPLING_RATIO": 2.0},
    "pooling without effect": {"ROI_POOL_SAMPLING_RATIO": 4},
    "misspelt name": {"LEARNING_MOMENTM": 0.8},
    "misspelt name of a wrong value": {"DETECTION_MIN_CONFIDENC": "50 %"},
    "words of a name swapped": {"RESIZE_IMAGE_MODE": "none"},
    "computed value set": {"BATCH_SIZE": 8},
    "images enlarged": {"IMAGE_MIN_DIM": 1024, "IMAGE_MAX_DIM": 2048},
    "images shrunk": {"IMAGE_MIN_DIM": 0, "IMAGE_MAX_DIM": 64},
    "batch of more images than there are": {"IMAGES_PER_GPU": 1000},
    "silenced as a number": {"SILENCED_CHECKS": 5},
}
OURS = ("cfg-", "mdl-", "cd-")


@functools.cache
def toy_splits():
    return splits_of(ToyConfig(), train=Toy(), val=Toy())


@pytest.fixture
def toy():
    return toy_splits()


@pytest.fixture(scope="module")
def photographs(pennfudan):
    train, val = split_dataset(load_dataset(pennfudan))
    return splits_of(mine(), train=train, val=val)


def check_repair(config, splits, path):
    """Repairs, writes, reads again; returns what was suggested."""
    fixed = fixed_config(config, splits, judge=all_problems)
    assert [str(each) for each in fixed.findings if each.code.startswith(OURS)] == []
    fixed.config.to_yaml(path, fixed.comments, only_changed=True)
    again = Config.from_yaml(path)
    assert [str(each) for each in all_problems(again, remolded(again, splits))] == []
    for name, (value, reason, _) in fixed.suggestions.items():
        assert np.all(getattr(again, name) == value), name
        assert reason
    return fixed.suggestions


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault(fault, toy, tmp_path):
    config = ToyConfig().replaced(FAULTS[fault])
    found = check_repair(config, toy, tmp_path / "fixed.yaml")
    assert found or fault in ("computed value set", "none of any size")  # which is no fault of these images


@pytest.mark.parametrize("fault", list(FAULTS)[::3])
def test_one_fault_with_photographs(fault, photographs, tmp_path):
    check_repair(mine(**FAULTS[fault]), photographs, tmp_path / "fixed.yaml")


@pytest.mark.parametrize("seed", range(25))
def test_five_faults_at_once(seed, toy, tmp_path):
    chosen = random.Random(seed).sample(sorted(FAULTS), 5)
    faults = {name: value for fault in chosen for name, value in FAULTS[fault].items()}
    check_repair(ToyConfig().replaced(faults), toy, tmp_path / "fixed.yaml")


@pytest.mark.parametrize("fault", list(FAULTS)[::4])
def test_one_fault_without_data(fault, tmp_path):
    check_repair(ToyConfig().replaced(FAULTS[fault]), [], tmp_path / "fixed.yaml")


@pytest.mark.parametrize(
    "fault,expected",
    [
        ("size as text", {"IMAGE_MAX_DIM": 512}),
        ("size not divisible", {"IMAGE_MAX_DIM": 640}),
        ("sizes swapped", {"IMAGE_MIN_DIM": 512, "IMAGE_MAX_DIM": 1024}),
        ("classes as text", {"NUM_CLASSES": 2}),
        ("rate as text", {"LEARNING_RATE": 0.001}),
        ("rate with a comma", {"LEARNING_RATE": 0.001}),
        ("confidence in percent", {"DETECTION_MIN_CONFIDENCE": 0.7}),
        ("confidence as text", {"DETECTION_MIN_CONFIDENCE": 0.7}),
        ("mini mask one number", {"MINI_MASK_SHAPE": (56, 56)}),
        ("mask one number", {"MASK_SHAPE": [28, 28]}),
        ("scales as text", {"RPN_ANCHOR_SCALES": (8, 16, 32, 64, 128)}),
        ("scales reversed", {"RPN_ANCHOR_SCALES": (8, 16, 32, 64, 128)}),
        ("loss misspelt", {"LOSS_WEIGHTS": WEIGHTS}),
        ("backbone misspelt", {"BACKBONE": "resnet50"}),
        ("misspelt name", {"LEARNING_MOMENTUM": 0.8}),
        ("misspelt name of a wrong value", {"DETECTION_MIN_CONFIDENCE": 0.5}),
        ("steps as float", {"STEPS_PER_EPOCH": 10}),
    ],
)
def test_what_was_meant(fault, expected):
    config = mine(**{"IMAGE_MIN_DIM": 0, **FAULTS[fault]})
    found = repaired(config, [])
    for name, value in expected.items():
        assert np.all(found[name].value == value)


def test_the_classes_come_from_the_data(toy):
    found = repaired(ToyConfig().replaced({"NUM_CLASSES": "three"}), toy)
    assert found["NUM_CLASSES"] == (3, "the data have 2 classes beside the background: square, circle", "")


def test_reasons_tell_of_the_given_value(toy):
    faults = {"STEPS_PER_EPOCH": 0, "IMAGE_MIN_DIM": "small", "IMAGE_MAX_DIM": None, "NUM_CLASSES": 2}
    reasons = {name: each.reason for name, each in fixed_config(ToyConfig().replaced(faults), toy).suggestions.items()}
    assert reasons["STEPS_PER_EPOCH"].startswith("STEPS_PER_EPOCH is 0, expected")
    assert reasons["STEPS_PER_EPOCH"].endswith("one pass over 4 training images in batches of 2")
    assert reasons["IMAGE_MIN_DIM"].startswith("IMAGE_MIN_DIM is 'small'")
    assert reasons["IMAGE_MAX_DIM"].startswith("IMAGE_MAX_DIM is None")
    assert reasons["NUM_CLASSES"].endswith("was 2")


def test_ratios_that_fit_nothing_are_not_kept(toy):
    config = ToyConfig().replaced({"RPN_ANCHOR_RATIOS": [0.01, 0.02, 0.03]})
    assert repaired(config, toy)["RPN_ANCHOR_RATIOS"].value == [0.5, 1, 2]


def test_a_computed_value_that_is_set_is_a_note(toy):
    config = type("Own", (ToyConfig,), {"BATCH_SIZE": 8})()
    fixed = fixed_config(config, toy)
    assert fixed.suggestions == {}
    assert fixed.notes[0].startswith("BATCH_SIZE = 8 in the class has no effect")
    assert "BATCH_SIZE = 8" in fixed.comments[""]


def test_deliberate_choices_stay(toy):
    config = ToyConfig().replaced({"BACKBONE": backbone, "COMPUTE_BACKBONE_SHAPE": backbone_shapes, "own": 5})
    assert repaired(config, toy) == {}
    config = ToyConfig().replaced({"LOSS_WEIGHTS": {**WEIGHTS, "mrcnn_mask_loss": 0}, "OWN_CONSTANT": 7})
    assert fixed_config(config, toy).suggestions["LOSS_WEIGHTS"].value == WEIGHTS
    assert fixed_config(config, toy).config.OWN_CONSTANT == 7
    silenced = config.replaced({"SILENCED_CHECKS": ("cfg-loss-weights-zero",)})
    assert fixed_config(silenced, toy).suggestions == {}


def test_a_backbone_of_the_users_own_gets_the_strides_it_has():
    config = mine(BACKBONE=backbone, COMPUTE_BACKBONE_SHAPE=backbone_shapes, BACKBONE_STRIDES=[4, 8, 16, 32])
    fixed = fixed_config(config, [])
    assert fixed.config.BACKBONE is backbone
    assert fixed.config.BACKBONE_STRIDES == [4, 8, 16, 32, 64]
    assert [each for each in all_problems(fixed.config, []) if each.severity is Severity.ERROR] == []
    with pytest.raises(ValueError, match="keep this configuration in Python"):
        fixed.config.to_yaml("unused.yaml")


def test_a_misspelt_name_beside_the_setting_stays_a_finding():
    config = mine(IMAGE_MAXDIM=512, IMAGE_MAX_DIM=640, IMAGE_MIN_DIM=0)
    assert fixed_config(config, []).suggestions == {}


def test_what_no_setting_cures_is_left_to_the_judge():
    splits = splits_of(ToyConfig(), train=Toy(), val=Toy(classes=("circle", "square")))
    fixed = fixed_config(ToyConfig().replaced({"NAME": None}), splits, judge=all_problems)
    assert {each.code for each in fixed.findings} == {"cd-train-val-classes"}
    assert set(fixed.suggestions) == {"NAME"}


FILE = """\
NAME: my data.v2
NUM_CLASSES: three
IMAGE_MAX_DIM: 600
IMAGE_MINDIM: 512
LEARNING_RATE: 0,001
DETECTION_MIN_CONFIDENCE: 70
RPN_ANCHOR_SCALES: [8, 16, 32, 64]
MINI_MASK_SHAPE: 56
IMAGES_PER_GPU: two
DATA_FOLDER: /data
TRAIN_BN: yes
name: other
"""


def test_a_file_with_many_faults_from_end_to_end(pennfudan, tmp_path):
    """As the command line does it: read whatever is there, gather the data once, repair, write, check again."""
    (tmp_path / "own.yaml").write_text(FILE)
    config, problems = Config.read_yaml(tmp_path / "own.yaml")
    data = gather(config, *split_dataset(load_dataset(pennfudan)), cache=False)
    before = judge(config, data, environment=CPU)
    assert problems == []
    assert sum(each.severity is Severity.ERROR for each in before) >= 8

    def judged(config, splits):
        return judge(config, data._replace(splits=splits), environment=CPU)

    fixed = fixed_config(config, data.splits, judged, CPU)
    path = tmp_path / "fixed.yaml"
    fixed.config.to_yaml(path, fixed.comments, only_changed=True)
    again = Config.from_yaml(path)
    assert (again.NUM_CLASSES, again.IMAGE_MIN_DIM, again.IMAGE_MAX_DIM, again.NAME) == (2, 512, 640, "my_data_v2")
    assert (again.LEARNING_RATE, again.DETECTION_MIN_CONFIDENCE, again.MINI_MASK_SHAPE) == (0.001, 0.7, (56, 56))
    assert again.DATA_FOLDER == "/data"
    left = [
        each
        for each in judge(again, data._replace(splits=remolded(again, data.splits)), environment=CPU)
        if each.severity > Severity.INFO
    ]
    assert {(each.code, each.where.rpartition(": ")[2]) for each in left} == {
        ("cfg-unknown-attribute", "DATA_FOLDER"),  # of the user's own
        ("cfg-unknown-attribute", "name"),  # beside a NAME
    }
    text = path.read_text()
    for name in ("LEARNING_RATE", "DETECTION_MIN_CONFIDENCE", "MINI_MASK_SHAPE", "TRAIN_BN"):
        assert f"\n{name}: " in text  # the defaults now, but the file says so and why
    assert "# was written as IMAGE_MINDIM, which is no setting\nIMAGE_MIN_DIM: 512\n" in text


def test_the_file_says_why(tmp_path):
    fixed = fixed_config(mine(IMAGE_MIN_DIM=600, IMAGE_MAX_DIM=600, own=[1, 2]), synthetic(side=12))
    fixed.config.to_yaml(tmp_path / "fixed.yaml", fixed.comments, only_changed=True)
    text = (tmp_path / "fixed.yaml").read_text()
    assert text.startswith("# Settings that differ from the defaults;")
    assert "IoU >= 0.3, was" in text
    assert "own: [1, 2]" in text
    assert "BACKBONE" not in text


ANY = st.sampled_from([
    None, 0, -1, 1, 2, 3, 64, 100, 128, 10**30, 2.5, 0.5, -0.0, float("nan"), float("inf"), "", "a", "2", "0,5", "70%",
    "true", "[28, 28]", "resnet50", "square", [], [0], (1, 2), [28, 28], [0.5, 1, 2], [4, 8, 16, 32, 64], [[1], [2, 3]],
    ["8", "16"], [None], [float("nan")] * 5, [object()], {}, {"a": 1}, {"mrcnn_mask_loss": "2"}, np.zeros((2, 2)),
    np.array([np.nan]), np.arange(1, 6), True, False, np.int64(3), np.float32(0.5), b"x", complex(1, 1), object(),
    {1, 2}, range(3),
])  # fmt: skip
NAMES = [*Config.fields(), "IMAGE_MINDIM", "RESIZE_IMAGE_MODE", "BATCH_SIZE", "own", "STEPS_PER_EPOCHS", "name"]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(NAMES), ANY, min_size=1, max_size=6))
def test_any_values_give_a_valid_configuration(tmp_path, values):
    toy = toy_splits()
    values = {name: value for name, value in values.items() if not callable(value)}
    fixed = fixed_config(ToyConfig().replaced(values), toy)
    left = [each for each in fixed.config.validate() if each.severity > Severity.INFO]
    left = [each for each in left if each.code != "cfg-unknown-attribute"]  # an attribute of the user's own
    assert [str(each) for each in left] == []
    fixed.config.to_yaml(tmp_path / "fixed.yaml", fixed.comments, only_changed=True)
    again = Config.from_yaml(tmp_path / "fixed.yaml")
    found = [each for each in all_problems(again, remolded(again, toy)) if each.severity is Severity.ERROR]
    assert [str(each) for each in found] == []


def test_values_out_of_a_fix():
    assert list(in_the_fix("set IMAGE_MAX_DIM = 640")) == [{"IMAGE_MAX_DIM": 640}]
    assert list(in_the_fix('set AA = 1 and BB = 0.5, or CC = "pad64"')) == [{"AA": 1, "BB": 0.5}, {"CC": "pad64"}]
    assert list(in_the_fix("set MM = np.array([0.1, 2]), better: the mean")) == [{"MM": [0.1, 2]}]
    assert list(in_the_fix("set SS = (8, 16), one scale a level, and TT = [4, 8]")) == [{"SS": (8, 16), "TT": [4, 8]}]
    assert list(in_the_fix("set CLIP = 5.0, or None for no clipping")) == [{"CLIP": 5.0}]
    assert list(in_the_fix("set XX = __import__('os').system('true')")) == []
    assert list(in_the_fix("call config.finalize()")) == []


@pytest.mark.parametrize(
    "value,default,meant",
    [
        ("0.001", 0.1, 0.001),
        (" 7 ", 1, 7),
        ("70 %", 0.5, 0.7),
        ("yes", True, True),
        ("[28, 28]", [1, 1], [28, 28]),
        (512.0, 1, 512),
        (70, 0.5, 0.7),
        ([5], 1, 5),
        (56, (1, 1), [56, 56]),
        (["8", 16], (1,), [8, 16]),
    ],
)
def test_meant_values(value, default, meant):
    assert meant in list(meant_values(value, default))


def test_nothing_is_executed_and_long_texts_end():
    for text in ("__import__('os').system('true')", "(" * 10_000, "9" * 10_000, "[" * 150 + "]" * 150):
        list(meant_values(text, 1))


def test_valid_loss_weights():
    weights = valid_loss_weights({"mrcnn_mask_los": "2", "rpn_class_loss": 0, "rpn_bbox_loss": 3, 7: 1})
    assert weights == {**WEIGHTS, "mrcnn_mask_loss": 2.0, "rpn_bbox_loss": 3.0}
    assert valid_loss_weights(None) == WEIGHTS
