"""Calling augmentations of the three kinds."""

import numpy as np
import pytest

from mrcnn_roi.ops.augment import augmentation_name, call_augmentation

IMAGE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
MASKS = IMAGE[..., :2] > 20


def rng(seed=0):
    return np.random.default_rng(seed)


def test_callables_get_image_masks_and_generator():
    def function(image, masks, generator):
        assert isinstance(generator, np.random.Generator)
        return image[::-1], masks[::-1]

    image, masks = call_augmentation(function, IMAGE, MASKS, None)
    np.testing.assert_array_equal(image, IMAGE[::-1])
    np.testing.assert_array_equal(masks, MASKS[::-1])
    assert augmentation_name(function) == "function"


@pytest.mark.parametrize("result", [None, IMAGE, (IMAGE,), {"image": IMAGE, "masks": MASKS}])
def test_callables_must_return_both(result):
    with pytest.raises(ValueError, match=r"expected .* to return \(image, masks\), received"):
        call_augmentation(lambda *arguments: result, IMAGE, MASKS, rng())


def test_what_cannot_be_called():
    with pytest.raises(ValueError, match="expected an imgaug-style augmenter, .* received str"):
        call_augmentation("flip", IMAGE, MASKS, rng())


class Seeded:
    """As albumentations' Compose."""

    def set_random_seed(self, seed):
        self.seed = seed

    def __call__(self, image, masks=None):
        assert masks is None or (isinstance(masks, list) and all(mask.dtype == np.uint8 for mask in masks))
        return {"image": image + self.seed % 7, "masks": masks}


def test_albumentations_get_a_seed_and_a_list_of_masks():
    shared = Seeded()
    one, masks = call_augmentation(shared, IMAGE, MASKS, rng(1))
    same, _ = call_augmentation(shared, IMAGE, MASKS, rng(1))
    np.testing.assert_array_equal(one, same)
    np.testing.assert_array_equal(masks, MASKS)
    assert not hasattr(shared, "seed")  # a copy of this thread was used
    _, none = call_augmentation(shared, IMAGE, MASKS[..., :0], rng(1))
    assert none.shape == (4, 6, 0)


class Affine:
    """As an augmenter of imgaug, geometric; Add below is photometric."""

    def __init__(self):
        self.seeds = []

    def to_deterministic(self):
        return self

    def seed_(self, seed, deterministic_too=False):
        assert deterministic_too
        self.seeds.append(seed)

    def augment_image(self, image, hooks=None):
        active = hooks is None or hooks.is_activated([image], self, [], True)
        return image[:, ::-1] if active else image


class Add(Affine):
    def augment_image(self, image, hooks=None):
        active = hooks is None or hooks.is_activated([image], self, [], True)
        return image + 1 if active else image


def test_imgaug_moves_masks_with_the_image():
    augmenter = Affine()
    image, masks = call_augmentation(augmenter, IMAGE, MASKS, rng())
    np.testing.assert_array_equal(image, IMAGE[:, ::-1])
    np.testing.assert_array_equal(masks, MASKS[:, ::-1])
    call_augmentation(augmenter, IMAGE, MASKS, None)
    assert len(augmenter.seeds) == 1


def test_imgaug_colours_the_image_alone():
    image, masks = call_augmentation(Add(), IMAGE, MASKS, rng())
    np.testing.assert_array_equal(image, IMAGE + 1)
    np.testing.assert_array_equal(masks, MASKS)
