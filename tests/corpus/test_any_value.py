"""Whatever object a setting holds, the answer is findings: no error, and no check that fails itself."""

from dataclasses import dataclass

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mrcnn_roi.checks.h5_header import read_header
from mrcnn_roi.config import Config
from mrcnn_roi.findings import Finding, run_checks
from mrcnn_roi.preflight import preflight

from .builders import BOXES, CPU, Fitting, noise, rectangles
from .faults_weights import trained

FIELDS = sorted(Config.fields())


ANSWERS = {"bool": True, "len": 3, "eq": False, "str": "x", "repr": "x", "float": 2.0, "int": 2, "hash": 1}


class Hostile:
    """An object whose special methods raise, all but those in `allowed`."""

    def __init__(self, *allowed):
        object.__setattr__(self, "_allowed", allowed)

    def _refuse(self, name, *_):
        if name in object.__getattribute__(self, "_allowed"):
            return ANSWERS[name]
        raise RuntimeError(name)

    __bool__ = lambda self: self._refuse("bool")  # noqa: E731
    __len__ = lambda self: self._refuse("len")  # noqa: E731
    __eq__ = lambda self, other: self._refuse("eq")  # noqa: E731
    __hash__ = lambda self: self._refuse("hash")  # noqa: E731
    __str__ = lambda self: self._refuse("str")  # noqa: E731
    __repr__ = lambda self: self._refuse("repr")  # noqa: E731
    __float__ = lambda self: self._refuse("float")  # noqa: E731
    __int__ = lambda self: self._refuse("int")  # noqa: E731
    __index__ = lambda self: self._refuse("int")  # noqa: E731
    __iter__ = lambda self: self._refuse("iter")  # noqa: E731
    __lt__ = lambda self, other: self._refuse("lt")  # noqa: E731
    __array__ = lambda self, *_, **__: self._refuse("array")  # noqa: E731
    __getitem__ = lambda self, index: self._refuse("item")  # noqa: E731


class Lies(str):
    """A text that says of itself that it is equal to everything."""

    __hash__ = str.__hash__

    def __eq__(self, other):
        return True


class Shouting(dict):
    def __getitem__(self, key):
        raise RuntimeError(key)

    def get(self, key, default=None):
        raise RuntimeError(key)


class Callable:
    def __call__(self, *arguments, **keywords):
        raise RuntimeError("called")


class Broken(float):
    def __float__(self):
        raise RuntimeError("float")

    def __repr__(self):
        raise RuntimeError("repr")


class Metaclass(type):
    def __repr__(cls):
        raise RuntimeError("repr")

    def __bool__(cls):
        raise RuntimeError("bool")


SPECIAL = [
    Hostile(), Hostile("repr"), Hostile("bool", "len"), Hostile("hash", "eq"), Hostile("float", "int"), Lies("square"),
    Shouting(mrcnn_mask_loss=1.0), Callable(), Broken(1.0), Metaclass("Named", (), {}), type, len, ..., NotImplemented,
    np.array([1, None], object), np.array(["a", "b"]), np.zeros((0, 4)), np.zeros((2, 3, 4)), np.array(5), np.nan,
    np.datetime64("NaT"), np.float16(np.inf), np.ma.masked, np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
    10**400, -(10**400), 2**63, 1e308, -0.0, 5e-324, complex(1, 2), b"square", bytearray(b"x"), memoryview(b"abc"),
    "\x00", "\ud800", "a" * 100_000, "٣", "1_000", "0x10", " 1 ", range(3), range(10**9), iter([1]), {1, 2},
    frozenset(),
    [[[[[[1]]]]]], [None] * 5, (True, False, True, False, True), {}, {"a": {}}, {None: 1}, object(), Exception("x"),
]  # fmt: skip
RECURSIVE: list = [1]
RECURSIVE.append(RECURSIVE)
SPECIAL.append(RECURSIVE)


@dataclass(frozen=True)
class Pick:
    """Stands for an object of SPECIAL until the example is used: not all of them can be shown."""

    index: int


def picked(value):
    """The value with its picks replaced."""
    if isinstance(value, Pick):
        return SPECIAL[value.index]
    if isinstance(value, dict):
        return {key: picked(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(picked, value))
    return value


numbers = st.one_of(
    st.integers(-3, 2000), st.integers(), st.floats(), st.booleans(), st.none(), st.complex_numbers(),
    st.sampled_from([0, 1, 2, 64, 128, 0.5, 1.0, np.int64(128), np.float32(0.3), np.bool_(True)]),
)  # fmt: skip
texts = st.one_of(st.text(max_size=20), st.sampled_from(["square", "none", "pad64", "crop", "tiny", "max"]))
plain = st.one_of(numbers, texts, st.builds(Pick, st.integers(0, len(SPECIAL) - 1)))
values = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=6), st.lists(inner, max_size=6).map(tuple),
        st.dictionaries(st.one_of(texts, st.integers()), inner, max_size=6),
        st.lists(st.floats(width=32), max_size=6).map(np.array),
    ),
    max_leaves=8,
)  # fmt: skip


class Memory:
    """The least that the preflight takes for a dataset."""

    def __init__(self):
        self.image_info = [{"id": i, "source": "parts", "path": None} for i in range(2)]
        self.class_info = [{"source": source, "id": i, "name": name} for source, i, name in CLASSES]
        self.source_class_ids = {"": [0], "parts": [0, 1, 2]}
        self.image_ids = np.arange(2)
        self.annotation_problems: list[Finding] = []

    def load_image(self, image_id):
        return IMAGES[image_id]

    def load_mask(self, image_id):
        return MASKS, np.array([1, 2, 1])

    def load_boxes(self, image_id):
        return None

    def instance_names(self, image_id):
        return []


CLASSES = [("", 0, "BG"), ("parts", 1, "bolt"), ("parts", 2, "nut")]
IMAGES, MASKS = [noise((64, 64), seed=seed) for seed in (1, 2)], rectangles([(2, 2, 30, 30), *BOXES[:1]], (64, 64))
MASKS = np.concatenate([MASKS, MASKS[..., :1]], axis=2)


def answer(changes, data=True):
    config = Fitting()
    for name, value in changes.items():
        setattr(config, name, value)
    train = Memory() if data else None
    return preflight(config, train, None, environment=CPU, layers="all", epochs=2)


@settings(deadline=None, max_examples=400, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(FIELDS), values, min_size=1, max_size=4), st.booleans())
def test_any_objects_in_any_settings_give_findings_only(changes, data):
    findings = answer(picked(changes), data)
    assert all(isinstance(each, Finding) for each in findings)
    assert [str(each) for each in findings if each.code == "check-failed"] == []
    for each in findings:
        str(each).encode("utf-8")
        assert each.message
        assert each.fix


def test_special_objects_in_each_setting():
    failed = {}
    for position, name in enumerate(FIELDS):
        for value in SPECIAL[position % 3 :: 3]:
            try:
                config = Fitting()
                setattr(config, name, value)
                found = run_checks(("config", "model"), config=config)
                told = [str(each) for each in found if each.code == "check-failed"]
            except Exception as error:
                told = [type(error).__name__]
            if told:
                failed[name, type(value).__name__] = told
    assert failed == {}


def test_special_objects_as_arguments(tmp_path):
    """What train() and load_weights() are given beside the Config."""
    header = read_header(trained(tmp_path / "weights.h5", NUM_CLASSES=81))
    usual = {
        "exclude": (), "layers": "heads", "model_dir": None, "checkpoint": None, "epochs": 3, "learning_rate": None,
    }  # fmt: skip
    failed = {}
    for name in usual:
        for value in SPECIAL:
            given_ = (value,) if name == "exclude" else value
            found = run_checks(
                ("weights", "environment"), config=Fitting(), weights=header, mode="training", splits=[], datasets={},
                scan_failures={}, environment=CPU, **{**usual, name: given_},
            )  # fmt: skip
            told = [str(each) for each in found if each.code == "check-failed"]
            if told:
                failed[name, type(value).__name__] = told
    assert failed == {}
