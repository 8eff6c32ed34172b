"""The group "config": examples for every code, one finding for one cause, and no value breaks a check."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn_roi.checks.config import silence
from mrcnn_roi.checks.table import all_codes
from mrcnn_roi.config import Config
from mrcnn_roi.datasets.problems import FAULTS
from mrcnn_roi.findings import CHECKS, SetupError, Severity

from .examples_config import EXAMPLES, FULL_MASKS, OWN, WEIGHTS, Usual, backbone_shapes, config, findings_of

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
CODES = [code for code, each in CHECKS.items() if each.group == "config"]


def codes_of(**attributes):
    return [finding.code for finding in config(**attributes).validate()]


def severities_of(**attributes):
    return [(finding.code, finding.severity) for finding in config(**attributes).validate()]


def test_every_code_has_examples_and_a_documentation():
    assert set(CODES) == set(EXAMPLES)
    assert all(len(CHECKS[code].documentation) > 60 for code in CODES)


def test_the_catalogue_is_complete(shared):
    lines = (shared / "CHECKS.md").read_text().split("## 1. ")[1].split("## 2. ")[0].splitlines()
    catalogue = {line.split("|")[1].strip() for line in lines if line.startswith("| cfg-")}
    assert len(catalogue) > 40
    pooling = {f"cfg-pool-{what}" for what in ("method", "sampling", "aggregate", "levels", "unused")}
    feeding = {"cfg-sampling", "cfg-sampling-threshold", "cfg-sample-cache"}
    assert catalogue | {"cfg-type", "cfg-range", "cfg-yaml", "cfg-silenced-unknown"} | pooling | feeding == set(CODES)


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_bad_example_gives_this_finding_alone(code):
    (finding,) = findings_of(EXAMPLES[code][0])
    assert finding.code == code
    assert finding.severity == CHECKS[code].severity
    assert finding.where
    assert finding.message
    assert finding.fix


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_good_example_gives_no_finding(code):
    assert findings_of(EXAMPLES[code][1]) == []


OTHER_BAD = [
    ({"NAME": 5}, "cfg-name-missing", ERROR),
    ({"GPU_COUNT": True}, "cfg-gpu-count", ERROR),
    ({"IMAGES_PER_GPU": "2"}, "cfg-images-per-gpu", ERROR),
    ({"NUM_CLASSES": None}, "cfg-num-classes-min", ERROR),
    ({"NUM_CLASSES": 3.0}, "cfg-num-classes-min", ERROR),
    ({"STEPS_PER_EPOCH": 62.5}, "cfg-steps-zero", ERROR),
    ({"VALIDATION_STEPS": -1}, "cfg-steps-zero", ERROR),
    ({"IMAGE_MAX_DIM": 0}, "cfg-image-dim-type", ERROR),
    ({"IMAGE_MAX_DIM": True}, "cfg-image-dim-type", ERROR),
    ({"IMAGE_MIN_DIM": "800"}, "cfg-image-dim-type", ERROR),
    ({"IMAGE_MIN_DIM": -1}, "cfg-image-dim-type", WARNING),
    ({"IMAGE_RESIZE_MODE": None, "IMAGE_MAX_DIM": 600}, "cfg-resize-mode-unknown", ERROR),
    ({"IMAGE_RESIZE_MODE": "Square"}, "cfg-resize-mode-unknown", ERROR),
    ({"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 600}, "cfg-image-dim-not-div64", ERROR),
    ({"IMAGE_MAX_DIM": 512}, "cfg-min-gt-max", WARNING),  # nobody asked for the 800 of IMAGE_MIN_DIM
    ({"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": None}, "cfg-pad64-min-dim", ERROR),
    ({"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": -64}, "cfg-crop-min-dim", ERROR),
    ({"IMAGE_CHANNEL_COUNT": 4}, "cfg-channel-mean", ERROR),
    ({"MEAN_PIXEL": [123.7, float("nan"), 103.9]}, "cfg-channel-mean", ERROR),
    ({"MEAN_PIXEL": float("inf")}, "cfg-channel-mean", ERROR),
    ({"MEAN_PIXEL": None}, "cfg-channel-mean", ERROR),
    ({"MEAN_PIXEL": ["123.7", "116.8", "103.9"]}, "cfg-channel-mean", ERROR),
    ({"MEAN_PIXEL": np.zeros((3, 1)) + 100}, "cfg-channel-mean", ERROR),
    ({"MEAN_PIXEL": [-1, 100, 100]}, "cfg-mean-range", WARNING),
    ({"BACKBONE": None}, "cfg-backbone-name", ERROR),
    ({**OWN, "COMPUTE_BACKBONE_SHAPE": [[1, 1]]}, "cfg-backbone-shape-fn", ERROR),
    ({"BACKBONE_STRIDES": []}, "cfg-strides-order", ERROR),
    ({"BACKBONE_STRIDES": [4, 8, 8, 16, 32]}, "cfg-strides-order", ERROR),
    ({"RPN_ANCHOR_SCALES": 32}, "cfg-scales-positive", ERROR),
    ({"RPN_ANCHOR_SCALES": [8, 16, float("nan"), 64, 128]}, "cfg-scales-positive", ERROR),
    ({"RPN_ANCHOR_RATIOS": []}, "cfg-ratios-positive", ERROR),
    ({"RPN_ANCHOR_STRIDE": 4}, "cfg-anchor-stride", WARNING),
    ({"RPN_ANCHOR_STRIDE": 1.0}, "cfg-anchor-stride", ERROR),
    ({"RPN_NMS_THRESHOLD": 0}, "cfg-threshold-range", ERROR),
    ({"DETECTION_NMS_THRESHOLD": None}, "cfg-threshold-range", ERROR),
    ({"DETECTION_MIN_CONFIDENCE": float("nan")}, "cfg-threshold-range", ERROR),
    ({"TRAIN_ROIS_PER_IMAGE": 0}, "cfg-roi-positive-zero", ERROR),
    ({"TRAIN_ROIS_PER_IMAGE": 200.0}, "cfg-type", ERROR),
    ({"ROI_POSITIVE_RATIO": 0}, "cfg-roi-positive-ratio", ERROR),
    ({"ROI_POSITIVE_RATIO": 1.0}, "cfg-roi-positive-ratio", INFO),
    ({"PRE_NMS_LIMIT": 500}, "cfg-roi-counts", WARNING),
    ({"RPN_TRAIN_ANCHORS_PER_IMAGE": 255}, "cfg-rpn-train-anchors", INFO),
    ({"MASK_POOL_SIZE": 0}, "cfg-pool-size", ERROR),
    ({"MASK_SHAPE": 28}, "cfg-mask-shape-vs-pool", ERROR),
    ({"MINI_MASK_SHAPE": (56, 56, 1)}, "cfg-mini-mask-shape", ERROR),
    ({"MINI_MASK_SHAPE": None}, "cfg-mini-mask-shape", ERROR),
    ({"RPN_BBOX_STD_DEV": 0.1}, "cfg-bbox-std", ERROR),
    ({"BBOX_STD_DEV": [0.1, 0.1, 0.2, float("nan")]}, "cfg-bbox-std", ERROR),
    ({"LOSS_WEIGHTS": None}, "cfg-loss-weights-key", ERROR),
    ({"LOSS_WEIGHTS": {"mrcnn_mask_loss": 2.0}}, "cfg-loss-weights-key", WARNING),
    ({"LOSS_WEIGHTS": {**WEIGHTS, "rpn_bbox_loss": -1}}, "cfg-loss-weights-negative", ERROR),
    ({"LOSS_WEIGHTS": {**WEIGHTS, "rpn_bbox_loss": "1"}}, "cfg-loss-weights-negative", ERROR),
    ({"LEARNING_RATE": 0}, "cfg-lr", ERROR),
    ({"LEARNING_RATE": float("nan")}, "cfg-lr", ERROR),
    ({"LEARNING_RATE": 0.03}, "cfg-lr", WARNING),
    ({"LEARNING_MOMENTUM": -0.1}, "cfg-momentum", ERROR),
    ({"GRADIENT_CLIP_NORM": float("nan")}, "cfg-clip-norm", ERROR),
    ({"WEIGHT_DECAY": -0.1}, "cfg-weight-decay", ERROR),
    ({"WEIGHT_DECAY": None}, "cfg-weight-decay", ERROR),
    ({"TRAIN_BN": True}, "cfg-train-bn-batch", WARNING),
    ({"TRAIN_BN": "no"}, "cfg-type", ERROR),
    ({"USE_MINI_MASK": "False"}, "cfg-type", ERROR),
    ({"USE_RPN_ROIS": None}, "cfg-type", ERROR),
    ({"IMAGE_CHANNEL_COUNT": 0}, "cfg-range", ERROR),
    ({"IMAGE_MIN_SCALE": -2}, "cfg-range", ERROR),
    ({"FPN_CLASSIF_FC_LAYERS_SIZE": 1024.5}, "cfg-type", ERROR),
    ({"SEED": -1}, "cfg-range", ERROR),
    ({"SILENCED_CHECKS": 5}, "cfg-type", WARNING),
    ({"RESIZE_IMAGE_MODE": "none"}, "cfg-unknown-attribute", WARNING),
    ({**FULL_MASKS, "IMAGE_RESIZE_MODE": "none", "IMAGE_MIN_DIM": 0}, "cfg-full-mask-nonsquare", ERROR),
]


@pytest.mark.parametrize("attributes,code,severity", OTHER_BAD)
def test_one_cause_gives_one_finding(attributes, code, severity):
    assert severities_of(**attributes) == [(code, severity)]


LEGITIMATE = [
    {},
    {"IMAGE_MIN_DIM": 0},
    {"IMAGE_MIN_DIM": False},
    {"IMAGE_MIN_DIM": np.int64(512), "IMAGE_MAX_DIM": np.int32(512)},
    {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 1024, "IMAGE_MAX_DIM": 600},
    {"IMAGE_RESIZE_MODE": "none", "IMAGE_MIN_DIM": 1000, "IMAGE_MAX_DIM": 500},
    {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 512, "IMAGE_MAX_DIM": 500, "IMAGE_MIN_SCALE": 2.0},
    {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 512, "IMAGE_MAX_DIM": None},
    {"IMAGE_MIN_SCALE": None},
    {"IMAGE_CHANNEL_COUNT": 1, "MEAN_PIXEL": 97.3},
    {"IMAGE_CHANNEL_COUNT": 6, "MEAN_PIXEL": [100]},
    {"IMAGE_CHANNEL_COUNT": 4, "MEAN_PIXEL": (123.7, 116.8, 103.9, 80)},
    {"MEAN_PIXEL": np.array([12000, 14000, 9000], np.uint16)},
    {"MEAN_PIXEL": np.zeros(3)},
    {**OWN, "BACKBONE_STRIDES": [4, 8, 16, 32], "IMAGE_MAX_DIM": 1056},
    {**OWN, "BACKBONE_STRIDES": np.array([4, 8, 16, 32, 64, 128])},
    {"BACKBONE_STRIDES": [4.0, 8.0, 16.0, 32.0, 64.0]},
    {"RPN_ANCHOR_SCALES": np.array([8, 16, 32, 64, 128])},
    {"RPN_ANCHOR_RATIOS": (0.1, 0.5, 1, 2)},
    {"DETECTION_MIN_CONFIDENCE": None},
    {"DETECTION_MIN_CONFIDENCE": np.float32(1)},
    {"RPN_NMS_THRESHOLD": 1},
    {"ROI_POSITIVE_RATIO": np.float64(0.5)},
    {"LEARNING_RATE": 0.02},
    {"LEARNING_RATE": 0.2, "IMAGES_PER_GPU": 16, "GPU_COUNT": 12},
    {"LEARNING_RATE": lambda step: 0.001},
    {"TRAIN_BN": None, "IMAGES_PER_GPU": 8},
    {"TRAIN_BN": 0},
    {"USE_MINI_MASK": np.bool_(False)},
    {"USE_MINI_MASK": False, "MINI_MASK_SHAPE": None},
    {"MASK_SHAPE": np.array([28, 28])},
    {"MASK_SHAPE": [56, 56], "CUSTOM_MASK_HEAD": True},
    {"GRADIENT_CLIP_NORM": 1},
    {"WEIGHT_DECAY": 0.01},
    {"BBOX_STD_DEV": (0.1, 0.1, 0.2, 0.2)},
    {"POST_NMS_ROIS_INFERENCE": 6000},
    {"TRAIN_ROIS_PER_IMAGE": 2000},
    {"SEED": 0, "SILENCED_CHECKS": ["cfg-lr"]},
    {"DATASET_SIZE": 100, "IMAGES": [], "my_image_min_dim": 3, "CLASS_NAMES": ("a", "b")},
]


@pytest.mark.parametrize("attributes", LEGITIMATE)
def test_legitimate_settings_are_not_flagged(attributes):
    assert codes_of(**attributes) == []


def test_independent_mistakes_are_all_reported():
    found = codes_of(NUM_CLASSES="x", IMAGE_MAX_DIM=1000, GPU_COUNT=0, POOL_SIZE=0, LEARNING_RATE=-1)
    assert sorted(found) == sorted(
        ["cfg-num-classes-min", "cfg-image-dim-not-div64", "cfg-gpu-count", "cfg-pool-size", "cfg-lr"]
    )


def test_stale_values_are_reported_each():
    changed = config(finalize=False, NUM_CLASSES=7, GPU_COUNT=2, IMAGE_MAX_DIM=896)
    assert [(each.code, each.where) for each in changed.validate()] == [
        ("cfg-stale-computed", name) for name in ("BATCH_SIZE", "IMAGE_SHAPE", "IMAGE_META_SIZE")
    ]
    assert changed.finalize().validate() == []


@pytest.mark.parametrize("shape", [None, 5, "1024", [1024, 1024], [1024, 1024, None], [0, 0, 3], np.ones((3, 1))])
def test_an_unusable_image_shape_is_stale(shape):
    assert [each.code for each in config(finalize=False, IMAGE_SHAPE=shape).validate()] == ["cfg-stale-computed"]


def test_an_image_shape_of_ones_own_is_fine_where_the_size_is_that_of_the_images():
    own = {"IMAGE_RESIZE_MODE": "none", "IMAGE_MIN_DIM": 0, "USE_MINI_MASK": False}
    assert config(finalize=False, **own, IMAGE_SHAPE=[448, 640, 3]).validate() == []
    found = config(finalize=False, IMAGE_SHAPE=[448, 640, 3]).validate()
    assert [each.code for each in found] == ["cfg-stale-computed"]


def test_a_computed_value_in_the_class_body_is_a_warning():
    class Batch(Usual):
        BATCH_SIZE = 8

    (finding,) = Batch().validate()
    assert (finding.code, finding.severity) == ("cfg-stale-computed", WARNING)
    assert "IMAGES_PER_GPU=2" in finding.message


def test_an_attribute_that_cannot_be_read_is_reported_once():
    class Failing(Usual):
        @property
        def IMAGES_PER_GPU(self):
            raise KeyError("no GPU")

    (finding,) = Failing().validate()
    assert finding.code == "cfg-type"
    assert "KeyError" in finding.message


@pytest.mark.parametrize(
    "attributes,texts",
    [
        ({"IMAGE_MIN_DIM": 600, "IMAGE_MAX_DIM": 600}, ["IMAGE_MAX_DIM=600", "576 or 640"]),
        (
            {**OWN, "BACKBONE_STRIDES": [4, 8, 16, 32], "IMAGE_MAX_DIM": 1000},
            ["multiple of 32", "992 or 1024"],
        ),
        ({"DETECTION_MIN_CONFIDENCE": 70}, ["70", "0.70"]),
        ({"IMAGE_MINDIM": 5}, ["IMAGE_MIN_DIM (now 800)"]),
        ({"LEARNING_RATE": 0.5}, ["0.5", "batch 2", "0.0025"]),
        ({"TRAIN_ROIS_PER_IMAGE": 2}, ["2 x 0.33 -> 0", "at least 4"]),
        ({"NAME": "my data.v2"}, ["'my_data_v2'"]),
        (
            {"LOSS_WEIGHTS": {**WEIGHTS, "mrcnn_mask_los": 1}},
            ["mrcnn_mask_los", 'rename it to "mrcnn_mask_loss"'],
        ),
        ({"IMAGE_MAX_DIM": "640"}, ["'640'"]),
        ({"TOP_DOWN_PYRAMID_SIZE": "128"}, ["set TOP_DOWN_PYRAMID_SIZE = 128"]),
        ({"USE_MINI_MASK": "no"}, ["set USE_MINI_MASK = False"]),
        ({"BACKBONE": "resnet52"}, ["resnet50"]),
        (
            {"IMAGE_CHANNEL_COUNT": 1},
            ["MEAN_PIXEL has 3 values", "IMAGE_CHANNEL_COUNT=1", "np.array([114.8])"],
        ),
        ({"MASK_SHAPE": [56, 56]}, ["MASK_POOL_SIZE = 28", "[28, 28]"]),
    ],
)
def test_message_and_fix_name_values(attributes, texts):
    text = "\n".join(map(str, config(**attributes).validate()))
    assert [each for each in texts if each not in text] == []


def test_silenced_checks_hide_warnings_and_never_errors():
    quiet = {"SILENCED_CHECKS": ("cfg-lr", "cfg-pool-size")}
    assert codes_of(LEARNING_RATE=0.05, POOL_SIZE=0, **quiet) == ["cfg-pool-size"]
    assert codes_of(LEARNING_RATE=0.5, **quiet) == ["cfg-lr"]
    assert codes_of(LEARNING_RATE=0.05, SILENCED_CHECKS="cfg-lr") == []
    warned = config(LEARNING_RATE=0.05).validate()
    assert silence(warned, object()) == warned


@pytest.mark.parametrize("code", all_codes(FAULTS))
def test_every_code_may_be_silenced(code):
    known = {"known_codes": all_codes(FAULTS)}
    assert findings_of({"config": config(SILENCED_CHECKS=[code]), **known}) == []


def test_a_silenced_code_that_does_not_exist_gets_the_nearest():
    made = config(SILENCED_CHECKS=("cfg-lrr", "cfg-lr", "my-own"))
    assert "cfg-silenced-unknown" not in [each.code for each in made.validate()]  # loaders' codes are unknown there
    (found,) = findings_of({"config": made, "known_codes": all_codes(FAULTS)})
    assert (found.where, found.severity) == ("SILENCED_CHECKS", WARNING)
    assert "'cfg-lrr', 'my-own'" in found.message
    assert '"cfg-lr" for "cfg-lrr"' in found.fix


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 10, 200])
def test_the_advised_mean_has_a_value_a_channel(channels):
    found = config(IMAGE_CHANNEL_COUNT=channels, MEAN_PIXEL=np.ones(channels + 1)).validate()
    mean = eval(found[0].fix.partition("MEAN_PIXEL = ")[2].partition(", better")[0], {"np": np})
    assert mean.shape == (channels,)
    assert codes_of(IMAGE_CHANNEL_COUNT=channels, MEAN_PIXEL=mean) == []


def test_checks_read_any_object():
    findings = findings_of({"config": object()})
    assert findings == []


class Odd:
    """A value that behaves badly wherever it can."""

    def __repr__(self):
        raise RuntimeError("no repr")

    def __eq__(self, other):
        raise RuntimeError("no comparison")

    def __bool__(self):
        raise RuntimeError("no truth")

    def __len__(self):
        return 3

    __hash__ = None


RECURSIVE: list = [1.0]
RECURSIVE.append(RECURSIVE)
ODD_VALUES = st.sampled_from(
    [
        None,
        True,
        False,
        float("nan"),
        float("inf"),
        -float("inf"),
        1e308,
        5e-324,
        0,
        -1,
        10**400,
        -(10**5000),
        2**63,
    ]
    + [
        "",
        "a",
        "0.7",
        "none",
        b"x",
        [],
        {},
        set(),
        (),
        object(),
        Odd(),
        RECURSIVE,
        [RECURSIVE],
        [[]],
        [None],
        3j,
    ]
    + [
        np.array([]),
        np.array(5),
        np.array([1, 2]),
        np.zeros((2, 2)),
        np.array(["a"]),
        np.array([None]),
        np.float16(1),
    ]
    + [
        np.datetime64("2020-01-01"),
        np.timedelta64(5, "s"),
        np.array([np.nan] * 4),
        [np.nan] * 4,
        [10**400] * 4,
    ]
    + [
        {"mrcnn_mask_loss": Odd()},
        {Odd: 1},
        {None: None},
        range(5),
        range(10**9),
        lambda: 1,
        Config,
        [1, 2],
        "x" * 999,
    ]
    + [
        (28, 28),
        [1e-320] * 4,
        np.uint8(200),
        np.int8(100),
        [[1, 2], [3]],
        ((((1,),),),),
        np.ma.masked,
        NotImplemented,
    ]
)


@settings(max_examples=400, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*Config.fields(), "BATCH_SIZE", "IMAGE_SHAPE", "EXTRA_ONE"]), ODD_VALUES, max_size=4
    )
)
def test_no_value_breaks_a_check(values):
    changed = config(finalize=False, **values)
    found = findings_of({"config": changed}) + findings_of({"config": changed.finalize()})
    assert [str(each) for each in found if each.code == "check-failed"] == []
    assert all("\n" not in each.message for each in found)
    made = type("Made", (Usual,), {name: value for name, value in values.items() if not callable(value)})
    errors = []
    try:
        made()
    except SetupError as error:
        errors = error.findings
    assert all(each.severity == ERROR for each in errors)


def test_the_example_backbone_is_consistent():
    assert backbone_shapes((128, 128, 3)) == [[32, 32], [16, 16], [8, 8], [4, 4], [2, 2]]
