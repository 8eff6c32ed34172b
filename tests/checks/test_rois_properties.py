"""check_rois on input of any kind: it answers with findings, and never raises, warns or hangs."""

import collections.abc
import warnings

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mrcnn_roi.checks.rois import check_rois
from mrcnn_roi.findings import Finding
from mrcnn_roi.ops.boxes import norm_boxes
from tests.checks.examples_rois import EXAMPLES, GT, PIXEL_BOXES, ROIS, SIDE, maps, metas

GOOD = {
    "rois": ROIS,
    "feature_maps": maps(),
    "image_meta": metas(),
    "image_shape": (SIDE, SIDE, 3),
    "gt_boxes": GT,
    "num_classes": 3,
    "strides": (4, 8, 16, 32),
}


def assert_answers(**arguments):
    """Calls check_rois with every warning an error of its own, and returns the codes."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        findings = check_rois(**arguments)
    assert not caught, [str(each.message) for each in caught]
    assert isinstance(findings, list)
    for finding in findings:
        assert isinstance(finding, Finding)
        assert finding.code in EXAMPLES, str(finding)
        assert finding.message
        assert finding.fix
        assert len(str(finding)) < 4000
    found = [finding.code for finding in findings]
    assert len(set(found)) == len(found)
    return sorted(found)


# --- any dtype, any rank, any values, for every argument ----------------------------------------------------

plain = [
    "?",
    "i1",
    "u1",
    "i4",
    "i8",
    "u8",
    "f2",
    "f4",
    "f8",
    "g",
    "F",
    "D",
    "G",
    "O",
    "S3",
    "U3",
    "V4",
    "M8[s]",
    "m8[D]",
]
extensions = ["bfloat16", "float8_e4m3fn", "float8_e5m2", "int4", "uint4"]
structured = [[("a", "f4"), ("b", "i2")], [("a", "f4", (4,))]]
dtypes = [np.dtype(each) for each in plain + structured] + [np.dtype(getattr(ml_dtypes, each)) for each in extensions]
shapes = st.one_of(
    hnp.array_shapes(min_dims=0, max_dims=6, min_side=0, max_side=5),
    st.sampled_from([(1, 3, 4), (2, 5, 4), (0, 2, 4), (3, 0, 4), (2, 3, 5), (1, 15), (2, 14), (4, 4), (1, 8, 8, 2)]),
)
nasty = [0.0, -0.0, 0.5, 1.0, 1 + 1e-7, 2.0, 17.0, 800.0, -1.0, 1e-320, 6e4, 1e300, -1e308, np.nan, np.inf, -np.inf]


@st.composite
def arrays(draw):
    shape = draw(shapes)
    dtype = draw(st.sampled_from(dtypes))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    if draw(st.booleans()):
        values = rng.choice(nasty, shape)
    else:
        values = rng.random(shape) * draw(st.sampled_from([1, 128, 1e4]))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return np.asarray(values).astype(dtype)
        except (TypeError, ValueError):  # no such cast: structured dtypes, NaN to a date
            return np.zeros(shape, dtype)


@settings(max_examples=400, deadline=None)
@given(st.fixed_dictionaries({}, optional={name: arrays() for name in GOOD}))
def test_any_array_in_any_argument(replaced):
    assert_answers(**{**GOOD, **replaced})


@settings(max_examples=200, deadline=None)
@given(arrays(), st.lists(arrays(), max_size=6), st.sampled_from([None, (SIDE, SIDE)]))
def test_any_arrays_as_maps(rois, feature_maps, image_shape):
    assert_answers(rois=rois, feature_maps=feature_maps, image_shape=image_shape)


# --- any object ---------------------------------------------------------------------------------------------


class Raises:
    def __array__(self, dtype=None, copy=None):
        raise MemoryError("no room")


class Warns:
    def __array__(self, dtype=None, copy=None):
        warnings.warn("a foreign conversion", stacklevel=2)
        return ROIS


class Secretive:
    def __getattribute__(self, name):
        raise RuntimeError(f"no {name} for strangers")


class Undecided:
    __hash__ = None

    def _refuse(self, *_):
        raise RuntimeError("cannot be compared")

    __eq__ = __bool__ = __len__ = __iter__ = __repr__ = __str__ = _refuse


class TorchLike:
    """A tensor of another framework that is on a device and wants its gradient."""

    shape, dtype, requires_grad = (1, 4, 4), "torch.float32", True

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("can't call numpy() on a tensor that requires grad")

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self


class BrokenSequence(collections.abc.Sequence):
    def __len__(self):
        return 5

    def __getitem__(self, index):
        raise ValueError("no item")


class BrokenMapping(collections.abc.Mapping):
    def __len__(self):
        return 4

    def __iter__(self):
        raise RuntimeError("no keys")

    def __getitem__(self, key):
        raise KeyError(key)


class Endless(collections.abc.Sequence):
    def __len__(self):
        return 10**15

    def __getitem__(self, index):
        return 0.5


def recursive_list():
    held = []
    held.append(held)
    return held


def nested_list(depth):
    held = 0.5
    for _ in range(depth):
        held = [held]
    return held


def doubled_list(times):
    """A list of 2 ** times numbers that itself takes no room."""
    held = [0.5]
    for _ in range(times):
        held = [held, held]
    return held


def object_array(value):
    held = np.empty((1, 4, 4), object)
    held[...] = value
    return held


OBJECTS = {
    "none": lambda: None,
    "number": lambda: 10**400,
    "text": lambda: "P2",
    "bytes": lambda: memoryview(b"12345678"),
    "dict": lambda: {"P2": {}},
    "set": lambda: {1, 2},
    "generator": lambda: (each for each in [ROIS]),
    "type": lambda: np.ndarray,
    "range": lambda: range(10**12),
    "very long range": lambda: range(10**30),
    "raises": Raises,
    "warns": Warns,
    "secretive": Secretive,
    "undecided": Undecided,
    "torch": TorchLike,
    "broken sequence": BrokenSequence,
    "broken mapping": BrokenMapping,
    "endless": Endless,
    "recursive": recursive_list,
    "deep": lambda: nested_list(70),
    "deeper": lambda: nested_list(2000),
    "doubled": lambda: doubled_list(40),
    "objects": lambda: object_array(None),
    "undecided objects": lambda: object_array(Undecided()),
    "masked": lambda: np.ma.masked_array(ROIS, ROIS > 0.5),
    "one masked": lambda: np.ma.masked,
    "matrix": lambda: np.asmatrix(np.eye(4)),
    "random": lambda: np.random.default_rng(0),
    "scalar view": lambda: np.broadcast_to(np.float32(0.3), (1, 4, 4)),
    "other byte order": lambda: ROIS.astype(">f4"),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_any_object_in_any_argument(name):
    for argument in GOOD:
        assert_answers(**{**GOOD, argument: OBJECTS[name]()})
        assert_answers(**{"rois": ROIS, argument: OBJECTS[name]()})
        assert_answers(**{**GOOD, argument: [OBJECTS[name]()] * 4})


def test_tensors_of_every_kind():
    import keras
    import scipy.sparse
    import tensorflow as tf

    graph = tf.Graph()
    with graph.as_default():
        placeholder = tf.compat.v1.placeholder(tf.float32, [1, 4, 4])
    kinds = [
        tf.sparse.from_dense(ROIS),
        tf.ragged.constant([[[0.1, 0.2, 0.3, 0.4]], []], ragged_rank=1),
        tf.IndexedSlices(tf.constant(ROIS), tf.constant([0])),
        tf.constant("text"),
        tf.TensorSpec([1, 4, 4]),
        tf.TensorShape(None),
        tf.data.Dataset.from_tensors(ROIS),
        keras.Input((4, 4)),
        keras.KerasTensor((1, 4, 4)),
        placeholder,
        scipy.sparse.csr_matrix(np.eye(4)),
    ]
    for argument in GOOD:
        for value in kinds:
            assert_answers(**{**GOOD, argument: value})
    for value in (tf.constant(ROIS), tf.Variable(ROIS), keras.Variable(ROIS), tf.cast(ROIS, tf.bfloat16)):
        assert assert_answers(**{**GOOD, "rois": value}) == []
    assert assert_answers(rois=keras.Input((4, 4))) == ["roi-rank"]


# --- as much as anybody has ---------------------------------------------------------------------------------


def many(batch, count):
    corners = np.sort(np.random.default_rng(0).random((batch, count, 2, 2)), axis=2)
    return corners.reshape(batch, count, 4).astype(np.float32)


@pytest.mark.parametrize(
    "arguments",
    [
        {"rois": many(1, 200_000), "image_shape": (1024, 1024), "gt_boxes": many(1, 100) * 1024},
        {"rois": many(1, 200_000) * 1e-3, "image_shape": (1024, 1024), "gt_boxes": many(1, 100) * 1024},
        {"rois": many(1, 10) * 1e-3, "image_shape": (1024, 1024), "gt_boxes": many(1, 200_000) * 1024},
        {"rois": many(1, 200_000) * 1024, "image_shape": (1024, 1024), "gt_boxes": many(1, 200_000) * 1024},
        {"rois": many(200_000, 1), "image_shape": (1024, 1024), "gt_boxes": many(200_000, 1) * 1024},
        {"rois": np.full((1, 200_000, 4), np.nan)},
        {"rois": ROIS, "gt_boxes": GT, "image_shape": (128, 128), "strides": np.arange(1, 200_001)},
        {"rois": ROIS, "feature_maps": [np.full((1, 2, 2, 1), np.nan)] * 200_000, "strides": [4] * 200_000},
        {"rois": ROIS, "feature_maps": [0.5] * 200_000},
        {"rois": ROIS, "image_meta": np.zeros((200_000, 15))},
    ],
    ids=lambda arguments: "-".join(arguments),
)
def test_large_input_is_answered(arguments):
    assert_answers(**arguments)


# --- ground truth convicts nobody by chance -----------------------------------------------------------------


def test_random_proposals_are_not_called_swapped():
    """One object a batch and proposals that miss it: some other reading of them finds it one time in seven."""
    rng, convicted = np.random.default_rng(0), 0
    for _ in range(150):
        corner, extent = rng.random((2, 101, 2)) * [[[0.9]], [[0.6]]]
        boxes = np.hstack([corner, np.minimum(corner + extent + 0.02, 1)])
        gt_boxes = boxes[:1] * [512, 768, 512, 768]
        found = assert_answers(rois=boxes[None, 1:].astype(np.float32), image_shape=(512, 768), gt_boxes=gt_boxes)
        convicted += found != []
    assert convicted <= 3


@pytest.mark.parametrize("batch", [2, 3])
def test_random_proposals_are_not_called_mixed_up(batch):
    """One object an image, which other orders of the images and other sizes would find now and then."""
    rng, convicted = np.random.default_rng(0), 0
    for _ in range(150):
        corner, extent = rng.random((2, batch, 31, 2)) * [[[[0.9]]], [[[0.6]]]]
        boxes = np.concatenate([corner, np.minimum(corner + extent + 0.02, 1)], axis=-1)
        gt_boxes = boxes[:, :1] * [512, 768, 512, 768]
        found = assert_answers(rois=boxes[:, 1:].astype(np.float32), image_shape=(512, 768), gt_boxes=gt_boxes)
        convicted += "roi-batch-mismatch" in found or "roi-range" in found
    assert convicted <= 1


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 40), st.sampled_from([(64, 64), (512, 768), (1024, 1024)]))
def test_clipped_proposals_and_padding_are_accepted(seed, count, shape):
    rng = np.random.default_rng(seed)
    corners = np.sort(rng.random((2, count, 2, 2)), axis=2).reshape(2, count, 4).astype(np.float32)
    corners[rng.random((2, count)) < 0.3] = 0
    found = assert_answers(rois=corners, image_shape=shape)
    assert found == [] if corners.any() else ["roi-all-padding"]
    assert assert_answers(rois=corners[0], image_shape=shape)[-1:] == ["roi-rank"]


@pytest.mark.parametrize("batch", [1, 2])
def test_swapped_proposals_of_a_trained_network_are_found(batch):
    rng = np.random.default_rng(1)
    gt = np.array([[20, 300, 60, 480], [50, 380, 120, 500], [10, 200, 50, 330], [70, 430, 200, 500]])
    near = np.repeat(gt[None], batch, axis=0) + rng.normal(0, 2, (batch, 4, 4))
    rois = norm_boxes(near, (300, 520))
    assert assert_answers(rois=rois, image_shape=(300, 520), gt_boxes=gt) == []
    assert assert_answers(rois=rois[..., [1, 0, 3, 2]], image_shape=(300, 520), gt_boxes=gt) == ["roi-order-xy"]


# --- one cause, one finding ---------------------------------------------------------------------------------


def with_changed(values):
    rois = ROIS.copy()
    rois[0, 0] = values
    return rois


@pytest.mark.parametrize(
    "changed, code",
    [
        ({"rois": ROIS[0]}, "roi-rank"),
        ({"rois": np.hstack([np.zeros((4, 1)), PIXEL_BOXES[0]])}, "roi-rank"),
        ({"rois": np.dstack([np.zeros((1, 4, 1)), PIXEL_BOXES])}, "roi-last-dim"),
        ({"rois": PIXEL_BOXES}, "roi-pixel-coords"),
        ({"rois": PIXEL_BOXES / 4}, "roi-feature-coords"),
        ({"rois": PIXEL_BOXES / 16}, "roi-feature-coords"),
        ({"rois": ROIS[..., [1, 0, 3, 2]], "gt_boxes": PIXEL_BOXES[0]}, "roi-order-xy"),
        ({"feature_maps": [np.transpose(each, (0, 3, 1, 2)) for each in maps()]}, "fm-layout-nchw"),
        ({"feature_maps": [each[0] for each in maps()]}, "fm-rank"),
        ({"feature_maps": maps(batch=2)}, "roi-batch-mismatch"),
        ({"rois": with_changed([0.2, 0.3, 0.2, 0.9])}, "roi-zero-area"),
        ({"rois": with_changed([0.9, 0.3, 0.2, 0.9])}, "roi-order-reversed"),
        ({"rois": with_changed([0.1, 0.2, 0.8, 1.4])}, "roi-range"),
        ({"rois": with_changed([np.nan, 0.2, 0.8, 0.9])}, "roi-nonfinite"),
    ],
)
def test_the_failures_that_people_asked_about(changed, code):
    everything = {**GOOD, **changed}
    assert assert_answers(**everything) == [code]


def test_the_fix_for_five_columns_is_the_function_that_groups_them():
    indexed = np.hstack([np.zeros((4, 1)), PIXEL_BOXES[0]])
    assert "group_rois(rois, batch_size" in check_rois(indexed)[0].fix
    assert "pad_rois" in check_rois([ROIS[0, :2].tolist(), ROIS[0, :3].tolist()])[0].fix
