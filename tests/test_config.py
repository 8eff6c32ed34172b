"""Config: the original's attributes and behaviour, construction with checks, and YAML files."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mrcnn_roi.config import Config
from mrcnn_roi.findings import Finding, SetupError, Severity


class Shapes(Config):
    NAME = "shapes"
    NUM_CLASSES = 1 + 3


def codes(findings):
    return sorted(finding.code for finding in findings)


def equal(value, other):
    if isinstance(value, np.ndarray) or isinstance(other, np.ndarray):
        return type(value) is type(other) and value.dtype == other.dtype and np.array_equal(value, other)
    return type(value) is type(other) and value == other


# ---- the original's attributes -----------------------------------------------------------------------------


def test_defaults_are_the_originals(shared):
    defaults = json.loads((shared / "tables" / "config_defaults.json").read_text())
    config = Config()
    for name, expected in defaults.items():
        value = getattr(config, name)
        assert (value.tolist() if isinstance(value, np.ndarray) else value) == (
            tuple(expected) if isinstance(value, tuple) else expected
        )
        assert isinstance(value, bool) == isinstance(expected, bool)
    pooling = {f"ROI_POOL_{name}" for name in ("METHOD", "SAMPLING_RATIO", "AGGREGATE", "ALIGNED", "LEVELS")}
    others = {"SILENCED_CHECKS", "RPN_CONV_SIZE", "MASK_CONV_SIZE", "SEED"}
    feeding = {"WORKERS", "SAMPLING", "SAMPLING_THRESHOLD", "SAMPLE_CACHE", "SAMPLE_CACHE_LIMIT"}
    assert set(config.to_dict()) == {*defaults, *others, *pooling, *feeding}
    assert set(Config.fields()) == {*config.to_dict()} - {"BATCH_SIZE", "IMAGE_SHAPE", "IMAGE_META_SIZE"}


def test_default_types():
    config = Config()
    for name in ("MEAN_PIXEL", "RPN_BBOX_STD_DEV", "BBOX_STD_DEV"):
        assert getattr(config, name).dtype == np.float64
    assert isinstance(config.RPN_ANCHOR_SCALES, tuple)
    assert isinstance(config.MINI_MASK_SHAPE, tuple)
    assert isinstance(config.BACKBONE_STRIDES, list)
    assert isinstance(config.RPN_ANCHOR_RATIOS, list)
    assert isinstance(config.MASK_SHAPE, list)
    assert config.IMAGE_SHAPE.dtype.kind == "i"
    assert (type(config.BATCH_SIZE), type(config.IMAGE_META_SIZE)) == (int, int)


def test_fields_describe_every_setting():
    fields = Config.fields()
    assert fields["GPU_COUNT"].accepts == (int,)
    assert fields["GPU_COUNT"].checked_by == "cfg-gpu-count"
    assert fields["IMAGE_MIN_SCALE"].accepts == (float, type(None))
    assert (fields["SEED"].low, fields["SEED"].default) == (0, None)
    fields.clear()
    assert Config.fields()


@pytest.mark.parametrize("mode,expected", [("square", 512), ("crop", 256), ("pad64", 512), ("none", 512)])
def test_computed_values(mode, expected):
    class Own(Shapes):
        GPU_COUNT = np.int64(2)
        IMAGES_PER_GPU = 3
        IMAGE_RESIZE_MODE = mode
        IMAGE_MIN_DIM = 256
        IMAGE_MAX_DIM = 512
        IMAGE_CHANNEL_COUNT = 1
        MEAN_PIXEL = 100

    config = Own()
    assert config.BATCH_SIZE == 6
    assert config.IMAGE_SHAPE.tolist() == [expected, expected, 1]
    assert config.IMAGE_META_SIZE == 16
    assert "BATCH_SIZE" in vars(config)


def test_display_prints_what_the_original_prints(capsys):
    class Own(Shapes):
        my_list = [1, 2]
        helper = staticmethod(print)

        def method(self):
            return 1

    config = Own()
    config._hidden = 3
    config.display()
    expected = "\nConfigurations:\n"
    for name in dir(config):
        if not name.startswith("__") and not callable(getattr(config, name)):
            expected += f"{name:30} {getattr(config, name)}\n"
    printed = capsys.readouterr().out
    assert printed == expected + "\n\n"
    assert "my_list                        [1, 2]" in printed
    assert not {"method", "helper", "fields", "finalize", "validate"} & {
        line.split(" ")[0] for line in printed.split("\n")
    }


# ---- construction ------------------------------------------------------------------------------------------


def test_unset_defaults_are_errors_of_validate_only():
    assert codes(Config().validate()) == ["cfg-name-missing", "cfg-num-classes-min"]
    assert Shapes().validate() == []


@pytest.mark.parametrize(
    "attributes", [{"NAME": ""}, {"NAME": 1}, {"NUM_CLASSES": 0}, {"NUM_CLASSES": True}, {"NUM_CLASSES": "4"}]
)
def test_other_useless_names_and_class_counts_are_errors_of_construction(attributes):
    with pytest.raises(SetupError) as caught:
        type("Own", (Shapes,), attributes)()
    assert len(caught.value.findings) == 1


def test_all_errors_are_raised_at_once():
    class Bad(Config):
        IMAGE_MAX_DIM = 1000
        IMAGES_PER_GPU = "2"
        NUM_CLASSES = "4"
        TRAIN_BN = True  # a warning

    with pytest.raises(SetupError) as caught:
        Bad()
    assert codes(caught.value.findings) == ["cfg-image-dim-not-div64", "cfg-images-per-gpu", "cfg-num-classes-min"]
    assert all(each.severity == Severity.ERROR for each in caught.value.findings)


def test_assignments_are_seen_by_validate_and_finalize():
    config = Shapes()
    config.IMAGES_PER_GPU = 1
    assert codes(config.validate()) == ["cfg-stale-computed"]
    assert config.finalize() is config
    assert (config.BATCH_SIZE, config.validate()) == (1, [])
    config.IMAGES_PER_GPU = None
    config.finalize()
    assert config.BATCH_SIZE is None
    assert codes(config.validate()) == ["cfg-images-per-gpu"]


def test_scripts_that_extend_init_work():
    class Own(Shapes):
        def __init__(self, images):
            super().__init__()
            self.images = images
            self.IMAGES_PER_GPU = 1
            self.BATCH_SIZE = 1
            self.LEARNING_RATE = 0.01

        @property
        def STEPS_PER_EPOCH(self):
            return self.images // self.BATCH_SIZE  # not readable before `images` is there

        @property
        def VALIDATION_STEPS(self):
            return 5

    class Further(Own):
        IMAGE_MIN_DIM = 512

    config = Further(200)
    assert config.STEPS_PER_EPOCH == 200
    assert config.validate() == []
    assert config.to_dict()["STEPS_PER_EPOCH"] == 200


def test_a_computed_value_may_be_a_property():
    class Own(Shapes):
        @property
        def BATCH_SIZE(self):
            return 2

    assert Own().validate() == []


def test_annotations_of_a_subclass_are_left_alone():
    class Own(Shapes):
        IMAGE_MIN_DIM: "nowhere.Type" = 512  # noqa: F821
        other: "nowhere.Type"  # noqa: F821

    assert Own().validate() == []


def test_a_list_for_the_mini_mask_becomes_a_tuple():
    class Own(Shapes):
        MINI_MASK_SHAPE = [28, 56]

    assert Own().MINI_MASK_SHAPE == (28, 56)
    config = Shapes()
    config.MINI_MASK_SHAPE = np.array([28, 28])
    assert config.finalize().MINI_MASK_SHAPE == (28, 28)


def test_every_way_to_give_a_backbone_function():
    def build(input_image, stage5=True, train_bn=None):
        return "built", input_image, stage5, train_bn

    def sizes(image_shape):
        return [[image_shape[0] // stride, image_shape[1] // stride] for stride in (4, 8, 16, 32, 64)]

    class Plain(Shapes):
        BACKBONE = build
        COMPUTE_BACKBONE_SHAPE = sizes

    class Static(Shapes):
        BACKBONE = staticmethod(build)
        COMPUTE_BACKBONE_SHAPE = staticmethod(sizes)

    class Method(Shapes):
        def BACKBONE(self, input_image, stage5=True, train_bn=None):
            return self.NAME and build(input_image, stage5, train_bn)

        def COMPUTE_BACKBONE_SHAPE(self, image_shape):
            return sizes(image_shape)

    class Anonymous(Shapes):
        BACKBONE = lambda image, stage5, train_bn: build(image, stage5, train_bn)  # noqa: E731
        COMPUTE_BACKBONE_SHAPE = lambda config, shape: sizes(shape)  # noqa: E731

    class Late(Shapes):
        def __init__(self):
            super().__init__()
            self.BACKBONE = build
            self.COMPUTE_BACKBONE_SHAPE = sizes

    class Inherited(Plain):
        pass

    for kind in (Plain, Static, Method, Anonymous, Late, Inherited):
        config = kind()
        assert config.validate() == []
        assert config.BACKBONE("image", stage5=True, train_bn=False) == ("built", "image", True, False)
        assert config.COMPUTE_BACKBONE_SHAPE((128, 64, 3))[0] == [32, 16]
        assert "BACKBONE" not in config.to_dict()


def test_import_is_light():
    code = (
        "import sys; from mrcnn_roi.config import Config; Config();"
        "print([name for name in ('tensorflow', 'keras', 'skimage', 'scipy', 'ruamel.yaml') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.strip() == "[]"


POOLING_MISTAKES = [
    ("ROI_POOL_METHOD", "ROIAlign", "cfg-pool-method", 'set ROI_POOL_METHOD = "roi_align"'),
    ("ROI_POOL_METHOD", ["roi_align"], "cfg-pool-method", 'set ROI_POOL_METHOD = "crop_and_resize"'),
    ("ROI_POOL_METHOD", None, "cfg-pool-method", 'set ROI_POOL_METHOD = "crop_and_resize"'),
    ("ROI_POOL_SAMPLING_RATIO", 2.0, "cfg-pool-sampling", "set ROI_POOL_SAMPLING_RATIO = 2"),
    ("ROI_POOL_SAMPLING_RATIO", -2, "cfg-pool-sampling", "set ROI_POOL_SAMPLING_RATIO = 2"),
    ("ROI_POOL_SAMPLING_RATIO", True, "cfg-pool-sampling", "set ROI_POOL_SAMPLING_RATIO = 2"),
    ("ROI_POOL_AGGREGATE", "average", "cfg-pool-aggregate", 'set ROI_POOL_AGGREGATE = "mean"'),
    ("ROI_POOL_AGGREGATE", "MAX", "cfg-pool-aggregate", 'set ROI_POOL_AGGREGATE = "max"'),
    ("ROI_POOL_AGGREGATE", np.zeros(2), "cfg-pool-aggregate", 'set ROI_POOL_AGGREGATE = "mean"'),
    ("ROI_POOL_LEVELS", 5, "cfg-pool-levels", "set ROI_POOL_LEVELS = (5,)"),
    ("ROI_POOL_LEVELS", "2345", "cfg-pool-levels", "set ROI_POOL_LEVELS = (2, 3, 4, 5)"),
    ("ROI_POOL_LEVELS", (), "cfg-pool-levels", "set ROI_POOL_LEVELS = (2, 3, 4, 5)"),
    ("ROI_POOL_LEVELS", (2, 4), "cfg-pool-levels", "set ROI_POOL_LEVELS = (2, 3, 4)"),
    ("ROI_POOL_LEVELS", (5, 4), "cfg-pool-levels", "set ROI_POOL_LEVELS = (4, 5)"),
    ("ROI_POOL_LEVELS", (3, 3), "cfg-pool-levels", "set ROI_POOL_LEVELS = (3,)"),
    ("ROI_POOL_LEVELS", (4, 5, 6), "cfg-pool-levels", "set ROI_POOL_LEVELS = (4, 5)"),
    ("ROI_POOL_LEVELS", ("P2",), "cfg-pool-levels", "set ROI_POOL_LEVELS = (2, 3, 4, 5)"),
    ("ROI_POOL_LEVELS", (2, [3], None), "cfg-pool-levels", "set ROI_POOL_LEVELS = (2,)"),
    ("ROI_POOL_LEVELS", (float("nan"), True), "cfg-pool-levels", "set ROI_POOL_LEVELS = (2, 3, 4, 5)"),
]


@pytest.mark.parametrize("name,value,code,fix", POOLING_MISTAKES)
def test_a_mistake_in_the_pooling_is_an_error_of_construction(name, value, code, fix):
    with pytest.raises(SetupError) as caught:
        type("Own", (Shapes,), {name: value})()
    (finding,) = caught.value.findings
    assert (finding.code, finding.where, finding.fix, finding.severity) == (code, name, fix, Severity.ERROR)
    assert finding.message.startswith(f"{name} is ")


@pytest.mark.parametrize("levels", [(5,), [2, 3], np.array([3, 4, 5]), (2.0, 3.0), (np.int64(4),)])
def test_consecutive_levels_of_any_kind_of_list_may_be_pooled_from(levels):
    config = type("Own", (Shapes,), {"ROI_POOL_LEVELS": levels, "ROI_POOL_METHOD": "roi_pool"})()
    assert config.validate() == []


@pytest.mark.parametrize(
    "attributes,code",
    [
        ({"ROI_POOL_METHOD": "roi_align", "ROI_POOL_SAMPLING_RATIO": 16}, "cfg-pool-sampling"),
        ({"ROI_POOL_SAMPLING_RATIO": 16}, "cfg-pool-unused"),
        ({"ROI_POOL_SAMPLING_RATIO": 4, "ROI_POOL_AGGREGATE": "max"}, "cfg-pool-unused"),
        ({"ROI_POOL_METHOD": "roi_pool", "ROI_POOL_SAMPLING_RATIO": 0}, "cfg-pool-unused"),
        ({"ROI_POOL_METHOD": "roi_warp", "ROI_POOL_ALIGNED": True}, "cfg-pool-unused"),
    ],
)
def test_pooling_settings_that_cost_much_or_change_nothing_are_warnings(attributes, code):
    (finding,) = type("Own", (Shapes,), attributes)().validate()
    assert (finding.code, finding.severity) == (code, Severity.WARNING)


# ---- YAML --------------------------------------------------------------------------------------------------


@pytest.fixture
def write(tmp_path):
    def write(text, name="own.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


GOOD = """\
NAME: own   # a comment
NUM_CLASSES: 3
LEARNING_RATE: 1e-3
IMAGE_MIN_DIM: 512
IMAGE_MAX_DIM: 512
MINI_MASK_SHAPE: [28, 28]
RPN_ANCHOR_SCALES: [16, 32, 64, 128, 256]
MEAN_PIXEL: [120, 110.5, 100]
LOSS_WEIGHTS: {rpn_class_loss: 1.0, rpn_bbox_loss: 1, mrcnn_class_loss: 1, mrcnn_bbox_loss: 1, mrcnn_mask_loss: 2}
TRAIN_BN: null
DATA_FOLDER: /data
notes: {first: [1, 2]}
"""


def test_a_file_is_a_subclass(write):
    path = write(GOOD)
    config = Config.from_yaml(path)
    assert isinstance(config, Config)
    assert type(config) is not Config
    assert (config.NAME, config.NUM_CLASSES, config.IMAGE_META_SIZE) == ("own", 3, 15)
    assert config.LEARNING_RATE == 0.001
    assert config.MINI_MASK_SHAPE == (28, 28)
    assert config.RPN_ANCHOR_SCALES == (16, 32, 64, 128, 256)
    assert equal(config.MEAN_PIXEL, np.array([120.0, 110.5, 100.0]))
    assert config.TRAIN_BN is None
    assert (config.DATA_FOLDER, config.notes) == ("/data", {"first": [1, 2]})
    assert config.GPU_COUNT == 1

    class Further(Config.class_from_yaml(str(path))):
        NAME = "further"

    assert (Further().NAME, Further().NUM_CLASSES) == ("further", 3)
    assert Shapes.from_yaml(write("GPU_COUNT: 2")).BATCH_SIZE == 4


def test_overrides_win_over_the_file_the_file_over_base_and_base_over_the_class(write):
    write("NAME: base\nNUM_CLASSES: 5\nIMAGES_PER_GPU: 4\nGPU_COUNT: 3\n", "base/common.yaml")
    path = write("BASE: base/common.yaml\nNUM_CLASSES: 6\nIMAGES_PER_GPU: 1\n")
    config = Shapes.from_yaml(path, IMAGES_PER_GPU=2, MEAN_PIXEL=[1, 2, 3], my_own=5)
    assert (config.NAME, config.NUM_CLASSES, config.IMAGES_PER_GPU, config.GPU_COUNT) == ("base", 6, 2, 3)
    assert config.BATCH_SIZE == 6
    assert equal(config.MEAN_PIXEL, np.array([1.0, 2.0, 3.0]))
    assert config.my_own == 5
    assert len(type(config).__mro__) == 6  # overrides, file, base, Shapes, Config, object


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "~\n", "{}\n"])
def test_an_empty_file_changes_nothing(write, text):
    assert Shapes.from_yaml(write(text)).validate() == []


@pytest.mark.parametrize(
    "text,code,place",
    [
        ("NAME: own\nNUM_CLASSES: 3\n  IMAGE_MIN_DIM: 5\n", "cfg-yaml", "line 3"),
        ("NAME: own\nNUM_CLASSES: 3\nIMAGE_MAX_DIM: [640\n", "cfg-yaml", "line 4"),
        ("NAME: own\nNAME: other\n", "cfg-yaml", "line 2, column 1"),
        ("- 1\n- 2\n", "cfg-yaml", "line 1, column 1"),
        ("just text", "cfg-yaml", "line 1, column 1"),
        ("NAME: own\n1: 2\n", "cfg-yaml", "line 2, column 1"),
        ("NAME: own\n? [1]\n: 2\n", "cfg-yaml", "line 2, column 3"),
        ("NAME: own\nvalidate: 2\n", "cfg-yaml", "line 2, column 1"),
        ("__init__: 2\n", "cfg-yaml", "line 1, column 1"),
        ("my name: 2\n", "cfg-yaml", "line 1, column 1"),
        ("a: 1\n---\nb: 1\n", "cfg-yaml", "line 2"),
        ("NAME: own\nx: !!python/object/apply:os.system ['exit']\n", "cfg-yaml", "line 2, column 4"),
        ("x: !!python/name:os.system\n", "cfg-yaml", "line 1, column 4"),
        ("NAME: !secret own\n", "cfg-yaml", "line 1, column 7"),
        ("SEED: 2020-13-45\n", "cfg-yaml", "line 1, column 7"),
        ("LOSS_WEIGHTS: {a: 1, a: 2}\n", "cfg-yaml", "line 1, column 15"),
        ("NAME: own\nBASE: nowhere.yaml\n", "cfg-yaml", "line 2, column 7"),
        ("BASE: 5\n", "cfg-yaml", "line 1, column 7"),
        ("BASE: own.yaml\n", "cfg-yaml", "line 1, column 7"),
        ('BASE: "a\\0b"\n', "cfg-yaml", "line 1, column 7"),
        ("NAME: own\nNUM_CLASSES: two\n", "cfg-num-classes-min", "line 2, column 14"),
        ("USE_MINI_MASK: yes\n", "cfg-type", "line 1, column 16"),
        ("IMAGE_MAX_DIM: 600\n", "cfg-image-dim-not-div64", "line 1, column 16"),
        ("MEAN_PIXEL: [1, [2]]\n", "cfg-channel-mean", "line 1, column 13"),
        ("RPN_ANCHOR_SCALES: &a [*a]\n", "cfg-scales-positive", "line 1, column 20"),
        ("IMAGE_MIN_DIM: 1100\n", "cfg-min-gt-max", "line 1, column 16"),
        ("\n\nDETECTION_MAX_INSTANCES:   0\n", "cfg-range", "line 3, column 28"),
    ],
)
def test_an_error_names_file_line_and_column(write, text, code, place):
    path = write(text)
    with pytest.raises(SetupError) as caught:
        Shapes.from_yaml(path)
    found = [each.where for each in caught.value.findings if each.code == code]
    assert len(found) == 1
    assert found[0].startswith(f"{path}, {place}")


def test_a_file_that_cannot_be_read(tmp_path):
    for path in (tmp_path / "nowhere.yaml", tmp_path):
        with pytest.raises(SetupError) as caught:
            Config.from_yaml(path)
        assert str(path) in caught.value.findings[0].where
    with pytest.raises(SetupError):
        Config.class_from_yaml(tmp_path / "nowhere.yaml")


def test_a_loop_of_bases_and_a_mistake_in_a_base(write):
    first, _ = write("BASE: b.yaml\n", "a.yaml"), write("BASE: a.yaml\nNAME: b\n", "b.yaml")
    with pytest.raises(SetupError, match="leads back") as caught:
        Config.from_yaml(first)
    assert "b.yaml, line 1" in caught.value.findings[0].where
    write("NAME: base\nPOOL_SIZE: 0\n", "base.yaml")
    with pytest.raises(SetupError) as caught:
        Config.from_yaml(write("BASE: base.yaml\n"))
    assert "base.yaml, line 2, column 12: POOL_SIZE" in caught.value.findings[0].where


def test_all_mistakes_of_a_file_are_raised_at_once(write):
    text = "NAME: !x own\nIMAGE_MINDIM: 5\nNUM_CLASSES: two\nPOOL_SIZE: 0\n__x: 1\n"
    with pytest.raises(SetupError) as caught:
        Config.from_yaml(write(text), IMAGE_MAXDIM=3, GPU_COUNT=0)
    assert codes(caught.value.findings) == sorted(
        ["cfg-yaml", "cfg-yaml", "cfg-num-classes-min", "cfg-pool-size", "cfg-gpu-count"]
    )
    places = {each.code: each.where for each in caught.value.findings}
    assert places["cfg-gpu-count"] == "override: GPU_COUNT"


def test_warnings_of_a_file_have_their_place_until_the_attribute_is_assigned(write):
    path = write("NAME: own\nNUM_CLASSES: 2\nWEIGHT_DECAY: 0.1\nBATCH_SIZE: 8\n")
    config = Config.from_yaml(path)
    assert sorted(each.where for each in config.validate()) == [
        f"{path}, line 3, column 15: WEIGHT_DECAY",
        f"{path}, line 4, column 13: BATCH_SIZE",
    ]
    config.WEIGHT_DECAY = 0.2
    assert "WEIGHT_DECAY" in [each.where for each in config.validate()]
    other = Finding("w-other", Severity.ERROR, "message", "fix", "NUM_CLASSES")
    assert config.locate([other])[0].where == f"{path}, line 2, column 14: NUM_CLASSES"


def test_nothing_is_executed(write, tmp_path):
    target = tmp_path / "made"
    for tag in ("python/object/apply:pathlib.Path.touch", "python/object/new:os.mkdir", "python/module:os"):
        with pytest.raises(SetupError):
            Config.from_yaml(write(f"x: !!{tag} ['{target}']\n"))
    assert not target.exists()


# Bytes made of pieces of YAML find more than bytes alone.
PIECES = [
    b"NAME",
    b"BASE",
    b": ",
    b":",
    b"\n",
    b"- ",
    b"[",
    b"]",
    b"{",
    b"}",
    b"&a ",
    b"*a",
    b"!!",
    b"!!int ",
    b"!!set ",
]
PIECES += [b"|", b">", b"'", b'"', b"#", b"?", b"%YAML 1.1\n", b"---\n", b"...\n", b"<<", b"~", b"1e5", b"2020-01-01"]
PIECES += [
    b"0x",
    b"\t",
    b"  ",
    b"\0",
    b"\xff",
    b"\xff\xfe",
    b"\xc3\xa4",
    b"POOL_SIZE: ",
    b"MEAN_PIXEL: ",
    b".nan",
    b"7",
]
PIECES += [b"LOSS_WEIGHTS: ", b", ", b"own.yaml", b"!!set ", b".nan"]
CONTENT = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join),
    st.binary(max_size=40),
    st.text(max_size=20).map(lambda text: text.encode("utf-8", "replace")),
)
EXTREME = [b"[" * 1500, b"a: " + b"9" * 5000, b"- " * 3000, b"\xff\xfeA\x00", b"\xef\xbb\xbfNAME: own", b"?" * 2000]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CONTENT)
def test_any_bytes_give_a_config_or_a_setup_error(write, content):
    check_any_bytes(write(content))


@pytest.mark.parametrize("content", EXTREME)
def test_extreme_bytes(write, content):
    check_any_bytes(write(content))


def check_any_bytes(path):
    config, findings = None, []
    try:
        config = Shapes.from_yaml(path)
    except SetupError as error:
        findings = error.findings
    assert isinstance(config, Config) != bool(findings)
    assert all(str(path) in finding.where for finding in findings)


# ---- round trip --------------------------------------------------------------------------------------------


def assert_round_trip(config, path):
    config.to_yaml(path)
    read = Config.from_yaml(path)
    before, after = config.to_dict(), read.to_dict()
    assert list(before) == list(after)
    assert {name: (before[name], after[name]) for name in before if not equal(before[name], after[name])} == {}
    # A file has no code that could read names of your own, so there they are warned about.
    found = [each.message for each in read.validate() if "is no setting and nothing" not in each.message]
    assert found == [each.message for each in config.validate()]


def test_round_trip_of_the_defaults(tmp_path):
    assert_round_trip(Config(), tmp_path / "a.yaml")
    assert_round_trip(Shapes(), tmp_path / "b.yaml")


def test_round_trip_keeps_every_kind_of_value(tmp_path):
    class Own(Shapes):
        NAME = "größe-1"
        IMAGE_RESIZE_MODE = "crop"
        IMAGE_MIN_DIM = 64
        IMAGE_CHANNEL_COUNT = 1
        MEAN_PIXEL = np.array([97.3])
        BBOX_STD_DEV = np.array([0.1, 0.1, 1 / 3, 1e-5])
        RPN_ANCHOR_SCALES = (8, 16.5, 32, 64, 128)
        DETECTION_MIN_CONFIDENCE = None
        GRADIENT_CLIP_NORM = None
        LEARNING_RATE = 1e-05
        SILENCED_CHECKS = ("cfg-lr", "cd-upscale")
        SEED = 7
        FOLDER = "C:\\data: 'x' #1\n\ttab"
        IMAGE_DIM_X = 3  # like a setting, but the setting is in the file too
        name = "lower case"
        nested = {"a": [1, None, {"b": True}], "1": "1e3", 2: -float("inf"), True: 1e22}
        empty = []
        yes = "yes"
        number = "007"

    assert_round_trip(Own(), tmp_path / "own.yaml")


def test_round_trip_of_the_pooling(tmp_path):
    settings = {"METHOD": "roi_align", "SAMPLING_RATIO": -1, "AGGREGATE": "max", "ALIGNED": True, "LEVELS": (4, 5)}
    config = type("Own", (Shapes,), {f"ROI_POOL_{name}": value for name, value in settings.items()})()
    config.to_yaml(tmp_path / "own.yaml")
    lines = (tmp_path / "own.yaml").read_text().splitlines()
    assert {"ROI_POOL_METHOD: roi_align", "ROI_POOL_LEVELS: [4, 5]"} <= set(lines)
    again = Config.from_yaml(tmp_path / "own.yaml")
    assert {name: getattr(again, f"ROI_POOL_{name}") for name in settings} == settings


def test_numpy_values_are_written_as_the_numbers_they_are(tmp_path):
    class Own(Shapes):
        IMAGES_PER_GPU = np.int64(1)
        LEARNING_RATE = np.float32(0.5e-3)
        USE_MINI_MASK = np.bool_(True)
        BACKBONE_STRIDES = np.array([4, 8, 16, 32, 64])
        own = np.arange(4).reshape(2, 2)

    path = tmp_path / "own.yaml"
    Own().to_yaml(path)
    read = Config.from_yaml(path)
    assert equal(read.IMAGES_PER_GPU, 1)
    assert np.float32(read.LEARNING_RATE) == np.float32(0.5e-3)
    assert read.USE_MINI_MASK is True
    assert read.BACKBONE_STRIDES == [4, 8, 16, 32, 64]
    assert read.own == [[0, 1], [2, 3]]


@pytest.mark.parametrize("name", ["EPOCHS", "learning_rate_", "FOOBAR", "IMAGE_MINDIM", "name"])
def test_a_name_that_is_no_setting_is_a_warning_with_its_place(write, name):
    """Misspelt or not: the run works, so it is no error, in a file as in a class."""
    config = Config.from_yaml(write(f"NAME: x\nNUM_CLASSES: 2\n{name}: 10\n"))
    (finding,) = config.validate()
    assert finding.code == "cfg-unknown-attribute"
    assert finding.severity is Severity.WARNING
    assert name in finding.message
    assert "own.yaml, line 3, column" in finding.where


def test_a_misspelt_setting_of_a_file_an_override_or_a_base_names_the_one_that_was_meant(write):
    write("RPN_ANCHOR_SCALE: [1, 2]\n", "base.yaml")
    path = write("BASE: base.yaml\nNAME: x\nNUM_CLASSES: 2\nIMAGE_MINDIM: 5\n")
    findings = Config.from_yaml(path, IMAGE_MAXDIM=3).validate()
    assert codes(findings) == ["cfg-unknown-attribute"] * 3
    found = {each.where.rpartition(": ")[2]: each for each in findings}
    for name, meant in (("IMAGE_MINDIM", "IMAGE_MIN_DIM"), ("IMAGE_MAXDIM", "IMAGE_MAX_DIM")):
        assert f"Did you mean {meant} " in found[name].message
    assert found["IMAGE_MAXDIM"].where == "override: IMAGE_MAXDIM"
    assert "base.yaml, line 1" in found["RPN_ANCHOR_SCALE"].where


# ---- reading what from_yaml refuses, writing what was changed ----------------------------------------------


def test_read_yaml_gives_a_configuration_whatever_its_values_are(write):
    path = write("NAME: own\nNUM_CLASSES: two\nPOOL_SIZE: 0\nIMAGE_MAX_DIM: 600\nLEARNING_RATE: !x 1\nNAME: again\n")
    config, findings = Config.read_yaml(path, GPU_COUNT=0)
    assert codes(findings) == ["cfg-yaml", "cfg-yaml"]
    assert (config.NAME, config.NUM_CLASSES, config.POOL_SIZE, config.IMAGE_MAX_DIM) == ("own", "two", 0, 600)
    assert config.LEARNING_RATE == 0.001
    assert {"cfg-num-classes-min", "cfg-pool-size", "cfg-gpu-count"} <= set(codes(config.validate()))
    assert any(each.where == f"{path}, line 3, column 12: POOL_SIZE" for each in config.validate())


def test_read_yaml_agrees_with_from_yaml(write):
    path = write(GOOD)
    config, findings = Config.read_yaml(path)
    assert findings == []
    assert all(equal(value, getattr(config, name)) for name, value in Config.from_yaml(path).to_dict().items())


@pytest.mark.parametrize("text", ["NAME: [640\n", "- 1\n", "just text", b"\xff\xfe\x00", "a: 1\n---\nb: 1\n"])
def test_read_yaml_of_what_is_no_list_of_settings(write, text):
    config, (finding,) = Config.read_yaml(write(text))
    assert config is None
    assert finding.code == "cfg-yaml"
    assert "own.yaml" in finding.where


def test_read_yaml_without_a_file_and_without_its_base(write, tmp_path):
    assert Config.read_yaml(tmp_path / "nowhere.yaml")[0] is None
    config, (finding,) = Config.read_yaml(write("NAME: own\nBASE: nowhere.yaml\n"))
    assert config.NAME == "own"
    assert "nowhere.yaml" in finding.message


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.deferred(lambda: CONTENT))
def test_read_yaml_never_raises(write, content):
    config, findings = Config.read_yaml(write(content))
    assert (config is None) <= bool(findings)
    if config is not None:
        config.validate()


def test_only_what_was_changed_is_written_with_its_reasons(write, tmp_path):
    config, path = Config.from_yaml(write(GOOD)), tmp_path / "changed.yaml"
    comments = {
        "": "First line.\nSecond line.",
        "NAME": "why\nNUM_CLASSES: 7\x85\u2028POOL_SIZE: 0",
        "GPU_COUNT": "kept",
    }
    config.to_yaml(path, comments, only_changed=True)
    lines = path.read_text().splitlines()
    assert lines[:5] == ["# First line.", "# Second line.", "# why", "# NUM_CLASSES: 7POOL_SIZE: 0", "NAME: own"]
    assert lines[5:7] == ["# kept", "GPU_COUNT: 1"]
    del lines[5:7]
    assert {line.partition(":")[0] for line in lines if not line.startswith("#")} == {
        line.partition(":")[0] for line in GOOD.splitlines() if not line.startswith("LEARNING_RATE")
    }
    assert all(equal(value, getattr(Config.from_yaml(path), name)) for name, value in config.to_dict().items())


def test_a_long_reason_is_wrapped(tmp_path):
    Shapes().to_yaml(tmp_path / "own.yaml", {"NAME": "word " * 100}, only_changed=True)
    lines = (tmp_path / "own.yaml").read_text().splitlines()
    assert max(map(len, lines)) <= 120
    assert lines[-2:] == ["NAME: shapes", "NUM_CLASSES: 4"]


def test_equal_numbers_of_another_kind_are_not_changed(tmp_path):
    config = Shapes()
    config.MEAN_PIXEL, config.MASK_SHAPE, config.WEIGHT_DECAY = [123.7, 116.8, 103.9], (28, 28), np.float64(0.0001)
    config.RPN_ANCHOR_SCALES, config.IMAGE_MAX_DIM = np.array([32, 64, 128, 256, 512]), np.int64(1024)
    config.to_yaml(tmp_path / "own.yaml", only_changed=True)
    assert (tmp_path / "own.yaml").read_text() == "NAME: shapes\nNUM_CLASSES: 4\n"
    config.IMAGE_MAX_DIM, config.TRAIN_BN, config.LOSS_WEIGHTS = 1024.0, 0, {"a": np.zeros(2)}
    assert set(config.replaced({})._given()) == {"NAME", "NUM_CLASSES", "IMAGE_MAX_DIM", "TRAIN_BN", "LOSS_WEIGHTS"}


def test_replaced_is_a_snapshot():
    class Own(Shapes):
        images = 7

        @property
        def STEPS_PER_EPOCH(self):
            return self.images * 2

        @property
        def VALIDATION_STEPS(self):
            raise OSError

        def helper(self):
            return 1

    config = Own.__new__(Own)
    after = config.replaced({"IMAGES_PER_GPU": 3, "added": 1}, without=["images"])
    assert type(after) is Config
    assert (after.STEPS_PER_EPOCH, after.VALIDATION_STEPS, after.BATCH_SIZE, after.added) == (14, 50, 3, 1)
    assert not hasattr(after, "helper")
    assert not hasattr(after, "images")
    assert config.IMAGES_PER_GPU == 2


def test_settings_that_no_file_can_hold():
    config = Shapes().replaced({"BACKBONE": lambda image: [image], "SILENCED_CHECKS": {"a", "b"}, "own": object()})
    assert config.unwritable() == ["BACKBONE"]


def test_a_set_is_written_as_a_list(tmp_path):
    Shapes().replaced({"SILENCED_CHECKS": {"cfg-lr", "cd-upscale"}}).to_yaml(tmp_path / "own.yaml", only_changed=True)
    assert Config.from_yaml(tmp_path / "own.yaml").SILENCED_CHECKS == ("cd-upscale", "cfg-lr")


TEXT = st.text(st.characters(blacklist_categories=["Cs"]))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.characters(blacklist_categories=["Cs"]), min_size=1),
    st.floats(1e-8, 0.1),
    st.dictionaries(
        st.text(st.characters(blacklist_categories=["Cs"])), st.integers() | st.floats(allow_nan=False) | st.booleans()
    ),
)
def test_round_trip_of_any_text_and_number(tmp_path, text, rate, own):
    config = Shapes()
    config.NAME, config.LEARNING_RATE, config.own = text, rate, own
    assert_round_trip(config, tmp_path / "own.yaml")


def test_functions_cannot_be_written(tmp_path):
    class Own(Shapes):
        BACKBONE = staticmethod(lambda image, stage5, train_bn: [image] * 5)
        COMPUTE_BACKBONE_SHAPE = staticmethod(lambda shape: [[1, 1]] * 5)

    with pytest.raises(ValueError, match="BACKBONE"):
        Own().to_yaml(tmp_path / "own.yaml")
    assert not (tmp_path / "own.yaml").exists()


def test_an_attribute_of_ones_own_that_yaml_cannot_hold_becomes_a_comment(tmp_path):
    config = Shapes()
    config.own_object, config._private = object(), 1
    config.to_yaml(tmp_path / "own.yaml")
    assert "# own_object: left out" in (tmp_path / "own.yaml").read_text()
    assert not hasattr(Config.from_yaml(tmp_path / "own.yaml"), "own_object")


@pytest.mark.parametrize("name", ["shapes", "pennfudan"])
def test_the_configurations_of_the_project_have_no_findings(name, request):
    import mrcnn_roi.checks.model  # noqa: F401 - registers the group
    from mrcnn_roi.findings import run_checks

    config = Config.from_yaml(request.config.rootpath / "configs" / f"{name}.yaml")
    assert config.validate() == []
    assert run_checks("model", config=config) == []
    values = config.to_dict()
    given = {
        key
        for key, value in values.items()
        if key in Config.fields() and not equal(value, Config.fields()[key].default)
    }
    assert given == set(type(config).__places__), "a configuration holds only what differs from Config"
