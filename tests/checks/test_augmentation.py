"""Trials of augmentations: the three kinds of objects, and what must not be flagged."""

import random

import numpy as np
import pytest

from mrcnn_roi.checks.augmentation_trials import DRAWS, draw_sample, run_trials, sample_shape
from mrcnn_roi.findings import Severity

from .examples_augmentation import findings_of, flip, flip_image, flip_twice, photometric, shift
from .test_fit import only
from .toy import config, find, grave, sample, toys


def identity(image, masks, rng):
    return image, masks


def quarter_turn(image, masks, rng):
    turns = int(rng.integers(4))
    return np.rot90(image, turns), np.rot90(masks, turns)


def rotated(degrees, image_order=1):
    """Rotation of image and masks about the centre, by scikit-image."""
    from skimage.transform import rotate

    def rotate_both(image, masks, rng):
        angle = rng.uniform(-degrees, degrees)
        image = rotate(image, angle, order=image_order, preserve_range=True).astype(np.uint8)
        return image, rotate(masks.astype(np.uint8), angle, order=0, preserve_range=True).astype(bool)

    return rotate_both


def equalized(image, masks, rng):
    """Every grey level spread by its rank: what the image holds decides."""
    levels = np.searchsorted(np.sort(image.ravel()), image.ravel(), "right") / image.size
    return (255 * levels).reshape(image.shape).astype(np.uint8), masks


def sometimes_black(image, masks, rng):
    return image * (rng.random() < 0.5), masks


def solarized(image, masks, rng):
    return np.where(image > 128, 255 - image, image), masks


def global_flip(image, masks, rng):
    """Ignores rng: draws from Python's and numpy's own random numbers."""
    if random.random() < 0.5:
        image, masks = image[::-1], masks[::-1]
    return (image[:, ::-1], masks[:, ::-1]) if np.random.rand() < 0.5 else (image, masks)


class OwnNumbers:
    """Draws from a generator of its own."""

    def __init__(self, alone=False):
        self.rng, self.alone = np.random.default_rng(0), alone

    def __call__(self, image, masks, rng):
        if self.rng.random() < 0.5:
            return image, masks
        return image[::-1], masks if self.alone else masks[::-1]


UNREPEATABLE = np.random.default_rng(0)


def unrepeatable(image, masks, rng):
    return (image[::-1], masks[::-1]) if UNREPEATABLE.random() < 0.5 else (image, masks)


def unrepeatable_image(image, masks, rng):
    return (image[::-1], masks) if UNREPEATABLE.random() < 0.5 else (image, masks)


class Albumentation:
    """An albumentations transform, duck-typed: seeded, called by keywords, masks in a list of uint8."""

    def __init__(self, moves_masks=True):
        self.moves_masks, self.rng = moves_masks, np.random.default_rng()

    def set_random_seed(self, seed):
        self.rng = np.random.default_rng(seed)

    def __call__(self, *, image, masks=()):
        if self.rng.random() < 0.5:
            masks = [mask[:, ::-1] if self.moves_masks else mask for mask in masks]
            return {"image": image[:, ::-1], "masks": masks}
        return {"image": image, "masks": list(masks)}


class Augmenter:
    """An imgaug augmenter that flips, duck-typed."""

    def __init__(self, seed=0):
        self.seed = seed

    def to_deterministic(self):
        return type(self)(int(np.random.randint(2**31)))

    def seed_(self, seed, deterministic_too=False):
        self.seed = seed

    def augment_image(self, image, hooks=None):
        if hooks is not None and not hooks.is_activated([image], self, [], True):
            return image
        return image[:, ::-1] if self.seed % 2 else image


class Fliplr(Augmenter):
    """Its class name is one that masks may see."""


class HalfTheTime(Fliplr):
    """Derived from such a class, as imgaug's Crop from CropAndPad."""


class Mirror(Augmenter):
    """A geometric augmenter that is not on the list, so that masks never see it."""


@pytest.mark.parametrize("augmentation", [
    identity, flip, quarter_turn, rotated(30), photometric, equalized, sometimes_black, solarized,
    global_flip, shift(20), OwnNumbers(), unrepeatable, Albumentation(), Fliplr(), HalfTheTime(),
])  # fmt: skip
def test_sound_augmentations_are_left_alone(augmentation):
    assert grave(findings_of(augmentation)) == []


@pytest.mark.parametrize("augmentation", [
    flip_image, flip_twice, OwnNumbers(alone=True), unrepeatable_image, Albumentation(moves_masks=False), Mirror(),
])  # fmt: skip
def test_images_that_move_without_their_masks(augmentation):
    assert grave(findings_of(augmentation)) == ["aug-image-only"]


def test_rotation_of_the_image_alone():
    turn = rotated(25)
    alone = only(findings_of(lambda image, masks, rng: (turn(image, masks, rng)[0], masks)), "aug-image-only")
    assert "moved the image but not the masks" in alone.message
    assert "differently" in only(findings_of(flip_twice), "aug-image-only").message


@pytest.mark.parametrize("result", [None, 7, (1, 2, 3), "image"])
def test_anything_but_image_and_masks(result):
    assert grave(findings_of(lambda image, masks, rng: result)) == ["aug-fails"]


@pytest.mark.parametrize("augmentation", ["flip", 3, [flip]])
def test_what_is_no_augmentation(augmentation):
    assert grave(findings_of(augmentation)) == ["aug-fails"]


def test_lost_masks_are_a_change_of_shape():
    found = only(findings_of(lambda image, masks, rng: (image, masks[..., 1:])), "aug-shape-change")
    assert "the masks from [128, 128, 6] to [128, 128, 5]" in found.message


def test_failing_without_objects_counts_where_the_data_have_such_images():
    def needs_objects(image, masks, rng):
        return image, masks[..., np.argsort(masks.sum((0, 1)))[0:][[0]].repeat(masks.shape[2])]

    assert "aug-fails" not in grave(find(augmentation=needs_objects))
    found = only(find(toys(sample(boxes=[])), augmentation=needs_objects), "aug-fails")
    assert "on an image without objects" in found.message


def test_nan_is_an_error():
    found = only(findings_of(lambda image, masks, rng: (image * np.nan, masks)), "aug-dtype")
    assert found.severity == Severity.ERROR


def test_normalized_images_are_found():
    assert grave(findings_of(lambda image, masks, rng: ((image - 120.0) / 60, masks))) == ["aug-dtype"]


def test_the_sample_has_the_size_of_the_molded_image():
    assert sample_shape(config(IMAGE_MAX_DIM=192, IMAGE_CHANNEL_COUNT=4), []) == (192, 192, 4)
    assert sample_shape(config(IMAGE_RESIZE_MODE="crop", IMAGE_MIN_DIM=64), []) == (64, 64, 3)
    assert sample_shape(config(IMAGE_MAX_DIM=None), []) == (512, 512, 3)
    assert sample_shape(None, []) == (512, 512, 3)
    seen = []

    def look(image, masks, rng):
        seen.append((image.shape, image.dtype, masks.dtype))
        return image, masks

    none = config(IMAGE_RESIZE_MODE="none", IMAGES_PER_GPU=1)
    find(toys(sample(size=(128, 128))), augmentation=look, made=none)
    assert set(seen) == {((128, 128, 3), np.dtype("uint8"), np.dtype("bool"))}


def test_objects_do_not_hide_a_flip_or_a_turn():
    _, _, masks = draw_sample((128, 128, 3))
    union = masks.any(axis=2)
    for turned in (np.rot90(each, k) for each in (union, union[::-1]) for k in range(4)):
        if not np.array_equal(turned, union):
            assert (turned & union).sum() / union.sum() < 0.45
    assert masks.sum(axis=2).max() == 1


def test_random_numbers_are_left_as_they_were():
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.rand()
    random.seed(5)
    np.random.seed(5)
    run_trials(global_flip, (64, 64, 3), True)
    assert (random.random(), np.random.rand()) == expected


def test_trials_are_the_same_each_time():
    first, second = (run_trials(flip_image, (64, 64, 3), False) for _ in range(2))
    assert first.repeatable
    assert len(first.draws) == DRAWS
    assert first == second


def test_not_tried_for_inference():
    assert grave(find(augmentation=flip_image, mode="inference")) == []


@pytest.mark.parametrize("augmentation", [global_flip, OwnNumbers(), unrepeatable])
def test_random_numbers_from_elsewhere(augmentation):
    found = only(findings_of(augmentation), "aug-nondeterministic-seed")
    assert found.severity == Severity.INFO


@pytest.mark.parametrize("augmentation", [
    identity, flip, photometric, quarter_turn, Albumentation(), Fliplr(), flip_image,
    lambda image, masks, rng: (image * np.nan, masks), lambda image, masks, rng: 1 / 0,
])  # fmt: skip
def test_results_that_follow_from_the_rng_alone(augmentation):
    trials = run_trials(augmentation, (64, 64, 3), False)
    assert trials.reproducible


def drop_masks(image, masks, rng):
    return image, masks * (rng.random(masks.shape[2]) < 0.5)


def flip_and_drop(image, masks, rng):
    return drop_masks(*flip(image, masks, rng), rng)


@pytest.mark.parametrize("augmentation", [drop_masks, flip_and_drop, lambda image, masks, rng: (image, masks * False)])
def test_masks_that_vanish_are_lost_objects_not_moved_ones(augmentation):
    assert grave(findings_of(augmentation)) == ["aug-object-loss"]


def test_moved_masks_of_which_some_vanish_have_moved():
    gone = shift(110)
    assert grave(findings_of(lambda image, masks, rng: (image, gone(image, masks, rng)[1]))) == ["aug-mask-only"]


@pytest.mark.parametrize("scale", [0.8, 10, 178])
def test_scaled_masks_were_coloured(scale):
    found = only(findings_of(lambda image, masks, rng: (image, masks * scale)), "aug-mask-color")
    assert found.severity == Severity.ERROR


@pytest.mark.parametrize("scale", [1, 1.0, np.uint8(255), 1.0001])
def test_other_ways_to_write_a_mask(scale):
    assert grave(findings_of(lambda image, masks, rng: (image, masks * scale))) == []
