"""Recipes: what is written, what is made of it, and what it does to images of every kind."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn_roi.checks.augmentation_trials import run_trials
from mrcnn_roi.findings import run_checks
from mrcnn_roi.inputs.augment import augment
from mrcnn_roi.inputs.augmentations import (
    RECIPES,
    SIMPLE,
    Stretch,
    augmentation,
    content_of,
    describe_recipes,
    draw_stretch,
    parse_recipes,
    stretch_masks,
)
from mrcnn_roi.inputs.sample import build_sample
from mrcnn_roi.ops.augment import augmentation_name


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    "given, expected",
    [
        ("flip", {"flip": (0.5,)}),
        (" color , flip=0.2,", {"flip": (0.2,), "color": (0.2,)}),
        ("scale=0.8..1.25", {"scale": (0.8, 1.25)}),
        ("scale=2", {"scale": (0.5, 2.0)}),
        ("scale=0.5", {"scale": (0.5, 2.0)}),
        ("crop=0.6", {"crop": (0.6, 1.0)}),
        ("flip-vertical", {"flip_vertical": (0.5,)}),
        (["flip", "crop=0.5..0.9"], {"flip": (0.5,), "crop": (0.5, 0.9)}),
        ({"scale": (0.8, 1.2), "flip": True, "blur": False, "noise": None}, {"flip": (0.5,), "scale": (0.8, 1.2)}),
        ({"color": 0.4}, {"color": (0.4,)}),
    ],
)
def test_what_is_written(given, expected):
    recipes = parse_recipes(given)
    assert recipes == expected
    assert list(recipes) == [name for name in RECIPES if name in expected]
    assert parse_recipes(describe_recipes(recipes)) == expected


@pytest.mark.parametrize(
    "given, words",
    [
        ("colour", "among flip, .*, noise, received 'colour'; did you mean \"color\""),
        ("fliplr", 'did you mean "flip"'),
        ("xyz", "received 'xyz'$"),
        ("", "received none"),
        ({"flip": False}, "received none"),
        ("flip,flip=0.2", "once, received 'flip' twice"),
        ("flip=2", "flip= a number from 0 to 1 .*received '2': write for example flip=0.5"),
        ("flip=-0.1", "received '-0.1'"),
        ("flip=", "received ''"),
        ("flip=0.1..0.2", "received '0.1..0.2'"),
        ("scale=1.5..0.5", "two numbers low..high from 0.1 to 10 "),
        ("scale=0", "received '0'"),
        ("scale=0.01", "received '0.01'"),
        ("crop=1.5", "from 0.1 to 1 "),
        ("color=much", "received 'much'"),
        ("color=nan", "received 'nan'"),
        ({"noise": "a lot"}, "received 'a lot'"),
        ({"noise": {}}, "received {}"),
    ],
)
def test_what_cannot_be_meant(given, words):
    with pytest.raises(ValueError, match=words):
        augmentation(given)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.text(max_size=12), st.lists(st.text("flipscaecrop=.0123456789,-", max_size=12), max_size=3)))
def test_any_text_is_read_or_refused(text):
    try:
        recipes = parse_recipes(text)
    except ValueError as error:
        assert str(error).startswith("expected")  # noqa: PT017
    else:
        assert parse_recipes(describe_recipes(recipes)).keys() == recipes.keys()


def test_quarter_turns_need_square_images(make_config):
    assert augmentation("rotate90", make_config())
    with pytest.raises(ValueError, match='IMAGE_RESIZE_MODE "square" or "crop" for rotate90, received \'pad64\''):
        augmentation("rotate90", make_config(IMAGE_RESIZE_MODE="pad64"))
    for names in ("rotate90", "rotate90,scale"):
        with pytest.raises(ValueError, match="expected a square image for rotate90, received 20 x 30"):
            augment(augmentation(names), np.zeros((20, 30, 3), np.uint8), np.zeros((20, 30, 2), bool), rng())


def test_flips_and_turns_need_no_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "albumentations", None)
    monkeypatch.delitem(sys.modules, "mrcnn_roi.inputs.albumentations_recipes", raising=False)
    assert augmentation_name(augmentation(SIMPLE)) == "flip=0.5,flip_vertical=0.5,rotate90=1"
    with pytest.raises(ImportError, match=r'scale, color need albumentations .*pip install "albumentations>=2.0.8,<3"'):
        augmentation("color,flip,scale")


PIXELS = rng(1).integers(1, 256, (24, 24, 3))
MASKS = rng(2).random((24, 24, 4)) > 0.5


@pytest.mark.parametrize("names", ["flip,flip_vertical,rotate90", "flip,flip_vertical,rotate90,scale=1"])
def test_turns_are_all_eight(names):
    """In numpy, and as albumentations has them."""
    made, seen = augmentation(names), set()
    masks = np.concatenate([MASKS, PIXELS[..., :1] > 100], axis=2)
    for seed in range(120):
        image, moved = augment(made, PIXELS.astype(np.uint8), masks, rng(seed))
        np.testing.assert_array_equal(moved[..., -1], image[..., 0] > 100)
        seen.add(image.tobytes())
    assert len(seen) == 8


def test_turned_masks_keep_their_layout():
    planes = np.ascontiguousarray(MASKS.transpose(2, 0, 1))
    made = augmentation("flip=1,rotate90")
    for seed in range(4):
        _, moved = made(PIXELS, planes.transpose(1, 2, 0), rng(seed))
        assert moved.transpose(2, 0, 1).flags.c_contiguous
        assert made(PIXELS, MASKS, rng(seed))[1].flags.c_contiguous


ALL = ",".join(RECIPES)
KINDS = [(1, np.uint8), (3, np.uint8), (4, np.uint8), (5, np.uint8), (3, np.uint16), (2, np.float32), (5, np.float64)]


def framed(channels, dtype, side=64):
    """An image with padding above and below, as molding makes it, and masks in it."""
    image = np.zeros((side, side, channels), dtype)
    values = rng(3).integers(1, 256, (40, side, channels))
    image[10:50] = values > 99 if dtype is bool else values
    masks = np.zeros((side, side, 3), bool)
    masks[12:30, 5:20, 0] = masks[30:48, 30:50, 1] = masks[20:25, 50:60, 2] = True
    return image, masks


@pytest.mark.parametrize("channels, dtype", [*KINDS, (3, np.int32), (1, bool)])
@pytest.mark.parametrize("name", RECIPES)
def test_images_of_every_kind(name, channels, dtype):
    made, (image, masks) = augmentation(name), framed(channels, dtype)
    before = image.copy()
    changed = 0
    for seed in range(6):
        if name in ("color", "noise") and dtype != np.uint8:
            expected = f"expected an 8-bit image .uint8. for {name}, received {np.dtype(dtype)}: leave {name} out"
            if name == "color":
                with pytest.raises(ValueError, match=expected):
                    augment(made, image, masks, rng(seed))
            return
        new, moved = augment(made, image, masks, rng(seed))
        assert new.dtype == image.dtype
        assert new.shape == image.shape
        assert moved.dtype == bool
        changed += not np.array_equal(new, image)
        np.testing.assert_array_equal(image, before)
        if name in ("color", "blur", "noise"):
            np.testing.assert_array_equal(moved, masks)
            assert not new[:10].any()
            assert not new[50:].any()
    assert changed


@pytest.mark.parametrize("name", ["flip", "flip_vertical", "rotate90", "rotate", "scale", "crop", ALL])
@pytest.mark.parametrize("count", [0, 1, 300])
def test_masks_stay_on_their_objects(name, count):
    """The objects are white on grey, and padding comes in black."""
    made = augmentation(name.replace(",color,blur,noise", ""))
    masks = np.zeros((96, 96, count), bool)
    for i in range(count):
        y, x = (12 * (k % 7) + 8 for k in (i, i // 7))
        masks[y : y + 6, x : x + 6, i] = True
    image = np.where(masks.any(axis=2), 255, 90).astype(np.uint8)[..., None]
    for seed in range(8):
        new, moved = augment(made, image, masks, rng(seed))
        wrong = (new[..., 0] > 172) != moved.any(axis=2)
        assert wrong.mean() < 0.02 + 0.4 * np.mean(moved.any(axis=2))
        inside = _deep(moved.any(axis=2))
        assert (wrong[1:-1, 1:-1] & inside).sum() <= 0.01 * inside.sum()


def _deep(mask):
    """Pixels [H - 2, W - 2] of a mask all of whose neighbours are in it."""
    height, width = mask.shape
    parts = [mask[y : height - 2 + y, x : width - 2 + x] for y in range(3) for x in range(3)]
    return np.all(parts, axis=0)


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 40), st.floats(0.1, 10), st.integers(0, 39), st.integers(1, 40), st.integers(0, 2**32 - 1)
)  # fmt: skip
def test_stretches_stay_inside(length, factor, first, size, seed):
    content = min(first, length - 1), min(first + size, length)
    stretch = draw_stretch(length, factor, content, rng(seed))
    assert 0 <= stretch.first < stretch.end <= length
    assert 0 <= stretch.start < stretch.stop <= length
    if factor > 1:  # as much of the content as the window can hold
        seen = min(stretch.end, content[1]) - max(stretch.first, content[0])
        assert seen == min(stretch.end - stretch.first, content[1] - content[0])


def test_masks_are_stretched_by_their_centres():
    rows, columns = Stretch(2, 8, 0, 9), Stretch(0, 9, 3, 7)
    planes = rng(4).random((2, 9, 9)) > 0.5
    slow = np.zeros_like(planes)
    for y in range(9):
        for x in range(3, 7):
            slow[:, y, x] = planes[:, 2 + int((y + 0.5) * 6 / 9), int((x - 3 + 0.5) * 9 / 4)]
    np.testing.assert_array_equal(stretch_masks(planes, rows, columns), slow)


def test_the_content_is_what_is_not_padding():
    image = np.zeros((9, 8, 2), np.uint8)
    assert content_of(image) == ((0, 9), (0, 8))
    image[2, 3, 0] = image[5, 6, 1] = 1
    assert content_of(image) == ((2, 6), (3, 7))


@pytest.mark.parametrize("names", [*RECIPES, "flip,scale,color", ALL])
def test_the_preflight_finds_nothing_in_recipes(names):
    assert run_checks("augmentation", trials=run_trials(augmentation(names), (128, 128, 3), True)) == []


def test_samples_lose_what_vanishes_with_its_class(make_config, make_dataset):
    """The image is zoomed so much that some objects must go."""
    dataset, config = make_dataset((120, 128, 6)), make_config()
    made, lost = augmentation("scale=3..4,flip"), 0
    for seed in range(6):
        sample = build_sample(dataset, config, 0, rng(seed), augmentation=made)
        again = build_sample(dataset, config, 0, rng(seed), augmentation=made)
        for name, values in sample.items():
            np.testing.assert_array_equal(values, again[name])
        present = sample["input_gt_class_ids"] > 0
        boxes = sample["input_gt_boxes"][present]
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        assert set(sample["input_gt_class_ids"][present]) <= set(dataset.load_mask(0)[1])
        lost += 6 - present.sum()
    assert lost
